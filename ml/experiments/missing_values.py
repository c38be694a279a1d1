"""4.10 Exercise 3: a mean in the place of what is missing, at random or because it is high."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ml import draws
from ml.events import Event, Floats
from ml.experiment import Preset
from ml.grid import Grid, by_category
from ml.houses.folds import HouseComparison, Recipe
from ml.houses.tables import HouseTable
from ml.intervals import plus_minus
from ml.trains import Fits, Training
from ml.verdict import judge

COLUMNS = ("OverallQual", "GrLivArea", "TotalBsmtSF", "GarageArea", "YearBuilt")
GAPS, FILLS = ("at random", "not at random"), ("mean", "mean and indicator")
SETTINGS = {f"{fill} ({gap})": (gap, fill) for gap in GAPS for fill in FILLS}
EACH, HIGH = 0.5, 0.9  # of values that are hidden at random, and of those above the median
GAIN = 0.003  # of an indicator of what is missing not at random: 0.0057 to 0.0066 over six seeds


class MissingValues(HouseComparison):
    """Hide values of the houses, and ask what a column that says so is worth beside the mean."""

    asked: ClassVar[str] = [*SETTINGS][-1]  # where an indicator should help
    presets = (Preset("missing", "Gaps that mean something", "High values are missing.", {}),)
    breakable = ("hide",)

    name: Literal["missing_values"] = "missing_values"

    def trainings(self) -> Iterator[Training]:
        """A linear net, which cannot tell a mean that was filled in from one that was seen."""
        for setting, (gap, fill) in SETTINGS.items():
            yield from self.folds(setting, Recipe(num_hiddens=()), partial(self.view, gap, fill))

    def view(self, gap: str, fill: str, rows: NDArray[np.int64], i: int) -> HouseTable:
        """What a net sees that learns from these rows, other gaps in each repetition."""
        data, raw = self.data, self.data.raw.copy()
        columns = [data.layout.columns.index(name) for name in COLUMNS]
        gone = self.hide(raw[:, columns], gap, draws.nth(self.seed, i))
        raw[:, columns] = np.where(gone, np.nan, raw[:, columns])
        X = data.layout.refit(raw, rows).scale(raw)
        known = gone * np.float32(fill != "mean")  # nothing is known in as many columns: one shape
        return replace(data.table("honest", rows, log=True), X=np.hstack([X, known]))

    @staticmethod
    def hide(values: Floats, gap: str, seed: int) -> NDArray[np.bool_]:
        """Which values go, of all houses: (n, columns)."""
        high = values > np.median(values, axis=0)
        chance = HIGH * high if gap == "not at random" else np.full(values.shape, EACH)
        return draws.numpy_generator(seed).random(values.shape) < chance

    def results(self, fits: Fits) -> Iterator[Event]:
        """What an indicator gains of log RMSE, the folds averaged, with the same gaps."""
        grid = Grid({"gap": GAPS, "fill": FILLS, "seed": range(self.num_seeds)})
        valid = self.means(fits, SETTINGS).reshape(grid.shape)
        gains = valid[:, 0] - valid[:, 1]  # (gaps, seeds)
        yield judge(fits.at(self.asked), beside=fits.at([*SETTINGS][-2]))
        yield by_category(
            "gains",
            "What an indicator gains",
            "Where values are missing not at random, a column that says so takes"
            f" {plus_minus(gains[1])} off the valid log RMSE; where at random,"
            f" {plus_minus(gains[0])}.",
            dict(zip(GAPS, gains, strict=True)),
            x_label="missing",
            y_label="log RMSE less",
        )
        yield grid.ends(
            "gains",
            "Valid log RMSE by gap and fill",
            {"valid": valid, "minus mean": valid - valid[:, :1]},
            f"{self.note} Each seed has gaps of its own.",
        )
        if self.matches(num_seeds=self.num_seeds):
            gain = gains[1].mean()
            yield self.at_least("missing not at random: what an indicator gains", GAIN, gain)
