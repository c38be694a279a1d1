"""Pages and answers of a real server on loopback: wall time a request, and its CPU time.

One house is set beside an endpoint that does nothing, of a server like ours: both are asked in turn
in ROUNDS rounds, and the median counts.
"""

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
from typing import Annotated, Any
from urllib.parse import urlsplit

import psutil
from fastapi import Body, FastAPI, Request, Response

from app import lifecycle
from app.engine.runners import Processes
from app.engine.worker import Worker
from app.serving.predictors import who
from app.settings import settings
from app.store import migrations, sessions
from benchmarks.crowd import fill
from ml.experiments import parse

CACHE = settings().cache_dir.resolve()  # of the data hub
ASKED, ROUNDS = 100, 5
HOUSE = {"OverallQual": 7, "GrLivArea": 1710, "YearBuilt": 2003, "Neighborhood": "CollgCr"}
MODELS = {  # the champion of tests and benchmarks, and the one that prices by default
    "kaggle_house": {"num_epochs": 5},
    "house_ensemble": {"num_epochs": 1, "k": 2},
}
REQUESTS: dict[str, tuple[str, str, Any]] = {
    "nothing: /healthz": ("GET", "/healthz", None),
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
        with served() as ours:
            yield f"| one worker, {ASKED} requests after 10 | wall, median | server CPU, mean |"
            yield "|---|---|---|"
            for name, request in REQUESTS.items():
                wall, cpu = ask(*ours, *request)
                yield f"| {name} | {wall * 1e3:.1f} ms | {cpu * 1e3:.1f} ms |"
            with served("benchmarks.serving:empty") as nothing:
                yield ""
                yield from _one_house(nothing, ours)


def empty() -> FastAPI:
    """Endpoints that read a body, as it is or as pydantic does, and do nothing with it."""
    app = FastAPI()

    @app.post("/raw")
    async def raw(request: Request) -> Response:
        await request.body()
        return Response(b"{}", media_type="application/json")

    @app.post("/typed")
    async def typed(houses: Annotated[list[dict[str, Any]], Body(embed=True)]) -> dict[str, int]:
        return {"houses": len(houses)}

    return app


Server = tuple[str, psutil.Process]


def _one_house(nothing: Server, ours: Server) -> Iterator[str]:
    """What one prediction costs, answers kept, over what nothing costs."""
    known = {field.name for field in who("1").predictor.card.input_schema.fields}
    sale = who("1").predictor.sales[0]
    houses = {"all that it says": {name: sale[name] for name in known}, "4 fields": HOUSE}
    asked: dict[str, tuple[Server, str, Any]] = {
        f"nothing, {kind} body": (nothing, f"/{kind}", {"houses": [houses["all that it says"]]})
        for kind in ("raw", "typed")
    } | {
        f"{name}, {said}": (ours, "/api/v1/predictions", {"houses": [house], "model": version})
        for version, name in enumerate(MODELS, 1)
        for said, house in houses.items()
    }
    cpu: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(ROUNDS):
        for name, (server, path, body) in asked.items():
            cpu[name].append(ask(*server, "POST", path, body, asked=2 * ASKED)[1])
    base = statistics.median(cpu["nothing, raw body"])
    yield f"| server CPU, {ROUNDS} rounds of {2 * ASKED} | median | over nothing | range |"
    yield "|---|---|---|---|"
    for name, seconds in cpu.items():
        ratios = [each / none for each, none in zip(seconds, cpu["nothing, raw body"], strict=True)]
        median = statistics.median(seconds)
        low, high = min(ratios), max(ratios)
        yield f"| {name} | {median * 1e3:.2f} ms | {median / base:.1f} | {low:.1f} to {high:.1f} |"


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
    """A thousand made-up jobs, and real predictors: answers take as long after little training."""
    migrations.upgrade(settings().url)
    with sessions.writers().begin() as session:
        fill(session)
    for name, how in MODELS.items():
        with sessions.writers().begin() as session:
            job = lifecycle.submit(session, parse({"name": name, **how}))
        Worker(sessions.writers(), Processes(), only=job.id).work()


@contextmanager
def served(factory: str = "app.main:create_app") -> Iterator[tuple[str, psutil.Process]]:
    """A web server of its own, ended by its number."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "--factory", factory, "--no-access-log"]
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
