"""What to ask first: of all that a row does not say, what would narrow its interval most.

An interval is wide by what is not known where the answers of the rows that lend it lie far apart.
What a field would be worth is therefore tried: it is given the values that these rows have there,
one after another, and each time the row is answered anew, by rows that are like it in that, too.
The mean of the widths is what one has to expect before one knows the value.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.features import Row
from ml.predictor.card import Vector
from ml.predictor.donors import Donors

TRIED = 6  # fields: answering anew for all of them takes seconds
VALUES = 5  # of each, at even steps of the weights of the rows that lend it
Spans = Callable[[Sequence[Row]], tuple[Vector, Vector]]


@dataclass(frozen=True, slots=True)
class Ask:
    """A field that is not known, and how wide the interval would be on average if it were."""

    field: str
    width: float


@dataclass(frozen=True, slots=True)
class Asks:
    """How wide the 90 % interval of a row is, as errors are measured, and on average would be if
    more were known."""

    width: float
    first: tuple[Ask, ...]  # what narrows it most first
    form: float | None  # if all were known that a form asks first; None where it asks nothing first
    whole: float  # if all were known


def asks(
    known: Row, whole: Sequence[Row], likely: Vector, donors: Donors, spans: Spans, count: int
) -> Asks:
    """At most `count` fields that narrow the interval of a row of which this is known.

    It may be one of m whole rows, so likely (m,); `spans` gives n rows' middles and widths, (n,)
    each. Only the TRIED fields are tried that seem to tell most.
    """
    middle, width = spans([known, *whole])
    tried = _telling(known, whole, likely, donors, middle[1:])
    form = [field.name for field in donors.places.fields if field.first]
    at = (np.arange(VALUES) + 0.5) / VALUES
    lent = [whole[i] for i in np.minimum(np.searchsorted(np.cumsum(likely), at), len(whole) - 1)]
    *means, filled = _means(known, lent, [*([name] for name in tried), form], spans)
    told = float(width[0])
    found = [Ask(name, mean) for name, mean in zip(tried, means, strict=True) if mean < told]
    return Asks(
        width=told,
        first=tuple(sorted(found, key=lambda ask: ask.width)[:count]),
        form=filled if form else None,
        whole=float(likely @ width[1:]),
    )


def _telling(
    known: Row, whole: Sequence[Row], likely: Vector, donors: Donors, middle: Vector
) -> list[str]:
    """Fields that are not known, what seems to tell most first: of the variance of these few
    answers (m,) as of all targets that were learnt from."""
    place, _ = donors.places.of(whole)
    away, off = place - likely @ place, middle - likely @ middle
    size = (likely @ np.square(away)) * (likely @ np.square(off))
    share = donors.worth * np.square((likely * off) @ away) / np.where(size > 0, size, 1.0)
    names = [field.name for field in donors.places.fields]
    order = np.argsort(-share, kind="stable").tolist()
    return [names[j] for j in order if names[j] not in known and share[j] > 0][:TRIED]


def _means(
    known: Row, lent: Sequence[Row], parts: Sequence[Sequence[str]], spans: Spans
) -> list[float]:
    """The mean width for each part of the fields, were they as in one of these rows.

    A value that many of them have is answered once.
    """
    counts = [Counter(tuple(row[name] for name in part) for row in lent) for part in parts]
    rows: list[dict[str, Any]] = [
        {**dict(zip(part, values, strict=True)), **known}
        for part, count in zip(parts, counts, strict=True)
        for values in count
    ]
    widths = iter(spans(rows)[1].tolist())
    return [sum(many * next(widths) for many in count.values()) / len(lent) for count in counts]
