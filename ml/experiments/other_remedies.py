"""4.5 Other remedies: what stopping early and more data do against overfitting, beside decay."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import numpy as np
import torch

from ml import fields
from ml.events import Event, Table
from ml.experiment import Preset
from ml.grid import Grid, by_category
from ml.intervals import interval
from ml.regression import NoisyRegression
from ml.trains import Fits, Training

NUM_VALID = 50  # points that say when to stop


class OtherRemedies(NoisyRegression):
    """Stop early, decay the weights, or learn from more points: what each makes of overfitting."""

    presets = (
        Preset("remedies", "All remedies", "100 points for 200 weights.", {}),
        Preset("enough", "Data enough", "There is little left to mend.", {"num_train": 500}),
    )
    breakable = ("more",)

    name: Literal["other_remedies"] = "other_remedies"
    weight_decay: fields.WeightDecay = 1.4  # where the path of decay_path is lowest

    more: ClassVar[tuple[int, ...]] = (2, 6)  # times as many points, without decay

    @property
    def parts(self) -> tuple[int, ...]:
        """Enough points for the last remedy, points to stop by, and to be tested on."""
        return self.more[-1] * self.num_train, NUM_VALID, self.num_test

    @property
    def remedies(self) -> dict[str, tuple[int, float]]:
        """How many times the points, and how much decay, by the name of the setting."""
        decays = {"none": (1, 0.0), f"λ {self.weight_decay:g}": (1, self.weight_decay)}
        return decays | {f"{times} times the data": (times, 0.0) for times in self.more}

    @property
    def grid(self) -> Grid:
        """Every remedy on every data set."""
        return Grid({"remedy": [*self.remedies], "data set": range(self.num_seeds)})

    def trainings(self) -> Iterator[Training]:
        """A linear net for each remedy and data set; to stop early needs no training of its own."""
        for remedy, i in self.grid:
            times, decay = self.remedies[remedy]
            rows = torch.arange(times * self.num_train)
            yield self.linear(f"{len(rows)} points", remedy, i, weight_decay=decay, train=rows)

    def results(self, fits: Fits) -> Iterator[Event]:
        """Test loss of each remedy, means and medians over the data sets; exercise 5 of 4.5."""
        none, sets = fits.at("none"), np.arange(self.num_seeds)
        epochs = np.nan_to_num(none.metric("valid"), nan=np.inf).argmin(0)  # one of each data set
        test = dict(zip(self.remedies, self.grid.fold(fits.last("test")), strict=True))
        test["stopped early"] = none.metric("test")[epochs, sets]
        least = min(test, key=lambda remedy: float(np.nan_to_num(test[remedy], nan=np.inf).mean()))
        yield by_category(
            "remedies",
            "Test loss by remedy",
            f"The mean test loss is {test['none'].mean():.4g} without a remedy, and least with"
            f" {least}, {test[least].mean():.4g}; validation stops after epoch"
            f" {np.median(epochs) + 1:.0f}, which gives {test['stopped early'].mean():.4g}.",
            test,
            y_label="halved squared loss",
        )
        mean, half = interval(np.stack([*test.values()]))
        columns: dict[str, Any] = {"remedy": [*test], "test loss": mean, "± 95 %": half}
        columns["median"] = [float(np.median(each)) for each in test.values()]
        note = (
            f"Over {self.num_seeds} data sets; σ²/2 is {self.noise**2 / 2:g}. As many points as"
            f" inputs, {self.num_inputs}, are the worst number without decay: the fit passes"
            " through all noise."
        )
        yield Table.of("remedies", "Other remedies", columns, note)
        if not self.matches():
            return
        plain, decayed, _, most, stopped = (float(each.mean()) for each in test.values())
        name = "test loss of 6 times the data over that of"
        yield self.at_most(f"{name} none", 0.95, most / plain, "words")
        yield self.at_most(f"{name} the best lambda", 1.0, most / decayed)
        name = "test loss stopped early over that of all epochs"
        yield self.at_most(name, 0.95, stopped / plain)
