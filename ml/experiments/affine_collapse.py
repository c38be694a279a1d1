"""4.1 Affine collapse: layers without an activation are one layer (4.1.2)."""

from collections.abc import Iterator
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from ml import draws, fields
from ml.affine import best_affine
from ml.events import Event, Figure, Table
from ml.experiment import InstantExperiment, Preset
from ml.lanes import Lanes
from ml.nn import MLP, Linear, count_parameters, gaussian


class AffineCollapse(InstantExperiment):
    """Collapse two affine layers into one, and see that an activation between them forbids it."""

    presets = (
        Preset("book", "Figure 4.1.1", "Four inputs, five hidden units, three outputs.", {}),
        Preset("wide", "Wide", "A hidden layer of 64 still collapses.", {"num_hiddens": 64}),
    )
    verifies = ({}, {"activation": "tanh"})
    breakable = ("collapse",)

    name: Literal["affine_collapse"] = "affine_collapse"
    num_inputs: Annotated[fields.NumInputs, Field(le=32)] = 4
    num_hiddens: Annotated[fields.NumHiddens, Field(le=64)] = 5
    num_outputs: Annotated[fields.NumOutputs, Field(le=32)] = 3
    activation: Annotated[
        fields.Activation, Field(description="What is then put between the layers, to compare.")
    ] = "relu"
    num_examples: int = fields.own(
        200, "Data", "Examples", "Examples that both models answer.", "n", ge=100, le=1000
    )

    @staticmethod
    def collapse(first: Linear, second: Linear) -> tuple[Tensor, Tensor]:
        """The single layer that equals two, (1, d, h) and (1, h, q): weights (1, d, q), biases."""
        assert first.bias is not None
        assert second.bias is not None
        return first.weight @ second.weight, first.bias @ second.weight + second.bias

    @torch.no_grad()
    def answer(self) -> Iterator[Event]:
        """Draw a network, collapse it, compare; then the same with an activation."""
        sizes, normal = (self.num_inputs, self.num_hiddens, self.num_outputs), gaussian(1)
        net = MLP(sizes, self.activation, init=normal, bias_init=normal)(Lanes.one(self.seed))
        first, second = (layer for layer in net.double() if isinstance(layer, Linear))
        generator = draws.generator(self.seed, self.num_examples)
        X = torch.randn(1, self.num_examples, sizes[0], generator=generator, dtype=torch.float64)
        W, b = self.collapse(first, second)
        single, flat, bent = X @ W + b, second(first(X)), net(X)
        apart = float((flat - single).abs().max())
        missed = float((bent[0] - best_affine(X[0], bent[0])).square().mean().sqrt())
        count = count_parameters(net)
        yield Figure.lines(
            "collapse",
            "One layer instead of two",
            f"Without an activation the two layers equal the single one to {apart:.1g}; with"
            f" {self.activation} even the best affine map is off by {missed:.2g}.",
            single[0, :, 0],
            {"no activation": flat[0, :, 0], self.activation: bent[0, :, 0]},
            mode="markers",
            x_label="first output of XW + b",
            y_label="first output of the network",
        )
        yield Table.of(
            "parameters",
            "Parameters",
            {"model": ["MLP", "collapsed"], "parameters": [count, W.numel() + b.numel()]},
        )
        yield self.at_most("(4.1.2) farthest of XW + b from the layers", 1e-10, apart, "words")
        if sizes == (4, 5, 3):
            yield self.equal("parameters of the MLP of Fig. 4.1.1", 43, count)
        if self.num_hiddens >= 4:  # fewer may all be active on every example, and nothing bends
            name = f"(4.1.3) {self.activation}: the best affine map is off by"
            yield self.at_least(name, 1e-3, missed, "words")
