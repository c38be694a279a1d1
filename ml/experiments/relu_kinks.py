"""4.1 Kinks: a ReLU network of one input is piecewise linear (exercise 2)."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from ml import draws
from ml.events import Check, Checkpoint, Event, Figure, Series, Table
from ml.experiment import Experiment, Preset

GRID = 4001  # places at which the slope is asked for, knowing nothing of the kinks
INSIDE = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)  # of each piece
LONG = 1e-6  # pieces shorter than this have no slope worth the name in float64


class Net(NamedTuple):
    """One input, h hidden units, one output: each (h,)."""

    w: Tensor
    b: Tensor
    v: Tensor


class ReluKinks(Experiment):
    """Draw a random ReLU net of one input and find its kinks, one at -b/w for each hidden unit."""

    section: ClassVar[str] = "4.1"
    instant: ClassVar[bool] = True
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("one", "One unit", "One hidden unit bends the line once.", {"num_hiddens": 1}),
        Preset("some", "Eight units", "Eight bends.", {}),
        Preset("leaky", "pReLU", "A slope below zero makes bends milder.", {"alpha": 0.25}),
    )
    verifies: ClassVar[tuple[dict[str, Any], ...]] = ({}, {"alpha": 0.25}, {"num_hiddens": 50})

    name: Literal["relu_kinks"] = "relu_kinks"
    num_hiddens: int = Field(
        8,
        ge=1,
        le=100,
        description="Hidden units.",
        json_schema_extra={"group": "Network", "symbol": "h"},
    )
    alpha: float = Field(
        0.0, ge=0, le=0.9, description="Slope below zero: 0 is the ReLU, more is pReLU.",
        json_schema_extra={"group": "Network", "symbol": "α"},
    )  # fmt: skip
    limit: float = Field(
        4.0, gt=0, le=50, description="x is drawn from -limit to limit.",
        json_schema_extra={"group": "Figure"},
    )  # fmt: skip

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:  # noqa: ARG002  nothing to resume
        """The function, its slope, and where it bends."""
        generator = draws.generator(self.seed, self.num_hiddens)
        net = Net(*torch.randn(3, self.num_hiddens, generator=generator, dtype=torch.float64))
        kinks, order = (-net.b / net.w).sort()
        x = torch.linspace(-self.limit, self.limit, GRID, dtype=torch.float64)
        y, slope = self.both(net, x)
        found = bends(slope)
        yield self.figure(
            ("function", "The network"), (x, y), kinks, self.both(net, kinks)[0], found
        )
        yield self.figure(("slope", "Its slope"), (x, slope), kinks, None, found)
        jumps = (net.v * net.w.abs() * (1 - self.alpha))[order]
        got = self.jumps(net, kinks)
        yield Table(
            "kinks", "Kinks", ("x = -b/w", "slope changes by", "v|w|(1 - α)"),
            tuple(zip(kinks.tolist(), got.tolist(), jumps.tolist(), strict=True)),
        )  # fmt: skip
        wide = (kinks.diff(prepend=kinks[:1] - 2) > LONG) & (
            kinks.diff(append=kinks[-1:] + 2) > LONG
        )
        off = (got - jumps)[wide].abs().max() / jumps.abs().max()
        yield Check.at_most(
            self.section, "kinks found on a grid, at most h", self.num_hiddens, found
        )
        yield Check.at_most(self.section, "bend within a piece", 1e-9, self.curvature(net, kinks))
        yield Check.at_most(self.section, "slope jumps at -b/w by v|w|(1 - α)", 1e-9, float(off))

    def both(self, net: Net, x: Tensor) -> tuple[Tensor, Tensor]:
        """Value and slope, the slope by autograd: (n,) -> (n,), (n,)."""
        x = x.clone().requires_grad_()
        y = activation(x[:, None] * net.w + net.b, self.alpha) @ net.v
        return y.detach(), torch.autograd.grad(y.sum(), x)[0]

    def jumps(self, net: Net, kinks: Tensor) -> Tensor:
        """Slope right of each kink less the slope left of it: (h,)."""
        edges = torch.cat([kinks[:1] - 2, kinks, kinks[-1:] + 2])
        return self.both(net, (edges[1:] + edges[:-1]) / 2)[1].diff()

    def curvature(self, net: Net, kinks: Tensor) -> float:
        """How far a piece's middle is from the mean of its quarters, of the largest value."""
        edges = torch.cat([kinks[:1] - 2, kinks, kinks[-1:] + 2])
        x = edges[:-1, None] + edges.diff()[:, None] * INSIDE
        y = self.both(net, x.flatten())[0].view(-1, 3)
        return float((y[:, 1] - (y[:, 0] + y[:, 2]) / 2).abs().max() / y.abs().max())

    def figure(
        self, names: tuple[str, str], line: tuple[Tensor, Tensor], kinks: Tensor, at: Tensor | None,
        found: int,
    ) -> Figure:  # fmt: skip
        """A line over x, with the kinks that lie in view."""
        (name, title), (x, y) = names, line
        seen = kinks.abs() <= self.limit
        dots = () if at is None else (
            Series("x = -b/w", kinks[seen].numpy(), at[seen].numpy(), "c4", "markers"),
        )  # fmt: skip
        return Figure(
            name, title,
            f"{found} kinks are found between ±{self.limit:g}; {int(seen.sum())} of the"
            f" {self.num_hiddens} units have their -b/w there.",
            (Series(title.lower(), x.numpy(), y.numpy(), "c3"), *dots), x_label="x",
        )  # fmt: skip


def activation(z: Tensor, alpha: float) -> Tensor:
    """max(0, z) + alpha min(0, z) (4.1.5)."""
    return z.clamp(min=0) + alpha * z.clamp(max=0)


def bends(slope: Tensor) -> int:
    """Places of a grid where the slope changes; two kinks between two places count once."""
    return int((slope.diff().abs() > 1e-9 * slope.abs().max()).sum())
