"""Jobs beside each other, drawn by the server: differences in rows, pairs, curves on one axis."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.comparisons import Found
from app.dashboard.scales import Bar, Scale
from app.results.comparing import Pair, Side
from app.results.crowds import band_of
from app.results.curves import Values, epochs, thin
from app.results.palette import Look, look
from app.results.repetitions import solved_at_once
from app.typography import brief, metric

HIGH, WIDE = 300, 1000  # of the curves: pixels up, and parts of whatever width there is
POINTS = 900  # of all lines together: a page of twenty jobs stays small
WITH_TRAIN = 6  # jobs up to which train is drawn, too
APART = 15  # pixels between two names beside the ends of lines
NUMBERS = 8  # jobs up to which each pair has its number
TWO = (Look("ink-3", "6px 3px"), Look("ink", "6px 3px"))


# ---- differences in rows


@dataclass(frozen=True, slots=True)
class Row:
    """A row of differences: a dot each, where they lie together, and a number in words."""

    name: str
    at: str  # in per cent of the width
    dots: list[str]
    text: str


@dataclass(frozen=True, slots=True)
class Interval:
    """How sure a difference is, if something was other than it was."""

    name: str
    bar: Bar
    text: str


@dataclass(frozen=True, slots=True)
class Differences:
    """Pairs of two jobs, and intervals, on one axis."""

    rows: list[Row]
    intervals: list[Interval]
    zero: str
    ticks: list[tuple[str, str]]


def differences(found: Found) -> Differences | None:
    """Of two jobs; none where no number says how far they are apart."""
    if len(found.pairs) != 1 or not math.isfinite(found.pairs[0].difference):
        return None
    pair = found.pairs[0]
    around = {"other seeds": pair.seeds}
    if found.told.rows:
        around["other rows"] = found.told.rows.difference, found.told.rows.half
    around["other folds" if pair.one.folds else "95 % interval"] = pair.difference, pair.half
    known = {name: one for name, one in around.items() if one and np.isfinite(one).all()}
    scale = Scale.over(
        [
            *pair.parts.values(),
            *(float(by) for each in pair.of_seeds.values() for by in each),
            *(end for mean, half in known.values() for end in (mean - half, mean + half)),
        ],
        zero=True,
    )
    rows = [
        Row(name, scale.at(by), _dots(pair, name, scale), _signed(by))
        for name, by in pair.parts.items()
    ]
    intervals = [
        Interval(name, Bar.of(scale, *one), f"{_signed(one[0] - one[1])} to {_signed(sum(one))}")
        for name, one in known.items()
    ]
    return Differences(rows, intervals, scale.at(0.0), scale.ticks(5))


def _dots(pair: Pair, name: str, scale: Scale) -> list[str]:
    """Each seed of a part, where there is more than one."""
    seeds = pair.of_seeds.get(name, np.empty(0))
    return [scale.at(float(by)) for by in seeds] if len(seeds) > 1 else []


def _signed(by: float) -> str:
    return f"{'+' if by > 0 else ''}{metric(by, fixed=True)}"


# ---- three and more


@dataclass(frozen=True, slots=True)
class Ranked:
    """A job below the best: its parts less those of that, and the interval."""

    side: Side
    dots: str  # a path through WIDE parts of the width: a circle each would be five times as long
    bar: Bar | None
    value: str


@dataclass(frozen=True, slots=True)
class Ranking:
    """All of them, from the best on."""

    rows: list[Ranked]
    zero: str
    ticks: list[tuple[str, str]]
    grid: bool  # or else the page would be mostly lines


def ranking(found: Found) -> Ranking | None:
    """Of three and more, less the best; what diverged has no bar."""
    if len(found.sides) < 3 or not found.pairs:
        return None
    best = found.sides[0]
    to_best = {each.other.job: each for each in found.pairs if each.one is best}
    known = [each for each in to_best.values() if math.isfinite(each.difference)]
    scale = Scale.over(
        [
            end
            for each in known
            for end in (
                each.difference - each.half, each.difference + each.half, *each.parts.values()
            )
        ],
        zero=True,
    )  # fmt: skip
    rows = [
        Ranked(
            side,
            "".join(f"M{10 * float(scale.at(by)[:-1]):.0f} 5h0" for by in each.parts.values())
            if each
            else "",
            Bar.of(scale, each.difference, each.half if math.isfinite(each.half) else 0.0)
            if each in known and each
            else None,
            brief(side.value),
        )
        for side in found.sides
        for each in [to_best.get(side.job)]
    ]
    return Ranking(rows, scale.at(0.0), scale.ticks(5), len(rows) <= NUMBERS)


@dataclass(frozen=True, slots=True)
class Cell:
    """The row's job less the column's."""

    kind: str  # win, lose, open, self
    text: str
    words: str


def matrix(found: Found) -> list[tuple[str, list[Cell]]]:
    """Every two of three and more; of many a sign in place of the number."""
    if len(found.sides) < 3 or not found.pairs:
        return []
    pairs = {(each.one.job, each.other.job): each for each in found.pairs}
    return [
        (one.letter, [_cell(one, other, pairs, len(found.sides)) for other in found.sides])
        for one in found.sides
    ]


SIGNS = {"win": "●", "lose": "○", "open": "·", "self": ""}
WORDS = {"win": "is better", "lose": "is worse", "open": "cannot be told apart"}


def _cell(one: Side, other: Side, pairs: dict[tuple[int, int], Pair], n: int) -> Cell:
    if one is other:
        return Cell("self", "", "")
    turned = (one.job, other.job) not in pairs
    each = pairs[(other.job, one.job) if turned else (one.job, other.job)]
    winner = {"one": each.one, "other": each.other}.get(each.verdict)
    kind = "open" if winner is None else "win" if winner is one else "lose"
    by = each.difference if turned else -each.difference
    return Cell(kind, _signed(by) if n <= NUMBERS else SIGNS[kind], WORDS[kind])


# ---- curves


@dataclass(frozen=True, slots=True)
class Line:
    """A path through a box of WIDE by HIGH."""

    path: str
    look: Look
    band: str = ""


@dataclass(frozen=True, slots=True)
class End:
    """What stands beside the end of a line."""

    y: float
    text: str
    color: str


@dataclass(frozen=True, slots=True)
class Curves:
    """All jobs by epoch, on one axis."""

    lines: list[Line]
    ends: list[End]
    up: list[tuple[str, float]]
    along: list[tuple[str, str]]
    legend: list[tuple[str, Look]]
    log: bool


def curves(sides: Sequence[Side]) -> Curves | None:
    """Valid of each job thick, train thin where few are drawn; of two the band they lie in."""
    if not sides or len({side.measure for side in sides}) > 1:
        return None
    part = f" {sides[0].share}" if sides[0].share else ""
    looks = _looks(len(sides))
    box = _Box.around(sides, part)
    most = POINTS // (len(sides) * (2 if len(sides) <= WITH_TRAIN else 1))
    lines, ends = list[Line](), list[End]()
    for side, drawn in zip(sides, looks, strict=True):
        valid = side.setting.mean(f"valid{part}")
        level = solved_at_once(side.setting, [one.setting for one in sides])
        if len(sides) <= WITH_TRAIN and not level:
            train = side.setting.mean(f"train{part}")
            lines.append(Line(box.path(train, most), drawn.thin))
            ends += _end(f"{side.letter} train", train, drawn, box)
        band = band_of(side.setting, f"valid{part}", 0) if len(sides) == 2 and not level else ()
        lines.append(Line(box.path(valid, most, level=level), drawn, box.area(band, most)))
        judged = side.setting.group.judged_on
        name = f"{side.letter} {judged}" if len(sides) <= WITH_TRAIN else side.letter
        ends += _end(name, valid, drawn, box)
    legend = [
        (f"{side.letter} #{side.job}", drawn) for side, drawn in zip(sides, looks, strict=True)
    ]
    return Curves(lines, _spread(ends), box.up, box.along, legend, box.scale.log)


def _looks(n: int) -> list[Look]:
    """Two are grey and ink; of more the best is ink."""
    return [*TWO][:n] if n <= 2 else [Look("ink"), *(look(i) for i in range(n - 1))]


def _end(name: str, values: Values, drawn: Look, box: "_Box") -> list[End]:
    known = values[np.isfinite(values)]
    return (
        [End(box.y(float(known[-1])), f"{name} {brief(known[-1])}", drawn.color)]
        if len(known)
        else []
    )


def _spread(ends: Sequence[End]) -> list[End]:
    """Names that would cover each other are set apart: from the top down, then back from below."""
    ordered = sorted(ends, key=lambda end: end.y)
    heights = [end.y for end in ordered]
    for i in range(1, len(heights)):
        heights[i] = max(heights[i], heights[i - 1] + APART)
    for i in reversed(range(len(heights))):
        below = heights[i + 1] - APART if i + 1 < len(heights) else HIGH
        heights[i] = min(heights[i], below)
    return [End(round(y, 1), end.text, end.color) for y, end in zip(heights, ordered, strict=True)]


@dataclass(frozen=True, slots=True)
class _Box:
    """The axes of the curves."""

    scale: Scale
    last: int  # epoch at the right

    @classmethod
    def around(cls, sides: Sequence[Side], part: str) -> "_Box":
        """That holds all means, and of two the bands."""
        means = [
            side.setting.mean(f"{name}{part}") for side in sides for name in ("train", "valid")
        ]
        if len(sides) == 2:
            means += [edge for side in sides for edge in band_of(side.setting, f"valid{part}", 0)]
        values = np.concatenate([mean[np.isfinite(mean)] for mean in means]).tolist()
        log = not part and min(values, default=1.0) > 0
        last = max(side.setting.group.started["num_epochs"] for side in sides)
        return cls(Scale.over(values, log=log), last)

    def y(self, value: float) -> float:
        """Pixels from the top."""
        return round(HIGH * (1 - float(self.scale.at(value)[:-1]) / 100), 1)

    def x(self, epoch: float) -> int:
        """Parts of the width, epoch 1 at the left."""
        return round(WIDE * (epoch - 1) / max(1, self.last - 1))

    def path(self, values: Values, most: int, *, level: bool = False) -> str:
        """Through what is known; what was solved at once is a level line."""
        if level and np.isfinite(values[-1]):
            return f"M0 {self.y(float(values[-1]))}H{WIDE}"
        x = epochs(values)
        keep = [i for i in thin(x, values, most=most) if np.isfinite(values[i])]
        points = [f"{self.x(x[i])} {self.y(float(values[i])):g}" for i in keep]
        return f"M{'L'.join(points)}" if points else ""

    def area(self, band: Sequence[Values], most: int) -> str:
        """Between the ends of a band."""
        if not band:
            return ""
        low, high = band
        keep = [i for i in thin(epochs(low), low, high, most=most) if np.isfinite(low[i] + high[i])]
        there = [f"{self.x(i + 1)} {self.y(float(low[i])):g}" for i in keep]
        back = [f"{self.x(i + 1)} {self.y(float(high[i])):g}" for i in reversed(keep)]
        return f"M{'L'.join([*there, *back])}Z" if keep else ""

    @property
    def up(self) -> list[tuple[str, float]]:
        """Round values beside the curves."""
        return [
            (text, round(HIGH * (1 - float(place[:-1]) / 100), 1))
            for text, place in _log_ticks(self.scale) or self.scale.ticks(6)
        ]

    @property
    def along(self) -> list[tuple[str, str]]:
        """Round epochs below them."""
        step = next(s for s in _steps() if s * 5 >= self.last - 1)
        marks = [1, *(i for i in range(step, self.last + 1, step) if i > 1 + step / 3)]
        return [(f"{mark:,}", f"{self.x(mark) / 10:g}%") for mark in marks]


def _log_ticks(scale: Scale) -> list[tuple[str, str]]:
    """Of less than a decade, as of a linear axis; none else."""
    if not scale.log or scale.high > 8 * scale.low:
        return []
    plain = Scale(scale.low, scale.high).ticks(6)
    return [(text, scale.at(float(text.replace(",", "")))) for text, _ in plain]


def _steps() -> list[int]:
    return [m * 10**e for e in range(6) for m in (1, 2, 5)]


# ---- all of it


def drawn(found: Found) -> dict[str, Any]:
    """What the page draws."""
    return {
        "differences": differences(found),
        "ranking": ranking(found),
        "matrix": matrix(found),
        "curves": curves(found.sides),
    }
