"""How events stand in a chunk of the run store, and how stream and pages read them again."""

import base64
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from app.store.models import Chunk, Job
from ml.events import Epoch, Kind, Stored

Item = dict[str, Any]
"""An event as JSON has it, or a change of a job's status, which no event of ml says."""


def append(session: Session, job_id: int, *items: Stored | Item) -> None:
    """Add one chunk to a job's stream: events of ml, or changes of status as mappings."""
    seq = session.scalar(
        update(Job).where(Job.id == job_id).values(seq=Job.seq + 1).returning(Job.seq)
    )
    session.execute(insert(Chunk).values(job_id=job_id, seq=seq, payload=pack(items)))


def pack(items: Iterable[Stored | Item]) -> bytes:
    """A chunk's payload: JSON with the time and the items; curves as base64 of float32."""
    chunk = {
        "at": time.time(),
        "events": [
            {"type": "status"} | item if isinstance(item, dict) else _item(item) for item in items
        ],
    }
    return orjson.dumps(chunk, _listed, orjson.OPT_SERIALIZE_NUMPY)


def _listed(value: object) -> object:
    """An array that orjson does not take as it lies in memory: transposed, or every other row."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError


def _item(event: Stored) -> Item:
    kind: Kind = event.kind  # mypy says so where one is missing
    if not isinstance(event, Epoch):
        return {"type": kind} | asdict(event)
    values = np.ascontiguousarray(event.values, dtype="<f4")
    return {
        "type": kind,
        "key": event.key,
        "first": event.first,
        "shape": values.shape,
        "values": base64.b64encode(values.tobytes()).decode(),
    }


def values(item: Item) -> NDArray[np.float32]:
    """The numbers of a packed epoch item: (E, M, L)."""
    return np.frombuffer(base64.b64decode(item["values"]), dtype="<f4").reshape(item["shape"])


def unpack(payload: bytes) -> list[Item]:
    """The items of a chunk in order, each with the time `at` which it was written."""
    chunk = orjson.loads(payload)
    return [{"at": chunk["at"]} | item for item in chunk["events"]]


def speak(seq: int, payload: bytes) -> bytes:
    """A chunk as the stream sends it: the same JSON with plain numbers; null stands for NaN."""
    chunk = orjson.loads(payload)
    for item in chunk["events"]:
        if item["type"] == "epoch":
            item["values"] = values(item)
            del item["shape"]
    return orjson.dumps({"seq": seq, **chunk}, option=orjson.OPT_SERIALIZE_NUMPY)


def thin(points: Sequence[Sequence[float | None]], most: int = 48) -> list[Sequence[float | None]]:
    """At most `most` of these points, evenly spaced in their first number; both ends stay.

    So a curve that is thinned again and again while it grows does not lose its beginning.
    """
    if len(points) <= most:
        return list(points)
    x = np.array([point[0] for point in points], dtype=np.float64)
    wanted = np.linspace(x[0], x[-1], most)
    after = np.searchsorted(x, wanted).clip(1, len(x) - 1)
    nearer = wanted - x[after - 1] < x[after] - wanted
    return [points[i] for i in np.unique(np.where(nearer, after - 1, after))]
