"""Where runs and jobs stand after more epochs: last and best values, and what the lists draw.

A number of a job is the mean over the repetitions of one setting, the headline's, and never over
unlike runs. `Job.summary` holds where each setting stands that may yet be the headline's.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    Double,
    Integer,
    and_,
    bindparam,
    case,
    cast,
    func,
    or_,
    select,
    update,
)

from app.store import chunks
from app.store.models import Run
from ml.events import Started

Summary = dict[str, Any]
Values = NDArray[np.float32]
FOLDS = 50  # repetitions that a row of a list draws
POINTS = 240  # of all sparks of a job that runs: a sweep has many, each of which may win
LEAST = 8  # points of a spark, however many there are
VALID = (1, "valid")  # place and name of the metric by which settings are compared

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
RUNS = (
    select(Run.setting, Run.num_epochs, Run.best_valid)
    .where(Run.job_id == bindparam("job"), Run.key == bindparam("group"))
    .order_by(Run.lane)
)
"""The runs of a group as they were before; `advanced` takes them."""


def lanes(
    job_id: int, key: str, first: int, values: Values, ends: Sequence[int]
) -> list[dict[str, Any]]:
    """Where each lane of a group stands after these (E, M, L) values, from epoch `first` on; none
    is there that had ended before, `ends` being the last epoch of each."""
    had = np.clip(np.array(ends) - first + 1, 0, len(values))
    told = np.arange(len(values))[:, None] < had
    train, valid = values[:, 0], values[:, 1]
    lost = ~np.isfinite(train) & told
    known = np.where(np.isfinite(valid) & told, valid, np.inf)
    at = known.argmin(0)
    return [
        {
            "job": job_id,
            "group": key,
            "place": lane,
            "last": first + int(had[lane]) - 1,
            "t": number(train[had[lane] - 1, lane]),
            "v": number(valid[had[lane] - 1, lane]),
            "best": number(known[at[lane], lane]),
            "at": first + int(at[lane]),
            "diverged": first + int(lost[:, lane].argmax()) if lost[:, lane].any() else None,
        }
        for lane in np.flatnonzero(had).tolist()
    ]


def dropped(before: Summary, names: Iterable[str | None]) -> Summary:
    """The summary without settings that have ended behind others: they can win no more."""
    gone = {*names}
    kept = {name: s for name, s in before.get("settings", {}).items() if name not in gone}
    return before | {"settings": kept}


def opened(before: Summary, event: Started) -> Summary:
    """The summary of a job that will train these lanes, too."""
    settings = dict(before.get("settings", {}))
    names = dict.fromkeys(event.settings or [""])
    fresh = {"due": 0, "measure": event.measure, "judged_on": event.judged_on}
    for name in names:
        state = settings.get(name, fresh)
        settings[name] = state | {"due": state["due"] + 1}
    return before | {
        "asked": event.asked or before.get("asked"),
        "measure": before.get("measure", event.measure),  # others are not compared with it
        "of": before.get("of", 0) + len(names.keys() - before.get("settings", {}).keys()),
        "settings": settings,
        # by group, place and name of the metric by which settings are compared
        "best_by": before.get("best_by", {})
        | {event.key: (event.metrics.index(event.best_by), event.best_by)},
    }


def advanced(before: Summary, key: str, first: int, values: Values, runs: Sequence[Any]) -> Summary:
    """The summary after these (E, M, L) values of a group, and its `runs` as they were before."""
    settings = dict(before["settings"])
    names = np.array([run.setting for run in runs])
    # a run without rows to be judged on repeats nothing: the refit on every row is no fold
    without = np.isnan(values[0, 1]) & np.isfinite(values[0, 0])
    judged = ~without | np.array([run.best_valid is not None for run in runs])
    over = first + len(values) > max(run.num_epochs for run in runs)
    by = before.get("best_by", {}).get(key, VALID)
    for name in [before["asked"]] if before["asked"] else [*settings]:
        own = names == name
        if name in settings and own.any():
            is_judged = bool((own & judged).any())
            own = own & judged if is_judged else own
            most = max(LEAST, min(48, POINTS // len(settings)))
            state = _moved(settings[name], key, first, values[..., own], most, is_judged, by)
            settings[name] = state | {"due": state["due"] - over}
    if not before["asked"]:
        settings = _without_losers(before["measure"], settings)
    return before | {"settings": settings}


def columns(summary: Summary) -> dict[str, Any]:
    """What the row of a job says of its headline's setting."""
    settings, measure = summary["settings"], summary["measure"]
    ends = {
        name: _score(state)
        for name, state in settings.items()
        if "valid" in state and state["measure"] == measure
    }
    name = chosen(summary["asked"], ends)
    state = settings.get(name, {})
    best = state.get("best") or [None, None]
    return {
        "measure": state.get("measure", measure),
        "headline": "" if summary["of"] == 1 else name,
        "train": state.get("train"),
        "valid": state.get("valid"),
        "best_valid": best[0],
        "best_epoch": best[1],
        "summary": summary | {"headline": name},
    }


def chosen(asked: str | None, ends: Mapping[str, float | None]) -> str | None:
    """The setting that a headline speaks of: the one asked about, or else the best of several.

    `ends` is the score of each setting that has begun, None where it diverged.
    """
    if asked:
        return asked
    known = {name: end for name, end in ends.items() if end is not None}
    if known:
        return min(known, key=known.__getitem__)
    return next(iter(ends)) if len(ends) == 1 else None


def score(best_by: str, ends: float, valid: float) -> float | None:
    """The less, the better the setting that ends there: a share such as "valid accuracy" is better
    the more it is. None where valid is no number."""
    return number(-ends if " " in best_by else ends) if math.isfinite(valid) else None


def of_first_group(before: Summary, key: str, first: int, values: Values) -> dict[str, Any]:
    """Columns of a job of the first version, which is shown by its first group: no run has a
    setting there."""
    if before.get("key", key) != key:
        return {}
    kept: Summary = {name: before[name] for name in ("spark", "best") if name in before}
    state = _moved(kept, key, first, values, 48)
    best = state["best"] or [None, None]
    return {
        "train": state["train"],
        "valid": state["valid"],
        "best_valid": best[0],
        "best_epoch": best[1],
        "summary": {"key": key} | {name: state[name] for name in ("folds", "spark", "best")},
    }


def _moved(
    state: Summary,
    key: str,
    first: int,
    values: Values,
    most: int,
    judged: bool = True,
    by: tuple[int, str] = VALID,
) -> Summary:
    """Where a setting stands after values (E, M, R) of its repetitions in one group.

    Where it has runs in other groups as well, the last values are means over all; these come one
    after the other, so there is no common curve yet, and no best epoch of it.
    """
    means = values[:, :2].astype(np.float64).mean(2)
    points = [[first + i, number(train), number(valid)] for i, (train, valid) in enumerate(means)]
    folds = [number(value) for value in values[-1, 1, :FOLDS]]
    compared = float(values[-1, by[0]].astype(np.float64).mean())
    ends = {
        "train": points[-1][1],
        "valid": points[-1][2],
        "score": score(by[1], compared, float(means[-1, 1])),
        "folds": folds,
    }
    every = state.get("parts", {}) | {key: {"runs": values.shape[2], "judged": judged} | ends}
    parts = {k: part for k, part in every.items() if part["judged"]} or every
    moved = state | {
        "parts": parts,
        "repetitions": sum(part["runs"] for part in parts.values()),
        "train": _mean(parts, "train"),
        "valid": _mean(parts, "valid"),
        "score": _mean(parts, "score"),
        "folds": [fold for part in parts.values() for fold in part["folds"]][:FOLDS],
    }
    if [*parts] != [key]:
        return moved | ({"spark": [], "best": None} if key in parts else {})
    candidates = [(valid, epoch) for epoch, _, valid in points if valid is not None]
    candidates += [tuple(state["best"])] if state.get("best") else []
    spark = chunks.thin([*state.get("spark", ()), *points], most)
    return moved | {"spark": spark, "best": min(candidates, default=None)}


def _mean(parts: Mapping[str, Summary], metric: str) -> float | None:
    """Over the repetitions of all groups; none where one of them is no number."""
    # a part of a job that an older version began has no score: it was compared by valid
    ends = [(part["runs"], part.get(metric, part["valid"])) for part in parts.values()]
    if any(end is None for _, end in ends):
        return None
    runs: int = sum(runs for runs, _ in ends)
    return math.fsum(runs * end for runs, end in ends) / runs


def _score(state: Summary) -> float | None:
    score: float | None = state.get("score", state.get("valid"))
    return score


def _without_losers(measure: str, settings: Mapping[str, Summary]) -> Summary:
    """Without settings that are through and behind another that is: they can win no more."""
    through = {
        name: end
        for name, state in settings.items()
        if not state["due"] and state["measure"] == measure and (end := _score(state)) is not None
    }
    best = min(through, key=through.__getitem__, default=None)
    return {name: s for name, s in settings.items() if name == best or name not in through}


def number(value: float) -> float | None:
    """A number, or None where it is not finite: JSON and SQL have no NaN."""
    return float(value) if math.isfinite(value) else None
