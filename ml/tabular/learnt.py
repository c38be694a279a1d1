"""A table to learn from: its rows, its target, and each fold's view of them as inputs of a net."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.encoder import Target
from ml.features import Features
from ml.schema import InputSchema
from ml.tabular.subject import Subject

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RichTable:
    """All n rows as inputs X (n, d) with targets y (n, 1); `rows` are those learnt from."""

    X: NDArray[np.float32]
    y: NDArray[np.float32]
    features: Features
    target: Target
    rows: Rows


class Learnable(ABC):
    """n rows with a target each, and some without."""

    train: Sequence[Mapping[str, Any]]  # the inputs of n rows
    price: NDArray[np.float64]  # (n,) their targets
    test: Sequence[Mapping[str, Any]]  # rows that nobody knows the target of

    @property
    @abstractmethod
    def subject(self) -> Subject:
        """What it is about."""

    @property
    @abstractmethod
    def steps(self) -> Features:
        """From a row to inputs, with the levels of all rows; nothing else is learnt yet."""

    @property
    @abstractmethod
    def schema(self) -> InputSchema:
        """What a row must look like."""

    @property
    @abstractmethod
    def sold(self) -> Sequence[dict[str, Any]]:
        """Each of the n rows with its id and its target, as a predictor keeps it."""

    @property
    @abstractmethod
    def ids(self) -> Sequence[int]:
        """Of the rows of `test`."""

    @property
    @abstractmethod
    def edges(self) -> Sequence[float]:
        """Of a histogram of targets."""

    @property
    @abstractmethod
    def files_read(self) -> Sequence[str]:
        """Files of the data hub that it was read from."""

    @property
    @abstractmethod
    def read_from(self) -> dict[str, str]:
        """What else it was read from."""

    @property
    @abstractmethod
    def not_for(self) -> tuple[str, ...]:
        """What a model that has learnt it must not be used for."""

    @property
    @abstractmethod
    def deciding(self) -> Sequence[int]:
        """Rows that can decide a ranking alone."""

    @abstractmethod
    def target(self, rows: Rows) -> Target:
        """How outputs of nets become targets, learnt from these rows."""

    @cached_property
    def measured(self) -> NDArray[np.float64]:
        """The targets as errors are measured: (n,)."""
        return np.log(self.price) if self.subject.words.log else self.price

    @cached_property
    def _views(self) -> dict[bytes, RichTable]:
        return {}

    def rich(self, rows: Rows) -> RichTable:
        """What a net that learns from these rows is told of every row."""
        if (key := rows.tobytes()) not in self._views:
            others = np.setdiff1d(np.arange(len(self.train)), rows)
            known = [self.train[row] for row in rows]
            features, seen = self.steps.learn(known, self.measured[rows])
            X = np.empty((len(self.train), seen.shape[1]), np.float32)
            X[rows] = seen
            if len(others):
                X[others] = features.encode([self.train[row] for row in others])
            target = self.target(rows)
            y = target.outputs(self.price)[:, None]
            self._views[key] = RichTable(X, y, features, target, rows)
        return self._views[key]


def alike(rows: Sequence[Mapping[str, Any]]) -> list[Rows]:
    """Places of rows that say the same, those of each together."""
    same = dict[tuple[object, ...], list[int]]()
    for i, row in enumerate(rows):
        same.setdefault(tuple(row.values()), []).append(i)
    return [np.array(places, np.int64) for places in same.values()]
