"""The infinitely wide MLP: what gradient descent would make of it, solved exactly."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

Numbers = NDArray[np.float64]
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

    def kernel(self, A: Numbers, B: Numbers) -> Numbers:
        """Θ of rows (n, d) and (m, d): (n, m)."""
        d = A.shape[1]
        sigma = A @ B.T / d + self.bias
        own = [np.square(each).sum(1) / d + self.bias for each in (A, B)]
        size = np.sqrt(np.outer(*own))
        theta = sigma.copy()
        for _ in range(self.depth):
            cosine = np.clip(sigma / size, -1, 1)
            angle = np.arccos(cosine)
            sigma = size * (np.sin(angle) + (np.pi - angle) * cosine) / np.pi
            theta = theta * (1 - angle / np.pi) + sigma + self.bias
        return np.asarray(theta)

    def fit(self, X: Numbers, y: Numbers) -> "FittedWideMLP":
        """Solve for rows X (n, d) and targets y (n,), standardised."""
        K, middle, weight = self.kernel(X, X), float(y.mean()), np.ones(len(y))
        alpha = np.zeros(len(y))
        for _ in range(self.rounds):
            factor = cho_factor(K + np.diag(self.noise / weight), lower=True)
            alpha = cho_solve(factor, y - middle)
            residual = np.abs(self.noise / weight * alpha)
            weight = np.clip(self.outlying / np.maximum(residual, 1e-9), LEAST, 1)
        return FittedWideMLP(self, X, alpha, middle)


@dataclass(frozen=True, eq=False)
class FittedWideMLP:
    """ŷ = middle + Σ_j Θ(x, x_j) α_j."""

    of: WideMLP
    X: Numbers  # (n, d)
    alpha: Numbers  # (n,)
    middle: float

    def predict(self, X: Numbers) -> Numbers:
        """Answers of rows (m, d): (1, m), for there is one such net."""
        return np.asarray(self.middle + self.of.kernel(X, self.X) @ self.alpha)[None]
