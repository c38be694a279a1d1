"""4.7 Memory: training keeps what prediction forgets (4.7.4, exercise 3)."""

from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field

from ml import fields, graphs
from ml.events import Event, Figure, Table
from ml.experiment import InstantExperiment, Preset
from ml.lanes import Lanes
from ml.nn import MLP

BATCHES = (4, 8, 16, 32, 64, 128)
DEPTHS = (1, 2, 4, 8, 16)
ROUGHLY = 0.1  # how far from twofold twice the layers or examples may be: "roughly proportional"


class MemoryOfTraining(InstantExperiment):
    """Count the bytes that training keeps for backpropagation, beside those of prediction."""

    presets = (
        Preset("small", "Small", "Two layers, sixteen examples.", {"depth": 2, "batch_size": 16}),
        Preset("deep", "Deep", "Sixteen layers keep sixteen activations.", {"depth": 16}),
    )
    verifies = ({}, {"activation": "relu", "width": 64})

    name: Literal["memory_of_training"] = "memory_of_training"
    width: Annotated[fields.NumHiddens, Field(ge=4, le=64, description="Units of each layer.")] = 32
    depth: int = fields.own(
        4, "Network", "Depth", "Hidden layers while the batch grows.", "L", ge=1, le=16
    )
    activation: fields.Activation = "tanh"
    batch_size: Annotated[
        fields.BatchSize, Field(le=64, description="Examples while the depth grows.")
    ] = 64

    def stored(self, depth: int, batch_size: int) -> tuple[int, int, int]:
        """Bytes of the intermediate values that training keeps, of the most that prediction holds
        at once (what goes into a hidden layer and what comes out), and of the parameters."""
        net = MLP((self.width,) * (depth + 2), self.activation)(Lanes.one(self.seed))
        X = torch.zeros(1, batch_size, self.width)
        _, kept = graphs.kept(lambda: net(X), (X, *net.parameters()))
        most, H = 0, X
        with torch.no_grad():
            layers = [*net]
            for linear, phi in zip(layers[:-1:2], layers[1::2], strict=True):  # but the read-out
                before, H = H, phi(linear(H))
                most = max(most, graphs.size(before) * (before is not X) + graphs.size(H))
        return kept, most, sum(map(graphs.size, net.parameters()))

    def answer(self) -> Iterator[Event]:
        """By batch size and by depth, with what 4.7.4 says of it; then all at these settings."""
        for name, axis, noun, x, sizes in (
            ("batch", "batch size", "examples", BATCHES, [(self.depth, n) for n in BATCHES]),
            ("depth", "hidden layers", "layers", DEPTHS, [(d, self.batch_size) for d in DEPTHS]),
        ):
            stored = np.array([self.stored(*size) for size in sizes], dtype=np.float64)
            kept, most, _ = stored.T / 1024
            yield Figure.lines(
                name,
                f"Intermediate values by {axis}",
                f"From {x[0]} to {x[-1]} ({axis}) training's grow from {kept[0]:.3g} to"
                f" {kept[-1]:.3g} KiB, prediction's from {most[0]:.3g} to {most[-1]:.3g}.",
                x,
                {"training": kept, "prediction": most},
                x_label=axis,
                y_label="KiB",
                x_scale="log",
                y_scale="log",
            )
            ratios = kept[1:] / kept[:-1]
            worst = ratios[np.abs(ratios - 2).argmax()]
            yield self.near(f"kept for twice the {noun}, times", 2.0, worst, ROUGHLY, "words")
        deep, half = DEPTHS[-1], DEPTHS[-1] / 2  # prediction holds two layers' at a time
        text = f"{deep} layers: intermediate values of training over prediction's"
        yield self.near(text, half, kept[-1] / most[-1], ROUGHLY * half)
        kept, most, parameters = self.stored(self.depth, self.batch_size)
        yield Table.of(
            "bytes",
            "Bytes at these settings",
            {
                "what": ["parameters", "gradients", "intermediate values"],
                "prediction": [parameters, 0, most],
                "training": [parameters, parameters, kept],
            },
            "Training keeps intermediate values until backpropagation is done; prediction holds"
            " what goes into a layer and what comes out.",
        )
