"""What an attempt yielded since the last tick, sorted by what becomes of it in the run store."""

from collections.abc import Iterable, Mapping
from typing import assert_never

from ml.events import (
    Check,
    Checkpoint,
    Epoch,
    Event,
    Figure,
    Finding,
    Note,
    Started,
    Stored,
    Table,
    Trained,
)


class Batch:
    """Events sorted, without groups already opened and epochs already stored.

    `epochs` says of each group how many epochs the run store has.
    """

    def __init__(self, epochs: Mapping[str, int], events: Iterable[Event]) -> None:
        self.epochs = dict(epochs)
        self.stored: list[Stored] = []  # what the job's stream is to hold
        self.opened: list[Started] = []
        self.curves: dict[str, list[Epoch]] = {}  # by group
        self.checks: list[Check] = []
        self.checkpoint: Checkpoint | None = None  # the last one
        self.trained: Trained | None = None
        for event in events:
            self._add(event)

    def _add(self, event: Event) -> None:
        match event:
            case Started():
                self._open(event)
            case Epoch():
                self._lengthen(event)
            case Check():
                self.checks.append(event)
                self.stored.append(event)
            case Figure() | Table() | Finding() | Note():
                self.stored.append(event)
            case Checkpoint():
                self.checkpoint = event
            case Trained():
                self.trained = event
            case _:
                assert_never(event)

    def _open(self, event: Started) -> None:
        if event.key not in self.epochs:
            self.epochs[event.key] = 0
            self.opened.append(event)
            self.stored.append(event)

    def _lengthen(self, event: Epoch) -> None:
        new = event.after(self.epochs[event.key])
        if len(new.values):
            self.epochs[event.key] = new.last
            self.curves.setdefault(event.key, []).append(new)
            self.stored.append(new)
