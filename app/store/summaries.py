"""Where runs and jobs stand after more epochs: last and best values, and what the lists draw."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Double, Integer, and_, bindparam, case, cast, func, or_, update

from app.store import chunks
from app.store.models import Run

Values = NDArray[np.float32]
FOLDS = 50  # lanes that a row of a list draws

_best = cast(bindparam("best"), Double)  # Postgres wants to know the type of a lone NULL
_better = and_(_best.is_not(None), or_(Run.best_valid.is_(None), _best < Run.best_valid))
ADVANCE = (
    update(Run.__table__)  # type: ignore[arg-type]  # the table: many rows in one statement
    .where(
        Run.job_id == bindparam("job"),
        Run.key == bindparam("group"),
        Run.lane == bindparam("place"),
    )
    .values(
        epoch=bindparam("last"),
        train=bindparam("t"),
        valid=bindparam("v"),
        best_epoch=case((_better, bindparam("at")), else_=Run.best_epoch),
        best_valid=case((_better, _best), else_=Run.best_valid),
        diverged_at=func.coalesce(Run.diverged_at, bindparam("diverged", type_=Integer)),
    )
)
"""Moves many runs on; takes the rows of `lanes`."""


def lanes(job_id: int, key: str, first: int, values: Values) -> list[dict[str, Any]]:
    """Where each lane of a group stands after these (E, M, L) values, from epoch `first` on."""
    train, valid = values[:, 0], values[:, 1]
    lost = ~np.isfinite(train)
    known = np.where(np.isfinite(valid), valid, np.inf)
    at = known.argmin(0)
    return [
        {
            "job": job_id,
            "group": key,
            "place": lane,
            "last": first + len(values) - 1,
            "t": number(train[-1, lane]),
            "v": number(valid[-1, lane]),
            "best": number(known[at[lane], lane]),
            "at": first + int(at[lane]),
            "diverged": first + int(lost[:, lane].argmax()) if lost[:, lane].any() else None,
        }
        for lane in range(values.shape[2])
    ]


def summary(before: dict[str, Any], key: str, first: int, values: Values) -> dict[str, Any]:
    """Columns of a job after these values of its first group: means over its lanes."""
    means = values[:, :2].astype(np.float64).mean(2)
    points = [[first + i, number(train), number(valid)] for i, (train, valid) in enumerate(means)]
    candidates = [(valid, epoch) for epoch, _, valid in points if valid is not None]
    if before.get("best"):
        candidates.append(tuple(before["best"]))
    best = min(candidates, default=None)
    return {
        "train": points[-1][1],
        "valid": points[-1][2],
        "best_valid": best and best[0],
        "best_epoch": best and best[1],
        "summary": {
            "key": key,
            "folds": [number(value) for value in values[-1, 1, :FOLDS]],
            "spark": chunks.thin([*before.get("spark", ()), *points]),
            "best": best,
        },
    }


def number(value: float) -> float | None:
    """A number, or None where it is not finite: JSON and SQL have no NaN."""
    return float(value) if math.isfinite(value) else None
