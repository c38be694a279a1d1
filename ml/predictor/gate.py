"""Whether a model may take the place of another: what is asked, and what was found."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from ml.events import Floats
from ml.predictor.judged import FIFTHS, Compared, Judged, NotComparableError, compare

DECIDING = 2  # rows with the largest squared error of both: a lead must not be theirs alone
LOWEST, HIGHEST = 0.88, 0.92  # of intervals that promise 90 %
SURE = 0.99  # of each of five groups: all hold together in 95 of 100 cases


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that is asked, and what was found."""

    name: str
    passed: bool
    found: str


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of a kind: by how much their error changes, and half the interval of that."""

    name: str
    n: int
    difference: float
    half: float

    @property
    def worse(self) -> bool:
        """By the interval."""
        return self.difference > self.half


@dataclass(frozen=True, eq=False)
class Gate:
    """One model beside the one whose place it would take; each by its name.

    `doubts` are sentences why the errors of either say nothing; empty where they do.
    """

    mine: str
    other: str
    one: Judged | None
    beside: Judged | None
    doubts: tuple[str, str] = ("", "")

    @property
    def reason(self) -> str:
        """Why their errors say nothing of each other; empty where they do."""
        for doubt in self.doubts:
            if doubt:
                return doubt
        for name, judged in ((self.mine, self.one), (self.other, self.beside)):
            if judged is None:
                return (
                    f"{name[0].upper()}{name[1:]} is of an older kind: it kept no answers by fold."
                )
        return self._compared[1]

    @cached_property
    def _compared(self) -> tuple[Compared | None, str]:
        assert self.one is not None
        assert self.beside is not None
        try:
            return compare(self.one, self.beside), ""
        except NotComparableError as error:
            return None, str(error)

    @property
    def compared(self) -> Compared | None:
        """Their errors, fold by fold; None where they say nothing of each other."""
        return None if self.reason else self._compared[0]

    @cached_property
    def deciding(self) -> NDArray[np.int64]:
        """The rows with the largest squared error, of both together."""
        assert self.one is not None
        assert self.beside is not None
        square = np.nan_to_num(self.one.square + self.beside.square)
        return np.sort(np.argsort(-square, kind="stable")[:DECIDING])

    @cached_property
    def without(self) -> Compared:
        """The same without the rows that decide."""
        assert self.one is not None
        assert self.beside is not None
        return compare(self.one, self.beside, self.deciding.tolist())

    def group(self, name: str, part: NDArray[np.bool_]) -> Group:
        """By how much the RMSE of some rows (n,) changes, paired by row.

        r - s = (r² - s²) / (r + s): the mean of differences of squares, over the sum of both.
        """
        assert self.one is not None
        assert self.beside is not None
        part = part & self.one.known & self.beside.known
        mine, other = self.one.square[part], self.beside.square[part]
        off, n = mine - other, int(part.sum())
        both = float(np.sqrt(mine.mean()) + np.sqrt(other.mean()))
        t = float(stdtrit(n - 1, (1 + SURE) / 2))
        half = t * float(off.std(ddof=1)) / np.sqrt(n) if n > 1 else np.inf
        return Group(name, n, float(off.mean()) / both, float(half) / both)

    @cached_property
    def fifths(self) -> list[Group]:
        """By the target, its lowest fifth first."""
        assert self.one is not None
        rank = self.one.rank
        return [self.group(f"fifth {i + 1}", rank == i) for i in range(FIFTHS)]

    @cached_property
    def questions(self) -> list[Question]:
        """What is asked of it; all must be so for it to pass."""
        if self.reason:
            return [Question("Comparable", passed=False, found=self.reason)]
        assert self.one is not None
        pairs, without = self._compared[0], self.without
        assert pairs is not None
        mean, half = pairs.difference
        rest, rest_half = without.difference
        worse = [group.name for group in self.fifths if group.worse]
        covers = share_inside(self.one)
        rows = " and ".join(f"{row + 1}" for row in self.deciding)
        return [
            Question("Same rows, same folds, scaled on training rows alone", True,
                     f"{len(self.one.target):,} rows, {len(pairs.errors)} folds"),
            Question("Interval of the difference below zero", pairs.better,
                     ends(mean, half)),
            Question(f"Lower without rows {rows}, too", rest < 0, f"{rest:+.4f} ± {rest_half:.4f}"),
            Question("No fifth of the rows is clearly worse", not worse,
                     ", ".join(worse) or f"none of {FIFTHS}"),
            Question(f"90 % intervals cover {LOWEST:.0%} to {HIGHEST:.0%}",
                     LOWEST <= covers <= HIGHEST, f"{covers:.1%}"),
        ]  # fmt: skip

    @property
    def passed(self) -> bool:
        """Whether it may take the other's place."""
        return all(question.passed for question in self.questions)

    @property
    def sentence(self) -> str:
        """What was found, in words."""
        if self.reason:
            return f"{self.mine} and {self.other} cannot be compared. {self.reason}"
        pairs = self._compared[0]
        assert pairs is not None
        failed = [question.name for question in self.questions[2:] if not question.passed]
        but = f" But not so: {'; '.join(failed)}." if pairs.better and failed else ""
        return pairs.sentence(self.mine, self.other) + but


def ends(mean: float, half: float) -> str:
    """An interval by its ends: "-0.0098 to -0.0002"."""
    return f"{mean - half:+.4f} to {mean + half:+.4f}"


def share_inside(judged: Judged) -> float:
    """The share of rows within their intervals, of those that a fold is judged on."""
    return float(judged.inside[judged.fold >= 0].mean())


def spread(errors: Floats) -> tuple[float, float]:
    """Mean of errors by fold, and their standard deviation."""
    return float(errors.mean()), float(errors.std(ddof=1)) if errors.size > 1 else 0.0
