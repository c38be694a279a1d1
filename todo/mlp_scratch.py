"""4.2 An MLP from scratch on Fashion-MNIST: every matrix and every step written out."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from ml import fashion, scratch
from ml.data import fashion_mnist
from ml.data.fashion_mnist import TEST, TRAIN, FashionMNIST
from ml.device import best_device
from ml.events import Check, Checkpoint, Epoch, Event, Started
from ml.experiment import Device, Diverged, Experiment, Preset
from ml.train import Progress
from ml.verdict import judge

KEY = "scratch"
METRICS = ("train", "valid", "train accuracy", "valid accuracy")
BENT = 1e-2  # of the outputs' spread: an affine map does not bend at all (4.1.2)
REACHED = 0.82  # test accuracy after 10 epochs with the book's settings; seen 0.835
BOOK = ("num_hiddens", "std", "batch_size", "num_epochs", "num_images")


class MLPScratch(Experiment):
    """Train an MLP on Fashion-MNIST with own matrices, ReLU, cross-entropy and SGD."""

    section: ClassVar[str] = "4.2"
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("book", "The book's code", "256 hidden units, and the lr of 4.2.5's code.", {}),
        Preset("prose", "The book's prose", "Lr 0.5, as the sentence above it says.", {"lr": 0.5}),
        Preset("underfit", "Underfit", "Two hidden units for ten classes.", {"num_hiddens": 2}),
        Preset(
            "overfit", "Overfit", "1,000 images, learnt until hardly one is wrong.",
            {"num_images": 1000, "num_epochs": 200, "lr": 0.5},
        ),
    )  # fmt: skip
    verifies: ClassVar[tuple[dict[str, Any], ...]] = ({}, {"lr": 0.5})

    name: Literal["mlp_scratch"] = "mlp_scratch"
    num_hiddens: int = Field(
        256, ge=1, le=2048, title="Hidden units", description="Units of the hidden layer.",
        json_schema_extra={"group": "Network", "symbol": "h"},
    )  # fmt: skip
    std: float = Field(
        0.01, ge=0, le=1, title="Start",
        description="Standard deviation of the initial weights; the biases start at 0.",
        json_schema_extra={"group": "Network", "symbol": "σ"},
    )  # fmt: skip
    lr: float = Field(
        0.1, gt=0, le=100, title="Learning rate",
        description="Learning rate of SGD: 0.1 in the book's code, 0.5 in its prose.",
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
        """Train by hand, show what it takes the test images for, and test what 4.2 claims."""
        data, device = fashion_mnist.read(self.num_images), best_device(self.device)
        params = self.start()
        yield Started(
            KEY, ("by hand",), self.num_epochs, "cross_entropy", device.type,
            sum(param.numel() for param in params), METRICS,
        )  # fmt: skip
        yield from self.initial_claims(data, params)
        params = [param.detach().to(device).requires_grad_() for param in params]
        X, y = data.X.to(device), data.y[:, 0].to(device)
        progress, curve = Progress(resume), list[NDArray[np.float32]]()
        saved = progress.get(KEY)
        if saved:
            curve = [*saved.pop("curve").numpy()]
            for i, param in enumerate(params):
                param.data.copy_(saved[str(i)])
        for epoch in range(len(curve) + 1, self.num_epochs + 1):
            self.train(params, X[: data.num_train], y[: data.num_train], epoch)
            curve.append(measured(params, X, y, data.num_train))
            yield Epoch(KEY, epoch, curve[-1][None])
            if not np.isfinite(curve[-1][0]).all():
                raise Diverged(
                    f"Training diverged at epoch {epoch}: try a smaller lr than {self.lr:g}."
                )
            yield progress.put(
                KEY, {str(i): p.detach() for i, p in enumerate(params)}, np.stack(curve)
            )
        yield from self.said(data, params, np.stack(curve))

    def start(self) -> scratch.Parameters:
        """W1, b1, W2, b2 of 4.2.1."""
        sizes = (fashion.NUM_INPUTS, self.num_hiddens, fashion.NUM_OUTPUTS)
        return scratch.parameters(sizes, self.std, self.seed)

    def train(self, params: scratch.Parameters, X: Tensor, y: Tensor, epoch: int) -> None:
        """One epoch of minibatch SGD: X (n, 784), y (n,)."""
        rows = torch.arange(len(X), device=X.device)
        order = scratch.batches(rows, self.batch_size, self.seed, epoch)
        scratch.train(params, X, y, order, self.lr)

    # ---- what is said of it

    def initial_claims(self, data: FashionMNIST, params: scratch.Parameters) -> Iterator[Check]:
        """What the book says before training: the data's and the parameters' size and start."""
        if not self.is_book():
            return
        for name, expected, got in (
            ("training images", TRAIN, data.num_train),
            ("test images", TEST, len(data.test)),
            ("pixels of an image", fashion.NUM_INPUTS, data.X.shape[1]),
            ("classes", fashion.NUM_OUTPUTS, len(data.y.unique())),
            ("parameters", 203_530, sum(param.numel() for param in params)),
        ):
            yield Check.near(self.section, name, float(expected), float(got), 0.0)
        W1, b1, W2, b2 = (param.detach() for param in params)
        # 1e-4 and 7e-4 are six standard errors of a deviation of 200,704 and of 2,560 draws
        for name, W, tolerance in (("W1", W1, 1e-4), ("W2", W2, 7e-4)):
            yield Check.near(
                self.section, f"standard deviation of {name}", 0.01, float(W.std()), tolerance
            )
        largest = float(torch.cat([b1, b2]).abs().max())
        yield Check.near(self.section, "largest bias at the start", 0.0, largest, 0.0)

    def is_book(self) -> bool:
        """Whether all but lr is the book's; of lr it prints both 0.1 and 0.5."""
        usual = all(getattr(self, k) == type(self).model_fields[k].default for k in BOOK)
        return usual and self.lr in (0.1, 0.5)

    def said(
        self, data: FashionMNIST, params: scratch.Parameters, curve: NDArray[np.float32]
    ) -> Iterator[Event]:
        """A finding, the gallery, the confusion matrix, and the accuracy beside what it must be."""
        yield judge(curve, "cross_entropy")
        fixed = [param.detach() for param in params]

        def net(X: Tensor) -> Tensor:
            return scratch.net(X.to(fixed[0].device), fixed).cpu()

        y_hat = net(data.X[data.test]).argmax(1)
        yield fashion.gallery(data, y_hat)
        yield fashion.confusion(data, y_hat)
        if self.num_hiddens >= 16 and self.std > 0 and self.lr <= 0.5:
            bend = fashion.bend(net, data)
            yield Check.at_least(self.section, "with ReLU outputs bend by", BENT, bend)
        if self.is_book():
            got = float(curve[-1, 3, 0])
            yield Check.at_least(self.section, "test accuracy after 10 epochs", REACHED, got)


@torch.no_grad()
def measured(
    params: scratch.Parameters, X: Tensor, y: Tensor, num_train: int
) -> NDArray[np.float32]:
    """Loss and accuracy on training and test images, in the order of METRICS: (4, 1)."""
    logits = torch.cat([scratch.net(part, params) for part in X.split(10_000)])
    losses = scratch.cross_entropy(logits, y)
    right = (logits.argmax(1) == y).float()
    parts = [values[part] for values in (losses, right) for part in halves(num_train)]
    return torch.stack([part.mean() for part in parts]).cpu().numpy()[:, None]


def halves(num_train: int) -> tuple[slice, slice]:
    """Training images come first, then test images."""
    return slice(0, num_train), slice(num_train, None)
