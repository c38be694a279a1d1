"""What a job said, retold: its log in words, and how fast its epochs come."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.store.models import Job, JobStatus

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a job's log."""

    at: datetime
    text: str
    warning: bool = False


def lines(items: Iterable[Item], most: int = 300) -> list[Line]:
    """What happened, in words; the last lines of a long log."""
    found = [
        Line(datetime.fromtimestamp(item["at"], UTC), text, warning)
        for item in items
        for text, warning in _said(item)
    ]
    return found[-most:]


def _said(item: Item) -> list[tuple[str, bool]]:
    match item["type"]:
        case "status":
            return [_status_said(item)]
        case "started":
            lanes = len(item["labels"])
            side = " side by side" if lanes > 1 else ""
            size = f", {item['num_parameters']:,} parameters each" if item["num_parameters"] else ""
            what = f"{lanes} {'runs' if lanes > 1 else 'run'}{side}"
            return [
                (
                    f"{item['key']}: {what}, {item['num_epochs']} epochs, {item['device']}{size}",
                    False,
                )
            ]
        case "note":
            return [(item["text"], bool(item["warning"]))]
        case "check" if not item["passed"]:
            return [
                (
                    f"check fails: {item['name']}, expected {item['expected']}, got {item['got']}",
                    True,
                )
            ]
    return []


def _status_said(item: Item) -> tuple[str, bool]:
    status = item["status"]
    if status == JobStatus.running:
        return (
            f"claimed by {item.get('worker', 'a worker')}, attempt {item.get('attempt', 1)}",
            False,
        )
    why = item.get("error")
    return (f"{status.replace('_', ' ')}: {why}" if why else status.replace("_", " ")), bool(why)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a job's epochs come."""

    epochs: int
    total: int
    per_second: float | None

    @property
    def left(self) -> float | None:
        """Seconds until the last epoch, at this pace."""
        return (self.total - self.epochs) / self.per_second if self.per_second else None


def pace(job: Job, items: Iterable[Item]) -> Pace:
    """Epochs a second over the last attempt, from the times of its chunks."""
    times: list[tuple[float, int]] = []
    for item in items:
        if item["type"] == "status" and item["status"] == JobStatus.running:
            times = []  # another attempt
        elif item["type"] == "epoch":
            times.append((item["at"], item["shape"][0]))
    passed = times[-1][0] - times[0][0] if times else 0.0
    after_first = sum(epochs for _, epochs in times[1:])
    return Pace(job.epochs_done, job.epochs_total, after_first / passed if passed > 0 else None)
