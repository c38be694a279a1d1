"""4.8: broken products, broken starts, broken rates."""

from typing import Any

import torch
from torch import Tensor

from ml.experiments import EXPERIMENTS
from ml.nn import STARTS, Dropout
from ml.optim import SGD, LayerWise
from tests.broken.breaks import Break, Wrong, identity, still, times

QUICK = {"num_epochs": 50, "num_hiddens": 2, "activation": "tanh"}
SHORT = {"num_epochs": 2}
START: Any = EXPERIMENTS["initialisation"]


def shifted(*given: Any, right: Wrong = START.weights) -> Any:
    """Weights whose mean is not 0."""
    return right(*given) + 1


def one_rate(_self: Any, value: Tensor, _grad: Tensor) -> Tensor:
    """No rate of its own for any layer."""
    return value.new_ones(len(value), 11)


WIDTHS = {  # a wrong width, and what then turns red
    "zero": (0.1, ("zero: variance",)),
    "0.01": (0.1, ("0.01: variance", "(4.8.4) 0.01:")),
    "1.0": (0.1, ("1.0: variance", "(4.8.4) 1.0:")),
    "Xavier": (0.15, ("(4.8.5) Xavier:", "(4.8.5) mean growth", "(4.8.4) Xavier:")),
    "Xavier uniform": (
        0.15,
        ("(4.8.5) Xavier uniform:", "(4.8.6) farthest", "(4.8.4) Xavier uniform:"),
    ),
    "He": (0.1, ("He: variance", "(4.8.4) He:", "He: mean square")),
    "default": (0.1, ("default: variance", "(4.8.4) default:")),
}

BREAKS = [
    Break(
        name="exploding_gradients",
        line="products",
        wrong=lambda M: M,
        red=("log10 of the largest", "log10 of the book's"),
    ),
    Break(
        name="exploding_gradients",
        line="growth",
        wrong=lambda _n, _std: 0.2,
        red=("theory's log10", "log10 of the largest"),
    ),
    *(
        Break(
            name="exploding_gradients",
            owner=torch.linalg,
            line="svdvals",
            wrong=times(torch.linalg.svdvals, factor),
            red=(red,),
        )
        for factor, red in ((0.5, "σ_max"), (2, "σ_min"))
    ),
    *(
        Break(
            name="initialisation",
            line="weights",
            wrong=times(START.weights, 1.5),
            red=("(4.8.4)", "(4.8.5)", "(4.8.6)", "He:"),
            values=values,
        )
        for values in START.verifies
    ),
    Break(
        name="initialisation",
        line="weights",
        wrong=times(START.weights, 1.5),
        red=("Xavier, no activation",),
        values={"activation": "none", "depth": 16},
    ),
    Break(name="initialisation", line="weights", wrong=shifted, red=("(4.8.3)",)),
    *(
        Break(
            name="initialisation",
            owner=STARTS,
            line=start,
            wrong=lambda _inputs, _outputs, wrong=wrong: wrong,
            red=red,
        )
        for start, (wrong, red) in WIDTHS.items()
    ),
    Break(
        name="initialisation", owner=torch, line="relu", wrong=identity, red=("He: mean square",)
    ),
    Break(
        name="symmetry",
        line="same",
        wrong=lambda _: None,
        red=("constant start: units apart after SGD", "constant start: the net less one unit"),
        values=SHORT,
    ),
    Break(
        name="symmetry",
        owner=Dropout,
        line="forward",
        wrong=lambda _self, X: X,
        red=("constant start: units apart with dropout",),
        values=QUICK,
    ),
    Break(
        name="symmetry",
        owner=SGD,
        line="update",
        wrong=still,
        red=("linear regression", "softmax regression"),
        values=QUICK,
    ),
    Break(
        name="symmetry",
        line="turn",
        wrong=lambda h: torch.zeros(h, dtype=torch.long),
        red=("permuted ReLU units",),
        values=SHORT,
    ),
    Break(
        name="symmetry",
        owner=torch,
        line="tanh",
        wrong=torch.sigmoid,
        red=("tanh units with signs flipped",),
        values=SHORT,
    ),
    Break(
        name="symmetry",
        owner=torch,
        line="relu",
        wrong=torch.tanh,
        red=("ReLU units scaled",),
        values=SHORT,
    ),
    Break(
        name="vanishing_gradients",
        line="activations",
        key="sigmoid",
        wrong=torch.tanh,
        red=("log10 of the steepest path", "log10 of the Jacobian's norm"),
    ),
    Break(
        name="vanishing_gradients",
        line="activations",
        key="relu",
        wrong=torch.sigmoid,
        red=("log10 by which the ReLU",),
    ),
    Break(
        name="vanishing_gradients",
        owner=torch,
        line="sigmoid",
        wrong=torch.tanh,
        red=("largest slope of the sigmoid",),
    ),
    Break(
        name="layerwise_rates",
        owner=LayerWise,
        line="trust",
        wrong=one_rate,
        red=("layer-wise rates: last loss", "plain SGD, the better rate"),
    ),
    Break(
        name="layerwise_rates",
        owner=SGD,
        line="update",
        wrong=still,
        red=("plain SGD, the same rate",),
    ),
]
