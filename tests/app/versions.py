"""Versions as a worker leaves them: a job that was asked for, claimed, and has succeeded."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from app import lifecycle
from app.store import sessions
from app.store.leases import Leases, Outcome
from app.store.states import JobStatus
from ml.events import Trained
from ml.experiment import Experiment
from ml.experiments import parse
from ml.predictor import Predictor
from tests.conftest import forget, share_cache


@contextmanager
def store(folder: Path, template: Path) -> Iterator[Path]:
    """A run store of one's own in a folder, used while it is filled, and whole in its one file."""
    file = folder / "ridgeline.db"
    shutil.copy(template, file)
    share_cache(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RIDGELINE_DATA_DIR", str(folder))
        forget()
        yield file
        with sessions.engine().connect() as connection:
            connection.exec_driver_sql("commit")
            connection.exec_driver_sql("pragma wal_checkpoint(truncate)")
        forget()


def keep(experiment: Experiment, payload: bytes) -> int:
    """A job of this experiment that has made this predictor; gives its number."""
    with sessions.writers().begin() as session:
        job = lifecycle.submit(session, parse(experiment.model_dump(mode="json")))
        claim = Leases(session).claim("me", job.id)
        assert claim is not None
        done = Outcome(JobStatus.succeeded)
        Leases(session).append(claim.token, [Trained(payload)], done)
        return job.id


def trained(experiment: Experiment) -> bytes:
    """The predictor that an experiment leaves."""
    (made,) = [event for event in experiment.run() if isinstance(event, Trained)]
    return made.payload


def better(payload: bytes) -> bytes:
    """A predictor, as if each of its answers out of fold had been nearer by a fifth."""
    predictor = Predictor.from_bytes(payload)
    judged = predictor.judged
    assert judged is not None
    nearer = {
        name: judged.target + 0.8 * (getattr(judged, name) - judged.target)
        for name in ("said", "low", "high")
    }
    return replace(predictor, judged=replace(judged, **nearer)).to_bytes()
