"""4.3 The same MLP by shared layers and the one loop: equal to the one by hand, and to torch's."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from ml import fashion, scratch
from ml.data import fashion_mnist
from ml.data.fashion_mnist import TRAIN, FashionMNIST
from ml.device import best_device
from ml.events import Check, Checkpoint, Event, Figure, Series
from ml.experiment import Device, Experiment, Preset
from ml.nn import gaussian, mlp, zeros
from ml.optim import OPTIMIZERS
from ml.train import Fitted, Progress, Training, fit, started
from ml.verdict import judge

BOOK, OURS = 0.82, 0.88  # test accuracy after 10 epochs, of the book's settings and of our preset
EQUAL = 1e-4  # of losses, step by step through the first epoch
STEPS = 240  # of it at most: batches of 256 take 235, batches of 1 would take 60,000
LONGEST = 0.5  # lr: a longer step makes training itself unsteady
STD = 0.01
BETTER: dict[str, Any] = {"num_hiddens": 512, "start": "torch", "optimizer": "adam", "lr": 0.001}


class MLPConcise(Experiment):
    """Train the MLP of 4.2 by shared layers, and compare each loss with the one by hand."""

    section: ClassVar[str] = "4.3"
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("book", "The book's", "256 hidden units, SGD at 0.1, weights N(0, 0.01²).", {}),
        Preset("better", "Just right", "512 hidden units by Adam reach 0.88 in 10 epochs.", BETTER),
        Preset("underfit", "Underfit", "Two hidden units for ten classes.", {"num_hiddens": 2}),
        Preset(
            "overfit", "Overfit", "1,000 images, learnt until hardly one is wrong.",
            BETTER | {"num_images": 1000, "num_epochs": 100},
        ),
    )  # fmt: skip
    verifies: ClassVar[tuple[dict[str, Any], ...]] = ({}, BETTER)

    name: Literal["mlp_concise"] = "mlp_concise"
    num_hiddens: int = Field(
        256, ge=1, le=2048, title="Hidden units", description="Units of the hidden layer.",
        json_schema_extra={"group": "Network", "symbol": "h"},
    )  # fmt: skip
    start: Literal["book", "torch"] = Field(
        "book", title="Start",
        description="The book draws weights from N(0, 0.01²) and sets biases to 0; torch draws both"
        " uniformly within 1/√inputs.",
        json_schema_extra={"group": "Network"},
    )  # fmt: skip
    optimizer: Literal["sgd", "adam"] = Field(
        "sgd", description="The book takes SGD.", json_schema_extra={"group": "Training"}
    )
    lr: float = Field(
        0.1, gt=0, le=100, title="Learning rate", description="Learning rate of the optimiser.",
        json_schema_extra={"group": "Training", "symbol": "η"},
    )  # fmt: skip
    batch_size: int = Field(
        256, ge=1, le=60_000, title="Batch", description="Images a step.",
        json_schema_extra={"group": "Training"},
    )  # fmt: skip
    num_epochs: int = Field(
        10, ge=1, le=1000, title="Epochs", description="Passes over the training images.",
        json_schema_extra={"group": "Training"},
    )  # fmt: skip
    num_images: int = Field(
        TRAIN, ge=10, le=TRAIN, title="Training images",
        description="Images to learn from, of 60,000; it is tested on all 10,000.",
        json_schema_extra={"group": "Data", "symbol": "n"},
    )  # fmt: skip
    device: Device = "auto"

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:
        """Train, show what it takes the test images for, and set it beside the one by hand."""
        data = fashion_mnist.read(self.num_images)
        training = self.training(data)
        yield from started([training])
        fitted = yield from fit(training, Progress(resume))
        yield judge(fitted.curve, "cross_entropy")
        y_hat = fashion.logits(fitted.net, data.X[data.test])[0].argmax(1)
        yield fashion.gallery(data, y_hat)
        yield fashion.confusion(data, y_hat)
        if self.start == "book" and self.optimizer == "sgd" and self.lr <= LONGEST:
            yield from self.equality(data, training)
        yield from self.claims(fitted)

    def training(self, data: FashionMNIST) -> Training:
        """One lane."""
        init, bias_init = (gaussian(STD), zeros) if self.start == "book" else (None, None)
        sizes = (fashion.NUM_INPUTS, self.num_hiddens, fashion.NUM_OUTPUTS)
        return fashion.training(
            data, "concise", [fashion.lane(data, "concise", self.lr, self.seed)],
            lambda lanes: mlp(lanes, sizes, init=init, bias_init=bias_init),
            num_epochs=self.num_epochs, batch_size=self.batch_size,
            optimizer=OPTIMIZERS[self.optimizer], device=best_device(self.device),
        )  # fmt: skip

    # ---- equal to the one by hand

    def equality(self, data: FashionMNIST, training: Training) -> Iterator[Event]:
        """The loss of each step of the first epoch, of three programs that start the same.

        All three compute in float64: in float32 what is rounded off grows until the programs part,
        for one start in three before the epoch ends.
        """
        ours = fashion.first_losses(training, STEPS, torch.float64)[:, 0]
        hand = self.by_hand(data)
        others = {"torch.nn and torch.optim": self.by_torch(data), "ml.nn and ml.optim": ours}
        steps = np.arange(1.0, len(hand) + 1)
        apart = {name: (losses - hand).abs().double().numpy() for name, losses in others.items()}
        yield Figure(
            "equality", "How far the losses are from those by hand",
            f"After {len(hand)} steps the loss has come from {hand[0]:.3f} to {hand[-1]:.3f}, and"
            f" the three, in float64, were never more than"
            f" {max(a.max() for a in apart.values()):.1e} apart.",
            tuple(
                Series(name, steps, np.maximum(a, 1e-17), "c3" if name.startswith("ml") else "c4")
                for name, a in apart.items()
            ),
            x_label="step", y_label="|difference of losses|", y_scale="log",
        )  # fmt: skip
        for name, a in apart.items():
            worst = float(a.max())
            yield Check(
                self.section, f"{name}, losses of the first epoch apart from those by hand",
                f"below {EQUAL:g}", worst, None, worst < EQUAL,
            )  # fmt: skip

    def initial(self) -> scratch.Parameters:
        """The start that all three share."""
        sizes = (fashion.NUM_INPUTS, self.num_hiddens, fashion.NUM_OUTPUTS)
        start = scratch.parameters(sizes, STD, self.seed)
        return [param.detach().double().requires_grad_() for param in start]

    @property
    def step(self) -> float:
        """The learning rate as a lane holds it."""
        return float(np.float32(self.lr))

    def order(self, data: FashionMNIST) -> Iterator[Tensor]:
        """The first minibatches of the first epoch, or all."""
        return islice(scratch.batches(data.train, self.batch_size, self.seed, 1), STEPS)

    def by_hand(self, data: FashionMNIST) -> Tensor:
        """Losses (steps,) of the program of 4.2."""
        return scratch.train(self.initial(), data.X, data.y[:, 0], self.order(data), self.step)

    def by_torch(self, data: FashionMNIST) -> Tensor:
        """Losses (steps,) of torch's own layers, loss and optimiser."""
        W1, b1, W2, b2 = (param.detach() for param in self.initial())
        net = nn.Sequential(nn.Linear(*W1.shape), nn.ReLU(), nn.Linear(*W2.shape)).double()
        for param, value in zip(net.parameters(), (W1.T, b1, W2.T, b2), strict=True):
            param.data.copy_(value)
        loss, trainer = nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), lr=self.step)
        losses = []
        for rows in self.order(data):
            trainer.zero_grad()
            step = loss(net(data.X[rows].double() / 255), data.y[rows, 0])
            step.backward()
            trainer.step()
            losses.append(step.detach())
        return torch.stack(losses)

    # ---- what is said of it

    def claims(self, fitted: Fitted) -> Iterator[Check]:
        """The accuracy that these settings must reach; other settings make no claim."""
        got, curve = float(fitted.curve[-1, 3, 0]), fitted.curve
        for title, values, bound in (("the book's", {}, BOOK), ("our", BETTER, OURS)):
            if self == type(self)(**values, seed=self.seed, device=self.device):
                name = f"{title} settings, test accuracy after {len(curve)} epochs"
                yield Check.at_least(self.section, name, bound, got)
