"""`ridgeline verify`: the claims of the book, computed anew in this process; no store is needed."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from rich.console import Console

from app.engine.trainer import settle
from app.errors import Complaint
from app.settings import settings
from ml.data import hub
from ml.events import Check
from ml.experiment import Diverged, Experiment
from ml.experiments import EXPERIMENTS

Verdict = dict[str, Any]


def chosen(wanted: str | None) -> list[str]:
    """Experiments by name or by section ("4.4"; "4" is all of chapter 4), or all of them."""
    if wanted is None:
        return list(EXPERIMENTS)
    found = [
        name
        for name, cls in EXPERIMENTS.items()
        if name == wanted.replace("-", "_") or f"{cls.section}.".startswith(f"{wanted}.")
    ]
    if not found:
        there = ", ".join(f"{name} ({cls.section})" for name, cls in EXPERIMENTS.items())
        raise Complaint(f"Nothing to verify is called {wanted!r}. There are: {there}.", 2)
    return found


def verify(names: Sequence[str], seeds: int, console: Console) -> list[Verdict]:
    """Run every variant that an experiment declares with each seed; what its checks gave."""
    settle(settings().threads)
    hub.store_in(settings().cache_dir)
    said: list[tuple[str, Experiment, Check]] = []
    every = (EXPERIMENTS[name].verifications(seed) for name in names for seed in range(seeds))
    for experiment in chain.from_iterable(every):
        label = f"{experiment.name}, {experiment.label}, seed {experiment.seed}"
        with console.status(label):
            said += [(label, experiment, check) for check in _checks(experiment)]
    return _told_apart(said)


def _checks(experiment: Experiment) -> Iterator[Check]:
    """The checks of one run; one that cannot finish fails a check of that name."""
    try:
        yield from (event for event in experiment.run() if isinstance(event, Check))
    except Diverged as error:
        yield Check(experiment.section, "training", "finite losses", str(error), None, passed=False)


def _told_apart(said: Sequence[tuple[str, Experiment, Check]]) -> list[Verdict]:
    """One verdict for what was said alike many times; where runs differ, the run is named."""
    results: dict[tuple[str, str], set[Check]] = {}
    for _, experiment, check in said:
        results.setdefault((experiment.name, check.name), set()).add(check)
    found: dict[tuple[str, str], Verdict] = {}
    for label, experiment, check in said:
        alike = len(results[experiment.name, check.name]) == 1
        name = check.name if alike else f"{check.name} ({label.partition(', ')[2]})"
        found[experiment.name, name] = {
            "section": check.section,
            "experiment": experiment.name,
            "check": name,
            "claim": check.claim,
            "expected": check.expected,
            "got": check.got,
            "tolerance": check.tolerance,
            "passed": bool(check.passed),
        }
    return list(found.values())
