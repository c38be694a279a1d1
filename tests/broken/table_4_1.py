"""4.1: broken activations, broken nets."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ml import graphs, nn
from ml.experiments import EXPERIMENTS
from ml.experiments.infinite_width import DoubledMLP
from ml.members.wide_mlp import WideMLP
from ml.nn import ACTIVATIONS, MLP
from tests.broken.breaks import Break, identity, off

Activations: Any = EXPERIMENTS["activations"]
BatchNonlinearity: Any = EXPERIMENTS["batch_nonlinearity"]
InfiniteWidth: Any = EXPERIMENTS["infinite_width"]
XorByHand: Any = EXPERIMENTS["xor_by_hand"]
SHORT = {"num_epochs": 200, "num_seeds": 3}


def narrowing(self: Any, width: int) -> MLP:
    """The widest net where the narrowest is asked for."""
    return MLP((1, max(self.widths) // width, 1), self.activation)


def one_more(self: MLP, lanes: Any, right: Any = MLP.__call__) -> Any:
    """A net with a hidden unit too many."""
    return right(replace(self, sizes=(self.sizes[0], self.sizes[1] + 1, *self.sizes[2:])), lanes)


def tilted(f: Any, x: Any, right: Any = graphs.slope) -> Any:
    """A derivative that is off everywhere."""
    return 1.5 * right(f, x) + 0.1


def still_bent(self: Any, X: Tensor, right: Any = XorByHand.sums) -> Tensor:
    """Sums that have met a ReLU where none was asked for."""
    sums: Tensor = right(self, X)
    return sums.clamp(min=0)


def overshot(self: WideMLP, X: Any, y: Any, right: Any = WideMLP.fit) -> Any:
    """An exact solution with a tenth too much of every point."""
    fitted = right(self, X, y)
    return replace(fitted, alpha=1.1 * fitted.alpha)


BREAKS = [
    Break(
        name="activations",
        owner=graphs,
        line="slope",
        wrong=tilted,
        red=("ReLU'", "pReLU'", "sigmoid'", "largest sigmoid'", "tanh'", "largest tanh'"),
    ),
    Break(
        name="activations",
        line="functions",
        wrong=off(Activations.functions, "sigmoid", lambda _: torch.tanh),
        red=("tanh(x) + 1 = 2 sigmoid(2x)", "sigmoid'", "largest sigmoid'"),
    ),
    Break(
        name="affine_collapse",
        line="collapse",
        wrong=lambda first, second: (first.weight @ second.weight, second.bias),
        red=("(4.1.2)",),
    ),
    Break(
        name="affine_collapse",
        owner=MLP,
        line="__call__",
        wrong=one_more,
        red=("parameters of the MLP of Fig. 4.1.1",),
    ),
    *(
        Break(
            name="affine_collapse",
            owner=ACTIVATIONS,
            line=phi,
            wrong=torch.nn.Identity,
            red=(f"(4.1.3) {phi}",),
            values={"activation": phi},
        )
        for phi in ("relu", "tanh")
    ),
    Break(
        name="approximation",
        owner=ACTIVATIONS,
        line="relu",
        wrong=torch.nn.Identity,
        red=("median loss of 64",),
        values={"widths": [1, 64], **SHORT},
    ),
    Break(
        name="approximation",
        line="net",
        wrong=narrowing,
        red=("median loss of 64", "each width's median loss"),
        values=SHORT,
    ),
    *(
        Break(
            name="batch_nonlinearity",
            line="OVER_BATCH",
            key=kind,
            wrong=BatchNonlinearity.alone,
            red=(kind,),
            values={"kind": kind},
        )
        for kind in BatchNonlinearity.OVER_BATCH
    ),
    Break(
        name="batch_nonlinearity",
        line="alone",
        wrong=lambda z: z - z.mean(-2, keepdim=True),
        red=("elementwise",),
    ),
    Break(
        name="infinite_width",
        line="limit",
        wrong=lambda self: WideMLP(depth=2, bias=0.0, noise=self.ridge, rounds=1),
        red=("distance falls", "widest MLP: mean distance", "widest MLP: its kernel's"),
    ),
    Break(
        name="infinite_width",
        line="net",
        wrong=lambda _, width: DoubledMLP((2, max(2, width // 256), 1)),
        red=("distance falls", "widest MLP: mean distance", "widest MLP: training moves"),
    ),
    Break(
        name="infinite_width",
        line="rate",
        wrong=lambda self, right=InfiniteWidth.rate: right(self) / 100,
        red=("distance falls", "widest MLP: mean distance"),
    ),
    Break(name="infinite_width", owner=WideMLP, line="fit", wrong=overshot, red=("exact answer",)),
    Break(
        name="relu_kinks",
        owner=nn,
        line="prelu",
        wrong=lambda z, _: torch.tanh(z),
        red=("kinks found", "bend within", "slope jumps"),
    ),
    *(
        Break(  # a wrong read-out
            name="xor_by_hand",
            line="OPERATIONS",
            key=operation,
            wrong=(truth, (1, 1, 1)),
            red=(f"{operation} by two ReLU units",),
            values={"operation": operation},
        )
        for operation, (truth, _) in XorByHand.OPERATIONS.items()
    ),
    *(
        Break(  # a truth that a line separates
            name="xor_by_hand",
            line="OPERATIONS",
            key=operation,
            wrong=((0, 0, 1, 1), XorByHand.OPERATIONS[operation][1]),
            red=(f"{operation}: squared error", f"{operation}: most points right"),
            values={"operation": operation},
        )
        for operation in ("xor", "xnor")
    ),
    Break(name="xor_by_hand", line="relu", wrong=identity, red=("xor by two ReLU units",)),
    *(
        Break(
            name="xor_by_hand",
            line="sums",
            wrong=still_bent,
            red=(f"{operation}: error of the same units",),
            values={"operation": operation},
        )
        for operation in XorByHand.OPERATIONS
    ),
]
