"""Steps of an encoder as data: each reads some columns and writes one or more.

A step that has something to learn is learnt from training rows alone: `learn` gives the step that
knows it, and `write` says what that makes of any row.
"""

from abc import ABC, abstractmethod
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ml.features.columns import Columns, Numbers, keys_of, looked_up, medians
from ml.features.program import (
    Writing,
    filled,
    log,
    missing,
    over,
    product,
    ratio,
    weighted_sum,
    within,
)


class Step(BaseModel, ABC):
    """One that has nothing to learn."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def fit(self, columns: Columns, target: Numbers) -> Self:  # noqa: ARG002  some ask for it
        """Learn from n training rows and their targets, and write what these rows are to see."""
        learnt = self.learn(columns)
        learnt.apply(columns)
        return learnt

    def learn(self, _: Columns) -> Self:
        """The step as it is after it has seen training rows."""
        return self

    @abstractmethod
    def write(self, made: Writing) -> None:
        """Say what it makes of which columns."""

    def apply(self, columns: Columns) -> None:
        """Add its columns to those of some rows, or change them."""
        made = Writing()
        self.write(made)
        found = {name: made.on(columns, value) for name, value in made.columns.items()}
        columns |= found


# ---- what is missing


class Ordinal(Step):
    """Levels that have an order, as 1, 2, ... from the lowest.

    What is missing or unknown is 0 where absence is lowest of all, and NaN otherwise.
    """

    kind: Literal["ordinal"] = "ordinal"
    columns: tuple[str, ...]
    order: tuple[str, ...]
    absent: bool = Field(False, description="Whether a missing level means that there is none.")

    def write(self, made: Writing) -> None:
        """Replace each column by its numbers."""
        place = {level: 1.0 + i for i, level in enumerate(self.order)}
        otherwise = 0.0 if self.absent else np.nan
        for name in self.columns:
            made[name] = made.lookup([name], place, otherwise)


class Zero(Step):
    """Numbers that are 0 where they are missing: there is none of it."""

    kind: Literal["zero"] = "zero"
    columns: tuple[str, ...]

    def write(self, made: Writing) -> None:
        """Fill each."""
        for name in self.columns:
            made[name] = made.do(filled, (made[name], made.constant(0)))


class Otherwise(Step):
    """Another column's number where this one's is missing or beyond what can be."""

    kind: Literal["otherwise"] = "otherwise"
    column: str
    other: str
    most: float

    def write(self, made: Writing) -> None:
        """Replace what is missing."""
        made[self.column] = made.do(within, (made[self.column], made[self.other]), (self.most,))


class Median(Step):
    """Missing numbers as the median, of the row's own group where it has one.

    A `flag` is a column of its own, 1 where the number was missing.
    """

    kind: Literal["median"] = "median"
    columns: tuple[str, ...]
    by: tuple[str, ...] = ()
    flag: str = ""
    middle: tuple[float, ...] = ()
    groups: tuple[dict[str, float], ...] = ()

    def learn(self, columns: Columns) -> Self:
        """Medians of what is known; 0 where nothing is."""
        values = [columns[name] for name in self.columns]
        known = [each[~np.isnan(each)] for each in values]
        keys = keys_of(columns, self.by) if self.by else ()
        return self.model_copy(
            update={
                "middle": tuple(float(np.median(each)) if len(each) else 0.0 for each in known),
                "groups": tuple(medians(each, keys) for each in values) if self.by else (),
            }
        )

    def write(self, made: Writing) -> None:
        """Fill each."""
        if self.flag:
            made[self.flag] = made.do(missing, (made[self.columns[0]],))
        for i, (name, middle) in enumerate(zip(self.columns, self.middle, strict=True)):
            filling = (
                made.lookup(self.by, self.groups[i], middle) if self.by else made.constant(middle)
            )
            made[name] = made.do(filled, (made[name], filling))


# ---- what is made of other columns


class Sum(Step):
    """Σ weight · column, and no less than `least`."""

    kind: Literal["sum"] = "sum"
    name: str
    terms: dict[str, float]
    least: float | None = None

    def write(self, made: Writing) -> None:
        """Add it."""
        least = -np.inf if self.least is None else self.least
        terms = [made[name] for name in self.terms]
        made[self.name] = made.do(weighted_sum, terms, (*self.terms.values(), least))


class Product(Step):
    """One column times another."""

    kind: Literal["product"] = "product"
    name: str
    factors: tuple[str, str]

    def write(self, made: Writing) -> None:
        """Add it."""
        made[self.name] = made.do(product, (made[name] for name in self.factors))


class Ratio(Step):
    """One column over another, which counts as 1 at least."""

    kind: Literal["ratio"] = "ratio"
    name: str
    above: str
    below: str

    def write(self, made: Writing) -> None:
        """Add it."""
        made[self.name] = made.do(ratio, (made[self.above], made[self.below]))


class Log(Step):
    """log(1 + x) of a column, of which nothing below 0 counts."""

    kind: Literal["log"] = "log"
    name: str
    column: str

    def write(self, made: Writing) -> None:
        """Add it."""
        made[self.name] = made.do(log, (made[self.column],))


class Above(Step):
    """1 where a column is above a bound, 0 elsewhere."""

    kind: Literal["above"] = "above"
    name: str
    column: str
    bound: float = 0.0

    def write(self, made: Writing) -> None:
        """Add it."""
        made[self.name] = made.do(over, (made[self.column],), (self.bound,))


class Is(Step):
    """1 where a column is at a level, 0 elsewhere."""

    kind: Literal["is"] = "is"
    name: str
    column: str
    level: str

    def write(self, made: Writing) -> None:
        """Add it."""
        made[self.name] = made.lookup([self.column], {self.level: 1.0}, 0.0)


# ---- what is known of a row's group


class TargetMean(Step):
    """What rows of the same levels sold for, less what all did (Micci-Barreca, 2001).

    (Σ y + a ȳ) / (n + a) - ȳ, with a rows of the overall mean ȳ added to each group; y is the
    target, less a column's logarithm if one is named. A training row must not see its own target:
    it is told what the other folds of the training rows say.
    """

    kind: Literal["target mean"] = "target mean"
    name: str
    columns: tuple[str, ...]
    per: str = Field("", description="A column whose logarithm is taken off the target.")
    added: float = Field(8.0, ge=0)
    folds: int = Field(10, ge=2)
    groups: dict[str, float] = {}

    def write(self, made: Writing) -> None:
        """Add it; 0 of a group that has no training row."""
        made[self.name] = made.lookup(self.columns, self.groups, 0.0)

    def fit(self, columns: Columns, target: Numbers) -> Self:
        """Learn from all rows, and tell each what the others say."""
        keys, y = np.array(keys_of(columns, self.columns)), self._target(columns, target)
        told = np.zeros(len(y))
        order = np.random.default_rng(0).permutation(len(y))
        for fold in range(self.folds):
            held = order[fold :: self.folds]
            others = np.setdiff1d(order, held)
            groups = self._groups(keys[others].tolist(), y[others]) if len(others) else {}
            told[held] = looked_up(keys[held].tolist(), groups, 0.0)
        columns[self.name] = told
        return self.model_copy(update={"groups": self._groups(keys.tolist(), y)})

    def _target(self, columns: Columns, target: Numbers) -> Numbers:
        return target - np.log(np.maximum(columns[self.per], 1)) if self.per else target

    def _groups(self, keys: list[str], y: Numbers) -> dict[str, float]:
        mean = float(y.mean())
        sums: dict[str, list[float]] = {}
        for key, value in zip(keys, y.tolist(), strict=True):
            sums.setdefault(key, []).append(value - mean)
        return {key: sum(each) / (len(each) + self.added) for key, each in sorted(sums.items())}


class Relative(Step):
    """A column less the median of its row's group, or of all rows where the group has none."""

    kind: Literal["relative"] = "relative"
    name: str
    column: str
    by: tuple[str, ...]
    middle: float = 0.0
    groups: dict[str, float] = {}

    def learn(self, columns: Columns) -> Self:
        """Medians of these rows."""
        values = columns[self.column]
        groups = medians(values, keys_of(columns, self.by))
        return self.model_copy(update={"middle": float(np.median(values)), "groups": groups})

    def write(self, made: Writing) -> None:
        """Add it."""
        middle = made.lookup(self.by, self.groups, self.middle)
        made[self.name] = made.do(weighted_sum, (made[self.column], middle), (1, -1, -np.inf))


AnyStep = Annotated[
    Ordinal
    | Zero
    | Otherwise
    | Median
    | Sum
    | Product
    | Ratio
    | Log
    | Above
    | Is
    | TargetMean
    | Relative,
    Field(discriminator="kind"),
]
