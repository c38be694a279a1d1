"""Two normal laws of which everything is known: what estimates are held beside (4.9.3)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from ml.events import Floats

NODES = 100


@dataclass(frozen=True, slots=True)
class Gaussian:
    """N(μ, σ²), with means by Gauss-Hermite quadrature."""

    mu: float = 0.0
    sigma: float = 1.0

    def mean(self, function: Callable[[Floats], Floats]) -> float:
        """E[function(x)]: exact for polynomials up to degree 199."""
        nodes, weights = _rule()
        return float(weights @ function(self.mu + self.sigma * nodes))


def ratio(x: Floats, mu: float) -> Floats:
    """p/q of p = N(μ, 1) and q = N(0, 1): exp(μx - μ²/2)."""
    return np.asarray(np.exp(mu * x - mu**2 / 2))


@cache
def _rule() -> tuple[Floats, Floats]:
    """Nodes and weights for a standard normal: (NODES,) each."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    return nodes, weights / weights.sum()
