"""The log of a job in words, and how fast its epochs come."""

from dataclasses import dataclass
from datetime import UTC, datetime

from app.results.reading import Item, Reading
from app.store.models import Job
from app.store.states import JobStatus


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a job's log."""

    at: datetime
    text: str
    warning: bool = False


def lines(reading: Reading, most: int = 300) -> list[Line]:
    """What happened, in words; the last lines of a long log."""
    every = (
        Line(datetime.fromtimestamp(item["at"], UTC), *words)
        for item in reading.log
        if (words := _words(item))
    )
    return [*every][-most:]


def _words(item: Item) -> tuple[str, bool] | None:
    """An item as a line, and whether it is a warning."""
    match item["type"]:
        case "status":
            return _status_words(item)
        case "started":
            lanes = len(item["labels"])
            side = " side by side" if lanes > 1 else ""
            size = f", {item['num_parameters']:,} parameters each" if item["num_parameters"] else ""
            what = f"{lanes} {'runs' if lanes > 1 else 'run'}{side}"
            text = f"{item['key']}: {what}, {item['num_epochs']} epochs, {item['device']}{size}"
            return text, False
        case "note":
            return item["text"], bool(item["warning"])
        case "check" if not item["passed"]:
            got = f"expected {item['expected']}, got {item['got']}"
            return f"check fails: {item['name']}, {got}", True
    return None


def _status_words(item: Item) -> tuple[str, bool]:
    status = item["status"]
    if status == JobStatus.running:
        worker = item.get("worker", "a worker")
        return f"claimed by {worker}, attempt {item.get('attempt', 1)}", False
    words, error = status.replace("_", " "), item.get("error")
    return (f"{words}: {error}" if error else words), bool(error)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a job's epochs come."""

    epochs: int
    total: int  # 0: not known
    per_second: float | None
    what: str = "epochs"

    @property
    def left(self) -> float | None:
        """Seconds until the last epoch, at this pace."""
        known = self.total and self.per_second
        return (self.total - self.epochs) / self.per_second if known and self.per_second else None


def pace(job: Job, reading: Reading) -> Pace:
    """Epochs a second over the last attempt, from the times of its chunks; or what it counts."""
    counted = reading.progress
    what = counted["what"] if counted else "epochs"
    return Pace(job.epochs_done, job.epochs_total, reading.clock.rate, what)
