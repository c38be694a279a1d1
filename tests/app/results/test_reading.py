"""One value holds what a job said: the same whether it is read at once or chunk by chunk."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.results import log
from app.results.reading import Clock, Reading, Readings, read
from app.store import chunks, payloads, sessions
from app.store.jobs import RunStore
from app.store.models import Job
from ml.events import Check, Checkpoint, Epoch, Event, Figure, Finding, Note, Series, Started, Table

RUNNING = {"status": "running", "worker": "me"}
Messages = Sequence[Sequence[Any]]


def started(key: str = "folds") -> Started:
    return Started(key, ("fold 1", "fold 2"), 6, "log_rmse", "cpu", 331)


def epochs(first: int, *valid: float, key: str = "folds") -> Epoch:
    values = np.array([[[v / 2, v], [v, np.nan]] for v in valid], dtype=np.float32)
    return Epoch(key, first, values)


def check(got: float) -> Check:
    return Check("4.10", "mean valid", 0.17, got, 0.01, abs(got - 0.17) < 0.01)


STORY: Messages = [
    [{"status": "queued"}],
    [RUNNING | {"attempt": 1}],
    [started(), epochs(1, 5.0, 4.0), Note("It begins.")],
    [epochs(3, 3.0), started("refit"), epochs(1, 9.0, key="refit"), check(0.5)],
    [{"status": "queued", "error": "Its process died."}, RUNNING | {"attempt": 2}],
    [epochs(2, 8.0, 7.0, key="refit"), epochs(4, 2.5)],
    [Figure("fit", "A fit", "", (Series("a", np.ones(3), np.ones(3)),)), check(0.17)],
    [Table("t", "A table", ("a", "b"), (("x", 1.0),)), Finding("about right", "So.", "Rule.")],
    [{"status": "succeeded", "reason": None, "error": None}],
]
"""A job of two groups whose first attempt crashed; what an attempt repeats replaces the earlier."""


def packed(messages: Messages = STORY) -> list[tuple[int, bytes]]:
    """The chunks of a job, one a second."""
    stored = [(seq, payloads.pack(items)) for seq, items in enumerate(messages, 1)]
    return [(seq, at(payload, 1000.0 + seq)) for seq, payload in stored]


def at(payload: bytes, moment: float) -> bytes:
    """The chunk as if it had been written at that moment."""
    start, _, rest = payload.partition(b",")
    assert start.startswith(b'{"at":')
    return b'{"at":%r,' % moment + rest


def assert_same(one: Reading, other: Reading) -> None:
    assert one.groups.keys() == other.groups.keys()
    for key, group in one.groups.items():
        assert group.started == other.groups[key].started
        np.testing.assert_array_equal(group.values, other.groups[key].values)
    assert list(one.groups) == list(other.groups)
    for name in ("seq", "named", "log", "clock"):
        assert getattr(one, name) == getattr(other, name)


def test_a_reading_holds_all_that_was_said() -> None:
    reading = Reading().after(packed())
    assert reading.seq == len(STORY)
    assert {key: len(group.values) for key, group in reading.groups.items()} == {
        "folds": 4, "refit": 3,
    }  # fmt: skip
    assert reading.groups["folds"].metric("train")[:, 1].tolist() == [5, 4, 3, 2.5]
    assert reading.figures["fit"]["title"] == "A fit"
    (claim,) = reading.checks
    assert claim["got"] == 0.17
    results = reading.results()
    assert {name: len(items) for name, items in results.items()} == {
        "figures": 1, "tables": 1, "checks": 1, "findings": 1,
    }  # fmt: skip
    assert [line.text.partition(",")[0] for line in log.lines(reading)] == [
        "queued", "claimed by me", "folds: 2 runs side by side", "It begins.",
        "refit: 2 runs side by side", "check fails: mean valid", "queued: Its process died.",
        "claimed by me", "succeeded",
    ]  # fmt: skip


def test_the_clock_is_that_of_the_last_attempt() -> None:
    reading = Reading().after(packed())
    assert reading.clock == Clock(1006, 1006, 1)
    assert reading.clock.rate is None
    assert Reading().after(packed()[:4]).clock.rate == 2  # 3, but for those of the first message


@pytest.mark.parametrize("step", [1, 2, 4])
def test_read_chunk_by_chunk_it_is_the_same(step: int) -> None:
    stored, reading = packed(), Reading()
    for start in range(0, len(stored), step):
        reading = reading.after(stored[start : start + step])
    assert_same(reading, Reading().after(stored))


def test_a_reading_never_changes() -> None:
    stored = packed()
    for upto in range(len(stored)):
        early = Reading().after(stored[:upto])
        early.after(stored[upto:])
        assert_same(early, Reading().after(stored[:upto]))


def test_events_in_memory_are_read_the_same() -> None:
    story: list[Event] = [
        started(),
        epochs(1, 5.0),
        Checkpoint(b"not stored"),
        check(0.17),
        Note("Done."),
    ]
    reading = Reading.of(story)
    assert reading.groups["folds"].values.shape == (1, 2, 2)
    assert (len(reading.checks), len(reading.log)) == (1, 3)


# ---- kept ----------------------------------------------------------------------------------------


@pytest.fixture
def job(session: Session) -> int:
    """A job that has said the first half."""
    job_id = RunStore(session).enqueue(Job(experiment={}, name="x")).id
    for items in STORY[1:5]:
        chunks.append(session, job_id, *items)
    session.commit()
    return job_id


def test_only_what_is_new_is_read_again(session: Session, job: int) -> None:
    parsed: list[int] = []

    def note(*arguments: Any) -> None:
        if "FROM chunks" in arguments[2]:
            parsed.append(arguments[3][1])

    event.listen(sessions.engine(), "before_cursor_execute", note)
    with sessions.readers()() as reader:
        first = read(reader, job)
        assert read(reader, job) is first
    for items in STORY[5:]:
        chunks.append(session, job, *items)
    session.commit()
    with sessions.readers()() as reader:
        last = read(reader, job)
    assert parsed == [0, 5, 5]
    with sessions.readers()() as reader:
        assert_same(last, Reading().after(RunStore(reader).chunks(job)))


def test_what_is_rolled_back_is_not_kept(session: Session, job: int) -> None:
    chunks.append(session, job, Note("never"))
    assert read(session, job).seq == 6
    session.rollback()
    chunks.append(session, job, Note("once"))
    session.commit()
    with sessions.readers()() as reader:
        assert read(reader, job).log[-1]["text"] == "once"


def test_the_readings_of_a_process_have_a_bound() -> None:
    readings = Readings(most=250)
    for job_id in range(5):
        readings.keep(job_id, Reading(seq=1, size=100))
    assert [readings.get(job_id).seq for job_id in range(5)] == [0, 0, 0, 1, 1]
    readings.keep(3, Reading(seq=2, size=120))
    readings.keep(5, Reading(seq=1, size=100))
    assert [readings.get(job_id).seq for job_id in (3, 4, 5)] == [2, 0, 1]
    readings.keep(3, Reading(seq=1, size=10))  # by a thread that was slower
    assert readings.get(3).seq == 2
    readings.keep(6, Reading(seq=1, size=1000))
    assert [readings.get(job_id).seq for job_id in (3, 5, 6)] == [0, 0, 1]
