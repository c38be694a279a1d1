"""4.4 and 4.5: broken polynomials and broken decay."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from ml.data.synthetic import TRUE_WEIGHTS, Polynomial
from ml.data.synthetic import polynomial as drawn
from ml.experiments import (
    coin,
    decay_path,
    k_fold,
    no_factorial,
    polynomial,
    polynomial_exact,
    ridge,
    sparsity,
    weight_decay,
    weight_decay_scratch,
)
from ml.nn import gaussian
from ml.optim import SGD
from tests.broken.breaks import Break, Wrong, plain, still

_lane, _soft = decay_path.DecayPath.lane, sparsity.soft_threshold
Points = polynomial.PolynomialRegression
TWENTY = {"num_features": 20, "num_epochs": 1500}


def monomials(x: Any, other: Any, degree: int) -> Any:
    """No orthogonal basis: powers, each of length 1."""
    i = np.arange(min(degree + 1, x.shape[1]))
    lengths = np.linalg.norm(x[..., None] ** i, axis=1, keepdims=True)
    return x[..., None] ** i / lengths, other[..., None] ** i / lengths


def straight(n: int, noise: float, seed: int) -> Polynomial:
    """Points of a line."""
    points = drawn(n, noise, seed)
    return Polynomial(points.x, 3 * points.x)


def louder(n: int, noise: float, seed: int) -> Polynomial:
    """Twice the noise."""
    return drawn(n, 2 * noise, seed)


def everything(self: SGD, value: torch.Tensor, grad: torch.Tensor) -> None:
    """Decay the bias, too, and twice as hard."""
    value.sub_(self.lr * (grad + 2 * self.weight_decay * value))


def level(loss: float) -> Wrong:
    """The same loss whatever the degree, of training and of test."""
    return lambda _x, _y, _n, most: np.full((2, 1, most + 1), loss)


BREAKS = [
    Break(
        name="coin", owner=coin, line="majority",
        wrong=lambda tosses, right=coin.majority: 1 - right(tosses),
        red=("majority error of", "mean training errors"),
    ),
    Break(
        name="coin", owner=coin, line="toss",
        wrong=lambda _rng, _heads, *shape: np.zeros(shape, dtype=np.int64),
        red=("majority error on new tosses", "mean training errors", "gap to 1/2"),
    ),
    Break(
        name="k_fold", owner=k_fold, line="splits",
        wrong=lambda n, k, right=k_fold.splits: ((np.arange(n), fold) for _, fold in right(n, k)),
        red=("points that train and validate", "degree that K folds", "median test loss"),
    ),
    Break(
        name="k_fold", owner=k_fold, line="splits",
        wrong=lambda n, k, right=k_fold.splits: [*right(n, k)][1:],
        red=("each point validates once",),
    ),
    Break(
        name="k_fold", owner=k_fold, line="losses",
        wrong=lambda *given, right=k_fold.losses: right(*given)[..., ::-1],
        red=("training loss takes the highest degree",),
    ),
    Break(
        name="no_factorial", owner=no_factorial, line="powers",
        wrong=lambda x, n: x[:, None] ** np.arange(n) / [math.factorial(i) for i in range(n)],
        red=("xⁱ: training is diverged", "xⁱ, small lr: training loss"),
    ),
    Break(
        name="no_factorial", owner=no_factorial, line="factorial", wrong=lambda _: 1,
        red=("xⁱ / i!",),
    ),
    Break(
        name="no_factorial", owner=no_factorial.NoFactorial, line="bearable",
        wrong=lambda self, _: self.lr, red=("xⁱ, small lr: training is finite",),
    ),
    Break(
        name="no_factorial", owner=SGD, line="update", wrong=still,
        red=("orthonormal: training loss", "(x / max |x|)ⁱ", "xⁱ: training is diverged"),
    ),
    Break(
        name="polynomial", owner=polynomial, line="features",
        wrong=lambda x, count: x[:, None] ** np.arange(count), red=("features x^i/i!",),
        values={"num_train": 10, "lr": 1e-6},
    ),
    Break(name="polynomial", owner=SGD, line="update", wrong=still, red=("SGD weight",)),
    Break(
        name="polynomial", owner=Points, line="exact",
        wrong=lambda self, _: np.zeros(self.num_features), red=("exact cubic", "exact weight"),
    ),
    Break(
        name="polynomial", owner=SGD, line="update", wrong=still,
        red=("a line's weight", "a line by SGD"),
        values={"num_features": 2},
    ),
    Break(
        name="polynomial", owner=polynomial, line="polynomial", wrong=straight,
        red=("a line underfits",), values={"num_features": 2},
    ),
    Break(
        name="polynomial", owner=SGD, line="update", wrong=still,
        red=("20 features by SGD", "20 features, SGD weight"),
        values=TWENTY,
    ),
    Break(
        name="polynomial", owner=Points, line="exact",
        wrong=lambda *_: np.array([*TRUE_WEIGHTS, *[0.0] * 16]), red=("20 features solved",),
        values=TWENTY,
    ),
    Break(
        name="polynomial_exact", owner=polynomial_exact, line="orthonormal", wrong=monomials,
        red=("training loss at degree n - 1",),
    ),
    Break(
        name="polynomial_exact", owner=polynomial_exact, line="losses", wrong=level(0.0),
        red=("training loss at degree n - 2", "least mean test loss"), values={"num_sets": 3},
    ),
    Break(
        name="polynomial_exact", owner=polynomial_exact, line="losses", wrong=level(0.5),
        red=(
            "test loss at degree n - 1", "test loss of degree 9", "training loss at degree n - 1",
            "median test loss of degree 3",
        ),
    ),
    Break(
        name="polynomial_exact", owner=polynomial_exact, line="losses",
        wrong=lambda *given, right=polynomial_exact.losses: tuple(
            loss[:, ::-1] for loss in right(*given)),
        red=("training loss never rises", "training loss at degree n - 1"),
    ),
    Break(
        name="polynomial_exact", owner=polynomial_exact, line="polynomial", wrong=louder,
        red=("the truth's own test loss",),
    ),
    # ---- 4.5
    Break(
        name="decay_path", owner=SGD, line="update", wrong=plain,
        red=("training loss rises", "best lambda's test loss over"),
    ),
    Break(
        name="decay_path", owner=decay_path.DecayPath, line="lane",
        wrong=lambda *given: replace(lane := _lane(*given), valid=lane.train),
        red=("test loss by validation", "test loss stopped early"),
    ),
    Break(
        name="decay_path", owner=decay_path, line="MORE", wrong=(1, 1), red=("test loss of 6",),
    ),
    Break(
        name="ridge", owner=ridge, line="closed_form",
        wrong=lambda known, decay: np.linalg.solve(
            known.X.T @ known.X + decay * np.eye(known.X.shape[1]), known.X.T @ known.y),
        red=("ridge = MAP", "gradient of (4.5.2)"),
    ),
    Break(
        name="ridge", owner=ridge, line="monomials", wrong=lambda k, degree: k**degree,
        red=("monomials",),
    ),
    Break(
        name="ridge", owner=ridge, line="squares", wrong=lambda A: float(np.linalg.norm(A, 2) ** 2),
        red=("‖A‖_F²",),
    ),
    Break(
        name="sparsity", owner=sparsity, line="soft_threshold",
        wrong=lambda w, by: w - by * w.sign(), red=("zeros by L1",),
    ),
    Break(
        name="sparsity", owner=sparsity, line="soft_threshold",
        wrong=lambda w, by: _soft(w, 0 * by + 0.5),
        red=("inputs that matter kept", "zeros without penalty"),
    ),
    *(
        Break(
            name="sparsity", owner=sparsity.RULES, line=rule, wrong=sparsity.Proximal, red=red,
        )
        for rule, red in (
            (sparsity.SUBGRADIENT, ("most zeros by L1 subgradient",)),
            (sparsity.L2, ("most zeros by L2", "best test loss of L1")),
        )
    ),
    Break(
        name="weight_decay", owner=SGD, line="update", wrong=plain,
        red=(
            "mean ‖w‖, λ 3", "mean test loss, λ 3", "‖w‖ by the decay", "training loss increases",
            "test loss decreases",
        ),
    ),
    Break(
        name="weight_decay", owner=weight_decay, line="gaussian",
        wrong=lambda std: gaussian(std / 10),
        red=("mean ‖w‖, λ 0", "mean test loss, λ 0"),
    ),
    Break(
        name="weight_decay_scratch", owner=weight_decay_scratch, line="l2_penalty",
        wrong=lambda w: (w**2).sum(dim=(1, 2)),
        red=("scratch = concise, losses", "scratch = concise, weights", "mean ‖w‖ by hand"),
    ),
    Break(
        name="weight_decay_scratch", owner=weight_decay_scratch, line="groups",
        wrong=lambda net, decay, _, right=weight_decay_scratch.groups: right(net, decay, decay),
        red=("scratch = concise, biases", "lanes = concise, biases"),
    ),
    Break(
        name="weight_decay_scratch", owner=weight_decay_scratch.ByHand, line="update",
        wrong=lambda self, value, grad: torch.sub(value, 1.5 * self.lr * grad, out=value),
        red=("scratch = concise",), values={"weight_decay": 0.0},
    ),
    Break(
        name="weight_decay_scratch", owner=SGD, line="update",
        wrong=lambda self, value, grad: torch.sub(value, 1.5 * self.lr * grad, out=value),
        red=("lanes = concise",), values={"weight_decay": 0.0},
    ),
    Break(
        name="weight_decay_scratch", owner=SGD, line="update", wrong=everything,
        red=("lanes = concise, weights", "lanes = concise, losses", "lanes = concise, biases"),
    ),
]  # fmt: skip
