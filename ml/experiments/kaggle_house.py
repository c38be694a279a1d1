"""4.10 House prices: K folds side by side, a refit on all rows, a predictor and a submission."""

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, ValidationInfo, field_validator

from ml import draws, fields
from ml.events import Check, Event, Floats, Note, Trained
from ml.experiment import Preset
from ml.grid import Grid
from ml.houses import book, files, submission
from ml.houses.errors import fold_figure, median_error, residuals
from ml.houses.folds import HouseExperiment, Recipe, affordable
from ml.houses.tables import HouseTable
from ml.lanes import NO_ROWS
from ml.predictor import Card, Histogram, Predictor
from ml.programs import Fits
from ml.train import Fitted, Training
from ml.verdict import judge

EDGES = tuple(np.geomspace(30_000, 800_000, 41).tolist())  # dollars, of the histogram of prices
OURS = 0.150  # what the defaults promise on the book's folds
LOGARITHM = 0.160  # what a linear net on log price reaches (exercise 2 of 4.10)


class KaggleHouse(HouseExperiment):
    """Predict what a house in Ames sells for from its 79 attributes, and how sure that is."""

    section: ClassVar[str] = "4.10"
    presets: ClassVar[tuple[Preset, ...]] = (book.BOOK, book.LINEAR_LOG, book.BOTH)
    verifies: ClassVar[tuple[dict[str, Any], ...]] = (
        book.BOOK.values,
        book.LINEAR_LOG.values,
        {},
    )
    breakable: ClassVar[tuple[str, ...]] = ("refit",)

    name: Literal["kaggle_house"] = "kaggle_house"
    preprocessing: Literal["honest", "book", "both"] = Field(
        "honest",
        description="honest learns scale and levels from each fold's training rows; book from train"
        " and test together; both trains each fold both ways.",
        json_schema_extra={"group": "Data"},
    )
    target: Literal["log", "raw"] = Field(
        "log",
        description="Learn the logarithm of the price, or the price in dollars.",
        json_schema_extra={"group": "Data"},
    )
    k: fields.K = 5
    num_hiddens: fields.HiddenLayers = (64,)
    dropout: fields.Dropout = 0.3
    optimizer: fields.Optimizer = "adamw"
    lr: Annotated[
        fields.Lr,
        Field(description="On log price 0.001 to 0.02 is usual; on the raw price 5."),
    ] = 0.005
    weight_decay: fields.WeightDecay = 2.0
    batch_size: Annotated[fields.BatchSize, Field(le=1460)] = 128
    num_epochs: Annotated[fields.NumEpochs, Field(le=2000)] = 50

    @field_validator("num_hiddens")
    @classmethod
    def affordable(cls, value: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        """Refuse nets too large to train, once their number is known to be right."""
        ways = 2 if info.data.get("preprocessing") == "both" else 1
        affordable(value, ways * info.data.get("k", 0) * info.data.get("num_seeds", 0))
        return value

    @property
    def label(self) -> str:
        """Architecture and target: "MLP 64, log price"."""
        net = f"MLP {'·'.join(map(str, self.num_hiddens))}" if self.num_hiddens else "linear"
        ways = "" if self.preprocessing == "honest" else f", {self.preprocessing} preprocessing"
        return f"{net}, {self.target} price{ways}"

    @property
    def ways(self) -> tuple[str, ...]:
        """How the folds are preprocessed: the settings of this experiment."""
        return ("honest", "book") if self.preprocessing == "both" else (self.preprocessing,)

    @property
    def asked(self) -> str:
        """The way that the refit is preprocessed, too."""
        return self.ways[0]

    # ---- what is trained

    def opening(self) -> Iterator[Event]:
        """What was read, and that it is what the book read."""
        data = self.data
        yield Note(f"{len(data.train):,} houses with a price, {len(data.test):,} without.")
        if self.preprocessing != "honest":
            text = "The book's scaler sees validation and test rows; honest does not."
            yield Note(text, warning=True)
        yield from book.file_checks(self, data)

    def trainings(self) -> Iterator[Training]:
        """The folds of each way, and a net for all rows; only the book drops what k leaves over."""
        drop = self.preprocessing == "book"
        for way in self.ways:
            yield from self.folds(way, self.recipe, partial(self.view, way), drop_remainder=drop)
        yield self.refit()

    def refit(self) -> Training:
        """A net that learns from every row, with a start of its own (4.10.8)."""
        every = np.arange(len(self.data.train))
        return self.house_training(
            "refit",
            self.recipe,
            self.view(self.asked, every),
            label="all rows",
            setting=self.asked,
            train=torch.from_numpy(every),
            valid=NO_ROWS,
            seed=draws.nth(self.seed, self.num_seeds * self.k),
        )

    @property
    def recipe(self) -> Recipe:
        """How each net learns."""
        names = Recipe.__dataclass_fields__
        return Recipe(**{name: getattr(self, name) for name in names})

    def view(self, way: str, rows: NDArray[np.int64], _: int = 0) -> HouseTable:
        """The houses as a net sees them that learns from `rows`, whatever its seed."""
        return self.data.table(way, rows, log=self.target == "log")

    # ---- what became of it

    def results(self, fits: Fits) -> Iterator[Event]:
        """Judge the folds beside the book, keep the refitted net, write the submission."""
        folds, (final,) = fits.of("folds"), fits.of("refit")
        yield judge(folds.at(self.asked))
        yield from self.preprocessed(folds)
        grid = Grid({"way": self.ways, "seed": range(self.num_seeds), "fold": range(self.k)})
        train, valid = (grid.fold(folds.last(part)) for part in ("train", "valid"))
        yield from self.beside_the_book({"train": train[0].mean(0), "valid": valid[0].mean(0)})
        if len(self.ways) > 1:
            yield book.ways_table(*valid.mean(1))
        off = residuals(folds.at(self.asked), self.data.price, partial(self.view, self.asked))
        yield fold_figure(valid[0], off)
        predictor = self.predictor(off, valid[0].mean(0), final)
        yield Trained(predictor.to_bytes())
        yield from self.refitted(final, predictor)
        yield from submission.preflight(predictor.submission())

    def preprocessed(self, folds: Fits) -> Iterator[Check]:
        """The numbers that each scaler has learnt from have mean 0 and deviation 1 (4.10.4)."""
        each = [
            self.data.standardised(way, lane.train.numpy())
            for way in self.ways
            for one in folds.at(way)[: self.k]  # those of the first seed: the others share them
            for lane in one.training.lanes
        ]
        mean, sd = map(max, zip(*each, strict=True))
        # float32 leaves 1e-6; a scaler that has also seen other rows is off by 0.01 and more
        yield self.near("standardised numbers: largest |mean|", 0.0, mean, 1e-4, "words")
        yield self.near("standardised numbers: largest |sd - 1|", 0.0, sd, 1e-4, "words")

    def beside_the_book(self, means: dict[str, Floats]) -> Iterator[Event]:
        """Means over the seeds, (k,) each, beside what these settings are held to."""
        if self.k == len(book.FOLDS["valid"]):
            yield book.fold_table(means)
        if self.matches(**book.BOOK.values, num_seeds=self.num_seeds):
            yield from book.fold_checks(self, means)
        if self.matches(**book.LINEAR_LOG.values, num_seeds=self.num_seeds):
            name = "linear net on log price, mean valid"
            yield self.at_most(name, LOGARITHM, means["valid"].mean())
        if self.matches(num_seeds=self.num_seeds):
            yield self.at_most("our defaults, mean valid", OURS, means["valid"].mean())

    def predictor(self, off: Floats, folds: Floats, final: Fitted) -> Predictor:
        """The refitted net with all it needs to answer on its own; `folds` (k,) are log RMSE."""
        data, table = self.data, self.view(self.asked, np.arange(len(self.data.train)))
        low, high = np.quantile(off, [0.05, 0.95]).tolist()
        card = Card(
            experiment=self.model_dump(mode="json"),
            input_schema=files.schema(data.files.train),
            encoder=table.encoder,
            target=table.target,
            measured="log_rmse",
            folds=tuple(folds.tolist()),
            interval=(low, high),
            median_error=median_error(off),
            sold=Histogram.of(data.price, EDGES),
        )
        return Predictor.of(card, final.net, data.test, data.ids)

    def refitted(self, final: Fitted, predictor: Predictor) -> Iterator[Check]:
        """That it has learnt from every row, and that what is kept is what was trained."""
        (lane,) = final.training.lanes
        rows, error = len(self.data.train), float(final.last("train")[0])
        yield self.equal(
            "distinct rows that the refit learns from", rows, len(lane.train.unique()), "words"
        )
        off = np.log(predictor.predict(self.data.train).price / self.data.price)
        name = "refit log RMSE over that of the predictor"
        yield self.near(name, 1.0, error / np.sqrt(np.mean(off**2)), 1e-3)
        if self.matches(**book.BOOK.values, num_seeds=self.num_seeds):
            yield self.near("refit log RMSE", book.REFIT, error, book.EACH, "figure")
