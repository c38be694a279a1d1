"""Rows learnt from, weighted towards questions, and whether a model has gained by it (4.9.3)."""

from dataclasses import dataclass

import numpy as np

from ml.events import Floats
from ml.intervals import interval
from ml.schema import InputSchema
from ml.shift.ratio import effective_rows
from ml.shift.risk import Named, corrected_risk, hindrance
from ml.shift.sides import Rows, Sides, without_like

LARGEST = 10.0
"""What one row may count for: beyond it a few rows would be all that is learnt."""
LEAST = 1e-3
"""And at least: a row of weight 0 would be none, and is compared with all the same."""


class CannotHelpError(ValueError):
    """Questions that no weights can stand for, or that need none; the message says why."""


def towards(
    schema: InputSchema, source: Rows, target: Rows, named: Named, *, seed: int = 0
) -> Floats:
    """β of rows learnt from (n,) towards questions, as a look compares both; its mean is 1.

    Whether they can help is told as the look tells it. The β of each row is of a classifier that
    has not seen it, and between LEAST and LARGEST.

    Raises:
        CannotHelpError: where weights cannot help.
        ValueError: for too few questions, or none that tells what is compared.
    """
    sides = Sides.of(schema, source, target, seed)
    ratio = sides.ratio(seed)
    if why := hindrance(ratio, alone=without_like(ratio), named=named):
        raise CannotHelpError(why)
    beta = np.clip(sides.ratio(seed, cross_fit=True).source, LEAST, LARGEST)
    return np.asarray(beta / beta.mean())


@dataclass(frozen=True, slots=True)
class Weighed:
    """RMSE of a weighted model and of the same without weights, over rows that neither has learnt
    from, weighted towards the questions."""

    n: int
    effective: float  # rows that these are worth
    weighted: float
    plain: float
    half: float  # of the 95 % interval of plain - weighted, paired by row

    @classmethod
    def of(cls, plain: Floats, weighted: Floats, beta: Floats) -> "Weighed":
        """From squared errors and weights of rows, (n,) each; the weights have mean 1.

        Each row has its part in a root of a weighted mean m: β (e² - m)/(2 √m) (the delta method).
        """
        means = [corrected_risk(each, beta).value for each in (plain, weighted)]
        other, ours = np.sqrt(np.maximum(means, 1e-300))
        parts = (plain - means[0]) / (2 * other) - (weighted - means[1]) / (2 * ours)
        _, half = interval(beta * parts)
        return cls(len(beta), effective_rows(beta), float(ours), float(other), float(half))

    @property
    def gained(self) -> float:
        """By how much weights lower the error."""
        return self.plain - self.weighted

    @property
    def helps(self) -> bool:
        """Whether they do, beyond chance."""
        return self.gained > self.half

    @property
    def verdict(self) -> str:
        """What that means."""
        if self.helps:
            return "Weights help."
        if self.gained < -self.half:
            return "Weights harm: the version without them is the better one for these questions."
        return "Weights cannot be told from none: a model that is well specified needs no weights."
