"""Two tables as the detector reads them: columns in common, their kinds, and rows as numbers."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from ml.events import Floats
from ml.schema import InputSchema

Kind = Literal["number", "levels"]
LEVELS = 20  # of a column that get an indicator, the most frequent ones; the others share one


def tables(
    source: pd.DataFrame | Floats | Sequence[Mapping[str, object]],
    target: pd.DataFrame | Floats | Sequence[Mapping[str, object]],
    schema: InputSchema | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Both as data frames of the columns they share, and a sentence for each other column.

    Raises:
        ValueError: if they share none.
    """
    q, p = _frame(source), _frame(target)
    inputs = [field.name for field in schema.fields] if schema else [*q.columns]
    shared = [name for name in inputs if name in q.columns and name in p.columns]
    if not shared:
        raise ValueError(
            f"The tables share no column: the source has {_few(q)}, the target {_few(p)}."
        )
    alone = [name for name in inputs if name not in shared]
    alone += [] if schema else [name for name in p.columns if name not in shared]
    which = {True: "source", False: "target"}
    notes = [f"{name}: only the {which[name in q.columns]} has this column." for name in alone]
    return q[shared], p[shared], notes


def kinds(q: pd.DataFrame, p: pd.DataFrame, schema: InputSchema | None = None) -> dict[str, Kind]:
    """Which columns hold numbers, and which levels; what a schema says counts for more."""
    known = {field.name: field.kind for field in schema.fields} if schema else {}
    return {
        name: "levels" if known.get(name) == "level" or not _numeric(q[name], p[name]) else "number"
        for name in q.columns
    }


def features(q: pd.DataFrame, p: pd.DataFrame, kind: Mapping[str, Kind]) -> Floats:
    """Rows of source, then target, as numbers (n + m, d).

    A number gives its rank among both, from -1 to 1, and the square of that, so that spreads tell,
    too, and outliers do not; a level gives an indicator; what is missing one of its own.
    """
    both = pd.concat([q, p], ignore_index=True)
    columns: list[Floats] = []
    for name, is_of in kind.items():
        column = both[name]
        if is_of == "number":
            share = column.astype(float).rank(pct=True).fillna(0.5)
            rank = np.asarray(share, np.float64) * 2 - 1
            columns += [rank, np.square(rank)]
        else:
            text = column.astype("string")
            frequent = text.value_counts().index[:LEVELS]
            columns += [np.asarray((text == level).fillna(False), np.float64) for level in frequent]
        columns.append(np.asarray(column.isna(), np.float64))
    moving = [column for column in columns if column.min() < column.max()]
    return np.stack(moving, 1) if moving else np.zeros((len(both), 1))


def _frame(table: pd.DataFrame | Floats | Sequence[Mapping[str, object]]) -> pd.DataFrame:
    if isinstance(table, pd.DataFrame):
        return table
    if isinstance(table, np.ndarray):
        return pd.DataFrame(table, columns=[f"x{j + 1}" for j in range(table.shape[1])])
    return pd.DataFrame.from_records([*table])


def _numeric(*columns: pd.Series) -> bool:
    """Whether all that is there are numbers; a column without a value goes with the other one."""
    return all(pd.api.types.is_numeric_dtype(column) or column.isna().all() for column in columns)


def _few(table: pd.DataFrame) -> str:
    names = ", ".join(map(str, table.columns[:5]))
    return names + (", …" if len(table.columns) > 5 else "") if names else "none"
