"""A table of a million houses, sent to a real server: what comes back, how fast, in what memory."""

import http.client
import time
from collections.abc import Iterator
from itertools import islice, repeat
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from app import lifecycle
from app.engine.runners import Processes
from app.engine.worker import Worker
from app.settings import settings
from app.store import migrations, sessions
from benchmarks.serving import own_store, served
from ml.data import hub
from ml.experiments import parse

ROWS = 1_000_000
PIECE = 2**16


def measure() -> Iterator[str]:
    """Lines of a table."""
    with own_store():
        migrations.upgrade(settings().url)
        with sessions.writers().begin() as session:
            job = lifecycle.submit(session, parse({"name": "house_ensemble"}))
        Worker(sessions.writers(), Processes(), only=job.id).work()
        header, *lines = hub.download("kaggle_house_test").read_bytes().splitlines(keepends=True)
        with served() as (address, server):
            few = [*send(address, header, lines)]
            before = peak(server)
            start = time.perf_counter()
            many = send(address, header, islice(cycle(lines), ROWS))
            first, count, off = 0.0, 0, 0
            for i, row in enumerate(many):
                first = first or time.perf_counter() - start
                count, off = i, off + (i > 0 and price(row) != price(few[1 + (i - 1) % len(lines)]))
            took = time.perf_counter() - start
            assert (count, off) == (ROWS, 0), (count, off)
            yield "| a CSV of 1,000,000 houses with 79 fields, one server process | |"
            yield "|---|---|"
            yield f"| first price after, all after | {first:.0f} s, {took:.0f} s |"
            yield f"| rows a second | {ROWS / took:,.0f} |"
            yield f"| peak memory before, with it | {before:.0f} MB, {peak(server):.0f} MB |"


def cycle(lines: list[bytes]) -> Iterator[bytes]:
    """The lines over and over."""
    return (line for some in repeat(lines) for line in some)


def send(address: str, header: bytes, lines: Iterator[bytes] | list[bytes]) -> Iterator[bytes]:
    """The lines of the answer, the first its header."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    connection.request("POST", "/api/v1/predictions.csv", body(header, lines))
    response = connection.getresponse()
    assert response.status == 200, response.read(1000)
    yield from response


def body(header: bytes, lines: Iterator[bytes] | list[bytes]) -> Iterator[bytes]:
    """A file in pieces of some lines."""
    piece = bytearray(header)
    for line in lines:
        piece += line
        if len(piece) > PIECE:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)


def price(row: bytes) -> bytes:
    """Id, price and bounds of a line."""
    return b",".join(row.split(b",")[:4])


def peak(server: psutil.Process) -> float:
    """MB that it has held at most."""
    with Path(f"/proc/{server.pid}/status").open() as status:
        (line,) = [line for line in status if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024 / 1e6
