"""Data sets that are made up, drawn from a seed."""

from dataclasses import dataclass
from math import factorial

import numpy as np
from numpy.typing import NDArray

from ml import draws

Matrix = NDArray[np.float64]
TRUE_WEIGHTS = (5.0, 1.2, -3.4, 5.6)  # of 1, x, x^2/2!, x^3/3! (4.4.3)


@dataclass(frozen=True, slots=True)
class Polynomial:
    """n points of y = 5 + 1.2x - 3.4x^2/2! + 5.6x^3/3! + noise: x (n,), y (n,)."""

    x: Matrix
    y: Matrix


def features(x: Matrix, count: int) -> Matrix:
    """The monomials x^i / i! for i below `count`: (n,) -> (n, count). Without 1/i! they explode."""
    powers = np.arange(count)
    return x[:, None] ** powers / np.array([factorial(i) for i in powers], dtype=np.float64)


def polynomial(n: int, noise: float, seed: int) -> Polynomial:
    """x is standard normal, the noise normal with this standard deviation (4.4.4)."""
    rng = draws.numpy_generator(seed)
    x = draws.normal(rng, n)
    truth = features(x, len(TRUE_WEIGHTS)) @ TRUE_WEIGHTS
    return Polynomial(x, truth + noise * draws.normal(rng, n))


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


def orthonormal(x: Matrix, other: Matrix, degree: int) -> tuple[Matrix, Matrix]:
    """Polynomials of rising degree that are orthonormal on x, there and at other points.

    x (S, n) and other (S, m) are S sets of points -> (S, n, k) and (S, m, k). k is degree + 1, but
    at most n: on n points there are no more directions. Each power comes from the one before it by
    multiplying with x (Arnoldi), so that no monomial is ever formed: those are parallel in float64.
    """
    n = x.shape[1]
    count = min(degree + 1, n)
    Q, P = np.zeros((*x.shape, count)), np.zeros((*other.shape, count))
    Q[..., 0] = P[..., 0] = n**-0.5
    for k in range(1, count):
        q, p = x * Q[..., k - 1], other * P[..., k - 1]
        for _ in range(2):  # twice is enough (Kahan)
            shares = (q[:, None] @ Q[..., :k])[:, 0, :, None]  # (S, k, 1)
            q, p = q - (Q[..., :k] @ shares)[..., 0], p - (P[..., :k] @ shares)[..., 0]
        length = np.linalg.norm(q, axis=1, keepdims=True)
        Q[..., k], P[..., k] = q / length, p / length
    return Q, P
