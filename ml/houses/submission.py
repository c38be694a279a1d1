"""4.10.8 The file that goes to Kaggle: written, and checked before anybody uploads it."""

import csv
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ml.events import Check

HEADER = ["Id", "SalePrice"]
FIRST, LAST = 1461, 2919  # ids of the houses without a price
SECTION = "4.10"


def write(ids: Sequence[int], prices: NDArray[np.float64]) -> str:
    """A CSV file of n ids and n prices in dollars."""
    lines = (f"{i},{price:.4f}" for i, price in zip(ids, prices.tolist(), strict=True))
    return "\n".join([",".join(HEADER), *lines, ""])


def preflight(text: str) -> list[Check]:
    """What Kaggle would look at in this file, and two things it would not: finite, positive."""
    header, *rows = list(csv.reader(io.StringIO(text))) or [[]]
    ids = [row[0] for row in rows if row]
    prices = np.array([_number(row[1]) for row in rows if len(row) == len(HEADER)])
    wanted = [str(i) for i in range(FIRST, LAST + 1)]
    finite = int(np.isfinite(prices).sum())
    lowest = float(prices.min(initial=np.inf))
    return [
        _check("header", ",".join(HEADER), ",".join(header), header == HEADER),
        _check("rows", len(wanted), len(rows), len(rows) == len(wanted)),
        _check("ids", f"{FIRST} to {LAST}, each once, in order", _span(ids), ids == wanted),
        _check("finite prices", len(wanted), finite, finite == len(wanted)),
        _check(
            "lowest price",
            "above 0",
            lowest if np.isfinite(lowest) else "none",
            0 < lowest < np.inf,
        ),
    ]


def _check(name: str, expected: float | str, got: float | str, passed: bool) -> Check:
    return Check(SECTION, f"submission: {name}", expected, got, None, passed)


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")


def _span(ids: Sequence[str]) -> str:
    return f"{ids[0]} to {ids[-1]}, {len(set(ids))} different" if ids else "none"
