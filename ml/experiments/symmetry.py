"""4.8 Symmetry: hidden units that start alike stay alike, until dropout tells them apart."""

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ml import draws, fields
from ml.events import Check, Event, Figure, Series, Table
from ml.experiment import Preset
from ml.lanes import Lane
from ml.losses import cross_entropy, squared_loss
from ml.nn import MLP, Init, constant
from ml.trains import Fits, Training, TrainingExperiment

POINTS, INPUTS, CLASSES = 400, 2, 3  # half of the points to learn from
ALIKE, APART = 1e-6, 1e-2  # spreads of the units' weights
LONG = 50  # epochs after which a convex loss has forgotten its start


class Symmetry(TrainingExperiment):
    """Start all weights at one constant, with and without dropout, in an MLP and in linear nets."""

    asked: ClassVar[str] = "MLP, constant"  # the book's: units that stay alike
    breakable = ("same", "turn")
    presets = (
        Preset("normal", "Eight units", "Without dropout they act as one.", {}),
        Preset("two", "Two units", "The book's example.", {"num_hiddens": 2, "activation": "tanh"}),
    )
    verifies = ({}, {"num_hiddens": 2, "activation": "tanh"})

    name: Literal["symmetry"] = "symmetry"
    num_hiddens: Annotated[fields.NumHiddens, Field(ge=2, le=256)] = 8
    activation: Literal["relu", "tanh"] = fields.own(
        "relu", "Network", "Activation", "The activation function.", "φ"
    )
    start: float = fields.own(
        0.2, "Network", "Start", "What every parameter is at the start.", "c", ge=0.01, le=1
    )
    dropout: Annotated[fields.Dropout, Field(ge=0.1, le=0.9)] = 0.5
    lr: Annotated[fields.Lr, Field(le=10)] = 0.1
    batch_size: Annotated[fields.BatchSize, Field(le=200)] = 20
    num_epochs: Annotated[fields.NumEpochs, Field(le=2000)] = 100

    @cached_property
    def data(self) -> tuple[Tensor, Tensor, Tensor]:
        """Points in the plane, a bent target with noise, and overlapping classes."""
        generator = draws.generator(self.seed, POINTS)
        X, noise = (torch.randn(POINTS, INPUTS, generator=generator) for _ in range(2))
        y = X[:, :1].abs() - X[:, 1:].clamp(min=0) + 0.1 * noise[:, :1]
        labels = (X.sum(1) + noise[:, 0] > 0).long() + (X[:, 0] + noise[:, 1] > 1).long()
        return X, y, labels[:, None]

    @staticmethod
    def same(value: float) -> Init | None:
        """Every weight and bias at one number (4.8.1)."""
        return constant(value)

    def trainings(self) -> Iterator[Training]:
        """MLPs from a constant and at random, without and with dropout; then two convex models."""
        X, y, labels = self.data
        starts = {"constant": self.same(self.start), "random": None}
        train, valid = torch.arange(POINTS).chunk(2)
        alike: dict[str, Any] = {"train": train, "valid": valid, "lr": self.lr, "seed": self.seed}
        for kind, target, sizes, p in (
            ("MLP", y, (self.num_hiddens, 1), 0.0),
            ("MLP", y, (self.num_hiddens, 1), self.dropout),
            ("linear", y, (1,), 0.0),
            ("softmax", labels, (CLASSES,), 0.0),
        ):
            for how, init in starts.items():
                setting = f"{kind}, {how}" + ", dropout" * bool(p)
                lane = Lane(label=setting, setting=setting, dropout=p, **alike)
                net = MLP((INPUTS, *sizes), self.activation, init=init)
                loss = cross_entropy if target is labels else squared_loss
                yield self.training(f"{kind}, {how}", X, target, [lane], net, loss=loss)

    def results(self, fits: Fits) -> Iterator[Event]:
        """How far the units came apart, and what did not matter."""
        nets = {one.training.lanes.settings[0]: one for one in fits}
        ways = ("MLP, constant", "MLP, constant, dropout", "MLP, random", "MLP, random, dropout")
        incoming = {way: weights_in(nets[way].net) for way in ways}
        apart = {way: spread(w) for way, w in incoming.items()}
        units = [
            Series(way, w[0], w[1], mode="markers", setting=way)
            for way, w in ((way, incoming[way].double().numpy()) for way in ways[:3])
        ]
        title, x, y = "Weights into each hidden unit after training", "weight of x₁", "weight of x₂"
        finding = (
            f"From a constant the {self.num_hiddens} units differ by {apart[ways[0]]:.1g} without"
            f" dropout and by {apart[ways[1]]:.2g} with it."
        )
        yield Figure("units", title, finding, (*units,), x_label=x, y_label=y)
        inputs = incoming[ways[0]][:INPUTS, 0]
        columns: dict[str, Any] = {"run": [*nets], "validation loss": fits.last("valid")}
        columns["spread of the hidden units"] = [apart.get(setting) for setting in nets]
        note = (
            "The book has all of W1 stay equal; the weights of two inputs come apart, by"
            f" {float(inputs.max() - inputs.min()):.2g} here, those of two units do not."
        )
        yield Table.of("ends", "After training", columns, note)
        if any(self.matches(**v, num_epochs=self.num_epochs) for v in self.verifies):
            losses = {way: float(one.last("train")[0]) for way, one in nets.items()}
            single = alone(nets[ways[0]].net, self.data[0], self.activation)
            yield from self.trained(apart, losses, single)
        for name, moved in self.symmetries().items():
            yield self.near(f"{name}: output moves by", 0, moved, 1e-10)

    def trained(
        self, apart: dict[str, float], losses: dict[str, float], single: float
    ) -> Iterator[Check]:
        """What training left alike, what dropout broke, and where the start did not matter."""
        alike, broken = apart["MLP, constant"], apart["MLP, constant, dropout"]
        yield self.at_most("constant start: units apart after SGD", ALIKE, alike, "words")
        if self.num_epochs >= LONG:
            name = "constant start: units apart with dropout"
            yield self.at_least(name, APART, broken, "words")
            for model in ("linear", "softmax"):
                difference = losses[f"{model}, constant"] - losses[f"{model}, random"]
                name = f"{model} regression: loss from a constant less at random"
                yield self.near(name, 0, difference, 1e-3)
        yield self.near("constant start: the net less one unit of it", 0, single, 1e-4, "words")

    def symmetries(self) -> dict[str, float]:
        """How far a random net's output moves under what should not move it (exercise 1)."""
        h, generator = self.num_hiddens, draws.generator(self.seed, self.num_hiddens)
        X, W, b, v = draws.normals(generator, (64, INPUTS), (INPUTS, h), (h,), (h, 1))
        turn, signs = self.turn(h), (-1.0) ** torch.arange(1, h + 1, dtype=torch.float64)
        scale = torch.linspace(0.5, 2, h, dtype=torch.float64)
        others: dict[str, tuple[Any, ...]] = {
            "permuted ReLU units": (torch.relu, W[:, turn], b[turn], v[turn]),
            "tanh units with signs flipped": (torch.tanh, W * signs, b * signs, v * signs[:, None]),
            "ReLU units scaled": (torch.relu, W * scale, b * scale, v / scale[:, None]),
        }
        return {
            name: float((phi(X @ U + c) @ w - phi(X @ W + b) @ v).abs().max())
            for name, (phi, U, c, w) in others.items()
        }

    @staticmethod
    def turn(h: int) -> Tensor:
        """A permutation that leaves no unit in its place."""
        return torch.arange(h).roll(1)


def weights_in(net: nn.Module) -> Tensor:
    """Weights and bias into each hidden unit of a net of one lane: (in + 1, h)."""
    layer = next(net.children())
    return torch.cat([*layer.parameters()], dim=1)[0].detach().cpu()


def spread(weights: Tensor) -> float:
    """How far apart two units are at most: (in + 1, h) -> a number."""
    return float((weights.amax(1) - weights.amin(1)).max())


@torch.no_grad()
def alone(net: nn.Module, X: Tensor, activation: str) -> float:
    """How far a net is from one of its first unit alone, that unit's outgoing weights summed."""
    first, *_, last = net.children()
    (W, b), (v, _) = ([p[0].cpu() for p in layer.parameters()] for layer in (first, last))
    hidden = getattr(torch, activation)(X @ W + b)
    return float((hidden @ v - hidden[:, :1] * v.sum()).abs().max())
