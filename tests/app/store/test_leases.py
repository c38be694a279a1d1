"""The worker's side of the run store: claims, fences, and what is written once and only once."""

import time
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.results.reading import read
from app.settings import settings
from app.store import moves, payloads, sessions
from app.store.jobs import RunStore
from app.store.leases import MAX_CRASHES, MAX_LOST, Claim, Fenced, Leases, Outcome
from app.store.models import Chunk, Job, Run, Saved
from app.store.requirements import Equipment, waiting_for
from app.store.states import IllegalMove, JobStatus, Reason
from ml.events import Check, Checkpoint, Epoch, Event, Note, Started

pytestmark = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
NAN = float("nan")


@pytest.fixture
def leases(session: Session) -> Leases:
    """Verbs whose transaction the test ends, if at all."""
    return Leases(session)


@pytest.fixture
def quick_lease(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leases run out while a test waits."""
    monkeypatch.setenv("RIDGELINE_LEASE", "0.5")
    settings.cache_clear()
    yield
    settings.cache_clear()


def queue(session: Session, **columns: object) -> int:
    """A waiting job."""
    job = Job(experiment={"name": "x", "lr": 0.1}, name="x", **columns)
    return RunStore(session).enqueue(job).id


def claimed(leases: Leases, **columns: object) -> Claim:
    """A job of ours."""
    queue(leases.session, **columns)
    claim = leases.claim("me")
    assert claim is not None
    return claim


def opening(lanes: int = 2, key: str = "folds") -> Started:
    return Started(key, tuple(f"lane {i}" for i in range(lanes)), 10, "log_rmse", "cpu", 331)


def epochs(first: int, *valid: float, lanes: int = 2, key: str = "folds") -> Epoch:
    """One epoch for each number: every lane's valid, and half of it as train."""
    values = np.array([[[v / 2] * lanes, [v] * lanes] for v in valid], dtype=np.float32)
    return Epoch(key, first, values)


def items(session: Session, job_id: int, kind: str) -> list[dict[str, object]]:
    stored = RunStore(session).chunks(job_id)
    return [item for chunk in stored for item in payloads.unpack(*chunk) if item["type"] == kind]


def curve(session: Session, job_id: int) -> NDArray[np.float32]:
    """The curve of the group "folds": (E, M, L)."""
    return read(session, job_id).groups["folds"].values


def job(session: Session, job_id: int) -> Job:
    session.expire_all()
    found = RunStore(session).find(job_id)
    assert found is not None
    return found


# ---- claims --------------------------------------------------------------------------------------


def test_nothing_waits(leases: Leases) -> None:
    assert leases.claim("me") is None


def test_the_oldest_is_claimed_first_and_only_once(leases: Leases) -> None:
    first, second = queue(leases.session), queue(leases.session)
    claims = [leases.claim("me") for _ in range(3)]
    assert [claim and claim.job_id for claim in claims] == [first, second, None]
    assert claims[0]
    assert claims[1]
    assert claims[0].token != claims[1].token
    assert claims[0].experiment == {"name": "x", "lr": 0.1}


def test_just_one_job_can_be_asked_for(leases: Leases) -> None:
    queue(leases.session)
    mine = queue(leases.session)
    claim = leases.claim("me", mine)
    assert claim is not None
    assert claim.job_id == mine


def test_two_workers_never_claim_the_same(session: Session) -> None:
    """The second one claims while the first has not committed; on SQLite it would wait for that."""
    jobs = {queue(session), queue(session)}
    session.commit()
    with sessions.writers()() as one, sessions.writers()() as other:
        first = Leases(one).claim("one")
        if session.get_bind().dialect.name == "sqlite":
            one.commit()
        second = Leases(other).claim("other")
        assert {claim.job_id for claim in (first, second) if claim} == jobs
        one.commit()
        other.commit()


def test_a_claim_is_told_with_its_number_and_worker(leases: Leases) -> None:
    claim = claimed(leases)
    (queued, running) = items(leases.session, claim.job_id, "status")
    assert queued["status"] == "queued"
    assert (running["status"], running["attempt"], running["worker"]) == ("running", 1, "me")


def test_a_lease_that_ran_out_is_taken_over(leases: Leases, quick_lease: None) -> None:
    claim = claimed(leases)
    leases.append(claim.token, [opening(), epochs(1, 3.0), Checkpoint(b"at 1")])
    leases.session.commit()
    assert leases.claim("other") is None
    leases.session.commit()
    time.sleep(0.6)
    taken = leases.claim("other")
    assert taken is not None
    assert (taken.job_id, taken.attempt, taken.resume) == (claim.job_id, 2, b"at 1")
    with pytest.raises(Fenced):
        leases.append(claim.token, [Note("from the dead")])


def test_a_renewed_lease_is_kept(leases: Leases, quick_lease: None) -> None:
    claim = claimed(leases)
    for _ in range(4):
        time.sleep(0.2)
        leases.append(claim.token, ())
    assert leases.claim("other") is None


@pytest.mark.parametrize(
    ("requires", "equipment", "claimed"),
    [
        (None, Equipment(), True),
        ({"device": "cuda"}, Equipment("cpu", 64), False),
        ({"device": "cuda"}, Equipment("cuda: NVIDIA H100", 64), True),
        ({"device": "mps"}, Equipment("cuda: NVIDIA H100", 64), False),
        ({"memory_gib": 8}, Equipment("cpu", 7.5), False),
        ({"memory_gib": 0.5}, Equipment("cpu", 7.5), True),
        ({"device": "mps", "memory_gib": 10.5}, Equipment("mps", 9.5), False),
        ({"device": "mps", "memory_gib": 9.5}, Equipment("mps", 10.5), True),
    ],
)
def test_a_worker_claims_what_it_has_the_equipment_for(
    leases: Leases, requires: dict[str, object] | None, equipment: Equipment, claimed: bool
) -> None:
    wanted = queue(leases.session, requires=requires)
    behind = queue(leases.session)
    claim = leases.claim("me", equipment=equipment)
    assert claim is not None
    assert claim.job_id == (wanted if claimed else behind)  # who cannot be served holds up nobody


def test_who_takes_over_has_the_equipment_too(leases: Leases, quick_lease: None) -> None:
    queue(leases.session, requires={"device": "cuda"})
    assert leases.claim("me", equipment=Equipment("cuda: A"))
    leases.session.commit()
    time.sleep(0.6)
    assert leases.claim("without") is None
    assert leases.claim("with", equipment=Equipment("cuda: B"))


def test_what_a_job_waits_for_is_a_sentence(leases: Leases) -> None:
    """Of the living workers only: one that has left serves nobody."""
    cuda, both, memory, none = (
        job(leases.session, queue(leases.session, requires=requires))
        for requires in (
            {"device": "cuda"},
            {"device": "cuda", "memory_gib": 8.0},
            {"memory_gib": 0.5},
            None,
        )
    )

    def sentences() -> list[str | None]:
        workers = RunStore(leases.session).workers()
        return [waiting_for(each, workers) for each in (cuda, both, memory, none)]

    leases.beat("a", slots=1, busy=0, device="cpu")
    free = "It waits for a worker with 0.5 GiB of memory free."
    assert sentences() == [
        "No live worker has cuda: it waits until one comes.",
        "No live worker has cuda: it waits until one with 8 GiB of memory free comes.",
        free,
        None,
    ]
    leases.beat("b", slots=1, busy=0, device="cuda: NVIDIA H100")
    leases.session.expire_all()
    waits_for_memory = "It waits for a worker with 8 GiB of memory free."
    assert sentences() == [None, waits_for_memory, free, None]
    leases.gone("b")
    assert sentences()[0]
    claim = leases.claim("b", cuda.id, Equipment("cuda: NVIDIA H100"))
    assert claim is not None
    assert waiting_for(job(leases.session, claim.job_id), ()) is None


# ---- writes --------------------------------------------------------------------------------------


def test_an_epoch_is_written_once(leases: Leases) -> None:
    claim = claimed(leases)
    leases.append(claim.token, [opening(), epochs(1, 5.0, 4.0)])
    leases.append(claim.token, [opening(), epochs(1, 5.0, 4.0, 3.0), epochs(4, 2.0)])
    leases.append(claim.token, [epochs(2, 4.0, 3.0)])
    said = items(leases.session, claim.job_id, "epoch")
    assert curve(leases.session, claim.job_id)[:, 1, 0].tolist() == [5, 4, 3, 2]
    assert [item["first"] for item in said] == [1, 3, 4]
    assert len(items(leases.session, claim.job_id, "started")) == 1
    found = job(leases.session, claim.job_id)
    assert (found.epochs_done, found.epochs_total, found.num_runs) == (4, 10, 2)


def test_runs_hold_their_last_and_best(leases: Leases) -> None:
    claim = claimed(leases)
    leases.append(claim.token, [opening(), epochs(1, 5.0, 2.0)])
    leases.append(claim.token, [epochs(3, 4.0, 3.0)])
    for run in RunStore(leases.session).runs(claim.job_id):
        assert (run.epoch, run.train, run.valid) == (4, 1.5, 3.0)
        assert (run.best_valid, run.best_epoch, run.diverged_at) == (2.0, 2, None)
        assert run.num_parameters == 331
    found = job(leases.session, claim.job_id)
    assert (found.train, found.valid, found.best_valid, found.best_epoch) == (1.5, 3.0, 2.0, 2)
    assert found.shown["folds"] == [3.0, 3.0]


def test_what_is_not_finite_is_no_number_in_a_list(leases: Leases) -> None:
    claim = claimed(leases)
    leases.append(claim.token, [opening(), epochs(1, 5.0, NAN, NAN)])
    (run, _) = RunStore(leases.session).runs(claim.job_id)
    assert (run.valid, run.best_valid, run.best_epoch, run.diverged_at) == (None, 5.0, 1, 2)
    assert job(leases.session, claim.job_id).valid is None
    assert np.isnan(curve(leases.session, claim.job_id)[1:]).all()


def test_the_epochs_of_all_groups_count(leases: Leases) -> None:
    claim = claimed(leases)
    groups = [opening(5), opening(1, "refit")]
    leases.append(
        claim.token, [*groups, epochs(1, 2.0, lanes=5), epochs(1, NAN, lanes=1, key="refit")]
    )
    leases.append(claim.token, [epochs(2, NAN, lanes=1, key="refit")])
    found = job(leases.session, claim.job_id)
    assert (found.num_runs, found.epochs_done, found.epochs_total) == (6, 3, 20)


def test_only_the_last_checkpoint_is_kept_and_it_forgives(leases: Leases) -> None:
    claim = claimed(leases, crashes=2, lost=5)
    leases.append(claim.token, [Checkpoint(b"1"), Checkpoint(b"2")])
    leases.append(claim.token, [Checkpoint(b"3")])
    assert leases.session.scalars(select(Saved.state)).all() == [b"3"]
    found = job(leases.session, claim.job_id)
    assert (found.crashes, found.lost) == (0, 0)


def test_checks_are_counted_for_each_attempt_anew(leases: Leases) -> None:
    claim = claimed(leases)
    checks: list[Event] = [
        Check("4.4", "a", 1, 1, 0.1, True, "figure"),
        Check("4.4", "b", "at most 1", 2, None, False),
    ]
    leases.append(claim.token, checks)
    leases.give_back(claim.token)
    again = leases.claim("me")
    assert again is not None
    leases.append(again.token, checks)
    found = job(leases.session, claim.job_id)
    assert (found.checks_held, found.checks_total) == (1, 2)
    assert (found.book_held, found.book_total) == (1, 1)


def test_chunks_are_numbered_without_a_gap(leases: Leases) -> None:
    claim = claimed(leases)
    for i in range(3):
        leases.append(claim.token, [Note(str(i))])
    leases.append(claim.token, ())  # a renewal says nothing
    numbers = [seq for seq, _ in RunStore(leases.session).chunks(claim.job_id)]
    assert numbers == [1, 2, 3, 4, 5]
    assert job(leases.session, claim.job_id).seq == 5


def test_a_write_is_all_or_nothing(leases: Leases) -> None:
    claim = claimed(leases)
    leases.session.commit()
    with pytest.raises(TypeError):
        leases.append(claim.token, [opening(), Note(object())])  # type: ignore[arg-type]
    leases.session.rollback()
    assert leases.session.scalar(select(func.count(Run.id))) == 0
    assert leases.session.scalar(select(func.count()).select_from(Chunk)) == 2


# ---- ends ----------------------------------------------------------------------------------------


def test_after_its_end_nobody_writes(leases: Leases) -> None:
    claim = claimed(leases)
    leases.append(claim.token, [Note("last")], Outcome(JobStatus.failed, Reason.error, "It broke."))
    found = job(leases.session, claim.job_id)
    assert (found.status, found.reason, found.error) == (JobStatus.failed, "error", "It broke.")
    assert found.finished_at is not None
    for verb in (leases.give_back, lambda token: leases.append(token, [Note("more")])):
        with pytest.raises(Fenced):
            verb(claim.token)


def test_an_end_drops_the_checkpoint_and_merges_the_stream(leases: Leases) -> None:
    claim = claimed(leases)
    leases.append(claim.token, [opening(), epochs(1, 3.0), Checkpoint(b"1")])
    leases.append(claim.token, [epochs(2, 2.0), Note("last"), Checkpoint(b"2")])
    before = read(leases.session, claim.job_id)
    leases.append(claim.token, [epochs(3, 1.0), Checkpoint(b"3")], Outcome(JobStatus.succeeded))
    assert not leases.session.scalars(select(Saved.state)).all()
    (row,) = leases.session.scalars(select(Chunk)).all()
    assert (row.first, row.seq) == (1, 5) == (1, job(leases.session, claim.job_id).seq)
    after = read(leases.session, claim.job_id)
    assert after.log[:-1] == before.log
    assert after.groups["folds"].values[:, 1, 0].tolist() == [3, 2, 1]


@pytest.mark.parametrize("status", [JobStatus.succeeded, JobStatus.cancelled, JobStatus.failed])
def test_no_job_ends_twice(leases: Leases, status: JobStatus) -> None:
    claim = claimed(leases)
    leases.close(claim.token, Outcome(JobStatus.timed_out, Reason.timed_out))
    with pytest.raises(IllegalMove, match=f"Job {claim.job_id} cannot become {status}"):
        moves.end(leases.session, claim.job_id, status)
    assert job(leases.session, claim.job_id).status == JobStatus.timed_out


def test_a_job_that_waits_cannot_have_succeeded(leases: Leases) -> None:
    with pytest.raises(IllegalMove):
        moves.end(leases.session, queue(leases.session), JobStatus.succeeded)


def test_a_renewal_tells_of_cancel_and_of_the_time_out(leases: Leases) -> None:
    claim = claimed(leases, timeout=0.05)
    orders = leases.append(claim.token, ())
    assert not orders.cancel
    RunStore(leases.session).cancel(claim.job_id)
    time.sleep(0.1)
    orders = leases.append(claim.token, ())
    assert (orders.cancel, orders.overdue) == (True, True)


def test_a_poison_job_is_given_up_after_crashes(leases: Leases) -> None:
    job_id = queue(leases.session)
    for _ in range(MAX_CRASHES):
        claim = leases.claim("me")
        assert claim is not None
        leases.give_back(claim.token, "Its process died of SIGSEGV.")
    assert leases.claim("me") is None
    found = job(leases.session, job_id)
    assert (found.status, found.reason) == (JobStatus.failed, "crashed")
    assert str(found.error).endswith("Its process died of SIGSEGV.")


def test_a_job_that_kills_its_workers_is_given_up(leases: Leases) -> None:
    claim = claimed(leases)
    gone = job(leases.session, claim.job_id)
    gone.lost, gone.lease_until = MAX_LOST, 0
    leases.session.flush()
    assert leases.claim("me") is None
    assert job(leases.session, claim.job_id).status == JobStatus.failed


def test_a_cancelled_job_whose_worker_died_is_cancelled(leases: Leases) -> None:
    claim = claimed(leases)
    RunStore(leases.session).cancel(claim.job_id)
    job(leases.session, claim.job_id).lease_until = 0
    leases.session.flush()
    assert leases.claim("me") is None
    assert job(leases.session, claim.job_id).status == JobStatus.cancelled


# ---- workers -------------------------------------------------------------------------------------


def test_a_worker_is_seen_while_it_beats(leases: Leases) -> None:
    leases.beat("me", slots=2, busy=0, device="cpu")
    leases.beat("me", slots=2, busy=1, device="cpu")
    (seen,) = RunStore(leases.session).workers(within=5)
    assert (seen.id, seen.slots, seen.busy) == ("me", 2, 1)
    seen.seen_at = 0  # type: ignore[assignment]  # long ago, in seconds since 1970
    leases.session.flush()
    assert not RunStore(leases.session).workers(within=5)
    leases.beat("other", slots=1, busy=0, device="cpu")  # a newcomer tidies up
    leases.gone("other")
    assert not RunStore(leases.session).workers(within=1e12)
