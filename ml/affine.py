"""The best affine map: the most that a model without a bend can do."""

import numpy as np
import torch
from torch import Tensor

from ml.events import Floats

TRIED = torch.linspace(-2, 2, 21, dtype=torch.float64)  # values of each weight, and of the bias


def best_affine(X: Tensor, y: Tensor) -> Tensor:
    """Answers of the affine map with the least squared error: X (n, d), y (n, q) -> (n, q)."""
    ones = torch.cat([X, torch.ones_like(X[:, :1])], dim=1)
    weights: Tensor = torch.linalg.lstsq(ones, y).solution
    return ones @ weights


def ridge(X: Floats, y: Floats, decay: float) -> Floats:
    """The minimum of (4.5.2), (XᵀX/n + lambda I)⁻¹ Xᵀy/n: X (n, d), y (n,) -> weights (d,)."""
    n, d = X.shape
    return np.linalg.solve(X.T @ X / n + decay * np.eye(d), X.T @ y / n)


def most_right(X: Tensor, y: Tensor) -> int:
    """Most of these points that one of 21^(d + 1) maps puts on their side of 1/2: X (n, d)."""
    maps = torch.cartesian_prod(*[TRIED] * (X.shape[1] + 1))  # (m, d + 1)
    answers = maps[:, :-1] @ X.T + maps[:, -1:]
    return int(((answers > 0.5) == (y > 0.5)).sum(1).max())
