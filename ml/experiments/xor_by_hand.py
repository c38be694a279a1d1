"""4.1 XOR by hand: two ReLU units compute what no affine map can."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from ml.events import Check, Checkpoint, Event, Figure, HeatMap, Table
from ml.experiment import Experiment, Preset

Operation = Literal["xor", "and", "or", "nand", "xnor"]
TRUTH: dict[str, tuple[float, float, float, float]] = {
    "xor": (0, 1, 1, 0), "and": (0, 0, 0, 1), "or": (0, 1, 1, 1),
    "nand": (1, 1, 1, 0), "xnor": (1, 0, 0, 1),
}  # fmt: skip
READ_OUT: dict[str, tuple[float, float, float]] = {  # bias, then a weight for each hidden unit
    "xor": (0, 1, -2), "and": (0, 0, 1), "or": (0, 1, -1), "nand": (1, 0, -1), "xnor": (1, -1, 2),
}  # fmt: skip
CURVED = ("xor", "xnor")  # no line separates their points
SIDE = 21  # places along a side of the map


class XorByHand(Experiment):
    """Set two ReLU units by hand so that they compute XOR, beside the best affine map."""

    section: ClassVar[str] = "4.1"
    instant: ClassVar[bool] = True
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("underfit", "Underfit", "Without an activation it is an affine map.",
            {"activation": "none"},
        ),
        Preset("right", "Just right", "The second unit wakes only where both inputs are on.", {}),
        Preset("and", "AND", "The second unit alone.", {"operation": "and"}),
    )  # fmt: skip
    verifies: ClassVar[tuple[dict[str, Any], ...]] = tuple({"operation": name} for name in TRUTH)

    name: Literal["xor_by_hand"] = "xor_by_hand"
    operation: Operation = Field(
        "xor", description="The logic operation on two bits.", json_schema_extra={"group": "Task"}
    )
    second_bias: float = Field(
        -1.0, ge=-3, le=3, description="Bias of the second hidden unit; the first has none.",
        json_schema_extra={"group": "Hidden units", "symbol": "b₂"},
    )  # fmt: skip
    activation: Literal["relu", "none"] = Field(
        "relu",
        description="none leaves an affine map.",
        json_schema_extra={"group": "Hidden units"},
    )

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:  # noqa: ARG002  nothing to resume
        """A table of the four points, a map of the square, the claims."""
        corners, y = square(2), torch.tensor(TRUTH[self.operation], dtype=torch.float64)
        H = self.hidden(corners)
        o, line = self.read(H), best_affine(corners, y)
        yield Table(
            "points", "The four points",
            ("x₁", "x₂", "target", "h₁", "h₂", "network", "best affine"),
            tuple(
                tuple(row) for row in torch.cat(
                    [corners, y[:, None], H, o[:, None], line[:, None]], dim=1
                ).round(decimals=12).tolist()
            ),
        )  # fmt: skip
        yield self.figure(float((o - y).abs().max()))
        if self.second_bias == -1 and self.activation == "relu":
            wrong = float((o - y).abs().max())
            yield Check.near(
                self.section, f"{self.operation} by two ReLU units: error", 0, wrong, 0
            )
        if self.operation in CURVED:
            mse, most = float((line - y).square().mean()), most_right(y)
            name = self.operation
            yield Check.near(self.section, f"{name}: squared error of the best affine map", 0.25, mse, 1e-12)  # fmt: skip # noqa: E501
            yield Check.at_most(self.section, f"{name}: most points right of any affine map tried", 3, most)  # fmt: skip # noqa: E501

    def hidden(self, X: Tensor) -> Tensor:
        """Both units add the inputs; the second is shifted: (n, 2) -> (n, 2)."""
        z = X.sum(1, keepdim=True) + torch.tensor([0, self.second_bias], dtype=X.dtype)
        return relu(z) if self.activation == "relu" else z

    def read(self, H: Tensor) -> Tensor:
        """The output unit: (n, 2) -> (n,)."""
        bias, *weights = READ_OUT[self.operation]
        return H @ torch.tensor(weights, dtype=H.dtype) + bias

    def figure(self, wrong: float) -> Figure:
        """The network's output over the unit square."""
        z = self.read(self.hidden(square(SIDE))).view(SIDE, SIDE).T
        ticks = tuple(f"{i / (SIDE - 1):.2f}" for i in range(SIDE))
        return Figure(
            "map", f"{self.operation.upper()} over the unit square",
            f"At the four corners the network is off by at most {wrong:g}.",
            heat_map=HeatMap(ticks, ticks[::-1], z.flip(0).numpy()),  # x₂ grows upwards
            x_label="x₁", y_label="x₂",
        )  # fmt: skip


def relu(z: Tensor) -> Tensor:
    """max(z, 0)."""
    return z.clamp(min=0)


def square(side: int) -> Tensor:
    """A grid over the unit square, x₂ fastest: (side², 2)."""
    ticks = torch.linspace(0, 1, side, dtype=torch.float64)
    return torch.cartesian_prod(ticks, ticks)


def best_affine(X: Tensor, y: Tensor) -> Tensor:
    """What the least-squares affine map answers: (n, 2), (n,) -> (n,)."""
    ones = torch.cat([X, torch.ones(len(X), 1, dtype=X.dtype)], dim=1)
    weights: Tensor = torch.linalg.lstsq(ones, y[:, None]).solution
    return ones @ weights[:, 0]


def most_right(y: Tensor) -> float:
    """Most of the four points that 9,261 affine maps put on their side of 1/2."""
    ticks = torch.linspace(-2, 2, 21, dtype=torch.float64)
    maps = torch.cartesian_prod(ticks, ticks, ticks)  # (m, 3)
    answers = maps[:, :2] @ square(2).T + maps[:, 2:]
    right = ((answers > 0.5) == (y > 0.5)).sum(1)
    return float(right.max())
