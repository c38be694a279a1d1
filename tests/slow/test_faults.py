"""Kill -9 at any moment: jobs finish with every epoch once and the same weights to the last bit."""

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from sqlalchemy import select

from app import lifecycle
from app.results.reading import read
from app.settings import settings
from app.store import payloads, sessions
from app.store.jobs import RunStore
from app.store.models import Job, Saved, Version
from app.store.states import JobStatus
from ml.experiments import parse

ROOT = Path(__file__).parents[2]
HOUSE = {"name": "kaggle_house", "num_epochs": 70, "batch_size": 64}
ENSEMBLE = {"name": "house_ensemble", "k": 2, "num_seeds": 1, "num_epochs": 4}
CURVES = {"name": "polynomial", "num_features": 20, "num_epochs": 3000}


class Workers:
    """`ridgeline worker` processes, to be killed and replaced."""

    def __init__(self, log: Path) -> None:
        self.log = log.open("ab")
        self.alive: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Another one."""
        command = [sys.executable, "-m", "app", "worker"]
        self.alive.append(subprocess.Popen(command, cwd=ROOT, stdout=self.log, stderr=self.log))

    def servers(self) -> list[psutil.Process]:
        """Children of the workers: the fork servers are among them."""
        return [child for worker in self.alive for child in psutil.Process(worker.pid).children()]

    def trainers(self) -> list[psutil.Process]:
        """Processes that train: children of the fork servers."""
        return [trainer for server in self.servers() for trainer in server.children()]

    def kill_one(self, name: str = "") -> None:
        """SIGKILL to a worker, by name or the oldest; nobody of its family outlives it."""
        worker = next(each for each in self.alive if f":{each.pid}:" in name or not name)
        self.alive.remove(worker)
        family = psutil.Process(worker.pid).children(recursive=True)
        worker.kill()
        worker.wait()
        _, left = psutil.wait_procs(family, timeout=5)
        assert not [p for p in left if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]

    def are_seen(self) -> bool:
        """Whether all have given a sign of life: one that still imports heeds no signal."""
        with sessions.readers()() as session:
            names = " ".join(row.id for row in RunStore(session).workers(60))
        return all(f":{worker.pid}:" in names for worker in self.alive)

    def stop(self) -> None:
        """SIGTERM to those that are left: they leave in good order, once they are there at all."""
        until(self.are_seen)
        for worker in self.alive:
            worker.terminate()
        for worker in self.alive:
            assert worker.wait(20) == 0
        self.log.close()


@pytest.fixture
def workers(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    """None at first; their leases are short."""
    monkeypatch.setenv("RIDGELINE_LEASE", "2")
    settings.cache_clear()
    workers = Workers(tmp_path / "workers.log")
    yield workers
    for worker in workers.alive:
        worker.kill()
        worker.wait()


def ask(experiment: dict[str, Any]) -> int:
    with sessions.writers().begin() as session:
        return lifecycle.submit(session, parse(experiment)).id


def job(job_id: int) -> Job:
    with sessions.readers()() as session:
        found = RunStore(session).find(job_id)
        assert found is not None
        return found


def checkpoint(job_id: int) -> bytes | None:
    with sessions.readers()() as session:
        saved = session.get(Saved, job_id)
        return saved.state if saved else None


def until(true: Callable[[], bool], within: float = 60) -> None:
    end = time.monotonic() + within
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def said(job_id: int) -> tuple[dict[str, np.ndarray], bytes | None]:
    """Curves and predictor of a job; every epoch must stand there once, in order."""
    with sessions.readers()() as session:
        store = RunStore(session)
        items = [item for chunk in store.chunks(job_id) for item in payloads.unpack(*chunk)]
        reading = read(session, job_id)
        made = session.scalar(select(Version).where(Version.job_id == job_id))
        predictor = made.payload if made else None
    epochs = [item for item in items if item["type"] == "epoch"]
    for start in (item for item in items if item["type"] == "started"):
        mine = [item for item in epochs if item["key"] == start["key"]]
        numbers = [item["first"] + i for item in mine for i in range(item["shape"][0])]
        assert numbers == list(range(1, start["num_epochs"] + 1))
    return {key: group.values for key, group in reading.groups.items()}, predictor


def uninterrupted(experiment: dict[str, Any]) -> tuple[dict[str, np.ndarray], bytes | None]:
    """What the same gives where nobody disturbs it."""
    job_id = ask(experiment)
    until(lambda: job(job_id).finished_at is not None)
    assert (job(job_id).status, job(job_id).attempt) == (JobStatus.succeeded, 1)
    return said(job_id)


def assert_same(job_id: int, expected: tuple[dict[str, np.ndarray], bytes | None]) -> None:
    curves, predictor = said(job_id)
    assert predictor == expected[1]
    assert curves.keys() == expected[0].keys()
    for key, curve in curves.items():
        np.testing.assert_array_equal(curve, expected[0][key])


@pytest.mark.parametrize(
    "experiment",
    [HOUSE, pytest.param(ENSEMBLE, marks=pytest.mark.slow)],
    ids=lambda one: one["name"],
)
def test_a_killed_trainer_and_a_killed_worker_cost_nothing_but_time(
    workers: Workers, experiment: dict[str, Any]
) -> None:
    """The book's net in under 20 s: two SIGKILLs, the same predictor."""
    for _ in range(2):
        workers.start()
    expected = uninterrupted(experiment)

    job_id = ask(experiment)
    until(lambda: checkpoint(job_id) is not None)
    (trainer,) = workers.trainers()
    trainer.kill()

    state = checkpoint(job_id)
    until(lambda: job(job_id).attempt == 2 and checkpoint(job_id) != state)
    workers.kill_one(str(job(job_id).worker))

    until(lambda: job(job_id).finished_at is not None)
    found = job(job_id)
    assert (found.status, found.attempt, found.error) == (JobStatus.succeeded, 3, None)
    assert_same(job_id, expected)
    workers.stop()


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
def test_many_faults_over_many_jobs(workers: Workers) -> None:
    """Two workers, six jobs, SIGKILLs to trainers, fork servers and workers."""
    draw = random.Random(4)
    for _ in range(2):
        workers.start()
    expected = {name["name"]: uninterrupted(name) for name in (HOUSE, CURVES)}
    asked = [ask(experiment) for experiment in (HOUSE, CURVES) * 3]
    faults, end = 0, time.monotonic() + 600
    while any(job(job_id).finished_at is None for job_id in asked):
        assert time.monotonic() < end
        time.sleep(draw.uniform(1, 3))
        if faults < 20:
            faults += disturb(workers, draw)
    for job_id in asked:
        assert job(job_id).status == JobStatus.succeeded, job(job_id).error
        assert_same(job_id, expected[job(job_id).name])
    assert faults >= 8
    workers.stop()


def disturb(workers: Workers, draw: random.Random) -> int:
    """One fault, where that cannot make a poison job of a healthy one; how many it was."""
    with sessions.readers()() as session:
        if any(job.crashes >= 2 for job in RunStore(session).queue(10)):
            return 0
    with suppress(psutil.NoSuchProcess, StopIteration):  # it ended by itself before we came
        strike(workers, draw)
        return 1
    return 0


def strike(workers: Workers, draw: random.Random) -> None:
    """SIGKILL to a trainer, to its fork server, or to a worker, which is replaced."""
    trainers = workers.trainers()
    match draw.choice(["trainer", "server", "worker"]):
        case "trainer" if trainers:
            draw.choice(trainers).kill()
        case "server" if trainers:
            next(server for server in workers.servers() if trainers[0] in server.children()).kill()
        case _:
            workers.kill_one()
            workers.start()
