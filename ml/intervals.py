"""Means over repetitions, and how sure they are: Student's 95 % interval."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit  # scipy.stats takes a second to import

from ml.events import Floats

LEVEL = 0.95


def interval(values: ArrayLike, folds: int = 0) -> tuple[Floats, Floats]:
    """Mean over the last axis, and half the width of Student's 95 % interval: (..., n) -> (...).

    The half is NaN where n is 1: one repetition says nothing of the next. Values of k `folds` are
    of models that share most of what they have learnt from: their mean scatters by a further
    1/(k - 1) of the variance, which no number of repetitions lowers (Nadeau and Bengio, 2003).
    """
    sample = np.asarray(values, dtype=np.float64)
    n = sample.shape[-1]
    mean = sample.mean(-1)
    if n < 2:
        return mean, np.full_like(mean, np.nan)
    t = float(stdtrit(n - 1, (1 + LEVEL) / 2))
    shared = 1 / (folds - 1) if folds else 0.0
    return mean, t * sample.std(-1, ddof=1) * np.sqrt(1 / n + shared)


def share_interval(hits: ArrayLike, n: ArrayLike) -> tuple[Floats, Floats]:
    """Ends of Wilson's 95 % interval of a share, hits of n; they stay within 0 and 1."""
    k, n, z = np.asarray(hits, float), np.asarray(n, float), float(ndtri((1 + LEVEL) / 2))
    middle = (k + z**2 / 2) / (n + z**2)
    half = z / (n + z**2) * np.sqrt(k * (n - k) / np.maximum(n, 1) + z**2 / 4)
    return middle - half, middle + half


def plus_minus(values: ArrayLike, form: str = ".4f", folds: int = 0) -> str:
    """Mean of values (n,) with its interval, each in this form: "0.1342 ± 0.0021"."""
    mean, half = map(float, interval(values, folds))
    return f"{mean:{form}} ± {half:{form}}" if np.isfinite(half) else f"{mean:{form}}"


def percent(label: str, difference: ArrayLike) -> str:
    """A difference of shares (n,) in percentage points, with its interval."""
    mean, half = map(float, interval(difference))
    around = f" ± {100 * half:.1f}" if np.isfinite(half) else ""
    return f"{label} {100 * mean:+.1f}{around} points"
