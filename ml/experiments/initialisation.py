"""4.8 Initialisation: how wide the weights are drawn decides what reaches the other end."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ml import draws, fields
from ml.events import Check, Event, Figure, Series, Table
from ml.experiment import InstantExperiment, Preset
from ml.nn import STARTS

EXAMPLES = 64
SIGMAS = 5  # standard errors that a measured variance may be off
KEPT = 0.6  # of log10: how far Xavier strays over sixteen layers; in 40 seeds -0.29 to 0.27
UNIFORM = ("Xavier uniform", "default")  # the others are Gaussian
XAVIER = ("Xavier", "Xavier uniform")
PHI: dict[str, Callable[[Tensor], Tensor]] = {"none": lambda z: z} | {
    name: getattr(torch, name) for name in ("relu", "tanh", "sigmoid")
}


def claimed(num_inputs: int, num_outputs: int) -> dict[str, float]:
    """Variance that the weights of each start should have, in numbers of its own."""
    xavier = 2 / (num_inputs + num_outputs)
    fixed = {"zero": 0.0, "0.01": 1e-4, "1.0": 1.0, "Xavier": xavier, "Xavier uniform": xavier}
    return fixed | {"He": 2 / num_inputs, "default": 1 / (3 * num_inputs)}


class Measured(NamedTuple):
    """What one pass gave, for I initialisations and L layers."""

    first: Tensor  # (I, in, out) weights of the first layer
    mean: Tensor  # (I,) of the first layer's outputs
    error: Tensor  # (I,) standard error of that mean, were the weights as wide as claimed
    halved: Tensor  # (I,) mean square of a ReLU of them over that of the inputs
    forward: Tensor  # (I,) variance of the first layer's outputs over that of its inputs
    backward: Tensor  # (I,) the same for a random gradient that goes back through it
    variance: Tensor  # (I, L) of the activations
    norm: Tensor  # (I, L) of the gradient by the weights
    trust: Tensor  # (I,) norm of the first layer's weights over norm of their gradient


class Initialisation(InstantExperiment):
    """Start a deep net in seven ways, and measure activations and gradients layer by layer."""

    breakable = ("weights",)
    presets = (
        Preset("linear", "No activation", "What 4.8.2 reasons about.", {"activation": "none"}),
        Preset("tanh", "tanh", "Xavier keeps the gradient alive.", {}),
        Preset("relu", "ReLU", "He makes up for what a ReLU drops.", {"activation": "relu"}),
    )
    verifies = ({}, {"activation": "none", "depth": 16}, {"activation": "relu", "num_inputs": 32})

    name: Literal["initialisation"] = "initialisation"
    activation: Literal["none", "relu", "tanh", "sigmoid"] = fields.own(
        "tanh", "Network", "Activation", "The activation function of every layer.", "σ"
    )
    depth: int = fields.own(10, "Network", "Depth", "Layers.", "L", ge=2, le=16)
    width: int = fields.own(64, "Network", "Width", "Units of each layer.", "n_out", ge=16, le=64)
    num_inputs: int = fields.own(
        100, "Network", "Inputs", "Inputs of the first layer.", "n_in", ge=16, le=128
    )

    def answer(self) -> Iterator[Event]:
        """One pass forward and back for all seven at once."""
        found = self.measure()
        yield self.figure("variance", "Variance of the activations", found.variance)
        yield self.figure("gradient", "Norm of the gradient by the weights", found.norm)
        columns: dict[str, Any] = {"start": [*STARTS]}
        for what, by_layer in (("variance", found.variance), ("gradient", found.norm)):
            first, *_, last = by_layer.T.numpy()
            columns |= {f"{what}, first": first, f"{what}, last": last}
        columns["||w||/||g||, first"] = found.trust.numpy()
        title = f"First and last of {self.depth} layers"
        note = "The last column scales a layer's step in layer-wise rate scaling (LARS)."
        yield Table.of("layers", title, columns, note)
        yield from self.claims(found)

    def measure(self) -> Measured:
        """Forward, then back from a random direction at the last layer."""
        X, R = self.drawn(EXAMPLES, self.num_inputs), self.drawn(EXAMPLES, self.width)
        X = X.expand(len(STARTS), -1, -1).clone().requires_grad_()
        sizes = pairwise([self.num_inputs, *[self.width] * self.depth])
        weights = [self.weights(*size, i).requires_grad_() for i, size in enumerate(sizes)]
        phi, first = PHI[self.activation], X @ weights[0]
        H = [phi(first)]
        for W in weights[1:]:
            H.append(phi(H[-1] @ W))
        G = self.drawn(EXAMPLES, self.width, place=1).expand_as(first)  # not what came down: that
        (by_X,) = torch.autograd.grad(first, X, G, retain_graph=True)  # is soon almost of rank one
        loss = (H[-1] * R).sum() / EXAMPLES
        by_weights = torch.autograd.grad(loss, weights)
        norm = torch.stack([grad.flatten(1).norm(dim=1) for grad in by_weights], dim=1)
        variances = torch.tensor([*claimed(self.num_inputs, self.width).values()])
        return Measured(
            first=weights[0].detach(),
            mean=first.detach().mean((1, 2)),
            error=(variances / self.width).sqrt() * X[0].detach().mean(0).norm(),
            halved=power(torch.relu(first)) / power(X),
            forward=power(first) / power(X),
            backward=power(by_X) / power(G),
            variance=torch.stack([h.detach().flatten(1).var(1) for h in H], dim=1),
            norm=norm,
            trust=weights[0].detach().flatten(1).norm(dim=1) / norm[:, 0],
        )

    def drawn(self, *shape: int, place: int = 0) -> Tensor:
        """Standard normal numbers: drawn as float32, in a third of the time."""
        generator = draws.generator(self.seed, *shape, place)
        return torch.randn(*shape, generator=generator).double()

    def weights(self, num_inputs: int, num_outputs: int, layer: int) -> Tensor:
        """One layer's weights for each initialisation: (I, in, out)."""
        drawn = self.drawn(len(STARTS), num_inputs, num_outputs, place=layer)
        for numbers, (name, deviation) in zip(drawn, STARTS.items(), strict=True):
            if name in UNIFORM:
                numbers.div_(2**0.5).erf_().mul_(3**0.5)  # of variance 1, too
            numbers.mul_(deviation(num_inputs, num_outputs))
        return drawn

    def claims(self, found: Measured) -> Iterator[Check]:
        """(4.8.3) to (4.8.6), on the first layer; a variance is as sure as its draws are many."""
        n_in, n_out = self.num_inputs, self.width
        sure = SIGMAS * (2 / (n_in * n_out)) ** 0.5
        sums = SIGMAS * (2 / (EXAMPLES * min(n_in, n_out))) ** 0.5
        worst = float((found.mean / found.error)[1:].abs().max())  # all but zero's
        yield self.at_most("(4.8.3) mean of o in standard errors", SIGMAS, worst, "words")
        yield from self.widths(found, sure, sums)
        xavier, uniform, he = map([*STARTS].index, (*XAVIER, "He"))
        both = float(found.forward[xavier] + found.backward[xavier]) / 2
        yield self.near("(4.8.5) mean growth forward and back", 1, both, sure + sums, "words")
        farthest = float(found.first[uniform].abs().max()) / (6 / (n_in + n_out)) ** 0.5
        name = "(4.8.6) farthest weight over the bound"
        yield self.near(name, 1, farthest, 20 / (n_in * n_out), "words")
        wide = (5 / n_out * (1 / EXAMPLES + 1 / n_in)) ** 0.5
        name = "He: mean square after a ReLU over the inputs'"
        yield self.near(name, 1, float(found.halved[he]), SIGMAS * wide)
        if self.activation == "none":
            kept = float((found.variance[xavier, -1] / found.variance[xavier, 0]).log10())
            name = "Xavier, no activation: log10 of the last layer's variance over the first's"
            yield self.near(name, 0, kept, KEPT, "words")

    def widths(self, found: Measured, sure: float, sums: float) -> Iterator[Check]:
        """Whether each start is as wide as its name says, and its outputs then as (4.8.4) says."""
        n_in, n_out = self.num_inputs, self.width
        for i, (start, variance) in enumerate(claimed(n_in, n_out).items()):
            got, grown = float(found.first[i].var()), float(found.forward[i])
            if start in XAVIER:
                name = f"(4.8.5) {start}: variance times (n_in + n_out) / 2"
                yield self.near(name, 1, got * (n_in + n_out) / 2, sure, "words")
            else:
                yield self.near(f"{start}: variance of the weights", variance, got, sure * variance)
            if variance:
                name = f"(4.8.4) {start}: Var[o] / (n_in σ² γ²)"
                yield self.near(name, 1, grown / (n_in * variance), sure + sums, "words")

    def figure(self, name: str, title: str, lines: Tensor) -> Figure:
        """One line an initialisation; what is 0 has no logarithm, and no point."""
        layers, of = np.arange(1.0, self.depth + 1), dict(zip(STARTS, lines.numpy(), strict=True))
        at = "last" if name == "variance" else "first"  # where the pass in question ends
        end = {start: line[-1 if at == "last" else 0] for start, line in of.items()}
        return Figure(
            name,
            title,
            f"At the {at} layer it is {end['0.01']:.1e} with 0.01, {end['1.0']:.1e} with 1.0,"
            f" {end['Xavier']:.2g} with Xavier and {end['He']:.2g} with He.",
            tuple(
                Series(start, layers[line > 0], line[line > 0])
                for start, line in of.items()
                if (line > 0).any()
            ),
            x_label="layer",
            y_label=title.lower(),
            y_scale="log",
        )


def power(values: Tensor) -> Tensor:
    """Mean square, start by start: (I, n, h) -> (I,)."""
    return values.detach().square().mean((1, 2))
