"""What a chunk of a job's stream holds: items as JSON, merged with its neighbours or not."""

import base64
import time
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from ml.events import Epoch, Kind, Stored

Item = dict[str, Any]
"""An event as JSON has it, or a change of a job's status, which no event of ml says."""

MARK = np.dtype([("seq", "<i4"), ("epoch", "<i4"), ("at", "<f8")])
"""The number of a chunk, the last epoch of a group in it, and when it was written."""


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
        "values": _text(values.tobytes()),
    }


def unpack(seq: int, payload: bytes) -> list[Item]:
    """The items of chunk `seq` in order, each with the number `seq` of the chunk that it was
    written in, and the time `at` which that was; of epochs that were merged, those of the last."""
    chunk = orjson.loads(payload)
    return [{"seq": seq, "at": chunk["at"]} | item for item in chunk["events"]]


def values(item: Item) -> NDArray[np.float32]:
    """The numbers of an epoch item: (E, M, L)."""
    return np.frombuffer(base64.b64decode(item["values"]), dtype="<f4").reshape(item["shape"])


def marks(item: Item) -> NDArray[np.void]:
    """Where the chunks ended that an epoch item was merged of: MARK (chunks,)."""
    if "marks" in item:
        return np.frombuffer(base64.b64decode(item["marks"]), dtype=MARK)
    last = item["first"] + item["shape"][0] - 1
    return np.array([(item["seq"], last, item["at"])], dtype=MARK)


def merge(stored: Iterable[tuple[int, bytes]]) -> bytes:
    """One payload of several chunks, merged before or not, in their order.

    Each item keeps its number and its time. Epochs of a group that follow each other become one
    item, whose marks keep them: until something else was said, so that nothing changes places. Of
    how far a job has come the first and the last stay.
    """
    runs: list[list[Item]] = []
    joined: dict[str, list[Item]] = {}  # to which the next epochs of a group belong
    for item in (item for seq, payload in stored for item in unpack(seq, payload)):
        if _counts_on(runs, item):
            runs[-1] = [item]
            continue
        run = joined.get(item["key"]) if item["type"] == "epoch" else None
        if run and _follows(run[-1], item):
            run.append(item)
            continue
        runs.append([item])
        if item["type"] == "epoch":
            joined[item["key"]] = runs[-1]
        else:
            joined.clear()
    items = [_join(run) for run in runs]
    at = max((item["at"] for item in items), default=0.0)  # nobody asks when nothing was said
    return orjson.dumps({"at": at, "events": items})


def _counts_on(runs: list[list[Item]], item: Item) -> bool:
    """Whether the last item is one of how far a job has come that this one takes the place of."""
    if item["type"] != "progress" or len(runs) < 2:
        return False
    return all(run[0].get("what") == item["what"] for run in runs[-2:])


def _follows(before: Item, item: Item) -> bool:
    end = before["first"] + before["shape"][0]
    return bool(item["first"] == end and item["shape"][1:] == before["shape"][1:])


def _join(run: list[Item]) -> Item:
    """One item of epochs that follow each other; any other item stands alone, and stays."""
    if run[0]["type"] != "epoch":
        return run[0]
    epochs = sum(item["shape"][0] for item in run)
    return run[-1] | {
        "first": run[0]["first"],
        "shape": [epochs, *run[0]["shape"][1:]],
        "values": _text(b"".join(base64.b64decode(item["values"]) for item in run)),
        "marks": _text(np.concatenate([marks(item) for item in run]).tobytes()),
    }


def trim(payload: bytes, after: int) -> bytes:
    """A merged chunk without what chunks up to number `after` held."""
    chunk = orjson.loads(payload)
    later = [item for item in chunk["events"] if item["seq"] > after]
    chunk["events"] = [_rest(item, after) if "marks" in item else item for item in later]
    return orjson.dumps(chunk)


def _rest(item: Item, after: int) -> Item:
    where = marks(item)
    gone = where["seq"] <= after
    first = int(where["epoch"][gone].max(initial=item["first"] - 1)) + 1
    rest = values(item)[first - item["first"] :]
    return item | {
        "first": first,
        "shape": rest.shape,
        "values": _text(rest.tobytes()),
        "marks": _text(where[~gone].tobytes()),
    }


def message(seq: int, payload: bytes) -> bytes:
    """A chunk as the stream sends it: the same JSON with plain numbers; null stands for NaN."""
    chunk = orjson.loads(payload)
    for item in chunk["events"]:
        if item["type"] == "epoch":
            item["values"] = values(item)
            del item["shape"]
            item.pop("marks", None)
    return orjson.dumps({"seq": seq, **chunk}, option=orjson.OPT_SERIALIZE_NUMPY)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
