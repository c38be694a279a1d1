"""What an instant experiment says at once: no job, no stored chunk."""

from typing import Any

from app.results import figures
from app.results.reading import Reading
from ml.experiment import Experiment


def answer(experiment: Experiment | None) -> dict[str, Any] | None:
    """Run an instant experiment here and now; it takes milliseconds, and its inputs are bounded.

    Nothing for an experiment that trains, or that is not yet whole.
    """
    if experiment is None or not experiment.instant:
        return None
    reading = Reading.of(experiment.run())
    results, palette = reading.results(), figures.palette(reading)
    drawn = [item | {"plot": figures.figure(item, palette)} for item in results["figures"]]
    return results | {"figures": drawn}
