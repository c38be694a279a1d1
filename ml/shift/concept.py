"""Concept shift (4.9.2): whether labelled target rows keep what the source promised."""

from dataclasses import dataclass

import numpy as np

from ml.events import Floats
from ml.shift.ratio import effective_rows

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class ConceptShift:
    """Mean loss as promised and as seen, and how much more it is, with an interval."""

    promised: float
    seen: float
    low: float  # of seen - promised
    high: float
    n: int
    m: int

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
        what = f"{self.n:,} source rows promised {self.promised:.3g}, {self.m:,} target rows gave"
        if self.found:
            end = "More than chance: p(y|x) has changed, or the inputs have moved."
        elif self.high < 0:
            end = "Less than promised."
        else:
            end = "Chance alone can do that."
        return f"{what} {self.seen:.3g}: {more}. {end}"


def concept_shift(source: Floats, target: Floats, beta: Floats | None = None) -> ConceptShift:
    """Losses of held-out source rows (n,) and of labelled target rows (m,), by Welch's interval.

    With `beta` (n,) what was promised is the corrected risk, so that a shift of the covariates
    alone is none of the concept.

    Raises:
        ValueError: for fewer than two rows of either.
    """
    if min(len(source), len(target)) < 2:
        raise ValueError("An interval needs two labelled rows of source and of target at least.")
    from scipy.stats import t

    weight = np.ones(len(source)) if beta is None else beta
    promised = float(weight @ source / weight.sum())
    around = np.square(weight * (source - promised)).sum() / weight.sum() ** 2
    n = effective_rows(weight)
    ours = float(around * n / max(n - 1, 1e-9))
    theirs = float(target.var(ddof=1) / len(target))
    seen, error = float(target.mean()), np.sqrt(ours + theirs)
    freedom = (ours + theirs) ** 2 / max(
        ours**2 / max(n - 1, 1e-9) + theirs**2 / (len(target) - 1), 1e-300
    )
    half = float(t.ppf((1 + LEVEL) / 2, max(freedom, 1.0)) * error) if error else 0.0
    more = seen - promised
    return ConceptShift(promised, seen, more - half, more + half, len(source), len(target))
