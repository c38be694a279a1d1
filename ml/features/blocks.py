"""Columns to inputs of a net: blocks that stand side by side, each (n, k)."""

import itertools
from abc import ABC, abstractmethod
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ml.features.columns import Columns, Numbers

DISTINCT, SKEW = 12, 0.6  # a column of more values that is so skewed is taken as its logarithm
FARTHEST = 1e100
NORMAL = 1.349  # quartiles of a normal distribution are so many standard deviations apart


class Block(BaseModel, ABC):
    """Some columns as numbers of about the same size."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    columns: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of each of the k inputs."""
        return self.columns

    def learn(self, _: Columns) -> Self:
        """The block as it is after it has seen n training rows."""
        return self

    @abstractmethod
    def encode(self, columns: Columns) -> Numbers:
        """Inputs of these rows (n, k)."""


class Plain(Block):
    """Columns as they are."""

    kind: Literal["plain"] = "plain"

    def encode(self, columns: Columns) -> Numbers:
        """Side by side."""
        return np.column_stack([columns[name] for name in self.columns])


class Robust(Block):
    """(x - median) / (IQR / 1.349), then x / √(1 + (x / clip)²): no row is further than the clip.

    The logarithm of 1 + x first, where training rows have many values, none below 0, and a long
    tail. A column whose quartiles agree is divided by its standard deviation, a constant by 1.
    """

    kind: Literal["robust"] = "robust"
    clip: float = Field(3.0, gt=0)
    log: tuple[bool, ...] = ()
    middle: tuple[float, ...] = ()
    spread: tuple[float, ...] = ()

    def learn(self, columns: Columns) -> Self:
        """Which are logarithms, medians and spreads."""
        X = np.column_stack([columns[name] for name in self.columns])
        log = np.array([_is_long(x) for x in X.T])
        X = _logs(X, log)
        quartiles, deviation = np.percentile(X, [25, 75], axis=0), X.std(axis=0)
        spread = (quartiles[1] - quartiles[0]) / NORMAL
        spread = np.where(spread > 0, spread, np.where(deviation > 0, deviation, 1.0))
        return self.model_copy(
            update={
                "log": tuple(log.tolist()),
                "middle": tuple(np.median(X, axis=0).tolist()),
                "spread": tuple(spread.tolist()),
            }
        )

    def encode(self, columns: Columns) -> Numbers:
        """Scaled and clipped."""
        return self.scaled(np.column_stack([columns[name] for name in self.columns]))

    def scaled(self, X: Numbers) -> Numbers:
        """The same of the columns side by side (n, k)."""
        Z = (_logs(X, np.array(self.log)) - self.middle) / self.spread
        Z = np.clip(Z, -FARTHEST, FARTHEST)  # its square is a number
        return np.asarray(Z / np.sqrt(1 + np.square(Z / self.clip)))


class OneHot(Block):
    """An indicator for each level; one that no training row has is 0 for every row.

    Which levels there are may be said beforehand, so that folds have the same inputs; else they
    are those of the training rows.
    """

    kind: Literal["one-hot"] = "one-hot"
    levels: tuple[tuple[str, ...], ...] = ()
    seen: tuple[tuple[bool, ...], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """MSZoning=RL, ..."""
        pairs = zip(self.columns, self.levels, strict=True)
        return tuple(f"{name}={level}" for name, levels in pairs for level in levels)

    def learn(self, columns: Columns) -> Self:
        """Levels, if none are known yet, and which are seen."""
        seen = [{*columns[name].tolist()} for name in self.columns]
        levels = self.levels or tuple(tuple(sorted(each)) for each in seen)
        known = tuple(
            tuple(level in each for level in own) for own, each in zip(levels, seen, strict=True)
        )
        return self.model_copy(update={"levels": levels, "seen": known})

    @property
    def indicators(self) -> list[dict[str, int]]:
        """Of each column, which input is 1 for which level."""
        at = itertools.count()
        return [
            {level: i for level, known, i in zip(levels, seen, at, strict=False) if known}
            for levels, seen in zip(self.levels, self.seen, strict=True)
        ]

    def encode(self, columns: Columns) -> Numbers:
        """0 and 1."""
        out = np.zeros((len(columns[self.columns[0]]), sum(map(len, self.levels))))
        for name, place in zip(self.columns, self.indicators, strict=True):
            words: list[Any] = columns[name].tolist()
            for row, word in enumerate(words):
                if (at := place.get(word)) is not None:
                    out[row, at] = 1
        return out


def _is_long(x: Numbers) -> bool:
    """Whether a column of training rows is better seen as its logarithm."""
    away, spread = x - x.mean(), x.std()
    if x.min() < 0 or len(np.unique(x)) <= DISTINCT or spread == 0:
        return False
    return bool(abs((away**3).mean() / spread**3) > SKEW)


def _logs(X: Numbers, log: Any) -> Numbers:
    return np.where(log, np.log1p(np.maximum(X, 0)), X)


AnyBlock = Annotated[Plain | Robust | OneHot, Field(discriminator="kind")]
