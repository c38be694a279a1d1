"""4.2 An MLP from scratch on Fashion-MNIST: every matrix and every step written out."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Literal

import torch

from ml import scratch
from ml.data.fashion_mnist import TEST, TRAIN
from ml.events import Check, Checkpoint, Claim, Event
from ml.experiment import Preset
from ml.fashion import NUM_INPUTS, NUM_OUTPUTS, BookMLP, bend
from ml.fields import own
from ml.nn import MLP, gaussian, zeros
from ml.programs import started
from ml.train import Progress
from ml.trains import Fits, Training
from ml.verdict import judge

BENT = 1e-2  # of the outputs' spread: an affine map does not bend at all (4.1.2)
REACHED = 0.82  # test accuracy after 10 epochs with the book's settings; seen 0.835
OVERFIT: dict[str, Any] = {"num_images": 1000, "num_epochs": 200, "lr": 0.5}


class MLPScratch(BookMLP):
    """Train an MLP on Fashion-MNIST with own matrices, ReLU, cross-entropy and SGD."""

    presets = (
        Preset("book", "The book's code", "256 hidden units, and the lr of 4.2.5's code.", {}),
        Preset("prose", "The book's prose", "Lr 0.5, as the sentence above it says.", {"lr": 0.5}),
        Preset("underfit", "Underfit", "Two hidden units for ten classes.", {"num_hiddens": 2}),
        Preset("overfit", "Overfit", "1,000 images, learnt until hardly one is wrong.", OVERFIT),
    )
    verifies = ({}, {"lr": 0.5})

    name: Literal["mlp_scratch"] = "mlp_scratch"
    std: float = own(
        0.01, "Network", "Start", "Standard deviation of the initial weights.", "σ", ge=0, le=1
    )

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:
        """Train by hand, show what it takes the test images for, and test what 4.2 claims."""
        (training,) = self.trainings()
        params = scratch.parameters(self.sizes, self.std, self.seed)
        yield from started([training], self.asked)
        yield from self.initial_claims(params)
        params = [param.detach().to(training.device).requires_grad_() for param in params]
        fitted = yield from scratch.fit(training, params, Progress(resume))
        net = partial(scratch.net, params=[param.detach().cpu() for param in params])
        yield from self.shown(net(self.data.X[self.data.test]))
        if self.num_hiddens >= 16 and self.std > 0 and self.lr <= 0.5:
            yield self.at_least("with ReLU outputs bend by", BENT, bend(net, self.data), "words")
        yield from self.results(Fits([fitted]))

    def trainings(self) -> Iterator[Training]:
        """What 4.3 gives to the shared loop, and `run` trains by hand."""
        net = MLP(self.sizes, init=gaussian(self.std), bias_init=zeros)
        yield self.classifier("scratch", [self.lane("by hand")], net)

    # ---- what is said of it

    def initial_claims(self, params: scratch.Parameters) -> Iterator[Check]:
        """What the book says before training: the data's and the parameters' size and start."""
        if not self.is_book:
            return
        sizes: dict[str, tuple[int, int, Claim]] = {
            "training images": (TRAIN, self.data.num_train, "ours"),
            "test images": (TEST, len(self.data.test), "ours"),
            "pixels of an image": (NUM_INPUTS, self.data.X.shape[1], "figure"),
            "classes": (NUM_OUTPUTS, len(self.data.y.unique()), "figure"),
            "parameters": (203_530, sum(param.numel() for param in params), "ours"),
        }
        for name, (expected, got, claim) in sizes.items():
            yield self.equal(name, float(expected), got, claim)
        W1, b1, W2, b2 = (param.detach() for param in params)
        # 1e-4 and 7e-4 are six standard errors of a deviation of 200,704 and of 2,560 draws
        for name, W, off in (("W1", W1, 1e-4), ("W2", W2, 7e-4)):
            yield self.near(f"standard deviation of {name}", 0.01, float(W.std()), off, "figure")
        largest = float(torch.cat([b1, b2]).abs().max())
        yield self.equal("largest bias at the start", 0.0, largest, "words")

    @property
    def is_book(self) -> bool:
        """Whether all but lr is the book's; of lr it prints both 0.1 and 0.5."""
        return self.matches() or self.matches(lr=0.5)

    def results(self, fits: Fits) -> Iterator[Event]:
        """What the curves mean, and the accuracy beside what it must be."""
        yield judge(fits, lost=self.lost(fits)[-1])
        if self.is_book:
            (reached,) = fits.last("valid accuracy")
            yield self.at_least("test accuracy after 10 epochs", REACHED, reached)
