"""4.3 Exercises of the MLP: width, depth, learning rate, activation and start, one at a time."""

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np

from ml import draws, fields
from ml.events import Check, Event, Floats
from ml.experiment import Diverged, Preset
from ml.fashion import HELD_OUT, LOST_RULE, NUM_INPUTS, NUM_OUTPUTS, FashionChoice
from ml.grid import Grid, by_category
from ml.intervals import plus_minus
from ml.nn import MLP, gaussian, uniform, zeros
from ml.trains import Fits, Training

BASE = (NUM_INPUTS, 256, NUM_OUTPUTS)
Settings = dict[str, tuple[MLP, float]]  # the net and the lr of each
VARIED: dict[str, Settings] = {
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
# What is seen with each seed: test accuracies so weighted add up to more than 0. Of five seeds the
# least sum was from 0.023 (width) to 0.28 (lr) with 10,000 images, from 0.05 to 0.45 with 2,000.
CLAIMS: dict[str, dict[str, dict[str, int]]] = {
    "width": {"gained from 4 to 16 units, minus from 16 to 512": {"16": 2, "4": -1, "512": -1}},
    "depth": {
        "no hidden layer minus 1": {"0 hidden": 1, "1 hidden": -1},
        "1 hidden layer minus 3": {"1 hidden": 1, "3 hidden": -1},
    },
    "lr": {f"lr 0.1 minus {lr}": {"0.1": 1, lr: -1} for lr in ("0.001", "1")},
    "activation": {f"{name} minus sigmoid": {name: 1, "sigmoid": -1} for name in ("relu", "tanh")},
    "start": {"N(0, 0.1²) minus N(0, 0.01²)": {"N(0, 0.1²)": 1, "N(0, 0.01²)": -1}},
}
FEW = 2000  # images, which show in seconds what the defaults show
REGRET = 0.02  # of test accuracy, by choosing on held-out images; a mean of these strays by 0.01


class MLPSweeps(FashionChoice):
    """Vary the MLP's width, depth, learning rate, activation or start, over several seeds."""

    curves_only = True
    presets = (
        Preset("width", "How wide?", "From 4 hidden units to 512.", {"vary": "width"}),
        Preset("depth", "How deep?", "From no hidden layer to three.", {"vary": "depth"}),
        Preset("lr", "How fast?", "Up to a learning rate that diverges.", {"vary": "lr"}),
        Preset("activation", "Which activation?", "ReLU, tanh, sigmoid.", {"vary": "activation"}),
        Preset("start", "Which start?", "Zeros, three normals, a uniform.", {"vary": "start"}),
    )
    verifies = tuple({"vary": vary, "num_images": FEW} for vary in VARIED)
    breakable = ("choose", "varied")

    varied: ClassVar[dict[str, Settings]] = VARIED

    name: Literal["mlp_sweeps"] = "mlp_sweeps"
    vary: Literal["width", "depth", "lr", "activation", "start"] = fields.own(
        "lr", "Sweep", "Vary", "What differs; all else is one hidden layer of 256 ReLU, SGD at 0.1."
    )
    num_seeds: fields.NumSeeds = 3
    batch_size: fields.BatchSize = 256
    num_epochs: fields.NumEpochs = 5

    @property
    def grid(self) -> Grid:
        """Every setting with every seed."""
        seeds = draws.each(self.seed, self.num_seeds)
        return Grid({self.vary: [*self.varied[self.vary]], "seed": seeds})

    def trainings(self) -> Iterator[Training]:
        """The nets of each setting: chosen by held-out images, tested on the test images."""
        for setting, seed in self.grid:
            net, lr = self.varied[self.vary][setting]
            label = f"{self.vary} {setting}"
            lane = self.repetition(label, seed, lr=lr)
            yield self.classifier(self.vary, [lane], net)

    def results(self, fits: Fits) -> Iterator[Event]:
        """Accuracy of each setting (settings, seeds), NaN where it diverged, with its interval."""
        held_out, test = (
            self.grid.fold(self.accuracies(fits, part)[-1]) for part in ("valid", "test")
        )
        settings, means = [*self.varied[self.vary]], held_out.mean(1)
        if np.isnan(means).all():
            raise Diverged(f"Each {self.vary} diverged with a seed at least: none can be compared.")
        best = self.choose(means)
        gone = [name for name, mean in zip(settings, means, strict=True) if np.isnan(mean)]
        tests = dict(zip(settings, test, strict=True))
        title, y = f"Test accuracy by {self.vary}", "test accuracy"
        finding = (
            f"Of {self.vary} {', '.join(settings)} held-out images choose {settings[best]}: right"
            f" on {plus_minus(test[best], '.1%')} of the test images, over {self.num_seeds} seeds"
        ) + (f"; with {', '.join(gone)} a run diverges." if gone else ".")
        yield by_category("sweep", title, finding, tests, x_label=self.vary, y_label=y)
        note = (
            f"{self.num_images:,} images, {HELD_OUT:,} held-out ones to choose by,"
            f" {self.num_epochs} epochs, {self.num_seeds} seeds; empty: a run diverged."
            f" {LOST_RULE}"
        )
        ends = {"held-out": held_out, "test": test}
        yield self.grid.ends("sweep", f"Accuracy by {self.vary}", ends, note)
        yield self.unmixed(fits)
        known = FEW <= self.num_images <= 10_000
        if known and self.matches(vary=self.vary, num_images=self.num_images):
            yield from self.claims(tests, test.mean(1), best)

    def claims(self, tests: dict[str, Floats], means: Floats, best: int) -> Iterator[Check]:
        """What the exercises show: test accuracy by setting, (seeds,), and its mean (settings,)."""
        lost = float(np.nanmax(means) - means[best])
        yield self.at_most("test accuracy lost by choosing on held-out images", REGRET, lost)
        for name, weights in CLAIMS[self.vary].items():
            sums = sum(weight * tests[setting] for setting, weight in weights.items())
            yield self.above(f"test accuracy, {name}: least of the seeds", 0, np.min(sums))
        if self.vary == "lr":
            lost = int(np.isnan(tests["30"]).sum())
            yield self.equal("runs at lr 30 that diverge", self.num_seeds, lost)
        if self.vary == "start":  # every image is taken for one class, and of ten these are equal
            yield self.near("all weights zero, test accuracy", 0.1, tests["all zero"].max(), 1e-6)
