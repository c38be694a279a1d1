"""A run store as it is after months: a thousand jobs, one of them with a thousand runs."""

from typing import Any

import numpy as np
from sqlalchemy import insert
from sqlalchemy.orm import Session

from app.store import payloads, summaries
from app.store.models import Chunk, Job, Run
from app.store.states import JobStatus
from ml.events import Epoch, Note, Started, Stored

EPOCHS = 100
MANY = 1000  # runs of the last job
TICK = 10  # epochs said in one chunk


def fill(session: Session, jobs: int = 1000, lanes: int = 4) -> int:
    """Add `jobs` finished jobs of `lanes` runs, and one of MANY runs; gives the number of that one.

    Made-up curves, written through the same functions as the worker's.
    """
    rng = np.random.default_rng(0)
    for number in range(1, jobs):
        _add(session, number, lanes, rng)
    _add(session, jobs, MANY, rng)
    return jobs


def _add(session: Session, number: int, lanes: int, rng: np.random.Generator) -> None:
    labels = tuple(f"fold {lane + 1}" for lane in range(lanes))
    started = Started("folds", labels, EPOCHS, "log_rmse", "cpu", 21_313)
    level = 0.12 + 0.1 * rng.random((1, 2, lanes)) * [[[0.6], [1.0]]]
    decay = 0.3 * np.exp(-np.arange(EPOCHS) / 15)[:, None, None]
    values = (level + decay + 0.003 * rng.standard_normal((EPOCHS, 2, lanes))).astype(np.float32)
    rows = [
        {"job_id": number, "key": "folds", "lane": lane, "label": label, "setting": "",
         "num_epochs": EPOCHS, "num_parameters": 21_313}
        for lane, label in enumerate(labels)
    ]  # fmt: skip
    summary, runs = summaries.opened({}, started), [Run(**row) for row in rows]
    for first in range(0, EPOCHS, TICK):
        part = values[first : first + TICK]
        summary = summaries.advanced(summary, "folds", first + 1, part, runs)
    columns = _job(number, lanes) | summaries.columns(summary)
    session.execute(insert(Job).values(**columns))
    session.execute(insert(Run), rows)
    moved = summaries.lanes(number, "folds", 1, values, [EPOCHS] * len(labels))
    session.connection().execute(summaries.ADVANCE, moved)
    said: list[list[Stored | payloads.Item]] = [
        [{"type": "status", "status": "running", "attempt": 1}, started, Note("Made up.")]
    ]
    said += [[Epoch("folds", i + 1, values[i : i + TICK])] for i in range(0, EPOCHS, TICK)]
    said += [[{"type": "status", "status": "succeeded", "reason": None, "error": None}]]
    stored = [
        {"job_id": number, "seq": seq, "payload": payloads.pack(items)}
        for seq, items in enumerate(said, 1)
    ]
    session.execute(insert(Chunk), stored)


def _job(number: int, lanes: int) -> dict[str, Any]:
    return {
        "id": number, "name": "kaggle_house", "label": f"MLP 64, log price, number {number}",
        "experiment": {"name": "kaggle_house", "seed": number}, "tags": ["made up"],
        "status": JobStatus.succeeded,
        "started_at": 1.7e9 + number, "finished_at": 1.7e9 + number + 3,
        "attempt": 1, "seq": EPOCHS // TICK + 2, "device": "cpu", "measure": "log_rmse",
        "num_runs": lanes, "epochs_done": EPOCHS, "epochs_total": EPOCHS,
    }  # fmt: skip
