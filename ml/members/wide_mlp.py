"""The infinitely wide MLP: what gradient descent would make of it, solved exactly."""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

Numbers = NDArray[np.float64]
AT_ONCE = 32  # rows
STEPS = 2**15  # of a table between which a kernel is taken as linear: to 1e-9
SQRT2 = 2**0.5
LEAST = 0.02  # weight that no row falls below, however far off it is


@dataclass(frozen=True, slots=True)
class WideMLP:
    """An MLP of equal, infinitely wide ReLU layers in the limit of Jacot et al. (2018).

    Trained by gradient flow to the end it is kernel regression with the neural tangent kernel:
    with Σ_0 = x·x'/d + bias and Θ_0 = Σ_0, each layer gives Σ ← κ1(Σ) and
    Θ ← Θ κ0(Σ) + κ1(Σ) + bias, κ the arc-cosine kernels of Cho and Saul (2009). Weights start
    He-scaled, so that a row's own Σ stays what it was.
    """

    depth: int = 6
    bias: float = 0.01
    noise: float = 0.2  # added to the diagonal: how far rows may lie from the function
    outlying: float = 0.3  # residuals beyond it count less: Huber's weights
    rounds: int = 4

    def own(self, X: Numbers) -> Numbers:
        """Σ_0 of rows (n, d), each with itself: (n,)."""
        return np.asarray(np.square(X).sum(1) / X.shape[1] + self.bias)

    def kernel(self, A: Numbers, B: Numbers, own: Numbers | None = None) -> Numbers:
        """Θ of rows (n, d) and (m, d), of which `own` may be known: (n, m).

        Some rows at a time, which a cache holds.
        """
        its = self.own(B) if own is None else own
        parts = [A[i : i + AT_ONCE] for i in range(0, len(A), AT_ONCE)]
        return np.concatenate([self._kernel(part, B, its) for part in parts])

    def _kernel(self, A: Numbers, B: Numbers, own: Numbers) -> Numbers:
        size = np.sqrt(np.outer(self.own(A), own))
        cosine = (A @ B.T / A.shape[1] + self.bias) / size
        at = np.sqrt(np.maximum(1 - cosine, 0)) * (STEPS / SQRT2)
        step = np.minimum(at.astype(np.int32), STEPS - 1)
        at -= step
        first, more = _table(self.depth)
        by_size, by_bias = (start[step] + at * slope[step] for start, slope in (first, more))
        return np.asarray(size * by_size + self.bias * by_bias)

    def fit(self, X: Numbers, y: Numbers, counts: Numbers | None = None) -> "FittedWideMLP":
        """Solve for rows X (n, d) and targets y (n,), standardised; each `counts` (n,) times."""
        times = np.ones(len(y)) if counts is None else counts
        K, middle, weight = self.kernel(X, X), float(np.average(y, weights=times)), times
        alpha = np.zeros(len(y))
        for _ in range(self.rounds):
            factor = cho_factor(K + np.diag(self.noise / weight), lower=True)
            alpha = cho_solve(factor, y - middle)
            residual = np.abs(self.noise / weight * alpha)
            weight = times * np.clip(self.outlying / np.maximum(residual, 1e-9), LEAST, 1)
        return FittedWideMLP(self, X, alpha, middle)


@dataclass(frozen=True, eq=False)
class FittedWideMLP:
    """ŷ = middle + Σ_j Θ(x, x_j) α_j."""

    of: WideMLP
    X: Numbers  # (n, d)
    alpha: Numbers  # (n,)
    middle: float

    @cached_property
    def own(self) -> Numbers:
        """Σ_0 of the rows learnt from, each with itself: (n,)."""
        return self.of.own(self.X)

    def predict(self, X: Numbers) -> Numbers:
        """Answers of rows (m, d): (1, m), for there is one such net."""
        return np.asarray(self.middle + self.of.kernel(X, self.X, self.own) @ self.alpha)[None]


@cache
def _table(depth: int) -> tuple[tuple[Numbers, Numbers], tuple[Numbers, Numbers]]:
    """What Θ is of a cosine c: size · g(c) + bias · h(c), at even steps of √(1 - c), with slopes.

    Σ is size · cosine in each layer, and a cosine becomes κ1 of it whatever the rows are, so that g
    and h are of the depth alone. By √(1 - c) both are smooth where rows are alike.
    """
    cosine = np.clip(1 - np.square(np.linspace(0, SQRT2, STEPS + 1)), -1, 1)
    g, h = cosine.copy(), np.zeros(STEPS + 1)
    for _ in range(depth):
        bend = 1 - np.arccos(cosine) / np.pi  # κ0
        cosine = np.clip(cosine * bend + np.sqrt(1 - np.square(cosine)) / np.pi, -1, 1)  # κ1
        g, h = g * bend + cosine, h * bend + 1
    return (g[:-1], np.diff(g)), (h[:-1], np.diff(h))
