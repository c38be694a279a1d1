"""What a model says of rows that it has not learnt from, kept with it: errors by fold, and pairs.

Whoever has this can compute every error, share and interval that is told of a model anew, over any
rows, and set two models beside each other row by row.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from ml.events import Floats
from ml.intervals import LEVEL, interval

Rows = NDArray[np.int64]
NONE = -1  # the fold of a row that none is judged on: the book drops what k leaves over
MOST = 1000  # shuffles that are looked ahead to
FIFTHS = 5
SURE = float(ndtri(0.95))


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a kind: their RMSE, half its 90 % interval, and where their targets lie: shares."""

    name: str
    n: int
    rmse: float
    half: float | None
    inside: float
    above: float
    below: float


class NotComparableError(ValueError):
    """Two models whose errors say nothing of each other; the message says why."""


@dataclass(frozen=True, eq=False)
class Judged:
    """Answers to all n rows in R repetitions of k folds: of seeds, or of other folds."""

    target: NDArray[np.float32]  # (n,) as errors are measured: log dollars
    said: NDArray[np.float32]  # (R, n)
    low: NDArray[np.float32]  # (R, n) ends of intervals
    high: NDArray[np.float32]
    fold: NDArray[np.int8]  # (R, n) which fold's validation row each is

    @classmethod
    def of(
        cls, target: Floats, folds: Sequence[Rows], k: int, said: Floats, low: Floats, high: Floats
    ) -> "Judged":
        """From what is said of validation rows, (m,) each: fold after fold as `folds` has them."""
        repeats = len(folds) // k
        fold = np.full((repeats, len(target)), NONE, np.int8)
        parts = np.full((3, repeats, len(target)), np.nan, np.float32)
        ends = np.cumsum([len(rows) for rows in folds])
        for i, (rows, end) in enumerate(zip(folds, ends, strict=True)):
            fold[i // k, rows] = i % k
            for part, values in zip(parts, (said, low, high), strict=True):
                part[i // k, rows] = values[end - len(rows) : end]
        first, low_ends, high_ends = parts
        return cls(target.astype(np.float32), first, low_ends, high_ends, fold)

    @property
    def k(self) -> int:
        """Folds of a repetition."""
        return int(self.fold.max()) + 1

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Whether each interval holds what the row's target is; False where none is: (R, n)."""
        return (self.low <= self.target) & (self.target <= self.high)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which rows some fold is judged on: (n,)."""
        return np.asarray((self.fold >= 0).any(axis=0))

    @property
    def square(self) -> Floats:
        """Squared error of each row, a mean over repetitions; NaN where none is judged: (n,)."""
        return self.each(np.square(self.target.astype(np.float64) - self.said))

    def without(self, rows: Rows) -> "Judged":
        """The same, of all rows but these."""
        fold = self.fold.copy()
        fold[:, rows] = NONE
        return replace(self, fold=fold)

    def scores(self, width: float) -> Floats:
        """Errors over what size was expected of each: where an interval is `width` sizes wide.

        No interval is narrower than numbers of that size are apart: those of answers that are all
        but the same have no width left.
        """
        judged = self.fold >= 0
        high, low = self.high[judged], self.low[judged]
        finest = np.spacing(np.maximum(np.abs(high), np.abs(low)))
        size = np.maximum(high - low, finest).astype(np.float64) / width
        off = np.broadcast_to(self.target, self.said.shape)[judged] - self.said[judged]
        return np.asarray(off / size)

    def each(self, values: NDArray[np.floating[Any]]) -> Floats:
        """The mean over the repetitions that judge a row, NaN where none does: (R, n) -> (n,)."""
        judged = self.fold >= 0
        times = np.where(self.known, judged.sum(0), np.nan)
        return np.asarray(np.where(judged, values, 0).sum(0) / times)

    def errors(self, without: Collection[int] = ()) -> Floats:
        """RMSE of each fold's validation rows, some left out: (R, k)."""
        square = np.square(self.target.astype(np.float64) - self.said)
        kept = ~np.isin(np.arange(len(self.target)), [*without])
        return np.array(
            [
                [np.sqrt(row[(fold == i) & kept].mean()) for i in range(self.k)]
                for row, fold in zip(square, self.fold, strict=True)
            ]
        )

    def of_part(self, name: str, part: NDArray[np.bool_]) -> "Part":
        """How far off it is of some rows (n,), and how often their intervals hold."""
        part = part & self.known
        kept, each = (self.fold >= 0) & part, self.square[part]
        rmse, n = float(np.sqrt(each.mean())), len(each)
        shares = (
            float((side & kept).sum() / kept.sum())
            for side in (self.inside, self.target > self.high, self.target < self.low)
        )
        if n < 2:
            return Part(name, n, rmse, None, *shares)
        half = SURE * float(each.std(ddof=1) / np.sqrt(n)) / (2 * rmse)
        return Part(name, n, rmse, half, *shares)

    @property
    def fifths(self) -> list["Part"]:
        """By the target, the lowest fifth first."""
        return [self.of_part(f"fifth {i + 1}", self.rank == i) for i in range(FIFTHS)]

    @property
    def rank(self) -> Rows:
        """Which fifth of the targets each row is in: (n,)."""
        return np.argsort(np.argsort(self.target)) * FIFTHS // len(self.target)

    def foldings(self) -> dict[bytes, list[int]]:
        """Repetitions by how rows fall into folds: those of one are over seeds alone."""
        found = dict[bytes, list[int]]()
        for i, fold in enumerate(self.fold):
            found.setdefault(fold.tobytes(), []).append(i)
        return found

    def tensors(self) -> dict[str, NDArray[Any]]:
        """All of it, by names of its own."""
        return {f"judged.{name}": getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]]) -> "Judged | None":
        """What `tensors` gave; None in a file that is older."""
        if "judged.said" not in tensors:
            return None
        return cls(*(tensors[f"judged.{name}"] for name in cls.__dataclass_fields__))


def constant(target: Floats, folds: Sequence[Rows], off: Floats, coverage: float) -> Floats:
    """Ends around answers that are as wide for all, from errors of other rows: (2, m).

    `off` (m,) are target - said of validation rows, fold after fold. Whatever their repetition,
    errors of rows of a fold do not count for its intervals.
    """
    row, tails = np.concatenate(folds), ((1 - coverage) / 2, (1 + coverage) / 2)
    found, start = np.empty((2, len(off))), 0
    for rows in folds:
        at = slice(start, start := start + len(rows))
        others = off[~np.isin(row, rows)]
        found[:, at] = np.quantile(others, tails)[:, None]
    return found + (target[row] - off)


@dataclass(frozen=True, eq=False)
class Compared:
    """Two models by fold, paired: errors (J,) of each, of all folds of all foldings."""

    errors: Floats
    others: Floats
    k: int

    @property
    def difference(self) -> tuple[float, float]:
        """Mean of errors less those of the other, and half its 95 % interval.

        Models of k folds share what they learn from, so that J differences are not J independent
        ones: d ± t(J - 1) s √(1/J + 1/(k - 1)) (Nadeau and Bengio, 2003).
        """
        mean, half = interval(self.errors - self.others, self.k)
        return float(mean), float(half)

    @property
    def better(self) -> bool:
        """By the interval, never by the mean."""
        mean, half = self.difference
        return mean < -half

    @property
    def worse(self) -> bool:
        """The same, for the other."""
        mean, half = self.difference
        return mean > half

    @property
    def floor(self) -> float:
        """Half the interval that infinitely many foldings would leave: other rows would differ."""
        spread = float((self.errors - self.others).std(ddof=1))
        return float(ndtri((1 + LEVEL) / 2) * spread / np.sqrt(self.k - 1))

    @property
    def needed(self) -> int | None:
        """Foldings from which the same mean and spread would decide; None if none would."""
        mean, spread = abs(self.difference[0]), float((self.errors - self.others).std(ddof=1))
        J = self.k * np.arange(1, MOST + 1)
        half = stdtrit(J - 1, (1 + LEVEL) / 2) * spread * np.sqrt(1 / J + 1 / (self.k - 1))
        enough = np.flatnonzero(half < mean)
        return int(enough[0]) + 1 if len(enough) else None

    def sentence(self, mine: str, other: str) -> str:
        """What that means, with both called by their names."""
        mean, half = self.difference
        around = f"{abs(mean):.4f} ± {half:.4f}"
        if self.better or self.worse:
            return f"{mine} is {'better' if self.better else 'worse'} than {other} by {around}."
        have, need = len(self.errors) // self.k, self.needed
        more = max(1, (need or 0) - have)
        would = (
            "No number of shuffles would tell, only other rows."
            if need is None
            else f"About {more} more {'shuffle' if more == 1 else 'shuffles'} of folds would tell."
        )
        side = "lower" if mean < 0 else "higher"
        return f"{mine} and {other} cannot be told apart: its error is {side} by {around}. {would}"


class OtherRowsError(NotComparableError):
    """They have learnt from other rows."""


def compare(one: Judged, other: Judged, without: Collection[int] = ()) -> Compared:
    """Their errors on folds that both were judged on, fold by fold, some rows left out.

    Repetitions of one folding are seeds: they are averaged first. How folds differ from each other
    does not average out over seeds, so that more of them are no further pairs.

    Raises:
        NotComparableError: where they know other rows, or no folds in common.
    """
    if len(one.target) != len(other.target) or not np.allclose(one.target, other.target):
        raise OtherRowsError("They have learnt from other rows: their errors say nothing.")
    theirs, pairs = other.foldings(), list[tuple[Floats, Floats]]()
    errors, others = one.errors(without), other.errors(without)
    for folding, mine in one.foldings().items():
        if its := theirs.get(folding):
            pairs.append((errors[mine].mean(0), others[its].mean(0)))
    if not pairs:
        raise NotComparableError(
            "Their folds differ: a fold's error depends on its rows as much as on the model. Train"
            " one on the folds of the other."
        )
    ours, its_errors = (np.concatenate(each) for each in zip(*pairs, strict=True))
    return Compared(ours, its_errors, one.k)
