"""What an instant experiment says at once: no job, no stored chunk."""

from typing import Any

from app.results import figures
from app.store import chunks
from ml.experiment import Experiment


def answer(experiment: Experiment | None) -> dict[str, Any] | None:
    """Run an instant experiment here and now; it takes milliseconds, and its inputs are bounded.

    Nothing for an experiment that trains, or that is not yet whole.
    """
    if experiment is None or not experiment.instant:
        return None
    items = list(chunks.unpack([chunks.pack(experiment.run())]))
    drawn = [item | {"plot": figures.figure(item)} for item in chunks.latest(items, "figure")]
    return {
        "findings": chunks.latest(items, "finding"),
        "figures": drawn,
        "tables": chunks.latest(items, "table"),
        "checks": chunks.latest(items, "check"),
    }
