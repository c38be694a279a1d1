"""Logistic regression of many data sets at once, by Newton's method: a few solves for all."""

import numpy as np

from ml.events import Floats

STEPS, STILL = 60, 1e-9  # Newton steps at most; a step in log odds below which none is taken
LONGEST = 5.0  # log odds that a step may move a row by: plain Newton can overshoot


def fit(X: Floats, y: Floats, weight: Floats | None = None, decay: float = 1.0) -> Floats:
    """Coefficients (..., d + 1), constant first, of X (..., n, d) and y (..., n) of 0 and 1.

    They minimise the sum of the log losses, times `weight` (..., n), plus decay ‖slopes‖² / 2:
    scikit-learn's, with C = 1 / decay.
    """
    X = with_constant(X)
    weight = np.ones_like(y) if weight is None else weight
    penalty = np.full(X.shape[-1], decay)
    penalty[0] = 0.0
    w = np.zeros((*X.shape[:-2], X.shape[-1]))
    for _ in range(STEPS):
        p = chance((X @ w[..., None])[..., 0])
        slope = ((weight * (p - y))[..., None] * X).sum(-2) + penalty * w
        curve = X.swapaxes(-1, -2) @ ((weight * p * (1 - p))[..., None] * X)
        curve += np.diag(penalty + 1e-9)
        step = np.linalg.solve(curve, slope[..., None])
        moved = np.abs(X @ step).max((-1, -2))
        w -= step[..., 0] * np.minimum(1, LONGEST / np.maximum(moved, 1e-300))[..., None]
        if moved.max() < STILL:
            break
    return w


def odds(w: Floats, X: Floats) -> Floats:
    """Log odds (..., n) of rows X (..., n, d)."""
    return np.asarray((with_constant(X) @ w[..., None])[..., 0])


def chance(odds: Floats) -> Floats:
    """P(y = 1) of log odds, and never quite 0 or 1."""
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -36, 36))))


def with_constant(X: Floats) -> Floats:
    """A first column of ones: (..., n, d) -> (..., n, d + 1)."""
    return np.concatenate([np.ones((*X.shape[:-1], 1)), X], axis=-1)
