"""Sales that a price rests on: what each says of a house, and what differs between the two."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.features import Row
from ml.schema import InputSchema
from ml.schema.dates import measured

NOTABLE = 0.05  # of a standard deviation of the target: less than that is much the same
TOLD = 3  # differences


@dataclass(frozen=True, slots=True)
class Difference:
    """An attribute in which a sale is not like the house that is priced."""

    attribute: str
    here: Any
    there: Any  # of the sale


@dataclass(frozen=True, slots=True)
class Comparable:
    """A sale that a price rests on: the house, what it sold for and what that says of another."""

    id: int | str
    house: dict[str, Any]
    sold: float  # dollars
    says: float  # dollars: its price, adjusted by what differs
    weight: float  # of all sales together 1
    distance: float  # as learnt: its weight falls as exp(-distance²)
    differs: tuple[Difference, ...]  # what matters most first


@dataclass(frozen=True, slots=True)
class Comparables:
    """The sales that count most for a house, what all the others say, and what each member does.

    log of what the member "comparables" says is Σ weight · log says over sales and rest.
    """

    sales: tuple[Comparable, ...]  # the heaviest first
    rest: tuple[float, float]  # dollars that all other sales say, and their weight
    members: dict[str, float]  # dollars
    blend: dict[str, float]  # what each member counts for
    limit: float  # by so much of a log price the others may move what sales say


@dataclass(frozen=True, slots=True)
class Worths:
    """What a value of each attribute alone says of a price: only to tell which differences matter.

    A number says its least-squares line of log price, a date as well, a level the mean of those
    that have it.
    """

    slopes: Mapping[str, float]
    means: Mapping[str, Mapping[Any, float]]
    notable: float  # of a difference

    @classmethod
    def learn(
        cls, schema: InputSchema, houses: Sequence[Mapping[str, Any]], log: NDArray[np.float64]
    ) -> "Worths":
        """From n houses and their prices as errors are measured (n,)."""
        slopes, means = dict[str, float](), dict[str, Mapping[Any, float]]()
        for field in schema.fields:
            name = field.name
            values = [house.get(name) for house in houses]
            if field.kind == "level":
                keys = np.array([str(value) for value in values])
                means[name] = {str(key): float(log[keys == key].mean()) for key in np.unique(keys)}
            else:
                known = np.array([value is not None for value in values])
                x = np.array([measured(v) for v in values if v is not None], np.float64)
                away = x - x.mean() if len(x) else x
                slopes[name] = float(away @ log[known] / (away @ away)) if away.any() else 0.0
        return cls(slopes, means, NOTABLE * float(log.std()))

    def differences(self, here: Row, there: Row, schema: InputSchema) -> tuple[Difference, ...]:
        """What matters most of what differs, one attribute of each group at most."""
        found = dict[str, tuple[float, Difference]]()
        for field in schema.fields:
            a, b = here.get(field.name), there.get(field.name)
            worth = abs(self.between(field.name, a, b)) if field.name in here else 0.0
            if worth > (found[field.group][0] if field.group in found else self.notable):
                found[field.group] = worth, Difference(field.name, a, b)
        ranked = sorted(found.values(), key=lambda each: -each[0])
        return tuple(difference for _, difference in ranked[:TOLD])

    def between(self, name: str, here: Any, there: Any) -> float:
        """What the difference alone would say, in log price; 0 where one is not known."""
        if here == there:
            return 0.0
        if name in self.means:
            table = self.means[name]
            both = table.get(str(here)), table.get(str(there))
            return 0.0 if both[0] is None or both[1] is None else both[1] - both[0]
        if here is None or there is None:
            return 0.0
        return self.slopes[name] * (measured(there) - measured(here))
