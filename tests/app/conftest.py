"""A service with finished jobs in it: the real worker ran them once, each test gets a copy."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from app import lifecycle
from app.catalogue import badges
from app.engine.runners import Processes
from app.engine.worker import Worker
from app.main import create_app
from app.settings import settings
from app.store import sessions
from app.store.models import Job
from app.store.states import JobStatus
from ml.experiments import parse

ROOT = Path(__file__).parents[2]
DONE = (
    {"name": "kaggle_house", "num_epochs": 5},
    {"name": "polynomial", "num_epochs": 30},
    {"name": "activations"},
)
HOUSE, POLYNOMIAL, ACTIVATIONS = 1, 2, 3
"""Numbers of the jobs."""


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Path:
    """A run store in which the jobs of DONE have succeeded."""
    from tests.conftest import forget, share_cache

    folder = tmp_path_factory.mktemp("finished")
    shutil.copy(template, folder / "ridgeline.db")
    share_cache(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RIDGELINE_DATA_DIR", str(folder))
        forget()
        runner = Processes()
        for asked in DONE:
            with sessions.writers().begin() as session:
                job = lifecycle.submit(session, parse(asked))
            Worker(sessions.writers(), runner, only=job.id).work()
        with sessions.readers()() as session:
            for job in session.scalars(select(Job)):
                assert job.status == JobStatus.succeeded, f"{job.name}: {job.error}"
        with sessions.engine().connect() as connection:
            connection.exec_driver_sql("commit")
            connection.exec_driver_sql("pragma wal_checkpoint(truncate)")
        forget()
    return folder / "ridgeline.db"


@pytest.fixture
def store(data_dir: Path, finished: Path) -> Path:
    """A copy of it, which the settings of this process name."""
    shutil.copy(finished, data_dir / "ridgeline.db")
    return data_dir


@pytest.fixture(scope="session")
def answered() -> None:
    """What needs no training has been answered: a page then says what it came to."""
    badges.prepare()


@pytest.fixture(scope="session")
def application(answered: None) -> FastAPI:
    """The web application: it asks for the store anew with each request, and is slow to make."""
    return create_app()


@pytest.fixture
def client(application: FastAPI, store: Path) -> Iterator[TestClient]:
    """The web application on that store."""
    with TestClient(application, raise_server_exceptions=False) as client:
        yield client


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A web server of its own on the store in `folder`; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "--factory", "app.main:create_app"]
    environment = os.environ | {"RIDGELINE_DATA_DIR": str(folder)}
    server = subprocess.Popen(
        [
            *command,
            "--port",
            str(port),
            "--log-level",
            "warning",
            "--timeout-graceful-shutdown",
            "1",
        ],
        env=environment,
        cwd=ROOT,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            with suppress(OSError):
                urllib.request.urlopen(f"{address}/healthz", timeout=5).close()
                break
            time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture
def server(store: Path) -> Iterator[str]:
    """The address of a server on a store with finished jobs."""
    with serving(settings().data_dir) as address:
        yield address
