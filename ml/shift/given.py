"""What is given, looked at before it is used: a mistake is told in words, and not by numpy."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml.events import Floats


def table(values: ArrayLike, what: str, columns: int | None = None) -> Floats:
    """Finite numbers (rows, columns), one column at least, or as many as are said."""
    X = _finite(values, what, 2)
    if columns is not None and X.shape[1] != columns:
        raise ValueError(f"{what}: {columns} columns are needed; there are {X.shape[1]}.")
    if not X.size:
        raise ValueError(f"{what}: a row and a column are needed; the shape is {X.shape}.")
    return X


def column(values: ArrayLike, what: str, rows: int | None = None, least: int = 1) -> Floats:
    """Finite numbers (rows,), as many as are said, or `least` of them."""
    x = _finite(values, what, 1)
    if rows is not None and len(x) != rows:
        raise ValueError(f"{what}: one number for each of {rows} rows; there are {len(x)}.")
    if len(x) < least:
        raise ValueError(f"{what}: {least} or more rows are needed; there are {len(x)}.")
    return x


def weights(values: ArrayLike, what: str, rows: int) -> Floats:
    """Finite numbers (rows,), none below 0, and not all of them 0."""
    x = column(values, what, rows)
    if x.min() < 0 or not x.any():
        raise ValueError(
            f"{what}: none is below 0, and not all are 0; these are {x.min():g} to {x.max():g}."
        )
    return x


def labels(values: ArrayLike, what: str, classes: int) -> NDArray[np.int64]:
    """Classes (rows,), numbered from 0; truth values are classes 0 and 1."""
    if classes < 1:
        raise ValueError(f"There is one class at least; {classes} were asked for.")
    y = np.asarray(values)
    if y.ndim != 1 or not y.size:
        raise ValueError(f"{what}: one class a row, and some rows; the shape is {y.shape}.")
    if y.dtype.kind not in "iub":
        raise ValueError(f"{what}: classes are whole numbers, and not of type {y.dtype}.")
    if y.min() < 0 or y.max() >= classes:
        raise ValueError(
            f"{what}: classes are 0 to {classes - 1}; {y.min()} to {y.max()} were given."
        )
    return y.astype(np.int64)


def at_least(value: float, least: int, what: str) -> None:
    """Refuse a number that is smaller, or none."""
    if not value >= least:
        raise ValueError(f"{what}: {least} or more; {value} was given.")


def size(X: Floats) -> Floats:
    """The power of two below the largest number of each column: X / size can be squared.

    A power of two, as dividing by it rounds nothing.
    """
    _, exponent = np.frexp(np.abs(X).max(0))
    return np.asarray(np.ldexp(1.0, exponent - 1))


def _finite(values: ArrayLike, what: str, axes: int) -> Floats:
    try:
        if np.iscomplexobj(values):
            raise TypeError
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{what}: numbers are needed, and rows of one length.") from None
    if array.ndim != axes:
        shape = "(rows, columns)" if axes == 2 else "(rows,)"
        raise ValueError(f"{what}: the shape is {array.shape}, and not {shape}.")
    if not np.isfinite(array).all():
        raise ValueError(
            f"{what}: finite numbers are needed; fill or leave out what is missing or infinite."
        )
    return array
