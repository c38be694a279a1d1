"""Data sets that are made up, drawn from a seed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml import draws

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Linear:
    """n points of y = X w + b + noise: X (n, d), y (n,)."""

    X: Matrix
    y: Matrix


def linear(n: int, weights: Matrix, bias: float, noise: float, seed: int) -> Linear:
    """Inputs are standard normal, the noise normal with this standard deviation (4.5.2)."""
    rng = draws.numpy_generator(seed)
    X = draws.normal(rng, n, len(weights))
    return Linear(X, X @ weights + bias + noise * draws.normal(rng, n))
