"""4.4: a coin that always falls the same way, folds that share points, broken polynomials."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from ml import polynomials
from ml.events import Floats
from ml.experiments import EXPERIMENTS
from ml.lanes import k_fold
from ml.optim import SGD
from ml.polynomials import TRUE_WEIGHTS, Points
from tests.broken.breaks import Break, Wrong, still

right_draw, right_losses, right_truth = (
    polynomials.draw,
    polynomials.exact_losses,
    polynomials.truth,
)
Coin: Any = EXPERIMENTS["coin"]
right_majority = Coin.majority
LINE = {"num_features": 2}
TWENTY = {"num_features": 20, "num_epochs": 1500}


def monomials(x: Any, other: Any, degree: int) -> Any:
    """No orthogonal basis: powers, each of length 1."""
    i = np.arange(min(degree + 1, x.shape[1]))
    lengths = np.linalg.norm(x[..., None] ** i, axis=1, keepdims=True)
    return x[..., None] ** i / lengths, other[..., None] ** i / lengths


def straight(n: int, noise: float, seeds: Sequence[int]) -> Points:
    """Points of a line."""
    points = right_draw(n, noise, seeds)
    return Points(points.x, 3 * points.x)


def louder(n: int, noise: float, seeds: Sequence[int]) -> Points:
    """Twice the noise."""
    return right_draw(n, 2 * noise, seeds)


def level(loss: float) -> Wrong:
    """The same loss whatever the degree, of training and of test."""
    return lambda _points, _train, _new, most: np.full((2, 1, most + 1), loss)


def folds_of_all(n: int, k: int) -> list[tuple[Any, Any]]:
    """Learn from the fold that is validated on, too."""
    return [(np.arange(n), valid.numpy()) for _, valid in k_fold(n, k)]


def all_but_the_first(n: int, k: int) -> list[tuple[Any, Any]]:
    """One fold is forgotten."""
    return [(train.numpy(), valid.numpy()) for train, valid in k_fold(n, k)][1:]


def first_fold(each: Floats) -> Floats:
    """Of one fold what is said of all."""
    return np.asarray(each[0])


def drifting(self: SGD, value: Tensor, grad: Tensor) -> None:
    """Move every weight, also those that have no gradient to speak of."""
    value.addcmul_(self.lr, grad + 0.01, value=-1)


BREAKS = [
    Break(
        name="coin",
        line="majority",
        wrong=lambda tosses: 1 - right_majority(tosses),
        red=("majority error of", "mean training errors"),
    ),
    Break(
        name="coin",
        line="toss",
        wrong=lambda _rng, _heads, *shape: np.zeros(shape, dtype=np.int64),
        red=("majority error on new tosses", "mean training errors", "gap to 1/2"),
    ),
    Break(
        name="k_fold",
        line="folds",
        wrong=folds_of_all,
        red=("points that train and validate", "degree that K folds", "median test loss"),
    ),
    Break(name="k_fold", line="folds", wrong=all_but_the_first, red=("each point validates once",)),
    Break(name="k_fold", line="over_folds", wrong=first_fold, red=("K folds of degree 0",)),
    Break(
        name="k_fold",
        owner=polynomials,
        line="exact_losses",
        wrong=lambda *given: [loss[:, ::-1] for loss in right_losses(*given)],
        red=("training loss takes the highest degree", "K folds of degree 0"),
    ),
    Break(
        name="dataset_size",
        owner=polynomials,
        line="exact_losses",
        wrong=level(0.5),
        red=("test loss of degree 9", "test loss of a size"),
    ),
    Break(
        name="no_factorial",
        line="powers",
        wrong=lambda x, n: x[:, None] ** np.arange(n) / [math.factorial(i) for i in range(n)],
        red=("xⁱ: training is diverged", "xⁱ, small lr: training loss"),
    ),
    Break(
        name="no_factorial",
        owner=polynomials,
        line="features",
        wrong=lambda x, count: x[..., None] ** np.arange(count),
        red=("xⁱ / i!",),
    ),
    Break(
        name="no_factorial",
        line="bearable",
        wrong=lambda self, _: self.lr,
        red=("xⁱ, small lr: training is finite",),
    ),
    Break(
        name="no_factorial",
        owner=SGD,
        line="update",
        wrong=still,
        red=("orthonormal: training loss", "(x / max |x|)ⁱ", "xⁱ: training is diverged"),
    ),
    Break(
        name="polynomial",
        owner=polynomials,
        line="features",
        wrong=lambda x, count: x[..., None] ** np.arange(count),
        red=("features x^i/i!",),
        values={"num_train": 10, "lr": 1e-6, "num_epochs": 1},
    ),
    Break(
        name="polynomial",
        owner=polynomials,
        line="truth",
        wrong=lambda x: right_truth(-x),
        red=("label 1", "label 2"),
        values={"num_epochs": 1},
    ),
    Break(name="polynomial", owner=SGD, line="update", wrong=still, red=("SGD weight",)),
    Break(
        name="polynomial",
        line="exact",
        wrong=lambda X, _: np.zeros(X.shape[1]),
        red=("exact cubic", "exact weight"),
    ),
    Break(
        name="polynomial",
        owner=SGD,
        line="update",
        wrong=still,
        red=("a line's weight", "a line by SGD"),
        values=LINE,
    ),
    Break(
        name="polynomial",
        owner=polynomials,
        line="draw",
        wrong=straight,
        red=("a line underfits",),
        values=LINE,
    ),
    Break(
        name="polynomial",
        owner=SGD,
        line="update",
        wrong=still,
        red=("20 features by SGD", "20 features, SGD weight "),
        values=TWENTY,
    ),
    Break(
        name="polynomial",
        owner=SGD,
        line="update",
        wrong=drifting,
        red=("20 features, SGD weights 12",),
        values=TWENTY,
    ),
    Break(
        name="polynomial",
        line="exact",
        wrong=lambda _X, _: np.array([*TRUE_WEIGHTS, *[0.0] * 16]),
        red=("20 features solved",),
        values=TWENTY,
    ),
    Break(
        name="polynomial_exact",
        owner=polynomials,
        line="orthonormal",
        wrong=monomials,
        red=("training loss at degree n - 1",),
    ),
    Break(
        name="polynomial_exact",
        owner=polynomials,
        line="exact_losses",
        wrong=level(0.0),
        red=("training loss at degree n - 2", "least mean test loss"),
    ),
    Break(
        name="polynomial_exact",
        owner=polynomials,
        line="exact_losses",
        wrong=level(0.5),
        red=(
            "test loss at degree n - 1",
            "training loss at degree n - 1",
            "median test loss of degree 3",
        ),
    ),
    Break(
        name="polynomial_exact",
        owner=polynomials,
        line="exact_losses",
        wrong=lambda *given: tuple(loss[:, ::-1] for loss in right_losses(*given)),
        red=("training loss never rises", "training loss at degree n - 1"),
    ),
    Break(
        name="polynomial_exact",
        owner=polynomials,
        line="draw",
        wrong=louder,
        red=("the truth's own test loss",),
    ),
]
