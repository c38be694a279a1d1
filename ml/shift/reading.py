"""A column of both tables as the detector reads it: numbers, truth values or levels (4.9.6)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Literal

import numpy as np

from ml.events import Floats

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["number", "truth", "levels", "date"]
Content = Literal["nothing", "numbers", "truth values", "times", "spans of time", "text", "levels"]
CONTENT: dict[str, Content] = {  # by pandas' name for what the cells are
    "boolean": "truth values",
    "integer": "numbers",
    "floating": "numbers",
    "mixed-integer-float": "numbers",
    "decimal": "numbers",
    "datetime64": "times",
    "datetime": "times",
    "date": "times",
    "period": "times",
    "timedelta64": "spans of time",
    "timedelta": "spans of time",
}
NUMBERS = (Real, Decimal)


def read(
    q: pd.Series, p: pd.Series, known: str | None = None
) -> tuple[pd.Series, pd.Series, Kind, list[str]]:
    """A column of source and target, its kind, and what should be known of how it was read.

    Numbers are numbers whatever holds them; of times they are the seconds since 1970, without a
    zone as if in UTC, and of spans the seconds. Text is read as numbers where the other table has
    numbers, or a schema `known` says "number", and each of its cells is one. An infinite number
    counts as missing. Of dates, if a schema says so, numbers are decimal years.
    """
    import pandas as pd

    content = _content(q), _content(p)
    there = {each for each in content if each != "nothing"}
    notes = []
    numbers = None
    if known != "level":
        numbers = _both(q, p, content, known)
        if len(there) > 1 and there != {"numbers", "truth values"}:
            how = "levels" if numbers is None else "numbers"
            notes = [
                f"{q.name}: {content[0]} in the source, {content[1]} in the target: read as {how}."
            ]
    if numbers is None:
        return _text(q), _text(p), "levels", notes
    endless = [int(np.isinf(x).sum()) for x in numbers]
    if any(endless):
        rows = f"infinite in {endless[0]:,} source rows and {endless[1]:,} target rows"
        notes.append(f"{q.name}: {rows}, which count as missing.")
    a, b = (pd.Series(np.where(np.isinf(x), np.nan, x), name=q.name) for x in numbers)
    kind: Kind = "date" if known == "date" else "number"
    return a, b, "truth" if there == {"truth values"} else kind, notes


def _both(
    q: pd.Series, p: pd.Series, content: tuple[Content, Content], known: str | None
) -> tuple[Floats, Floats] | None:
    """Both as numbers (n,) and (m,); None if they are none, or not of one sort."""
    there = {*content} - {"nothing"}
    if len(there) > 1 and not there <= {"numbers", "truth values", "text"}:
        return None
    if "levels" in there or ("text" in there and not (known == "number" or "numbers" in there)):
        return None
    a, b = (_numbers(column, of) for column, of in zip((q, p), content, strict=True))
    return None if a is None or b is None else (a, b)


def _content(column: pd.Series) -> Content:
    """What the cells hold.

    Raises:
        ValueError: if they are lists or the like.
    """
    import pandas as pd

    if column.isna().all():
        return "nothing"
    if isinstance(column.dtype, pd.CategoricalDtype):
        return "levels"  # of numbers, too: whoever made it a category meant them
    cells = pd.api.types.infer_dtype(column, skipna=True)
    if cells.startswith("mixed") and cells not in CONTENT:
        there = column.dropna()
        if there.map(_is_number).all():
            return "numbers"
        unfit = {type(cell).__name__ for cell in there if not _hashable(cell)}
        if unfit:
            raise ValueError(
                f"{column.name}: a cell is a number, a text, a time or a truth value; some are"
                f" {', '.join(sorted(unfit))}."
            )
    return CONTENT.get(cells, "text")


def _numbers(column: pd.Series, content: Content) -> Floats | None:
    """As numbers (rows,), NaN where missing; None if a cell is no number."""
    if content == "nothing":
        return np.full(len(column), np.nan)
    try:
        plain = AS_NUMBERS[content](column) if content in AS_NUMBERS else column
        return np.asarray(plain.to_numpy(np.float64, na_value=np.nan), np.float64)
    except (ValueError, TypeError, OverflowError):  # text, or a time or number that is too large
        return None


def _seconds(times: pd.Series) -> pd.Series:
    import pandas as pd

    if isinstance(times.dtype, pd.PeriodDtype):
        times = times.dt.to_timestamp()
    since = pd.to_datetime(times, utc=True) - pd.Timestamp(0, tz="UTC")
    return pd.Series(since.dt.total_seconds())


def _spans(times: pd.Series) -> pd.Series:
    import pandas as pd

    return pd.to_timedelta(times).dt.total_seconds()


def _figures(texts: pd.Series) -> pd.Series:
    import pandas as pd

    return pd.to_numeric(texts.dropna().astype(str)).reindex(texts.index)


AS_NUMBERS: dict[Content, Callable[[pd.Series], pd.Series]] = {
    "times": _seconds,
    "spans of time": _spans,
    "text": _figures,
}


def _text(column: pd.Series) -> pd.Series:
    """As levels; 20 and 20.0 are one."""
    import pandas as pd

    if pd.api.types.infer_dtype(column, skipna=True) == "string":
        return column.astype("string")
    column = column.astype(object)
    written = {cell: _written(cell) for cell in column.dropna().unique()}
    return column.map(written).astype("string")


def _written(cell: object) -> str:
    if isinstance(cell, NUMBERS) and not isinstance(cell, bool) and float(cell).is_integer():
        return str(int(cell))  # type: ignore[arg-type]  # all of them can be, by truncation
    return str(cell)


def _is_number(cell: object) -> bool:
    return isinstance(cell, NUMBERS) and not isinstance(cell, bool)


def _hashable(cell: object) -> bool:
    try:
        hash(cell)
    except TypeError:
        return False
    return True
