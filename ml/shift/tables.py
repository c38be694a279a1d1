"""Two tables as the detector reads them: columns in common, their kinds, and rows as numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ml.events import Floats
from ml.schema import InputSchema
from ml.shift.reading import Kind, read

if TYPE_CHECKING:
    import pandas as pd

LEVELS = 20  # of a column that get an indicator, the most frequent ones; the others share one

Table: TypeAlias = "pd.DataFrame | Floats | Iterable[Mapping[str, object]]"


def tables(
    source: Table, target: Table, schema: InputSchema | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Kind], list[str]]:
    """Both as data frames of the columns they share, read, with kinds; and what is to be said.

    Raises:
        ValueError: if they share none, or one is no table or has a column twice.
    """
    import pandas as pd

    q, p = _frame(source, "source"), _frame(target, "target")
    known = {field.name: field.kind for field in schema.fields} if schema else {}
    inputs = [*known] if schema else [*dict.fromkeys([*q.columns, *p.columns])]
    shared = [name for name in inputs if name in q.columns and name in p.columns]
    if not shared:
        raise ValueError(
            f"The tables share no column: the source has {_few(q)}, the target {_few(p)}."
        )
    notes = [_alone(name, q, p) for name in inputs if name not in shared]
    kind: dict[str, Kind] = {}
    columns: list[dict[str, pd.Series]] = [{}, {}]
    for name in shared:
        columns[0][name], columns[1][name], kind[name], said = read(
            q[name], p[name], known.get(name)
        )
        notes += said
    return pd.DataFrame(columns[0]), pd.DataFrame(columns[1]), kind, notes


def features(q: pd.DataFrame, p: pd.DataFrame, kind: Mapping[str, Kind]) -> Floats:
    """Rows of source, then target, as numbers (n + m, d).

    A number gives its rank among both, from -1 to 1, and the square of that, so that spreads tell,
    too, and outliers do not; a level gives an indicator; what is missing one of its own.
    """
    import pandas as pd

    both = pd.concat([q, p], ignore_index=True)
    columns: list[Floats] = []
    for name, is_of in kind.items():
        column = both[name]
        if is_of == "levels":
            text = column.astype("string")
            columns += [
                np.asarray((text == level).fillna(False), np.float64) for level in _frequent(text)
            ]
        else:
            share = column.astype(float).rank(pct=True).fillna(0.5)
            rank = np.asarray(share, np.float64) * 2 - 1
            columns += [rank, np.square(rank)]
        columns.append(np.asarray(column.isna(), np.float64))
    moving = [column for column in columns if column.min() < column.max()]
    return np.stack(moving, 1) if moving else np.zeros((len(both), 1))


def _frequent(text: pd.Series) -> list[str]:
    """The most frequent levels; of equally frequent ones the first by their text.

    By first appearance the source's would come before the target's, and tell both apart.
    """
    counts = text.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    return [*counts.index[:LEVELS]]


def _frame(table: Table, which: str) -> pd.DataFrame:
    """With numbered rows and texts as names."""
    import pandas as pd

    if isinstance(table, np.ndarray) and table.ndim == 2:
        table = pd.DataFrame(table, columns=[f"x{j + 1}" for j in range(table.shape[1])])
    if not isinstance(table, pd.DataFrame):
        rows = [*table] if isinstance(table, Iterable) else [table]
        if isinstance(table, Mapping) or not all(isinstance(row, Mapping) for row in rows):
            raise ValueError(
                "A table is a data frame, an array (rows, columns), or rows as mappings; the"
                f" {which} is none: {type(table).__name__}."
            )
        table = pd.DataFrame.from_records(rows)
    frame = table.set_axis([str(name) for name in table.columns], axis=1).reset_index(drop=True)
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise ValueError(f"A column has a name of its own; the {which} has {twice[0]} twice.")
    return frame


def _alone(name: str, q: pd.DataFrame, p: pd.DataFrame) -> str:
    for which, table in (("source", q), ("target", p)):
        if name in table.columns:
            return f"{name}: only the {which} has this column."
    return f"{name}: neither table has this column."


def _few(table: pd.DataFrame) -> str:
    names = ", ".join(map(str, table.columns[:5]))
    return names + (", …" if len(table.columns) > 5 else "") if names else "none"
