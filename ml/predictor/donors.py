"""What a row does not say, as rows alike have it: a hot deck of nearest neighbours.

A row that says nothing of its garage is priced as each of the training rows that are like it in
what it does say, and these lend what it does not: whole, so that what belongs together stays so
(Andridge and Little, 2010). How far the answers lie apart is what is not known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.features import Robust, Row
from ml.features.columns import numbers_of
from ml.houses.together import Together
from ml.schema import InputField, InputSchema
from ml.schema.fields import Value

NEAR = 60  # rows that lend, and more where as many are equally near
MOST = 16  # of them are asked: at even steps of their weights
APART = 0.5  # of a standard deviation: how far levels are apart that sell for the same
SMOOTH = 8.0  # rows of the mean target that a level's own is drawn towards
LEAST = 0.02  # worth of a field that tells nothing
UNKNOWN = 0.0, -1  # place and kind of a level that no training row has
CLIP = 6.0
Rows = Sequence[Mapping[str, Any]]
Vector = NDArray[np.float64]
Kinds = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Places:
    """Where a row lies by each of p fields, and of what kind it is there.

    A number lies where a robust scale puts it, a level where its mean target is, both in standard
    deviations. Of one kind are rows of the same level; of numbers: missing, none, or some.
    """

    fields: tuple[InputField, ...]
    levels: Mapping[str, Mapping[Any, tuple[float, int]]]
    middle: Vector  # of each number, for rows in which it is missing
    scale: Robust

    @classmethod
    def learn(cls, fields: tuple[InputField, ...], rows: Rows, target: Vector) -> "Places":
        """From n rows and their standardised targets (n,)."""
        numbers = tuple(field.name for field in fields if field.kind != "level")
        X = numbers_of(rows, numbers)
        middle = np.array([_median(values) for values in X.T])
        filled = dict(zip(numbers, np.where(np.isnan(X), middle, X).T, strict=True))
        return cls(
            fields,
            {f.name: _levels(f.name, rows, target) for f in fields if f.kind == "level"},
            middle,
            Robust(columns=numbers, clip=CLIP).learn(filled) if numbers else Robust(columns=()),
        )

    def of(self, rows: Rows) -> tuple[Vector, Kinds]:
        """Places and kinds of n rows: (n, p) and (n, p)."""
        X = numbers_of(rows, self.scale.columns)
        lost = np.isnan(X)
        place = np.empty((len(rows), len(self.fields)))
        kind = np.empty(place.shape, np.int64)
        at = [i for i, field in enumerate(self.fields) if field.kind != "level"]
        place[:, at] = self.scale.scaled(np.where(lost, self.middle, X))
        kind[:, at] = np.where(lost, 0, 1 + (X != 0))
        for j, field in enumerate(self.fields):
            if field.kind == "level":
                own = self.levels[field.name]
                found = [own.get(row.get(field.name), UNKNOWN) for row in rows]
                place[:, j], kind[:, j] = zip(*found, strict=True)
        return place, kind


@dataclass(frozen=True, eq=False)
class Donors:
    """n rows that lend, where each lies by p fields, and what must move together."""

    rows: Rows
    order: NDArray[np.int64]  # by target
    places: Places
    place: Vector  # (n, p)
    kind: Kinds  # (n, p)
    worth: Vector  # (p,) of a field, for a distance: its |correlation| with the target
    together: Together

    @classmethod
    def learn(cls, schema: InputSchema, rows: Rows, target: Vector) -> "Donors":
        """From n rows and their targets (n,)."""
        y = (target - target.mean()) / (target.std() or 1.0)
        places = Places.learn(schema.fields, rows, y)
        place, kind = places.of(rows)
        away = place - place.mean(0)
        size = np.sqrt(np.square(away).sum(0) * (y @ y))
        worth = LEAST + np.abs(away.T @ y) / np.where(size > 0, size, 1.0)
        order, together = np.argsort(target, kind="stable"), Together.learn(schema, rows)
        return cls(rows, order, places, place, kind, worth, together)

    def nearest(self, known: Row) -> tuple[NDArray[np.int64], Vector]:
        """Rows that lend to one of which this is known, and what each counts: (m,), 1 in all.

        A weight falls with the distance to that of the next after NEAR rows, as a tricube. Where
        more than MOST lend, so many are taken at even steps of the weights, in order of targets.
        """
        place, kind = self.places.of([known])
        said = np.array([field.name in known for field in self.places.fields])
        away = np.square(self.place[:, said] - place[:, said])
        away += np.where(self.kind[:, said] == kind[:, said], 0.0, APART**2)
        distance = np.sqrt(away @ self.worth[said])
        reach = np.partition(distance, NEAR)[NEAR] if len(distance) > NEAR else distance.max()
        near = distance / reach if reach > 0 else np.where(distance > 0, 1.0, 0.0)
        weight = np.clip(1 - near**3, 0, None) ** 3
        if not weight.any():  # all of them are equally far
            weight = np.asarray(distance <= reach, np.float64)
        weight /= weight.sum()
        lending = self.order[weight[self.order] > 0]
        if len(lending) <= MOST:
            return lending, weight[lending]
        steps = (np.arange(MOST) + 0.5) / MOST
        taken = np.searchsorted(np.cumsum(weight[lending]), steps)
        return lending[np.minimum(taken, len(lending) - 1)], np.full(MOST, 1 / MOST)

    def filled(self, known: Row) -> tuple[list[dict[str, Any]], Vector]:
        """Whole rows that one may be of which this is known, and how likely: (m,).

        What there is none of has no size; where one that lends has no garage and the other has, the
        next one says of which kind that is.
        """
        lending, weight = self.nearest(known)
        rows = [self.together.fitted(self.rows[i], known) for i in lending.tolist()]
        for field in self.countable:
            if field.name in known and known[field.name] is None:
                for row in rows:
                    row.update((name, 0) for name in field.amounts if name not in known)
            lacking = [i for i, row in enumerate(rows) if row[field.name] is None]
            for i in lacking:
                if field.untold(rows[i]):
                    rows[i][field.name] = self._next(field, rows, i)
        return rows, weight

    @staticmethod
    def _next(field: InputField, rows: Sequence[Mapping[str, Any]], i: int) -> Value:
        """What the nearest of the other rows says of a field, or what is typical."""
        near = sorted(range(len(rows)), key=lambda j: abs(j - i))
        said = (rows[j][field.name] for j in near)
        return next((each for each in said if each is not None), field.typical)

    @cached_property
    def countable(self) -> list[InputField]:
        """Fields of what may be missing though there is one."""
        return [field for field in self.places.fields if field.amounts]


def _median(values: Vector) -> float:
    """Of those that are known; 0 where none is."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else 0.0


def _levels(name: str, rows: Rows, target: Vector) -> dict[Any, tuple[float, int]]:
    """The mean target of each level, drawn towards 0, that of all, and a number for it."""
    values = [row.get(name) for row in rows]
    found = {}
    for i, level in enumerate(dict.fromkeys(values)):
        own = target[[value == level for value in values]]
        found[level] = (float(own.sum() / (len(own) + SMOOTH)), i)
    return found
