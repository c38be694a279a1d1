"""Twenty jobs come and go, and the disk has its space back."""

import os
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy.orm import Session

from app import lifecycle, promotions
from app.store import sessions, space
from app.store.jobs import RunStore
from app.store.leases import Leases, Outcome
from app.store.models import Job
from app.store.registry import CHAMPION
from app.store.states import JobStatus
from ml.events import Checkpoint, Epoch, Event, Figure, Series, Started, Trained

MB = 2**20


def train(session: Session) -> Job:
    """A job with four checkpoints of a megabyte, curves, a figure and a predictor."""
    job = RunStore(session).enqueue(Job(experiment={}, name="x"))
    claim = Leases(session).claim("me", job.id)
    assert claim is not None
    values = np.random.default_rng(job.id).random((50, 2, 20), dtype=np.float32)
    session.commit()
    events: list[Event] = [Started("g", ("run",) * 20, 200, "mse", "cpu")]
    for part in range(4):
        events += [Epoch("g", 1 + 50 * part, values), Checkpoint(os.urandom(MB))]
        Leases(session).append(claim.token, events)
        session.commit()
        events = []
    x = np.arange(20_000.0)
    last: list[Event] = [Figure("f", "F", "", (Series("s", x, x),)), Trained(os.urandom(MB // 2))]
    Leases(session).append(claim.token, last, Outcome(JobStatus.succeeded))
    session.commit()
    session.expire_all()
    return job


def retire(session: Session) -> None:
    """Let the first version's job be deleted: it was the first to answer."""
    promotions.remove(session, CHAMPION, who="a test", reason="Its job is to be deleted.")
    session.commit()


def used(database: str) -> int:
    """Bytes of the run store and its log."""
    file = Path(database.removeprefix("sqlite:///"))
    return sum(Path(f"{file}{end}").stat().st_size for end in ("", "-wal"))


def pages() -> int:
    """Bytes of the run store when its log has been moved into it."""
    with sessions.engine().connect() as connection:
        return 4096 * int(connection.exec_driver_sql("pragma page_count").scalar_one())


def test_twenty_jobs_leave_no_trace_on_the_disk(session: Session, database: str) -> None:
    for _ in range(2):
        train(session)  # they stay
    lifecycle.delete(session, train(session))  # so that the log is empty
    session.commit()
    before = used(database)
    jobs = [train(session) for _ in range(20)]
    full, freed = pages(), 0
    assert full > before + 20 * MB // 2
    for job in jobs:
        freed += lifecycle.delete(session, job)
        session.commit()
    assert used(database) == pytest.approx(before, rel=0.02)
    assert freed == full - pages()


def test_the_checkpoints_of_jobs_that_have_ended_take_no_room(
    session: Session, database: str
) -> None:
    """The megabyte of one serves the next."""
    for _ in range(20):
        train(session)
    assert pages() < 20 * 1.3 * MB


def test_readers_in_the_way_delay_nobody(
    session: Session, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(space, "WAIT", 50)
    job, other = train(session), train(session)
    retire(session)
    with sessions.readers()() as reader:
        RunStore(reader).counts()  # a snapshot that needs the log
        assert lifecycle.delete(session, job) > MB // 2
        session.commit()
        assert used(database) > MB // 2
        RunStore(session).enqueue(Job(experiment={}, name="x"))
        session.commit()
    lifecycle.delete(session, other)
    session.commit()
    assert used(database) < MB // 2


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_postgresql_says_what_the_rows_held(session: Session) -> None:
    job = train(session)
    retire(session)
    assert 0.5 * MB < lifecycle.delete(session, job) < 1.5 * MB
