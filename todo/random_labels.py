"""4.6 Random labels: a net learns what has no pattern, and knows nothing of new images."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field

from ml import draws, fashion
from ml.data import fashion_mnist
from ml.data.fashion_mnist import FashionMNIST
from ml.device import best_device
from ml.events import Check, Checkpoint, Event, Figure, Series, Table
from ml.experiment import Device, Experiment, Preset
from ml.lanes import Lane
from ml.nn import mlp
from ml.optim import Adam
from ml.train import Fitted, Progress, Training, fit, started

LEARNT, CHANCE, ABOUT = 0.99, 0.10, 0.03  # accuracy: in training; on new images, and how near
HELD_OUT = 2000  # new images: chance itself strays by 0.7 %


class RandomLabels(Experiment):
    """Learn 1,000 images with labels drawn at random, beside the same images with their own."""

    section: ClassVar[str] = "4.6"
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("underfit", "Underfit", "Four hidden units cannot store them.", {"num_hiddens": 4}),
        Preset("overfit", "Overfit", "256 hidden units store every label.", {}),
        Preset("dropout", "With dropout", "Dropout of 0.5 makes storing harder.", {"dropout": 0.5}),
    )
    verifies: ClassVar[tuple[dict[str, Any], ...]] = ({},)

    name: Literal["random_labels"] = "random_labels"
    num_hiddens: int = Field(
        256, ge=1, le=1024, title="Hidden units", description="Units of the hidden layer.",
        json_schema_extra={"group": "Network", "symbol": "h"},
    )  # fmt: skip
    dropout: float = Field(
        0.0, ge=0, lt=1, description="Probability of dropping a hidden unit while training.",
        json_schema_extra={"group": "Network", "symbol": "p"},
    )  # fmt: skip
    lr: float = Field(
        0.002, gt=0, le=10, title="Learning rate", description="Learning rate of Adam.",
        json_schema_extra={"group": "Training", "symbol": "η"},
    )  # fmt: skip
    num_epochs: int = Field(
        150, ge=1, le=2000, title="Epochs", description="Passes over the training images.",
        json_schema_extra={"group": "Training"},
    )  # fmt: skip
    num_seeds: int = Field(
        3, ge=1, le=10, title="Seeds", description="Times the labels are drawn.",
        json_schema_extra={"group": "Data"},
    )  # fmt: skip
    num_images: int = Field(
        1000, ge=10, le=10_000, title="Training images",
        description="Images to learn from; it is tested on 2,000 others.",
        json_schema_extra={"group": "Data", "symbol": "n"},
    )  # fmt: skip
    device: Device = "auto"

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:
        """Train a lane for each drawing of labels, and one on the true labels."""
        data = fashion_mnist.read(self.num_images, HELD_OUT)
        training = self.training(data)
        yield from started([training])
        fitted = yield from fit(training, Progress(resume))
        yield from self.said(training, fitted)
        yield from self.claims(fitted)

    def training(self, data: FashionMNIST) -> Training:
        """Lane i reads the i-th copy of the images, which has its own labels; the last is true."""
        n, copies = len(data.X), self.num_seeds + 1
        drawn = [relabelled(data.y, self.seed + i) for i in range(self.num_seeds)]
        lanes = [
            Lane(
                label=f"random {i + 1}" if i < self.num_seeds else "true labels",
                train=data.train + n * i, valid=data.test + n * i,
                lr=self.lr, dropout=self.dropout, seed=self.seed + i,
            )
            for i in range(copies)
        ]  # fmt: skip
        stacked = FashionMNIST(data.X.repeat(copies, 1), torch.cat([*drawn, data.y]), 0)
        sizes = (fashion.NUM_INPUTS, self.num_hiddens, fashion.NUM_OUTPUTS)
        return fashion.training(
            stacked, "labels", lanes, lambda given: mlp(given, sizes), optimizer=Adam,
            num_epochs=self.num_epochs, batch_size=100, device=best_device(self.device),
        )  # fmt: skip

    def said(self, training: Training, fitted: Fitted) -> Iterator[Event]:
        """Accuracy on the training images and on others, over the epochs and at the end."""
        epochs = np.arange(1.0, len(fitted.curve) + 1)
        train, held_out = (fitted.curve[:, i].astype(np.float64) for i in (2, 3))  # (E, L)
        yield Figure(
            "memory", "Learning what has no pattern",
            f"Random labels are learnt to {train[-1, :-1].mean():.1%}, and guessed at"
            f" {held_out[-1, :-1].mean():.1%} on other images; true labels are learnt to"
            f" {train[-1, -1]:.1%} and right on {held_out[-1, -1]:.1%}.",
            (
                Series("random, train", epochs, train[:, :-1].mean(1), "train"),
                Series("random, held out", epochs, held_out[:, :-1].mean(1), "valid"),
                Series("true, train", epochs, train[:, -1], "c3"),
                Series("true, held out", epochs, held_out[:, -1], "c4"),
            ),
            x_label="epoch", y_label="accuracy",
        )  # fmt: skip
        rows = zip(training.lanes.labels, train[-1].tolist(), held_out[-1].tolist(), strict=True)
        yield Table("accuracy", "Accuracy at the end", ("labels", "train", "held out"), tuple(rows))

    def claims(self, fitted: Fitted) -> Iterator[Check]:
        """What 4.6.1 says: none can guess them, and this net stores them; a smaller need not."""
        train, held_out = fitted.curve[-1, 2:4, :-1].astype(np.float64)
        farthest = held_out[np.abs(held_out - CHANCE).argmax()]
        name = "random labels, held-out accuracy farthest from chance"
        yield Check.near(self.section, name, CHANCE, float(farthest), ABOUT)
        if self == type(self)(seed=self.seed, device=self.device, num_seeds=self.num_seeds):
            name = "random labels, least training accuracy"
            yield Check.at_least(self.section, name, LEARNT, float(train.min()))


def relabelled(y: torch.Tensor, seed: int) -> torch.Tensor:
    """Labels drawn uniformly, whatever the image: (n, 1) -> (n, 1)."""
    numbers = draws.uniform(draws.keys([seed], fashion.NUM_OUTPUTS), len(y))[0]
    return (numbers * fashion.NUM_OUTPUTS).long()[:, None]
