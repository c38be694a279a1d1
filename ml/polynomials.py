"""4.4 Polynomials: points of the book's cubic, its features x^i/i!, and exact solutions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import factorial
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ml import draws, fields
from ml.data.synthetic import Matrix
from ml.events import Figure, Role, Series
from ml.grid import medians

Rows = NDArray[np.int64]

TRUE_WEIGHTS = (5.0, 1.2, -3.4, 5.6)  # of 1, x, x^2/2!, x^3/3! (4.4.2)
DEGREE = len(TRUE_WEIGHTS) - 1
MARGIN = 0.3  # of the height of the points: how far their figure reaches beyond them
# Exact solutions have long tails: medians of eleven sets rose where a hundred of them fall.
ManySets = Annotated[
    fields.NumSets, Field(le=200, description="Data sets drawn; losses are their median.")
]


@dataclass(frozen=True, slots=True)
class Points:
    """Points x, y (n,) of one data set, or (S, n) of S data sets."""

    x: Matrix
    y: Matrix


def features(x: Matrix, count: int) -> Matrix:
    """The monomials x^i / i!, i below `count`: (...) -> (..., count). Without 1/i! they explode."""
    powers = np.arange(count)
    return x[..., None] ** powers / np.array([factorial(i) for i in powers], dtype=np.float64)


def truth(x: Matrix) -> Matrix:
    """y = 5 + 1.2x - 3.4x^2/2! + 5.6x^3/3!, to which noise is added (4.4.2): (...) -> (...)."""
    y: Matrix = features(x, len(TRUE_WEIGHTS)) @ TRUE_WEIGHTS
    return y


def draw(n: int, noise: float, seeds: Sequence[int]) -> Points:
    """n points for each of S seeds, (S, n): x standard normal, noise of this deviation (4.4.4)."""
    drawn = [draws.normal(draws.numpy_generator(seed), 2, n) for seed in seeds]
    x, off = np.stack(drawn, axis=1)
    return Points(x, truth(x) + noise * off)


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


def exact_losses(points: Points, train: Rows, new: Rows, most: int) -> tuple[Matrix, Matrix]:
    """Squared loss of the exact solution of degrees 0 to `most`, on its own rows and on new ones.

    The rows are columns of S data sets; each loss is (S, most + 1). It ends at degree n - 1, which
    meets all n points.
    """
    Q, P = orthonormal(points.x[:, train], points.x[:, new], most)
    share = points.y[:, None, train] @ Q  # (S, 1, k): columns of Q do not see each other
    own, other = (
        (((basis * share).cumsum(axis=2) - points.y[:, rows, None]) ** 2).mean(axis=1) / 2
        for basis, rows in ((Q, train), (P, new))
    )
    return own, other


# ---- how they are drawn


def loss_lines(x: Matrix, train: Matrix, test: Matrix, noise: float) -> tuple[Series, ...]:
    """Medians over S data sets of both losses (S, n) against x (n,), and what the truth costs."""
    lines = medians("train", x, train, "train"), medians("test", x, test, "valid")
    floor = Series("σ²/2", x, np.full(len(x), noise**2 / 2), "truth")
    return (*lines, floor) if noise else lines  # 0 has no place on a logarithmic axis


def fit_figure(
    title: str, finding: str, points: Points, n: int, x: Matrix, curves: Mapping[str, Matrix]
) -> Figure:
    """One data set, of which the first n points are to learn from, the truth, and curves over x.

    A curve is drawn as far as it stays near the points: beyond, there is no line, and the finding
    says so.
    """
    low, high, margin = points.y.min(), points.y.max(), MARGIN * np.ptp(points.y)
    near = {name: (low - margin <= y) & (y <= high + margin) for name, y in curves.items()}
    gone = [name for name, inside in near.items() if not inside.all()]
    parts: tuple[tuple[str, Role, slice], ...] = (
        ("training points", "train", slice(n)),
        ("test points", "valid", slice(n, None)),
    )
    return Figure(
        "fit",
        title,
        finding + (f" Out of the frame in part: {' and '.join(gone)}." if gone else ""),
        (
            Series("truth", x, truth(x), "truth"),
            *(Series(name, x, np.where(near[name], y, np.nan)) for name, y in curves.items()),
            *(
                Series(label, points.x[rows][:500], points.y[rows][:500], role, "markers")
                for label, role, rows in parts
                if points.x[rows].size
            ),
        ),
        y_label="y",
    )
