"""4.5: broken decay, broken rows, a broken start."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ml import affine, scratch
from ml.experiments.weight_decay_scratch import WeightDecayScratch
from ml.optim import SGD, proximal
from ml.regression import LinearRegression
from ml.train import Training
from tests.broken.breaks import Break, plain

_linear, _sgd, _groups = LinearRegression.linear, scratch.sgd, WeightDecayScratch.groups


def everything(self: SGD, value: Tensor, grad: Tensor) -> None:
    """Decay the bias, too, and twice as hard."""
    value.sub_(self.lr * (grad + 2 * self.weight_decay * value))


def faster(self: SGD, value: Tensor, grad: Tensor) -> None:
    """Steps half as large again, without decay."""
    value.sub_(1.5 * self.lr * grad)


def on_its_own_rows(self: LinearRegression, *given: Any, **lane: Any) -> Training:
    """Judge each lane on the rows that it learns from."""
    return _linear(self, *given, **lane | {"valid": torch.arange(self.num_train)})


BREAKS = [
    Break(
        name="decay_path",
        owner=SGD,
        line="update",
        wrong=plain,
        red=("training loss rises", "best lambda's test loss over", "‖w‖ falls"),
    ),
    Break(
        name="decay_by_validation",
        owner=LinearRegression,
        line="linear",
        wrong=on_its_own_rows,
        red=("test loss by validation",),
    ),
    Break(
        name="other_remedies",
        owner=LinearRegression,
        line="linear",
        wrong=on_its_own_rows,
        red=("test loss stopped early",),
    ),
    Break(name="other_remedies", line="more", wrong=(2, 1), red=("test loss of 6",)),
    Break(
        name="ridge",
        owner=affine,
        line="ridge",
        wrong=lambda X, y, decay: np.linalg.solve(X.T @ X + decay * np.eye(X.shape[1]), X.T @ y),
        red=("ridge = MAP", "gradient of (4.5.2)"),
    ),
    Break(
        name="ridge",
        line="squares",
        wrong=lambda A: float(np.linalg.norm(A, 2) ** 2),
        red=("‖A‖_F²",),
    ),
    Break(name="monomials", line="count", wrong=lambda k, degree: k**degree, red=("monomials",)),
    Break(
        name="sparsity",
        line="rules",
        key="L1 proximal",
        wrong=lambda w, grad, lr, decay: (step := w - lr * grad) - lr * decay * step.sign(),
        red=("zeros by L1",),
    ),
    Break(
        name="sparsity",
        line="rules",
        key="L1 proximal",
        wrong=lambda w, grad, lr, decay: proximal(w, grad, lr, 0 * decay + 0.5 / lr),
        red=("inputs that matter kept", "zeros without penalty"),
    ),
    Break(
        name="sparsity",
        line="rules",
        key="L1 subgradient",
        wrong=proximal,
        red=("most zeros by L1 subgradient",),
    ),
    Break(
        name="sparsity",
        line="rules",
        key="L2",
        wrong=proximal,
        red=("most zeros by L2", "best test loss of L1"),
    ),
    Break(
        name="weight_decay",
        owner=SGD,
        line="update",
        wrong=plain,
        red=(
            "mean ‖w‖, λ 3",
            "mean test loss, λ 3",
            "‖w‖ by the decay",
            "training loss increases",
            "test loss decreases",
        ),
    ),
    Break(
        name="weight_decay",
        owner=LinearRegression,
        line="start",
        wrong=0.1,
        red=("mean ‖w‖, λ 0", "mean test loss, λ 0"),
    ),
    Break(
        name="weight_decay_scratch",
        owner=scratch,
        line="l2_penalty",
        wrong=lambda w: (w**2).sum(dim=(1, 2)),
        red=("scratch = concise, losses", "scratch = concise, weights", "mean ‖w‖ by hand"),
    ),
    Break(
        name="weight_decay_scratch",
        line="groups",
        wrong=lambda net, decay, **_: _groups(net, decay, decay_bias=True),
        red=("scratch = concise, biases", "lanes = concise, biases"),
    ),
    Break(
        name="weight_decay_scratch",
        owner=scratch,
        line="sgd",
        wrong=lambda params, grads, lr: _sgd(params, grads, 1.5 * lr),
        red=("scratch = concise",),
        values={"weight_decay": 0.0},
    ),
    Break(
        name="weight_decay_scratch",
        owner=SGD,
        line="update",
        wrong=faster,
        red=("lanes = concise",),
        values={"weight_decay": 0.0},
    ),
    Break(
        name="weight_decay_scratch",
        owner=LinearRegression,
        line="start",
        wrong=0.1,
        red=("mean ‖w‖ by torch",),
        values={"weight_decay": 0.0},
    ),
    Break(
        name="weight_decay_scratch",
        owner=SGD,
        line="update",
        wrong=everything,
        red=("lanes = concise, weights", "lanes = concise, losses", "lanes = concise, biases"),
    ),
]
