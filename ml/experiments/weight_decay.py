"""4.5 Weight decay: 200 inputs, 20 points, with and without a penalty on the weights."""

from collections.abc import Iterator
from typing import Literal

import numpy as np

from ml import fields
from ml.events import Event
from ml.experiment import Preset
from ml.grid import Grid
from ml.regression import LinearRegression
from ml.trains import Fits, Training
from ml.verdict import judge

NORMS = {0.0: (13.259391, 1.8), 3.0: (0.382491, 0.04)}  # ‖w‖ as printed; 12.8 to 15 over 5 seeds
# Test losses, seen from 70 to 96 and from 0.058 to 0.149. Without decay (d - n) / 2 is expected:
# 20 points leave 180 directions as they began. 22 is three standard errors of a mean of 5.
TESTS = {0.0: (90.0, 22.0), 3.0: (0.1035, 0.0455)}


class WeightDecay(LinearRegression):
    """Fit 200 weights to 20 points with and without weight decay, five times side by side."""

    presets = (
        Preset("book", "The book's", "20 points for 200 weights; lambda is 3.", {}),
        Preset(
            "underfit", "Underfit", "No weight is left: better than λ 0.", {"weight_decay": 100.0}
        ),
        Preset("data", "More data", "1,000 points need no decay at all.", {"num_train": 1000}),
    )

    name: Literal["weight_decay"] = "weight_decay"
    weight_decay: fields.WeightDecay = 3.0

    @property
    def label(self) -> str:
        """How strong the decay is, on how much data."""
        return f"λ {self.weight_decay:g}, {self.num_train} points, {self.num_inputs} inputs"

    @property
    def asked(self) -> str:
        """The decay that these settings are about."""
        return f"λ {self.weight_decay:g}"

    @property
    def grid(self) -> Grid:
        """Every data set once without and once with decay, where there is one."""
        decays = dict.fromkeys((0.0, self.weight_decay))
        return Grid({"λ": [*decays], "data set": range(self.num_seeds)})

    def trainings(self) -> Iterator[Training]:
        """A linear net for each decay and data set."""
        for decay, i in self.grid:
            yield self.linear("decay", f"λ {decay:g}", i, weight_decay=decay)

    def results(self, fits: Fits) -> Iterator[Event]:
        """Lengths of the weights and losses, beside the figures of 4.5.3 at its own settings."""
        norms = self.grid.fold(np.linalg.norm(fits.parameter("0.weight")[..., 0], axis=1))
        train, test = (self.grid.fold(fits.last(name)) for name in ("train", "valid"))
        yield judge(fits.at(self.asked), beside=fits.at("λ 0") if self.weight_decay else None)
        yield self.grid.ends(
            "norms",
            "Length of the weights, and losses",
            {"‖w‖": norms, "train": train, "test": test},
            f"Means over the data sets. The truth has {np.linalg.norm(self.truth):.4g}; the"
            f" decay alone would leave {self.decayed:.4g} of a start that is N(0, 1). The book"
            " prints 13.26 and, concise, 15.01 for λ 0, and 0.3825 for λ 3.",
        )
        if not self.matches():
            return
        for i, decay in enumerate(NORMS):
            (norm, wide), (loss, off) = NORMS[decay], TESTS[decay]
            yield self.near(f"mean ‖w‖, λ {decay:g}", norm, norms[i].mean(), wide, "figure")
            yield self.near(f"mean test loss, λ {decay:g}", loss, test[i].mean(), off)
        yield self.near("‖w‖ by the decay alone, λ 3", self.decayed, norms[1].mean(), 0.03)
        rise, fall = (train[1] - train[0]).min(), (test[0] - test[1]).min()
        yield self.above("training loss increases with decay: least change", 0, rise, "words")
        yield self.above("test loss decreases with decay: least change", 0, fall, "words")

    @property
    def decayed(self) -> float:
        """Length of d standard normal weights after as many shrinkings by 1 - lr lambda."""
        steps = self.num_epochs * -(-self.num_train // self.batch_size)
        shrunk = abs(1 - self.lr * self.weight_decay) ** min(steps, 10_000)
        return float(self.num_inputs**0.5 * shrunk)
