"""Concept shift (4.9.2): whether labelled target rows keep what the source promised."""

from dataclasses import dataclass

import numpy as np

from ml.events import Floats
from ml.shift import given
from ml.shift.ratio import effective_rows

LEVEL = 0.95
FEW = 30  # effective rows below which a weighted mean is far from normal


@dataclass(frozen=True, slots=True)
class ConceptShift:
    """Mean loss as promised and as seen, and how much more it is, with an interval."""

    promised: float
    seen: float
    low: float  # of seen - promised
    high: float
    n: int
    m: int
    effective: float | None = None  # rows that the weighted source rows are worth; None: no weights

    @property
    def found(self) -> bool:
        """Whether the target's error is larger than promised, beyond chance."""
        return self.low > 0

    @property
    def sentence(self) -> str:
        """What a person should know of it."""
        more = (
            f"{self.seen - self.promised:+.3g} (95 % interval {self.low:+.3g} to {self.high:+.3g})"
        )
        worth = "" if self.effective is None else f", worth {self.effective:.0f} when weighted,"
        what = f"{self.n:,} source rows{worth} promised {self.promised:.3g}"
        if self.found:
            end = "More than chance: p(y|x) has changed, or the inputs have moved."
        elif self.high < 0:
            end = "Less than promised."
        else:
            end = "Chance alone can do that."
        if self.effective is not None and self.effective < FEW:
            end += f" With fewer than {FEW} effective rows this interval is not to be relied on."
        return f"{what}, {self.m:,} target rows gave {self.seen:.3g}: {more}. {end}"


def concept_shift(source: Floats, target: Floats, beta: Floats | None = None) -> ConceptShift:
    """Losses of held-out source rows (n,) and of labelled target rows (m,), by Welch's interval.

    With `beta` (n,) what was promised is the corrected risk, so that a shift of the covariates
    alone is none of the concept.

    Raises:
        ValueError: for fewer than two rows of either, losses that are not finite, or weights that
            are below 0, all 0, or not one for each source row.
    """
    q, p = given.column(source, "Source losses"), given.column(target, "Target losses")
    if min(len(q), len(p)) < 2:
        raise ValueError("An interval needs two labelled rows of source and of target at least.")
    weight = np.ones(len(q)) if beta is None else given.weights(beta, "Weights", len(q))
    size = float(given.size(np.concatenate([q, p])))  # whose fourth power may be no number
    promised, seen, half = _compared(q / size, p / size, weight / given.size(weight))
    low, high = seen - promised - half, seen - promised + half
    effective = None if beta is None else effective_rows(weight)
    return ConceptShift(
        size * promised, size * seen, size * low, size * high, len(q), len(p), effective
    )


def _compared(q: Floats, p: Floats, weight: Floats) -> tuple[float, float, float]:
    """Both means, and half the interval of their difference."""
    from scipy.stats import t

    promised = float(weight @ q / weight.sum())
    around = np.square(weight * (q - promised)).sum() / weight.sum() ** 2
    n = effective_rows(weight)
    ours = float(around * n / max(n - 1, 1e-9))
    theirs = float(p.var(ddof=1) / len(p))
    freedom = (ours + theirs) ** 2 / max(
        ours**2 / max(n - 1, 1e-9) + theirs**2 / (len(p) - 1), 1e-300
    )
    error = np.sqrt(ours + theirs)
    half = float(t.ppf((1 + LEVEL) / 2, max(freedom, 1.0)) * error) if error else 0.0
    return promised, float(p.mean()), half
