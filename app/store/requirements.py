"""What a job requires of its worker: who may claim it, and what is said while nobody may."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, or_

from app.store.models import Job, WorkerRow
from app.store.states import JobStatus


@dataclass(frozen=True, slots=True)
class Equipment:
    """What a worker has at this moment of what a job may require."""

    device: str = "cpu"  # as its row has it: "cuda: NAME", "mps" or "cpu"
    memory_gib: float = 0.0  # of its machine's memory, free now

    def suffices(self) -> ColumnElement[bool]:
        """Whether it is enough for a job: what its `requires` does not name is NULL in SQL."""
        device = Job.requires["device"].as_string()
        memory = Job.requires["memory_gib"].as_float()
        return and_(
            or_(device.is_(None), device == kind(self.device)),
            or_(memory.is_(None), memory <= self.memory_gib),
        )


def kind(device: str) -> str:
    """The kind of a device: "cuda: NAME" is a "cuda"."""
    return device.partition(":")[0]


def waiting_for(job: Job, workers: Sequence[WorkerRow]) -> str | None:
    """What a queued job waits for besides its turn, as a sentence.

    Its device is looked for among these living workers. How much memory is free no row says, as
    it changes from second to second: a worker compares it as it claims.
    """
    asked: dict[str, Any] = job.requires or {}
    if job.status != JobStatus.queued or not asked:
        return None
    device, memory = asked.get("device"), asked.get("memory_gib")
    free = f"{memory:g} GiB of memory free" if memory else ""
    if device and all(kind(worker.device) != device for worker in workers):
        also = f" with {free}" if free else ""
        return f"No live worker has {device}: it waits until one{also} comes."
    return f"It waits for a worker with {free}." if free else None
