"""The risk under p from losses under q (4.9.3, 4.9.5), and whether correcting is worth it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.events import Floats
from ml.shift import given
from ml.shift.ratio import DensityRatio, by_chance

FEW = 30  # effective rows below which a weighted fit is chance
ALONE = 0.05  # share of unsupported target rows from which no weights can be relied on


@dataclass(frozen=True, slots=True)
class Risk:
    """An estimate and its standard error."""

    value: float
    error: float


def corrected_risk(losses: Floats, beta: Floats) -> Risk:
    """Σβl/n of source losses (n,): an unbiased estimate of the target's risk where β is p/q.

    Raises:
        ValueError: for fewer than two rows, numbers not finite, or weights below 0 or all 0.
    """
    losses = given.column(losses, "Losses", least=2)
    each = given.weights(beta, "Weights", len(losses)) * losses
    return Risk(float(each.mean()), float(each.std(ddof=1) / np.sqrt(len(each))))


def gain(plain: Floats, weighted: Floats, beta: Floats) -> Risk:
    """By how much a weighted fit's target risk is lower than a plain fit's, both on held-out source
    rows (n,); above 0 it is better."""
    plain = given.column(plain, "Losses of the plain fit")
    return corrected_risk(
        plain - given.column(weighted, "Losses of the weighted", len(plain)), beta
    )


@dataclass(frozen=True, slots=True)
class Named:
    """What source and target are called where somebody reads of them."""

    source: str = "source row"
    sources: str = "source rows"
    targets: str = "target rows"
    labels: str = "Labels"


def lonely(n: int, alone: NDArray[np.bool_]) -> bool:
    """Whether more target rows (m,) are without support among n than chance would flag."""
    return bool(alone.mean() > max(ALONE, by_chance(n, len(alone))))


def hindrance(
    ratio: DensityRatio,
    *,
    alone: NDArray[np.bool_] | None = None,
    named: Named = Named(),
) -> str:
    """Why weights cannot help, or need not; empty where they can.

    `alone` (m,) are the target rows without support, where more is known of it than the ratio says.
    """
    n, alone = len(ratio.source), ratio.unsupported if alone is None else alone
    if lonely(n, alone):
        return (
            f"Correcting cannot be relied on: {alone.mean():.0%} of the {named.targets} are like no"
            f" {named.source}, and no weight can stand for them. {named.labels} from there are"
            " needed."
        )
    if not ratio.slopes.any():
        told = f"{named.targets} from {named.sources}"
        return f"Correcting need not be done: no classifier tells {told}."
    if ratio.effective < min(FEW, n / 2):
        return (
            f"Correcting cannot be relied on: under the weights {worth(ratio, named)}, and {FEW} is"
            " the least. A clip would trade this for bias."
        )
    return ""


def worth(ratio: DensityRatio, named: Named) -> str:
    """How many rows the weighted ones are worth, in words."""
    return f"{len(ratio.source):,} {named.sources} are worth {ratio.effective:.0f}"


def advice(
    ratio: DensityRatio,
    won: Risk | None = None,
    *,
    alone: NDArray[np.bool_] | None = None,
    named: Named = Named(),
) -> str:
    """Whether correcting can help, and whether it need be done; `won` is what `gain` says."""
    alone = ratio.unsupported if alone is None else alone
    if why := hindrance(ratio, alone=alone, named=named):
        return why
    if won and not won.value >= 2 * won.error:
        return (
            "Correcting need not be done: a weighted fit is not better on the target than chance"
            " would make it. A model that is well specified needs no weights."
        )
    unsure = "" if won else " It need not: a model that is well specified needs no weights."
    like = f"{1 - alone.mean():.0%} of the {named.targets} have their like"
    return f"Correcting can help: {worth(ratio, named)}, and {like}.{unsure}"
