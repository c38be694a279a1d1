"""The web's side of the run store: lists, searches, streams and ends, on both databases."""

import base64
import json

import numpy as np
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.store import chunks, payloads, sessions
from app.store.jobs import RunStore
from app.store.leases import Leases, Outcome
from app.store.models import Chunk, Job, Run, Saved
from app.store.search import SORTS, Listing
from app.store.states import JobStatus
from ml.events import Checkpoint, Epoch, Event, Note, Started

pytestmark = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def store(session: Session) -> RunStore:
    """Verbs on a store of its own."""
    return RunStore(session)


def queue(store: RunStore, name: str = "x", **columns: object) -> Job:
    experiment = {"name": name, "lr": 0.01, "target": "log", **columns.pop("fields", {})}  # type: ignore[dict-item]
    return store.enqueue(Job(experiment=experiment, name=name, **columns))


def work(store: RunStore, job: Job, valid: float | None = None) -> None:
    """Have the job done, with one epoch that gives `valid`."""
    leases = Leases(store.session)
    claim = leases.claim("me", job.id)
    assert claim is not None
    values = np.array([[[1.0], [valid or np.nan]]], dtype=np.float32)
    said: list[Event] = [Started("folds", ("fold 1",), 1, "mse", "cpu"), Epoch("folds", 1, values)]
    leases.append(claim.token, [*said, Checkpoint(b"state")], Outcome(JobStatus.succeeded))
    store.session.expire_all()


def ids(store: RunStore, **listing: object) -> list[int]:
    return [job.id for job in store.jobs(Listing(**listing))]  # type: ignore[arg-type]


def test_a_queued_job_says_so(store: RunStore) -> None:
    job = queue(store)
    (chunk,) = store.chunks(job.id)
    (item,) = payloads.unpack(*chunk)
    assert (chunk[0], item["type"], item["status"]) == (1, "status", "queued")
    assert store.state(job.id) == (JobStatus.queued, 1)
    found = store.find(job.id)
    assert found is not None
    assert found.created_at.tzinfo is not None


def test_lists_newest_first_page_by_page(store: RunStore) -> None:
    jobs = [queue(store).id for _ in range(5)]
    assert ids(store) == jobs[::-1]
    assert ids(store, limit=2, after=(jobs[2], jobs[2])) == [jobs[1], jobs[0]]
    assert ids(store, descending=False, limit=2) == jobs[:2]
    assert store.count(Listing(limit=2)) == 5


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("descending", [True, False])
def test_cursors_walk_every_job_once_with_those_without_a_value_last(
    store: RunStore, sort: str, descending: bool
) -> None:
    jobs = [queue(store, name) for name in "abcabca"]
    for job, valid in zip(jobs, [0.3, None, 0.1, 0.3, None, 0.2, 0.3], strict=True):
        work(store, job, valid)
    seen: list[Job] = []
    whole = listing = Listing(sort=sort, descending=descending, limit=2)
    while page := store.jobs(listing):
        seen += page
        listing = whole.behind(whole.cursor(page[-1]))
    assert len({job.id for job in seen}) == len(seen) == 7
    values = [value for job in seen if (value := getattr(job, sort)) is not None]
    assert values == sorted(values, reverse=descending)
    assert all(getattr(job, sort) is None for job in seen[len(values) :])


@pytest.mark.parametrize(
    "cursor",
    [
        "", "~x", "0.3~12", "[]", "5", '["valid",0.1]', '["-valid",0.1,1]', '["valid","x",1]',
        '["valid",0.1,"1"]', '["valid",0.1,99999999999]', '["name","x",1]', '["valid",[1],1]',
    ],
)  # fmt: skip
def test_a_cursor_of_another_list_is_none(store: RunStore, cursor: str) -> None:
    for text in (cursor, base64.urlsafe_b64encode(cursor.encode()).decode()):
        with pytest.raises((ValueError, TypeError)):
            Listing(sort="valid", descending=False).behind(text)


def test_a_cursor_that_anybody_may_write_finds_nothing_worse_than_nothing(store: RunStore) -> None:
    queue(store)
    for sort, value in (("valid", 10**19), ("name", "\u2603"), ("status", "bogus"), ("id", 10**19)):
        text = base64.urlsafe_b64encode(json.dumps([sort, value, 7]).encode()).decode()
        store.jobs(Listing(sort=sort, descending=False).behind(text))


def test_a_job_is_looked_up_as_an_address_has_it(store: RunStore) -> None:
    job = queue(store)
    assert store.get(job.id) is store.get(str(job.id)) is store.find(job.id)
    for number in (0, -1, 77, "", "x", "²", "1.0", " 1", "9" * 10, "9" * 5000, 2**31, "a" * 100):
        with pytest.raises(NotFound) as error:
            store.get(number)
        assert len(error.value.message) < 100


def test_filters(store: RunStore) -> None:
    one = queue(store, "kaggle_house", tags=["paper", "50%"], label="MLP 64, log price")
    two = queue(store, "polynomial", tags=["draft"], fields={"lr": 0.1})
    store.cancel(two.id)
    assert ids(store, status=JobStatus.cancelled) == [two.id]
    assert ids(store, name="kaggle_house") == [one.id]
    assert ids(store, tag="paper") == [one.id]
    assert ids(store, tag="pap") == []
    assert ids(store, tag="50%") == [one.id]
    assert store.counts() == {JobStatus.queued: 1, JobStatus.cancelled: 1}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("kaggle", [1]), ("KAGGLE mlp", [1]), ("draft", [2]), ("cancelled", [2]), ("nothing", []),
        ("lr=0.01", [1]), ("lr=0.1", [2]), ("lr=0.", []), ("target=log", [2, 1]),
        ("%", []), ("_", [1]),
    ],
)  # fmt: skip
def test_searches(store: RunStore, text: str, found: list[int]) -> None:
    one = queue(store, "kaggle_house", label="MLP 64, log price")
    two = queue(store, "polynomial", tags=["draft"], fields={"lr": 0.1})
    store.cancel(two.id)
    numbers = {1: one.id, 2: two.id}
    assert ids(store, text=text) == [numbers[i] for i in found]


def test_a_job_is_found_by_its_number(store: RunStore) -> None:
    jobs = [queue(store).id for _ in range(3)]
    assert ids(store, text=f"#{jobs[1]}") == [jobs[1]]
    assert ids(store, text="#99999999999999999999999") == []


def test_the_queue_shows_what_runs_before_what_waits(store: RunStore) -> None:
    first, second = queue(store), queue(store)
    Leases(store.session).claim("me", second.id)
    assert [job.id for job in store.queue(10)] == [second.id, first.id]


def test_streams_go_on_where_they_stopped(store: RunStore) -> None:
    job = queue(store)
    for note in "abc":
        chunks.append(store.session, job.id, Note(note))
    assert [seq for seq, _ in store.chunks(job.id)] == [1, 2, 3, 4]
    assert [seq for seq, _ in store.chunks(job.id, after=1, limit=1)] == [2]
    assert store.chunks(job.id, after=4) == []


def test_a_queued_job_is_cancelled_at_once_and_a_final_one_stays(store: RunStore) -> None:
    waiting, done = queue(store), queue(store)
    work(store, done)
    store.cancel(waiting.id)
    store.cancel(done.id)
    assert store.state(waiting.id) == (JobStatus.cancelled, 2)
    assert store.state(done.id) == (JobStatus.succeeded, 3)
    found = store.find(waiting.id)
    assert found is not None
    assert found.finished_at is not None


def test_a_deleted_job_leaves_nothing(store: RunStore) -> None:
    gone, kept = queue(store), queue(store)
    for job in (gone, kept):
        work(store, job, 0.5)
        store.session.add(Saved(job_id=job.id, state=b"left by an older version"))
    again = queue(store, retry_of=gone.id)
    store.delete(gone.id)
    store.session.commit()
    assert store.find(gone.id) is None
    assert store.state(gone.id) is None
    for table in (Run, Chunk, Saved):
        owners = store.session.scalars(select(table.job_id).distinct()).all()
        assert gone.id not in owners
        assert kept.id in owners
    found = store.find(again.id)
    assert found is not None
    assert found.retry_of is None


def test_readers_see_a_snapshot_and_never_wait(store: RunStore) -> None:
    queue(store)  # a transaction that holds the write lock
    with sessions.readers()() as other:
        assert other.scalar(select(func.count(Job.id))) == 0
    store.session.commit()
    with sessions.readers()() as other:
        assert other.scalar(select(func.count(Job.id))) == 1
