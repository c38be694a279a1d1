"""Rows learnt from and questions side by side: what both tell, and the ratio of their densities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml.events import Floats
from ml.schema import InputField, InputSchema
from ml.schema.dates import measured
from ml.shift.ratio import DensityRatio, density_ratio

if TYPE_CHECKING:
    import pandas as pd

LEAST = 30  # questions that a look needs
NOWHERE = 99.0  # β from which a question is like none learnt from: one row in a hundred would be
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """Rows learnt from (n) and questions (m), by the fields that enough questions tell."""

    fields: tuple[InputField, ...]
    every: pd.DataFrame  # all that the rows learnt from tell
    q: pd.DataFrame  # the same rows, made to tell as little as questions do
    p: pd.DataFrame
    share: pd.Series  # of questions that tell a field, of all fields

    @classmethod
    def of(cls, schema: InputSchema, source: Rows, target: Rows, seed: int = 0) -> Sides:
        """Both as a schema knows them. Raises ValueError for fewer than LEAST questions, or none
        that tells what is compared."""
        if len(target) < LEAST:
            raise ValueError(f"A look needs {LEAST} questions; there are {len(target)}.")
        p, every = _frame(schema, target), _frame(schema, source)
        enough = p.notna().sum() >= LEAST
        fields = tuple(field for field in schema.fields if enough[field.name])
        if not fields:
            raise ValueError(f"No field is told by {LEAST} questions.")
        names, share = [field.name for field in fields], p.notna().mean()
        q = _as_little(every[names], p[names], np.random.default_rng(seed))
        return cls(fields, every, q, p[names], share)

    def ratio(self, seed: int = 0, *, cross_fit: bool = False) -> DensityRatio:
        """Of questions to rows learnt from, by the numbers of both."""
        numbers = _numbers(self.q, self.p, [f.name for f in self.fields if f.kind != "level"])
        return density_ratio(*numbers, cross_fit=cross_fit, seed=seed)


def without_like(ratio: DensityRatio) -> NDArray[np.bool_]:
    """Which questions are like no row learnt from: (m,)."""
    return ratio.unsupported | (ratio.target > NOWHERE)


def _frame(schema: InputSchema, rows: Rows) -> pd.DataFrame:
    """Columns of a schema: a level that there is none of is a level, what is not known is NaN."""
    import pandas as pd

    none = {field.name for field in schema.fields if field.kind == "level" and field.none}
    columns: dict[str, list[Any]] = {}
    known = [schema.known(row) for row in rows]
    for field in schema.fields:
        name = field.name
        columns[name] = [
            "none" if name in none and name in row and row[name] is None else row.get(name)
            for row in known
        ]
        if field.kind == "date":
            columns[name] = [None if day is None else measured(day) for day in columns[name]]
    frame = pd.DataFrame(columns)
    numbers = [field.name for field in schema.fields if field.kind != "level"]
    return frame.astype(dict.fromkeys(numbers, np.float64))


def _as_little(q: pd.DataFrame, p: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Source rows (n) that tell as little as questions do: each leaves out what one of them does.

    A column that the source leaves out at times is masked the more seldom, so that both miss it
    equally often; one that the questions tell more often is left as it is.
    """
    gone = p.isna().to_numpy()[rng.integers(len(p), size=len(q))]
    already, wanted = q.isna().mean().to_numpy(), p.isna().mean().to_numpy()
    share = np.clip((wanted - already) / np.maximum(1 - already, 1e-12), 0, 1)
    kept = share / np.maximum(wanted, 1e-12)  # of the masks
    return q.mask(gone & (rng.random(gone.shape) < kept))


def _numbers(q: pd.DataFrame, p: pd.DataFrame, names: list[str]) -> tuple[Floats, Floats]:
    """Numbers of both (n, d) and (m, d), the source's median where none is told."""
    if not names:
        return np.zeros((len(q), 1)), np.zeros((len(p), 1))
    middle = q[names].median().fillna(0.0)
    return q[names].fillna(middle).to_numpy(float), p[names].fillna(middle).to_numpy(float)
