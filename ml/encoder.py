"""Rows to numbers and outputs to prices, as data: what a predictor needs around its net."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ml.frozen import Frozen

Row = Mapping[str, object]
Matrix = NDArray[np.float64]
Indices = NDArray[np.integer]


class Number(BaseModel):
    """A numeric column and its scale."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    mean: float = Field(0.0, allow_inf_nan=False)
    std: float = Field(1.0, gt=0, allow_inf_nan=False)


class Levels(BaseModel):
    """A categorical column: an indicator for each level, in this order, and one for missing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    levels: tuple[str, ...]


class Encoder(Frozen):
    """How rows become numbers, as data: m numeric columns, then the indicators, d in all (4.10.4).

    One path for training and for serving: `encode(rows)` is `scale(raw(rows))`.
    """

    numbers: tuple[Number, ...]
    categories: tuple[Levels, ...]
    unknown: tuple[int, ...] = Field((), description="Columns never 1 in the rows learnt from.")

    @classmethod
    def book(cls, train_rows: Sequence[Row], test_rows: Sequence[Row]) -> "Encoder":
        """As the book does it: levels, means and deviations from train and test together."""
        return cls.honest([*train_rows, *test_rows])

    @classmethod
    def honest(cls, train_rows: Sequence[Row]) -> "Encoder":
        """Levels, means and deviations from these training rows only.

        A column of which all values are numbers is numeric; columns keep their order, levels are
        sorted. Raises ValueError without rows.
        """
        if not train_rows:
            raise ValueError("An encoder learns from at least one row; it was given none.")
        numbers, categories = [], []
        for name in dict.fromkeys(name for row in train_rows for name in row):
            values = {row.get(name) for row in train_rows} - {None}
            if levels := sorted(value for value in values if isinstance(value, str)):
                categories.append(Levels(name=name, levels=tuple(levels)))
            else:
                numbers.append(Number(name=name))
        layout = cls(numbers=tuple(numbers), categories=tuple(categories))
        return layout.refit(layout.raw(train_rows), np.arange(len(train_rows)))

    def refit(self, raw: Matrix, rows: Indices) -> "Encoder":
        """The same columns, learnt anew from some rows of raw (n, d), such as those of a fold.

        Deviations are pandas' (ddof 1). A column that is empty or constant there is divided by 1;
        an indicator that is never 1 there is unknown, and 0 from then on.
        """
        seen = raw[rows]
        x = seen[:, : len(self.numbers)]
        count = np.isfinite(x).sum(axis=0)
        mean = np.nansum(x, axis=0) / np.maximum(count, 1)
        variance = np.nansum((x - mean) ** 2, axis=0) / np.maximum(count - 1, 1)
        highest = np.fmax.reduce(x, axis=0, initial=-np.inf)
        lowest = np.fmin.reduce(x, axis=0, initial=np.inf)
        std = np.sqrt(np.where(highest > lowest, variance, 1.0))  # rounding gives no exact 0

        numbers = zip(self.numbers, mean.tolist(), std.tolist(), strict=True)
        indicators = seen[:, len(self.numbers) :].any(axis=0)
        return Encoder(
            numbers=tuple(Number(name=old.name, mean=m, std=s) for old, m, s in numbers),
            categories=self.categories,
            unknown=tuple((np.flatnonzero(~indicators) + len(self.numbers)).tolist()),
        )

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of the d columns: "LotArea", ..., "MSZoning_RL", ..., "MSZoning_nan"."""
        return tuple(number.name for number in self.numbers) + tuple(
            f"{group.name}_{level}" for group in self.categories for level in (*group.levels, "nan")
        )

    def raw(self, rows: Sequence[Row]) -> Matrix:
        """Rows as numbers, not yet scaled: (n, d).

        A missing number is NaN, a missing level has its own indicator, and a level never seen has
        none. Rows are such as InputSchema.check lets through.
        """
        out = np.zeros((len(rows), len(self.columns)))
        shape, names = (len(rows), len(self.numbers)), [number.name for number in self.numbers]
        numbers: list[Any] = [[row.get(name) for name in names] for row in rows]
        out[:, : len(names)] = np.array(numbers, np.float64).reshape(shape)  # None is NaN
        for i, row in enumerate(rows):
            said = [(place, row.get(name)) for name, place in self._places]
            out[i, [place[level] for place, level in said if level in place]] = 1
        return out

    @cached_property
    def _places(self) -> list[tuple[str, dict[object, int]]]:
        """Of each categorical column, which indicator is 1 for which level."""
        at, found = len(self.numbers), list[tuple[str, dict[object, int]]]()
        for group in self.categories:
            levels = (*group.levels, None)
            found.append((group.name, {level: at + i for i, level in enumerate(levels)}))
            at += len(levels)
        return found

    def scale(self, raw: Matrix) -> NDArray[np.float32]:
        """Standardise the numeric columns of raw (n, d): (x - mean) / std, then 0 where missing."""
        m = len(self.numbers)
        out = raw.copy()
        mean, std = self._scales
        with np.errstate(over="ignore"):
            out[:, :m] = np.nan_to_num((raw[:, :m] - mean) / std)
        out[:, list(self.unknown)] = 0
        bound = np.finfo(np.float32).max  # a number beyond it stays finite
        return np.clip(out, -bound, bound).astype(np.float32)

    @cached_property
    def _scales(self) -> tuple[Matrix, Matrix]:
        """Means and deviations of the numeric columns: (m,) each."""
        pairs = [(number.mean, number.std) for number in self.numbers]
        mean, std = np.array(pairs, np.float64).reshape(-1, 2).T
        return mean, std

    def encode(self, rows: Sequence[Row]) -> NDArray[np.float32]:
        """What a net reads of these rows: (n, d)."""
        return self.scale(self.raw(rows))


class Target(BaseModel):
    """How outputs of a net become prices: mean + std * output, then exp where log.

    Prices stand for whatever is predicted. Errors are those of a logarithm, or of the price itself.
    """

    model_config = ConfigDict(frozen=True)

    log: bool
    mean: float = 0.0
    std: float = 1.0
    relative: bool = Field(True, description="Whether errors are of logarithms.")
    least: float | None = Field(
        1.0, description="What no price is below; the book clips at 1 dollar (4.10.5)."
    )

    @classmethod
    def learn(cls, price: NDArray[np.float64], *, log: bool) -> "Target":
        """The raw price as it is; its logarithm standardised on these prices."""
        logs = np.log(price)
        return (
            cls(log=True, mean=float(logs.mean()), std=float(logs.std())) if log else cls(log=False)
        )

    @classmethod
    def own(cls, values: NDArray[np.float64], *, log: bool) -> "Target":
        """Of any table: standardised as errors are measured, and any number may be an answer."""
        free = cls(log=log, relative=log, least=None)
        measured = free.measured(values)
        std = float(measured.std()) or 1.0
        return free.model_copy(update={"mean": float(measured.mean()), "std": std})

    def outputs(self, price: NDArray[np.float64]) -> NDArray[np.float32]:
        """What a net should say for these prices, of any shape."""
        values = np.log(price) if self.log else price
        return ((values - self.mean) / self.std).astype(np.float32)

    def measured(self, prices: Any) -> NDArray[np.float64]:
        """Prices, of any shape, as errors are measured: their logarithms, or themselves."""
        return np.log(prices) if self.relative else np.asarray(prices, np.float64)

    def priced(self, measured: NDArray[np.float64]) -> NDArray[np.float64]:
        """The prices that `measured` was given."""
        with np.errstate(over="ignore"):  # an infinite price is for the caller to refuse
            return np.exp(measured) if self.relative else measured

    def said(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """What outputs say, of any shape, as errors are measured."""
        same = self.log == self.relative
        return self.mean + self.std * outputs if same else self.measured(self.prices(outputs))

    def prices(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Prices of outputs, of any shape."""
        values = self.mean + self.std * outputs
        if self.log:
            with np.errstate(over="ignore"):
                return np.exp(values)
        return values if self.least is None else np.maximum(values, self.least)
