"""A run of three hours in ticks of a quarter of a second: its page, its curves, its figures."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import psutil
from sqlalchemy import insert
from sqlalchemy.orm import Session

from app.settings import settings
from app.store import chunks, migrations, payloads, sessions
from app.store.models import Chunk, Job, Run
from app.store.states import JobStatus
from benchmarks.serving import ask, own_store, served
from ml.events import Epoch, Figure, Note, Series, Started, Stored

TICKS = 43_200
LANES = 5
ENDED, RUNNING, PLAIN, SHORT = 1, 2, 3, 4
"""Numbers of the jobs: as a worker leaves one, as it is until then, as version 0001 left them, and
a short one that warms a server up."""
ADDRESSES = {
    "page": "/jobs/{}",
    "curves.json": "/jobs/{}/curves.json",
    "figure of its curves": "/api/v1/jobs/{}/figures/curves-folds",
    "figure that it drew": "/api/v1/jobs/{}/figures/fit",
}


def measure() -> Iterator[str]:
    """Lines of a table: the first request of this job that a server gets, and the median of 100."""
    with own_store():
        migrations.upgrade(settings().url)
        with sessions.writers().begin() as session:
            for number in (ENDED, RUNNING, PLAIN):
                fill(session, number)
            fill(session, SHORT, ticks=10)
        yield f"| {TICKS:,} chunks, {LANES} runs | first | median | first, running | never merged |"
        yield "|---|---|---|---|---|"
        for name, address in ADDRESSES.items():
            with served() as (place, server):
                ask(place, server, "GET", address.format(SHORT), None)
                first = _once(place, server, address.format(ENDED))
                median, _ = ask(place, server, "GET", address.format(ENDED), None)
                others = [_once(place, server, address.format(each)) for each in (RUNNING, PLAIN)]
            seconds = (first, median, *others)
            yield f"| {name} | {' | '.join(f'{each * 1e3:.0f} ms' for each in seconds)} |"


def _once(place: str, server: psutil.Process, address: str) -> float:
    return ask(place, server, "GET", address, None, warm=0, asked=1)[0]


def fill(session: Session, number: int, ticks: int = TICKS) -> None:
    """Add a job of so many chunks, an epoch each, merged as its number says.

    Made-up curves of LANES runs, and one figure.
    """
    labels = tuple(f"fold {lane + 1}" for lane in range(LANES))
    epochs, x = ticks - 3, np.linspace(0.0, 1.0, 1000)
    values = _curves(epochs)
    items: list[list[Stored | payloads.Item]] = [
        [{"status": "running", "attempt": 1}, Started("folds", labels, epochs, "mse", "cpu", 331)]
    ]
    items += [[Epoch("folds", i + 1, values[i : i + 1])] for i in range(epochs)]
    items += [
        [Figure("fit", "A fit", "It fits.", (Series("fit", x, x**2, "train"),)), Note("Made up.")],
        [{"status": "succeeded", "reason": None, "error": None}],
    ]
    session.execute(insert(Job).values(**_job(number, ticks, epochs)))
    runs = [
        {"job_id": number, "key": "folds", "lane": lane, "label": label, "num_epochs": epochs,
         "epoch": epochs, "train": 0.1, "valid": 0.2}
        for lane, label in enumerate(labels)
    ]  # fmt: skip
    session.execute(insert(Run), runs)
    stored = [
        {"job_id": number, "seq": seq, "payload": payloads.pack(each)}
        for seq, each in enumerate(items, 1)
    ]
    for start in range(0, ticks, chunks.MERGED):
        part = stored[start : start + chunks.MERGED]
        session.execute(insert(Chunk), part)
        if number != PLAIN and len(part) == chunks.MERGED:
            chunks.merge(session, number, after=start)
    if number in {ENDED, SHORT}:
        chunks.merge(session, number)


def _curves(epochs: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """(epochs, 2, LANES), falling and noisy."""
    rng = np.random.default_rng(0)
    fall = 0.1 + 2 * np.exp(-np.arange(epochs) / (epochs / 6))[:, None, None]
    return (fall * (1 + 0.05 * rng.standard_normal((epochs, 2, LANES)))).astype(np.float32)


def _job(number: int, ticks: int, epochs: int) -> dict[str, Any]:
    return {
        "id": number, "name": "kaggle_house", "label": "three hours", "tags": [],
        "experiment": {"name": "kaggle_house"}, "status": JobStatus.succeeded, "attempt": 1,
        "started_at": 1.7e9, "finished_at": 1.7e9 + ticks / 4, "seq": ticks, "device": "cpu",
        "measure": "mse", "num_runs": LANES, "epochs_done": epochs, "epochs_total": epochs,
        "train": 0.1, "valid": 0.2, "summary": {},
    }  # fmt: skip
