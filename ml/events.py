"""All that leaves ml: the closed set of events an experiment yields.

Whoever iterates over `experiment.run()` decides what becomes of them: the command line prints,
the worker writes, a test collects. Every event is a plain value that survives a pipe.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ml.predictor import Predictor

Role = Literal["train", "valid", "book", "ink", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"]
Scale = Literal["linear", "log"]
Verdict = Literal["underfitting", "overfitting", "about right", "not judged"]


@dataclass(frozen=True, slots=True)
class Started:
    """A group of L lanes will be trained; an experiment first says all groups that it knows of.

    Each lane is one run. `metrics` names the M numbers of an epoch; "train" and "valid" share the
    axis of `measure`, such as "log_rmse".
    """

    key: str  # of the group within the job: "folds", "refit", ...
    labels: tuple[str, ...]  # (L,)
    num_epochs: int
    measure: str
    device: str
    num_parameters: int = 0  # of one lane
    metrics: tuple[str, ...] = ("train", "valid")


@dataclass(frozen=True, slots=True)
class Epoch:
    """What E consecutive epochs of the group `key` gave: values (E, M, L), NaN where unknown."""

    key: str
    first: int  # number of the first of these epochs, from 1
    values: NDArray[np.float32]

    @property
    def last(self) -> int:
        """Number of the last epoch in it."""
        return self.first + len(self.values) - 1

    def after(self, epoch: int) -> "Epoch":
        """The part after that epoch; it may be empty."""
        skip = max(0, epoch - self.first + 1)
        return Epoch(self.key, self.first + skip, self.values[skip:])


@dataclass(frozen=True, slots=True)
class Series:
    """One line, set of points or bars of a figure: x (n,) and y (n,)."""

    label: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    role: Role = "ink"
    mode: Literal["lines", "markers", "bars"] = "lines"


@dataclass(frozen=True, slots=True)
class HeatMap:
    """A matrix drawn as colours: z (rows, columns), with a label for each row and column."""

    x: tuple[str, ...]
    y: tuple[str, ...]
    z: NDArray[np.float64]
    diverging: bool = False  # zero is the middle of the colours


@dataclass(frozen=True, slots=True)
class Images:
    """Grey images in a grid: pixels (n, height, width) of 0 to 255, a caption each."""

    pixels: NDArray[np.uint8]
    captions: tuple[str, ...]
    columns: int = 8


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes with their places (x to the right, y up), and edges from node to node by index."""

    nodes: tuple[tuple[str, float, float], ...]
    edges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart as plain data, with the one sentence that says what is to be seen in it.

    It holds series on common axes, or one heat map, one grid of images, one graph.
    """

    name: str  # stable: it is part of a URL
    title: str
    finding: str
    series: tuple[Series, ...] = ()
    heat_map: HeatMap | None = None
    images: Images | None = None
    graph: Graph | None = None
    x_label: str = "x"
    y_label: str = ""
    x_scale: Scale = "linear"
    y_scale: Scale = "linear"
    x_names: tuple[str, ...] = ()  # where x counts categories: what stands at 0, 1, 2 …


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text and numbers under named columns."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | float | None, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A claim of the book, computed from this very run; it can fail.

    `expected` is the book's figure, or the inequality in words when `tolerance` is None.
    """

    section: str
    name: str
    expected: float | str
    got: float | str
    tolerance: float | None
    passed: bool

    @classmethod
    def near(
        cls, section: str, name: str, expected: float, got: float, tolerance: float
    ) -> "Check":
        """Pass where |got - expected| <= tolerance; a NaN never passes."""
        return cls(section, name, expected, got, tolerance, abs(got - expected) <= tolerance)

    @classmethod
    def at_least(cls, section: str, name: str, bound: float, got: float) -> "Check":
        """Pass where got >= bound; a NaN never passes."""
        return cls(section, name, f"at least {bound:g}", got, None, got >= bound)

    @classmethod
    def above(cls, section: str, name: str, bound: float, got: float) -> "Check":
        """Pass where got > bound; a NaN never passes."""
        return cls(section, name, f"above {bound:g}", got, None, got > bound)

    @classmethod
    def at_most(cls, section: str, name: str, bound: float, got: float) -> "Check":
        """Pass where got <= bound; a NaN never passes."""
        return cls(section, name, f"at most {bound:g}", got, None, got <= bound)


@dataclass(frozen=True, slots=True)
class Finding:
    """What the run means, in a sentence, and the rule it was judged by."""

    verdict: Verdict
    text: str
    rule: str


@dataclass(frozen=True, slots=True)
class Note:
    """A line for the job's log."""

    text: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All that is needed to go on as if nothing had happened: safetensors bytes, never a pickle."""

    state: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Trained:
    """A model worth keeping."""

    predictor: "Predictor"


Event = Started | Epoch | Figure | Table | Check | Finding | Note | Checkpoint | Trained
