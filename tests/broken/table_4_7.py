"""4.7: broken values, gradients, graphs and bytes."""

from typing import Any

import torch
from torch import Tensor

from ml import graphs
from ml.experiments import EXPERIMENTS
from tests.broken.breaks import Break, identity, off

Backpropagation: Any = EXPERIMENTS["backpropagation"]
ComputationalGraph: Any = EXPERIMENTS["computational_graph"]
GradientAccumulation: Any = EXPERIMENTS["gradient_accumulation"]
FORWARD = ("z", "h", "o", "L", "s", "J")  # (4.7.1) to (4.7.6)
BACKWARD = (
    "(4.7.8) dJ/dL",
    "(4.7.8) dJ/ds",
    "(4.7.9) dJ/do",
    "(4.7.10) ds/dW1",
    "(4.7.10) ds/dW2",
    "(4.7.11) dJ/dW2",
    "(4.7.12) dJ/dh",
    "(4.7.13) dJ/dz",
    "(4.7.14) dJ/dW1",
    "exercise 2 dJ/db1",
)


def larger(value: Tensor) -> Tensor:
    """By a thousandth."""
    return value * 1.001


def flipped(grad: Tensor) -> Tensor:
    """Transposed; a vector as a column."""
    return grad.T if grad.dim() == 2 else grad[:, None]


def blind(values: dict[str, Tensor], right: Any = ComputationalGraph.trace) -> graphs.Traced:
    """A graph that has not noticed the hidden layer."""
    traced: graphs.Traced = right({name: t for name, t in values.items() if name != "h"})
    return traced


def summed(self: Any, parts: int, right: Any = GradientAccumulation.accumulated) -> Any:
    """Gradients of the parts as if each were a batch of its own."""
    gradients, kept = right(self, parts)
    return [grad * parts for grad in gradients], kept


def constant(work: Any, _given: Any) -> tuple[Any, int]:
    """So many bytes whatever is kept."""
    return work(), 1000


def not_derived(loss: Tensor, _parameters: Any) -> Tensor:
    """The loss itself in the place of its gradient along a vector."""
    return loss


BREAKS = [
    *(
        Break(
            name="backpropagation",
            line="forward",
            wrong=off(Backpropagation.forward, key, larger),
            red=(f"(4.7.{number}) {key}",),
        )
        for number, key in enumerate(FORWARD, 1)
    ),
    *(
        Break(
            name="backpropagation",
            line="backward",
            wrong=off(Backpropagation.backward, key, larger),
            red=(key,),
            values={"bias": True},
        )
        for key in BACKWARD
    ),
    *(
        Break(
            name="backpropagation",
            line="backward",
            wrong=off(Backpropagation.backward, key, flipped),
            red=(f"shape of {key.split()[-1]}",),
            values={"bias": True},
        )
        for key in ("(4.7.14) dJ/dW1", "(4.7.11) dJ/dW2", "exercise 2 dJ/db1")
    ),
    *(
        Break(
            name="backpropagation",
            line="PHI",
            key=phi,
            wrong=identity,
            red=("(4.7.2) h",),
            values={"activation": phi},
        )
        for phi in Backpropagation.PHI
    ),
    *(
        Break(
            name="backpropagation",
            line="SLOPE",
            key=phi,
            wrong=torch.ones_like,
            red=("(4.7.13) dJ/dz", "(4.7.14) dJ/dW1"),
            values={"activation": phi},
        )
        for phi in Backpropagation.SLOPE
    ),
    Break(name="computational_graph", line="trace", wrong=blind, red=("Fig. 4.7.1",)),
    Break(
        name="gradient_accumulation",
        line="accumulated",
        wrong=summed,
        red=("two half batches",),
    ),
    Break(
        name="gradient_accumulation",
        owner=graphs,
        line="kept",
        wrong=constant,
        red=("kept for half a batch",),
    ),
    Break(
        name="memory_of_training",
        owner=graphs,
        line="size",
        wrong=lambda tensor: tensor.shape[-1],  # of one example only
        red=("kept for twice the examples",),
    ),
    Break(
        name="memory_of_training",
        owner=graphs,
        line="kept",
        wrong=constant,
        red=("kept for twice the layers", "16 layers"),
    ),
    Break(
        name="second_derivatives",
        line="along",
        wrong=not_derived,
        red=("nodes, Hessian times vector", "Hessian times vector less"),
    ),
]
