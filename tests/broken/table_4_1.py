"""4.1: broken activations."""

from dataclasses import replace
from typing import Any

import torch

from ml.experiments import (
    activations,
    affine_collapse,
    approximation,
    batch_nonlinearity,
    relu_kinks,
    xor_by_hand,
)
from ml.nn import ACTIVATIONS, mlp
from tests.broken.breaks import Break, identity

_training = approximation.Approximation.training


def narrowing(self: Any, width: int, x: Any, y: Any) -> Any:
    """The widest net where the narrowest is asked for."""
    return replace(_training(self, max(self.widths) // width, x, y), key=f"{width}")


BREAKS = [
    Break(
        name="activations", owner=activations, line="derivative",
        wrong=lambda f, x, right=activations.derivative: 1.5 * right(f, x) + 0.1,
        red=("ReLU'", "pReLU'", "sigmoid'", "largest sigmoid'", "tanh'", "largest tanh'"),
    ),
    Break(
        name="activations", owner=torch, line="sigmoid", wrong=torch.tanh,
        red=("tanh(x) + 1 = 2 sigmoid(2x)", "sigmoid'", "largest sigmoid'"),
    ),
    Break(
        name="affine_collapse", owner=affine_collapse, line="collapse",
        wrong=lambda W1, _, W2, b2: (W1 @ W2, b2), red=("(4.1.2)",),
    ),
    Break(
        name="affine_collapse", owner=affine_collapse, line="mlp",
        wrong=lambda *given, right=mlp: right(*given, bias=False),
        red=("parameters of the MLP of Fig. 4.1.1",),
    ),
    *(
        Break(
            name="affine_collapse", owner=affine_collapse.PHI, line=phi, wrong=identity,
            red=(f"(4.1.3) {phi}",), values={"activation": phi},
        )
        for phi in ("relu", "tanh")
    ),
    Break(
        name="approximation", owner=ACTIVATIONS, line="relu", wrong=torch.nn.Identity,
        red=("median loss of 64",), values={"widths": [1, 64], "num_epochs": 200, "num_seeds": 3},
    ),
    Break(
        name="approximation", owner=approximation.Approximation, line="training", wrong=narrowing,
        red=("median loss of 64", "each width's median loss"),
        values={"num_epochs": 200, "num_seeds": 3},
    ),
    *(
        Break(
            name="batch_nonlinearity", owner=batch_nonlinearity.OVER_BATCH, line=kind,
            wrong=batch_nonlinearity.alone, red=(kind,), values={"kind": kind},
        )
        for kind in ("standardise", "centre", "softmax")
    ),
    Break(
        name="batch_nonlinearity", owner=batch_nonlinearity, line="alone",
        wrong=lambda z: z - z.mean(-2, keepdim=True), red=("elementwise",),
    ),
    Break(
        name="relu_kinks", owner=relu_kinks, line="activation",
        wrong=lambda z, _: torch.tanh(z), red=("kinks found", "bend within", "slope jumps"),
    ),
    *(
        Break(
            name="xor_by_hand", owner=xor_by_hand.READ_OUT, line=operation, wrong=(1, 1, 1),
            red=(f"{operation} by two ReLU units",), values={"operation": operation},
        )
        for operation in xor_by_hand.TRUTH
    ),
    Break(
        name="xor_by_hand", owner=xor_by_hand, line="relu", wrong=identity,
        red=("xor by two ReLU units",),
    ),
    *(
        Break(  # a truth that a line separates
            name="xor_by_hand", owner=xor_by_hand.TRUTH, line=operation, wrong=(0, 0, 1, 1),
            red=(f"{operation}: squared error", f"{operation}: most points right"),
            values={"operation": operation},
        )
        for operation in xor_by_hand.CURVED
    ),
]  # fmt: skip
