"""4.10.4 The houses as tensors: each lane's view of them, scaled on the rows it may look at."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ml.encoder import Encoder, Target
from ml.houses import files as house_files

Way = Literal["honest", "book"]


@dataclass(frozen=True, slots=True)
class HouseTable:
    """All n training rows as a lane sees them: X (n, d), y (n, 1), and what made them so."""

    X: NDArray[np.float32]
    y: NDArray[np.float32]
    encoder: Encoder
    target: Target


@dataclass(frozen=True)
class HouseTables:
    """Both files as plain values; `price` (n,) belongs to the rows of `train`."""

    files: house_files.Houses
    train: list[dict[str, object]]
    test: list[dict[str, object]]
    price: NDArray[np.float64]

    @classmethod
    def read(cls) -> "HouseTables":
        """Both files of the competition (4.10.3). Raises hub.DataUnavailable."""
        both = house_files.read()
        train, test = house_files.records(both.train), house_files.records(both.test)
        return cls(both, train, test, both.prices[:, 0].astype(np.float64))

    @property
    def ids(self) -> list[int]:
        """Ids of the rows of `test`."""
        ids: list[int] = self.files.test[house_files.ID].tolist()
        return ids

    @cached_property
    def book(self) -> Encoder:
        """Scale and levels of train and test together."""
        return Encoder.book(self.train, self.test)

    @cached_property
    def layout(self) -> Encoder:
        """Columns and levels of the training file; the scale comes from `refit`."""
        return Encoder.honest(self.train)

    @cached_property
    def raw(self) -> NDArray[np.float64]:
        """The training rows as numbers, not yet scaled: (n, d), columns as in both encoders."""
        return self.layout.raw(self.train)

    def table(self, way: str, rows: NDArray[np.int64], *, log: bool) -> HouseTable:
        """What a lane that learns from `rows` sees; the book's scaler has seen everything."""
        encoder = self.book if way == "book" else self.layout.refit(self.raw, rows)
        target = self.target(rows, log=log)
        return HouseTable(
            encoder.scale(self.raw), target.outputs(self.price)[:, None], encoder, target
        )

    def target(self, rows: NDArray[np.int64], *, log: bool) -> Target:
        """What a lane that learns from `rows` aims at."""
        return Target.learn(self.price[rows], log=log)
