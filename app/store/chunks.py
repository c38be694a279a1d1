"""How events stand in a chunk of the run store, and how stream and pages read them again."""

import base64
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from app.store.models import Chunk, Job
from ml.events import Epoch, Event, Stored


def tell(session: Session, job_id: int, *said: Any) -> None:
    """Add one chunk to a job's stream: events of ml, or changes of status as mappings."""
    seq = session.scalar(
        update(Job).where(Job.id == job_id).values(seq=Job.seq + 1).returning(Job.seq)
    )
    items = [{"type": "status"} | item if isinstance(item, dict) else item for item in said]
    session.execute(insert(Chunk).values(job_id=job_id, seq=seq, payload=pack(items)))


def pack(items: Iterable[Event | dict[str, Any]]) -> bytes:
    """A chunk's payload: JSON with the time and what was said; curves as base64 of float32."""
    written = [
        item if isinstance(item, dict) else _item(item)
        for item in items
        if isinstance(item, dict | Stored)
    ]
    chunk = {"at": time.time(), "events": written}
    return orjson.dumps(chunk, _listed, orjson.OPT_SERIALIZE_NUMPY)


def _listed(value: object) -> object:
    """An array that orjson does not take as it lies in memory: transposed, or every other row."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError


def _item(event: Stored) -> dict[str, Any]:
    kind = {"type": type(event).__name__.lower()}
    if isinstance(event, Epoch):
        values = np.ascontiguousarray(event.values, dtype="<f4")
        data = base64.b64encode(values.tobytes()).decode()
        return kind | {
            "key": event.key,
            "first": event.first,
            "shape": values.shape,
            "values": data,
        }
    return kind | asdict(event)


def values(item: dict[str, Any]) -> NDArray[np.float32]:
    """The numbers of a packed epoch item: (E, M, L)."""
    return np.frombuffer(base64.b64decode(item["values"]), dtype="<f4").reshape(item["shape"])


def unpack(payloads: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Everything said, in order; each item carries the time of its chunk as `at`."""
    for payload in payloads:
        chunk = orjson.loads(payload)
        for item in chunk["events"]:
            item["at"] = chunk["at"]
            yield item


def speak(seq: int, payload: bytes) -> bytes:
    """A chunk as the stream sends it: the same JSON with plain numbers; null stands for NaN."""
    chunk = orjson.loads(payload)
    for item in chunk["events"]:
        if item["type"] == "epoch":
            item["values"] = values(item)
            del item["shape"]
    return orjson.dumps({"seq": seq, **chunk}, option=orjson.OPT_SERIALIZE_NUMPY)


def latest(items: Iterable[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Items of one kind, by name; one said again by a later attempt replaces the earlier."""
    found: dict[object, dict[str, Any]] = {}
    for item in items:
        if item["type"] == kind:
            found[item.get("key") or (item.get("section"), item.get("name"))] = item
    return list(found.values())


def curves(items: Iterable[dict[str, Any]]) -> dict[str, NDArray[np.float32]]:
    """The whole curve of each group: key -> (E, M, L)."""
    parts: dict[str, list[NDArray[np.float32]]] = {}
    for item in items:
        if item["type"] == "epoch":
            parts.setdefault(item["key"], []).append(values(item))
    return {key: np.concatenate(found) for key, found in parts.items()}


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
