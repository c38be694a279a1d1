"""4.8 Vanishing gradients: a quarter at most for each sigmoid on the way."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from ml import draws, fields
from ml.events import Check, Event, Figure, Series, Table
from ml.experiment import InstantExperiment, Preset
from ml.graphs import slope

QUARTER = 0.25  # the largest derivative of the sigmoid
LOG_QUARTER = torch.tensor(QUARTER, dtype=torch.float64).log10()
ROUNDING = 1e-9  # of logarithms
LEAST = -300.0  # a logarithm below it is one of 0
OUTLIVES = 3.0  # of log10 after twenty layers; seen in 60 seeds: 7.4 to 10.4


class Chain(NamedTuple):
    """What each layer did to the gradient, as log10 after each of L layers: (L,)."""

    path: Tensor  # the largest product of derivatives along any path so far
    jacobian: Tensor  # the norm of the whole Jacobian
    spectral: Tensor  # the product of the weights' largest singular values


class VanishingGradients(InstantExperiment):
    """Follow a gradient through a deep sigmoid net, beside its bound of 1/4 for each layer."""

    breakable = ("activations",)
    activations: ClassVar[dict[str, Callable[[Tensor], Tensor]]] = {
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": torch.relu,
    }
    presets = (
        Preset("goldilocks", "Goldilocks zone", "Small weights: sigmoids are steep.", {"std": 0.1}),
        Preset("normal", "Twenty layers", "Weights of variance 1 / n.", {}),
        Preset("saturated", "Saturated", "Large weights push sigmoids to their ends.", {"std": 10}),
    )
    verifies = ({}, {"std": 10.0}, {"depth": 50})

    name: Literal["vanishing_gradients"] = "vanishing_gradients"
    depth: int = fields.own(20, "Network", "Depth", "Layers of the net.", "L", ge=1, le=50)
    width: int = fields.own(16, "Network", "Width", "Units of each layer.", "n", ge=1, le=32)
    std: float = fields.own(
        1.0,
        "Network",
        "Weights",
        "Standard deviation of the weights, times the root of n.",
        "σ",
        ge=0.01,
        le=100,
    )
    limit: float = fields.own(
        8.0, "Figure", "Limit", "The sigmoid is drawn from -limit to limit.", gt=0, le=50
    )

    def answer(self) -> Iterator[Event]:
        """The sigmoid and its slope; the Jacobian after each layer; the bounds."""
        right = torch.linspace(0, self.limit, 81, dtype=torch.float64)
        x = torch.cat([-right[1:].flip(0), right])  # 0 itself, where the sigmoid is steepest
        slopes = slope(torch.sigmoid, x)
        top, end = float(slopes.max()), float(slopes[-1])
        finding = f"The gradient is {top:.4g} at most and {end:.1e} at x = {self.limit:g}."
        lines = {"sigmoid": torch.sigmoid(x), "gradient": slopes}
        yield Figure.lines("sigmoid", "The sigmoid and its gradient", finding, x, lines)
        chains = {name: self.chain(phi) for name, phi in self.activations.items()}
        yield self.left_over(chains)
        columns: dict[str, Any] = {"activation": [*chains]}
        ends = [[float(line[-1]) for line in chain] for chain in chains.values()]
        names = "steepest path", "Jacobian", "weights' spectral norms"
        columns |= zip(names, zip(*ends, strict=True), strict=True)
        title = f"After {self.depth} layers, log10"
        yield Table.of("ends", title, columns, "Empty where every path is dead.")
        yield self.near("largest slope of the sigmoid", QUARTER, top, 1e-12, "words")
        yield from self.bounds(chains)

    def bounds(self, chains: dict[str, Chain]) -> Iterator[Check]:
        """In log10, so that fifty layers do not underflow; the worst over all depths."""
        sigmoid, bound = chains["sigmoid"], torch.arange(1, self.depth + 1) * LOG_QUARTER
        path, whole = (sigmoid.path - bound), sigmoid.jacobian - (bound + sigmoid.spectral)
        name = "log10 of the steepest path over 0.25^L"
        yield self.at_most(name, ROUNDING, float(path.max().clamp(min=LEAST)))
        name = "log10 of the Jacobian's norm over 0.25^L times spectral norms"
        yield self.at_most(name, ROUNDING, float(whole.max().clamp(min=LEAST)))
        if self.matches():
            apart = float(chains["relu"].jacobian[-1] - sigmoid.jacobian[-1])
            name = "log10 by which the ReLU net's gradient outlives the sigmoid net's"
            yield self.at_least(name, OUTLIVES, apart, "words")

    def chain(self, phi: Callable[[Tensor], Tensor]) -> Chain:
        """Push one input through the layers, and the Jacobian with it."""
        generator = draws.generator(self.seed, self.depth, self.width)
        n = self.width
        h, W = draws.normals(generator, (n,), (self.depth, n, n))
        W *= self.std / n**0.5
        M = torch.eye(n, dtype=torch.float64)
        steepest, jacobians = [], []
        for layer in W:
            z = layer @ h
            D = slope(phi, z)
            h, M = phi(z), D[:, None] * (layer @ M)
            steepest.append(D.max())
            jacobians.append(torch.linalg.matrix_norm(M, 2))
        singular = torch.linalg.matrix_norm(W, 2).log10().cumsum(0)
        paths = torch.stack(steepest).log10().cumsum(0)
        return Chain(paths, torch.stack(jacobians).log10(), singular)

    def left_over(self, chains: dict[str, Chain]) -> Figure:
        """Norm of the Jacobian after each layer, one line an activation, and the bound."""
        layers = torch.arange(1, self.depth + 1, dtype=torch.float64)
        sigmoid = chains["sigmoid"]
        lines = [  # each ends where nothing is left of the gradient
            Series(name, layers[left].numpy(), chain.jacobian[left].numpy())
            for name, chain in chains.items()
            for left in [chain.jacobian > LEAST]
            if bool(left.any())
        ]
        bound = (layers * LOG_QUARTER + sigmoid.spectral).numpy()
        ends = {name: 10 ** float(chain.jacobian[-1]) for name, chain in chains.items()}
        lines.append(Series("bound for the sigmoid", layers.numpy(), bound, "truth"))
        title, y = "How much of the gradient is left", "log10 of the Jacobian's norm"
        finding = (
            f"After {self.depth} layers the sigmoid net's Jacobian has norm {ends['sigmoid']:.1e},"
            f" the ReLU net's {ends['relu']:.1e}."
        )
        return Figure("layers", title, finding, (*lines,), x_label="layers", y_label=y)
