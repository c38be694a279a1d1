"""A detector's seconds and memory on a table larger than most: 100,000 rows a side, 80 columns."""

import resource
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from ml.shift import detect

ROWS, NUMBERS, LEVELS = 100_000, 50, 26
GIGABYTE = 1e6  # in the kibibytes, nearly, that Linux counts


def table(seed: int, shift: float) -> pd.DataFrame:
    """Numbers, levels, and columns as people have them: empty, constant, of 5,000 levels, new."""
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {
        f"n{j}": rng.normal(shift * (j == 0), 1, ROWS) for j in range(NUMBERS)
    }
    letters = np.array([*"abcdefgh"])
    columns |= {f"l{j}": letters[rng.integers(0, 8, ROWS)] for j in range(LEVELS)}
    columns["empty"] = np.full(ROWS, np.nan)
    columns["constant"] = np.full(ROWS, "x")
    columns["many"] = np.char.add("v", rng.integers(0, 5000, ROWS).astype(str))
    columns["new"] = np.where(rng.random(ROWS) < 0.3 * (shift > 0), "never", "old")
    return pd.DataFrame(columns)


def measure() -> Iterator[str]:
    """A table of one row."""
    source, target = table(0, 0.0), table(1, 0.1)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    found = detect(source, target)
    seconds = time.perf_counter() - start
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / GIGABYTE
    yield "| `ml.shift.detect`, 100,000 × 80 rows on either side | measured |"
    yield "|---|---|"
    yield f"| seconds; memory beyond the tables | {seconds:.1f} s; {more:.2f} GB |"
    yield f"| said of columns that cannot be tested | {' '.join(found.notes)} |"
