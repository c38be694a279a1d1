"""Learners that answer round after round, 4.9.11, and the best fixed weights in hindsight.

All are of R streams at once: x (R, d), estimates and answers y (R,). The loss of a round is
(estimate - y)² / 2; ‖x‖ is at most 1.
"""

from typing import Protocol

import numpy as np

from ml.events import Floats

HALVINGS = 60  # of the interval that a multiplier lies in: down to float64's precision


class Learner(Protocol):
    """What one round asks of a model: an estimate, before the answer is known, and a lesson."""

    def estimate(self, x: Floats) -> Floats:
        """What y will be: (R, d) -> (R,)."""

    def learn(self, x: Floats, y: Floats) -> None:
        """Take in what y was: (R, d), (R,)."""


class GradientSteps:
    """Online gradient descent (Zinkevich, 2003): rate D / (G √t), within a ball of diameter D.

    Where no gradient is longer than G, no answers whatsoever make it lose more than 1.5 D G √T to
    the best fixed weights of the ball.
    """

    def __init__(self, shape: tuple[int, int], radius: float, steepest: float) -> None:
        self.w, self.t = np.zeros(shape), 0
        self.radius, self.steepest = radius, steepest

    def estimate(self, x: Floats) -> Floats:
        """w · x."""
        return rowwise(self.w, x)

    def learn(self, x: Floats, y: Floats) -> None:
        """A step against the gradient, and back into the ball."""
        self.t += 1
        rate = 2 * self.radius / (self.steepest * np.sqrt(self.t))
        self.w -= (rate * (self.estimate(x) - y))[:, None] * x
        length = np.sqrt(rowwise(self.w, self.w))
        self.w *= np.minimum(1, self.radius / np.maximum(length, self.radius))[:, None]

    def bound(self, t: Floats) -> Floats:
        """Of its regret after t rounds."""
        return 3 * self.radius * self.steepest * np.sqrt(t)


class LeastSquares:
    """Ridge regression of all rounds so far, with x of this one (Vovk, 2001; Azoury, Warmuth).

    Where no |y| is above Y, it loses at most λ ‖w‖² / 2 + d Y² ln(1 + T / (λ d)) / 2 to weights w.
    """

    def __init__(self, shape: tuple[int, int], decay: float = 1.0) -> None:
        repeats, d = shape
        self.inverse = np.broadcast_to(np.eye(d) / decay, (repeats, d, d)).copy()
        self.xy, self.decay = np.zeros(shape), decay

    def solve(self, x: Floats) -> Floats:
        """(λ I + Σ x xᵀ)⁻¹ x: (R, d)."""
        product: Floats = np.einsum("rde,re->rd", self.inverse, x)
        return product

    def estimate(self, x: Floats) -> Floats:
        """Of the ridge regression that counts x with an answer of 0."""
        solved = self.solve(x)
        estimate: Floats = rowwise(self.xy, solved) / (1 + rowwise(x, solved))
        return estimate

    def learn(self, x: Floats, y: Floats) -> None:
        """The inverse with one more row (Sherman, Morrison)."""
        solved = self.solve(x)
        scale = 1 + rowwise(x, solved)
        self.inverse -= solved[:, :, None] * (solved / scale[:, None])[:, None, :]
        self.xy += y[:, None] * x

    def bound(self, t: Floats, largest: float, length: float) -> Floats:
        """Of its regret after t rounds against weights of that length, no |y| being larger."""
        d = self.xy.shape[1]
        growing: Floats = d * largest**2 * np.log1p(t / (self.decay * d))
        return (self.decay * length**2 + growing) / 2


class Batch:
    """Least squares of the first `rounds`; then its weights are deployed, and stay."""

    def __init__(self, shape: tuple[int, int], rounds: int) -> None:
        self.learner, self.left, self.w = LeastSquares(shape), rounds, np.zeros(shape)

    def estimate(self, x: Floats) -> Floats:
        """As it learns, and then as it has learnt."""
        return self.learner.estimate(x) if self.left else rowwise(self.w, x)

    def learn(self, x: Floats, y: Floats) -> None:
        """As long as there are rounds left to learn from."""
        if self.left:
            self.learner.learn(x, y)
            self.left -= 1
            self.w = self.learner.solve(self.learner.xy)


def hindsight(X: Floats, y: Floats, horizons: list[int], radius: float) -> Floats:
    """Least loss of fixed weights of a ball after so many rounds: (T, R, d), (T, R) -> (H, R)."""
    starts = [0, *horizons[:-1]]
    parts = [(X[i:j], y[i:j]) for i, j in zip(starts, horizons, strict=True)]
    A = np.cumsum([np.einsum("trd,tre->rde", x, x) for x, _ in parts], axis=0)
    b = np.cumsum([np.einsum("trd,tr->rd", x, z) for x, z in parts], axis=0)
    squares = np.cumsum([(z**2).sum(axis=0) for _, z in parts], axis=0)
    w = within(A, b, radius)
    fitted = np.einsum("...d,...de,...e->...", w, A, w)
    loss: Floats = (squares + fitted) / 2 - (w * b).sum(-1)
    return loss


def within(A: Floats, b: Floats, radius: float) -> Floats:
    """The w of at most that length that minimises wᵀA w / 2 - b·w: (..., d, d), (..., d).

    Where the free minimum is too long, (A + μ I) w = b for the μ that makes it just as long.
    """
    values, vectors = np.linalg.eigh(A)
    turned = np.einsum("...de,...d->...e", vectors, b)
    values = np.maximum(values, 1e-12)  # fewer rounds than inputs leave a direction open
    low, high = np.zeros(b.shape[:-1]), np.linalg.norm(b, axis=-1) / radius
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        long = np.linalg.norm(turned / (values + middle[..., None]), axis=-1) > radius
        low, high = np.where(long, middle, low), np.where(long, high, middle)
    solution = turned / (values + high[..., None])
    w: Floats = np.einsum("...de,...e->...d", vectors, solution)
    return w


def rowwise(a: Floats, b: Floats) -> Floats:
    """Products of rows: (R, d), (R, d) -> (R,)."""
    products: Floats = np.einsum("rd,rd->r", a, b)
    return products
