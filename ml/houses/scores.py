"""4.10 How good prices are of houses that no member has learnt from, and how sure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ml.affine import ridge
from ml.encoder import Target
from ml.ensemble import MEMBERS, Spread
from ml.events import Floats

COVERAGE = 0.9
FIFTHS = 5
DECIDING = (523, 1298)  # rows of houses 524 and 1299: large, unfinished, and sold for half
MASKS = 50  # of the dropout of each of the MLP's nets
PENALTY = 30.0  # of the linear model, in rows
ENSEMBLE, LINEAR = "ensemble", "linear model"
Rows = NDArray[np.int64]
Learn = Callable[[Floats, Floats, Floats], Spread]


@dataclass(eq=False)
class OutOfFold:
    """Answers for every house by models that have not seen it, in log dollars.

    `middle` alone is in the units of its fold's target, which `scale` turns into log dollars.
    """

    rows: list[tuple[Rows, Rows]]
    y: Floats  # (n,) log dollars
    houses: Sequence[Mapping[str, object]]
    answers: dict[str, Floats]  # log dollars (k, n) by member, of each fold for all rows
    middle: Floats  # (n,) the blend, standardised
    scale: Floats  # (n,) of the fold's target
    told: Floats  # (n, p) what the size of an error is told from
    linear: Floats  # (n,) log dollars
    masked: Floats  # (2, n) ends of what the MLP says with masks of its dropout, log dollars
    low: Floats = field(default_factory=lambda: np.zeros(0))  # (n,) ends of intervals, log dollars
    high: Floats = field(default_factory=lambda: np.zeros(0))
    constant: float = 0.0  # half the width that would do for all

    @classmethod
    def empty(
        cls,
        rows: list[tuple[Rows, Rows]],
        y: Floats,
        houses: Sequence[Mapping[str, object]],
        p: int,
    ) -> "OutOfFold":
        """To be filled fold by fold."""
        n, k = len(y), len(rows)
        return cls(
            rows=rows,
            y=y,
            houses=houses,
            answers={name: np.full((k, n), np.nan) for name in (*MEMBERS, ENSEMBLE)},
            middle=np.full(n, np.nan),
            scale=np.full(n, np.nan),
            told=np.full((n, p), np.nan),
            linear=np.full(n, np.nan),
            masked=np.full((2, n), np.nan),
        )

    def put(self, fold: int, target: Target, answers: Floats, middle: Floats) -> None:
        """What the members of a fold say of all rows (M, n), and their blend (n,)."""
        valid = self.rows[fold][1]
        for name, said in zip((*MEMBERS, ENSEMBLE), (*answers, middle), strict=True):
            self.answers[name][fold] = target.mean + target.std * said
        self.middle[valid] = middle[valid]
        self.scale[valid] = target.std

    def of(self, name: str) -> Floats:
        """What it says of each house in log dollars, by the fold that has not seen it: (n,)."""
        if name == LINEAR:
            return self.linear
        out = np.empty(len(self.y))
        for fold, (_, valid) in enumerate(self.rows):
            out[valid] = self.answers[name][fold, valid]
        return out

    def off(self, name: str) -> Floats:
        """log(sold / predicted) of each house: (n,)."""
        return self.y - self.of(name)

    def errors(self, name: str) -> Floats:
        """RMSE of each fold on the rows it has learnt from and on those it has not: (2, k)."""
        folds = [*zip(self.y - self.answers[name], self.rows, strict=True)]
        return np.array([[rms(off[rows[part]]) for off, rows in folds] for part in (0, 1)])

    def valid(self, name: str, without: Sequence[int] = ()) -> Floats:
        """RMSE of each fold on rows that it has not learnt from, some left out: (k,)."""
        off = self.off(name)
        return np.array([rms(off[np.setdiff1d(valid, without)]) for _, valid in self.rows])

    def bounded(self, learn: Learn) -> Spread:
        """Find each house's interval from errors of other folds alone; gives what all errors teach.

        `learn` takes what is told of rows, their answers, and their errors.
        """
        off = self.off(ENSEMBLE) / self.scale
        self.low, self.high = np.empty_like(off), np.empty_like(off)
        half = np.empty_like(off)
        known = self.told, self.middle, off
        for _, valid in self.rows:
            others = np.setdiff1d(np.arange(len(off)), valid)
            spread = learn(*(each[others] for each in known))
            below, above = spread.bounds(*(each[valid] for each in known[:2]))
            at = self.of(ENSEMBLE)[valid]
            self.low[valid] = at + below * self.scale[valid]
            self.high[valid] = at + above * self.scale[valid]
            half[valid] = np.quantile(np.abs(off[others]), COVERAGE) * self.scale[valid]
        self.constant = float(half.mean())
        return learn(*known)

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Which houses sold for a price within their interval: (n,)."""
        return (self.low <= self.y) & (self.y <= self.high)


def rms(values: Floats) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.square(values).mean()))


def linear(X: Floats, y: Floats, others: Floats, target: Target) -> Floats:
    """What a ridge on the same inputs says, in log dollars: X (n, d), y (n,), (m, d) -> (m,)."""
    middle, level = X.mean(0), y.mean()
    away = X - middle
    slopes = ridge(away, y - level, PENALTY / len(X))
    return np.asarray(target.mean + target.std * (level + (others - middle) @ slopes))


def fifths(y: Floats) -> Rows:
    """Which fifth of the prices each is in: (n,)."""
    return np.argsort(np.argsort(y)) * FIFTHS // len(y)
