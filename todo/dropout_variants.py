"""4.6 Exercises of dropout: swap it, cross it with decay, replace it, ask how sure it is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from ml import fashion
from ml.data import fashion_mnist
from ml.data.fashion_mnist import TRAIN, FashionMNIST
from ml.device import best_device
from ml.events import Checkpoint, Event, Figure, Role, Series, Table
from ml.experiment import Device, Experiment, Preset
from ml.nn import set_moment
from ml.optim import Adam
from ml.train import Fitted, Progress, Training, fit, started

Matrix = NDArray[np.float64]
FOUND = "variances"  # of a checkpoint: what `activations` has of the epochs so far
LAYERS = ((0, 0, "none"), (0, 1, "dropout"), (1, 0, "none"), (1, 1, "dropout"))
ROLES: tuple[Role, ...] = ("c3", "c4", "c5", "c6")
STRONG = 0.8  # dropout too strong to help
ASKED = 2000  # test images that are asked for their uncertainty
BINS = 10  # tenths of them


@dataclass(frozen=True, slots=True)
class Variant:
    """What differs: two strengths, the kind of noise, and weight decay."""

    label: str
    p: tuple[float, float] = (0.0, 0.0)
    kind: Literal["dropout", "DropConnect", "Gaussian"] = "dropout"
    weight_decay: float = 0.0


class DropoutVariants(Experiment):
    """Swap dropout's two probabilities, cross it with decay, replace it, or ask how sure it is."""

    section: ClassVar[str] = "4.6"
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("swap", "Swapped", "0.2 and 0.5, 0.5 and 0.2, in a small grid.", {"ask": "swap"}),
        Preset(
            "epochs", "More epochs", "20, with and without it.", {"ask": "epochs", "num_epochs": 20}
        ),
        Preset("noise", "Other noise", "DropConnect and Gaussian noise.", {"ask": "noise"}),
        Preset("decay", "With decay", "Whether the two add up.", {"ask": "decay"}),
        Preset("sure", "How sure?", "Predict with many masks.", {"ask": "uncertainty"}),
        Preset("variance", "Activations", "Their variance by epoch.", {"ask": "activations"}),
    )
    # the chapter gives no figure for these: a chart with an interval, and no verdict
    verifies: ClassVar[tuple[dict[str, Any], ...]] = ()

    name: Literal["dropout_variants"] = "dropout_variants"
    ask: Literal["swap", "epochs", "noise", "decay", "uncertainty", "activations"] = Field(
        "swap", title="Question", description="Which exercise of 4.6 is answered.",
        json_schema_extra={"group": "Question"},
    )  # fmt: skip
    num_seeds: int = Field(
        5, ge=2, le=20, title="Seeds", description="Starts and orders tried for each variant.",
        json_schema_extra={"group": "Question"},
    )  # fmt: skip
    dropout1: float = Field(
        0.2, ge=0, le=0.95, title="Dropout 1", description="Probability in the first hidden layer.",
        json_schema_extra={"group": "Network", "symbol": "p₁"},
    )  # fmt: skip
    dropout2: float = Field(
        0.5, ge=0, le=0.95, title="Dropout 2", description="Probability in the second layer.",
        json_schema_extra={"group": "Network", "symbol": "p₂"},
    )  # fmt: skip
    weight_decay: float = Field(
        0.001, ge=0, le=1, title="Decay", description="Decay where it is crossed with dropout.",
        json_schema_extra={"group": "Network", "symbol": "λ"},
    )  # fmt: skip
    num_epochs: int = Field(
        5, ge=1, le=200, title="Epochs", description="Passes over the training images, by Adam.",
        json_schema_extra={"group": "Training"},
    )  # fmt: skip
    num_images: int = Field(
        10_000, ge=10, le=TRAIN, title="Training images",
        description="Images to learn from, of 60,000: a comparison takes fewer, to be quick.",
        json_schema_extra={"group": "Data", "symbol": "n"},
    )  # fmt: skip
    device: Device = "auto"

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:
        """Train every variant with every seed, then answer."""
        data, variants = fashion_mnist.read(self.num_images), self.variants()
        groups = [list(group) for _, group in groupby(variants, key=lambda v: v.kind)]
        trainings = [self.training(data, group) for group in groups]
        yield from started(trainings)
        progress, curves = Progress(resume), list[Matrix]()
        if self.ask == "activations":
            yield from self.activations(data, trainings[0], progress)
            return
        for training in trainings:
            fitted = yield from fit(training, progress)
            curve = fitted.curve.astype(np.float64)
            curves.append(curve.reshape(*curve.shape[:2], -1, self.num_seeds))
        curve = np.concatenate(curves, axis=2)  # (E, M, V, S)
        yield from self.compared(variants, curve[-1, fashion.ACCURACY])
        if self.ask == "epochs":
            yield from fashion.gains(curve)
        if self.ask == "uncertainty":
            yield self.uncertainty(data, fitted)

    def variants(self) -> list[Variant]:
        """The first is what the others are compared with."""
        p, decay = (self.dropout1, self.dropout2), self.weight_decay
        none, dropout = Variant("none"), Variant(f"dropout {p[0]:g}, {p[1]:g}", p)
        grid = dict.fromkeys([p, p[::-1], (max(p), max(p)), (STRONG, STRONG)])
        return {
            "swap": [none, *(Variant(f"dropout {a:g}, {b:g}", (a, b)) for a, b in grid)],
            "epochs": [none, dropout],
            "noise": [
                none, dropout, replace(dropout, label="DropConnect", kind="DropConnect"),
                replace(dropout, label="Gaussian noise", kind="Gaussian"),
            ],
            "decay": [
                none, dropout, replace(none, label="decay", weight_decay=decay),
                replace(dropout, label="dropout and decay", weight_decay=decay),
            ],
            "uncertainty": [dropout],
            "activations": [none, dropout],
        }[self.ask]  # fmt: skip

    def training(self, data: FashionMNIST, group: Sequence[Variant]) -> Training:
        """The lanes of one kind of noise: each variant with each seed."""
        seeds = range(self.seed, self.seed + self.num_seeds)
        lanes = [
            fashion.lane(data, f"{v.label}, seed {seed}", 0.001, seed, v.weight_decay)
            for v in group
            for seed in seeds
        ]
        p = torch.tensor([v.p for v in group]).repeat_interleave(self.num_seeds, 0)
        return fashion.training(
            data, group[0].kind, lanes, lambda given: fashion.noisy(given, group[0].kind, p),
            optimizer=Adam, num_epochs=self.num_epochs, device=best_device(self.device),
        )  # fmt: skip

    # ---- the answers

    def contrast(self, variants: Sequence[Variant], apart: Matrix) -> dict[str, Matrix]:
        """What the exercise asks beyond each variant's difference from the first, by its name."""
        if self.ask == "decay":  # what both do together beyond the sum of what each does
            return {"interaction": apart[3] - apart[1] - apart[2]}
        if self.ask == "swap" and variants[2].p == variants[1].p[::-1] != variants[1].p:
            return {"swapped minus not": apart[2] - apart[1]}
        return {}

    def compared(self, variants: Sequence[Variant], reached: Matrix) -> Iterator[Event]:
        """Test accuracy of the variants (V, S), each beside the first with the same seed."""
        labels, apart = [v.label for v in variants], reached - reached[0]
        further = self.contrast(variants, apart)
        named = dict(zip(labels[1:], apart[1:], strict=True)) | further
        texts = [fashion.percent(label, row) for label, row in named.items()]
        x = np.arange(float(len(labels)))
        yield Figure(
            "variants", "Test accuracy of each variant",
            "; ".join([f"{labels[0]}: {reached[0].mean():.1%} right on average", *texts]) + ".",
            (
                Series("mean", x, reached.mean(1), "c3"),
                Series("seeds", x.repeat(self.num_seeds), reached.ravel(), "c4", "markers"),
            ),
            x_label="", y_label="test accuracy", x_names=tuple(labels),
        )  # fmt: skip
        yield Table(
            "variants", "Test accuracy", ("variant", "mean", "95 % ±", "minus first", "95 % ±."),
            (
                *(
                    (label, *fashion.spread(row), *fashion.spread(difference))
                    for label, row, difference in zip(labels, reached, apart, strict=True)
                ),
                *((label, None, None, *fashion.spread(row)) for label, row in further.items()),
            ),
            note=f"{self.num_images:,} images, {self.num_epochs} epochs; ± is the 95 % interval.",
        )  # fmt: skip

    @torch.no_grad()
    def uncertainty(self, data: FashionMNIST, fitted: Fitted, *, masks: int = 20) -> Figure:
        """Dropout kept on while predicting: images whose masks disagree are more often wrong."""
        X, y = data.X[data.test[:ASKED]], data.y[data.test[:ASKED], 0]
        fitted.net.train()
        shares = torch.zeros(self.num_seeds, len(X), fashion.NUM_OUTPUTS)
        for mask in range(masks):
            set_moment(fitted.net, self.num_epochs + 1, mask)
            shares += fashion.logits(fitted.net, X).softmax(2) / masks
        fitted.net.eval()
        entropy = -(shares * shares.clamp(min=1e-12).log()).sum(2)  # (S, n)
        right = (shares.argmax(2) == y).double().gather(1, entropy.argsort(1))
        bins = right.view(self.num_seeds, BINS, -1).mean(2).numpy()  # (S, BINS), most sure first
        sure, unsure = (fashion.interval(bins[:, i]) for i in (0, -1))
        return Figure(
            "uncertainty", "Accuracy by how sure the net is",
            f"Of the tenth of images on which {masks} masks agree most {sure[0]:.1%} ±"
            f" {sure[1]:.1%} are right, of the tenth on which they agree least {unsure[0]:.1%} ±"
            f" {unsure[1]:.1%}.",
            (Series("accuracy", np.arange(1.0, BINS + 1), bins.mean(0), "c3", "bars"),),
            x_label="tenth of the images, surest first", y_label="accuracy",
        )  # fmt: skip

    def activations(
        self, data: FashionMNIST, training: Training, progress: Progress
    ) -> Iterator[Event]:
        """Variance of each hidden layer on test images, by epoch; a checkpoint keeps them."""
        found = [*progress.tensors.get(FOUND, torch.empty(0))]
        # a checkpoint is of the epoch after those it has found: that one trains no further
        for epoch in range(len(found) + 1, self.num_epochs + 1):
            fitted = yield from fit(replace(training, num_epochs=epoch), progress)
            found.append(fashion.variances(fitted.net, data))
            progress.tensors[FOUND] = torch.stack(found)
        by_seed = torch.stack(found).view(self.num_epochs, 2, 2, self.num_seeds).numpy()
        spread, epochs = by_seed.mean(3), np.arange(1.0, self.num_epochs + 1)
        last = spread[-1]  # of each layer: without, with
        yield Figure(
            "activations", "Variance of the hidden activations",
            f"After epoch {self.num_epochs} the first layer has variance {last[0, 1]:.3g} with"
            f" dropout and {last[0, 0]:.3g} without, the second {last[1, 1]:.3g} and"
            f" {last[1, 0]:.3g}.",
            tuple(
                Series(f"layer {i + 1}, {label}", epochs, spread[:, i, j], ROLES[2 * i + j])
                for i, j, label in LAYERS
            ),
            x_label="epoch", y_label="variance",
        )  # fmt: skip
        yield Table(
            "activations", "Variance over the seeds",
            ("layer", "dropout", "epoch", "variance", "95 % ±"),
            tuple(
                (float(i + 1), label, float(epoch), *fashion.spread(by_seed[epoch - 1, i, j]))
                for i, j, label in LAYERS
                for epoch in range(1, self.num_epochs + 1)
            ),
        )  # fmt: skip
