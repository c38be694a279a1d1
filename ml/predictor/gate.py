"""Whether a model may take the place of another: what is asked, and what was found."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from ml.events import Floats
from ml.intervals import LEVEL
from ml.predictor.judged import (
    FIFTHS,
    Compared,
    Judged,
    NotComparableError,
    OtherRowsError,
    compare,
)

DECIDING = 2  # rows with the largest squared error of both: a lead must not be theirs alone
LOWEST, HIGHEST = 0.88, 0.92  # of intervals that promise 90 %
SURE = 0.99  # of each of five groups: all hold together in 95 of 100 cases
NEW = "new to both"  # rows whose target came, and that neither has learnt from
FEW = 10  # rows of a part: of fewer an error says little
LEAST = 30  # rows whose target came: of fewer, nothing is told


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
        return str(self._compared) if isinstance(self._compared, NotComparableError) else ""

    @cached_property
    def _compared(self) -> Compared | NotComparableError:
        assert self.one is not None
        assert self.beside is not None
        try:
            return compare(self.one, self.beside)
        except NotComparableError as error:
            return error

    @property
    def other_rows(self) -> bool:
        """Whether all that is between them is that they have learnt from other rows."""
        there = self.one is not None and self.beside is not None
        return there and not any(self.doubts) and isinstance(self._compared, OtherRowsError)

    @property
    def compared(self) -> Compared | None:
        """Their errors, fold by fold; None where they say nothing of each other."""
        return self._compared if not self.reason and isinstance(self._compared, Compared) else None

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

    @property
    def difference(self) -> tuple[float, float]:
        """Its error less that of the other, and half the 95 % interval of that."""
        assert self.compared is not None
        return self.compared.difference

    @property
    def better(self) -> bool:
        """By the interval, never by the mean."""
        mean, half = self.difference
        return mean < -half

    def group(self, name: str, part: NDArray[np.bool_], level: float = SURE) -> Group:
        """By how much the RMSE of some rows (n,) changes, paired by row.

        r - s = (r² - s²) / (r + s): the mean of differences of squares, over the sum of both.
        """
        assert self.one is not None
        assert self.beside is not None
        part = part & self.one.known & self.beside.known
        mine, other = self.one.square[part], self.beside.square[part]
        off, n = mine - other, int(part.sum())
        both = float(np.sqrt(mine.mean()) + np.sqrt(other.mean()))
        t = float(stdtrit(n - 1, (1 + level) / 2))
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
        pairs, without = self.compared, self.without
        assert pairs is not None
        mean, half = pairs.difference
        rest, rest_half = without.difference
        rows = " and ".join(f"{row + 1}" for row in self.deciding)
        return [
            Question("Same rows, same folds, scaled on training rows alone", True,
                     f"{len(self.one.target):,} rows, {len(pairs.errors)} folds"),
            Question("Interval of the difference below zero", pairs.better,
                     ends(mean, half)),
            Question(f"Lower without rows {rows}, too", rest < 0, f"{rest:+.4f} ± {rest_half:.4f}"),
            self._no_fifth_worse,
            covering(share_inside(self.one)),
        ]  # fmt: skip

    @property
    def _no_fifth_worse(self) -> Question:
        worse = [group.name for group in self.fifths if group.worse]
        found = ", ".join(worse) or f"none of {FIFTHS}"
        return Question("No fifth of the rows is clearly worse", not worse, found)

    @property
    def passed(self) -> bool:
        """Whether it may take the other's place."""
        return all(question.passed for question in self.questions)

    @property
    def sentence(self) -> str:
        """What was found, in words."""
        if self.reason:
            return f"{self.mine} and {self.other} cannot be compared. {self.reason}"
        failed = [question.name for question in self.questions[2:] if not question.passed]
        but = f" But not so: {'; '.join(failed)}." if self.better and failed else ""
        return self._standing + but

    @property
    def _standing(self) -> str:
        """How it stands to the other, in words."""
        pairs = self.compared
        assert pairs is not None
        return pairs.sentence(self.mine, self.other)


@dataclass(frozen=True, eq=False)
class Later(Gate):
    """The same on rows (n,) whose target came later, where what both have learnt from differs.

    `one` and `beside` are of these rows alone, as each answers without having learnt from them:
    one repetition and no folds. From some of them, `learnt` (n,), one or both have learnt, so that
    a fold without them has answered; `covers` is the share within intervals of all its own folds.
    """

    learnt: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    names: tuple[str, ...] = ()  # of the rows
    covers: float = float("nan")

    @property
    def by_fold(self) -> int:
        """How many rows a fold has answered."""
        return int(self.learnt.sum())

    @property
    def reason(self) -> str:
        """Too few rows, or what is doubted."""
        assert self.one is not None
        n = len(self.one.target)
        few = (
            f"They have learnt from other rows, and the targets of {n} that both can be judged on"
            f" have come: {LEAST} are the least."
        )
        return next(filter(None, self.doubts), few * (n < LEAST))

    @property
    def compared(self) -> None:
        """No folds are."""
        return

    @property
    def other_rows(self) -> bool:
        """That is what this is for."""
        return False

    @property
    def difference(self) -> tuple[float, float]:
        """RMSE less that of the other, and half the 95 % interval of that, paired by row."""
        assert self.one is not None
        every = self.group("", self.one.known, LEVEL)
        return every.difference, every.half

    @property
    def questions(self) -> list[Question]:
        """What is asked of it; all must be so for it to pass."""
        if self.reason:
            return [Question("Comparable", passed=False, found=self.reason)]
        assert self.one is not None
        (mean, half), (_, rest, *parts) = self.difference, self.parts
        return [
            Question(f"{LEAST} rows whose target came, none learnt from by who answers", True,
                     f"{len(self.one.target):,} rows, {self.by_fold:,} of them by fold"),
            Question("Interval of the difference below zero", self.better, ends(mean, half)),
            Question(f"Lower without the {DECIDING} rows that decide, too", rest.difference < 0,
                     f"{rest.difference:+.4f} ± {rest.half:.4f}"),
            *(
                Question(f"Lower on the {each.n:,} rows new to both, too", each.difference < 0,
                         f"{each.difference:+.4f} ± {each.half:.4f}")
                for each in parts if each.name == NEW and each.n >= LEAST
            ),
            self._no_fifth_worse,
            covering(self.covers),
        ]  # fmt: skip

    @property
    def parts(self) -> list[Group]:
        """By how much the error changes of all rows, and of some, with 95 % intervals: without the
        two that decide; where it has learnt from a part, of that part and of what is new to both.
        """
        assert self.one is not None
        every = self.one.known
        left = every.copy()
        left[self.deciding] = False
        of = {"all": every, "all but those two": left}
        if 0 < self.by_fold < len(every):
            of |= {"answered by folds": self.learnt, NEW: ~self.learnt}
        return [self.group(name, rows, LEVEL) for name, rows in of.items() if rows.sum() >= FEW]

    @property
    def _standing(self) -> str:
        assert self.one is not None
        (mean, half), n = self.difference, len(self.one.target)
        around, on = f"{abs(mean):.4f} ± {half:.4f}", f"{n:,} rows whose target came"
        if abs(mean) > half:
            side = "better" if self.better else "worse"
            return f"{self.mine} is {side} than {self.other} by {around} on {on}."
        side = "lower" if mean < 0 else "higher"
        return (
            f"{self.mine} and {self.other} cannot be told apart on {on}: its error is {side} by"
            f" {around}."
        )


def covering(share: float) -> Question:
    """Whether intervals that promise 90 % keep it."""
    name = f"90 % intervals cover {LOWEST:.0%} to {HIGHEST:.0%}"
    return Question(name, LOWEST <= share <= HIGHEST, f"{share:.1%}")


def ends(mean: float, half: float) -> str:
    """An interval by its ends: "-0.0098 to -0.0002"."""
    return f"{mean - half:+.4f} to {mean + half:+.4f}"


def share_inside(judged: Judged) -> float:
    """The share of rows within their intervals, of those that a fold is judged on."""
    return float(judged.inside[judged.fold >= 0].mean())


def spread(errors: Floats) -> tuple[float, float]:
    """Mean of errors by fold, and their standard deviation."""
    return float(errors.mean()), float(errors.std(ddof=1)) if errors.size > 1 else 0.0
