"""What a table is about: the words and units in which its rows and their target are told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field


@dataclass(frozen=True, slots=True)
class Trait:
    """What rows may have in common, by one column: "those built before 1940"."""

    name: str
    column: str
    has: Callable[[Any], bool]  # of a value that is there


@dataclass(frozen=True, slots=True)
class Beside:
    """The error of somebody else's model on contiguous folds, of so many rows."""

    name: str
    error: float
    folds: int
    rows: int
    note: str


class Words(BaseModel):
    """How rows of one kind, what is predicted of each, and errors of that are told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: str = Field("rows", description="What the rows are, in the plural.")
    row: str = "row"
    value: str = Field("value", description="What is predicted of each.")
    values: str = "values"
    actual: str = Field("actual", description="What a value is called once it is known.")
    were: str = "are"
    ends: tuple[str, str] = Field(("lowest", "highest"), description="Of values.")
    unit: str = ""
    log: bool = Field(True, description="Whether errors are those of a logarithm.")

    @property
    def measure(self) -> str:
        """What errors are called."""
        return "log RMSE" if self.log else "RMSE"

    @property
    def Measure(self) -> str:
        """The same at the beginning of a sentence."""
        return self.measure[0].upper() + self.measure[1:]

    @property
    def in_unit(self) -> str:
        """ ", $", for a title."""
        return f", {self.unit}" if self.unit else ""

    def error(self, value: float, digits: int = 4) -> str:
        """An error as it is written."""
        return f"{value:.{digits}f}" if self.log else f"{value:.{digits}g}"

    def written(self, value: float) -> str:
        """What is predicted, as it is written."""
        sign, size = "−" if value < 0 else "", abs(value)
        return f"{sign}{self.unit}{size:,.0f}" if size >= 1000 else f"{sign}{self.unit}{size:.4g}"

    def priced(self, measured: NDArray[np.float64]) -> NDArray[np.float64]:
        """What is predicted, from how errors are measured."""
        return np.exp(measured) if self.log else measured

    def apart(self, difference: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far apart two values are: in per cent of the lower one, or as they are."""
        return 100 * np.expm1(difference) if self.log else difference

    def around(self, half: float) -> str:
        """Half of an interval, a share where errors are those of a logarithm: ±31 %, or ±€120."""
        return f"±{100 * half:.0f} %" if self.log else f"±{self.written(half)}"

    def typical(self, off: NDArray[np.float64]) -> str:
        """Half of the values are off by less, with errors actual - predicted (n,)."""
        if self.log:
            return f"{np.median(np.abs(np.expm1(-off))):.1%}"
        return f"{self.unit}{np.median(np.abs(off)):.4g}"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a table is about: its words, and the columns by which it is told who errs where."""

    words: Words
    told: Mapping[str, str] = field(default_factory=dict)  # columns of single rows, by their title
    groups: Mapping[str, float] = field(default_factory=dict)  # columns, and how wide a band is
    parts: str = ""  # the column whose levels intervals are told by
    traits: tuple[Trait, ...] = ()
    deciding: str = ""  # rows that can decide a ranking alone, and why
    about_deciding: str = ""
    beside: Beside | None = None


def band_of(value: object, width: float) -> str:
    """A level, or the band of a number: "1990 to 1999"."""
    if not width or not isinstance(value, int | float):
        return "none" if value is None else str(value)
    low = value // width * width
    return f"{low:g} to {low + width - 1:g}"
