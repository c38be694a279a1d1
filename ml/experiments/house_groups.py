"""4.9 Who is served worse: the error of house prices by neighbourhood, decade and price band."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ml import draws, fields
from ml.events import Check, Checkpoint, Event, Figure, Floats, Note, Series, Table
from ml.experiment import Experiment, Preset
from ml.houses.splits import HouseSplit, rmse
from ml.houses.tables import HouseTables

FEW = 10  # houses of a group below which nothing is said of it
LEVEL = 0.05  # of false warnings among all
BANDS = 5
SHUFFLES = 40

Groups = Mapping[str, NDArray[np.str_]]


class HouseGroups(Experiment):
    """Price each house by a model that has not seen it, and compare groups of houses."""

    breakable = ("held_out", "warned")
    presets = (
        Preset("all", "Three groupings", "Neighbourhood, decade, price.", {}),
        Preset("ten", "Ten folds", "A little more to learn from.", {"k": 10}),
    )

    name: Literal["house_groups"] = "house_groups"
    k: fields.K = 5

    @cached_property
    def tables(self) -> HouseTables:
        """The training file."""
        return HouseTables.read()

    @cached_property
    def groups(self) -> Groups:
        """By name of the grouping: the group of each house (N,)."""
        built = np.array([row["YearBuilt"] for row in self.tables.train], int)
        edges = np.quantile(self.tables.price, np.arange(1, BANDS) / BANDS)
        band = np.searchsorted(edges, self.tables.price, side="right")
        places = [f"${1e-3 * edge:.0f},000" for edge in edges]
        names = [f"below {places[0]}"]
        names += [f"{low} to {high}" for low, high in pairwise(places)]
        names += [f"{places[-1]} and more"]
        return {
            "neighbourhood": np.array([row["Neighborhood"] for row in self.tables.train], str),
            "decade": np.char.add((built // 10 * 10).astype(str), "s"),
            "price band": np.array(names)[band],
        }

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:  # noqa: ARG002  no state
        """Errors of log price by group; a warning where one is served clearly worse."""
        order = draws.numpy_generator(self.seed).permutation(len(self.tables.train))
        errors = self.held_out(order)
        for grouping, of in self.groups.items():
            yield from self.shown(grouping, of, errors)
        yield from self.claims(errors)

    def held_out(self, order: NDArray[np.int64]) -> Floats:
        """Error of log price of each house by the fold that has not learnt from it (N,)."""
        errors = np.full(len(order), np.nan)
        for rows in np.array_split(order, self.k):
            rest = np.setdiff1d(order, rows)
            errors[rows] = HouseSplit(self.tables, rest, rows).errors()
        return errors

    @staticmethod
    def warned(sizes: Floats, of: NDArray[np.str_]) -> dict[str, float]:
        """Groups with errors clearly larger than those of the others, and their adjusted p.

        Mann and Whitney's test of the sizes (N,), one-sided, of each group with houses enough: two
        houses make a third of all squared errors, and would hide what is done to the rest. False
        discoveries among the warnings are held to one in twenty.
        """
        from scipy.stats import false_discovery_control, mannwhitneyu

        names, counts = np.unique(of, return_counts=True)
        tested = names[counts >= FEW].tolist()
        p = [
            mannwhitneyu(sizes[of == name], sizes[of != name], alternative="greater").pvalue
            for name in tested
        ]
        adjusted = zip(tested, false_discovery_control(p).tolist(), strict=True)
        return {name: p for name, p in adjusted if p < LEVEL}

    def shown(self, grouping: str, of: NDArray[np.str_], errors: Floats) -> Iterator[Event]:
        """A table of the groups, worst first, and what is said of them."""
        sizes = np.abs(errors)
        warned = self.warned(sizes, of)
        parts = {name: errors[of == name] for name in np.unique(of).tolist()}
        names = sorted(parts, key=lambda name: -float(np.median(np.abs(parts[name]))))
        middle, low, high = np.array([median_interval(np.abs(parts[name])) for name in names]).T
        columns: dict[str, Any] = {
            grouping: names,
            "houses": [float(len(parts[name])) for name in names],
            "median |error|": middle,
            "low, 95 %": low,
            "high": high,
            "root mean squared": [rmse(parts[name]) for name in names],
            "median price is off by": [f"{np.expm1(np.median(parts[n])):+.1%}" for n in names],
            "warning": [self.word(name, len(parts[name]), warned) for name in names],
        }
        key, whole = grouping.replace(" ", "_"), float(np.median(sizes))
        x, worst = np.arange(float(len(names))), ", ".join(warned) or "none"
        everyone = Series("all houses", x[[0, -1]], np.full(2, whole), "truth")
        group = Series("group, 95 %", x, middle, mode="markers", low=low, high=high)
        yield Figure(
            f"error_by_{key}",
            f"Error by {grouping}",
            f"The median house is off by {whole:.1%}; clearly worse: {worst}.",
            (group, everyone),
            y_label="median |error| of log price",
            x_names=tuple(names),
            x_label="",
        )
        yield Table.of(f"groups_{key}", f"By {grouping}, worst first", columns)
        if warned:
            yield Note(f"By {grouping}, served clearly worse: {worst}.", warning=True)

    @staticmethod
    def word(name: str, count: int, warned: Mapping[str, float]) -> str:
        """What stands beside a group."""
        return "clearly worse" if name in warned else "too few houses" if count < FEW else ""

    def claims(self, errors: Floats) -> Iterator[Check]:
        """That chance alone warns seldom, and who is warned of."""
        sizes = np.abs(errors)
        if self.matches():
            rng, of = draws.numpy_generator(self.seed, 1), self.groups["neighbourhood"]
            lots = [bool(self.warned(sizes, rng.permutation(of))) for _ in range(SHUFFLES)]
            name = "neighbourhoods drawn by lot, share with a warning"
            yield self.at_most(name, 0.2, float(np.mean(lots)))  # one in twenty is meant
            bands = self.warned(sizes, self.groups["price band"])
            (worst,) = [name for name in np.unique(self.groups["price band"]) if "below" in name]
            said = ", ".join(bands) or "none"
            yield self.holds("price bands served clearly worse", worst, said, worst in bands)


def median_interval(values: Floats) -> tuple[float, float, float]:
    """Median of values (n,) and its 95 % interval by order statistics, which asks for no law."""
    from scipy.stats import binom

    ordered, n = np.sort(values), len(values)
    low, high = (int(binom.ppf(tail, n, 0.5)) for tail in (0.025, 0.975))
    return float(np.median(ordered)), float(ordered[low]), float(ordered[min(high, n - 1)])
