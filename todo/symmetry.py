"""4.8 Symmetry: hidden units that start alike stay alike, until dropout tells them apart."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ml import draws
from ml.device import best_device
from ml.events import Check, Checkpoint, Event, Figure, Series, Table
from ml.experiment import Device, Experiment, Preset
from ml.lanes import Lane, Lanes
from ml.losses import Loss, cross_entropy, squared_loss
from ml.nn import Init, constant, mlp
from ml.optim import SGD
from ml.train import Fitted, Progress, Training, fit, started

POINTS, INPUTS, CLASSES = 400, 2, 3  # half of the points to learn from
ALIKE, APART = 1e-6, 1e-2  # spreads of the units' weights
LONG = 50  # epochs after which a convex loss has forgotten its start
Symmetries = dict[str, float]


class Symmetry(Experiment):
    """Start all weights at one constant, with and without dropout, in an MLP and in linear nets."""

    section: ClassVar[str] = "4.8"
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("normal", "Eight units", "Without dropout they act as one.", {}),
        Preset("two", "Two units", "The book's example.", {"num_hiddens": 2, "activation": "tanh"}),
    )
    verifies: ClassVar[tuple[dict[str, Any], ...]] = ({}, {"num_hiddens": 2, "activation": "tanh"})

    name: Literal["symmetry"] = "symmetry"
    num_hiddens: int = Field(
        8, ge=2, le=256, description="Hidden units.",
        json_schema_extra={"group": "Network", "symbol": "h"},
    )  # fmt: skip
    activation: Literal["relu", "tanh"] = Field(
        "relu", description="The activation function.", json_schema_extra={"group": "Network"}
    )
    start: float = Field(
        0.2, ge=0.01, le=1, description="What every parameter is at the start.",
        json_schema_extra={"group": "Network", "symbol": "c"},
    )  # fmt: skip
    dropout: float = Field(
        0.5, ge=0.1, le=0.9,
        description="Probability of dropping a hidden unit, in the runs with it.",
        json_schema_extra={"group": "Network", "symbol": "p"},
    )  # fmt: skip
    lr: float = Field(
        0.1, gt=0, le=10, description="Learning rate of SGD.",
        json_schema_extra={"group": "Training", "symbol": "η"},
    )  # fmt: skip
    batch_size: int = Field(
        20, ge=1, le=200, description="Points a step.", json_schema_extra={"group": "Training"}
    )
    num_epochs: int = Field(
        100, ge=1, le=2000, description="Passes over the training points.",
        json_schema_extra={"group": "Training"},
    )  # fmt: skip
    device: Device = "auto"

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:
        """Train MLPs from a constant and at random; the same for two convex models."""
        X, y, labels = self.data()
        same = constant(self.start)
        mlps = [
            self.training("MLP, constant", X, y, (0.0, self.dropout), (self.num_hiddens, 1), same),
            self.training("MLP, random", X, y, (0.0, self.dropout), (self.num_hiddens, 1), None),
        ]
        convex = [
            self.training(f"{kind}, {how}", X, target, (0.0,), (outputs,), init)
            for kind, target, outputs in (("linear", y, 1), ("softmax", labels, CLASSES))
            for how, init in (("constant", same), ("random", None))
        ]
        yield from started([*mlps, *convex])
        progress, fitted = Progress(resume), []
        for training in (*mlps, *convex):
            one = yield from fit(training, progress)
            fitted.append(one)
        yield self.drawn(fitted)
        yield self.tabled(fitted)
        yield from self.claims(fitted, X)

    def data(self) -> tuple[Tensor, Tensor, Tensor]:
        """Points in the plane, a bent target with noise, and overlapping classes."""
        generator = draws.generator(self.seed, POINTS)
        X, noise = (torch.randn(POINTS, INPUTS, generator=generator) for _ in range(2))
        y = X[:, :1].abs() - X[:, 1:].clamp(min=0) + 0.1 * noise[:, :1]
        labels = (X.sum(1) + noise[:, 0] > 0).long() + (X[:, 0] + noise[:, 1] > 1).long()
        return X, y, labels[:, None]

    def training(
        self, key: str, X: Tensor, y: Tensor, dropouts: tuple[float, ...], sizes: tuple[int, ...],
        init: Init | None,
    ) -> Training:  # fmt: skip
        """One lane for each strength of dropout."""
        train, valid = torch.arange(POINTS).chunk(2)
        lanes = [
            Lane(
                label=f"{key}, dropout {p:g}" if p else key, train=train, valid=valid, lr=self.lr,
                dropout=p, seed=self.seed,
            )
            for p in dropouts
        ]  # fmt: skip
        loss: Loss = squared_loss if y.is_floating_point() else cross_entropy
        return Training(
            key=key, lanes=Lanes.of(lanes), X=X, y=y, loss=loss, measure=loss,
            measured=loss.__name__, optimizer=SGD, num_epochs=self.num_epochs,
            net=lambda given: mlp(given, (INPUTS, *sizes), activation=self.activation, init=init),
            batch_size=self.batch_size, device=best_device(self.device),
        )  # fmt: skip

    # ---- what is said of it

    def drawn(self, fitted: list[Fitted]) -> Figure:
        """The weights into each hidden unit, a point a unit."""
        same, random = (incoming(one.net) for one in fitted[:2])
        spreads = [spread(weights) for weights in same]
        lines = (
            ("constant", same[0], "c4"),
            ("constant, dropout", same[1], "c3"),
            ("random", random[0], "c5"),
        )
        return Figure(
            "units", "Weights into each hidden unit after training",
            f"From a constant the {self.num_hiddens} units differ by {spreads[0]:.1g} without"
            f" dropout and by {spreads[1]:.2g} with it.",
            tuple(
                Series(label, w[0].numpy(), w[1].numpy(), role, "markers")  # type: ignore[arg-type]
                for label, w, role in lines
            ),
            x_label="weight of x₁", y_label="weight of x₂",
        )  # fmt: skip

    def tabled(self, fitted: list[Fitted]) -> Table:
        """How each run ended."""
        names = ("MLP, constant", "MLP, constant, dropout", "MLP, random", "MLP, random, dropout")
        spreads = [spread(w) for one in fitted[:2] for w in incoming(one.net)]
        losses = [float(loss) for one in fitted for loss in one.curve[-1, 1]]
        inputs = incoming(fitted[0].net)[0, :INPUTS, 0]
        others = ("linear, constant", "linear, random", "softmax, constant", "softmax, random")
        return Table(
            "ends", "After training", ("run", "validation loss", "spread of the hidden units"),
            tuple(zip((*names, *others), losses, (*spreads, *[None] * 4), strict=True)),
            note="The book has all of W1 stay equal; the weights of two inputs come apart, by"
            f" {float(inputs.max() - inputs.min()):.2g} here, those of two units do not.",
        )  # fmt: skip

    def claims(self, fitted: list[Fitted], X: Tensor) -> Iterator[Check]:
        """Symmetries hold at all settings; what training does with them is only claimed at some."""
        if self.is_verified:
            yield from self.trained(fitted, X)
        for name, got in self.symmetries().items():
            yield Check.near(self.section, f"{name}: output moves by", 0, got, 1e-10)

    def trained(self, fitted: list[Fitted], X: Tensor) -> Iterator[Check]:
        """What training left alike, what dropout broke, and where the start did not matter."""
        plain, dropped = (spread(w) for w in incoming(fitted[0].net))
        yield Check.at_most(self.section, "constant start: units apart after SGD", ALIKE, plain)
        if self.num_epochs >= LONG:
            yield Check.at_least(self.section, "constant start: units apart with dropout", APART, dropped)  # fmt: skip # noqa: E501
            for place, name in ((2, "linear"), (4, "softmax")):
                a, b = (float(one.curve[-1, 0, 0]) for one in fitted[place : place + 2])
                yield Check.near(self.section, f"{name} regression: loss from a constant less at random", 0, a - b, 1e-3)  # fmt: skip # noqa: E501
        single = alone(fitted[0].net, X, self.activation)
        yield Check.near(
            self.section, "constant start: the net less one unit of it", 0, single, 1e-4
        )

    @property
    def is_verified(self) -> bool:
        """Whether these settings are verified: a small rate takes longer, a large one explodes."""
        free = {"seed", "device", "num_epochs"}
        verified = [type(self)(**values).model_dump(exclude=free) for values in self.verifies]
        return self.model_dump(exclude=free) in verified

    def symmetries(self) -> Symmetries:
        """How far a random net's output moves under what should not move it (exercise 1)."""
        generator = draws.generator(self.seed, self.num_hiddens)
        h = self.num_hiddens
        shapes = ((64, INPUTS), (INPUTS, h), (h,), (h, 1))
        X, W, b, v = (torch.randn(*s, generator=generator, dtype=torch.float64) for s in shapes)
        turn, signs = moved_on(h), torch.ones(h, dtype=torch.float64)
        signs[::2] = -1
        scale = torch.linspace(0.5, 2, h, dtype=torch.float64)
        relu, tanh = (phi(X @ W + b) @ v for phi in (torch.relu, torch.tanh))
        moved = {
            "permuted ReLU units": torch.relu(X @ W[:, turn] + b[turn]) @ v[turn] - relu,
            "tanh units with signs flipped": torch.tanh(X @ (W * signs) + b * signs)
            @ (v * signs[:, None])
            - tanh,
            "ReLU units scaled": torch.relu(X @ (W * scale) + b * scale) @ (v / scale[:, None])
            - relu,
        }
        return {name: float(difference.abs().max()) for name, difference in moved.items()}


def moved_on(h: int) -> Tensor:
    """A permutation that leaves no unit in its place."""
    return torch.arange(h).roll(1)


def incoming(net: nn.Module) -> Tensor:
    """Weights and bias into each hidden unit, lane by lane: (L, in + 1, h)."""
    layer = next(net.children())
    return torch.cat([*layer.parameters()], dim=1).detach().cpu()


def spread(weights: Tensor) -> float:
    """How far apart two units are at most: (in + 1, h) -> a number."""
    return float((weights.amax(1) - weights.amin(1)).max())


@torch.no_grad()
def alone(net: nn.Module, X: Tensor, activation: str) -> float:
    """How far lane 0 is from a net of its first unit, that unit's outgoing weights summed."""
    first, *_, last = net.children()
    (W, b), (v, c) = ([p[0].cpu() for p in layer.parameters()] for layer in (first, last))
    phi = torch.relu if activation == "relu" else torch.tanh
    hidden = phi(X @ W + b)
    return float((hidden @ v - hidden[:, :1] * v.sum()).abs().max()) if c is not None else 0.0
