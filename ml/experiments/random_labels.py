"""4.6 Random labels: a net learns what has no pattern, and knows nothing of new images."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field
from torch import Tensor

from ml import draws, fields
from ml.data import fashion_mnist
from ml.data.fashion_mnist import FashionMNIST
from ml.events import Event
from ml.experiment import Preset
from ml.fashion import HELD_OUT, NUM_INPUTS, NUM_OUTPUTS, FashionExperiment
from ml.grid import Grid, by_category
from ml.nn import MLP
from ml.optim import Adam
from ml.trains import Fits, Training
from ml.verdict import judge

RANDOM, TRUE = "random labels", "true labels"
LEARNT = 0.99  # training accuracy; seen 0.999 and 1 over 5 seeds
CHANCE, ABOUT = 0.10, 0.03  # accuracy on new images: of 2,000 chance itself strays by 0.7 %


class RandomLabels(FashionExperiment):
    """Learn 1,000 images with labels drawn at random, beside the same images with their own."""

    asked: ClassVar[str] = RANDOM
    breakable = ("relabelled",)
    curves_only = True
    presets = (
        Preset("underfit", "Underfit", "Four hidden units cannot store them.", {"num_hiddens": 4}),
        Preset("overfit", "Overfit", "256 hidden units store every label.", {}),
        Preset("dropout", "With dropout", "Dropout of 0.5 makes storing harder.", {"dropout": 0.5}),
    )

    name: Literal["random_labels"] = "random_labels"
    num_hiddens: Annotated[fields.NumHiddens, Field(le=1024)] = 256
    dropout: fields.Dropout = 0.0
    lr: Annotated[fields.Lr, Field(le=10)] = 0.002
    num_epochs: Annotated[fields.NumEpochs, Field(le=2000)] = 150
    num_seeds: Annotated[fields.NumSeeds, Field(le=10)] = 3
    num_images: Annotated[fields.NumImages, Field(le=10_000)] = 1000

    @property
    def grid(self) -> Grid:
        """Both kinds of labels with every seed."""
        return Grid({"labels": (RANDOM, TRUE), "seed": draws.each(self.seed, self.num_seeds)})

    @cached_property
    def data(self) -> FashionMNIST:
        """Its training images, and the first of the test images."""
        return fashion_mnist.read(self.num_images, HELD_OUT)

    def trainings(self) -> Iterator[Training]:
        """The same images with labels of each kind; drawn anew for every seed."""
        net = MLP((NUM_INPUTS, self.num_hiddens, NUM_OUTPUTS))
        for labels, seed in self.grid:
            y = self.relabelled(self.data.y, seed) if labels == RANDOM else self.data.y
            lane = self.repetition(labels, seed, dropout=self.dropout)
            classifier = self.classifier("labels", [lane], net, optimizer=Adam, batch_size=100)
            yield replace(classifier, y=y)

    @staticmethod
    def relabelled(y: Tensor, seed: int) -> Tensor:
        """Labels drawn uniformly, whatever the image: (n, 1) -> (n, 1)."""
        numbers = draws.uniform(draws.keys([seed], NUM_OUTPUTS), len(y))[0]
        return (numbers * NUM_OUTPUTS).long()[:, None]

    def results(self, fits: Fits) -> Iterator[Event]:
        """Accuracy at the end; that none can guess them, and that this net stores them (4.6.1)."""
        train, held_out = (
            self.grid.fold(fits.last(f"{part} accuracy")) for part in ("train", "valid")
        )
        ends = {"train": train, "held out": held_out}
        random = fits.at(RANDOM)
        finding = judge(random, lost=self.lost(random)[-1])
        yield finding
        yield by_category(
            "memory",
            "Learning what has no pattern",
            f"Random labels are learnt to {train[0].mean():.1%}, and guessed at"
            f" {held_out[0].mean():.1%} on other images; true labels are learnt to"
            f" {train[1].mean():.1%} and right on {held_out[1].mean():.1%}.",
            {
                f"{labels}, {part}": accuracy[i]
                for i, labels in enumerate(("random", "true"))
                for part, accuracy in ends.items()
            },
            y_label="accuracy",
        )
        yield self.grid.ends("accuracy", "Accuracy at the end", ends)
        if finding.verdict == "diverged":  # of nets that diverged nothing is claimed
            return
        farthest = held_out[0][np.abs(held_out[0] - CHANCE).argmax()]
        name = "random labels, held-out accuracy farthest from chance"
        yield self.near(name, CHANCE, farthest, ABOUT, "figure")
        if self.matches(num_seeds=self.num_seeds):
            name = "random labels, least training accuracy"
            yield self.at_least(name, LEARNT, train[0].min(), "words")
