"""4.3 Exercises of the MLP: width, depth, learning rate, activation and start, one at a time."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from ml import draws, fields
from ml.events import Event
from ml.experiment import Diverged, Preset
from ml.fashion import GUESSING, HELD_OUT, NUM_INPUTS, NUM_OUTPUTS, FashionChoice
from ml.grid import Grid, by_category
from ml.intervals import interval
from ml.nn import MLP, gaussian, uniform, zeros
from ml.programs import Fits
from ml.train import Training

LOST = 1.1 * GUESSING  # a training loss above this has diverged, though it may be finite
BASE = (NUM_INPUTS, 256, NUM_OUTPUTS)
VARIED: dict[str, dict[str, tuple[MLP, float]]] = {  # the net and the lr of each setting
    "width": {str(h): (MLP((NUM_INPUTS, h, NUM_OUTPUTS)), 0.1) for h in (4, 16, 64, 256, 512)},
    "depth": {
        f"{d} hidden": (MLP((NUM_INPUTS, *(128,) * d, NUM_OUTPUTS)), 0.1) for d in (0, 1, 2, 3)
    },
    "lr": {f"{lr:g}": (MLP(BASE), lr) for lr in (0.001, 0.01, 0.1, 0.5, 1.0, 30.0)},
    "activation": {name: (MLP(BASE, name), 0.1) for name in ("relu", "tanh", "sigmoid")},
    "start": {
        name: (MLP(BASE, init=init, bias_init=zeros), 0.1)
        for name, init in {
            "all zero": zeros,
            "N(0, 0.01²)": gaussian(0.01),
            "N(0, 0.1²)": gaussian(0.1),
            "N(0, 1)": gaussian(1.0),
            "uniform, 0.06": uniform(0.06),
        }.items()
    },
}


class MLPSweeps(FashionChoice):
    """Vary the MLP's width, depth, learning rate, activation or start, over several seeds."""

    section: ClassVar[str] = "4.3"
    curves_only: ClassVar[bool] = True
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("width", "How wide?", "From 4 hidden units to 512.", {"vary": "width"}),
        Preset("depth", "How deep?", "From no hidden layer to three.", {"vary": "depth"}),
        Preset("lr", "How fast?", "Up to a learning rate that diverges.", {"vary": "lr"}),
        Preset("activation", "Which activation?", "ReLU, tanh, sigmoid.", {"vary": "activation"}),
        Preset("start", "Which start?", "Zeros, three normals, a uniform.", {"vary": "start"}),
    )
    # the chapter gives no figure for these: a chart with an interval, and no verdict
    verifies: ClassVar[tuple[dict[str, Any], ...]] = ()

    name: Literal["mlp_sweeps"] = "mlp_sweeps"
    vary: Literal["width", "depth", "lr", "activation", "start"] = Field(
        "lr",
        description="What differs; all else is one hidden layer of 256 ReLU, SGD at 0.1.",
        json_schema_extra={"group": "Sweep"},
    )
    num_seeds: fields.NumSeeds = 3
    batch_size: fields.BatchSize = 256
    num_epochs: fields.NumEpochs = 5

    @property
    def grid(self) -> Grid:
        """Every setting with every seed."""
        seeds = draws.each(self.seed, self.num_seeds)
        return Grid({self.vary: [*VARIED[self.vary]], "seed": seeds})

    def trainings(self) -> Iterator[Training]:
        """The nets of each setting: chosen by held-out images, tested on the test images."""
        for setting, seed in self.grid:
            net, lr = VARIED[self.vary][setting]
            label = f"{self.vary} {setting}"
            lane = self.lane(f"{label}, seed {seed}", setting=label, lr=lr, seed=seed)
            yield self.classifier(self.vary, [lane], net)

    def results(self, fits: Fits) -> Iterator[Event]:
        """Accuracy of each setting (settings, seeds), NaN where it diverged, with its interval."""
        known = fits.last("train") < LOST
        held_out, test = (
            self.grid.fold(np.where(known, fits.last(f"{part} accuracy"), np.nan))
            for part in ("valid", "test")
        )
        settings, lost = [*VARIED[self.vary]], np.asarray(np.isnan(held_out).any(1))
        if lost.all():
            raise Diverged(f"Each {self.vary} diverged with a seed at least: none can be compared.")
        best = int(np.argmax(np.where(lost, -1, held_out.mean(1))))
        gone = [setting for setting, diverged in zip(settings, lost, strict=True) if diverged]
        mean, half = interval(test[best])
        yield by_category(
            "sweep",
            f"Test accuracy by {self.vary}",
            f"Held-out images choose {settings[best]} of {', '.join(settings)}; it is right on"
            f" {mean:.1%} ± {half:.1%} of the test images, over {self.num_seeds} seeds"
            + (f"; {', '.join(gone)} diverges." if gone else "."),
            dict(zip(settings, test, strict=True)),
            x_label=self.vary,
            y_label="test accuracy",
        )
        yield self.grid.ends(
            "sweep",
            f"Accuracy by {self.vary}",
            {"held-out": held_out, "test": test},
            f"{self.num_images:,} images, {HELD_OUT:,} held-out ones to choose by,"
            f" {self.num_epochs} epochs, {self.num_seeds} seeds; empty: a run diverged.",
        )
