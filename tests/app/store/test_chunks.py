"""Merged chunks hold what they held before: for a reader, and for who follows the stream."""

import random
from collections.abc import Iterable
from typing import Any

import numpy as np
import orjson
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.results.reading import Reading
from app.store import chunks, payloads
from app.store.jobs import RunStore
from app.store.models import Chunk, Job
from app.store.sessions import readers
from ml.events import Epoch, Note, Started, Table

BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
Message = dict[str, Any]


class Story:
    """A made-up job that says something else each time: two groups at once, notes, retries."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.epochs = {"a": 0, "b": 0}

    def next(self) -> list[Any]:
        """The items of the next chunk."""
        match self.draw.randrange(12):
            case 0:
                return [*self._epochs(), Note(f"note {self.draw.random()}"), *self._epochs()]
            case 1:
                return [{"status": "running", "attempt": 2}, *self._epochs()]
            case 2:
                return [*self._epochs(), Table("t", "T", ("a",), ((self.draw.random(),),))]
            case 3:
                return []
            case _:
                return [*self._epochs(), *self._epochs()]

    def _epochs(self) -> list[Epoch]:
        return [self._epoch(key) for key in self.draw.choice(["", "a", "b", "ab"])]

    def _epoch(self, key: str) -> Epoch:
        first, count = self.epochs[key] + 1, self.draw.choice([1, 1, 1, 3])
        self.epochs[key] += count
        shape = count, 2, 3 if key == "a" else 1
        values = np.random.default_rng(first).random(shape, dtype=np.float32)
        values[0, 0, 0] = np.nan if first == 4 else 0.5
        return Epoch(key, first, values)


def begin(session: Session) -> int:
    """A job with two groups."""
    job_id = RunStore(session).enqueue(Job(experiment={}, name="x")).id
    groups = [Started(key, ("l",) * lanes, 9, "mse", "cpu") for key, lanes in (("a", 3), ("b", 1))]
    chunks.append(session, job_id, *groups)
    return job_id


def spoken(stored: Iterable[tuple[int, bytes]]) -> list[Message]:
    """The stream's messages of these chunks."""
    return [orjson.loads(payloads.message(*chunk)) for chunk in stored]


def followed(messages: Iterable[Message]) -> dict[str, list[Any]]:
    """What somebody has who followed the stream: epochs by group, all else in its order."""
    got: dict[str, list[Any]] = {"a": [], "b": [], "else": []}
    for message in messages:
        for item in message["events"]:
            if item["type"] == "epoch":
                assert item["first"] == len(got[item["key"]]) + 1, "a gap or a repeat"
                got[item["key"]] += item["values"]
            else:
                bare = {k: v for k, v in item.items() if k not in ("seq", "at")}
                got["else"].append((item.get("seq", message["seq"]), bare))
    return got


def assert_same(one: Reading, other: Reading) -> None:
    for name in ("seq", "named", "log", "clock"):
        assert getattr(one, name) == getattr(other, name)
    for key, group in one.groups.items():
        np.testing.assert_array_equal(group.values, other.groups[key].values)


def split(stored: list[tuple[int, bytes]], draw: random.Random) -> list[list[tuple[int, bytes]]]:
    """The chunks in parts that follow each other, of one to five."""
    parts, at = [], 0
    while at < len(stored):
        parts.append(stored[at : at + draw.randint(1, 5)])
        at += len(parts[-1])
    return parts


@pytest.mark.parametrize("seed", range(20))
def test_merged_chunks_hold_the_same_after_every_number(session: Session, seed: int) -> None:
    """Also where what is merged was merged before, or is the rest of what was merged."""
    draw, story, job_id = random.Random(seed), Story(seed), begin(session)
    for _ in range(25):
        chunks.append(session, job_id, *story.next())
    stored = chunks.after(session, job_id, 0)
    merged = [(part[-1][0], payloads.merge(part)) for part in split(stored, draw)]
    merged = [(part[-1][0], payloads.merge(part)) for part in split(merged, draw)]
    whole = payloads.merge(merged)
    last = stored[-1][0]
    assert_same(Reading().after(merged), Reading().after(stored))
    everything = followed(spoken(stored))
    for number in range(last + 1):
        early = [chunk for chunk in stored if chunk[0] <= number]
        rest = [(last, payloads.trim(whole, number))]
        assert followed([*spoken(early), *spoken(rest)]) == everything
        assert_same(Reading().after(early).after(rest), Reading().after(stored))


def test_epochs_that_follow_each_other_are_one_item(session: Session) -> None:
    job_id = begin(session)
    for first in range(1, 101):
        chunks.append(session, job_id, Epoch("a", first, np.zeros((1, 2, 3), np.float32)))
    stored = chunks.after(session, job_id, 2)
    whole = payloads.merge(stored)
    (item,) = payloads.unpack(102, whole)
    assert item["shape"] == [100, 2, 3]
    assert len(whole) < 0.45 * sum(len(payload) for _, payload in stored)


class Follower:
    """Somebody who asks again and again what is new of a job."""

    def __init__(self, job_id: int) -> None:
        self.job_id = job_id
        self.messages: list[Message] = []

    def look(self, limit: int | None = None) -> bool:
        """Take what is new; whether there was something."""
        after = self.messages[-1]["seq"] if self.messages else 0
        with readers()() as session:
            news = spoken(RunStore(session).chunks(self.job_id, after, limit))
        self.messages += news
        return bool(news)


@BOTH
@pytest.mark.parametrize("seed", range(3))
def test_who_follows_a_stream_that_is_merged_meanwhile_misses_nothing(
    session: Session, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Four followers look now and then; chunks are merged eight at a time, and at the end all."""
    monkeypatch.setattr(chunks, "MERGED", 8)
    draw, story, job_id = random.Random(seed), Story(seed), begin(session)
    plain = chunks.after(session, job_id, 0)
    followers = [Follower(job_id) for _ in range(4)]
    for step in range(60):
        items = story.next()
        plain.append((len(plain) + 1, payloads.pack(items)))
        chunks.append(session, job_id, *items)
        if step == 55:
            chunks.merge(session, job_id)
        session.commit()
        for follower in draw.sample(followers, draw.randrange(3)):
            follower.look(draw.choice([1, 3, None]))
    for follower in followers:
        while follower.look():
            pass
        assert followed(follower.messages) == followed(spoken(plain))


@BOTH
def test_rows_are_merged_a_minute_at_a_time(session: Session) -> None:
    job_id = begin(session)
    for number in range(2 * chunks.MERGED + 5):
        chunks.append(session, job_id, Note(str(number)))
    rows = session.execute(select(Chunk.first, Chunk.seq).order_by(Chunk.seq)).all()
    assert [tuple(row) for row in rows[:2]] == [(1, 240), (241, 480)]
    assert [tuple(row) for row in rows[2:]] == [(None, seq) for seq in range(481, 488)]


@BOTH
def test_what_is_large_stays_apart(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "LARGE", 1000)
    job_id = begin(session)
    for text in ("a", "b", "c" * 2000, "d", "e" * 600, "f" * 600):
        chunks.append(session, job_id, Note(text))
    before = Reading().after(chunks.after(session, job_id, 0))
    chunks.merge(session, job_id)
    rows = session.execute(select(Chunk.first, Chunk.seq).order_by(Chunk.seq)).all()
    assert [tuple(row) for row in rows] == [(1, 4), (None, 5), (6, 7), (None, 8)]
    assert_same(Reading().after(chunks.after(session, job_id, 0)), before)


@BOTH
def test_a_merge_that_is_rolled_back_has_not_been(session: Session) -> None:
    job_id = begin(session)
    chunks.append(session, job_id, Note("kept"))
    session.commit()
    before = chunks.after(session, job_id, 0)
    chunks.merge(session, job_id)
    assert len(chunks.after(session, job_id, 0)) == 1
    session.rollback()
    assert chunks.after(session, job_id, 0) == before


def test_epochs_that_do_not_follow_each_other_stay_apart(session: Session) -> None:
    """None is ever written so; but were one, the stream would count on from a wrong number."""
    job_id = begin(session)
    for first, lanes in ((1, 3), (3, 3), (4, 2)):
        chunks.append(session, job_id, Epoch("a", first, np.zeros((1, 2, lanes), np.float32)))
    chunks.merge(session, job_id)
    items = payloads.unpack(*chunks.after(session, job_id, 2)[0])
    assert [(item["first"], item["shape"]) for item in items] == [
        (1, [1, 2, 3]), (3, [1, 2, 3]), (4, [1, 2, 2]),
    ]  # fmt: skip
