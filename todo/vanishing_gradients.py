"""4.8 Vanishing gradients: a quarter at most for each sigmoid on the way."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from ml import draws
from ml.events import Check, Checkpoint, Event, Figure, Role, Series, Table
from ml.experiment import Experiment, Preset

QUARTER = 0.25  # the largest derivative of the sigmoid
ROUNDING = 1e-9  # of logarithms
LEAST = -300.0  # a logarithm below it is one of 0
ROLES: dict[str, Role] = {"sigmoid": "c3", "tanh": "c4", "relu": "c5"}
PHI: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu,
}  # fmt: skip


class Chain(NamedTuple):
    """What each layer did to the gradient, as log10 after each of L layers: (L,)."""

    path: Tensor  # the largest product of derivatives along any path so far
    spectral: Tensor  # the product of the weights' largest singular values
    jacobian: Tensor  # the norm of the whole Jacobian


class VanishingGradients(Experiment):
    """Follow a gradient through a deep sigmoid net, beside its bound of 1/4 for each layer."""

    section: ClassVar[str] = "4.8"
    instant: ClassVar[bool] = True
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("goldilocks", "Goldilocks zone", "Small weights keep each sigmoid at its steepest.",
            {"std": 0.1},
),
        Preset("normal", "Twenty layers", "Weights of variance 1 / n.", {}),
        Preset("saturated", "Saturated", "Large weights push each sigmoid to its ends.",
            {"std": 10.0},
),
    )  # fmt: skip
    verifies: ClassVar[tuple[dict[str, Any], ...]] = ({}, {"std": 10.0}, {"depth": 50})

    name: Literal["vanishing_gradients"] = "vanishing_gradients"
    depth: int = Field(
        20, ge=1, le=50, description="Layers of the net.",
        json_schema_extra={"group": "Network", "symbol": "L"},
    )  # fmt: skip
    width: int = Field(
        16, ge=1, le=32, description="Units of each layer.",
        json_schema_extra={"group": "Network", "symbol": "n"},
    )  # fmt: skip
    std: float = Field(
        1.0, ge=0.01, le=100, description="Standard deviation of the weights, times the root of n.",
        json_schema_extra={"group": "Network", "symbol": "σ"},
    )  # fmt: skip
    limit: float = Field(
        8.0, gt=0, le=50, description="The sigmoid is drawn from -limit to limit.",
        json_schema_extra={"group": "Figure"},
    )  # fmt: skip

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:  # noqa: ARG002  nothing to resume
        """The sigmoid and its slope; the Jacobian after each layer; the bounds."""
        right = torch.linspace(0, self.limit, 81, dtype=torch.float64)
        x = torch.cat([-right[1:].flip(0), right])  # 0 itself, where the sigmoid is steepest
        slopes = slope(torch.sigmoid, x)
        chains = {name: self.chain(phi) for name, phi in PHI.items()}
        yield self.drawn(x, slopes)
        yield self.followed(chains)
        yield self.table(chains)
        yield from self.claims(float(slopes.max()), chains["sigmoid"])

    def chain(self, phi: Callable[[Tensor], Tensor]) -> Chain:
        """Push one input through the layers, and the Jacobian with it."""
        generator = draws.generator(self.seed, self.depth, self.width)
        n = self.width
        h = torch.randn(n, generator=generator, dtype=torch.float64)
        W = torch.randn(self.depth, n, n, generator=generator, dtype=torch.float64)
        W *= self.std / n**0.5
        M = torch.eye(n, dtype=torch.float64)
        steepest, jacobians = [], []
        for layer in W:
            z = layer @ h
            D = slope(phi, z)
            h, M = phi(z), D[:, None] * (layer @ M)
            steepest.append(D.max())
            jacobians.append(torch.linalg.matrix_norm(M, 2))
        singular = torch.linalg.matrix_norm(W, 2)
        return Chain(
            torch.stack(steepest).log10().cumsum(0), singular.log10().cumsum(0),
            torch.stack(jacobians).log10(),
        )  # fmt: skip

    def claims(self, top: float, chain: Chain) -> Iterator[Check]:
        """The bounds, in log10 so that fifty layers do not underflow; the worst over all depths."""
        bound = torch.arange(1, self.depth + 1) * torch.tensor(QUARTER, dtype=torch.float64).log10()
        path = chain.path - bound
        whole = chain.jacobian - (bound + chain.spectral)
        yield Check.near(self.section, "largest slope of the sigmoid", QUARTER, top, 1e-12)
        for name, excess in (
            ("log10 of the steepest path over 0.25^L", path),
            ("log10 of the Jacobian's norm over 0.25^L times spectral norms", whole),
        ):
            yield Check.at_most(self.section, name, ROUNDING, float(excess.max().clamp(min=LEAST)))

    def drawn(self, x: Tensor, slopes: Tensor) -> Figure:
        """The sigmoid and its derivative."""
        return Figure(
            "sigmoid", "The sigmoid and its gradient",
            f"The gradient is {float(slopes.max()):.4g} at most and {float(slopes[-1]):.1e} at"
            f" x = {self.limit:g}.",
            (
                Series("sigmoid", x.numpy(), torch.sigmoid(x).numpy(), "c3"),
                Series("gradient", x.numpy(), slopes.numpy(), "c4"),
            ),
        )  # fmt: skip

    def followed(self, chains: dict[str, Chain]) -> Figure:
        """Norm of the Jacobian after each layer, one line an activation, and the bound."""
        layers = torch.arange(1, self.depth + 1, dtype=torch.float64)
        sigmoid = chains["sigmoid"]
        bound = layers * torch.tensor(QUARTER).log10() + sigmoid.spectral
        alive = {name: chain.jacobian > LEAST for name, chain in chains.items()}
        lines = [  # each ends where nothing is left of the gradient
            Series(name, layers[left].numpy(), chains[name].jacobian[left].numpy(), ROLES[name])
            for name, left in alive.items()
            if bool(left.any())
        ]
        return Figure(
            "layers", "How much of the gradient is left",
            f"After {self.depth} layers the sigmoid net's Jacobian has norm"
            f" {10 ** float(sigmoid.jacobian[-1]):.1e}, the ReLU net's"
            f" {10 ** float(chains['relu'].jacobian[-1]):.1e}.",
            (*lines, Series("bound for the sigmoid", layers.numpy(), bound.numpy(), "book")),
            x_label="layers", y_label="log10 of the Jacobian's norm",
        )  # fmt: skip

    def table(self, chains: dict[str, Chain]) -> Table:
        """Where each activation ends."""
        return Table(
            "ends", f"After {self.depth} layers, log10",
            ("activation", "steepest path", "Jacobian", "weights' spectral norms"),
            tuple(
                (name, *(finite(line[-1]) for line in (chain.path, chain.jacobian, chain.spectral)))
                for name, chain in chains.items()
            ),
            note="Empty where every path is dead.",
        )  # fmt: skip


def slope(phi: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    """The derivative of an activation elementwise, by autograd."""
    z = z.clone().requires_grad_()
    return torch.autograd.grad(phi(z).sum(), z)[0]


def finite(value: Tensor) -> float | None:
    """The number, or nothing where it is the logarithm of 0."""
    return float(value) if bool(value.isfinite()) else None
