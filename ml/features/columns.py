"""Rows as columns: what the steps of an encoder read and write."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.schema.dates import measured

Row = Mapping[str, object]
Numbers = NDArray[np.float64]
Columns = dict[str, NDArray[Any]]
"""By name, (n,) each: numbers as float64 with NaN where missing, levels as str objects."""
ABSENT = "none"  # the level of a row that says nothing


def columns_of(rows: Sequence[Row], numbers: Iterable[str], levels: Iterable[str]) -> Columns:
    """Columns of n rows; what a row does not say is missing. A date is a decimal year."""
    numbers = tuple(numbers)
    found: Columns = dict(zip(numbers, numbers_of(rows, numbers).T, strict=True))
    for name in levels:
        said = [row.get(name) for row in rows]
        words = [ABSENT if value is None else str(value) for value in said]
        found[name] = np.array(words, dtype=object)
    return found


def numbers_of(rows: Sequence[Row], names: Sequence[str]) -> Numbers:
    """Numbers of n rows side by side (n, k), NaN where missing. A date is a decimal year."""
    values: list[list[Any]] = [[row.get(name) for name in names] for row in rows]
    try:
        X = np.array(values, np.float64)  # None is NaN
    except ValueError:  # there is a date
        X = np.array([[v if v is None else measured(v) for v in row] for row in values], np.float64)
    return X.reshape(len(rows), len(names))


def keys_of(columns: Columns, names: Sequence[str]) -> list[str]:
    """What several columns of levels say together, row by row."""
    if len(names) == 1:
        return [*columns[names[0]]]
    return [" & ".join(words) for words in zip(*(columns[name] for name in names), strict=True)]


def medians(values: Numbers, keys: Sequence[str]) -> dict[str, float]:
    """The median of each key's values (n,), where it has any that is known."""
    groups: dict[str, list[float]] = {}
    for value, key in zip(values.tolist(), keys, strict=True):
        if value == value:
            groups.setdefault(key, []).append(value)
    return {key: float(np.median(group)) for key, group in sorted(groups.items())}


def looked_up(keys: Sequence[str], table: Mapping[str, float], otherwise: float) -> Numbers:
    """What a table says of each key: (n,)."""
    return np.array([table.get(key, otherwise) for key in keys], dtype=np.float64)
