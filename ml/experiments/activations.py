"""4.1 Activation functions: their curves, and their derivatives by autograd."""

from collections.abc import Callable, Iterator
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from ml.events import Check, Checkpoint, Event, Figure, Series
from ml.experiment import Experiment

EXACT = 1e-15  # what float64 rounds off


class Activations(Experiment):
    """Draw ReLU, pReLU, sigmoid and tanh with their derivatives, and test what 4.1.2 claims."""

    section: ClassVar[str] = "4.1"
    instant: ClassVar[bool] = True

    name: Literal["activations"] = "activations"
    alpha: float = Field(
        0.25, ge=0, le=1, description="Slope of pReLU below zero.",
        json_schema_extra={"group": "Activation", "symbol": "α"},
    )  # fmt: skip
    limit: float = Field(
        8.0, gt=0, le=50, description="x runs from -limit to limit.",
        json_schema_extra={"group": "Activation"},
    )  # fmt: skip
    step: float = Field(
        0.1, ge=0.01, le=1, description="Distance between two values of x.",
        json_schema_extra={"group": "Activation", "symbol": "Δx"},
    )  # fmt: skip

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:  # noqa: ARG002  nothing to resume
        """Two figures and the checks; no training."""
        x = torch.arange(-self.limit, self.limit, self.step, dtype=torch.float64)
        values = {name: f(x) for name, f in self.functions().items()}
        slopes = {name: derivative(f, x) for name, f in self.functions().items()}
        yield figure(
            "values",
            "Activation functions",
            "ReLU and pReLU have a kink at 0; sigmoid and tanh are smooth and saturate.",
            x,
            values,
        )
        yield figure(
            "derivatives", "Their derivatives",
            "Where sigmoid and tanh saturate the gradient vanishes; the ReLU keeps it or drops it.",
            x, slopes, "f′(x)",
        )  # fmt: skip
        yield from self.claims(x, values, slopes)

    def functions(self) -> dict[str, Callable[[Tensor], Tensor]]:
        """The four of 4.1.2."""
        return {
            "ReLU": torch.relu,
            "pReLU": lambda x: x.clamp(min=0) + self.alpha * x.clamp(max=0),
            "sigmoid": torch.sigmoid,
            "tanh": torch.tanh,
        }

    def claims(
        self, x: Tensor, values: dict[str, Tensor], slopes: dict[str, Tensor]
    ) -> Iterator[Check]:
        """Each sentence of 4.1.2 that has a number in it; s and t are by its formulas, with exp."""
        s, t = 1 / (1 + (-x).exp()), (1 - (-2 * x).exp()) / (1 + (-2 * x).exp())
        zero = torch.zeros(1, dtype=torch.float64)
        straight = torch.where(x > 0, 1.0, torch.tensor(self.alpha, dtype=x.dtype))
        apart = {
            "ReLU' is 1 above 0 and 0 below": (slopes["ReLU"] - (x > 0).double())[x != 0],
            "ReLU' at 0": derivative(torch.relu, zero),
            "pReLU' is 1 or alpha": (slopes["pReLU"] - straight)[x != 0],
            "sigmoid' = s(1 - s)": slopes["sigmoid"] - s * (1 - s),
            "tanh' = 1 - tanh^2": slopes["tanh"] - (1 - t**2),
            "tanh(x) + 1 = 2 sigmoid(2x)": values["tanh"] + 1 - 2 * torch.sigmoid(2 * x),
        }
        for name, off in apart.items():
            yield Check.near(self.section, name, 0.0, float(off.abs().max()), EXACT)
        for name, expected, f in (("sigmoid", 0.25, torch.sigmoid), ("tanh", 1.0, torch.tanh)):
            top = float(derivative(f, torch.cat([x, zero])).max())
            yield Check.near(self.section, f"largest {name}'", expected, top, EXACT)


def derivative(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """f'(x) elementwise by autograd: (n,) -> (n,)."""
    x = x.clone().requires_grad_()
    return torch.autograd.grad(f(x).sum(), x)[0]


def figure(
    name: str, title: str, finding: str, x: Tensor, lines: dict[str, Tensor], y_label: str = "f(x)"
) -> Figure:
    """One line a function."""
    roles = ("c3", "c4", "c5", "c6")
    series = (
        Series(label, x.numpy(), y.numpy(), role)  # type: ignore[arg-type]  # a literal of Role
        for (label, y), role in zip(lines.items(), roles, strict=True)
    )
    return Figure(name, title, finding, tuple(series), x_label="x", y_label=y_label)
