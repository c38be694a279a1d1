"""What an experiment says, by name: for tests that hold its numbers beside their own."""

from collections.abc import Iterable
from typing import Any

from ml.events import Check, Event, Figure, Floats, Table
from ml.experiments import EXPERIMENTS


class Page:
    """Figures, tables and checks of a run."""

    def __init__(self, events: Iterable[Event]) -> None:
        each = [*events]
        self.figures = {e.name: e for e in each if isinstance(e, Figure)}
        self.tables = {e.name: e for e in each if isinstance(e, Table)}
        self.checks = {e.name: e for e in each if isinstance(e, Check)}

    @classmethod
    def of(cls, name: str, **values: Any) -> "Page":
        """Of a run with these values."""
        return cls(EXPERIMENTS[name](**values).run())

    def line(self, figure: str, label: str) -> tuple[Floats, Floats]:
        """x and y of a series."""
        (series,) = [s for s in self.figures[figure].series if s.label == label]
        return series.x, series.y

    def column(self, table: str, name: str) -> list[Any]:
        """The cells of a column."""
        at = self.tables[table].columns.index(name)
        return [row[at] for row in self.tables[table].rows]
