"""Answers that are not one number: what a row may be, how likely, and how far off each may be."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
PARTS = 8  # that an interval which holds a quantile is cut into, time after time
CUTS = 9  # until it is so short that shares are linear in it: 1e-8 of what it was


@dataclass(frozen=True, eq=False)
class Errors:
    """Quantiles of what errors are, over the size that was expected of them: (q,) rising."""

    levels: Vector
    values: Vector

    @classmethod
    def learn(cls, scores: Vector, ends: Sequence[tuple[float, float]]) -> "Errors":
        """From scores (n,) of rows not learnt from, whose i-th least is at i/(n + 1).

        `ends` are levels with values that hold whatever the scores say.
        """
        held, those = np.array(sorted(ends), np.float64).reshape(-1, 2).T
        levels = np.arange(1, len(scores) + 1) / (len(scores) + 1)
        least = np.append(-np.inf, those)[np.searchsorted(held, levels, "right")]
        most = np.append(those, np.inf)[np.searchsorted(held, levels, "left")]
        levels = np.concatenate([levels, held])
        values = np.concatenate([np.clip(np.sort(scores), least, most), those])
        order = np.argsort(levels, kind="stable")
        return cls(levels[order], values[order])

    def at(self, levels: Vector) -> Vector:
        """The quantiles: (q,)."""
        return np.asarray(np.interp(levels, self.levels, self.values))

    def below(self, scores: Vector) -> Vector:
        """Which share of errors is below each, of any shape."""
        return np.asarray(np.interp(scores, self.values, self.levels, left=0.0, right=1.0))


@dataclass(frozen=True, eq=False)
class Mixture:
    """What n rows are told to be worth: of each some answers, one after another.

    Answers and sizes of errors are in log dollars, weights of a row are 1 in all: (m,) each.
    """

    log: Vector
    size: Vector
    weight: Vector
    start: NDArray[np.int64]  # (n,) where each row's answers start

    @cached_property
    def middle(self) -> Vector:
        """The mean, by which squared errors are least: (n,)."""
        return self._sum(self.log)

    def quantiles(self, levels: Sequence[float], errors: Errors) -> Vector:
        """Below what each row is with these probabilities (q,): (q, n).

        One answer's are exact; those of several are found by cutting intervals that hold them.
        """
        wanted = np.asarray(levels, np.float64)[:, None]
        own = self.log + self.size * errors.at(wanted)
        low, high = (ends.reduceat(own, self.start, axis=1) for ends in (np.minimum, np.maximum))
        if len(self.start) == len(self.log):
            return np.asarray(low)
        many = np.diff(self.start, append=len(self.log))

        def share(at: Vector) -> Vector:
            """What is below, of any shape (..., n)."""
            score = (np.repeat(at, many, axis=-1) - self.log) / self.size
            return self._sum(errors.below(score))

        width, inner = high - low, np.arange(1, PARTS)[:, None, None]
        for _ in range(CUTS):
            width /= PARTS
            low = low + width * (share(low + width * inner) < wanted).sum(axis=0)
        left, right = share(np.stack([low, low + width]))
        rise = right - left
        part = np.divide(wanted - left, rise, out=np.full_like(rise, 0.5), where=rise > 0)
        return np.asarray(low + width * np.clip(part, 0, 1))

    def _sum(self, values: Vector) -> Vector:
        return np.asarray(np.add.reduceat(self.weight * values, self.start, axis=-1))
