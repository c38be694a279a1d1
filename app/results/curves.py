"""The curves of a job by group of lanes, and how they are made small: at most 600 points each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
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
    ends: dict[int, int] = field(default_factory=dict)  # last epochs of lanes that were dropped

    @property
    def key(self) -> str:
        """Its name within the job."""
        return str(self.started["key"])

    @property
    def measure(self) -> str:
        """What train and valid are numbers of."""
        return str(self.started["measure"])

    @property
    def judged_on(self) -> str:
        """What the rows are that valid is measured on: "valid" or "test"."""
        return str(self.started.get("judged_on", "valid"))

    @property
    def best_by(self) -> str:
        """The metric by which settings are compared."""
        return str(self.started.get("best_by", "valid"))

    @property
    def best_share(self) -> str:
        """The same where it is a share: "accuracy", of "valid accuracy"; "" for the measure."""
        return self.best_by.partition(" ")[2]

    @property
    def settings(self) -> list[str]:
        """The setting that each lane repeats, (L,); a job of the first version does not say."""
        return list(self.started.get("settings") or [""] * len(self.started["labels"]))

    @property
    def shares(self) -> list[str]:
        """What is measured beside the loss: "accuracy", of "valid accuracy"."""
        names = (name.partition(" ") for name in self.started["metrics"])
        return [share for part, _, share in names if part == "valid" and share]

    def metric(self, name: str, after: int = 0) -> NDArray[np.float32]:
        """One metric of every lane after that epoch: (E, L), NaN where the group has it not."""
        if name in self.started["metrics"]:
            return self.values[after:, self.started["metrics"].index(name)]
        return np.full(self.values[after:, 0].shape, np.nan, dtype=np.float32)

    def end(self, lane: int) -> int:
        """How many epochs of a lane there are so far."""
        return min(len(self.values), self.ends.get(lane, len(self.values)))

    @property
    def is_known(self) -> bool:
        """Whether there is anything to draw: a run may diverge in its first epoch."""
        return bool(np.isfinite(self.values[:, :2].mean(2)).any())


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


def numbers(values: Values) -> list[float | None]:
    """Plain numbers of seven digits; None where there is none."""
    return [
        float(f"{value:.7g}") if known else None
        for value, known in zip(values.tolist(), np.isfinite(values), strict=True)
    ]


def epochs(y: Values) -> NDArray[np.float64]:
    return np.arange(1, len(y) + 1, dtype=np.float64)


def quantiles(values: Values, q: Sequence[float]) -> Values:
    """Quantiles over the lanes whose value is known: (E, L) -> (len(q), E), NaN where none is."""
    known = np.where(np.isfinite(values), values, np.nan)
    ordered = np.sort(known, axis=1)  # NaN comes last; numpy's own nanquantile takes row by row
    count = np.isfinite(ordered).sum(1)
    at = np.asarray(q)[:, None] * np.maximum(count - 1, 0)  # (len(q), E)
    below = np.floor(at).astype(np.intp)
    above = np.minimum(below + 1, np.maximum(count - 1, 0))
    rows = np.arange(len(values))
    low, high = ordered[rows, below], ordered[rows, above]
    between: Values = low + (high - low) * (at - below)
    return between


def empty(started: Item) -> NDArray[np.float32]:
    """The curve of a group before its first epoch: (0, M, L)."""
    return np.empty((0, len(started["metrics"]), len(started["labels"])), dtype=np.float32)
