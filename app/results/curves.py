"""The curves of a job by group of lanes, and what a page draws of them: at most 600 points each."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST = 600  # points of a trace
FEW = 20  # lanes drawn one by one; more become a band of quantiles
QUANTILES = (0.0, 0.1, 0.5, 0.9, 1.0)

Item = dict[str, Any]
Values = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Group:
    """The lanes of a key as far as they have come: values (E, M, L)."""

    started: Item
    values: NDArray[np.float32]

    @property
    def key(self) -> str:
        """Its name within the job."""
        return str(self.started["key"])

    @property
    def measure(self) -> str:
        """What train and valid are numbers of."""
        return str(self.started["measure"])

    def metric(self, name: str) -> NDArray[np.float32]:
        """One metric of every lane: (E, L), NaN where the group does not have it."""
        names = list(self.started["metrics"])
        if name in names:
            return self.values[:, names.index(name)]
        return np.full(self.values[:, 0].shape, np.nan, dtype=np.float32)

    @property
    def is_known(self) -> bool:
        """Whether there is anything to draw: a run may diverge in its first epoch."""
        return bool(np.isfinite(self.values[:, :2].mean(2)).any())

    def middle(self, name: str) -> Values:
        """Mean over the lanes, NaN where one is; of many lanes the median of the known: (E,)."""
        values = self.metric(name).astype(np.float64)
        middle: Values = values.mean(1) if values.shape[1] <= FEW else quantiles(values, (0.5,))[0]
        return middle


def thin(x: Values, *ys: Values, most: int = MOST) -> NDArray[np.intp]:
    """Which points to keep: first, last, and of each bucket the lowest and highest of every y."""
    if len(x) <= most:
        return np.arange(len(x))
    buckets = max(1, (most - 2) // (2 * len(ys)))
    keep = [np.array([0, len(x) - 1])]
    for bucket in np.array_split(np.arange(len(x)), buckets):
        for y in ys:
            known = bucket[np.isfinite(y[bucket])]
            # nothing known: one point stays, so that the line breaks there
            keep.append(known[[y[known].argmin(), y[known].argmax()]] if len(known) else bucket[:1])
    return np.unique(np.concatenate(keep))


# ---- what the page of a job draws and then continues by itself --------------------------------


def live(groups: Iterable[Group]) -> list[dict[str, Any]]:
    """Each group's curves: mean train and valid, and its lanes one by one or as quantiles."""
    return [
        {
            "key": group.key,
            "measure": group.measure,
            "metrics": group.started["metrics"],
            "labels": group.started["labels"][:FEW],
            "lanes": len(group.started["labels"]),
            "num_epochs": group.started["num_epochs"],
            "epoch": len(group.values),
            "middle": _traces(group.middle("train"), group.middle("valid")),
            **_spread(group.metric("valid").astype(np.float64)),
        }
        for group in groups
    ]


def _spread(values: Values) -> dict[str, Any]:
    """Valid of every lane, (E, L): a trace each, or five quantiles where the lanes are many."""
    if values.shape[1] <= FEW:
        return {"each": [_traces(values[:, lane]) for lane in range(values.shape[1])]}
    return {"band": _traces(*quantiles(values, QUANTILES))}


def _traces(*ys: Values) -> list[list[float | None]]:
    """[x, y, ...] of curves that share their epochs."""
    x = epochs(ys[0])
    keep = thin(x, *ys)
    return [x[keep].astype(int).tolist(), *(numbers(y[keep]) for y in ys)]


# ---- what curves and figures share -------------------------------------------------------------


def numbers(values: Values) -> list[float | None]:
    """Plain numbers of seven digits; None where there is none."""
    return [
        float(f"{value:.7g}") if known else None
        for value, known in zip(values.tolist(), np.isfinite(values), strict=True)
    ]


def epochs(y: Values) -> NDArray[np.float64]:
    return np.arange(1, len(y) + 1, dtype=np.float64)


def quantiles(values: Values, q: Sequence[float]) -> Values:
    """Quantiles over the lanes whose value is known: (E, L) -> (len(q), E)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # an epoch in which none is known: NaN
        known = np.where(np.isfinite(values), values, np.nan)
        quantiles: Values = np.nanquantile(known, q, axis=1)
        return quantiles


def empty(started: Item) -> NDArray[np.float32]:
    """The curve of a group before its first epoch: (0, M, L)."""
    return np.empty((0, len(started["metrics"]), len(started["labels"])), dtype=np.float32)
