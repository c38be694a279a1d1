"""README's table of experiments, made from the registry, with the seconds that each takes."""

import time
from collections.abc import Callable, Iterator

import torch

from ml.experiment import Experiment
from ml.experiments import EXPERIMENTS

HEAD = ["| section | experiments, seconds, what they show |", "|---|---|"]


def table(seconds: Callable[[type[Experiment]], str]) -> Iterator[str]:
    """A row a section, in the order of the chapter."""
    yield from HEAD
    known = sorted(EXPERIMENTS.values(), key=lambda cls: [*map(int, cls.section.split("."))])
    for section in dict.fromkeys(cls.section for cls in known):
        lines = [
            f"`{cls.model_fields['name'].default}`{seconds(cls)} {_cell(cls.summary())}"
            for cls in known
            if cls.section == section
        ]
        yield f"| {section} | {'<br>'.join(lines)} |"


def _cell(text: str) -> str:
    """A text within a row: a bare bar would begin another cell."""
    return text.replace("|", r"\|")


def measured(cls: type[Experiment]) -> str:
    """Wall seconds of all that `verify` runs of it, or of its defaults, on one thread."""
    torch.set_num_threads(1)
    start = time.perf_counter()
    for values in cls.verifies or ({},):
        for _ in cls(**values).run():
            pass
    return f" ({time.perf_counter() - start:.1f} s)"


def measure() -> Iterator[str]:
    """The table."""
    yield from table(measured)
