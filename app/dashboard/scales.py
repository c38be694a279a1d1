"""Pictures of errors and differences in rows: where each mark stands, in per cent of the width."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis from low to high, linear or logarithmic; a value beyond stands at its end."""

    low: float
    high: float
    log: bool = False

    @classmethod
    def over(cls, values: Iterable[float], *, zero: bool = False, log: bool = False) -> "Scale":
        """An axis that holds these, and zero if asked for, with some room."""
        finite = [value for value in values if math.isfinite(value)] or [1.0]
        if log:
            return cls(0.92 * min(finite), 1.08 * max(finite), log=True)
        low, high = (min(0.0, *finite), max(0.0, *finite)) if zero else (min(finite), max(finite))
        room = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
        return cls(low - room, high + room)

    @classmethod
    def around(cls, values: Sequence[float]) -> "Scale":
        """An axis with zero in its middle."""
        most = 1.08 * max(map(abs, values), default=1.0) or 1.0
        return cls(-most, most)

    def at(self, value: float) -> str:
        """Where it stands: "41.2%"."""
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        value = math.log(max(value, 1e-300)) if self.log else value
        return f"{100 * min(1.0, max(0.0, (value - low) / (high - low))):.2f}%"

    def between(self, low: float, high: float) -> str:
        """How wide it is from one value to another: "3.1%"."""
        return f"{float(self.at(high)[:-1]) - float(self.at(low)[:-1]):.2f}%"

    def ticks(self, most: int = 5) -> list[tuple[str, str]]:
        """Round values and where they stand; about so many."""
        if self.log:
            first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
            few = (1,) if last - first > most else (1, 2, 5)
            marks = [m * 10.0**e for e in range(first, last + 1) for m in few]
            return [
                (f"{m:,.0f}" if m >= 1 else f"{m:g}", self.at(m))
                for m in marks
                if self.low <= m <= self.high
            ]
        span = (self.high - self.low) / most
        power = 10.0 ** math.floor(math.log10(span))
        step = next(power * s for s in STEPS if power * s >= span * 0.999)
        digits = max(0, -math.floor(math.log10(step) + 1e-9) + (step / power == 2.5))
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [
            (f"{i * step:,.{digits}f}".replace("-", "−"), self.at(i * step))
            for i in range(first, last + 1)
        ]


@dataclass(frozen=True, slots=True)
class Bar:
    """An interval around its middle."""

    low: str
    middle: str
    high: str
    inner: tuple[str, str] = ("", "")

    @classmethod
    def of(cls, scale: Scale, middle: float, half: float, floor: float | None = None) -> "Bar":
        """Of middle ± half; within it what no repetition would lower."""
        inner = ("", "") if floor is None else (scale.at(middle - floor), scale.at(middle + floor))
        return cls(scale.at(middle - half), scale.at(middle), scale.at(middle + half), inner)


def stacked(scale: Scale, values: Sequence[float], columns: int = 100) -> list[tuple[str, int]]:
    """Dots that fall on each other are set apart: where each stands, and how high."""
    taken, dots = dict[tuple[int, int], bool](), list[tuple[str, int]]()
    for value in sorted(values):
        place = scale.at(value)
        column, level = round(float(place[:-1]) * columns / 100), 0
        while any((column + by, level) in taken for by in (-2, -1, 0, 1, 2)):
            level += 1
        taken[column, level] = True
        dots.append((place, level))
    return dots
