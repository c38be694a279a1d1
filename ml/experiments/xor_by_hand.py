"""4.1 XOR by hand: two ReLU units compute what no affine map can."""

from collections.abc import Iterator
from typing import ClassVar, Literal

import torch
from torch import Tensor

from ml import fields
from ml.affine import best_affine, most_right
from ml.events import Event, Figure, HeatMap, Table
from ml.experiment import InstantExperiment, Preset

CURVED = ("xor", "xnor")  # no line separates their points
SIDE = 21  # places along a side of the map
UNITS = "Hidden units"


class XorByHand(InstantExperiment):
    """Set two ReLU units by hand so that they compute XOR, beside the best affine map."""

    presets = (
        Preset("underfit", "Underfit", "Without a ReLU it is affine.", {"activation": "none"}),
        Preset("right", "Just right", "The second unit wakes only where both inputs are on.", {}),
        Preset("and", "AND", "The second unit alone.", {"operation": "and"}),
    )
    breakable = ("OPERATIONS", "relu", "sums")
    # what is true at 00, 01, 10 and 11; then the read-out: a bias, and a weight for each unit
    OPERATIONS: ClassVar[dict[str, tuple[tuple[float, ...], tuple[float, ...]]]] = {
        "xor": ((0, 1, 1, 0), (0, 1, -2)),
        "and": ((0, 0, 0, 1), (0, 0, 1)),
        "or": ((0, 1, 1, 1), (0, 1, -1)),
        "nand": ((1, 1, 1, 0), (1, 0, -1)),
        "xnor": ((1, 0, 0, 1), (1, -1, 2)),
    }
    verifies = tuple({"operation": op} for op in OPERATIONS)

    name: Literal["xor_by_hand"] = "xor_by_hand"
    operation: Literal["xor", "and", "or", "nand", "xnor"] = fields.own(
        "xor", "Task", "Operation", "The logic operation on two bits."
    )
    second_bias: float = fields.own(
        -1.0,
        UNITS,
        "Second bias",
        "Bias of the second hidden unit; the first has none.",
        "b₂",
        ge=-3,
        le=3,
    )
    activation: Literal["relu", "none"] = fields.own(
        "relu", UNITS, "Activation", "none leaves an affine map."
    )

    @staticmethod
    def relu(z: Tensor) -> Tensor:
        """max(z, 0)."""
        return z.clamp(min=0)

    def sums(self, X: Tensor) -> Tensor:
        """Both units add the inputs; the second is shifted: (n, 2) -> (n, 2)."""
        return X.sum(1, keepdim=True) + torch.tensor([0, self.second_bias], dtype=X.dtype)

    def read(self, H: Tensor) -> Tensor:
        """The output unit: (n, 2) -> (n,)."""
        bias, *weights = self.OPERATIONS[self.operation][1]
        return H @ torch.tensor(weights, dtype=H.dtype) + bias

    def answer(self) -> Iterator[Event]:
        """The four points in a table, a map of the square, and whether it takes the ReLU."""
        op, bent = self.operation, self.activation == "relu"
        X, y = square(2), torch.tensor(self.OPERATIONS[op][0], dtype=torch.float64)
        H, Z = (self.relu(z) if bent else z for z in (self.sums(X), self.sums(square(SIDE))))
        affine = best_affine(X, y[:, None])[:, 0]
        off, unbent = (float((self.read(h) - y).abs().max()) for h in (H, self.sums(X)))
        names = ("x₁", "x₂", "target", "h₁", "h₂", "network", "best affine")
        columns = (*X.T, y, *H.T, self.read(H), affine.round(decimals=12))
        yield Table.of(
            "points",
            "The four points",
            {name: column.tolist() for name, column in zip(names, columns, strict=True)},
        )
        ticks = tuple(f"{i / (SIDE - 1):.2f}" for i in range(SIDE))
        upwards = self.read(Z).view(SIDE, SIDE).T.flip(0)  # x₂ grows upwards
        yield Figure(
            "map",
            f"{op.upper()} over the unit square",
            f"At the four corners the network is off by at most {off:g}.",
            heat_map=HeatMap(ticks, ticks[::-1], upwards.numpy()),
            x_label="x₁",
            y_label="x₂",
        )
        units = "two ReLU units" if bent else "two units without a ReLU"
        yield self.near(f"{op} by {units}: error", 0, off, 0, "words")
        if bent:
            yield self.at_least(f"{op}: error of the same units without a ReLU", 0.5, unbent)
        if op in CURVED:
            mse, most = float((affine - y).square().mean()), most_right(X, y)
            yield self.near(f"{op}: squared error of the best affine map", 0.25, mse, 1e-12)
            yield self.at_most(f"{op}: most points right of any affine map tried", 3, most)


def square(side: int) -> Tensor:
    """A grid over the unit square, x₂ fastest: (side², 2)."""
    ticks = torch.linspace(0, 1, side, dtype=torch.float64)
    return torch.cartesian_prod(ticks, ticks)
