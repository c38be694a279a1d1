"""4.10 Exercises of the houses: folds, layers, dropout, decay, scaling and gaps, one at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ml import draws, fashion, house_folds
from ml.houses.tables import HouseTable, HouseTables
from ml.device import best_device
from ml.encoder import Encoder
from ml.events import Check, Checkpoint, Event, Figure, Series, Table
from ml.experiment import Device, Experiment, Preset
from ml.lanes import Lane, k_fold
from ml.train import Progress, Training, fit, started

Matrix = NDArray[np.float64]
LR, BATCH_SIZE, NUM_EPOCHS = 0.005, 128, 50  # as kaggle_house
HIDDEN = ("OverallQual", "GrLivArea", "TotalBsmtSF", "GarageArea", "YearBuilt")
EACH, HIGH = 0.5, 0.9  # of values that are hidden at random, and of those above the median
RATIO = 2.0  # without standardising 3.0 times as large, seen
GAIN = 0.003  # of an indicator of what is missing not at random: 0.006 seen


@dataclass(frozen=True, slots=True)
class Variant:
    """One value of what is varied, and what it is compared with."""

    label: str
    beside: str
    k: int = 5
    num_hiddens: tuple[int, ...] = (64,)
    dropout: float = 0.3
    weight_decay: float = 2.0
    standardised: bool = True
    missing: str = ""  # how values of HIDDEN are, if they are
    indicator: bool = False

    @property
    def group(self) -> tuple[object, ...]:
        """What lanes of one program have in common."""
        return self.k, self.num_hiddens, self.missing

    def view(self, fold: int, seed: int) -> tuple[object, ...]:
        """What lanes that share a table have in common."""
        return self.standardised, self.indicator, fold, self.missing and seed


GAPS = ("at random", "not at random")
VARIANTS: dict[str, list[Variant]] = {
    "k": [Variant(str(k), "5", k=k) for k in (2, 3, 5, 10, 20)],
    "layers": [
        Variant("-".join(map(str, hiddens)) or "linear", "64", num_hiddens=hiddens)
        for hiddens in ((), (64,), (128,), (64, 64), (128, 64))
    ],
    "dropout": [Variant(f"{p:g}", "0.3", dropout=p) for p in (0.0, 0.1, 0.3, 0.5, 0.6)],
    "decay": [Variant(f"{decay:g}", "2", weight_decay=decay) for decay in (0.0, 0.5, 2.0, 8.0)],
    "scaling": [
        Variant("standardised", "standardised"),
        Variant("as they come", "standardised", standardised=False),
    ],
    "missing": [
        Variant(f"{gap}, {fill}", f"{gap}, mean", num_hiddens=(), missing=gap, indicator=indicator)
        for gap in GAPS
        for fill, indicator in (("mean", False), ("mean and indicator", True))
    ],
}


class HouseSweeps(Experiment):
    """Vary the houses' folds, layers, dropout, decay, scaling or gaps, over several seeds."""

    section: ClassVar[str] = "4.10"
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("layers", "Layers", "A linear net beside one and two layers.", {"vary": "layers"}),
        Preset("k", "Folds", "From 2 to 20 of them.", {"vary": "k"}),
        Preset("dropout", "Dropout", "From none to 0.6.", {"vary": "dropout"}),
        Preset("decay", "Decay", "From none to 8.", {"vary": "decay"}),
        Preset("scaling", "Without scaling", "Numbers as they come.", {"vary": "scaling"}),
        Preset("missing", "Gaps that mean something", "High values missing.", {"vary": "missing"}),
    )
    verifies: ClassVar[tuple[dict[str, Any], ...]] = ({"vary": "scaling"}, {"vary": "missing"})

    name: Literal["house_sweeps"] = "house_sweeps"
    vary: Literal["k", "layers", "dropout", "decay", "scaling", "missing"] = Field(
        "layers",
        description="What differs; all else as kaggle_house, or a linear net for missing values.",
        json_schema_extra={"group": "Sweep"},
    )
    num_seeds: int = Field(
        3, ge=2, le=10, title="Seeds", description="Starts and orders tried for each value.",
        json_schema_extra={"group": "Sweep"},
    )  # fmt: skip
    num_epochs: int = Field(
        NUM_EPOCHS, ge=1, le=500, title="Epochs", description="Passes over the training rows.",
        json_schema_extra={"group": "Training"},
    )  # fmt: skip
    device: Device = "auto"

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:
        """Train every value on every fold with every seed, then set their errors side by side."""
        data, variants = HouseTables.read(), VARIANTS[self.vary]
        groups = [list(group) for _, group in groupby(variants, key=lambda v: v.group)]
        trainings = [self.training(data, group) for group in groups]
        yield from started(trainings)
        progress, reached = Progress(resume), list[Matrix]()
        for group, training in zip(groups, trainings, strict=True):
            fitted = yield from fit(training, progress)
            valid = fitted.curve[-1, 1].astype(np.float64)
            reached += [*valid.reshape(len(group), self.num_seeds, -1).mean(2)]
        yield from self.said(variants, np.stack(reached))

    # ---- what is trained

    def training(self, data: HouseTables, group: Sequence[Variant]) -> Training:
        """The lanes of one shape: each value with each seed on each fold, in this order."""
        tables, given = dict[object, HouseTable](), list[tuple[HouseTable, Lane]]()
        for v in group:
            for seed in (draws.nth(self.seed, i) for i in range(self.num_seeds)):
                for fold, (train, valid) in enumerate(k_fold(len(data.train), v.k), 1):
                    view = v.view(fold, seed)
                    if view not in tables:
                        tables[view] = look(data, v, train.numpy(), seed)
                    lane = Lane(
                        label=f"{v.label}, seed {seed}, fold {fold}", train=train, valid=valid,
                        lr=LR, weight_decay=v.weight_decay, dropout=v.dropout, seed=seed,
                    )  # fmt: skip
                    given.append((tables[view], lane))
        alone = len(group) == len(VARIANTS[self.vary])  # the only group
        part = "" if alone else f" {group[0].missing or group[0].label}"
        return house_folds.training(
            f"{self.vary}{part}", given, num_hiddens=group[0].num_hiddens,
            optimizer="adamw", num_epochs=self.num_epochs, batch_size=BATCH_SIZE,
            device=best_device(self.device),
        )  # fmt: skip

    # ---- what is said of it

    def said(self, variants: Sequence[Variant], reached: Matrix) -> Iterator[Event]:
        """Mean valid log RMSE over the folds (V, S), each beside another with the same seed."""
        labels = [v.label for v in variants]
        apart = reached - reached[[labels.index(v.beside) for v in variants]]
        if self.vary == "missing":
            gains = -apart[[v.indicator for v in variants]]
            yield self.drawn(GAPS, gains, indicated(gains), "what an indicator gains")
        else:
            yield self.drawn(labels, reached, self.best(labels, reached, apart), "valid log RMSE")
        than = "mean" if self.vary == "missing" else variants[0].beside
        yield Table(
            "sweep", f"Valid log RMSE by {self.vary}",
            (self.vary, "mean", "95 % ±", f"minus {than}", "95 % ±."),
            tuple(
                (label, *fashion.spread(row), *fashion.spread(difference))
                for label, row, difference in zip(labels, reached, apart, strict=True)
            ),
            note=f"Over folds, {self.num_epochs} epochs. ± is over {self.num_seeds} seeds and says"
            " nothing of other houses; the best of several flatters itself.",
        )  # fmt: skip
        if self.num_epochs == NUM_EPOCHS:
            yield from self.claims(reached)

    def best(self, labels: Sequence[str], reached: Matrix, apart: Matrix) -> str:
        """Which value is best, and by how much beside the default."""
        at, default = int(reached.mean(1).argmin()), VARIANTS[self.vary][0].beside
        said = f"Best of {', '.join(labels)} is {labels[at]}, at {plus_minus(reached[at])}"
        said += f" on average of {self.num_seeds} seeds"
        if labels[at] == default:
            return f"{said}; it is the default."
        mean, half = fashion.interval(-apart[at])
        chance = "" if mean > half else ", which may be chance"
        return f"{said}; that is {mean:.4f} ± {half:.4f} below the default {default}{chance}."

    def drawn(self, labels: Sequence[str], values: Matrix, finding: str, measure: str) -> Figure:
        """Means and each seed's value by what is varied: values (V, S)."""
        x = np.arange(float(len(labels)))
        return Figure(
            "sweep", f"{measure[0].upper()}{measure[1:]} by {self.vary}", finding,
            (
                Series("mean", x, values.mean(1), "c3"),
                Series("each seed", x.repeat(self.num_seeds), values.ravel(), "c4", "markers"),
            ),
            x_label=self.vary, y_label=measure, x_names=tuple(labels),
        )  # fmt: skip

    def claims(self, reached: Matrix) -> Iterator[Check]:
        """What two of the exercises show: reached (V, S)."""
        means = reached.mean(1)
        if self.vary == "scaling":
            name = "without standardising: mean valid over that with"
            yield Check.at_least(self.section, name, RATIO, float(means[1] / means[0]))
        if self.vary == "missing":
            name = "missing not at random: what an indicator gains"
            yield Check.at_least(self.section, name, GAIN, float(means[2] - means[3]))


def look(data: HouseTables, v: Variant, rows: NDArray[np.int64], seed: int) -> HouseTable:
    """What a lane sees that learns from these rows, all of it learnt on them alone."""
    table = data.table("honest", rows, log=True)
    if not v.standardised:
        return replace(table, X=as_they_come(table.encoder, data.raw))
    if not v.missing:
        return table
    raw, gone = hide(data, v.missing, seed)
    encoder = data.layout.refit(raw, rows)
    known = gone * np.float32(v.indicator)  # nothing is known in as many columns: one shape
    return replace(table, X=np.hstack([encoder.scale(raw), known]), encoder=encoder)


def as_they_come(encoder: Encoder, raw: Matrix) -> NDArray[np.float32]:
    """Numbers in their own units, the mean where one is missing: raw (n, d) -> (n, d)."""
    mean = np.zeros(raw.shape[1])
    mean[: len(encoder.numbers)] = [number.mean for number in encoder.numbers]
    return np.where(np.isnan(raw), mean, raw).astype(np.float32)


def hide(data: HouseTables, missing: str, seed: int) -> tuple[Matrix, NDArray[np.bool_]]:
    """All rows with values of HIDDEN taken away (n, d), and which are gone (n, 5)."""
    raw = data.raw.copy()
    columns = [data.layout.columns.index(name) for name in HIDDEN]
    values = raw[:, columns]
    high = values > np.median(values, axis=0)
    chance = HIGH * high if missing == "not at random" else np.full(values.shape, EACH)
    gone = draws.numpy_generator(seed).random(values.shape) < chance
    raw[:, columns] = np.where(gone, np.nan, values)
    return raw, gone


def indicated(gains: Matrix) -> str:
    """What an indicator gains, at random and not: gains (2, S)."""
    at_random, not_at_random = map(plus_minus, gains)
    return (
        "Where values are missing not at random, a column that says so takes"
        f" {not_at_random} off the valid log RMSE; where at random, {at_random}."
    )


def plus_minus(values: Matrix) -> str:
    """Mean of values (S,) with its 95 % interval."""
    mean, half = fashion.interval(values)
    return f"{mean:.4f} ± {half:.4f}"
