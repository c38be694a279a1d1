"""A look at a table, drawn by the server: values of each column, and the target along it."""

from dataclasses import dataclass

from app.dashboard.scales import Scale
from app.serving.own import Looked
from app.typography import amount
from ml.schema import ORDERS
from ml.tabular.profile import Column

ROLES = {"i": "input", "t": "target", "n": "name", "o": "left out"}
WIDE, HIGH = 150, 26  # of a histogram
LONG, TALL = 96, 26  # of the target along a column


@dataclass(frozen=True, slots=True)
class Drawn:
    """A column as its row shows it."""

    column: Column
    at: int  # its place in the file
    role: str
    values: str  # in words: "84 to 147", or the levels that are most frequent
    bars: list[tuple[float, float, float]]  # from, width and height
    line: str  # a path through the target's middles
    points: list[tuple[float, float]]
    missing: str

    @property
    def roles(self) -> dict[str, tuple[str, bool]]:
        """What it may be, in words, and whether it is, by what the form sends.

        Of dates that are all numbers an input is told with what comes first in them.
        """
        inputs: dict[str, tuple[str, bool]] = {"i": ("input", self.role == "input")}
        if self.column.kind == "date" and self.column.order != "":
            inputs = {
                order: (
                    f"input, {ORDERS[order]} first",
                    self.role == "input" and order == self.column.order,
                )
                for order in self.column.orders
            }
        others = {key: (role, role == self.role) for key, role in ROLES.items() if key != "i"}
        return inputs | others


def drawn(found: Looked) -> list[Drawn]:
    """All columns, what needs a person first; the target along them on one scale."""
    told = [x for one in found.told.columns for x in one.target_by_part if x is not None]
    scale = Scale.over(told) if told else Scale(0.0, 1.0)
    places = {name: i for i, name in enumerate(found.names)}
    return [_drawn(one, places[one.name], found, scale) for one in found.told.columns]


def _drawn(one: Column, at: int, found: Looked, scale: Scale) -> Drawn:
    parts = one.target_by_part
    points = [
        (LONG * (i + 0.5) / len(parts), TALL * (1 - float(scale.at(x)[:-1]) / 100))
        for i, x in enumerate(parts)
        if x is not None
    ]
    line = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) if points else ""
    most, step = max(one.histogram, default=0), WIDE / max(1, len(one.histogram))
    share = one.missing / found.told.rows
    return Drawn(
        column=one,
        at=at,
        role=found.role(one),
        values=_values(one),
        bars=[
            (round(i * step, 1), round(step - 1, 1), round(HIGH * n / most, 1))
            for i, n in enumerate(one.histogram)
            if n
        ],
        line=line if one.kind in {"number", "integer", "date"} else "",
        points=points,
        missing="–" if not one.missing else "< 1" if share < 0.005 else f"{100 * share:.0f}",
    )


def _values(one: Column) -> str:
    if one.low is None or one.high is None:
        return ", ".join(one.examples)
    low, high = (end if isinstance(end, str) else amount(end) for end in (one.low, one.high))
    return f"{low} to {high}{', log' if one.log_axis else ''}"
