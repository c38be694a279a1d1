"""4.10 What moves with an attribute of a house: floors with the area, the garage with the age."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.schema import InputField, InputSchema

PARTS: Mapping[str, tuple[str, ...]] = {  # they add up to it, so each keeps its share
    "GrLivArea": ("1stFlrSF", "2ndFlrSF", "LowQualFinSF"),
    "TotalBsmtSF": ("BsmtFinSF1", "BsmtFinSF2", "BsmtUnfSF"),
}
FOLLOWING: Mapping[str, tuple[str, ...]] = {  # a larger house has more rooms, as those sold have
    "GrLivArea": ("TotRmsAbvGrd", "BedroomAbvGr", "FullBath", "HalfBath"),
    "BedroomAbvGr": ("TotRmsAbvGrd",),
    "LotArea": ("LotFrontage",),
    "GarageCars": ("GarageArea",),
}
SINCE: Mapping[str, tuple[str, ...]] = {"YearBuilt": ("YearRemodAdd", "GarageYrBlt")}  # not before
LEADING = tuple(dict.fromkeys((*SINCE, *PARTS, *FOLLOWING)))
Values = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Together:
    """Fields, and by how much what follows moves: a least-squares slope over houses sold."""

    fields: Mapping[str, InputField]
    slopes: Mapping[tuple[str, str], float]

    @classmethod
    def learn(cls, schema: InputSchema, houses: Sequence[Values]) -> "Together":
        """From houses that were sold; a slope is 0 where too few say both."""
        fields = {field.name: field for field in schema.fields}
        pairs = [(x, y) for x, following in FOLLOWING.items() for y in following]
        known = [(x, y) for x, y in pairs if x in fields and y in fields]
        return cls(fields, {(x, y): slope(houses, x, y) for x, y in known})

    def moved(self, row: Values, column: str, value: Any) -> dict[str, Any]:
        """The row with another value in a column, and with what must then change, too."""
        return {**row, **self.moves(row, column, value)}

    def moves(self, row: Values, column: str, value: Any) -> dict[str, Any]:
        """What changes in a row with another value in a column, that among it.

        Parts of a sum keep their shares of it. What follows moves by its slope, within what was
        seen of it. A house is not remodelled before it is built, and what is as old as the house
        stays so. What the row does not say stays unsaid.
        """
        old = row.get(column)
        if not isinstance(old, int | float):  # it is not known, or a date, which nothing follows
            return {column: value}
        by = value - old
        parts = {name: row[name] * value / old for name in _of(PARTS, column, row) if old}
        following = {
            name: _within(self.fields[name], row[name] + self.slopes[column, name] * by)
            for name in _of(FOLLOWING, column, row)
        }
        since = {
            name: value if row[name] == old else max(row[name], value)
            for name in _of(SINCE, column, row)
        }
        changed = (parts | following | since).items()
        return {column: value} | {
            name: round(new) if self.fields[name].kind == "integer" else new
            for name, new in changed
            if new != row[name]
        }

    def fitted(self, sold: Values, known: Values) -> dict[str, Any]:
        """A house that was sold, made one of which this is known: what moves together moves.

        Where a sum is known and not all of its parts, the others share what is left of it, as they
        did; where a part is known and not the sum, it is that of the parts.
        """
        row = dict(sold)
        for column in LEADING:
            value, old = known.get(column), row.get(column)
            if value is not None and old is not None and value != old:
                row |= self.moves(row, column, value)
        row |= known
        for total, every in PARTS.items():
            parts = [part for part in every if row.get(part) is not None]
            unsaid = [part for part in parts if part not in known]
            if known.get(total) is not None:
                if unsaid:
                    row |= _shared(row, unsaid, known[total], [*set(parts) - set(unsaid)])
            elif len(unsaid) < len(parts):
                row[total] = sum(row[part] for part in parts)
        return row


def slope(houses: Sequence[Values], x: str, y: str) -> float:
    """By how much y changes with x among houses that say both; 0 where too few do."""
    known = [(house[x], house[y]) for house in houses if None not in (house[x], house[y])]
    if len(known) < 2:
        return 0.0
    xs, ys = np.array(known, np.float64).T
    away = xs - xs.mean()
    return float(away @ ys / (away @ away)) if away.any() else 0.0


def _shared(row: Values, unsaid: list[str], total: float, said: list[str]) -> dict[str, float]:
    """What is left of a total, among parts that nobody has told, by what they were."""
    left = max(0.0, total - sum(row[part] for part in said))
    whole = sum(row[part] for part in unsaid)
    first = {part: float(i == 0) for i, part in enumerate(unsaid)}
    return {part: left * (row[part] / whole if whole else first[part]) for part in unsaid}


def _of(table: Mapping[str, tuple[str, ...]], column: str, row: Values) -> Iterator[str]:
    """The columns that a table has for this one, where the row says something there."""
    return (name for name in table.get(column, ()) if row.get(name) is not None)


def _within(field: InputField, value: float) -> float:
    """The nearest value that training has seen the like of."""
    low, high = field.minimum, field.maximum
    return value if low is None or high is None else min(max(value, low), high)
