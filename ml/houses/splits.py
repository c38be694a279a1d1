"""4.9 The houses as source and target: a ridge on all columns, β from the numeric ones."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ml.events import Floats
from ml.houses.tables import HouseTables
from ml.shift import DensityRatio, Risk, density_ratio, gain

PENALTY = 30.0  # of the ridge, in rows of weight 1 and standardised columns
FOLDS = 5
Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class HouseSplit:
    """Source and target rows of the training file, and what a ridge learns of log prices."""

    tables: HouseTables
    source: Rows  # (n,)
    target: Rows  # (m,)
    clip: float = np.inf
    seed: int = 0

    @cached_property
    def X(self) -> Floats:
        """All rows, scaled by the source: (N, d); the numeric columns come first."""
        encoder = self.tables.layout.refit(self.tables.raw, self.source)
        return encoder.scale(self.tables.raw).astype(np.float64)

    @cached_property
    def y(self) -> Floats:
        """Log prices (N,)."""
        return np.asarray(np.log(self.tables.price))

    @cached_property
    def ratio(self) -> DensityRatio:
        """β of the numeric columns."""
        numbers = self.X[:, : len(self.tables.layout.numbers)]
        return density_ratio(
            numbers[self.source], numbers[self.target], clip=self.clip, seed=self.seed
        )

    def errors(self, beta: Floats | None = None) -> Floats:
        """Errors of log price on the target (m,) of a ridge on the source, weighted or plain."""
        return self.learnt(self.source, self.target, beta)

    def learnt(self, rows: Rows, others: Rows, beta: Floats | None) -> Floats:
        """Errors on other rows of a ridge on these; weights (rows,) or none."""
        w = np.ones(len(rows)) if beta is None else beta / beta.mean()
        X, y = self.X[rows], self.y[rows]
        middle, level = w @ X / w.sum(), w @ y / w.sum()
        away = X - middle
        gram = away.T @ (w[:, None] * away) + PENALTY * np.eye(X.shape[1])
        slopes = np.linalg.solve(gram, away.T @ (w * (y - level)))
        return np.asarray((self.X[others] - middle) @ slopes + level - self.y[others])

    def foretold(self) -> Risk:
        """By how much weights lower the target's squared error, as source rows alone can tell.

        Both ridges are fitted to four fifths of the source; β weighs their losses on the others.
        """
        order = np.random.default_rng(self.seed).permutation(len(self.source))
        losses = np.empty((2, len(self.source)))
        for held_out in np.array_split(order, FOLDS):
            rest = np.setdiff1d(order, held_out)
            for way, beta in enumerate((None, self.ratio.source[rest])):
                errors = self.learnt(self.source[rest], self.source[held_out], beta)
                losses[way, held_out] = np.square(errors)
        return gain(losses[0], losses[1], self.ratio.source)


def rmse(errors: Floats) -> float:
    """Root of the mean square (m,)."""
    return float(np.sqrt(np.square(errors).mean()))
