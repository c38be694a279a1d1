"""Small multiples in rows of a list: curves and folds as paths of inline SVG, on shared scales."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.store import chunks

WIDTH, HEIGHT = 104.0, 24.0  # of a spark
POINTS = 28  # of a spark: more are not seen
STRIP = 132.0  # width of a strip
FOLDS = (0.08, 0.24)  # log RMSE from end to end of a strip

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Spark:
    """Paths of train, valid and the gap between them, and where valid ends."""

    train: str
    valid: str
    gap: str
    end: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Strip:
    """Where the folds, their mean and the book stand on a common axis."""

    folds: list[float]
    mean: float
    book: float | None


def spark(points: Sequence[Sequence[float | None]], span: Span | None) -> Spark | None:
    """Curves from [epoch, train, valid] on a log scale."""
    points = chunks.thin(points, POINTS)
    if not points or span is None:
        return None
    last = points[-1][0] or 1
    train = [(_across(epoch, last), _height(value, span)) for epoch, value, _ in points]
    valid = [(_across(epoch, last), _height(value, span)) for epoch, _, value in points]
    known = [point for point in valid if point[1] is not None]
    return Spark(
        train=_path(train),
        valid=_path(valid),
        gap=_between(train, valid),
        end=(known[-1][0], known[-1][1] or 0.0) if known else None,
    )


def strip(folds: Sequence[float], mean: float | None, book: float | None) -> Strip | None:
    """Folds on the axis of 4.10; None for what is no cross-validation."""
    if len(folds) < 2 or mean is None:
        return None
    return Strip(
        folds=[_along(fold) for fold in folds],
        mean=_along(mean),
        book=None if book is None else _along(book),
    )


def _across(epoch: float | None, last: float) -> float:
    return round(WIDTH * ((epoch or 1) - 1) / max(1, last - 1), 1)


def _height(value: float | None, span: Span) -> float | None:
    if value is None:
        return None
    low, high = (math.log(end) for end in span)
    place = (math.log(max(value, span[0])) - low) / (high - low or 1.0)
    return round(2 + (HEIGHT - 4) * (1 - min(1.0, max(0.0, place))), 1)


def _path(points: Iterable[tuple[float, float | None]]) -> str:
    """A path that breaks where nothing is known."""
    parts, pen = [], "M"
    for x, y in points:
        if y is not None:
            parts.append(f"{pen}{x:g} {y:g}")
        pen = "M" if y is None else "L"
    return "".join(parts)


def _between(
    train: Sequence[tuple[float, float | None]], valid: Sequence[tuple[float, float | None]]
) -> str:
    if any(y is None for _, y in (*train, *valid)):
        return ""
    around = [*valid, *reversed(train)]
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in around) + "Z"


def _along(value: float) -> float:
    low, high = FOLDS
    return round(STRIP * min(1.0, max(0.0, (value - low) / (high - low))), 1)
