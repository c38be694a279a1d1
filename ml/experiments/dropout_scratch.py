"""4.6 Dropout from scratch (4.6.4) beside the concise one (4.6.5), with the ReLU and without."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from ml import draws, fields, scratch
from ml.events import Event, Figure, Series
from ml.experiment import Preset
from ml.fashion import bend, first_losses, logits
from ml.lanes import Lanes
from ml.noise import LEARNT, STD, BookDropout, setting_of
from ml.trains import Fits, Training
from ml.verdict import judge

STEPS, EQUAL = 40, 1e-4  # minibatches by hand beside the shared loop, and how far losses may part
ENOUGH = 16  # minibatches from which that says something
STEADY = 0.5  # lr: a longer step makes training itself unsteady
AFFINE, BENT = 1e-4, 1e-2  # of the outputs' spread: below the first a net is affine, above it bends
SMALL: dict[str, Any] = {"num_images": 10_000, "num_epochs": 5}
LITERAL: dict[str, Any] = {"literal": True, "lr": 0.1}


class DropoutScratch(BookDropout):
    """Set dropout by matrices beside the shared layers: the same net, masks and losses."""

    breakable = ("without_relu",)
    presets = (
        Preset("meant", "With ReLU", "The net that 4.6.5 prints, and 4.6.4 means.", {}),
        Preset(
            "literal",
            "The book's letter",
            "4.6.4 prints its net without ReLU: an affine map, which diverges at its lr of 0.5.",
            LITERAL,
        ),
    )
    verifies = (SMALL | {"num_epochs": 10}, SMALL | LITERAL)

    name: Literal["dropout_scratch"] = "dropout_scratch"
    literal: bool = fields.own(
        False, "Network", "Without ReLU", "As 4.6.4 prints it; 4.6.5 prints it with the ReLU."
    )

    @property
    def asked(self) -> str:
        """The only setting there is."""
        return setting_of(self.p) + ", no ReLU" * self.literal

    def trainings(self) -> Iterator[Training]:
        """The net of 4.6.5 by the shared layers and the one loop."""
        lane = self.lane("concise", setting=self.asked, dropout=self.p)
        net = self.without_relu if self.literal else self.net
        yield self.classifier("concise", [lane], net)

    def without_relu(self, lanes: Lanes) -> nn.Sequential:
        """The net as 4.6.4 prints it: affine maps and dropout."""
        return nn.Sequential(*(m for m in self.net(lanes) if not isinstance(m, nn.ReLU)))

    def results(self, fits: Fits) -> Iterator[Event]:
        """Whether both programs are the same, and whether the net is more than an affine map."""
        finding = judge(fits, lost=self.lost(fits)[-1])
        yield finding
        if finding.verdict == "diverged":  # of a net that diverged nothing is claimed
            return
        hand, ours = self.scratch_losses(), first_losses(fits[0].training, STEPS)[:, 0]
        worst, steps = float((ours - hand).abs().max()), np.arange(1.0, len(hand) + 1)
        yield Figure.lines(
            "by_hand",
            "From scratch and concise, the first minibatches",
            f"Over {len(hand)} steps the losses by hand and by the shared layers are never more"
            f" than {worst:.1e} apart.",
            steps,
            {"by hand": hand.double().numpy()},
            Series("concise", steps, ours.double().numpy(), mode="markers"),
            x_label="step",
            y_label="cross-entropy",
        )
        if self.lr <= STEADY and len(hand) >= ENOUGH:
            yield self.at_most("scratch and concise, losses apart", EQUAL, worst)
        bent = bend(lambda X: logits(fits[0].net, X)[0], self.data)
        if self.literal:
            name = "printed without ReLU: evaluated it is affine, outputs bend by"
            yield self.at_most(name, AFFINE, bent)
        elif fits.last("train accuracy")[0] > LEARNT:
            yield self.at_least("with ReLU outputs bend by", BENT, bent)

    # ---- the program of 4.6.4

    def scratch_losses(self) -> Tensor:
        """Its losses over the first minibatches: (steps,)."""
        data, params = self.data, scratch.parameters(self.net.sizes, STD, self.seed)
        losses = []
        order = scratch.batches(data.train, self.batch_size, self.seed, 1)
        for step, rows in enumerate(islice(order, STEPS)):
            outputs = self.scratch_net(data.X[rows], params, step)
            loss = scratch.cross_entropy(outputs, data.y[rows, 0]).mean()
            scratch.sgd(params, torch.autograd.grad(loss, params), self.lr)
            losses.append(loss.detach())
        return torch.stack(losses)

    def scratch_net(self, X: Tensor, params: scratch.Parameters, step: int) -> Tensor:
        """Two hidden layers with dropout after each: bytes (n, 784) -> logits (n, 10)."""
        H = X.float() / 255
        for layer, p in enumerate(self.p):
            H = H @ params[2 * layer] + params[2 * layer + 1]
            H = H if self.literal else scratch.relu(H)
            # the numbers by which the shared layer keeps units at this step, one for each of H
            u = draws.bits(draws.keys([self.seed], 1, step, layer), *H.shape)[0]
            H = scratch.dropout_layer(H, p, (u.double() + 2**31) / 2**32)
        return H @ params[4] + params[5]
