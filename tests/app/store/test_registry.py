"""Versions and names: who answers, who did before, and what stays of it; on both databases."""

import hashlib
from threading import Thread
from time import sleep
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.store import sessions
from app.store.jobs import RunStore
from app.store.leases import Leases, Outcome
from app.store.migrations import downgrade, upgrade
from app.store.models import Job
from app.store.registry import CHAMPION, Registry
from app.store.states import Act, JobStatus
from ml.events import Trained

pytestmark = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def registry(session: Session) -> Registry:
    return Registry(session)


def made(
    session: Session, payload: bytes = b"x", status: JobStatus = JobStatus.succeeded
) -> int | None:
    """A job that has ended so after it left a predictor; gives its version's number."""
    job = RunStore(session).enqueue(Job(experiment={}, name="kaggle_house"))
    claim = Leases(session).claim("me", job.id)
    assert claim is not None
    Leases(session).append(claim.token, [Trained(payload)], Outcome(status))
    session.expire_all()
    version = Registry(session).of_job(job.id)
    return version.id if version else None


def move(registry: Registry, version: Any, act: Act = Act.promoted, alias: str = CHAMPION) -> None:
    registry.point(alias, version, act, who="me", reason="because", evidence="better")


def test_the_first_answers_and_no_other_is_promoted_by_itself(registry: Registry) -> None:
    assert registry.champion() is None
    first, second = (made(registry.session, payload) for payload in (b"one", b"two"))
    champion = registry.champion()
    assert champion is not None
    assert champion[0].id == first != second
    (only,) = registry.history()
    assert (only.act, only.before, only.after, only.forced) == (Act.first, None, first, False)
    assert only.who == "Ridgeline"
    assert only.at.tzinfo is not None


def test_a_version_counts_once_its_job_has_succeeded(registry: Registry) -> None:
    failed = made(registry.session, status=JobStatus.failed)
    assert failed is not None
    assert registry.champion() is None
    assert registry.find(str(failed)) is None
    assert registry.versions() == []
    assert registry.count() == 0


def test_versions_are_found_by_number_or_name_with_what_they_hold(registry: Registry) -> None:
    numbers = [made(registry.session, bytes([i])) for i in range(3)]
    assert [version.id for version, _ in registry.versions()] == numbers[::-1]
    assert [version.id for version, _ in registry.versions(1, before=3)] == [2]
    move(registry, 3, Act.named, "challenger")
    version, job = registry.get("challenger")
    assert (version.id, job.id) == (3, version.job_id)
    assert registry.get("3")[0] is version
    assert version.digest == hashlib.sha256(b"\x02").hexdigest()
    whole = registry.with_payload(3)
    assert whole is not None
    assert (whole.payload, whole.size) == (b"\x02", 1)
    for wrong in ("4", "nobody", "99999999999999999999", "", "²"):
        with pytest.raises(NotFound, match=r"There is no model .*last version is 3, names are"):
            registry.get(wrong)


def test_names_point_and_history_says_who_moved_them(registry: Registry) -> None:
    for _ in range(3):
        made(registry.session)
    move(registry, 2, Act.named, "older")
    move(registry, 3, Act.promoted)
    assert registry.names() == {"champion": 3, "older": 2}
    assert registry.names_of(3) == ["champion"]
    move(registry, None, Act.removed, "older")
    assert registry.names() == {"champion": 3}
    said = [(one.act, one.alias, one.before, one.after) for one in registry.history()]
    assert said == [
        (Act.removed, "older", 2, None),
        (Act.promoted, "champion", 1, 3),
        (Act.named, "older", None, 2),
        (Act.first, "champion", None, 1),
    ]
    assert len(registry.history(2)) == 2
    assert [one.after for one in registry.history(9, "older")] == [None, 2]


def test_rolling_back_twice_goes_two_champions_back(registry: Registry) -> None:
    for _ in range(4):
        made(registry.session)
    for version in (2, 3):
        move(registry, version)
    assert registry.previous() == 2
    move(registry, 2, Act.rolled_back)
    assert registry.previous() == 1
    move(registry, 1, Act.rolled_back)
    assert registry.previous() is None
    move(registry, 4)
    assert registry.previous() == 1
    move(registry, 2)
    move(registry, 4)
    RunStore(registry.session).delete(registry.get("2")[1].id)
    assert registry.previous() == 1  # the second has been deleted since


def test_going_back_is_of_one_name_and_of_its_last_turns(registry: Registry) -> None:
    for _ in range(4):
        made(registry.session)
    move(registry, 2, Act.named, "aa")
    move(registry, 3, Act.named, "aa")
    assert registry.previous() is None  # another name's turns are none of the champion's
    for version in (2, 1):
        move(registry, version)
    assert registry.previous() == 2
    for version in (2, 3, 2, 4):
        move(registry, version)
    move(registry, 2, Act.rolled_back)
    assert registry.previous() == 3
    assert [*registry.names()] == ["champion", "aa"]


def test_what_is_no_name_and_no_number_finds_nothing(registry: Registry) -> None:
    made(registry.session)
    for model in ("9" * 5000, "007", "1 ", "a\x00b", "-1", "Champion"):
        assert registry.find(model) is None


def test_the_store_itself_keeps_what_a_name_points_at(registry: Registry) -> None:
    made(registry.session)
    with pytest.raises(IntegrityError):
        RunStore(registry.session).delete(registry.get("1")[1].id)


def test_a_deleted_version_s_number_is_not_used_again(registry: Registry) -> None:
    made(registry.session)
    made(registry.session)
    RunStore(registry.session).delete(registry.get("2")[1].id)
    assert made(registry.session) == 3


def test_an_attempt_that_begins_anew_leaves_one_version(registry: Registry) -> None:
    session = registry.session
    job = RunStore(session).enqueue(Job(experiment={}, name="kaggle_house"))
    first = Leases(session).claim("me", job.id)
    assert first is not None
    Leases(session).append(first.token, [Trained(b"first")])
    Leases(session).give_back(first.token)
    again = Leases(session).claim("me", job.id)
    assert again is not None
    Leases(session).append(again.token, [Trained(b"second")], Outcome(JobStatus.succeeded))
    session.expire_all()
    ((version, _),) = registry.versions()
    assert version.digest == hashlib.sha256(b"second").hexdigest()
    assert registry.names() == {"champion": version.id}


def test_whoever_moves_a_name_is_alone(session: Session) -> None:
    made(session)
    made(session)
    session.commit()
    turns = list[str]()

    def other() -> None:
        with sessions.writers().begin() as own:
            Registry(own).lock()
            champion = Registry(own).champion()
            assert champion is not None
            turns.append(f"sees {champion[0].id}")

    with sessions.writers().begin() as first:
        Registry(first).lock()
        Registry(first).champion()  # SQLite locks with the first statement
        thread = Thread(target=other)
        thread.start()
        sleep(0.3)  # the other has asked by now
        Registry(first).point(CHAMPION, 2, Act.promoted, who="me")
        turns.append("moved")
    thread.join(20)
    assert turns == ["moved", "sees 2"]


def test_who_answered_before_there_were_names_is_the_champion(database: str) -> None:
    """By the rule of then: the lowest mean valid of what had a predictor and had succeeded."""
    downgrade(database, "0002")
    jobs = [  # name, status, valid, has left a predictor
        ("kaggle_house", "succeeded", 0.13, True),
        ("house_ensemble", "succeeded", 0.10, False),
        ("house_ensemble", "succeeded", 0.11, True),
        ("house_ensemble", "failed", 0.09, True),
        ("another", "succeeded", 0.08, True),
    ]
    columns = (
        "insert into jobs (id, experiment, name, label, tags, status, cancel, created_at, attempt,"
        " crashes, lost, seq, num_runs, epochs_done, epochs_total, checks_held, checks_total,"
        " book_held, book_total, summary, valid) values (:id, '{}', :name, '', '[]', :status, "
    )
    zeros = "false, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '{}', :valid)"
    with sessions.engine().begin() as connection:
        for i, (name, status, valid, _) in enumerate(jobs):
            values = {"id": i + 1, "name": name, "status": status, "valid": valid}
            connection.execute(text(columns + zeros), values)
        for i in (i for i, (*_, has) in enumerate(jobs) if has):
            connection.execute(
                text("insert into predictors values (:job, :at, 1, :payload)"),
                {"job": i + 1, "at": float(9 - i), "payload": bytes([i])},
            )
    upgrade(database)
    with sessions.readers()() as session:
        registry = Registry(session)
        champion = registry.champion()
        assert champion is not None
        version, job = champion
        assert (job.id, version.id) == (3, 3)  # in the order that they were made: the last first
        numbers = [registry.of_job(number) for number in (5, 4, 3, 1)]
        assert [one.id for one in numbers if one] == [1, 2, 3, 4]
        assert version.digest == hashlib.sha256(b"\x02").hexdigest()
        (first,) = registry.history()
        assert (first.act, first.after) == (Act.first, 3)
        now = session.scalar(sessions.now().select())
        assert now is not None
        assert abs(first.at.timestamp() - now) < 60
