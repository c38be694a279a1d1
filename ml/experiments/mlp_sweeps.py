"""4.3 Exercises of the MLP: width, depth, learning rate, activation and start, one at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ml import fashion
from ml.data import fashion_mnist
from ml.data.fashion_mnist import TRAIN, FashionMNIST
from ml.device import best_device
from ml.events import Checkpoint, Event, Figure, Series, Table
from ml.experiment import Device, Diverged, Experiment, Preset
from ml.nn import Init, gaussian, mlp, uniform, zeros
from ml.train import Progress, Training, started

LOST = 1.1 * np.log(fashion.NUM_OUTPUTS)  # a training loss above guessing's has diverged


@dataclass(frozen=True, slots=True)
class Variant:
    """One value of what is varied; only lr may differ within a group of lanes."""

    label: str
    hiddens: tuple[int, ...] = (256,)
    activation: str = "relu"
    init: Init | None = None  # torch's: uniform within 1/sqrt(inputs)
    bias_init: Init | None = None
    lr: float = 0.1

    @property
    def group(self) -> tuple[object, ...]:
        """All that lanes of one program have in common."""
        return self.hiddens, self.activation, self.init, self.bias_init


BASE = Variant("")
VARIANTS: dict[str, list[Variant]] = {
    "width": [replace(BASE, label=str(h), hiddens=(h,)) for h in (4, 16, 64, 256, 512)],
    "depth": [replace(BASE, label=f"{d} hidden", hiddens=(128,) * d) for d in (0, 1, 2, 3)],
    "lr": [replace(BASE, label=f"{lr:g}", lr=lr) for lr in (0.001, 0.01, 0.1, 0.5, 1.0, 30.0)],
    "activation": [replace(BASE, label=a, activation=a) for a in ("relu", "tanh", "sigmoid")],
    "start": [
        replace(BASE, label=label, init=init, bias_init=zeros)
        for label, init in (
            ("all zero", zeros), ("N(0, 0.01²)", gaussian(0.01)), ("N(0, 0.1²)", gaussian(0.1)),
            ("N(0, 1)", gaussian(1.0)), ("uniform, 0.06", uniform(0.06)),
        )
    ],
}  # fmt: skip


class MLPSweeps(Experiment):
    """Vary the MLP's width, depth, learning rate, activation or start, over several seeds."""

    section: ClassVar[str] = "4.3"
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("width", "How wide?", "From 4 hidden units to 512.", {"vary": "width"}),
        Preset("depth", "How deep?", "From no hidden layer to three.", {"vary": "depth"}),
        Preset("lr", "How fast?", "Up to a learning rate that diverges.", {"vary": "lr"}),
        Preset("activation", "Which activation?", "ReLU, tanh, sigmoid.", {"vary": "activation"}),
        Preset("start", "Which start?", "Zeros, three normals, a uniform.", {"vary": "start"}),
    )
    # the chapter gives no figure for these: a chart with an interval, and no verdict
    verifies: ClassVar[tuple[dict[str, Any], ...]] = ()

    name: Literal["mlp_sweeps"] = "mlp_sweeps"
    vary: Literal["width", "depth", "lr", "activation", "start"] = Field(
        "lr", description="What differs; all else is one hidden layer of 256 ReLU, SGD at 0.1.",
        json_schema_extra={"group": "Sweep"},
    )  # fmt: skip
    num_seeds: int = Field(
        3, ge=1, le=20, title="Seeds", description="Starts and orders tried for each value.",
        json_schema_extra={"group": "Sweep"},
    )  # fmt: skip
    num_epochs: int = Field(
        5, ge=1, le=200, title="Epochs", description="Passes over the training images.",
        json_schema_extra={"group": "Training"},
    )  # fmt: skip
    num_images: int = Field(
        10_000, ge=10, le=TRAIN, title="Training images",
        description="Images to learn from, of 60,000: a sweep takes fewer, to be quick.",
        json_schema_extra={"group": "Data", "symbol": "n"},
    )  # fmt: skip
    device: Device = "auto"

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:
        """Train every value with every seed, then set their test accuracies side by side."""
        data, variants = fashion_mnist.read(self.num_images), VARIANTS[self.vary]
        groups = [list(group) for _, group in groupby(variants, key=lambda v: v.group)]
        trainings = [self.training(data, group) for group in groups]
        yield from started(trainings)
        progress, reached = Progress(resume), list[NDArray[np.float64]]()
        for training in trainings:
            last = yield from fashion.ended(training, progress, lost=LOST)
            reached += [*last.reshape(-1, self.num_seeds)]
        yield from self.said(variants, np.stack(reached))

    def training(self, data: FashionMNIST, group: list[Variant]) -> Training:
        """The lanes of one shape: each value with each seed."""
        first = group[0]
        sizes = (fashion.NUM_INPUTS, *first.hiddens, fashion.NUM_OUTPUTS)
        lanes = [
            fashion.lane(data, f"{v.label}, seed {self.seed + i}", v.lr, self.seed + i)
            for v in group
            for i in range(self.num_seeds)
        ]
        return fashion.training(
            data, f"{self.vary} {first.label}", lanes,
            lambda given: mlp(
                given, sizes,
                activation=first.activation, init=first.init, bias_init=first.bias_init,
            ),
            num_epochs=self.num_epochs, device=best_device(self.device),
        )  # fmt: skip

    def said(self, variants: list[Variant], reached: NDArray[np.float64]) -> Iterator[Event]:
        """Test accuracy of each value (values, seeds), NaN where it diverged, with its interval."""
        labels = [v.label for v in variants]
        places, lost = np.arange(float(len(labels))), np.asarray(np.isnan(reached).any(1))
        if lost.all():
            raise Diverged(f"Each {self.vary} diverged with a seed at least: none can be compared.")
        means = reached.mean(1)
        best = int(np.nanargmax(np.where(lost, -1, means)))
        gone = [label for label, diverged in zip(labels, lost, strict=True) if diverged]
        finite = np.isfinite(reached)
        yield Figure(
            "sweep", f"Test accuracy by {self.vary}",
            f"Best of {', '.join(labels)} is {labels[best]}, at {means[best]:.1%} on average of"
            f" {self.num_seeds} seeds" + (f"; {', '.join(gone)} diverges." if gone else "."),
            (
                Series("mean", places[~lost], means[~lost], "c3"),
                Series(
                    "each seed", np.broadcast_to(places[:, None], reached.shape)[finite],
                    reached[finite], "c4", "markers",
                ),
            ),
            x_label=self.vary, y_label="test accuracy", x_names=tuple(labels),
        )  # fmt: skip
        yield Table(
            "sweep", f"Test accuracy by {self.vary}", (self.vary, "mean", "95 % ±", "seeds"),
            tuple(
                (label, *fashion.spread(row), float(self.num_seeds))
                for label, row in zip(labels, reached, strict=True)
            ),
            note=f"{self.num_images:,} images, {self.num_epochs} epochs; empty: a run diverged.",
        )  # fmt: skip
