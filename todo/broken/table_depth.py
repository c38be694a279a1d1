"""4.7 and 4.8: broken gradients, broken products, broken starts."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ml import graphs
from ml.experiments import (
    backpropagation,
    exploding_gradients,
    initialisation,
    layerwise_rates,
    memory_of_training,
    symmetry,
    vanishing_gradients,
)
from ml.nn import Dropout
from ml.optim import SGD
from tests.broken.breaks import Break, identity, off, still, times

Backpropagation = backpropagation.Backpropagation
QUICK = {"num_epochs": 50, "num_hiddens": 2, "activation": "tanh"}


def blind(result: Tensor, named: dict[str, Tensor]) -> graphs.Traced:
    """A graph that has not noticed the hidden layer."""
    return graphs.trace(result, {name: t for name, t in named.items() if name != "h"})


def in_place(part: str, wrong: Callable[..., Any], key: str) -> Callable[..., Any]:
    """The forward or backward function with one of its values changed."""
    return off(getattr(backpropagation, part), key, wrong)


def flipped(grad: Tensor) -> Tensor:
    """Transposed; a vector as a column."""
    return grad.T if grad.dim() == 2 else grad[:, None]


def once(self: memory_of_training.Kept, tensor: Tensor) -> Tensor:
    """Count the first tensor only."""
    self.total = self.total or memory_of_training.size(tensor)
    return tensor


def shifted(*given: Any, right: Any = initialisation.Initialisation.weights) -> Tensor:
    """Weights whose mean is not 0."""
    return right(*given) + 1  # type: ignore[no-any-return]


def one_rate(_self: Any, value: Tensor, _grad: Tensor) -> Tensor:
    """No rate of its own for any layer."""
    return value.new_ones(len(value), 11)


STARTS = {  # a wrong width, and what then turns red
    "zero": (0.1, ("zero: variance",)),
    "0.01": (0.1, ("0.01: variance", "(4.8.4) 0.01:")),
    "1.0": (0.1, ("1.0: variance", "(4.8.4) 1.0:")),
    "Xavier": (0.15, ("(4.8.5) Xavier:", "(4.8.5) mean growth", "(4.8.4) Xavier:")),
    "Xavier uniform": (
        0.15, ("(4.8.5) Xavier uniform:", "(4.8.6) farthest", "(4.8.4) Xavier uniform:"),
    ),
    "He": (0.1, ("He: variance", "(4.8.4) He:", "He: mean square")),
    "default": (0.1, ("default: variance", "(4.8.4) default:")),
}  # fmt: skip


BREAKS = [
    *(
        Break(
            name="backpropagation", owner=backpropagation, line=part,
            wrong=in_place(part, lambda value: value * 1.001, key),
            red=(f"{numbers[key]} {key}",), values={"bias": True},
        )
        for part, numbers in (
            ("forward", backpropagation.FORWARD), ("backward", backpropagation.BACKWARD),
        )
        for key in numbers
    ),
    *(
        Break(
            name="backpropagation", owner=backpropagation, line="backward",
            wrong=in_place("backward", flipped, f"dJ/d{key}"),
            red=(f"shape of dJ/d{key}",), values={"bias": True},
        )
        for key in ("W1", "W2", "b1")
    ),
    Break(
        name="backpropagation", owner=backpropagation.PHI, line="relu", wrong=identity,
        red=("(4.7.2) h",),
    ),
    *(
        Break(
            name="backpropagation", owner=backpropagation.PHI, line=phi, wrong=identity,
            red=("(4.7.2) h",), values={"activation": phi},
        )
        for phi in ("sigmoid", "tanh")
    ),
    Break(
        name="backpropagation", owner=backpropagation.SLOPE, line="relu", wrong=torch.ones_like,
        red=("(4.7.13) dJ/dz", "(4.7.14) dJ/dW1"),
    ),
    Break(
        name="backpropagation", owner=Backpropagation, line="accumulated",
        wrong=lambda self, given, parts, right=Backpropagation.accumulated: [
            grad * parts for grad in right(self, given, parts)],
        red=("two half batches",),
    ),
    Break(
        name="backpropagation", owner=backpropagation, line="trace", wrong=blind,
        red=("Fig. 4.7.1",),
    ),
    Break(
        name="memory_of_training", owner=memory_of_training, line="size",
        wrong=lambda tensor: tensor[0].numel(), red=("kept for twice the examples",),
    ),
    Break(
        name="memory_of_training", owner=memory_of_training.Kept, line="pack", wrong=once,
        red=("kept for twice the layers", "16 layers"),
    ),
    # ---- 4.8
    Break(
        name="exploding_gradients", owner=exploding_gradients, line="products",
        wrong=lambda M: M, red=("log10 of the largest", "log10 of the book's"),
    ),
    Break(
        name="exploding_gradients", owner=exploding_gradients, line="growth",
        wrong=lambda _n, _std: 0.2, red=("theory's log10", "log10 of the largest"),
    ),
    *(
        Break(
            name="exploding_gradients", owner=torch.linalg, line="svdvals",
            wrong=times(torch.linalg.svdvals, factor), red=(red,),
        )
        for factor, red in ((0.5, "σ_max"), (2, "σ_min"))
    ),
    *(
        Break(
            name="initialisation", owner=initialisation.Initialisation, line="weights",
            wrong=times(initialisation.Initialisation.weights, 1.5),
            red=("(4.8.4)", "(4.8.5)", "(4.8.6)", "He:"), values=values,
        )
        for values in initialisation.Initialisation.verifies
    ),
    Break(
        name="initialisation", owner=initialisation.Initialisation, line="weights", wrong=shifted,
        red=("(4.8.3)",),
    ),
    *(
        Break(
            name="initialisation", owner=initialisation, line="deviations",
            wrong=off(initialisation.deviations, start, lambda _, wrong=wrong: wrong), red=red,
        )
        for start, (wrong, red) in STARTS.items()
    ),
    Break(
        name="initialisation", owner=torch, line="relu", wrong=identity, red=("He: mean square",),
    ),
    Break(
        name="symmetry", owner=symmetry, line="constant", wrong=lambda _: None,
        red=("constant start: units apart after SGD", "constant start: the net less one unit"),
        values={"num_epochs": 2},
    ),
    Break(
        name="symmetry", owner=Dropout, line="forward", wrong=lambda _self, X: X,
        red=("constant start: units apart with dropout",), values=QUICK,
    ),
    Break(
        name="symmetry", owner=SGD, line="update", wrong=still,
        red=("linear regression", "softmax regression"), values=QUICK,
    ),
    Break(
        name="symmetry", owner=symmetry, line="moved_on",
        wrong=lambda h: torch.zeros(h, dtype=torch.long), red=("permuted ReLU units",),
        values={"num_epochs": 2},
    ),
    Break(
        name="symmetry", owner=torch, line="tanh", wrong=torch.sigmoid,
        red=("tanh units with signs flipped",), values={"num_epochs": 2},
    ),
    Break(
        name="symmetry", owner=torch, line="relu", wrong=torch.tanh, red=("ReLU units scaled",),
        values={"num_epochs": 2},
    ),
    Break(
        name="vanishing_gradients", owner=vanishing_gradients.PHI, line="sigmoid",
        wrong=torch.tanh, red=("log10 of the steepest path", "log10 of the Jacobian's norm"),
    ),
    Break(
        name="vanishing_gradients", owner=torch, line="sigmoid", wrong=torch.tanh,
        red=("largest slope of the sigmoid",),
    ),
    Break(
        name="layerwise_rates", owner=layerwise_rates.LayerWise, line="trust", wrong=one_rate,
        red=("layer-wise rates: last loss", "plain SGD, the better rate"),
    ),
    Break(
        name="layerwise_rates", owner=SGD, line="update", wrong=still,
        red=("plain SGD, the same rate",),
    ),
]  # fmt: skip
