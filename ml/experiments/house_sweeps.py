"""4.10 Exercises 4 to 6 of the houses: folds, layers, dropout, decay and scaling, one at a time."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ml import fields
from ml.encoder import Encoder
from ml.events import Event, Floats
from ml.experiment import Preset
from ml.grid import Grid, by_category
from ml.houses.folds import HouseComparison, Recipe
from ml.houses.tables import HouseTable
from ml.intervals import interval, plus_minus
from ml.trains import Fits, Training

AS_THEY_COME = "as they come"
VARIED: dict[str, dict[str, Recipe]] = {
    "k": {str(k): Recipe(k=k) for k in (2, 3, 5, 10, 20)},
    "layers": {
        "-".join(map(str, hiddens)) or "linear": Recipe(num_hiddens=hiddens)
        for hiddens in ((), (64,), (128,), (64, 64), (128, 64))
    },
    "dropout": {f"{p:g}": Recipe(dropout=p) for p in (0.0, 0.1, 0.3, 0.5, 0.6)},
    "decay": {f"{decay:g}": Recipe(weight_decay=decay) for decay in (0.0, 0.5, 2.0, 8.0)},
    "scaling": {"standardised": Recipe(), AS_THEY_COME: Recipe()},
}
RATIO = 2.0  # without standardising 2.87 to 2.98 times as large over six seeds


class HouseSweeps(HouseComparison):
    """Vary the houses' folds, layers, dropout, decay or scaling, over several seeds."""

    presets = (
        Preset("layers", "Layers", "A linear net beside one and two layers.", {"vary": "layers"}),
        Preset("k", "Folds", "From 2 to 20 of them.", {"vary": "k"}),
        Preset("dropout", "Dropout", "From none to 0.6.", {"vary": "dropout"}),
        Preset("decay", "Decay", "From none to 8.", {"vary": "decay"}),
        Preset("scaling", "Without scaling", "Numbers as they come.", {"vary": "scaling"}),
    )
    verifies = ({"vary": "scaling"},)
    breakable = ("as_they_come",)

    name: Literal["house_sweeps"] = "house_sweeps"
    vary: Literal["k", "layers", "dropout", "decay", "scaling"] = fields.own(
        "layers", "Sweep", "Vary", "What differs; all else is as kaggle_house has it."
    )

    def trainings(self) -> Iterator[Training]:
        """Every value with each seed on each fold."""
        for setting, recipe in VARIED[self.vary].items():
            yield from self.folds(self.named(setting), recipe, partial(self.view, setting))

    def named(self, setting: str) -> str:
        """The value with what it is of: "dropout 0.3"."""
        return f"{self.vary} {setting}"

    def view(self, setting: str, rows: NDArray[np.int64], _: int) -> HouseTable:
        """What a net sees that learns from these rows, all of it learnt on them alone."""
        table = self.data.table("honest", rows, log=True)
        if setting != AS_THEY_COME:
            return table
        return replace(table, X=self.as_they_come(table.encoder, self.data.raw))

    @staticmethod
    def as_they_come(encoder: Encoder, raw: Floats) -> NDArray[np.float32]:
        """Numbers in their own units, the mean where one is missing: raw (n, d) -> (n, d)."""
        mean = np.zeros(raw.shape[1])
        mean[: len(encoder.numbers)] = [number.mean for number in encoder.numbers]
        return np.where(np.isnan(raw), mean, raw).astype(np.float32)

    def results(self, fits: Fits) -> Iterator[Event]:
        """Log RMSE of each value, the folds averaged, beside the default with the same seed."""
        settings = VARIED[self.vary]
        valid = self.means(fits, map(self.named, settings))
        default = next(setting for setting, recipe in settings.items() if recipe == Recipe())
        apart = valid - valid[[*settings].index(default)]
        yield by_category(
            "sweep",
            f"Valid log RMSE by {self.vary}",
            self.best([*settings], default, valid, apart),
            dict(zip(settings, valid, strict=True)),
            x_label=self.vary,
            y_label="valid log RMSE",
        )
        yield Grid({self.vary: [*settings], "seed": range(self.num_seeds)}).ends(
            "sweep",
            f"Valid log RMSE by {self.vary}",
            {"valid": valid, f"minus {default}": apart},
            self.note,
        )
        if self.matches(vary="scaling", num_seeds=self.num_seeds):
            name = "without standardising: mean valid over that with"
            yield self.at_least(name, RATIO, valid[1].mean() / valid[0].mean())

    def best(self, settings: list[str], default: str, valid: Floats, apart: Floats) -> str:
        """Which value is best, and by how much beside the default with the same seeds."""
        at = int(valid.mean(1).argmin())
        text = (
            f"Best of {', '.join(settings)} is {settings[at]}, at {plus_minus(valid[at])} over"
            f" {self.num_seeds} seeds"
        )
        if settings[at] == default:
            return f"{text}; it is the default."
        mean, half = interval(-apart[at])
        chance = "" if mean > half else ", which may be chance"
        return f"{text}; that is {mean:.4f} ± {half:.4f} below the default {default}{chance}."
