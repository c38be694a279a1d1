"""4.7 Second derivatives: what it costs to differentiate a gradient once more (exercise 4)."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from ml import draws, fields, graphs
from ml.events import Event, Figure, Table
from ml.experiment import InstantExperiment
from ml.lanes import Lanes
from ml.nn import MLP

DEPTHS = (1, 2, 4, 8, 12)
STEP = 1e-6  # of a difference of gradients, in float64
BOTH = ("gradient", "Hessian times vector")


class SecondDerivatives(InstantExperiment):
    """Differentiate a gradient once more, along one vector: nodes, bytes and time by depth."""

    verifies = ({}, {"activation": "relu"})
    breakable = ("along",)

    name: Literal["second_derivatives"] = "second_derivatives"
    width: Annotated[fields.NumHiddens, Field(ge=4, le=64, description="Units of each layer.")] = 32
    activation: fields.Activation = "tanh"
    batch_size: Annotated[fields.BatchSize, Field(le=64)] = 32

    @staticmethod
    def along(loss: Tensor, parameters: Sequence[Tensor]) -> Tensor:
        """The loss's gradient along a vector of ones, itself recorded."""
        gradient = torch.autograd.grad(loss, parameters, create_graph=True)
        return torch.stack([part.sum() for part in gradient]).sum()

    def costs(self, depth: int) -> dict[str, float]:
        """A row of the table; and how far the product is from a difference of gradients."""
        generator, shape = draws.generator(self.seed, depth), (1, self.batch_size, self.width)
        X = torch.randn(*shape, generator=generator, dtype=torch.float64)
        net = MLP((self.width,) * (depth + 2), self.activation)(Lanes.one(self.seed)).double()
        parameters = [*net.parameters()]

        def loss() -> Tensor:
            return torch.mean(net(X).square())

        _, first = walk_back(loss, X, parameters)
        product, second = walk_back(lambda: self.along(loss(), parameters), X, parameters)
        row: dict[str, float] = {"hidden layers": depth, "parameters": len(product)}
        both = dict(zip(BOTH, (first, second), strict=True))
        row |= {f"{name}, {of}": costs[name] for name in first for of, costs in both.items()}
        ends = []
        for step in (STEP, -2 * STEP):  # along the ones, then as far to the other side
            with torch.no_grad():
                for parameter in parameters:
                    parameter.add_(step)
            ends.append(flat(torch.autograd.grad(loss(), parameters)))
        off = (product - (ends[0] - ends[1]) / (2 * STEP)).norm() / product.norm()
        return row | {"ms, whole Hessian": second["ms"] * len(product), "off": float(off)}

    def answer(self) -> Iterator[Event]:
        """What a gradient, its derivative along one vector, and the whole Hessian cost."""
        # The deepest net comes first: the first call of all is slower, by little beside it.
        rows = [self.costs(depth) for depth in reversed(DEPTHS)][::-1]
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        off, nodes = columns.pop("off"), {of: columns[f"nodes, {of}"] for of in BOTH}
        first, second = nodes.values()
        title, x = "Nodes of the graph that is walked backward", "hidden layers"
        finding = (
            f"At {DEPTHS[-1]} hidden layers a gradient takes {first[-1]} nodes, its derivative"
            f" along one vector {second[-1]}."
        )
        yield Figure.lines("nodes", title, finding, DEPTHS, nodes, x_label=x, y_label="nodes")
        note = (
            "A row of the Hessian is a product with a vector, so the time of the whole is computed:"
            " a product's times the parameters."
        )
        yield Table.of("second", "Second derivatives by depth", columns, note)
        least = min(b / a for a, b in zip(first, second, strict=True))
        yield self.at_least("nodes, Hessian times vector over gradient: least", 2, least)
        if self.activation != "relu":  # between the two gradients of a ReLU net lie its kinks
            name = "Hessian times vector less a difference of gradients"
            yield self.at_most(name, 1e-6, max(off))


def walk_back(
    work: Callable[[], Tensor], X: Tensor, parameters: Sequence[Tensor]
) -> tuple[Tensor, dict[str, float]]:
    """Derivatives (p,) of what `work` gives; nodes of its graph, bytes kept, milliseconds."""
    start = time.thread_time()  # of this thread: those of a busy machine would be others'
    result, kept = graphs.kept(work, (X, *parameters))
    derivative = torch.autograd.grad(result, parameters)
    spent = 1000 * (time.thread_time() - start)
    costs = {"nodes": graphs.count_nodes(result), "bytes kept": kept, "ms": spent}
    return flat(derivative), costs


def flat(parts: Sequence[Tensor]) -> Tensor:
    """All in one vector (p,)."""
    return torch.cat([part.flatten() for part in parts])
