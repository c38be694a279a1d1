"""The models that answer: loaded once from the store, and kept while they are asked."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from app.errors import Conflict, NotFound
from app.store import sessions
from app.store.answers import Answers
from app.store.jobs import SERVED, RunStore
from app.store.models import Answer, Version
from app.store.registry import CHAMPION, Registry
from app.store.sessions import readers
from ml.predictor import Card, Gate, Judged, Later, Predictor, later

AT_HAND = 8  # versions, by whatever name


@dataclass(frozen=True, slots=True)
class Served:
    """A predictor, its version, and the job it came from; `row` is the JSON schema of what it
    reads."""

    version: int
    job_id: int
    digest: str
    predictor: Predictor
    row: dict[str, Any]

    @property
    def of_houses(self) -> bool:
        """Whether it prices the houses of the competition, and no rows of another table."""
        return self.predictor.card.input_schema.noun == "houses"

    @property
    def whose(self) -> dict[str, int]:
        """What each answer says of who gave it."""
        return {"version": self.version, "job": self.job_id}


def serving(session: Session, model: str | int = CHAMPION) -> Served:
    """The version of that number or name. The name is looked up anew each time, so that whoever
    was promoted a moment ago answers.

    Raises:
        NotFound: where none has been trained, or that is none.
    """
    registry = Registry(session)
    if model == CHAMPION and registry.champion() is None:
        if registry.count():
            raise NotFound("Nobody answers: no version is the champion. Promote one, or name one.")
        raise NotFound(
            f"Nothing has been trained yet. Train a model: ridgeline train {SERVED[0]}, or make"
            f' run, or POST /api/v1/jobs {{"experiment": {{"name": "{SERVED[0]}"}}}}.'
        )
    version, _ = registry.get(str(model))
    return _load(version.id)


def at_hand(model: str | int) -> Served | None:
    """The same without asking the store, where `who` has and nobody has written to it since."""
    state, served = _looked_up.get(str(model), (None, None))
    return served if state is not None and state == sessions.state() else None


def who(model: str | int) -> Served:
    """The same from the store, by a session of its own; it is at hand from then on."""
    state = sessions.state()
    with readers()() as session:
        served = serving(session, model)
    if len(_looked_up) >= AT_HAND:
        _looked_up.clear()
    _looked_up[str(model)] = state, served
    return served


_looked_up = dict[str, tuple[int | None, Served]]()  # and when, as the store counts


def champion(session: Session) -> Served | None:
    """Who answers where no version is named; None where nobody does."""
    return serving(session) if Registry(session).champion() else None


def of_job(session: Session, job_id: int) -> Served:
    """The version that a job has made. Raises as `made_by`."""
    return _load(made_by(session, job_id).id)


def competing(session: Session, job_id: int) -> Served:
    """The same, where it prices the competition's houses. Raises Conflict where it does not."""
    served = of_job(session, job_id)
    if not served.of_houses:
        raise Conflict(
            f"Version {served.version} predicts {served.predictor.card.words.value} and no houses"
            f" of the competition: ridgeline predict FILE --model {served.version} answers a table."
        )
    return served


def made_by(session: Session, job_id: int) -> Version:
    """The same, without loading it.

    Raises:
        NotFound: where there is no such job.
        Conflict: where it has made none.
    """
    version = Registry(session).of_job(RunStore(session).get(job_id).id)
    if version is None:
        raise Conflict(f"Job {job_id} has no predictor; a {SERVED[0]} that has succeeded has one.")
    return version


@lru_cache(maxsize=AT_HAND)
def _load(version_id: int) -> Served:
    version = read(version_id)
    try:
        predictor = Predictor.from_bytes(version.payload)
    except ValueError as error:
        raise Conflict(f"Version {version_id} cannot be read. {error}") from None
    predictor.prepare()
    row = predictor.card.input_schema.row_model("House").model_json_schema()
    return Served(version.id, version.job_id, version.digest, predictor, row)


@lru_cache(maxsize=256)
def told(version_id: int) -> tuple[Card, Judged | None]:
    """What is told of a version, without loading what answers."""
    try:
        return Predictor.told_of(read(version_id).payload)
    except ValueError as error:
        raise Conflict(f"Version {version_id} cannot be read. {error}") from None


def gate(one: int, other: int) -> Gate:
    """One version beside another whose place it would take.

    Raises:
        Conflict: where it is that itself.
    """
    if one == other:
        raise Conflict(f"Version {one} is not compared with itself: name another.")
    doubts = _fault(one), _fault(other)
    if any(doubts):  # not kept: a file may be whole again
        return Gate(*_named(one, other), None, None, doubts)
    found = _gate(one, other)
    if not found.other_rows:
        return found
    with readers()() as session:
        state = Answers(session).priced_state()
    return _later(one, other, state) if state[0] else found


@lru_cache(maxsize=512)
def _gate(one: int, other: int) -> Gate:
    (mine, judged), (its, beside) = told(one), told(other)
    apart = _apart(mine, its, one, other)
    doubts = [
        f"Version {version} knew of the rows that it is judged on. {card.leaks}" * bool(card.leaks)
        for version, card in ((one, mine), (other, its))
    ]
    return Gate(*_named(one, other), judged, beside, (apart or doubts[0], doubts[1]))


def _apart(mine: Card, its: Card, one: int, other: int) -> str:
    """Why two versions do not answer the same question; empty where they do."""
    if mine.input_schema.target_column != its.input_schema.target_column:
        said = f"version {one} predicts {mine.words.value}, version {other} {its.words.value}"
        return f"They answer other questions: {said}."
    if mine.target.relative != its.target.relative:
        logs, plain = (one, other) if mine.target.relative else (other, one)
        return (
            f"Errors of version {logs} are those of {mine.words.value}'s logarithm, of version"
            f" {plain} those of itself."
        )
    return ""


@lru_cache(maxsize=64)
def _later(one: int, other: int, state: object) -> Gate:  # noqa: ARG001  prices that have come
    """On houses whose price came, where the two have learnt from other rows."""
    with readers()() as session:
        answers = Answers(session).priced()
    return on_paid(_named(one, other), _load(one).predictor, _load(other).predictor, answers)


def on_paid(
    named: tuple[str, str], one: Predictor, other: Predictor, answers: Sequence[Answer]
) -> Later:
    """Two models beside each other on the houses of answers whose price came, each once: of one
    that was asked about twice the price that was told last counts. One that either cannot read does
    not count."""
    same = [answer for answer in answers if answer.paid is not None and asks(one.card, answer)]
    last = {one.values(a.house): a for a in same if one.reads(a.house)}
    known = [answer for answer in last.values() if other.reads(answer.house)]
    return later(
        named, one, other,
        [answer.house for answer in known],
        np.array([answer.paid for answer in known], np.float64),
        [answer.key for answer in known],
    )  # fmt: skip


def asks(card: Card, answer: Answer) -> bool:
    """Whether an answer is to the question that a version of this card answers: of the same target,
    from the same columns or from some of them."""
    try:
        its = told(answer.version_id)[0].input_schema
    except Conflict:
        return False
    own = card.input_schema
    mine, other = ({field.name for field in each.fields} for each in (own, its))
    same = (own.noun, own.target_column) == (its.noun, its.target_column)
    return same and (mine <= other or other <= mine)


def _named(one: int, other: int) -> tuple[str, str]:
    return f"Version {one}", f"version {other}"


def _fault(version_id: int) -> str:
    """Why a version cannot be read; empty where it can."""
    try:
        told(version_id)
    except Conflict as error:
        return error.message
    return ""


def read(version_id: int) -> Version:
    """A version with its file, by a session of its own, so that a cache may hold what comes of it.

    Raises:
        NotFound: where it has just been deleted.
        Conflict: where the file is not what was written.
    """
    with readers()() as session:
        version = Registry(session).with_payload(version_id)
    if version is None:
        raise NotFound(f"Version {version_id} has just been deleted.")
    if hashlib.sha256(version.payload).hexdigest() != version.digest:
        raise Conflict(
            f"The file of version {version_id} is damaged: it is no longer what job"
            f" {version.job_id} has written. Roll back, or train it anew."
        )
    return version


def forget() -> None:
    """Empty the caches: another database."""
    _looked_up.clear()
    _load.cache_clear()
    told.cache_clear()
    _gate.cache_clear()
    _later.cache_clear()
