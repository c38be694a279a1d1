"""Answers in the store: the last are kept, prices are written by key, and counts are right."""

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app import lifecycle
from app.store.answers import Answers
from app.store.models import Version
from ml.experiments import parse

BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)


def version(session: Session) -> int:
    """A version of a job; nothing reads its file here."""
    job = lifecycle.submit(session, parse({"name": "kaggle_house"}))
    session.flush()
    made = Version(job_id=job.id, size=1, digest="0" * 64, payload=b"x")
    session.add(made)
    session.flush()
    return made.id


def answers(version_id: int, first: int, count: int, at: float = 1.8e9) -> list[dict[str, Any]]:
    return [
        {
            "key": f"{i:016x}", "version_id": version_id, "at": at + i, "house": {"n": i},
            "price": 100.0 + i, "low": 90.0, "high": 110.0, "paid": None, "paid_at": None,
        }
        for i in range(first, first + count)
    ]  # fmt: skip


@BOTH
def test_the_last_are_kept_of_all_versions_together(session: Session) -> None:
    store, one, other = Answers(session), version(session), version(session)
    store.add(answers(one, 0, 6), 10)
    store.add(answers(other, 6, 7), 10)
    assert [answer.house["n"] for answer in store.latest(one, 100)] == [3, 4, 5]
    assert [answer.house["n"] for answer in store.latest(other, 2)] == [11, 12]
    kept = store.kept(other)
    assert (kept.answers, kept.paid) == (7, 0)
    assert (kept.since, kept.until) != (None, None)
    assert kept.since is not None
    assert kept.until is not None
    assert (kept.since.timestamp(), kept.until.timestamp()) == (1.8e9 + 6, 1.8e9 + 12)


@BOTH
def test_answers_of_a_version_that_has_gone_are_left_out(session: Session) -> None:
    store, one = Answers(session), version(session)
    store.add([*answers(one, 0, 2), *answers(one + 100, 2, 2)], 10)
    assert store.kept(one).answers == 2
    assert store.kept(one + 100).answers == 0


@BOTH
def test_a_price_is_of_one_answer_and_the_last_counts(session: Session) -> None:
    store, one = Answers(session), version(session)
    store.add(answers(one, 0, 3), 10)
    assert store.pay({f"{1:016x}": 5.0, "nobody": 6.0}) == ["nobody"]
    assert store.pay({f"{1:016x}": 7.0}) == []
    session.expire_all()
    found = store.latest(one, 10)
    assert [answer.paid for answer in found] == [None, 7.0, None]
    assert found[1].paid_at is not None
    assert found[0].paid_at is None
    assert store.kept(one).paid == 1


@BOTH
def test_each_answer_is_of_a_version(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.store.answers.AT_ONCE", 2)
    store, one, other = Answers(session), version(session), version(session)
    store.add([*answers(one, 0, 3), *answers(other, 3, 2)], 10)
    found = store.versions(["nobody", *(f"{i:016x}" for i in (4, 0, 2))])
    assert found == {f"{4:016x}": other, f"{0:016x}": one, f"{2:016x}": one}
    assert store.versions([]) == {}


@BOTH
def test_a_week_is_counted_by_version(session: Session) -> None:
    import time

    store, one, other = Answers(session), version(session), version(session)
    ago = time.time() - 6.9 * 86_400
    store.add([*answers(one, 0, 2, ago), *answers(other, 2, 3, ago - 86_400)], 10)
    assert store.lately() == {one: 2}
    assert store.lately(9) == {one: 2, other: 3}
