"""4.1 Kinks: a ReLU network of one input is piecewise linear (exercise 2)."""

from collections.abc import Iterator
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from ml import draws, fields, nn
from ml.events import Event, Figure, Series, Table
from ml.experiment import InstantExperiment, Preset

PLACES = 4001  # at which the slope is asked for, knowing nothing of the kinks
INSIDE = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)  # of each piece
LONG = 1e-6  # pieces shorter than this have no slope worth the name in float64
ROUNDING = 1e-9  # of the largest value or slope


class ReluKinks(InstantExperiment):
    """Draw a random ReLU net of one input and find its kinks, one at -b/w for each hidden unit."""

    presets = (
        Preset("one", "One unit", "One hidden unit bends the line once.", {"num_hiddens": 1}),
        Preset("some", "Eight units", "Eight bends.", {}),
        Preset("leaky", "pReLU", "A slope below zero makes bends milder.", {"alpha": 0.25}),
    )
    verifies = ({}, {"alpha": 0.25}, {"num_hiddens": 50})

    name: Literal["relu_kinks"] = "relu_kinks"
    num_hiddens: Annotated[fields.NumHiddens, Field(le=100)] = 8
    alpha: fields.Alpha = 0.0
    limit: fields.Limit = 4.0

    def network(self, wbv: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Value, and slope by autograd, of weights, biases and read-out (3, h) at x (n,)."""
        (w, b, v), x = wbv, x.clone().requires_grad_()
        y = nn.prelu(x[:, None] * w + b, self.alpha) @ v
        return y.detach(), torch.autograd.grad(y.sum(), x)[0]

    def answer(self) -> Iterator[Event]:
        """Where it bends: on a grid that knows nothing of its weights, then at -b/w."""
        h, generator = self.num_hiddens, draws.generator(self.seed, self.num_hiddens)
        w, b, v = wbv = torch.randn(3, h, generator=generator, dtype=torch.float64)
        kinks, order = (-b / w).sort()
        x = torch.linspace(-self.limit, self.limit, PLACES, dtype=torch.float64)
        y, slope = self.network(wbv, x)
        # two kinks between two places count once
        count = int((slope.diff().abs() > ROUNDING * slope.abs().max()).sum())
        seen = kinks[kinks.abs() <= self.limit]
        finding = (
            f"{count} kinks are found between ±{self.limit:g}; {len(seen)} of the {h} units have"
            " their -b/w there."
        )
        dots = Series("x = -b/w", seen.numpy(), self.network(wbv, seen)[0].numpy(), mode="markers")
        yield Figure.lines("function", "The network", finding, x, {"the network": y}, dots)
        yield Figure.lines("slope", "Its slope", finding, x, {"its slope": slope})
        edges = torch.cat([kinks[:1] - 2, kinks, kinks[-1:] + 2])  # of the h + 1 pieces
        inside = edges[:-1, None] + edges.diff()[:, None] * INSIDE
        y, slope = (values.view(-1, 3) for values in self.network(wbv, inside.flatten()))
        bend = (y[:, 1] - (y[:, 0] + y[:, 2]) / 2).abs().max() / y.abs().max()
        jumps, long = slope[:, 1].diff(), edges.diff() > LONG
        by_weights = (v * w.abs() * (1 - self.alpha))[order]
        off = (jumps - by_weights)[long[1:] & long[:-1]].abs().max() / (v * w).abs().max()
        columns = {"x = -b/w": kinks, "slope changes by": jumps, "v|w|(1 - α)": by_weights}
        yield Table.of("kinks", "Kinks", {name: c.numpy() for name, c in columns.items()})
        yield self.at_most("kinks found on a grid, at most h", h, count)
        yield self.at_most("bend within a piece", ROUNDING, float(bend), "words")
        yield self.at_most("slope jumps at -b/w by v|w|(1 - α)", ROUNDING, float(off))
