"""One column of a table as arrays: what it holds, and what of a target it tells alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import frexp, ldexp
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from ml.schema.dates import Order, day_of, measured, written
from ml.tabular.dates import Dates

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Kind = Literal["number", "integer", "levels", "words", "date", "constant", "empty"]

MANY_LEVELS = 50  # a text of more values, of which more than half are single, is words
FREQUENT = 10  # rows of a level that is an input by itself
FOLDS = 5  # that what a column explains is judged on
BINS = 16  # of a column's values by rank, and in a histogram
TAILS = (0.005, 0.01, 0.02, 0.98, 0.99, 0.995)  # cut off, too: they may decide a long-tailed target
NEIGHBOURS = 0.5  # of the rows have one in a column, or it says nothing of them
IN_TAIL = 10  # rows; fewer are not cut off
ADDED = {"bins": 1.0, "levels": 8.0}  # rows of the overall mean in each: levels may have one row


@dataclass(frozen=True, eq=False)
class Cells:
    """What n rows say of one column.

    `values` are its different values, numbers in their order and texts as they first come, and
    `codes` (n,) says which of them each row has; -1 is missing. Dates are numbers, decimal years,
    where their order is known, and texts where it is not.
    """

    name: str
    text: bool
    values: Sequence[float] | Sequence[str]
    codes: Integers
    numbers: Floats  # (n,) NaN where missing, and all of a text
    dates: Dates | None = None  # how they are written, if they are some

    @classmethod
    def of(cls, name: str, said: Sequence[object], order: Order | None = "") -> Self:
        """Text where any value is; else numbers. Dates in the order that is asked for, if any is;
        none are looked for where that is None."""
        kinds = {*map(type, said)}
        if str in kinds:
            words = said if kinds <= {str, type(None)} else [*map(_word, said)]
            values = [str(word) for word in dict.fromkeys(words) if word is not None]
            places: dict[object, int] = {None: -1} | {word: i for i, word in enumerate(values)}
            codes = np.fromiter(map(places.__getitem__, words), np.int64, len(words))
            made = cls(name, True, values, codes, np.full(len(codes), np.nan))
            return made if order is None else made._dated(order)
        return cls._of_numbers(name, np.array(said, np.float64))  # None becomes NaN

    @classmethod
    def _of_numbers(cls, name: str, numbers: Floats) -> Self:
        there = ~np.isnan(numbers)
        different, place = np.unique(numbers[there], return_inverse=True)
        codes = np.full(len(numbers), -1)
        codes[there] = place
        return cls(name, False, different.tolist(), codes, numbers)

    def _dated(self, order: Order) -> Self:
        """Text as dates, if it is some."""
        texts = [*map(str, self.values)]
        dates = Dates.of(dict(zip(texts, self.counts.tolist(), strict=True)), order)
        if dates is None or not dates.iso:
            return replace(self, dates=dates)
        days = [measured(dates.iso[text]) if text in dates.iso else np.nan for text in texts]
        numbers = np.array([*days, np.nan])[self.codes]
        return replace(self._of_numbers(self.name, numbers), dates=dates)

    @property
    def says(self) -> tuple[object, bytes]:
        """What only a column that says the same in all rows has, too."""
        return tuple(self.values) if self.text else (), (
            self.codes.tobytes() if self.text else self.numbers.tobytes()
        )

    @cached_property
    def there(self) -> NDArray[np.bool_]:
        """Which rows say anything: (n,)."""
        return self.codes >= 0

    @cached_property
    def counts(self) -> Integers:
        """How many rows have each of the values."""
        return np.bincount(self.codes[self.there], minlength=len(self.values))

    @cached_property
    def known(self) -> Floats:
        """The numbers that are there."""
        return self.numbers[self.there]

    @cached_property
    def by_count(self) -> Integers:
        """Places of the values, the most frequent first."""
        return np.argsort(-self.counts, kind="stable")

    @cached_property
    def kind(self) -> Kind:
        """What the column is."""
        distinct, present = len(self.values), int(self.there.sum())
        if not present:
            return "empty"
        if distinct == 1 and present == len(self.codes):
            return "constant"
        if self.dates:
            return "date"
        if not self.text:
            return "integer" if np.all(np.mod(self.known, 1) == 0) else "number"
        return "words" if distinct > max(MANY_LEVELS, present / 2) else "levels"

    @property
    def is_undecided(self) -> bool:
        """Whether it is of dates whose day and month cannot be told apart."""
        return self.text and self.dates is not None

    @property
    def first(self) -> float | str:
        """One of its values, as it is told."""
        value = self.values[0]
        return value if isinstance(value, str) else self.told(value)

    @property
    def is_measured(self) -> bool:
        """Whether there are numbers, or dates as such."""
        return not self.text and len(self.known) > 0

    def told(self, value: float, *, exact: bool = True) -> float | str:
        """A number of it as it is, or the date that it is; to the day where it is not `exact`."""
        if not self.dates:
            return value
        return written(value) if exact else day_of(value)

    @cached_property
    def ranks(self) -> Floats:
        """The share of rows that are below each of the values, half of its own among them."""
        return np.asarray((np.cumsum(self.counts) - self.counts / 2) / self.counts.sum())

    def parts(self, k: int) -> Integers:
        """Which k-th of the column by rank each row is in, -1 where missing: (n,).

        Rows that say the same are in the same.
        """
        return self._placed(np.floor(k * self.ranks).astype(np.int64))

    def bins(self) -> Integers:
        """Groups of rows that are alike, 0 where missing: levels, or numbers by rank: (n,)."""
        if self.text:
            return self.codes + 1
        tails = [edge for edge in TAILS if min(edge, 1 - edge) * len(self.known) >= IN_TAIL]
        edges = np.sort([*np.arange(1, BINS) / BINS, *tails])
        return self._placed(np.searchsorted(edges, self.ranks)) + 1

    def _placed(self, of_values: Integers) -> Integers:
        return np.where(self.there, np.append(of_values, -1)[self.codes], -1)


def _word(value: object) -> str | None:
    return None if value is None else str(value)


def columns_of(rows: Sequence[Mapping[str, object]]) -> dict[str, Sequence[object]]:
    """What n rows say under each name that any of them has: (n,) each, None where nothing."""
    kinds = [*dict.fromkeys(map(tuple, rows))]
    names = [*dict.fromkeys(name for kind in kinds for name in kind)]
    if len(kinds) == 1:  # they are all alike, as those of a file: a row at a time is quicker
        columns = zip(*(row.values() for row in rows), strict=True)
        return dict(zip(names, columns, strict=True))
    return {name: [row.get(name) for row in rows] for name in names}


def different(columns: Sequence[Cells]) -> int:
    """How many rows differ from all earlier ones."""
    rows = np.zeros(len(columns[0].codes), np.int64)
    for cells in columns:
        both = rows * (len(cells.values) + 1) + cells.codes + 1
        _, rows = np.unique(both, return_inverse=True)
        if rows.max() == len(rows) - 1:  # they all do
            break
    return int(rows.max()) + 1


# ---- numbers of any size


def scaled(x: Floats) -> tuple[Floats, float]:
    """Numbers within [-2, 2] and what they were divided by: no sum of them overflows.

    It is a power of two, so that nothing is lost.
    """
    _, exponent = frexp(float(np.abs(x).max(initial=0.0)))
    scale = ldexp(1.0, min(exponent, 1023))
    return x / scale, scale


def skewness(x: Floats) -> float:
    """The third standardised moment; 0 of a constant."""
    away, _ = scaled(x)
    away = away - away.mean() if len(away) else away
    spread = away.std() if len(away) else 0.0
    return float(((away / spread) ** 3).mean()) if spread > 0 else 0.0


def quantiles(x: Floats, shares: Sequence[float]) -> list[float]:
    """Of at least one number."""
    small, scale = scaled(x)
    return [float(value) * scale for value in np.quantile(small, shares)]


def histogram(x: Floats, bins: int, *, log: bool) -> tuple[int, ...]:
    """How many of some numbers are in each of equal bins from the least to the greatest."""
    small, _ = scaled(np.log(x) if log else x)
    low, high = small.min(), small.max()
    place = (small - low) / (high - low) if high > low else np.zeros(len(small))
    counts, _ = np.histogram(place, bins, (0.0, 1.0))
    return tuple(counts.tolist())


# ---- what it tells of a target


def explained(groups: Integers, y: Floats, folds: Integers, added: float) -> float:
    """R² out of fold of y (m,), if each row is told the mean of its group in the other folds.

    `added` rows of the overall mean are in each group; less than nothing is 0.
    """
    small, _ = scaled(y)
    y, k = small - small.mean(), int(groups.max()) + 1
    at = folds * k + groups
    sums, sizes = (np.bincount(at, of, FOLDS * k).reshape(FOLDS, k) for of in (y, None))
    sums, sizes = sums.sum(0) - sums, sizes.sum(0) - sizes  # of the other folds: (FOLDS, k)
    mean = sums.sum(1, keepdims=True) / sizes.sum(1, keepdims=True)
    told = mean + (sums - sizes * mean) / (sizes + added)
    error = y - told[folds, groups]
    return max(0.0, 1 - float(error @ error) / float(y @ y))


def beside(codes: Integers, y: Floats, *, text: bool) -> float:
    """The share of the variance of y (m,) that is between rows next to each other in a column.

    `codes` are places among its values: texts have no order, so that only those of one value are
    next to each other. Rows of one number are in an order drawn by chance, for that of the file may
    be the order of y, and copies count once. It is 1 where few rows have a neighbour.
    """
    small, _ = scaled(y)
    there = codes >= 0
    codes, small = codes[there], small[there]
    if not text:
        _, once = np.unique(np.column_stack([codes, small]), axis=0, return_index=True)
        codes, small = codes[once], small[once]
    drawn = np.random.default_rng(0).permutation(len(small))
    order = drawn[np.argsort(codes[drawn], kind="stable")]
    steps = np.diff(small[order])
    if text:
        steps = steps[np.diff(codes[order]) == 0]
    varies = float(small.var()) if len(small) else 0.0
    if not varies or len(steps) < NEIGHBOURS * len(small):
        return 1.0
    return float(np.square(steps).mean() / 2 / varies)


def folds_of(m: int, seed: int) -> Integers:
    """Which of the folds each of m rows is in, drawn by the seed."""
    folds = np.empty(m, np.int64)
    folds[np.random.default_rng(seed).permutation(m)] = np.arange(m) % FOLDS
    return folds


def medians(groups: Integers, values: Floats, k: int) -> list[float | None]:
    """The median of each of k groups of rows (m,), None of one without rows."""
    small, scale = scaled(values)
    members = [small[groups == group] for group in range(k)]
    return [float(np.median(each)) * scale if len(each) else None for each in members]
