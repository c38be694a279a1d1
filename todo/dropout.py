"""4.6 Dropout: an MLP with two hidden layers, some of their units silenced while it learns."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from ml import draws, fashion, scratch
from ml.data import fashion_mnist
from ml.data.fashion_mnist import TRAIN, FashionMNIST
from ml.device import best_device
from ml.events import Check, Checkpoint, Event, Figure, Series
from ml.experiment import Device, Experiment, Preset
from ml.lanes import Lanes
from ml.nn import gaussian, mlp, set_moment, zeros
from ml.train import Fitted, Progress, Training, fit, started
from ml.verdict import judge

STD = 0.01
STEPS, EQUAL = 40, 1e-4  # minibatches by hand beside the shared loop, and how far losses may part
ENOUGH = 16  # minibatches from which that says something
MOVED = 50  # lr times steps from which a net of 16 units or more has learnt something
FELT = 0.05  # a smaller dropout may leave two steps alike
AFFINE, BENT = 1e-4, 1e-2  # of the outputs' spread: below the first a net is affine, above it bends


class DropoutMLP(Experiment):
    """Train 784-256-256-10 with dropout 0.2 and 0.5, beside the same net without."""

    section: ClassVar[str] = "4.6"
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("book", "The book's", "Dropout 0.2 and 0.5, SGD at 0.5, with ReLU.", {}),
        Preset(
            "literal", "The book's letter",
            "4.6.4 prints its net without ReLU: an affine map, which diverges at its lr of 0.5.",
            {"literal": True, "lr": 0.1},
        ),
        Preset(
            "underfit", "Underfit", "Nine of ten units dropped.",
            {"dropout1": 0.9, "dropout2": 0.9},
        ),
        Preset(
            "overfit", "Overfit", "1,000 images for 100 epochs: where dropout has work to do.",
            {"num_images": 1000, "num_epochs": 100},
        ),
    )  # fmt: skip
    # the book's settings once at full size, its letter on 10,000 images for 5 epochs
    verifies: ClassVar[tuple[dict[str, Any], ...]] = (
        {}, {"literal": True, "lr": 0.1, "num_images": 10_000, "num_epochs": 5},
    )  # fmt: skip

    name: Literal["dropout"] = "dropout"
    dropout1: float = Field(
        0.2, ge=0, lt=1, title="Dropout 1", description="Probability in the first hidden layer.",
        json_schema_extra={"group": "Network", "symbol": "p₁"},
    )  # fmt: skip
    dropout2: float = Field(
        0.5, ge=0, lt=1, title="Dropout 2", description="Probability in the second hidden layer.",
        json_schema_extra={"group": "Network", "symbol": "p₂"},
    )  # fmt: skip
    num_hiddens: int = Field(
        256, ge=1, le=1024, title="Hidden units", description="Units of each hidden layer.",
        json_schema_extra={"group": "Network", "symbol": "h"},
    )  # fmt: skip
    literal: bool = Field(
        False, title="Without ReLU",
        description="4.6.4 prints its net by hand without ReLU, 4.6.5 the concise one with it.",
        json_schema_extra={"group": "Network"},
    )  # fmt: skip
    lr: float = Field(
        0.5, gt=0, le=100, title="Learning rate", description="Learning rate of SGD.",
        json_schema_extra={"group": "Training", "symbol": "η"},
    )  # fmt: skip
    batch_size: int = Field(
        256, ge=1, le=4096, title="Batch", description="Images a step.",
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
        """Train both nets side by side, then look at what dropout does to the one that has it."""
        data = fashion_mnist.read(self.num_images)
        training = self.training(data)
        yield from started([training])
        fitted = yield from fit(training, Progress(resume))
        yield judge(fitted.curve[..., :1], "cross_entropy")
        yield self.compared(fitted)
        yield fashion.gallery(data, fashion.logits(fitted.net, data.X[data.test])[0].argmax(1))
        if np.isfinite(fitted.curve[-1, 0, 0]):  # of a net that diverged nothing is claimed
            yield from self.only_while_training(data, fitted.net)
            yield from self.affine(data, fitted.net)
        yield from self.by_hand(data, training)

    # ---- what is trained

    def training(self, data: FashionMNIST) -> Training:
        """Two lanes that share start and order."""
        lanes = [fashion.lane(data, label, self.lr, self.seed) for label in ("dropout", "none")]
        return fashion.training(
            data, "dropout", lanes, self.net, num_epochs=self.num_epochs,
            batch_size=self.batch_size, device=best_device(self.device),
        )  # fmt: skip

    def net(self, lanes: Lanes) -> nn.Module:
        """784-h-h-10: the first lane with dropout, the second without."""
        dropouts = [torch.tensor([p, 0.0]) for p in self.dropouts]
        net = mlp(lanes, self.sizes, init=gaussian(STD), bias_init=zeros, dropouts=dropouts)
        return without_relu(net) if self.literal else net

    @property
    def dropouts(self) -> tuple[float, float]:
        """The probabilities of both hidden layers."""
        return self.dropout1, self.dropout2

    @property
    def alive(self) -> bool:
        """Whether the net is sure to be past its start, where all outputs are nearly the same."""
        steps = self.num_epochs * -(-self.num_images // self.batch_size)
        steady = self.lr <= 0.5 and self.batch_size >= 64 and max(self.dropouts) <= 0.8
        return steady and self.num_hiddens >= 16 and self.lr * steps >= MOVED

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of every layer."""
        return fashion.NUM_INPUTS, self.num_hiddens, self.num_hiddens, fashion.NUM_OUTPUTS

    # ---- what is said of it

    def compared(self, fitted: Fitted) -> Figure:
        """The gap between training and test accuracy, with and without."""
        epochs = np.arange(1.0, len(fitted.curve) + 1)
        gap = (fitted.curve[:, 2] - fitted.curve[:, 3]).astype(np.float64)  # (E, 2)
        test = fitted.curve[-1, 3]
        return Figure(
            "gap", "Training minus test accuracy",
            f"The gap ends at {gap[-1, 0]:+.1%} with dropout and {gap[-1, 1]:+.1%} without; test"
            f" accuracy is {test[0]:.1%} with and {test[1]:.1%} without.",
            (
                Series("dropout", epochs, gap[:, 0], "c3"),
                Series("none", epochs, gap[:, 1], "c4"),
            ),
            x_label="epoch", y_label="train − test accuracy",
        )  # fmt: skip

    @torch.no_grad()
    def only_while_training(self, data: FashionMNIST, net: nn.Module) -> Iterator[Check]:
        """Two moments agree when evaluated, and differ while training (4.6.3)."""
        X, apart = data.X[data.test[:256]], dict[str, float]()
        for mode in ("evaluated", "training"):
            net.train(mode == "training")
            said = []
            for step in range(2):
                set_moment(net, 1, step)
                said.append(fashion.logits(net, X)[0])
            apart[mode] = float((said[0] - said[1]).abs().max())
        net.eval()
        name = "evaluated twice, outputs apart"
        yield Check.near(self.section, name, 0.0, apart["evaluated"], 0.0)
        if self.alive and max(self.dropouts) >= FELT:
            name = "two steps of training, outputs apart"
            yield Check.at_least(self.section, name, 1e-3, apart["training"])

    def affine(self, data: FashionMNIST, net: nn.Module) -> Iterator[Check]:
        """Whether the output half-way between two images is half-way between their outputs."""
        bend = fashion.bend(lambda X: fashion.logits(net, X)[0], data)
        if self.literal:
            name = "printed without ReLU: evaluated it is affine, outputs bend by"
            yield Check.at_most(self.section, name, AFFINE, bend)
        elif self.alive:
            yield Check.at_least(self.section, "with ReLU outputs bend by", BENT, bend)

    def by_hand(self, data: FashionMNIST, training: Training) -> Iterator[Event]:
        """The first minibatches by 4.6.4 and by 4.6.5, from the same start with the same masks."""
        batches = list(islice(self.order(data), STEPS))
        ours = fashion.first_losses(training, STEPS)[:, 0]  # of the lane with dropout
        hand = self.scratch_losses(data, batches)
        worst, steps = float((ours - hand).abs().max()), np.arange(1.0, len(hand) + 1)
        yield Figure(
            "by_hand", "From scratch and concise, the first minibatches",
            f"Over {len(hand)} steps the losses by hand and by the shared layers are never more"
            f" than {worst:.1e} apart.",
            (
                Series("by hand", steps, hand.double().numpy(), "book"),
                Series("concise", steps, ours.double().numpy(), "c3", "markers"),
            ),
            x_label="step", y_label="cross-entropy",
        )  # fmt: skip
        if self.lr <= 0.5 and len(hand) >= ENOUGH:
            yield Check.at_most(self.section, "scratch and concise, losses apart", EQUAL, worst)

    def order(self, data: FashionMNIST) -> Iterator[Tensor]:
        """The minibatches of the first epoch."""
        return scratch.batches(data.train, self.batch_size, self.seed, 1)

    def scratch_losses(self, data: FashionMNIST, batches: Sequence[Tensor]) -> Tensor:
        """Losses (steps,) of the program of 4.6.4."""
        params = scratch.parameters(self.sizes, STD, self.seed)
        losses = []
        for step, rows in enumerate(batches):
            logits = self.scratch_net(data.X[rows], params, step)
            loss = scratch.cross_entropy(logits, data.y[rows, 0]).mean()
            scratch.sgd(params, torch.autograd.grad(loss, params), self.lr)
            losses.append(loss.detach())
        return torch.stack(losses)

    def scratch_net(self, X: Tensor, params: scratch.Parameters, step: int) -> Tensor:
        """Two hidden layers with dropout after each: bytes (n, 784) -> logits (n, 10)."""
        H = X.float() / 255
        for layer, p in enumerate(self.dropouts):
            H = H @ params[2 * layer] + params[2 * layer + 1]
            H = H if self.literal else scratch.relu(H)
            u = self.numbers(step, layer, H)
            H = scratch.dropout_layer(H, p, u)
        return H @ params[4] + params[5]

    def numbers(self, step: int, layer: int, H: Tensor) -> Tensor:
        """Uniform numbers (n, h) that keep what the shared layer keeps at this step."""
        signed = draws.bits(draws.keys([self.seed], 1, step, layer), *H.shape)[0]
        return (signed.double() + 2**31) / 2**32


def without_relu(net: nn.Sequential) -> nn.Sequential:
    """The net as 4.6.4 prints it: affine maps and dropout."""
    return nn.Sequential(*(layer for layer in net if not isinstance(layer, nn.ReLU)))
