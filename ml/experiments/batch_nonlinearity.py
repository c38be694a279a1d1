"""4.1 A nonlinearity over the minibatch: an answer then depends on its batch mates (exercise 4)."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from ml import draws
from ml.events import Check, Checkpoint, Event, Figure, Series, Table
from ml.experiment import Experiment, Preset

Kind = Literal["standardise", "centre", "softmax"]
OVER_BATCH: dict[str, Callable[[Tensor], Tensor]] = {  # (..., n, h) -> (..., n, h)
    "standardise": lambda z: (z - z.mean(-2, keepdim=True)) / (z.var(-2, keepdim=True, correction=0) + 1e-5).sqrt(),  # noqa: E501
    "centre": lambda z: torch.tanh(z - z.mean(-2, keepdim=True)),
    "softmax": lambda z: z.softmax(-2),
}  # fmt: skip
STEPS = 81
MOVES = 1e-12  # above rounding: a softmax over the batch may be almost flat


class BatchNonlinearity(Experiment):
    """Let a nonlinearity see the whole minibatch: one answer then moves with another example."""

    section: ClassVar[str] = "4.1"
    instant: ClassVar[bool] = True
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("small", "Batch of 2", "Standardised, a pair only says which one is larger.",
            {"batch_size": 2},
),
        Preset("large", "Batch of 64", "Each mate matters little, none not at all.",
            {"batch_size": 64},
        ),
    )  # fmt: skip
    verifies: ClassVar[tuple[dict[str, Any], ...]] = ({}, {"kind": "centre"}, {"kind": "softmax"})

    name: Literal["batch_nonlinearity"] = "batch_nonlinearity"
    kind: Kind = Field(
        "standardise",
        description="What is done over the minibatch: standardise, centre then tanh, softmax.",
        json_schema_extra={"group": "Network"},
    )
    num_hiddens: int = Field(
        8,
        ge=1,
        le=64,
        description="Hidden units.",
        json_schema_extra={"group": "Network", "symbol": "h"},
    )
    batch_size: int = Field(
        8, ge=2, le=64, description="Examples in the minibatch.",
        json_schema_extra={"group": "Data", "symbol": "n"},
    )  # fmt: skip
    reach: float = Field(
        4.0, ge=0.1, le=20, description="One mate's inputs are moved from -reach to reach.",
        json_schema_extra={"group": "Data"},
    )  # fmt: skip

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:  # noqa: ARG002  nothing to resume
        """Move the second example, and read off the first one's output."""
        generator = draws.generator(self.seed, self.batch_size)
        X, W, v = (
            torch.randn(*shape, generator=generator, dtype=torch.float64)
            for shape in ((self.batch_size, 4), (4, self.num_hiddens), (self.num_hiddens, 1))
        )
        shift = torch.linspace(-self.reach, self.reach, STEPS, dtype=torch.float64)
        batches = X.expand(STEPS, -1, -1).clone()
        batches[:, 1] += shift[:, None]
        phis = {"ReLU, each element alone": alone, f"{self.kind}, over the batch": self.phi}
        outputs = {name: (phi(batches @ W) @ v)[:, 0, 0] for name, phi in phis.items()}
        pulls = [pull(phi, X, W, v) for phi in phis.values()]
        ranges = [float(y.max() - y.min()) for y in outputs.values()]
        yield Figure(
            "mates", "The first example's output while the second moves",
            f"Alone the output moves by {ranges[0]:.2g}, over the batch by {ranges[1]:.2g}.",
            tuple(
                Series(name, shift.numpy(), y.numpy(), "c3" if i == 0 else "c4")
                for i, (name, y) in enumerate(outputs.items())
            ), x_label="shift of the second example", y_label="output of the first",
        )  # fmt: skip
        yield Table(
            "pulls", "Largest derivative of the first output by a mate's input",
            ("nonlinearity", "derivative"), tuple(zip(phis, pulls, strict=True)),
        )  # fmt: skip
        yield Check.near(self.section, "elementwise: pull of the mates", 0.0, pulls[0], 0.0)
        yield Check.near(self.section, "elementwise: output moves by", 0.0, ranges[0], 1e-12)
        yield Check.at_least(self.section, f"{self.kind}: pull of the mates", MOVES, pulls[1])
        yield Check.at_least(self.section, f"{self.kind}: output moves by", MOVES, ranges[1])

    def phi(self, z: Tensor) -> Tensor:
        """The nonlinearity that sees all examples: (..., n, h) -> (..., n, h)."""
        return OVER_BATCH[self.kind](z)


def alone(z: Tensor) -> Tensor:
    """The ReLU: no element sees another."""
    return z.clamp(min=0)


def pull(phi: Callable[[Tensor], Tensor], X: Tensor, W: Tensor, v: Tensor) -> float:
    """Largest |derivative| of the first output by any input of another example."""
    X = X.clone().requires_grad_()
    (grad,) = torch.autograd.grad((phi(X @ W) @ v)[0, 0], X)
    return float(grad[1:].abs().max())
