"""4.6 Exercise 2: more epochs, with and without dropout; where there is a gap, it is narrower."""

from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ml import fields
from ml.events import Event, Figure
from ml.experiment import Preset
from ml.grid import band
from ml.intervals import percent
from ml.noise import NoiseComparison, gap_figure
from ml.trains import Fits


class DropoutEpochs(NoiseComparison):
    """Train for more epochs with and without dropout, and follow the gap between both."""

    presets = (Preset("epochs", "More epochs", "20, with and without it.", {}),)

    name: Literal["dropout_epochs"] = "dropout_epochs"
    num_epochs: Annotated[fields.NumEpochs, Field(le=200)] = 20

    def results(self, fits: Fits) -> Iterator[Event]:
        """Accuracy at the end, then by epoch: the gap, and what dropout gains on test images."""
        yield from super().results(fits)
        train, test = (self.grid.fold(fits.metric(f"{p} accuracy")) for p in ("train", "test"))
        gain = test[:, 1] - test[:, 0]  # (E, S)
        yield gap_figure(self.grid, train, test)
        yield Figure(
            "gained",
            "What dropout gains on test images",
            f"{percent('Dropout changes test accuracy by', gain[0])} after the first epoch and"
            f" {percent('by', gain[-1])} after the last.",
            (band("with minus without", np.arange(1.0, len(gain) + 1), gain),),
            x_label="epoch",
            y_label="difference of test accuracy",
        )
        if self.claiming:
            plain, noisy = (train - test)[-1].mean(1)
            yield self.above("gap of accuracy, narrowed by dropout by", 0, plain - noisy, "words")
