"""Jobs beside each other: read, ranked, paired, and told in one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from string import ascii_uppercase
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from app.bodies import (
    Around,
    ComparedJob,
    ComparedPair,
    ComparedRow,
    ComparedRows,
    Comparison,
    Differs,
)
from app.catalogue import changes, experiments
from app.catalogue.forms import shapes
from app.errors import Invalid
from app.results.comparing import FOLD, SURE, Pair, Side, pair
from app.results.headline import Headline, headline_of
from app.results.reading import read
from app.results.repetitions import settings_of
from app.serving.predictors import gate, told
from app.store.jobs import RunStore
from app.store.models import Job
from app.store.registry import Registry
from app.store.states import FINAL, JobStatus
from app.typography import plural
from ml.predictor import Later

MOST = 20  # jobs: pairs of more would need intervals that tell nothing apart
NAMED = 6  # letters of a sentence; more are counted
APART = 10  # rows that are told
ROWS = {"k", "num_sets"}  # fields beside those of data that decide what is judged


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What is told of jobs beside each other, and what that is drawn from."""

    told: Comparison
    sides: list[Side]  # those that have a value, in the order of `told.jobs`
    pairs: list[Pair]


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """A job with what it has said."""

    job: Job
    headline: Headline | None
    version: int | None

    @property
    def active(self) -> bool:
        return self.job.status not in FINAL


def compare(session: Session, numbers: Sequence[int | str]) -> Found:
    """Jobs beside each other, each once.

    Raises:
        NotFound: where there is no such job.
        Invalid: where they are none, or too many.
    """
    store = RunStore(session)
    jobs = [
        *{job.id: job for job in (store.get(number) for number in numbers[: MOST + 1])}.values()
    ]
    if not jobs or len(jobs) > MOST:
        raise Invalid(
            f"Up to {MOST} jobs are compared at a time: with more, nothing would be told apart."
            if jobs
            else "Name the jobs to compare by their numbers."
        )
    known = [_known(session, job) for job in jobs]
    measures = {side.measure for side in _sides(known)}
    sides = _ranked(_sides(known)) if len(measures) == 1 and len(jobs) > 2 else _sides(known)
    order = {side.job: i for i, side in enumerate(sides)}
    known.sort(key=lambda one: order.get(one.job.id, MOST))
    pairs = _pairs(sides, {one.job.id: one.version for one in known}) if len(measures) == 1 else []
    return Found(_told(session, known, sides, pairs), sides, pairs)


def _known(session: Session, job: Job) -> _Known:
    groups = [*read(session, job.id).groups.values()]
    version = Registry(session).of_job(job.id) if job.status == JobStatus.succeeded else None
    headline = headline_of(groups, settings_of(groups))
    return _Known(job, headline, version.id if version else None)


# ---- sides


def _sides(known: Sequence[_Known]) -> list[Side]:
    """Those that have begun, all at the epoch that all have reached while one of them goes on."""
    begun = [(i, one) for i, one in enumerate(known) if one.headline]
    going = any(one.active for _, one in begun)
    at = min((one.headline.setting.epochs for _, one in begun if one.headline), default=0)
    return [
        Side(ascii_uppercase[i], one.job.id, one.headline.setting, _rows(one), at if going else 0)
        for i, one in begun
        if one.headline
    ]


def _rows(one: _Known) -> dict[str, Any]:
    """The fields that decide which rows a job's repetitions are judged on, with their values.

    Rows that are drawn depend on the seed; folds of a table do not.
    """
    asked, cls = one.job.experiment, experiments.get(one.job.name)
    names = [
        shape.name for shape in shapes(cls) if shape.group == "Data" or shape.name in ROWS
    ] if cls else [name for name in asked if name != "num_seeds"]  # fmt: skip
    counted = one.headline.setting.counted[0] if one.headline else []
    if FOLD not in dict(counted) or asked.get("table") == "":
        names.append("seed")
    return {"experiment": one.job.name} | {name: asked.get(name) for name in names}


def _ranked(sides: Sequence[Side]) -> list[Side]:
    """The best first, with letters in that order; what diverged comes last."""

    def place(side: Side) -> float:
        value = -side.value if side.share else side.value
        return value if np.isfinite(value) else np.inf

    ordered = sorted(sides, key=place)
    return [replace(side, letter=ascii_uppercase[i]) for i, side in enumerate(ordered)]


def _pairs(sides: Sequence[Side], versions: dict[int, int | None]) -> list[Pair]:
    """Every two of them, at a level that holds for all pairs together."""
    two = [*combinations(sides, 2)]
    level = _level(len(two))
    made = list[Pair]()
    for one, other in two:
        found = pair(one, other, level=level)
        mine, its = versions[one.job], versions[other.job]
        if found.why and mine and its and (compared := gate(mine, its).compared):
            found = pair(one, other, level=level, judged=compared)
        made.append(found)
    return made


def _level(pairs: int) -> float:
    """Bonferroni's: with so many pairs all intervals hold together in 95 of 100 cases."""
    return 1 - (1 - SURE) / max(1, pairs)


# ---- what is told


def _told(
    session: Session, known: Sequence[_Known], sides: Sequence[Side], pairs: Sequence[Pair]
) -> Comparison:
    measures = {side.measure for side in sides}
    live = any(one.active for one in known)
    by_job = {side.job: side for side in sides}
    champion = Registry(session).champion()
    letters = iter(ascii_uppercase[len(sides) :])
    fields, alike = _differing([one.job for one in known])
    jobs = [
        _job(one, by_job.get(one.job.id), champion[1].id if champion else 0, letters)
        for one in known
    ]
    return Comparison(
        jobs=jobs,
        measure=measures.pop() if len(measures) == 1 else None,
        higher_is_better=bool(sides and sides[0].share),
        level=_level(len(pairs)),
        live=live,
        at_epoch=sides[0].at or None if sides else None,
        sentence=_sentence(jobs, sides, pairs, live=live),
        notes=_notes(sides, pairs),
        differs=fields,
        alike=alike,
        pairs=[_pair(each) for each in pairs],
        rows=_rows_apart(known) if len(known) == 2 and pairs else None,
    )


def _job(one: _Known, side: Side | None, champion: int, letters: Any) -> ComparedJob:
    headline, job = one.headline, one.job
    started = headline.setting.group.started if headline else {}
    return ComparedJob(
        job=job.id,
        letter=side.letter if side else next(letters),
        experiment=job.name,
        label=job.label or "defaults",
        status=job.status,
        version=one.version,
        champion=job.id == champion,
        setting=headline.setting.title if headline else "",
        measure=side.measure if side else None,
        mean_of=headline.mean_of if headline else "",
        value=_finite(side.value) if side else None,
        train=_finite(float(side.ends("train").mean())) if side else None,
        epoch=(side.at or side.setting.epochs) if side else 0,
        num_epochs=started.get("num_epochs", 0),
        repetitions={
            name: [*map(_finite, values.tolist())] for name, values in side.repeated.items()
        }
        if side
        else {},
        reason=_reason(one, side),
    )


def _reason(one: _Known, side: Side | None) -> str:
    """Why a job has no value."""
    if side:
        return "" if np.isfinite(side.value) else "It diverged."
    if one.active:
        return "It has not finished its first epoch yet."
    cls = experiments.get(one.job.name)
    if cls and cls.instant:
        return "It trains nothing, so that it has no number to be compared by."
    return "It ended before its first epoch, or none of its curves is judged."


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _pair(each: Pair) -> ComparedPair:
    seeds = each.seeds
    return ComparedPair(
        one=each.one.job,
        other=each.other.job,
        why_not_paired=each.why,
        difference=_finite(each.difference),
        half=_finite(each.half),
        verdict=each.verdict,
        pairs={name: by for name, by in each.parts.items() if np.isfinite(by)},
        other_seeds=Around(difference=seeds[0], half=seeds[1])
        if seeds and np.isfinite(seeds).all()
        else None,
        more_seeds=each.more_seeds,
        sentence=each.sentence,
    )


def _differing(jobs: Sequence[Job]) -> tuple[list[Differs], int]:
    """The fields of experiments that not all have alike, and how many all have."""
    each = [
        {"experiment": job.name}
        | {
            item.name: item.value or "empty"
            for item in changes.settings(experiments.get(job.name), job.experiment)
        }
        for job in jobs
    ]
    names = dict.fromkeys(name for fields in each for name in fields)
    rows = [Differs(field=n, values=[fields.get(n, "") for fields in each]) for n in names]
    found = [row for row in rows if len(set(row.values)) > 1]
    return found, len(rows) - len(found)


# ---- in words


def _sentence(
    jobs: Sequence[ComparedJob], sides: Sequence[Side], pairs: Sequence[Pair], *, live: bool
) -> str:
    """The answer, or why there is none."""
    if len(jobs) == 1:
        return "One job is no comparison: choose a second one, or run the same with other seeds."
    if len({side.measure for side in sides}) > 1:
        of = ", ".join(f"#{side.job} by {side.measure}" for side in sides)
        return f"These cannot be compared, as their measures differ: {of}."
    if not pairs:
        without = ", ".join(f"#{one.job}" for one in jobs if one.value is None)
        return f"Nothing to compare: {without} without a number."
    said = pairs[0].sentence if len(sides) == 2 else _of_many(sides, pairs)
    at = sides[0].at
    return f"Not yet. At epoch {at}, where all have been: {said}" if live and at else said


def _of_many(sides: Sequence[Side], pairs: Sequence[Pair]) -> str:
    """Of three and more: what the best is better than."""
    best, *others = sides
    of_best = {each.other.letter: each for each in pairs if each.one is best}
    worse, level, lost = (
        [side.letter for side in others if of_best[side.letter].verdict in verdicts]
        for verdicts in ({"one"}, {"open", "single"}, {"nothing"})
    )
    parts = [
        f"cannot be told apart from {_listed(level)}" if level else "",
        f"is better than {_listed(worse)}" if worse else "",
    ]
    said = f"{best.letter} {' and '.join(filter(None, parts))}." if level or worse else ""
    said += f" {_listed(lost)} diverged." if lost else ""
    rest = [each for each in pairs if each.one is not best]
    told_apart = sum(each.verdict in {"one", "other"} for each in rest)
    return (
        f"{said} Of the other {plural(len(rest), 'pair')} {told_apart or 'none'} can be told apart."
    )


def _listed(letters: Sequence[str]) -> str:
    """A, B and C; of many how many they are."""
    if len(letters) > NAMED:
        return f"{len(letters)} others"
    *first, last = letters
    return f"{', '.join(first)} and {last}" if first else last


def _notes(sides: Sequence[Side], pairs: Sequence[Pair]) -> list[str]:
    """What the sentence rests on."""
    if not pairs:
        return []
    notes = list[str]()
    whys = {each.why for each in pairs if each.why}
    if len(pairs) == 1 and whys:
        notes.append(f"Not paired: {whys.pop()}. The interval is wider than it need be.")
    elif whys:
        count = sum(bool(each.why) for each in pairs)
        notes.append(f"{count} of {plural(len(pairs), 'pair')} are of jobs judged by other rows.")
    if len(pairs) > 1:
        notes.append(
            f"{len(pairs)} pairs are compared, so that each interval is one of"
            f" {100 * _level(len(pairs)):.4g} %: all together mislead on one such page in twenty."
        )
    if any(side.folds for side in sides):
        notes.append("Folds share rows that are learnt from: intervals are widened for that.")
    return notes


# ---- row by row


def _rows_apart(known: Sequence[_Known]) -> ComparedRows | None:
    """Two models on rows that neither has learnt from, where both are judged by the same."""
    versions = [one.version for one in known]
    if None in versions:
        return None
    (one, other) = versions
    assert one is not None
    assert other is not None
    found = gate(other, one)
    if isinstance(found, Later) or found.other_rows or any(found.doubts):
        return None
    if found.one is None or found.beside is None:
        return None
    every = found.group("", found.one.known, SURE)
    rows = np.flatnonzero(found.one.known & found.beside.known)
    its, mine = (each.each(each.said)[rows] for each in (found.one, found.beside))
    actual = found.one.target[rows].astype(np.float64)
    most = np.argsort(-np.abs(its - mine), kind="stable")[:APART]
    values = np.stack([actual, mine, its])[:, most].astype(np.float64)
    in_units = told(one)[0].target.priced(values)
    return ComparedRows(
        difference=every.difference,
        half=every.half,
        n=every.n,
        nearer=float((np.abs(its - actual) < np.abs(mine - actual)).mean()),
        most=[
            ComparedRow(row=int(row) + 1, actual=_brief(a), one=_brief(b), other=_brief(c))
            for row, (a, b, c) in zip(rows[most], np.asarray(in_units).T.tolist(), strict=True)
        ],
    )


def _brief(value: float) -> float:
    """As many digits as float32, in which answers are kept, has."""
    return float(f"{value:.6g}")
