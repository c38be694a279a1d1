"""Is the world still the one we learnt from? The latest answers, beside what a version learnt."""

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from sqlalchemy.orm import Session

from app import bodies
from app.errors import Conflict
from app.serving import actuals, log
from app.serving.predictors import Served, on_paid, serving, told
from app.serving.sales import news
from app.settings import settings
from app.store.answers import Answers, Kept
from app.store.models import Answer
from app.store.registry import CHAMPION, Registry
from app.store.sessions import readers
from app.store.tables import Tables
from ml.predictor import LEAST, Look, Predictions, Target, Words, interval

LATEST = 2000  # answers that are looked at
FIRST = 20  # of those that are like nothing
_alone = threading.Lock()
_last = dict[int, bodies.Monitor]()


def watch(session: Session, model: str | int = CHAMPION, latest: int = LATEST) -> bodies.Monitor:
    """The last answers of a version beside the rows that it learnt from.

    What was found stays known until something is asked, or a price comes.

    Raises:
        NotFound: where there is no such version.
        Conflict: where its file is damaged, or of a kind that remembers no rows.
    """
    log.flush()
    served = serving(session, model)
    registry = Registry(session)
    kept = Answers(session).kept(served.version)
    found = None
    enough = min(kept.answers, latest) >= LEAST
    if enough:
        with _alone:  # two who ask at once shall not compute it twice
            found = _looked(served.version, latest, kept)
    verdict, sentence = (found[0], found[1]) if found else ("few", _few(kept.answers))
    names, tables = registry.names(), Tables(session)
    grown = tables.grown_from(served.version)
    look = found[2] if found else None
    if look and look.paid:
        instead = [
            one.model_copy(update={"names": registry.names_of(version)})
            for version in sorted({*names.values(), *grown} - {served.version})
            if (one := _instead(served.version, version, latest, kept))
        ]
        look = look.model_copy(update={"instead": instead})
    watched = _last[served.version] = bodies.Monitor.model_validate(
        served.whose
        | {
            "names": registry.names_of(served.version),
            "verdict": verdict, "sentence": sentence, "answers": kept.answers, "paid": kept.paid,
            "since": kept.since, "until": kept.until, "look": look,
            "learn": _learn(served.version, Answers(session).priced_state())
            | {"jobs": tables.learning_from(served.version)},
            "weigh": {
                "reason": look.hindrance or _unlearnable(served) if look else sentence,
                "jobs": [_weighing(*one) for one in tables.weighing_for(served.version)],
            },
        }
    )  # fmt: skip
    return watched


def remembered(version: int) -> bodies.Monitor | None:
    """The last look that this process took at a version."""
    return _last.get(version)


def untaught(served: Served) -> str:
    """Why nothing can be learnt from the rows of a version and more; empty where it can."""
    predictor = served.predictor
    if not predictor.sales:
        rows = "sales" if predictor.card.words.rows == "houses" else predictor.card.words.rows
        return f"remembers no {rows}: train it anew."
    if predictor.card.experiment.get("table") == "":
        return "has learnt made-up rows: there is nothing to go on from."
    return ""


@dataclass(frozen=True, slots=True)
class Paying:
    """What became of a table of prices."""

    kept: int
    passed: int  # rows that say nothing that can be
    unknown: list[str]  # ids of no answer that is kept
    houses: bool  # whether all are of houses


def tell(session: Session, lines: Iterable[str]) -> Paying:
    """Keep what a table says was paid, by the ids of answers. Raises Invalid."""
    prices, passed = actuals.read(lines)
    log.flush()
    lost, answers = impossible(session, prices), Answers(session)
    possible = {key: price for key, price in prices.items() if key not in lost}
    asked = {*answers.versions(possible).values()}
    unknown = answers.pay(possible)
    return Paying(
        len(possible) - len(unknown), passed + len(lost), unknown, all(map(_of_houses, asked))
    )


def _of_houses(version: int) -> bool:
    """Whether it prices houses; so too where nobody can say."""
    try:
        return told(version)[0].words.rows == "houses"
    except Conflict:
        return True


def _unlearnable(served: Served) -> str:
    why = untaught(served)
    return f"It {why}" if why else ""


def _weighing(job: int, version: int | None) -> bodies.Weighing:
    """A job that weighs, and what its version says of that."""
    try:
        gained = told(version)[0].made_of.get("questions", "") if version else ""
    except Conflict:  # it cannot be read
        gained = ""
    return bodies.Weighing(job=job, version=version, gained=gained)


def impossible(session: Session, paid: Mapping[str, float]) -> dict[str, int]:
    """Answers that cannot have come to what is told: not above 0, by versions that measure errors
    of logarithms; each by its key, with its version."""
    versions = Answers(session).versions(key for key, value in paid.items() if value <= 0)
    return {key: version for key, version in versions.items() if _relative(version)}


def _relative(version: int) -> bool:
    """Whether errors are those of logarithms; so too where nobody can say."""
    try:
        return told(version)[0].target.relative
    except Conflict:
        return True


def _few(answers: int) -> str:
    if not settings().keep_answers:
        return "No answers are kept: RIDGELINE_KEEP_ANSWERS is 0."
    have = f"{answers} {'is' if answers == 1 else 'are'} kept"
    return f"A look needs {LEAST} answers; {have if answers else 'none is kept yet'}."


@lru_cache(maxsize=32)
def _looked(version: int, latest: int, kept: Kept) -> tuple[str, str, bodies.Looked]:  # noqa: ARG001  what was found is of these
    served, answers = _asked(version, latest)
    try:
        found = served.predictor.look(
            [answer.house for answer in answers], _said(answers), [a.paid for a in answers]
        )
    except ValueError as error:
        raise Conflict(f"Version {version} cannot be watched. {error}") from None
    found = _worded(found, served.predictor.card.words)
    return found.verdict, found.sentence, _told(served, found, answers)


@lru_cache(maxsize=64)
def _instead(
    version: int,
    other: int,
    latest: int,
    kept: Kept,  # noqa: ARG001  what was found is of these
) -> bodies.Instead | None:
    """Another version, where what was paid is known; None where it cannot answer these, or
    measures errors otherwise."""
    served, answers = _asked(version, latest)
    try:
        with readers()() as session:
            beside = serving(session, other)
    except Conflict:  # it cannot be read
        return None
    if beside.predictor.card.target.relative != served.predictor.card.target.relative:
        return None
    known = _unmet(served, [answer for answer in answers if answer.paid is not None])
    found = on_paid(("", ""), beside.predictor, served.predictor, known)
    if found.one is None or found.beside is None or len(found.one.target) < 2:
        return None
    difference, half = found.difference
    mine, its = (float(np.sqrt(each.square.mean())) for each in (found.beside, found.one))
    return bodies.Instead(
        version=other, names=[], n=len(found.one.target), learnt=found.by_fold, before=mine,
        rmse=its, difference=difference, half=half,
    )  # fmt: skip


@lru_cache(maxsize=8)
def _learn(version: int, state: object) -> dict[str, object]:  # noqa: ARG001  prices that came
    """What a version could learn from, of the prices that came."""
    with readers()() as session:
        served = serving(session, version)
        found = news(served.predictor, Answers(session).priced())
    reason = _unlearnable(served) or found.reason
    return {"prices": len(found.sales), "thin": found.thin, "reason": reason}


def _asked(version: int, latest: int) -> tuple[Served, list[Answer]]:
    with readers()() as session:
        return serving(session, version), Answers(session).latest(version, latest)


def _unmet(served: Served, answers: Sequence[Answer]) -> list[Answer]:
    """Those about rows that a version has not learnt from."""
    met = served.predictor.met([answer.house for answer in answers])
    return [answer for answer, one in zip(answers, met, strict=True) if not one]


def _said(answers: Sequence[Answer]) -> Predictions:
    return Predictions(*np.array([(a.price, a.low, a.high) for a in answers], np.float64).T)


def _told(served: Served, found: Look, answers: Sequence[Answer]) -> bodies.Looked:
    """All of a look that is told."""
    classifier = bodies.Classified.model_validate(found.shift.classifier)
    alone = [answers[i].key for i in np.flatnonzero(found.alone).tolist()]
    return bodies.Looked(
        rows=found.shift.n,
        questions=found.shift.m,
        classifier=classifier,
        columns=[
            bodies.Moved(
                name=each.name, of=each.of, moved=each.moved, adjusted=each.adjusted,
                found=each in found.moved, sentence=each.sentence, at=[*each.at],
                source=[*each.source], target=[*each.target],
            )
            for each in found.shift.columns
        ],
        told=found.told,
        untold=[*found.untold],
        alone=float(found.alone.mean()),
        lonely=found.lonely,
        first_alone=alone[: -FIRST - 1 : -1],
        unseen=float(found.unseen.mean()),
        met=float(found.met.mean()) if found.met is not None else 0.0,
        promised=found.promised,
        expected=found.expected_error,
        worth=found.ratio.effective,
        weights=found.weights,
        hindrance=found.hindrance,
        paid=bodies.PaidFor.model_validate(found.paid) if found.paid else None,
        months=_months(_unmet(served, answers), served.predictor.card.target),
        instead=[],
        notes=[*found.shift.notes],
    )  # fmt: skip


def _worded(found: Look, words: Words) -> Look:
    """A look, told by the words of whose rows they are."""
    if words.rows == "houses":
        return found
    came = f"what the {words.value} of these was"
    error = ".3f" if words.log else ".3g"
    return replace(
        found,
        called=replace(found.called, rows=words.rows, values=words.values, came=came, error=error),
    )


def _months(answers: Sequence[Answer], target: Target) -> list[bodies.Month]:
    """Errors by the month in which was asked; of one answer no interval is known, and none told."""
    months = defaultdict[str, list[Answer]](list)
    for answer in answers:
        if answer.paid is not None:
            months[f"{answer.at:%Y-%m}"].append(answer)
    found = list[bodies.Month]()
    for month, some in months.items():
        if len(some) < 2:
            continue
        paid = np.array([answer.paid for answer in some])
        said = _said(some)
        off = target.measured(paid) - target.measured(said.price)
        mean, half = map(float, interval(np.square(off)))
        low, high = np.sqrt(np.maximum(0, (mean - half, mean + half))).tolist()
        inside = float(((said.low <= paid) & (paid <= said.high)).mean())
        found.append(
            bodies.Month(
                month=month, n=len(some), rmse=float(np.sqrt(mean)), low=low, high=high,
                inside=inside,
            )
        )  # fmt: skip
    return found


def forget() -> None:
    """Another database."""
    _looked.cache_clear()
    _instead.cache_clear()
    _learn.cache_clear()
    _last.clear()
