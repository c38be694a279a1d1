"""What a sweep varies: a field's values, one by one or as a range, also as people write them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Annotated, Any, Self

import numpy as np
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)
from pydantic_core import PydanticCustomError

from ml.experiment import whole

POINTS = 5  # of a range on a grid, where none are named
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\s*\.\.\s*({_NUMBER})(\s+log)?(?:\s+(\d+))?", re.IGNORECASE)
_LIST = re.compile(r"\s*\[[^\]]*\]|[^,]+")  # a bracket holds its commas


class Range(BaseModel):
    """From low to high, by steps or by factors: as many points of it as a grid takes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    low: float
    high: float
    log: bool = Field(False, description="Points, or draws, by factors rather than by steps.")
    points: int = Field(POINTS, ge=2, le=100, description="Of a grid; others are drawn within.")

    _whole = model_validator(mode="before")(whole)

    @model_validator(mode="after")
    def ascends(self) -> Self:
        """Refuse what holds nothing."""
        if self.low >= self.high or (self.log and self.low <= 0):
            wanted = "above 0, and rises" if self.log else "that rises"
            raise PydanticCustomError(
                "no_range",
                "{low} .. {high} is no range {wanted}. Write 0.001..0.1 log, or 16..256.",
                {"low": f"{self.low:g}", "high": f"{self.high:g}", "wanted": wanted},
            )
        return self

    def at(self, shares: Sequence[float]) -> list[float]:
        """The numbers at these shares of the way from low to high, of three digits each."""
        low, high = (np.log([self.low, self.high])) if self.log else (self.low, self.high)
        along = low + (high - low) * np.asarray(shares, dtype=float)
        exact = np.exp(along) if self.log else along
        rounded = [float(f"{value:.3g}") for value in exact]
        within: list[float] = np.clip(rounded, self.low, self.high).tolist()
        return within

    def __str__(self) -> str:
        """As people write it."""
        log, points = " log" * self.log, f" {self.points}" * (self.points != POINTS)
        return f"{self.low:g}..{self.high:g}{log}{points}"


def axis(text: object) -> object:
    """What a text says of a field: "0.001..0.1 log 7" is a range, "64, 128-64" a list.

    Anything else is as it was: JSON has lists and ranges of its own.
    """
    if not isinstance(text, str):
        return text
    if found := _RANGE.fullmatch(text.strip()):
        low, high, log, points = found.groups()
        told = {"points": int(points)} if points else {}
        return {"low": float(low), "high": float(high), "log": bool(log)} | told
    return [part.strip() for part in _LIST.findall(text) if part.strip()]


def _kind(one: object) -> str:
    """What an axis is taken for: so that one sentence says what is wrong with it, not two."""
    return "range" if isinstance(one, dict | Range) else "values"


Axis = Annotated[
    Annotated[Range, Tag("range")]
    | Annotated[list[Any], Field(min_length=1, max_length=1000), Tag("values")],
    Discriminator(_kind),
    BeforeValidator(axis),
]
"""Values of a field."""


def values_of(one: Range | list[Any], *, integer: bool) -> list[Any]:
    """The points that a grid takes of an axis, each once."""
    if not isinstance(one, Range):
        return one
    points = one.at(np.linspace(0, 1, one.points).tolist())
    return _each_once([round(point) for point in points] if integer else points)


def grid(over: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Every combination, the last field fastest."""
    for cell in product(*over.values()):
        yield dict(zip(over, cell, strict=True))


def draws(
    over: Mapping[str, Range | list[Any]], integers: set[str], seed: int, tries: int
) -> Iterator[dict[str, Any]]:
    """So many combinations by chance, a range by its length; the i-th is the same however many
    there are, so that a longer sweep begins with a shorter one."""
    for i in range(tries):
        shares = np.random.default_rng([seed, i]).random(len(over))
        yield {
            name: _drawn(one, share, integer=name in integers)
            for (name, one), share in zip(over.items(), shares.tolist(), strict=True)
        }


def _drawn(one: Range | list[Any], share: float, *, integer: bool) -> Any:
    if not isinstance(one, Range):
        return one[int(share * len(one))]
    (value,) = one.at([share])
    return round(value) if integer else value


def _each_once(values: Sequence[Any]) -> list[Any]:
    return [value for i, value in enumerate(values) if value not in values[:i]]
