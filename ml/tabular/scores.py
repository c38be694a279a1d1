"""How good answers are to rows that no member has learnt from, and how sure (4.10)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ml.affine import ridge
from ml.encoder import Target
from ml.ensemble import MEMBERS, Ensemble, Spread
from ml.events import Floats
from ml.intervals import interval
from ml.shift import effective_rows
from ml.tabular.subject import Subject, Words

COVERAGE = 0.9
FIFTHS = 5
FULL = 1460  # rows that what is claimed was measured on: the competition's houses
MASKS = 50  # of the dropout of each of the MLP's nets
PENALTY = 30.0  # of the linear model, in rows
ENSEMBLE, LINEAR = "ensemble", "linear model"
Rows = NDArray[np.int64]
Learn = Callable[[Floats, Floats, Floats, Floats], Spread]


@dataclass(eq=False)
class OutOfFold:
    """Answers for every row by models that have not seen it, as errors are measured.

    The R repetitions of k folds each answer for all n rows: m = R n answers, row by row in each.
    `middle` alone is in the units of its fold's target, which `scale` turns into those of errors.
    """

    subject: Subject
    rows: list[tuple[Rows, Rows]]  # rows to learn from and to be judged on, of R k folds
    y: Floats  # (m,) as errors are measured
    houses: Sequence[Mapping[str, object]]  # m rows
    answers: dict[str, Floats]  # (R k, n) by member, of each fold for all rows
    middle: Floats  # (m,) the blend, standardised
    scale: Floats  # (m,) of the fold's target
    told: Floats  # (m, p) what the size of an error is told from
    linear: Floats  # (m,)
    masked: Floats  # (2, m) ends of what the MLP says with masks of its dropout
    deciding: Sequence[int]  # rows that can decide a ranking alone; none in tables of one's own
    beta: Floats  # (m,) what each row counts for where intervals are learnt
    ensembles: list[Ensemble] = field(default_factory=list)  # of the first k folds
    low: Floats = field(default_factory=lambda: np.zeros(0))  # (m,) ends of intervals
    high: Floats = field(default_factory=lambda: np.zeros(0))
    constant: float = 0.0  # half the width that would do for all

    @classmethod
    def empty(
        cls,
        subject: Subject,
        rows: list[tuple[Rows, Rows]],
        y: Floats,
        houses: Sequence[Mapping[str, object]],
        p: int,
        deciding: Sequence[int],
        *,
        beta: Floats,
    ) -> "OutOfFold":
        """To be filled fold by fold: of n rows, whose targets are y as errors are measured, and
        which count for beta."""
        m = sum(len(valid) for _, valid in rows)
        repeats = m // len(y)
        return cls(
            subject=subject,
            rows=rows,
            y=np.tile(y, repeats),
            houses=[*houses] * repeats,
            answers={name: np.full((len(rows), len(y)), np.nan) for name in (*MEMBERS, ENSEMBLE)},
            middle=np.full(m, np.nan),
            scale=np.full(m, np.nan),
            told=np.full((m, p), np.nan),
            linear=np.full(m, np.nan),
            masked=np.full((2, m), np.nan),
            deciding=deciding,
            beta=np.tile(beta, repeats),
        )

    @property
    def words(self) -> Words:
        """How it is told."""
        return self.subject.words

    @property
    def n(self) -> int:
        """How many rows there are."""
        return int(self.answers[ENSEMBLE].shape[1])

    @property
    def repeats(self) -> int:
        """How many times each is answered for."""
        return len(self.y) // self.n

    @property
    def chance(self) -> float:
        """How many times as far chance sets shares apart as among so many rows."""
        return float(np.sqrt(max(1.0, FULL / effective_rows(self.beta[: self.n]))))

    @property
    def k(self) -> int:
        """Folds of a repetition."""
        return len(self.rows) // self.repeats

    def at(self, fold: int, without: Sequence[int] = ()) -> Rows:
        """Which of the m answers are given by a fold, some rows left out."""
        return fold // self.k * self.n + np.setdiff1d(self.rows[fold][1], without)

    def each(self, values: Floats) -> Floats:
        """The mean over the repetitions: (m,) -> (n,)."""
        return np.asarray(values.reshape(self.repeats, self.n).mean(0))

    @property
    def fifth(self) -> Rows:
        """Which fifth of the targets each row is in: (m,)."""
        return np.tile(fifths(self.y[: self.n]), self.repeats)

    def put(self, fold: int, target: Target, answers: Floats, middle: Floats) -> None:
        """What the members of a fold say of all rows (M, n), and their blend (n,)."""
        for name, said in zip((*MEMBERS, ENSEMBLE), (*answers, middle), strict=True):
            self.answers[name][fold] = target.mean + target.std * said
        self.middle[self.at(fold)] = middle[self.rows[fold][1]]
        self.scale[self.at(fold)] = target.std

    def of(self, name: str) -> Floats:
        """What it says of each row, by the fold that has not seen it: (m,)."""
        if name == LINEAR:
            return self.linear
        out = np.empty(len(self.y))
        for fold, (_, valid) in enumerate(self.rows):
            out[self.at(fold)] = self.answers[name][fold, valid]
        return out

    def off(self, name: str) -> Floats:
        """Target less answer of each row, as errors are measured: (m,)."""
        return self.y - self.of(name)

    def errors(self, name: str) -> Floats:
        """RMSE of each fold on the rows it has learnt from and on those it has not: (2, R k)."""
        folds = [*zip(self.y[: self.n] - self.answers[name], self.rows, strict=True)]
        return np.array([[rms(off[rows[part]]) for off, rows in folds] for part in (0, 1)])

    def valid(self, name: str, without: Sequence[int] = ()) -> Floats:
        """RMSE of each fold on rows that it has not learnt from, some left out: (R k,)."""
        off = self.off(name)
        return np.array([rms(off[self.at(fold, without)]) for fold in range(len(self.rows))])

    def ahead(self, name: str) -> tuple[float, float]:
        """By how much another's error is above the ensemble's, and half the 95 % interval of that.

        The error is the mean of the folds' RMSE, and each row has its part in it: e²/(2 RMSE) of
        its fold (the delta method). The interval is over rows, paired: over other rows like these,
        not other nets.
        """
        parts = np.zeros(len(self.y))
        for other, sign in ((name, 1), (ENSEMBLE, -1)):
            square = np.square(self.off(other))
            for fold in range(len(self.rows)):
                at = self.at(fold)
                parts[at] += sign * square[at] / (2 * np.sqrt(square[at].mean()))
        _, half = interval(self.each(parts))
        return float((self.valid(name) - self.valid(ENSEMBLE)).mean()), float(half)

    def bounded(self, learn: Learn) -> Spread:
        """Find each row's interval from errors of other folds alone; gives what all errors teach.

        `learn` takes what is told of rows, their answers, their errors, and what they count for.
        Where folds are repeated, a row's own errors in other repetitions do not count for its
        interval either.
        """
        off = self.off(ENSEMBLE) / self.scale
        self.low, self.high = np.empty_like(off), np.empty_like(off)
        half = np.empty_like(off)
        for fold in range(len(self.rows)):
            valid, others = self.at(fold), self.others(fold)
            ends = self.ends(self.spread(learn, others))
            self.low[valid], self.high[valid] = ends[:, valid]
            half[valid] = np.quantile(np.abs(off[others]), COVERAGE) * self.scale[valid]
        self.constant = float(half.mean())
        return self.spread(learn, np.arange(len(off)))

    def others(self, fold: int) -> Rows:
        """Which of the m answers are of rows that a fold is not judged on."""
        house = np.arange(len(self.y)) % self.n
        return np.flatnonzero(~np.isin(house, self.rows[fold][1]))

    def spread(self, learn: Learn, some: Rows) -> Spread:
        """What the errors of some of the answers teach."""
        known = self.told, self.middle, self.off(ENSEMBLE) / self.scale, self.beta
        return learn(*(each[some] for each in known))

    def ends(self, spread: Spread) -> Floats:
        """Lower and upper ends of the intervals of all answers: (2, m)."""
        return self.of(ENSEMBLE) + np.stack(spread.bounds(self.told, self.middle)) * self.scale

    def covered(self, some: NDArray[np.bool_]) -> float:
        """The share of some rows (m,) whose intervals hold, by what they count for."""
        return float(np.average(self.inside[some], weights=self.beta[some]))

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Which answers' intervals hold the target: (m,)."""
        return (self.low <= self.y) & (self.y <= self.high)


def rms(values: Floats) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.square(values).mean()))


def linear(X: Floats, y: Floats, others: Floats, target: Target) -> Floats:
    """What a ridge on the same inputs says: X (n, d), y (n,) standardised, (m, d) -> (m,)."""
    middle, level = X.mean(0), y.mean()
    away = X - middle
    slopes = ridge(away, y - level, PENALTY / len(X))
    return np.asarray(target.mean + target.std * (level + (others - middle) @ slopes))


def fifths(y: Floats) -> Rows:
    """Which fifth of the targets each is in: (n,)."""
    return np.argsort(np.argsort(y)) * FIFTHS // len(y)
