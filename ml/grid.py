"""Lanes as the cells of named axes: what varies, and what only repeats."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from ml.events import Figure, Floats, Mode, Role, Series, Table
from ml.intervals import interval

BESIDE = 0.08  # of the place of a setting: where its repetitions stand, to the right of the mean


@dataclass(frozen=True, slots=True)
class Grid:
    """Named axes, the last fastest. The last one repeats: means are taken over it, and over no
    other, since the cells of the others are different settings."""

    axes: Mapping[str, Sequence[Any]]

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Every cell, in the order of the lanes."""
        return product(*self.axes.values())

    @property
    def shape(self) -> tuple[int, ...]:
        """Cells along each axis."""
        return tuple(map(len, self.axes.values()))

    def fold(self, values: Floats) -> Floats:
        """One number of every cell, in its order: (..., cells) -> (..., first axis, ..., last)."""
        return values.reshape(*values.shape[:-1], *self.shape)

    def ends(self, name: str, title: str, values: Mapping[str, Floats], note: str = "") -> Table:
        """A row for each setting: its place on the axes, then mean and 95 % interval of values.

        Each of `values` is (axes but the last, repetitions).
        """
        names, settings = [*self.axes][:-1], [*product(*[*self.axes.values()][:-1])]
        columns: dict[str, Any] = {
            axis: [written(cell[i]) for cell in settings] for i, axis in enumerate(names)
        }
        for column, numbers in values.items():
            mean, half = interval(numbers)
            columns |= {column: mean.ravel(), f"{column} ± 95 %": half.ravel()}
        return Table.of(name, title, columns, note)

    def curves(self, name: str, title: str, finding: str, values: Floats, **axes: Any) -> Figure:
        """A line by epoch for each setting: mean and 95 % interval of values.

        `values` is (epochs, axes but the last, repetitions).
        """
        settings = [", ".join(map(written, c)) for c in product(*[*self.axes.values()][:-1])]
        epochs, each = (
            np.arange(1.0, len(values) + 1),
            values.reshape(len(values), len(settings), -1),
        )
        lines = tuple(band(s, epochs, each[:, i], s) for i, s in enumerate(settings))
        return Figure(name, title, finding, lines, x_label="epoch", **axes)


def written(value: object) -> str:
    """A setting's value as a label: 0.003 as "0.003", (64, 64) as "64-64"."""
    if isinstance(value, tuple):
        return "-".join(map(str, value)) or "linear"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def band(
    label: str,
    x: Floats,
    values: Floats,
    setting: str = "",
    mode: Mode = "lines",
    role: Role = "",
) -> Series:
    """A line of means over the repetitions of values (n, repetitions), and their 95 % interval."""
    mean, half = interval(values)
    if values.shape[-1] < 2:  # one repetition says nothing of the next
        return Series(label, x, mean, role, mode, setting)
    return Series(label, x, mean, role, mode, setting, mean - half, mean + half)


def by_category(
    name: str,
    title: str,
    finding: str,
    values: Mapping[str, Floats],
    *,
    x_label: str = "",
    y_label: str = "",
    y_scale: Any = "linear",
) -> Figure:
    """A figure with a place on x for each setting: mean, 95 % interval and each repetition.

    No line joins them: between two settings there is nothing.

    `values` has a row (repetitions,) by the name of its setting; what is NaN has no point.
    """
    places, rows = np.arange(float(len(values))), [*values.values()]
    mean, half = np.array([interval(row) for row in rows]).T
    known = np.isfinite(mean)
    spread = np.where(np.isfinite(half), half, 0.0)
    each = [(i + BESIDE, v) for i, row in enumerate(rows) for v in row.tolist() if np.isfinite(v)]
    x, y = np.array(each).reshape(-1, 2).T
    band = {"low": (mean - spread)[known], "high": (mean + spread)[known]}
    means = Series("mean", places[known], mean[known], mode="markers", **band)
    repeated = any(len(row) > 1 for row in rows)
    return Figure(
        name,
        title,
        finding,
        (means, Series("each repetition", x, y, mode="markers")) if repeated else (means,),
        x_label=x_label,
        y_label=y_label,
        y_scale=y_scale,
        x_names=tuple(values),
    )


def medians(label: str, x: Floats, values: Floats, role: Role = "") -> Series:
    """Medians over the repetitions of values (S, n), with a band from the first quartile to the
    third: where tails are long, a mean would speak of its largest value alone."""
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75), axis=0)
    return Series(label, x, middle, role, low=low, high=high)
