"""4.8 Layer-wise rates: each layer moves by a share of its own length (LARS, You et al., 2017)."""

from collections.abc import Iterator
from functools import partial
from math import inf
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field

from ml import draws, fields
from ml.events import Event, Floats, Table
from ml.experiment import Preset
from ml.lanes import Lane
from ml.nn import MLP, gaussian, zeros
from ml.optim import SGD, LayerWise
from ml.trains import Fits, Training, TrainingExperiment

POINTS, INPUTS = 128, 8  # half of the points to learn from
SMALLER = 100  # plain SGD is also tried with a rate so many times smaller


class LayerwiseRates(TrainingExperiment):
    """Train a deep ReLU net with one rate for all layers, and with a rate for each layer."""

    asked: ClassVar[str] = "layer-wise"
    curves_only = True
    presets = (
        Preset("normal", "Ten layers", "One rate for all of them explodes.", {}),
        Preset("small", "He's width", "The scale stays, and plain SGD learns, too.", {"std": 0.25}),
        Preset("wide", "Wide weights", "Finite, but units die, and learning stalls.", {"std": 1.0}),
    )

    name: Literal["layerwise_rates"] = "layerwise_rates"
    depth: int = fields.own(10, "Network", "Depth", "Hidden layers.", "L", ge=1, le=16)
    width: int = fields.own(32, "Network", "Width", "Units of each hidden layer.", "h", ge=4, le=64)
    std: float = fields.own(
        0.35, "Network", "Start", "Standard deviation of the weights.", "σ", ge=0.05, le=1
    )
    lr: Annotated[
        fields.Lr, Field(le=1, description="Learning rate of SGD, and each layer's largest share.")
    ] = 0.01
    num_epochs: int = fields.own(
        400, "Training", "Steps", "Steps, each on all points.", "T", ge=2, le=2000
    )

    def trainings(self) -> Iterator[Training]:
        """Three from one start, all points a step."""
        generator = draws.generator(self.seed, POINTS, INPUTS)
        X = torch.randn(POINTS, INPUTS, generator=generator)
        y = torch.sin(X @ torch.randn(INPUTS, 1, generator=generator))
        train, valid = torch.arange(POINTS).chunk(2)
        sizes = (INPUTS, *[self.width] * self.depth, 1)
        net = MLP(sizes, init=gaussian(self.std), bias_init=zeros)
        for way, lr, optimizer in (
            ("layer-wise", self.lr, partial(LayerWise, num_steps=self.num_epochs)),
            ("SGD", self.lr, SGD),
            (f"SGD, a {SMALLER}th of the rate", self.lr / SMALLER, SGD),
        ):
            lane = Lane(label=way, setting=way, train=train, valid=valid, lr=lr, seed=self.seed)
            yield self.training(way, X, y, [lane], net, optimizer=optimizer, batch_size=len(train))

    def results(self, fits: Fits) -> Iterator[Event]:
        """How far each rate got, and what the exercise's own setting claims."""
        curves = {one.training.key: finite(one.metric("train")[:, 0]) for one in fits}
        last = {
            way: float(curve[-1]) if len(curve) == self.num_epochs else inf
            for way, curve in curves.items()
        }
        yield Table.of(
            "ends",
            f"Loss of {self.depth} hidden layers",
            {
                "rate": [*curves],
                "finite steps": [len(curve) for curve in curves.values()],
                "after the first step": [c[0] if len(c) else None for c in curves.values()],
                "least": [c.min() if len(c) else None for c in curves.values()],
                "last": [*last.values()],
            },
            "Empty where it is no finite number. From weights of standard deviation 1.0"
            " layer-wise rates stay finite, too, but stall: units die, and all training points get"
            " one answer.",
        )
        if not self.matches():
            return
        (layerwise, plain, _), ends = curves.values(), [*last.values()]
        shrunk = ends[0] / layerwise[0] if len(layerwise) else inf
        yield self.at_most("layer-wise rates: last loss over the first", 0.01, shrunk)
        yield self.at_most("plain SGD, the same rate: finite steps", 10, len(plain))
        name = "plain SGD, the better rate: last loss over layer-wise rates'"
        yield self.at_least(name, 100, min(ends[1:]) / ends[0])


def finite(losses: Floats) -> Floats:
    """The losses (E,) up to the first that is no finite number."""
    lost = np.flatnonzero(~np.isfinite(losses))
    return losses[: lost[0]] if len(lost) else losses
