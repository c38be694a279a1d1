"""All that leaves ml: the closed set of events an experiment yields.

Whoever iterates over `experiment.run()` decides what becomes of them: the command line prints,
the worker writes, a test collects. Every event is a plain value that survives a pipe.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Cell = str | float | None

Role = Literal["", "train", "valid", "truth", "book"]
"""What a line is of, which is how it is drawn; "" is told apart from its neighbours by colour."""
Mode = Literal["lines", "markers", "bars"]
Scale = Literal["linear", "log"]
Verdict = Literal[
    "underfitting",
    "overfitting",
    "about right",
    "diverged",
    "helps",
    "hurts",
    "no clear difference",
    "not judged",
]
Claim = Literal["figure", "words", "ours"]
"""Whose claim a check tests: a figure that the book prints, what it says in words, or ours."""


@dataclass(frozen=True, slots=True)
class Started:
    """A group of L lanes will be trained; an experiment first says all groups that it knows of.

    Each lane is one run. `metrics` names the M numbers of an epoch; "train" and "valid" share the
    axis of `measure`, such as "log_rmse". Lanes of one setting are repetitions of each other, folds
    or seeds, over which a mean may be taken; lanes of different settings are never averaged.
    """

    kind: ClassVar[Literal["started"]] = "started"
    key: str  # of the group within the job: "folds", "refit", ...
    labels: tuple[str, ...]  # (L,)
    num_epochs: int
    measure: str
    device: str
    num_parameters: int = 0  # of one lane
    metrics: tuple[str, ...] = ("train", "valid")
    settings: tuple[str, ...] = ()  # (L,) the setting that each lane repeats; empty: all the same
    asked: str | None = ""  # the setting that the headline speaks of; None: the best of them
    judged_on: Literal["valid", "test"] = "valid"  # what the rows are that "valid" is measured on
    best_by: str = "valid"  # the best setting has the least of it; of "valid accuracy" the most


@dataclass(frozen=True, slots=True)
class Epoch:
    """What E consecutive epochs of the group `key` gave: values (E, M, L), NaN where unknown."""

    kind: ClassVar[Literal["epoch"]] = "epoch"
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
class Dropped:
    """Lanes of a group end here, behind others: what its later epochs have of them is no number."""

    kind: ClassVar[Literal["dropped"]] = "dropped"
    key: str
    epoch: int  # their last
    lanes: tuple[int, ...]  # places in the group


@dataclass(frozen=True, slots=True)
class Series:
    """One line, set of points or bars of a figure: x (n,) and y (n,).

    A setting keeps its colour in every figure of a job; without one the label stands for it.
    """

    label: str
    x: Floats
    y: Floats
    role: Role = ""
    mode: Mode = "lines"
    setting: str = ""
    low: Floats | None = None  # (n,) lower end of a band around y, such as a 95 % interval
    high: Floats | None = None


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

    kind: ClassVar[Literal["figure"]] = "figure"
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

    @classmethod
    def lines(
        cls,
        name: str,
        title: str,
        finding: str,
        x: ArrayLike,
        y: Mapping[str, ArrayLike],
        *more: Series,
        mode: Mode = "lines",
        **axes: Any,
    ) -> "Figure":
        """A figure of lines over one x (n,), y (n,) by label; `more` has an x of its own.

        A label that is the word for a role, such as "train" or "truth", is drawn as that.
        """
        roles: dict[str, Role] = {role: role for role in get_args(Role)}
        places = np.asarray(x, dtype=np.float64)
        drawn = [
            Series(label, places, np.asarray(values, np.float64), roles.get(label, ""), mode)
            for label, values in y.items()
        ]
        return cls(name, title, finding, (*drawn, *more), **axes)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text and numbers under named columns.

    `about` is what each row is of, by field, where a model could be asked about it; else empty.
    """

    kind: ClassVar[Literal["table"]] = "table"
    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    about: tuple[Mapping[str, Cell], ...] = ()

    @classmethod
    def of(
        cls,
        name: str,
        title: str,
        columns: Mapping[str, Sequence[Cell] | Floats],
        note: str = "",
        about: tuple[Mapping[str, Cell], ...] = (),
    ) -> "Table":
        """A table by its columns, all of one length; what is not finite is an empty cell."""
        cells = [[_cell(value) for value in column] for column in columns.values()]
        return cls(name, title, tuple(columns), tuple(zip(*cells, strict=True)), note, about)


def _cell(value: Cell | np.generic) -> Cell:
    if value is None or isinstance(value, str):
        return value
    return float(value) if np.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Check:
    """A claim, computed from this very run; it can fail.

    `expected` is the figure, or the inequality in words when `tolerance` is None.
    """

    kind: ClassVar[Literal["check"]] = "check"
    section: str
    name: str
    expected: float | str
    got: float | str
    tolerance: float | None
    passed: bool
    claim: Claim = "ours"


@dataclass(frozen=True, slots=True)
class Finding:
    """What the run means, in a sentence, and the rule it was judged by."""

    kind: ClassVar[Literal["finding"]] = "finding"
    verdict: Verdict
    text: str
    rule: str
    setting: str = ""  # the setting that it speaks of; "" where there is one only


@dataclass(frozen=True, slots=True)
class Note:
    """A line for the job's log."""

    kind: ClassVar[Literal["note"]] = "note"
    text: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it has come where nothing is trained: so many of what it counts, `total` in all, or 0
    where that is not known yet."""

    kind: ClassVar[Literal["progress"]] = "progress"
    done: int
    total: int
    what: str  # "rows"


@dataclass(frozen=True, slots=True)
class Answered:
    """Answers of a version to rows, to be kept: a key for each, under which it is kept once."""

    version: int
    keys: list[str]
    rows: list[dict[str, Any]] = field(repr=False)  # what each of them says, as it was read
    prices: list[float] = field(repr=False)
    lows: list[float] = field(repr=False)
    highs: list[float] = field(repr=False)
    paid: list[float | None] = field(repr=False)  # what the table says it was, where it does


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All that is needed to go on as if nothing had happened: safetensors bytes, never a pickle."""

    state: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Trained:
    """A model worth keeping, as the bytes of its file: who only stores it need not know torch."""

    payload: bytes = field(repr=False)


Stored = Started | Epoch | Dropped | Figure | Table | Check | Finding | Note | Progress
"""What a job says: kept in its stream, and shown."""

Kind = Literal[
    "started", "epoch", "dropped", "figure", "table", "check", "finding", "note", "progress"
]
"""What these are called in JSON."""

Event = Stored | Answered | Checkpoint | Trained
