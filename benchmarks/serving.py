"""Pages and answers of a real server on loopback: wall time a request, and its CPU time."""

import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from app import lifecycle
from app.engine.runners import Processes
from app.engine.worker import Worker
from app.settings import settings
from app.store import migrations, sessions
from benchmarks.crowd import fill
from ml.experiments import parse

CACHE = settings().cache_dir.resolve()  # of the data hub
ASKED = 100
HOUSE = {"OverallQual": 7, "GrLivArea": 1710, "YearBuilt": 2003, "Neighborhood": "CollgCr"}
REQUESTS: dict[str, tuple[str, str, object]] = {
    "nothing: /healthz": ("GET", "/healthz", None),
    "price one house": ("POST", "/api/v1/predictions", {"houses": [HOUSE]}),
    "Jobs page, 1,001 jobs": ("GET", "/jobs", None),
    "Learn page, 1,001 jobs": ("GET", "/learn", None),
    "API, 50 of them": ("GET", "/api/v1/jobs", None),
    "page of a job with 1,000 runs": ("GET", "/jobs/1000", None),
    "API, its 1,000 runs": ("GET", "/api/v1/jobs/1000/runs", None),
    "API, its 200,000 points": ("GET", "/api/v1/jobs/1000/metrics", None),
}


def measure() -> Iterator[str]:
    """Lines of a table: median wall time and mean server CPU time of each request."""
    with own_store():
        prepare()
        with served() as (address, server):
            yield f"| one worker, {ASKED} requests after 10 | wall, median | server CPU, mean |"
            yield "|---|---|---|"
            for name, request in REQUESTS.items():
                wall, cpu = ask(address, server, *request)
                yield f"| {name} | {wall * 1e3:.1f} ms | {cpu * 1e3:.1f} ms |"


@contextmanager
def own_store() -> Iterator[None]:
    """A data folder that is empty but for the cache, which the settings name from now on."""
    with tempfile.TemporaryDirectory() as folder:
        CACHE.mkdir(parents=True, exist_ok=True)
        (Path(folder) / "cache").symlink_to(CACHE)
        os.environ["RIDGELINE_DATA_DIR"] = folder
        settings.cache_clear()
        sessions.forget()
        yield


def prepare() -> None:
    """A thousand made-up jobs, and one real predictor."""
    migrations.upgrade(settings().url)
    with sessions.writers().begin() as session:
        fill(session)
        job = lifecycle.submit(session, parse({"name": "kaggle_house", "num_epochs": 5}))
    Worker(sessions.writers(), Processes(), only=job.id).work()


@contextmanager
def served() -> Iterator[tuple[str, psutil.Process]]:
    """A web server of its own, ended by its number."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "--factory", "app.main:create_app"]
    server = subprocess.Popen([*command, "--port", str(port), "--log-level", "warning"])
    try:
        for _ in range(200):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", psutil.Process(server.pid)
    finally:
        server.terminate()
        server.wait(20)


def ask(
    address: str,
    server: psutil.Process,
    method: str,
    path: str,
    body: object,
    *,
    warm: int = 10,
    asked: int = ASKED,
) -> tuple[float, float]:
    """Median wall seconds, and mean CPU seconds of the server, after `warm` requests."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    sent = None if body is None else json.dumps(body)
    headers = {"Content-Type": "application/json"} if sent else {}
    took = []
    for number in range(warm + asked):
        if number == warm:
            before = sum(server.cpu_times()[:2])
        start = time.perf_counter()
        connection.request(method, path, sent, headers)
        response = connection.getresponse()
        response.read()
        took.append(time.perf_counter() - start)
        assert response.status == 200, (path, response.status)
    return statistics.median(took[warm:]), (sum(server.cpu_times()[:2]) - before) / asked
