"""Means over repetitions, and how sure they are: Student's 95 % interval."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit  # scipy.stats takes a second to import

from ml.events import Floats

LEVEL = 0.95
MOST = 1000  # repetitions that are looked ahead to


def interval(values: ArrayLike, folds: int = 0, level: float = LEVEL) -> tuple[Floats, Floats]:
    """Mean over the last axis, and half the width of Student's interval: (..., n) -> (...).

    The half is NaN where n is 1: one repetition says nothing of the next. Values of k `folds` are
    of models that share most of what they have learnt from: their mean scatters by a further
    1/(k - 1) of the variance, which no number of repetitions lowers (Nadeau and Bengio, 2003).
    """
    sample = np.asarray(values, dtype=np.float64)
    n = sample.shape[-1]
    mean = sample.mean(-1)
    if n < 2:
        return mean, np.full_like(mean, np.nan)
    t = float(stdtrit(n - 1, (1 + level) / 2))
    return mean, t * sample.std(-1, ddof=1) * np.sqrt(1 / n + _shared(folds))


def _shared(folds: int) -> float:
    """What models of k folds have in common, as a part of the variance of one."""
    return 1 / (folds - 1) if folds > 1 else 0.0


def apart(
    one: ArrayLike, other: ArrayLike, folds: tuple[int, int] = (0, 0), level: float = LEVEL
) -> tuple[float, float]:
    """Mean of `other` (m,) less that of `one` (n,), not paired, and half of Welch's interval.

    The half is NaN where either has one value. Values of folds share rows within each sample, as
    for `interval`.
    """
    samples = [np.asarray(each, dtype=np.float64) for each in (one, other)]
    difference = float(samples[1].mean() - samples[0].mean())
    if min(map(len, samples)) < 2:
        return difference, float("nan")
    parts = [
        sample.var(ddof=1) * (1 / len(sample) + _shared(k))
        for sample, k in zip(samples, folds, strict=True)
    ]
    if not sum(parts):
        return difference, 0.0
    by_sample = zip(parts, samples, strict=True)
    freedom = sum(parts) ** 2 / sum(part**2 / (len(sample) - 1) for part, sample in by_sample)
    return difference, float(stdtrit(freedom, (1 + level) / 2) * np.sqrt(sum(parts)))


def repetitions_needed(difference: float, spread: float, level: float = LEVEL) -> int | None:
    """Repetitions of each of two settings from which such a difference would be told apart.

    The least n with t(n - 1) s √2 / √n < |difference|, where s is how much repetitions of one
    setting scatter; None where MOST would not do.
    """
    n = np.arange(2, MOST + 1)
    half = stdtrit(n - 1, (1 + level) / 2) * spread * np.sqrt(2 / n)
    enough = np.flatnonzero(half < abs(difference))
    return int(n[enough[0]]) if len(enough) else None


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
