"""The worker with real trainers: every way in which an attempt can end."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from sqlalchemy import event

from app.engine.runners import PRELOAD, ProcessAttempt, Processes
from app.engine.worker import Worker
from app.logs import configure
from app.settings import settings
from app.store import payloads, sessions
from app.store.jobs import RunStore
from app.store.leases import Leases
from app.store.models import Job
from app.store.registry import Registry
from app.store.states import JobStatus
from ml.experiments.kaggle_house import KaggleHouse
from tests.app import versions

BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def runner(database: str, monkeypatch: pytest.MonkeyPatch) -> Processes:
    """Forks trainers that know the experiment `trouble` and no other."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "data")
    return Processes("trouble")


@pytest.fixture
def worker(runner: Processes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """A worker that a test moves on, tick by tick."""
    worker = Worker(sessions.writers(), runner)
    yield worker
    for slot in worker.busy:
        slot.attempt.kill()


@pytest.fixture
def short_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """A silent worker is soon taken for dead."""
    monkeypatch.setenv("RIDGELINE_LEASE", "0.5")
    settings.cache_clear()


def ask(
    timeout: float | None = None, requires: Mapping[str, object] | None = None, **fields: Any
) -> int:
    """Queue `trouble` with these fields."""
    with sessions.writers().begin() as session:
        experiment = {"name": "trouble", **fields}
        has = dict(requires) if requires else None
        asked = Job(experiment=experiment, name="trouble", timeout=timeout, requires=has)
        return RunStore(session).enqueue(asked).id


def job(job_id: int) -> Job:
    with sessions.readers()() as session:
        found = RunStore(session).find(job_id)
        assert found is not None
        return found


def said(job_id: int, kind: str) -> list[dict[str, Any]]:
    """What the job's stream holds of one kind."""
    with sessions.readers()() as session:
        stored = RunStore(session).chunks(job_id)
    return [item for chunk in stored for item in payloads.unpack(*chunk) if item["type"] == kind]


def finish(worker: Worker, job_id: int, within: float = 20) -> Job:
    """Tick until the job is final."""
    until = time.monotonic() + within
    while (found := job(job_id)).finished_at is None:
        assert time.monotonic() < until, f"Job {job_id} is still {found.status}."
        worker.tick()
    return found


def until(worker: Worker, true: Callable[[], bool], within: float = 10) -> None:
    """Tick until something is so."""
    end = time.monotonic() + within
    while not true():
        assert time.monotonic() < end
        worker.tick()


def pid(worker: Worker) -> int:
    """The process of the only attempt."""
    (slot,) = worker.busy
    assert isinstance(slot.attempt, ProcessAttempt)
    assert slot.attempt.process.pid is not None
    return slot.attempt.process.pid


def assert_complete(job_id: int, num_epochs: int = 6) -> None:
    """Every epoch's metrics are there exactly once, to the last bit."""
    epochs = said(job_id, "epoch")
    numbers = [item["first"] + i for item in epochs for i in range(item["shape"][0])]
    assert numbers == list(range(1, num_epochs + 1))
    expected = np.concatenate([import_module("trouble").metrics(epoch) for epoch in numbers])
    np.testing.assert_array_equal(np.concatenate([*map(payloads.values, epochs)]), expected)


# ---- how a job ends ------------------------------------------------------------------------------


@BOTH
def test_a_job_succeeds_and_all_it_said_is_there(worker: Worker) -> None:
    job_id = ask()
    found = finish(worker, job_id)
    assert (found.status, found.error, found.attempt) == (JobStatus.succeeded, None, 1)
    assert (found.epochs_done, found.epochs_total, found.num_runs, found.measure) == (
        6,
        6,
        2,
        "mse",
    )
    assert found.valid == pytest.approx(3.5 / 6)
    assert [item["status"] for item in said(job_id, "status")] == ["queued", "running", "succeeded"]
    assert_complete(job_id)
    assert not worker.busy


def test_an_exception_fails_the_job_at_once_with_the_traceback_in_its_log(worker: Worker) -> None:
    job_id = ask(do="raise")
    found = finish(worker, job_id)
    assert (found.status, found.reason, found.attempt) == (JobStatus.failed, "error", 1)
    assert found.error == "ZeroDivisionError: seven by zero."
    assert "in explode" in said(job_id, "note")[-1]["text"]
    assert_complete(job_id, 3)


def test_a_lost_loss_is_told_from_a_mistake(worker: Worker) -> None:
    found = finish(worker, ask(do="diverge"))
    assert (found.status, found.reason) == (JobStatus.failed, "diverged")
    assert found.error == "Training diverged at epoch 3: lr was 5."


def test_a_job_that_no_longer_validates_says_so(worker: Worker) -> None:
    found = finish(worker, ask(num_epochs=0))
    assert (found.status, found.reason) == (JobStatus.failed, "invalid")
    assert found.error is not None
    assert "num_epochs: Input should be greater than or equal to 1 (given: 0)." in found.error


def test_what_cannot_be_stored_fails_the_job_and_not_the_worker(worker: Worker) -> None:
    found = finish(worker, ask(do="unstorable"))
    assert (found.status, found.reason) == (JobStatus.failed, "error")
    assert "cannot be stored" in str(found.error)
    assert finish(worker, ask()).status == JobStatus.succeeded


@BOTH
def test_a_crash_is_resumed_from_the_last_checkpoint(worker: Worker, tmp_path: Path) -> None:
    job_id = ask(do="kill", at=5, once=str(tmp_path / "happened"))
    found = finish(worker, job_id)
    assert (found.status, found.attempt) == (JobStatus.succeeded, 2)
    assert_complete(job_id)
    begun = [item["text"].partition(" in ")[0] for item in said(job_id, "note")]
    assert begun == ["begins at epoch 1", "begins at epoch 5"]


def test_three_crashes_without_a_checkpoint_are_enough(worker: Worker) -> None:
    found = finish(worker, ask(do="exit", saves=False))
    assert (found.status, found.reason, found.attempt) == (JobStatus.failed, "crashed", 3)
    assert "exit code 3" in str(found.error)


def test_a_killed_process_is_named_as_such(worker: Worker) -> None:
    found = finish(worker, ask(do="kill", at=1, saves=False))
    assert "Its process was killed" in str(found.error)


@BOTH
def test_cancel_ends_a_trainer_inside_one_long_call(worker: Worker) -> None:
    job_id = ask(do="hang")
    until(worker, lambda: job(job_id).epochs_done == 3)
    trainer = psutil.Process(pid(worker))
    with sessions.writers().begin() as session:
        RunStore(session).cancel(job_id)
    worker.tick()
    assert job(job_id).status == JobStatus.cancelled
    assert not trainer.is_running()
    assert_complete(job_id, 3)


def test_a_time_out_ends_a_trainer(worker: Worker) -> None:
    job_id = ask(do="hang", timeout=0.6)
    found = finish(worker, job_id)
    assert (found.status, found.reason) == (JobStatus.timed_out, "timed_out")
    assert "time-out" in str(found.error)
    assert not worker.busy


# ---- how a worker ends ---------------------------------------------------------------------------


def test_a_stopped_worker_gives_its_jobs_back(
    worker: Worker, runner: Processes, tmp_path: Path
) -> None:
    job_id = ask(do="hang", once=str(tmp_path / "happened"))
    until(worker, (tmp_path / "happened").exists)  # or the next attempt would hang as well
    trainer = psutil.Process(pid(worker))
    worker.stop()
    worker.work()
    found = job(job_id)
    assert (found.status, found.crashes, found.lost) == (JobStatus.queued, 0, 0)
    assert not trainer.is_running()
    with sessions.readers()() as session:
        assert not RunStore(session).workers(60)
    assert finish(Worker(sessions.writers(), runner), job_id).attempt == 2
    assert_complete(job_id)


@BOTH
def test_a_silent_workers_job_is_taken_and_the_silent_one_fenced(
    worker: Worker, runner: Processes, short_lease: None, tmp_path: Path
) -> None:
    job_id = ask(do="hang", at=5, once=str(tmp_path / "happened"))
    until(worker, lambda: job(job_id).epochs_done == 5)
    trainer = psutil.Process(pid(worker))
    time.sleep(0.6)  # the silence

    found = finish(Worker(sessions.writers(), runner), job_id)
    assert (found.status, found.attempt) == (JobStatus.succeeded, 2)
    assert trainer.is_running()
    worker.tick()  # it learns that the job is no longer its own
    assert not worker.busy
    assert not trainer.is_running()
    assert_complete(job_id)


def test_a_worker_for_one_job_leaves_the_others(worker: Worker, runner: Processes) -> None:
    other, mine = ask(), ask()
    Worker(sessions.writers(), runner, only=mine).work()
    assert job(mine).status == JobStatus.succeeded
    assert job(other).status == JobStatus.queued


def test_slots_run_side_by_side(runner: Processes) -> None:
    worker = Worker(sessions.writers(), runner, slots=2)
    jobs = [ask(do="hang"), ask(do="hang")]
    until(worker, lambda: len(worker.busy) == 2)
    assert {job(job_id).status for job_id in jobs} == {JobStatus.running}
    worker.stop()
    worker.work()


def test_a_full_disk_stops_the_attempt_and_not_the_worker(
    worker: Worker,
    short_lease: None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.engine.worker.PAUSE", 0.5)
    configure()
    job_id = ask(do="shout", once=str(tmp_path / "happened"))
    with full_disk():
        until(worker, lambda: job(job_id).attempt == 1 and not worker.busy)
        assert "The disk is full: make room where" in capsys.readouterr().err
    assert finish(worker, job_id).status == JobStatus.succeeded
    assert_complete(job_id)


@contextmanager
def full_disk() -> Iterator[None]:
    """SQLite may not make its file larger than it is, on any connection."""

    def stop_growth(connection: Any, _record: object) -> None:
        connection.execute("pragma max_page_count = 1")  # it takes the present size instead

    event.listen(sessions.engine(), "connect", stop_growth)
    sessions.engine().dispose()
    yield
    event.remove(sessions.engine(), "connect", stop_growth)
    sessions.engine().dispose()


# ---- the fork server -----------------------------------------------------------------------------


def test_the_fork_server_has_loaded_what_trainers_need(runner: Processes) -> None:
    """Python passes over what fails to import there."""
    assert set(PRELOAD) <= loaded(runner)


def test_a_trainer_loads_no_web_and_no_database(runner: Processes) -> None:
    assert not {"sqlalchemy", "fastapi", "app.cli", "pytest"} & loaded(runner)


def loaded(runner: Processes) -> set[str]:
    """The modules of a freshly forked process."""
    ours, theirs = runner.context.Pipe(duplex=False)
    process = runner.fork(import_module("trouble").tell_modules, theirs)
    with ours:
        modules: set[str] = ours.recv()
    process.join()
    return modules


def test_a_dead_fork_server_is_replaced(worker: Worker, tmp_path: Path) -> None:
    job_id = ask(do="hang", at=5, once=str(tmp_path / "happened"))
    until(worker, lambda: job(job_id).epochs_done == 5)
    os.kill(psutil.Process(pid(worker)).ppid(), signal.SIGKILL)
    assert finish(worker, job_id).status == JobStatus.succeeded
    assert_complete(job_id)


def test_what_a_worker_cannot_serve_waits_and_holds_up_nobody(worker: Worker) -> None:
    """What it has is what this machine has: its device is known by then, and so is its memory."""
    assert worker.warm_up()
    other = "mps" if worker.runner.device.startswith("cuda") else "cuda"
    lacking = [ask(requires={"device": other}), ask(requires={"memory_gib": 65_536})]
    for requires in (None, {"memory_gib": 0.001}):
        assert finish(worker, ask(requires=requires)).status == JobStatus.succeeded
    assert {job(each).status for each in lacking} == {JobStatus.queued}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files of two predictors, the second better than the first on the same folds."""
    first = versions.trained(KaggleHouse(num_epochs=2))
    files = {name: tmp_path_factory.mktemp("files") / name for name in ("first", "better")}
    files["first"].write_bytes(first)
    files["better"].write_bytes(versions.better(first))
    return files


@pytest.mark.parametrize(("rule", "champions"), [("never", [1, 1, 1]), ("better", [1, 2, 2])])
def test_what_passes_the_gate_is_promoted_where_the_operator_says_so(
    worker: Worker,
    trained: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    rule: str,
    champions: list[int],
) -> None:
    monkeypatch.setenv("RIDGELINE_PROMOTE", rule)
    settings.cache_clear()
    finish(worker, ask())  # so that numbers of jobs are not those of versions
    seen = []
    for name in ("first", "better", "first"):
        assert finish(worker, ask(leaves=str(trained[name]))).status == JobStatus.succeeded
        with sessions.readers()() as session:
            champion = Registry(session).champion()
            assert champion is not None
            seen.append(champion[0].id)
    assert seen == champions
    with sessions.readers()() as session:
        last = Registry(session).history()[0]
    why = ("RIDGELINE_PROMOTE is better.", "Ridgeline")
    assert ((last.reason, last.who) == why) == (rule == "better")


def test_what_a_failed_job_has_left_is_no_version_however_good(
    worker: Worker, trained: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RIDGELINE_PROMOTE", "better")
    settings.cache_clear()
    finish(worker, ask(leaves=str(trained["first"])))
    failed = ask(leaves=str(trained["better"]), do="late")
    assert finish(worker, failed).status == JobStatus.failed
    with sessions.readers()() as session:
        registry = Registry(session)
        champion = registry.champion()
        assert champion is not None
        assert [version.id for version, _ in registry.versions()] == [champion[0].id] == [1]
        assert len(registry.history()) == 1


def test_a_worker_shows_that_it_lives(worker: Worker) -> None:
    worker.tick()
    with sessions.readers()() as session:
        (seen,) = RunStore(session).workers(within=5)
    assert (seen.id, seen.slots, seen.busy, seen.device) == (
        worker.name,
        1,
        0,
        worker.runner.device,
    )
    with sessions.writers().begin() as session:
        Leases(session).gone(worker.name)
