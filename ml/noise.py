"""4.6 What its comparisons share: noise other than dropout, and settings beside a net without."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from ml import draws, fields
from ml.events import Event, Figure, Floats, Table
from ml.fashion import HELD_OUT, NUM_INPUTS, NUM_OUTPUTS, FashionChoice, FashionExperiment, logits
from ml.grid import Grid, by_category
from ml.intervals import interval, percent
from ml.lanes import Lanes
from ml.nn import MLP, DropConnect, Dropout, GaussianNoise, Linear, gaussian, set_moment, zeros
from ml.optim import Adam
from ml.programs import Fits
from ml.train import Net, Training
from ml.verdict import judge

NET = MLP((NUM_INPUTS, 256, 256, NUM_OUTPUTS))  # with the probabilities of its lanes
NONE = "none"  # the setting that all others stand beside
LR, BATCH = 0.001, 256  # of Adam
FEWER: dict[str, Any] = {"num_images": 5000, "num_seeds": 3}  # than usual, to be verified sooner
REGRET = 0.02  # of test accuracy, by choosing on held-out images
STD = 0.01  # of the book's weights at the start
LEARNT = 0.3  # training accuracy from which a net is past its start, where all outputs are alike


@dataclass(frozen=True, slots=True)
class NoisyMLP:
    """An MLP with another noise in the place of its dropout; a value, as the MLP is.

    "Gaussian" multiplies hidden units, "DropConnect" drops weights of the map that reads them.
    """

    mlp: MLP
    kind: Literal["Gaussian", "DropConnect"]

    def __call__(self, lanes: Lanes) -> nn.Sequential:
        """The net of these lanes: (L, n, in) -> (L, n, out)."""
        layers: list[nn.Module] = [*self.mlp(lanes)]
        for i, layer in enumerate(layers):
            if isinstance(layer, Dropout):
                place = layer.p, layer.seeds, layer.layer
                if self.kind == "Gaussian":
                    layers[i] = GaussianNoise(*place)
                else:
                    reader = layers.pop(i + 1)
                    assert isinstance(reader, Linear)
                    layers[i] = DropConnect(*place, reader)
        return nn.Sequential(*layers)


@dataclass(frozen=True, slots=True)
class Variant:
    """One setting of a comparison: two probabilities, the net that has them, and weight decay."""

    p: tuple[float, float] = (0.0, 0.0)
    net: Net = NET
    weight_decay: float = 0.0


def setting_of(p: tuple[float, float]) -> str:
    """The name of a net with these probabilities."""
    return f"dropout {p[0]:g}, {p[1]:g}"


class DropoutExperiment(FashionExperiment):
    """One that drops units of two hidden layers, each with a probability of its own."""

    dropout1: fields.Dropout1 = 0.2
    dropout2: fields.Dropout2 = 0.5

    @property
    def p(self) -> tuple[float, float]:
        """Both probabilities."""
        return self.dropout1, self.dropout2

    @property
    def asked(self) -> str | None:
        """The net with dropout."""
        return setting_of(self.p)


class BookDropout(DropoutExperiment):
    """One that trains the net of 4.6 as the book does."""

    num_hiddens: Annotated[fields.NumHiddens, Field(le=1024)] = 256
    lr: fields.Lr = 0.5
    batch_size: Annotated[fields.BatchSize, Field(le=4096)] = 256
    num_epochs: Annotated[fields.NumEpochs, Field(le=1000)] = 10

    @property
    def net(self) -> MLP:
        """784-h-h-10, its weights N(0, 0.01²) and its biases 0 at the start (4.6.4)."""
        sizes = NUM_INPUTS, self.num_hiddens, self.num_hiddens, NUM_OUTPUTS
        return MLP(sizes, init=gaussian(STD), bias_init=zeros)


class NoiseComparison(FashionChoice, DropoutExperiment):
    """One that sets nets with noise beside the same net without, each with the same seeds."""

    curves_only: ClassVar[bool] = True
    verifies: ClassVar[tuple[dict[str, Any], ...]] = (FEWER,)

    num_seeds: fields.NumSeeds = 5
    num_epochs: Annotated[fields.NumEpochs, Field(le=200)] = 5

    @property
    def variants(self) -> dict[str, Variant]:
        """What is compared, by the name of its setting; all others stand beside the first."""
        return {NONE: Variant(), setting_of(self.p): Variant(self.p)}

    @property
    def grid(self) -> Grid:
        """Every setting with every seed."""
        seeds = draws.each(self.seed, self.num_seeds)
        return Grid({"variant": [*self.variants], "seed": seeds})

    @property
    def claiming(self) -> bool:
        """Whether claims were tried at these settings; the chapter gives no figure for any."""
        return self.matches() or self.matches(**FEWER)

    @property
    def contrasts(self) -> dict[str, dict[str, int]]:
        """Further differences than of each setting from the first: their settings' weights."""
        return {}

    def trainings(self) -> Iterator[Training]:
        """The nets of each setting by Adam: judged on held-out images, tested on test images."""
        variants = self.variants
        for setting, seed in self.grid:
            variant = variants[setting]
            how = {"dropout": variant.p, "weight_decay": variant.weight_decay}
            lane = self.repetition(setting, seed, lr=LR, **how)
            yield self.classifier("variants", [lane], variant.net, optimizer=Adam, batch_size=BATCH)

    def differences(self, of: Mapping[str, Floats]) -> dict[str, Floats]:
        """Each setting minus the first, and the contrasts, seed by seed: (S,) by name."""
        first, *others = of
        weights = {other: {other: 1, first: -1} for other in others} | self.contrasts
        return {
            name: np.sum([w * of[setting] for setting, w in each.items()], axis=0)
            for name, each in weights.items()
        }

    def results(self, fits: Fits) -> Iterator[Event]:
        """Accuracy of each setting on test images, and its difference from the first by seed."""
        held_out, test = (
            self.grid.fold(self.accuracies(fits, part)[-1]) for part in ("valid", "test")
        )
        of = dict(zip(self.variants, test, strict=True))
        first, best = next(iter(of)), [*of][self.choose(held_out.mean(1))]
        apart = self.differences(of)
        texts = [percent(name, difference) for name, difference in apart.items()]
        if self.asked:
            yield judge(fits.at(self.asked), beside=fits.at(first))
        yield by_category(
            "variants",
            "Test accuracy of each variant",
            f"{first}: {of[first].mean():.1%} right on average; {'; '.join(texts)}. Held-out images"
            f" choose {best}, {of[best].mean():.1%} right.",
            of,
            y_label="test accuracy",
        )
        yield self.grid.ends(
            "variants",
            "Accuracy of each variant",
            {"held-out": held_out, "test": test},
            f"{self.num_images:,} images, {HELD_OUT:,} held-out ones to choose by,"
            f" {self.num_epochs} epochs, {self.num_seeds} seeds.",
        )
        mean, half = interval([*apart.values()])
        yield Table.of(
            "differences",
            "Differences of test accuracy",
            {"difference": [*apart], "mean": mean, "± 95 %": half},
            f"Each setting minus {first}, seed by seed; further ones are sums over the settings.",
        )
        yield self.unmixed(fits)
        if self.asked is None and self.claiming:
            lost = float(test.mean(1).max() - of[best].mean())
            yield self.at_most("test accuracy lost by choosing on held-out images", REGRET, lost)


def gap_figure(grid: Grid, train: Floats, test: Floats) -> Figure:
    """Training minus test accuracy by epoch, of a grid without and with dropout: (E, 2, S) each."""
    plain, noisy = (train - test)[-1].mean(1)
    return grid.curves(
        "gap",
        "Training minus test accuracy",
        f"The gap ends at {noisy:+.1%} with dropout and {plain:+.1%} without; test accuracy is"
        f" {test[-1, 1].mean():.1%} with and {test[-1, 0].mean():.1%} without.",
        train - test,
        y_label="train − test accuracy",
    )


def answers(net: nn.Module, X: Tensor, count: int, *, training: bool = True) -> Tensor:
    """Logits of images X (n, 784) at so many steps of an epoch 0, which no training has seen.

    While training each step has its own masks: (steps, L, n, classes). The net is left evaluating.
    """
    net.train(training)
    steps = list[Tensor]()
    for step in range(count):
        set_moment(net, 0, step)
        steps.append(logits(net, X))
    net.eval()
    return torch.stack(steps)


@torch.no_grad()
def variance(X: Tensor, layer: int, net: nn.Module) -> Tensor:
    """Variance over images (n, 784) and units of what a hidden layer gives, evaluated: (L,)."""
    lanes = next(net.parameters())
    H, layers = X.to(lanes.device).expand(len(lanes), -1, -1), -1
    for module in (each for each in net.modules() if not isinstance(each, nn.Sequential)):
        H = module(H)
        layers += isinstance(module, nn.ReLU)
        if layers == layer:
            break
    return H.flatten(1).var(1)
