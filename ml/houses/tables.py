"""4.10.4 The houses as tensors: each lane's view of them, scaled on the rows it may look at."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.data import tables as own_tables
from ml.encoder import Encoder, Target
from ml.features import Features
from ml.houses import files as house_files
from ml.houses import recipe
from ml.houses.subject import HOUSES
from ml.schema import InputSchema
from ml.tabular.learnt import Learnable
from ml.tabular.subject import Subject

OWN = "Other places, kinds and years than its sales are of: it knows no others."


@dataclass(frozen=True, slots=True)
class HouseTable:
    """All n training rows as a lane sees them: X (n, d), y (n, 1), and what made them so."""

    X: NDArray[np.float32]
    y: NDArray[np.float32]
    encoder: Encoder
    target: Target


@dataclass(frozen=True, eq=False)
class HouseTables(Learnable):
    """Both files as plain values; `price` (n,) belongs to the rows of `train`."""

    files: house_files.Houses
    train: list[dict[str, object]]
    test: list[dict[str, object]]
    price: NDArray[np.float64]
    own: str = ""  # of one's own that is learnt from, and not the competition's houses
    made: dict[tuple[str, bytes, bool], HouseTable] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, sales: str = "") -> "HouseTables":
        """Both files of the competition (4.10.3), or a table of sales of that name for the first.

        Raises hub.DataUnavailable.
        """
        both = house_files.read()
        if sales:
            both = replace(both, train=house_files.frame(own_tables.read(sales)))
        train, test = house_files.records(both.train), house_files.records(both.test)
        return cls(both, train, test, both.prices[:, 0].astype(np.float64), sales)

    @cached_property
    def sold(self) -> list[dict[str, Any]]:
        """Each row of `train` with its Id and its SalePrice, as a predictor keeps it."""
        rows = zip(self.files.train[house_files.ID].tolist(), self.train, self.price, strict=True)
        return [
            {house_files.ID: i} | row | {house_files.TARGET: float(price)} for i, row, price in rows
        ]

    @cached_property
    def deciding(self) -> list[int]:
        """Rows of `train` that are houses 524 and 1299: large, unfinished, and sold for half."""
        if self.own:
            return []
        train = self.files.train
        return np.flatnonzero(train[house_files.ID].isin(house_files.DECIDING)).tolist()

    @property
    def edges(self) -> tuple[float, ...]:
        """Dollars, of a histogram of prices."""
        return house_files.EDGES

    @property
    def files_read(self) -> Sequence[str]:
        """Both files of the competition; the second alone beside a table of one's own."""
        return house_files.FILES[1:] if self.own else house_files.FILES

    @property
    def read_from(self) -> dict[str, str]:
        """The table of one's own."""
        return {"sales": f"table {self.own}"} if self.own else {}

    @property
    def not_for(self) -> tuple[str, ...]:
        """Other towns, years and houses; loans."""
        return (OWN, *house_files.NOT_FOR[2:]) if self.own else house_files.NOT_FOR

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

    @cached_property
    def raw_test(self) -> NDArray[np.float64]:
        """The rows without a price in the same way: (m, d)."""
        return self.layout.raw(self.test)

    def table(self, way: str, rows: NDArray[np.int64], *, log: bool) -> HouseTable:
        """What a net that learns from `rows` sees; the book's scaler has seen everything.

        Made once: nets with the same rows share it, also in memory.
        """
        key = way, rows.tobytes(), log
        if key not in self.made:
            encoder = self.book if way == "book" else self.layout.refit(self.raw, rows)
            target = Target.learn(self.price[rows], log=log)
            y = target.outputs(self.price)[:, None]
            self.made[key] = HouseTable(encoder.scale(self.raw), y, encoder, target)
        return self.made[key]

    @property
    def subject(self) -> Subject:
        """Houses, and what they sold for."""
        return replace(HOUSES, beside=None) if self.own else HOUSES

    @cached_property
    def schema(self) -> InputSchema:
        """What a row of house attributes must look like."""
        return house_files.schema(self.files.train)

    def target(self, rows: NDArray[np.int64]) -> Target:
        """The logarithm of the price."""
        return Target.learn(self.price[rows], log=True)

    @cached_property
    def steps(self) -> Features:
        """The recipe's steps, with the levels of the training file; nothing else is learnt yet."""
        return recipe.RICH.named(self.train)

    def standardised(
        self, way: str, X: NDArray[np.float32], rows: NDArray[np.int64]
    ) -> tuple[float, float]:
        """Largest |mean| and |sd - 1| of the numbers that a scaler has learnt from (4.10.4).

        X (n, d) is what it makes of the training rows; it has learnt from `rows`, or from both
        files where it is the book's. What is missing does not count.
        """
        seen, raw = X[rows], self.raw[rows]
        if way == "book":
            seen = np.vstack([X, self.book.scale(self.raw_test)])
            raw = np.vstack([self.raw, self.raw_test])
        numbers = slice(len(self.layout.numbers))
        known = np.where(np.isnan(raw), np.nan, seen)[:, numbers]
        mean, sd = np.nanmean(known, axis=0), np.nanstd(known, axis=0, ddof=1)
        return float(np.abs(mean).max()), float(np.abs(sd - 1).max())
