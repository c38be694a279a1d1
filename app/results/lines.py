"""Curves by epoch as the page of a job draws them: what a line is, and lines on common axes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.results.curves import MOST, Values, epochs, numbers, thin
from app.results.palette import Look
from app.results.repetitions import Setting
from app.typography import brief

Start = Callable[[Setting], int]
"""Epochs of a setting that a page has already."""


@dataclass(frozen=True, slots=True)
class Line:
    """A curve after epoch `after`: y (E,), and the ends of a band around it."""

    name: str
    look: Look
    y: Values
    after: int = 0
    band: tuple[Values, ...] = ()
    label: str = ""  # beside its end; none where it would cover others
    level: bool = False  # solved at once, not learnt by epochs: drawn across all of them

    def plain(self, most: int = MOST) -> dict[str, Any]:
        """As the page reads it: what stands beside the end of the line is the number there."""
        x, y = epochs(self.y), self.y
        keep = thin(x, y, *self.band, most=most)
        known = np.flatnonzero(np.isfinite(y))
        end = None
        if len(known):
            last = int(known[-1])
            end = {"x": self.after + last + 1, "y": float(y[last]), "text": brief(float(y[last]))}
        return {
            "name": self.name,
            "color": self.look.color,
            "dash": self.look.dash,
            "width": self.look.width,
            "label": self.label,
            "level": self.level,
            "after": self.after,
            "x": (x[keep] + self.after).astype(int).tolist(),
            "y": numbers(y[keep]),
            "band": [numbers(edge[keep]) for edge in self.band],
            "end": end,
        }


@dataclass(frozen=True, slots=True)
class View:
    """Lines on common axes: of a measure, or of a share such as accuracy."""

    name: str  # on the switch between views
    axis: str
    lines: Sequence[Line]
    log: bool = True
    shaded: bool = False  # the gap between the first two lines
    most: int = MOST
    top: float | None = None  # of the frame, where a line leaves it
    fan: "View | None" = None  # the same of each run

    def plain(self) -> dict[str, Any]:
        """As the page reads it."""
        lines = [line.plain(self.most) for line in self.lines]
        return {
            "name": self.name,
            "axis": self.axis,
            "log": self.log,
            "shaded": self.shaded,
            "top": self.top,
            "lines": lines,
            "fan": self.fan and self.fan.plain(),
        }
