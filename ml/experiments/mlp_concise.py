"""4.3 The same MLP by shared layers and the one loop: equal to the one by hand, and to torch's."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from ml import scratch
from ml.events import Event, Figure
from ml.experiment import Preset
from ml.fashion import BookMLP, first_losses, logits
from ml.fields import own
from ml.nn import MLP, gaussian, zeros
from ml.optim import OPTIMIZERS
from ml.trains import Fits, Training
from ml.verdict import judge

BOOK, OURS = 0.82, 0.88  # test accuracy after 10 epochs, of the book's settings and of our preset
EQUAL = 1e-4  # of losses, step by step through the first epoch
STEPS = 240  # of it at most: batches of 256 take 235, batches of 1 would take 60,000
LONGEST = 0.5  # lr: a longer step makes training itself unsteady
STD = 0.01
BETTER: dict[str, Any] = {"num_hiddens": 512, "start": "torch", "optimizer": "adam", "lr": 0.001}
OVERFIT = BETTER | {"num_images": 1000, "num_epochs": 100}


class MLPConcise(BookMLP):
    """Train the MLP of 4.2 by shared layers, and compare each loss with the one by hand."""

    presets = (
        Preset("book", "The book's", "256 hidden units, SGD at 0.1, weights N(0, 0.01²).", {}),
        Preset("better", "Just right", "512 hidden units by Adam reach 0.88 in 10 epochs.", BETTER),
        Preset("underfit", "Underfit", "Two hidden units for ten classes.", {"num_hiddens": 2}),
        Preset("overfit", "Overfit", "1,000 images, learnt until hardly one is wrong.", OVERFIT),
    )
    verifies = ({}, BETTER)

    name: Literal["mlp_concise"] = "mlp_concise"
    start: Literal["book", "torch"] = own(
        "book",
        "Network",
        "Start",
        "The book draws weights from N(0, 0.01²) and sets biases to 0;"
        " torch draws both uniformly within 1/√inputs.",
    )
    optimizer: Literal["sgd", "adam"] = own("sgd", "Training", "Optimiser", "The book takes SGD.")

    def trainings(self) -> Iterator[Training]:
        """One net of one hidden layer."""
        init, bias_init = (gaussian(STD), zeros) if self.start == "book" else (None, None)
        net = MLP(self.sizes, init=init, bias_init=bias_init)
        optimizer = OPTIMIZERS[self.optimizer]
        yield self.classifier("concise", [self.lane("concise")], net, optimizer=optimizer)

    def results(self, fits: Fits) -> Iterator[Event]:
        """What it takes the test images for, beside the one by hand; accuracy of known settings."""
        (fitted,) = fits
        yield judge(fits, lost=self.lost(fits)[-1])
        yield from self.shown(logits(fitted.net, self.data.X[self.data.test])[0])
        if self.start == "book" and self.optimizer == "sgd" and self.lr <= LONGEST:
            yield from self.equality(fitted.training)
        for title, values, bound in (("the book's", {}, BOOK), ("our", BETTER, OURS)):
            if self.matches(**values):
                name = f"{title} settings, test accuracy after {self.num_epochs} epochs"
                yield self.at_least(name, bound, *fits.last("valid accuracy"))

    def equality(self, training: Training) -> Iterator[Event]:
        """The loss of each step of the first epoch, of three programs that start the same.

        All three compute in float64: in float32 what is rounded off grows until the programs part,
        for one start in three before the epoch ends.
        """
        (lane,), X, y = training.lanes, training.X, training.y[:, 0]
        start = scratch.parameters(self.sizes, STD, lane.seed)
        params = [param.detach().double().requires_grad_() for param in start]
        batches = scratch.batches(lane.train, training.batch_size, lane.seed, 1)
        order = [*islice(batches, STEPS)]
        others = {
            "torch.nn and torch.optim": by_torch(params, X, y, order, lane.lr),
            "ml.nn and ml.optim": first_losses(training, STEPS, torch.float64)[:, 0],
        }
        hand = scratch.train(params, X, y, order, lane.lr)  # the last one: it moves them
        apart = {name: (losses - hand).abs().numpy() for name, losses in others.items()}
        yield Figure.lines(
            "equality",
            "How far the losses are from those by hand",
            f"After {len(hand)} steps the loss has come from {hand[0]:.3f} to {hand[-1]:.3f}, and"
            f" the three, in float64, were never more than"
            f" {max(a.max() for a in apart.values()):.1e} apart.",
            np.arange(1.0, len(hand) + 1),
            {name: np.maximum(a, 1e-17) for name, a in apart.items()},  # a logarithm has no 0
            x_label="step",
            y_label="|difference of losses|",
            y_scale="log",
        )
        for name, a in apart.items():
            title = f"{name}, losses of the first epoch apart from those by hand"
            yield self.below(title, EQUAL, a.max())


def by_torch(
    start: Sequence[Tensor], X: Tensor, y: Tensor, order: Sequence[Tensor], lr: float
) -> Tensor:
    """The losses (steps,) of torch's own layers, loss and optimiser, in float64."""
    W1, b1, W2, b2 = (param.detach() for param in start)
    net = nn.Sequential(nn.Linear(*W1.shape), nn.ReLU(), nn.Linear(*W2.shape)).double()
    for param, value in zip(net.parameters(), (W1.T, b1, W2.T, b2), strict=True):
        param.data.copy_(value)
    loss, trainer = nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), lr=lr)
    losses = []
    for rows in order:
        trainer.zero_grad()
        step = loss(net(X[rows].double() / 255), y[rows])
        step.backward()
        trainer.step()
        losses.append(step.detach())
    return torch.stack(losses)
