"""4.1 Affine collapse: layers without an activation are one layer (4.1.2)."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from ml import draws
from ml.events import Check, Checkpoint, Event, Figure, Series, Table
from ml.experiment import Experiment, Preset
from ml.lanes import Lane, Lanes
from ml.nn import count_parameters, mlp

FIGURE_4_1_1 = (4, 5, 3)  # inputs, hidden units, outputs drawn there
PHI: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh,
}  # fmt: skip


class AffineCollapse(Experiment):
    """Collapse two affine layers into one, and see that an activation between them forbids it."""

    section: ClassVar[str] = "4.1"
    instant: ClassVar[bool] = True
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("book", "Figure 4.1.1", "Four inputs, five hidden units, three outputs.", {}),
        Preset("wide", "Wide", "A hidden layer of 64 still collapses.", {"num_hiddens": 64}),
    )
    verifies: ClassVar[tuple[dict[str, Any], ...]] = ({}, {"activation": "tanh"})

    name: Literal["affine_collapse"] = "affine_collapse"
    num_inputs: int = Field(
        4, ge=1, le=32, description="Features of an example.",
        json_schema_extra={"group": "Network", "symbol": "d"},
    )  # fmt: skip
    num_hiddens: int = Field(
        5,
        ge=1,
        le=64,
        description="Hidden units.",
        json_schema_extra={"group": "Network", "symbol": "h"},
    )
    num_outputs: int = Field(
        3,
        ge=1,
        le=32,
        description="Outputs.",
        json_schema_extra={"group": "Network", "symbol": "q"},
    )
    activation: Literal["relu", "sigmoid", "tanh"] = Field(
        "relu", description="What is then put between the layers, to compare.",
        json_schema_extra={"group": "Network", "symbol": "σ"},
    )  # fmt: skip
    num_examples: int = Field(
        200, ge=100, le=1000, description="Examples that both models answer.",
        json_schema_extra={"group": "Data", "symbol": "n"},
    )  # fmt: skip

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:  # noqa: ARG002  nothing to resume
        """Draw a network, collapse it, compare; then the same with an activation."""
        d, h, q = self.sizes
        X, W1, b1, W2, b2 = self.drawn(self.num_examples, d), *self.layer(d, h), *self.layer(h, q)
        W, b = collapse(W1, b1, W2, b2)
        flat = (X @ W1 + b1) @ W2 + b2
        bent = PHI[self.activation](X @ W1 + b1) @ W2 + b2
        apart, missed = float((flat - (X @ W + b)).abs().max()), residual(X, bent)
        yield self.figure(X @ W + b, flat, bent, apart)
        yield Table(
            "parameters", "Parameters", ("model", "parameters"),
            (("MLP", float(self.counted())), ("collapsed", float(W.numel() + b.numel()))),
        )  # fmt: skip
        yield Check.at_most(
            self.section, "(4.1.2) farthest of XW + b from the layers", 1e-10, apart
        )
        if self.sizes == FIGURE_4_1_1:
            count = self.counted()
            yield Check.near(self.section, "parameters of the MLP of Fig. 4.1.1", 43, count, 0)
        if h >= 4:  # fewer units may all be active on every example, and then nothing bends
            yield Check.at_least(
                self.section, f"(4.1.3) {self.activation}: the best affine map is off by",
                1e-3, missed,
            )  # fmt: skip

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Inputs, hidden units, outputs."""
        return self.num_inputs, self.num_hiddens, self.num_outputs

    def drawn(self, *shape: int) -> Tensor:
        """Standard normal numbers; the shape is part of the seed."""
        generator = draws.generator(self.seed, *shape)
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    def layer(self, num_inputs: int, num_outputs: int) -> tuple[Tensor, Tensor]:
        """Weights (in, out) and biases (1, out)."""
        return self.drawn(num_inputs, num_outputs), self.drawn(1, num_outputs)

    def counted(self) -> int:
        """Parameters of the same MLP as the rest of the chapter builds it."""
        row = torch.arange(1)
        lanes = Lanes.of([Lane(label="one", train=row, valid=row, lr=1.0, seed=self.seed)])
        return count_parameters(mlp(lanes, self.sizes))

    def figure(self, collapsed: Tensor, flat: Tensor, bent: Tensor, apart: float) -> Figure:
        """First output of both networks over that of the single layer."""
        x = collapsed[:, 0].numpy()
        return Figure(
            "collapse", "One layer instead of two",
            f"Without an activation the two layers equal the single one to {apart:.1g}; with"
            f" {self.activation} the points leave the diagonal.",
            (
                Series("no activation", x, flat[:, 0].numpy(), "c3", "markers"),
                Series(self.activation, x, bent[:, 0].numpy(), "c4", "markers"),
            ),
            x_label="first output of XW + b", y_label="first output of the network",
        )  # fmt: skip


def collapse(W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor) -> tuple[Tensor, Tensor]:
    """The single layer that equals two: (d, h), (1, h), (h, q), (1, q) -> (d, q), (1, q)."""
    return W1 @ W2, b1 @ W2 + b2


def residual(X: Tensor, y: Tensor) -> float:
    """Root mean squared error of the best affine map from X (n, d) to y (n, q)."""
    ones = torch.cat([X, torch.ones(len(X), 1, dtype=X.dtype)], dim=1)
    return float((y - ones @ torch.linalg.lstsq(ones, y).solution).square().mean().sqrt())
