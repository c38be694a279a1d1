"""Why a price is what it is: dollars that each group of columns adds to that of a typical row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.features import Row
from ml.predictor.card import Vector
from ml.schema import InputSchema

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reason:
    """What a group of columns adds to the price of a typical row."""

    group: str
    dollars: float
    differs: tuple[str, ...]  # its columns in which the row is not typical


@dataclass(frozen=True, slots=True)
class Reasons:
    """From what a typical row costs to what this one does: typical + Σ dollars + error = price."""

    typical: float
    price: float
    reasons: tuple[Reason, ...]  # the largest first

    @property
    def error(self) -> float:
        """Dollars that the reasons leave untold: of what is not known, and else of rounding."""
        told = sum(reason.dollars for reason in self.reasons)
        return self.price - self.typical - told


def reasons(row: Row, schema: InputSchema, prices: Callable[[Sequence[Row]], Vector]) -> Reasons:
    """Shapley values of the groups of a schema's columns, exactly, against its typical row.

    A set of groups is worth the price of a row that has these groups from `row` and all others from
    the typical row (baseline Shapley: Sundararajan & Najmi, 2020). A group in which both agree adds
    nothing and is left out; G others take 2^G prices.
    """
    typical = {field.name: field.typical for field in schema.fields}
    groups: dict[str, Values] = {}  # what this row has that a typical one has not
    for field in schema.fields:
        if row.get(field.name) != field.typical:
            groups.setdefault(field.group, {})[field.name] = row.get(field.name)
    worth = prices([typical | _together(mixed) for mixed in _sets([*groups.values()])])
    added = shapley(worth)
    told = [
        Reason(group, float(dollars), tuple(own))
        for (group, own), dollars in zip(groups.items(), added, strict=True)
    ]
    told.sort(key=lambda reason: -abs(reason.dollars))
    return Reasons(float(worth[0]), float(worth[-1]), tuple(told))


def shapley(worth: Vector) -> Vector:
    """What each of G players adds, on average over all orders in which they may come: (G,).

    `worth` (2^G,) is of all sets; the i-th has player j where bit j of i is 1 (Shapley, 1953).
    """
    sets = np.arange(len(worth))
    players = range(len(worth).bit_length() - 1)
    size = _size(sets)
    added = np.zeros(len(players))
    for j in players:
        without = sets[sets >> j & 1 == 0]
        orders = np.array([len(players) * comb(len(players) - 1, k) for k in size[without]])
        added[j] = ((worth[without | 1 << j] - worth[without]) / orders).sum()
    return added


def _size(sets: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many players each set has."""
    return np.array([int(each).bit_count() for each in sets])


def _sets(groups: Sequence[Values]) -> list[list[Values]]:
    """All sets of groups, in the order that `shapley` counts them."""
    return [[own for j, own in enumerate(groups) if i >> j & 1] for i in range(1 << len(groups))]


def _together(groups: Sequence[Values]) -> Values:
    return {name: value for own in groups for name, value in own.items()}
