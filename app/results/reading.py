"""What a job said so far, as one value: for its page, its figures, the API, CLI and Learn."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any, Literal, assert_never, get_args

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.results.curves import Group, empty
from app.store import payloads
from app.store.jobs import RunStore
from app.store.states import JobStatus
from ml.events import Event, Kind, Stored

Item = dict[str, Any]
Named = Literal["figure", "table", "check", "finding"]
NAMES: dict[Named, tuple[str, ...]] = {"check": ("section", "name"), "finding": ("setting",)}
"""Fields by which a result is the same one when a later attempt yields it again, if not `name`."""
MOST = 2**25  # bytes of chunks whose readings a process keeps (32 MiB)


@dataclass(frozen=True, slots=True)
class Clock:
    """When the epochs of the last attempt came, or what it counts in place of them."""

    began: float = 0.0  # when its first message of epochs was written, in seconds since 1970
    last: float = 0.0
    epochs: int = 0  # that came after that first message

    @property
    def rate(self) -> float | None:
        """Epochs a second; None while there has been one message only."""
        passed = self.last - self.began
        return self.epochs / passed if passed > 0 else None

    def after(self, item: Item) -> "Clock":
        """The clock after a message of epochs, or after many that were merged."""
        marks, epochs = payloads.marks(item), item["shape"][0]
        last = max(self.last, float(marks["at"][-1]))
        if self.began:
            return Clock(self.began, last, self.epochs + epochs)
        return Clock(
            float(marks["at"][0]), last, item["first"] + epochs - 1 - int(marks["epoch"][0])
        )

    def counted(self, before: Item | None, item: Item) -> "Clock":
        """The same where something else is counted, and was before; it begins anew with what."""
        if before is None or before["what"] != item["what"]:
            return Clock(item["at"], item["at"])
        return Clock(self.began, item["at"], self.epochs + item["done"] - before["done"])


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What a job said up to chunk `seq`. It never changes, so that threads may share it.

    Items are the events of ml as JSON has them, with the number `seq` of the chunk and the time
    `at` which each was written.
    """

    seq: int = 0
    groups: Mapping[str, Group] = field(default_factory=dict)  # in the order they were announced
    # by kind, and by the values of NAMES: the last of each
    named: Mapping[Named, Mapping[tuple[object, ...], Item]] = field(
        default_factory=lambda: {kind: {} for kind in get_args(Named)}
    )
    log: tuple[Item, ...] = ()  # statuses, groups that start, notes and checks, in order
    clock: Clock = Clock()
    progress: Item | None = None  # of the last attempt, where it counts something else than epochs
    size: int = 0  # bytes of its chunks: about what it takes in memory

    @classmethod
    def of(cls, events: Iterable[Event]) -> "Reading":
        """Of events that are stored nowhere, such as those of an instant experiment."""
        payload = payloads.pack(event for event in events if isinstance(event, Stored))
        return cls().after([(1, payload)])

    def after(self, stored: Iterable[tuple[int, bytes]]) -> "Reading":
        """The reading with these further chunks: number and payload of each."""
        draft = _Draft(self)
        for seq, payload in stored:
            draft.size += len(payload)
            draft.seq = seq
            for item in payloads.unpack(seq, payload):
                draft.add(item)
        return draft.reading()

    @property
    def figures(self) -> Mapping[str, Item]:
        """The figures that the experiment yielded, by name, not drawn."""
        return {item["name"]: item for item in self.named["figure"].values()}

    @property
    def checks(self) -> list[Item]:
        """The claims that were tested."""
        return [*self.named["check"].values()]

    def results(self) -> dict[str, Any]:
        """All that is neither curve nor log, by what pages and API call it."""
        return {f"{kind}s": [*items.values()] for kind, items in self.named.items()}


class _Draft:
    """A reading while chunks are added to it: curves in parts, joined at the end."""

    def __init__(self, reading: Reading) -> None:
        self.before, self.seq, self.size = reading, reading.seq, reading.size
        self.groups = dict(reading.groups)
        self.parts: dict[str, list[NDArray[np.float32]]] = {}
        self.named = {kind: dict(items) for kind, items in reading.named.items()}
        self.log = [*reading.log]
        self.clock, self.progress = reading.clock, reading.progress

    def add(self, item: Item) -> None:
        """One more item."""
        kind: Kind | Literal["status"] = item["type"]
        match kind:
            case "epoch":
                self._lengthen(item)
            case "dropped":
                group = self.groups[item["key"]]
                ends = {**group.ends, **dict.fromkeys(item["lanes"], int(item["epoch"]))}
                self.groups[group.key] = replace(group, ends=ends)
            case "started":
                self.groups.setdefault(item["key"], Group(item, empty(item)))
                self.log.append(item)
            case "figure" | "table" | "check" | "finding":
                self._replace(kind, item)
            case "note" | "status":
                self._write(item)
            case "progress":
                self.clock = self.clock.counted(self.progress, item)
                self.progress = item
            case _:
                assert_never(kind)

    def _lengthen(self, item: Item) -> None:
        self.parts.setdefault(item["key"], []).append(payloads.values(item))
        self.clock = self.clock.after(item)

    def _replace(self, kind: Named, item: Item) -> None:
        self.named[kind][tuple(item.get(name) for name in NAMES.get(kind, ("name",)))] = item
        if kind == "check":
            self.log.append(item)

    def _write(self, item: Item) -> None:
        self.log.append(item)
        if item.get("status") == JobStatus.running:
            self.clock, self.progress = Clock(), None  # another attempt

    def reading(self) -> Reading:
        """What it has become."""
        for key, parts in self.parts.items():
            group = self.groups[key]
            self.groups[key] = replace(group, values=np.concatenate([group.values, *parts]))
        log = tuple(self.log)
        return Reading(self.seq, self.groups, self.named, log, self.clock, self.progress, self.size)


# ---- kept in this process ------------------------------------------------------------------------


class Readings:
    """The readings asked for of late, at most so many bytes of them; threads may share it."""

    def __init__(self, most: int = MOST) -> None:
        self.most, self.size, self._lock = most, 0, Lock()
        self._kept: OrderedDict[int, Reading] = OrderedDict()

    def get(self, job_id: int) -> Reading:
        """The reading that is kept of a job, or the one before its first chunk."""
        with self._lock:
            return self._kept.get(job_id, Reading())

    def keep(self, job_id: int, reading: Reading) -> None:
        """Keep it, unless a later one is; give up what nobody has asked for the longest."""
        with self._lock:
            before = self._kept.get(job_id, Reading())
            if reading.seq >= before.seq:
                self._kept[job_id] = reading
                self.size += reading.size - before.size
            self._kept.move_to_end(job_id)
            while self.size > self.most and len(self._kept) > 1:
                self.size -= self._kept.popitem(last=False)[1].size

    def forget(self) -> None:
        """Empty it: another database."""
        with self._lock:
            self._kept.clear()
            self.size = 0


_readings = Readings()
forget = _readings.forget


def read(session: Session, job_id: int) -> Reading:
    """What a job said so far: only chunks that came since it was last read here are parsed.

    It may be newer than what this session has seen of the job. A session that may write keeps no
    reading: what it sees may yet be rolled back.
    """
    reading = _readings.get(job_id)
    if news := RunStore(session).chunks(job_id, after=reading.seq):
        reading = reading.after(news)
    if session.get_bind().get_execution_options().get("read_only"):
        _readings.keep(job_id, reading)
    return reading
