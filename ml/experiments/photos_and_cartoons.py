"""4.9 Photos and cartoons: learn from clean images, meet inverted or blurred ones."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ml import draws, fields
from ml.data import fashion_mnist
from ml.data.fashion_mnist import LABELS, SIDE, FashionMNIST
from ml.events import Event, Figure, Floats, Images, Table
from ml.experiment import Preset
from ml.fashion import NUM_INPUTS, NUM_OUTPUTS, FashionExperiment
from ml.grid import by_category
from ml.nn import MLP
from ml.optim import Adam
from ml.shift import DensityRatio, TwoSample, advice, density_ratio, two_sample
from ml.trains import Fits, Training

SEEN = 2_000  # images of each kind that are told apart
TILE = 4  # pixels: 49 means of 4 by 4 pixels are what they are told apart by
CLIP = 20.0
LEAST = {  # AUC, accuracy lost, accuracy gained by labels; seen over 5 seeds, see below
    "inverted": (0.95, 0.5, 0.05),  # 1; .77 to .80; .13 to .32
    "blurred": (0.8, 0.1, 0.01),  # .86; .15 to .17; .04 to .06
}
SHOWN = 8
PLAIN, WEIGHTED, LABELLED = "plain", "weighted by β", "a few labels of the target, too"


class PhotosAndCartoons(FashionExperiment):
    """See that the inputs moved, that weights cannot mend it, and that a few labels can."""

    breakable = ("changed", "told_apart", "ways")
    presets = (
        Preset("inverted", "Inverted", "No source image is like one of the target.", {}),
        Preset("blurred", "Blurred", "What is left are shapes.", {"kind": "blurred"}),
    )
    verifies = ({}, {"kind": "blurred"})
    curves_only = True

    name: Literal["photos_and_cartoons"] = "photos_and_cartoons"
    kind: Literal["inverted", "blurred"] = fields.own(
        "inverted", "Data", "Target", "What is done to the images of the target."
    )
    few: int = fields.own(
        200, "Data", "Labelled", "Images of the target that get a label.", ge=10, le=2000
    )
    num_images: Annotated[fields.NumImages, Field(le=20_000)] = 4_000
    lr: Annotated[fields.Lr, Field(le=1)] = 0.002
    batch_size: fields.BatchSize = 100
    num_epochs: Annotated[fields.NumEpochs, Field(le=100)] = 10
    num_seeds: Annotated[fields.NumSeeds, Field(le=10)] = 3

    @cached_property
    def data(self) -> FashionMNIST:
        """Images to learn from, `SEEN` and `few` more of the training file, then test images."""
        return fashion_mnist.read(self.num_images + SEEN + self.few)

    @cached_property
    def X(self) -> Tensor:
        """All images as they are, then all of them changed: (2 N, 784)."""
        images = self.data.X.view(-1, SIDE, SIDE)
        return torch.cat([images, self.changed(images, self.kind)]).flatten(1)

    @staticmethod
    def changed(images: Tensor, kind: str) -> Tensor:
        """Bytes (n, 28, 28), inverted, or averaged over 7 by 7 pixels."""
        if kind == "inverted":
            return 255 - images
        mean = torch.nn.functional.avg_pool2d(images[:, None].float(), 7, 1, 3)
        return mean[:, 0].round().to(torch.uint8)

    def trainings(self) -> Iterator[Training]:
        """Each way with each seed, judged on test images that were changed."""
        net, y = MLP((NUM_INPUTS, 64, NUM_OUTPUTS)), torch.cat([self.data.y, self.data.y])
        for setting, (rows, weight) in self.ways().items():
            for seed in draws.each(self.seed, self.num_seeds):
                lane = self.lane(
                    f"{setting}, seed {seed}",
                    setting=setting,
                    seed=seed,
                    train=rows,
                    valid=self.data.test + len(self.data.X),  # what counts, so the headline's
                    test=self.data.test,
                    weight=weight,
                )
                classifier = self.classifier(setting, [lane], net, optimizer=Adam)
                yield replace(classifier, X=self.X, y=y)

    def ways(self) -> dict[str, tuple[Tensor, Tensor | None]]:
        """Rows to learn from and their weights; all but the last without a label of the target."""
        source = self.data.train[: self.num_images]
        labelled = torch.cat([source, self.labelled])
        weight = torch.from_numpy(self.beta.source)
        return {PLAIN: (source, None), WEIGHTED: (source, weight), LABELLED: (labelled, None)}

    @property
    def labelled(self) -> Tensor:
        """Changed images that someone has labelled; none of them is seen by the detector."""
        first = self.num_images + SEEN + len(self.data.X)
        return torch.arange(first, first + self.few)

    @cached_property
    def tiles(self) -> Floats:
        """All images, then all changed ones, by means of tiles: (2 N, 49)."""
        images = self.X.view(-1, 1, SIDE, SIDE).float()
        return torch.nn.functional.avg_pool2d(images, TILE).flatten(1).double().numpy()

    @property
    def seen(self) -> slice:
        """Images of which none is learnt from."""
        return slice(self.num_images, self.num_images + SEEN)

    @cached_property
    def beta(self) -> DensityRatio:
        """β of the images that are learnt from; the target has no labels."""
        target = self.tiles[len(self.data.X) :][self.seen]
        return density_ratio(self.tiles[: self.num_images], target, clip=CLIP)

    @staticmethod
    def told_apart(source: Floats, target: Floats) -> TwoSample:
        """Tiles (n, 49) and (m, 49)."""
        z = np.repeat([-1, 1], [len(source), len(target)])
        return two_sample(np.concatenate([source, target]), z)

    def results(self, fits: Fits) -> Iterator[Event]:
        """What is seen before any label, and what each way comes to."""
        yield self.pictures()
        source, total = self.tiles[: self.num_images][:SEEN], len(self.data.X)
        told = {
            "other clean images": self.told_apart(source, self.tiles[self.seen]),
            f"{self.kind} images": self.told_apart(source, self.tiles[total:][self.seen]),
        }
        columns: dict[str, Any] = {
            "target": [*told],
            "AUC": [each.auc for each in told.values()],
            "p": [each.p for each in told.values()],
        }
        yield Table.of(
            "detector", "Told from the source without a label", columns, advice(self.beta)
        )
        clean, target = (
            {name: fits.at(name).last(f"{part} accuracy") for name in (PLAIN, WEIGHTED, LABELLED)}
            for part in ("test", "valid")
        )
        shares = [f"{values.min():.0%} to {values.max():.0%}" for values in target.values()]
        yield by_category(
            "accuracy",
            f"Accuracy on {self.kind} test images",
            f"Of clean test images {clean[PLAIN].mean():.0%} are right, of {self.kind} ones"
            f" {shares[0]}, as the seed will; with weights {shares[1]}, with {self.few} labels of"
            f" the target {shares[2]}.",
            target,
            y_label="accuracy on the target",
        )
        if self.matches(kind=self.kind):
            yield from self.claims(told, clean, target)

    def claims(
        self, told: dict[str, TwoSample], clean: dict[str, Floats], target: dict[str, Floats]
    ) -> Iterator[Event]:
        """What holds for both kinds."""
        same, other = told.values()
        auc, drop, rise = LEAST[self.kind]
        yield self.at_least("clean images against clean ones, p", 0.001, same.p)
        yield self.at_least(f"{self.kind} images told from clean ones, AUC", auc, other.auc)
        lost = float((clean[PLAIN] - target[PLAIN]).mean())
        yield self.at_least(f"accuracy lost on {self.kind} images", drop, lost, "words")
        gain = float((target[WEIGHTED] - target[PLAIN]).mean())
        yield self.at_most(f"accuracy gained by weights on {self.kind} images", 0.1, gain)
        won = float((target[LABELLED] - target[PLAIN]).mean())
        yield self.at_least(f"accuracy gained by {self.few} {self.kind} labels", rise, won)

    def pictures(self) -> Figure:
        """The same images in source and target."""
        n, total = self.num_images, len(self.data.X)
        rows = torch.arange(n, n + SHOWN)
        pixels = self.X[torch.cat([rows, rows + total])].view(-1, SIDE, SIDE).numpy()
        names = [LABELS[j] for j in self.data.y[rows, 0].tolist()]
        finding = f"Above the source, below the target: the same clothes, {self.kind}."
        images = Images(pixels, (*names, *names), SHOWN)
        return Figure("images", "Source and target", finding, images=images)
