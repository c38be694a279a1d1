"""4.9 Shift among houses: what a detector says of four pairs of tables, and what weights buy."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ml import draws, fields
from ml.events import Check, Checkpoint, Event, Figure, Floats, Note, Table
from ml.experiment import Experiment, Preset
from ml.houses.splits import HouseSplit, rmse
from ml.houses.tables import HouseTables
from ml.schema import InputSchema
from ml.shift import DensityRatio, Risk, Shift, advice, density_ratio, detect

KIN = {"YearBuilt", "GarageYrBlt", "YearRemodAdd", "Foundation"}
SHOWN = 12  # columns of the ranking
TOP = 8  # of some 120 tests of columns
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pair:
    """What one pair of tables comes to."""

    name: str
    found: Shift
    effective: float  # share of the source's rows
    advice: str
    plain: float | None = None  # error of log price on the target; None where it has no prices
    weighted: float | None = None


class HouseShift(Experiment):
    """Hold Kaggle's train beside its test, old beside new, cheap beside dear, halves by chance."""

    breakable = ("found", "ratio", "advised")
    presets = (
        Preset("year", "Before and after a year", "The split of which more is shown.", {}),
        Preset("old", "Only the oldest", "A source of 1940 and before.", {"year": 1940}),
    )

    name: Literal["house_shift"] = "house_shift"
    year: int = fields.own(
        1970, "Data", "Year", "Houses built before it are the source.", ge=1920, le=2000
    )

    @cached_property
    def tables(self) -> HouseTables:
        """Both files of the competition."""
        return HouseTables.read()

    @cached_property
    def parts(self) -> dict[str, tuple[Rows, Rows]]:
        """Rows of the training file that are source, and target, of each pair."""
        built = np.array([row["YearBuilt"] for row in self.tables.train], float)
        price, n = self.tables.price, len(built)
        half = draws.numpy_generator(self.seed).permutation(n) < n // 2
        sides = {
            "halves by chance": half,
            f"built before {self.year} → after": built < self.year,
            "cheaper half → dearer half": price <= np.median(price),
        }
        return {name: (np.flatnonzero(one), np.flatnonzero(~one)) for name, one in sides.items()}

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:  # noqa: ARG002  no state
        """Detect, correct, and say what correction bought."""
        pairs = [self.kaggle(), *(self.pair(name) for name in self.parts)]
        yield self.overview(pairs)
        for pair in pairs[2:]:
            yield self.ranking(pair)
        yield self.errors(pairs)
        for note in pairs[0].found.notes:
            yield Note(note)
        yield from self.claims(*pairs)

    def kaggle(self) -> Pair:
        """The files of the competition: the target has no prices."""
        tables = self.tables
        found = self.found(tables.train, tables.test)
        numbers = len(tables.layout.numbers)
        X, X_test = (
            tables.layout.scale(raw).astype(float)[:, :numbers]
            for raw in (tables.raw, tables.raw_test)
        )
        ratio = self.ratio(X, X_test)
        return Pair("Kaggle: train → test", found, ratio.effective_share, self.advised(ratio))

    @staticmethod
    def ratio(source: Floats, target: Floats) -> DensityRatio:
        """β of numeric columns."""
        return density_ratio(source, target)

    @staticmethod
    def advised(ratio: DensityRatio, won: Risk | None = None) -> str:
        """Whether to correct."""
        return advice(ratio, won)

    def pair(self, name: str) -> Pair:
        """One of `parts`."""
        source, target = self.parts[name]
        split = HouseSplit(self.tables, source, target, seed=self.seed)
        rows = [[self.tables.train[i] for i in part] for part in (source, target)]
        return Pair(
            name,
            self.found(*rows),
            split.ratio.effective_share,
            self.advised(split.ratio, split.foretold()),
            rmse(split.errors()),
            rmse(split.errors(split.ratio.source)),
        )

    def found(self, source: Any, target: Any) -> Shift:
        """The detector's answer to rows."""
        schema = InputSchema.learn(source, id_column="Id", target_column="SalePrice")
        return detect(source, target, schema=schema, seed=self.seed)

    def overview(self, pairs: list[Pair]) -> Table:
        """A row for each pair."""
        told = [pair.found.classifier for pair in pairs]
        columns: dict[str, Any] = {
            "source → target": [pair.name for pair in pairs],
            "n": [float(pair.found.n) for pair in pairs],
            "m": [float(pair.found.m) for pair in pairs],
            "AUC": [each.auc for each in told],
            "p": [each.p for each in told],
            "tests of columns beyond chance": [float(len(pair.found.moved)) for pair in pairs],
            "effective share": [pair.effective for pair in pairs],
            "advice": [pair.advice for pair in pairs],
        }
        return Table.of("pairs", "Has anything moved?", columns)

    def ranking(self, pair: Pair) -> Table:
        """The columns that moved most."""
        first = pair.found.columns[:SHOWN]
        columns: dict[str, Any] = {
            "column": [f"{each.name}{'' if each.of in PLAIN else ' ' + each.of}" for each in first],
            "share moved": [each.moved for each in first],
            "p among all": [each.adjusted for each in first],
            "what": [each.sentence for each in first],
        }
        name = "year" if pair.name.startswith("built") else "price"
        return Table.of(f"ranking_{name}", f"What moved: {pair.name}", columns)

    def errors(self, pairs: list[Pair]) -> Figure:
        """What weights bought."""
        known = [pair for pair in pairs if pair.plain is not None]
        names = [pair.name for pair in known]
        bought = "; ".join(f"{p.name}: {p.plain:.3f} to {p.weighted:.3f}" for p in known)
        return Figure.lines(
            "errors",
            "Error on the target, plain and weighted by β",
            f"Root mean squared error of log price, {bought}.",
            np.arange(float(len(known))),
            {
                "plain": np.array([pair.plain for pair in known], float),
                "weighted": np.array([pair.weighted for pair in known], float),
            },
            mode="markers",
            x_names=tuple(names),
            x_label="",
            y_label="error of log price",
        )

    def claims(self, kaggle: Pair, halves: Pair, years: Pair, prices: Pair) -> Iterator[Check]:
        """What a detector must say of these."""
        yield self.near("Kaggle's train against test: AUC", 0.5, kaggle.found.classifier.auc, 0.05)
        yield self.at_least("Kaggle's train against test: effective share", 0.9, kaggle.effective)
        yield self.near("halves by chance: AUC", 0.5, halves.found.classifier.auc, 0.06)
        yield self.at_least("halves by chance: effective share", 0.9, halves.effective)
        yield self.below("split by year: p", 0.01, years.found.classifier.p)
        first = [column.name for column in years.found.columns[:TOP]]
        yield self.equal("split by year: the column that moved most", "YearBuilt", first[0])
        if self.matches():
            name = f"split by year: of the first {TOP}, YearBuilt and its kin"
            yield self.equal(name, len(KIN), len(KIN.intersection(first)))
            name = "split by year, no overlap: weighted error minus plain error"
            yield self.above(name, 0, (years.weighted or 0) - (years.plain or 0))
            against = not years.advice.startswith("Correcting can help")
            yield self.holds("split by year: advice", "not to correct", years.advice, against)
        yield self.below("split by price: p", 0.01, prices.found.classifier.p)


PLAIN = {"numbers", "levels"}
