"""4.8 Layer-wise rates: each layer moves by a share of its own length (LARS, You et al., 2017)."""

from collections.abc import Callable, Generator, Iterator
from functools import partial
from math import inf, isfinite
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from ml import draws
from ml.events import Check, Checkpoint, Epoch, Event, Figure, Note, Role, Series, Table
from ml.experiment import Diverged, Experiment, Preset
from ml.lanes import Lane, Lanes
from ml.losses import squared_loss
from ml.nn import gaussian, mlp, zeros
from ml.optim import SGD, Optimizer
from ml.train import Progress, Training, fit, started

POINTS, INPUTS = 128, 8  # half of the points to learn from
SMALLER = 100  # plain SGD is also tried with a rate so many times smaller
SMALL = torch.finfo(torch.float32).tiny  # for layers without a gradient
ROLES: tuple[Role, ...] = ("c3", "c4", "c5")


class LayerWise(Optimizer):
    """SGD whose layers each have the rate lr (1 - t / T) ||w|| / ||g||; a bias is of its layer."""

    def __init__(self, net: nn.Module, lanes: Lanes, *, num_steps: int) -> None:
        super().__init__(net, lanes)
        self.num_steps = num_steps
        layers = [layer for layer in net.children() if [*layer.parameters()]]
        lengths = [sum(p[0].numel() for p in layer.parameters()) for layer in layers]
        of = torch.arange(len(layers)).repeat_interleave(torch.tensor(lengths))
        self.layer = of.to(self.t.device)  # (P,) the layer of each parameter

    def update(self, value: Tensor, grad: Tensor) -> None:
        """value -= rate grad, layer by layer."""
        eta = self.lr * (1 - (self.t - 1) / self.num_steps)
        value.sub_((eta * self.trust(value, grad))[:, self.layer] * grad)

    def trust(self, value: Tensor, grad: Tensor) -> Tensor:
        """How long each layer is beside its gradient: (L, P), (L, P) -> (L, layers)."""
        return self.lengths(value) / self.lengths(grad).clamp(min=SMALL)

    def lengths(self, rows: Tensor) -> Tensor:
        """Norm of each layer's part of a row, as double: a square may overflow."""
        squares = rows.new_zeros(len(rows), int(self.layer[-1]) + 1, dtype=torch.float64)
        return squares.index_add_(1, self.layer, rows.double().square()).sqrt()


class LayerwiseRates(Experiment):
    """Train a deep ReLU net with one rate for all layers, and with a rate for each layer."""

    section: ClassVar[str] = "4.8"
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("normal", "Ten layers", "One rate for all of them explodes.", {}),
        Preset("small", "He's width", "The scale stays, and plain SGD learns, too.", {"std": 0.25}),
        Preset("wide", "Wide weights", "Finite, but units die, and learning stalls.", {"std": 1}),
    )  # fmt: skip
    verifies: ClassVar[tuple[dict[str, Any], ...]] = ({},)

    name: Literal["layerwise_rates"] = "layerwise_rates"
    depth: int = Field(
        10, ge=1, le=16, description="Hidden layers.",
        json_schema_extra={"group": "Network", "symbol": "L"},
    )  # fmt: skip
    width: int = Field(
        32, ge=4, le=64, description="Units of each hidden layer.",
        json_schema_extra={"group": "Network", "symbol": "h"},
    )  # fmt: skip
    std: float = Field(
        0.35, ge=0.05, le=1, description="Standard deviation of the weights at the start.",
        json_schema_extra={"group": "Network", "symbol": "σ"},
    )  # fmt: skip
    lr: float = Field(
        0.01, gt=0, le=1, description="Learning rate of SGD, and each layer's largest share.",
        json_schema_extra={"group": "Training", "symbol": "η"},
    )  # fmt: skip
    num_epochs: int = Field(
        400, ge=2, le=2000, description="Steps, each on all points.",
        json_schema_extra={"group": "Training", "symbol": "T"},
    )  # fmt: skip

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:
        """Three trainings from one start; whichever explodes is left behind."""
        layerwise = partial(LayerWise, num_steps=self.num_epochs)
        trainings = [
            self.training("layer-wise", self.lr, layerwise),
            self.training("SGD", self.lr, SGD),
            self.training(f"SGD, a {SMALLER}th of the rate", self.lr / SMALLER, SGD),
        ]
        yield from started(trainings)
        progress, curves = Progress(resume), dict[str, list[float]]()
        for training in trainings:
            curves[training.key] = yield from endured(training, progress)
        yield self.drawn(curves)
        yield Table(
            "ends", f"Loss of {self.depth} hidden layers",
            ("rate", "finite steps", "after the first step", "least", "last"),
            tuple(
                (key, len(c), *((c[0], min(c)) if c else (None, None)), finite(self.last(c)))
                for key, c in curves.items()
            ),
            note="Empty where it is no finite number. From weights of standard deviation 1.0"
            " layer-wise rates stay finite, too, but stall: units die, and all training points get"
            " one answer.",
        )  # fmt: skip
        yield from self.claims(*curves.values())

    def training(
        self, key: str, lr: float, optimizer: Callable[[nn.Module, Lanes], Optimizer]
    ) -> Training:
        """One lane, all of its points at a step."""
        generator = draws.generator(self.seed, POINTS, INPUTS)
        X = torch.randn(POINTS, INPUTS, generator=generator)
        y = torch.sin(X @ torch.randn(INPUTS, 1, generator=generator))
        train, valid = torch.arange(POINTS).chunk(2)
        lane = Lane(label=key, train=train, valid=valid, lr=lr, seed=self.seed)
        sizes = (INPUTS, *[self.width] * self.depth, 1)
        return Training(
            key=key, lanes=Lanes.of([lane]), X=X, y=y, loss=squared_loss, measure=squared_loss,
            measured="squared_loss", optimizer=optimizer, num_epochs=self.num_epochs,
            net=lambda given: mlp(given, sizes, init=gaussian(self.std), bias_init=zeros),
            batch_size=len(train),
        )  # fmt: skip

    # ---- what is said of it

    def drawn(self, curves: dict[str, list[float]]) -> Figure:
        """Training loss after each step, as far as it is finite."""
        last = {key: self.last(curve) for key, curve in curves.items()}
        ends = {key: f"{loss:.2g}" if loss < inf else "no number" for key, loss in last.items()}
        return Figure(
            "loss", "Training loss after each step",
            "After the last step it is "
            + ", ".join(f"{end} with {key}" for key, end in ends.items())
            + ".",
            tuple(
                Series(key, np.arange(1.0, len(curve) + 1), np.array(curve), role)
                for (key, curve), role in zip(curves.items(), ROLES, strict=True)
                if curve
            ),
            x_label="step", y_label="squared loss", y_scale="log",
        )  # fmt: skip

    def last(self, curve: list[float]) -> float:
        """The loss after the last step; infinite where training left the finite numbers."""
        return curve[-1] if len(curve) == self.num_epochs else inf

    def claims(self, *curves: list[float]) -> Iterator[Check]:
        """Of the exercise's setting, whatever the seed."""
        if self.model_dump(exclude={"seed"}, exclude_defaults=True):
            return
        layerwise, plain, slow = curves
        shrunk = self.last(layerwise) / layerwise[0] if layerwise else inf
        yield Check.at_most(self.section, "layer-wise rates: last loss over the first", 0.01, shrunk)  # fmt: skip # noqa: E501
        yield Check.at_most(self.section, "plain SGD, the same rate: finite steps", 10, len(plain))
        best = min(self.last(plain), self.last(slow))
        yield Check.at_least(self.section, "plain SGD, the better rate: last loss over layer-wise rates'", 100, best / self.last(layerwise))  # fmt: skip # noqa: E501


def finite(value: float) -> float | None:
    """The number, or nothing where it is none."""
    return value if isfinite(value) else None


def endured(training: Training, progress: Progress) -> Generator[Event, None, list[float]]:
    """Train for as long as the loss is finite, and give it step by step: E numbers at most."""
    known = progress.get(training.key).get("curve")
    curve: list[float] = [] if known is None else known[:, 0, 0].tolist()
    try:
        for event in fit(training, progress):
            if not isinstance(event, Epoch):
                yield event
                continue
            lost = np.flatnonzero(~np.isfinite(event.values[:, 0, 0]))
            values = event.values[: lost[0]] if len(lost) else event.values
            curve += values[:, 0, 0].tolist()
            if len(values):
                yield Epoch(event.key, event.first, values)
    except Diverged:
        yield Note(f"{training.key}: the loss is no number after step {len(curve) + 1}.", True)
    return curve
