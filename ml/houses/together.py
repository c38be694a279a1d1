"""4.10 What moves with an attribute of a house: floors with the area, the garage with the age."""

from collections.abc import Iterator, Mapping, Sequence
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
Values = Mapping[str, Any]


def moved(
    row: Values, column: str, value: float, schema: InputSchema, houses: Sequence[Values]
) -> dict[str, Any]:
    """The row with another value in a column, and what must then change, too.

    Parts of a sum keep their shares of it. What follows moves by its least-squares slope over the
    houses that were sold, within what was seen of it. A house is not remodelled before it is built,
    and what is as old as the house stays so. What the row does not say stays unsaid.
    """
    old, fields = row.get(column), {field.name: field for field in schema.fields}
    said = {name: own for name, own in row.items() if own is not None}
    if old is None:
        return {**row, column: value}
    by = value - old
    parts = {name: said[name] * value / old for name in _of(PARTS, column, said) if old}
    following = {
        name: _within(fields[name], said[name] + slope(houses, column, name) * by)
        for name in _of(FOLLOWING, column, said)
    }
    since = {
        name: value if said[name] == old else max(said[name], value)
        for name in _of(SINCE, column, said)
    }
    moves = parts | following | since
    return {**row, column: value} | {
        name: round(new) if fields[name].kind == "integer" else new
        for name, new in moves.items()
        if new != row[name]
    }


def _of(table: Mapping[str, tuple[str, ...]], column: str, said: Values) -> Iterator[str]:
    """The columns that a table has for this one, where the row says something there."""
    return (name for name in table.get(column, ()) if name in said)


def slope(houses: Sequence[Values], x: str, y: str) -> float:
    """By how much y changes with x among houses that say both; 0 where too few do."""
    known = [(house[x], house[y]) for house in houses if None not in (house[x], house[y])]
    if len(known) < 2:
        return 0.0
    xs, ys = np.array(known, np.float64).T
    away = xs - xs.mean()
    return float(away @ ys / (away @ away)) if away.any() else 0.0


def _within(field: InputField, value: float) -> float:
    """The nearest value that training has seen the like of."""
    low, high = field.minimum, field.maximum
    return value if low is None or high is None else min(max(value, low), high)
