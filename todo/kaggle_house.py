"""4.10 House prices: K folds side by side, a refit on all rows, a predictor and a submission."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, ValidationInfo, field_validator

from ml.houses import book
from ml import house_folds, submission
from ml.houses import files
from ml.houses.tables import HouseTable, HouseTables
from ml.device import best_device
from ml.events import Check, Checkpoint, Event, Note, Trained
from ml.experiment import Device, Diverged, Experiment, Preset
from ml.lanes import Lane, k_fold
from ml.predictor import Card, Histogram, Predictor
from ml.train import Fitted, Progress, Training, fit, started
from ml.verdict import judge

EDGES = tuple(np.geomspace(30_000, 800_000, 41).tolist())  # dollars, of the histogram of prices
OURS = 0.150  # what the defaults promise on the book's folds
LOGARITHM = 0.160  # what a linear net on log price reaches (exercise 1 of 4.10)


class KaggleHouse(Experiment):
    """Predict what a house in Ames sells for from its 79 attributes, and how sure that is."""

    section: ClassVar[str] = "4.10"
    presets: ClassVar[tuple[Preset, ...]] = (claims.BOOK, claims.LINEAR_LOG, claims.BOTH)
    verifies: ClassVar[tuple[dict[str, Any], ...]] = (
        claims.BOOK.values,
        claims.LINEAR_LOG.values,
        {},
    )

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
    k: int = Field(
        5, ge=2, le=20, title="Folds", description="Folds of cross-validation, side by side.",
        json_schema_extra={"group": "Data", "symbol": "k"},
    )  # fmt: skip
    num_hiddens: tuple[Annotated[int, Field(ge=1, le=2048)], ...] = Field(
        (64,), max_length=6, title="Hidden layers",
        strict=False,  # JSON has no tuple; its items stay strict
        description="Units of each hidden layer, with commas; empty for a linear model.",
        json_schema_extra={"group": "Network", "symbol": "h"},
    )  # fmt: skip
    dropout: float = Field(
        0.3, ge=0, lt=1, description="Probability of dropping a hidden unit.",
        json_schema_extra={"group": "Network", "symbol": "p"},
    )  # fmt: skip
    optimizer: Literal["adamw", "adam"] = Field(
        "adamw",
        description="adam adds the decay to the gradient, as the book; adamw keeps them apart.",
        json_schema_extra={"group": "Training"},
    )
    lr: float = Field(
        0.005, gt=0, le=1000, title="Learning rate",
        description="On log price 0.001 to 0.02 is usual; on the raw price 5.",
        json_schema_extra={"group": "Training", "symbol": "η"},
    )  # fmt: skip
    weight_decay: float = Field(
        2.0, ge=0, le=1000, description="Decay of the weights, not of the biases.",
        json_schema_extra={"group": "Training", "symbol": "λ"},
    )  # fmt: skip
    batch_size: int = Field(
        128, ge=1, le=1460, description="Rows a step.",
        json_schema_extra={"group": "Training", "unit": "rows"},
    )  # fmt: skip
    num_epochs: int = Field(
        50, ge=1, le=2000, title="Epochs", description="Passes over the training rows.",
        json_schema_extra={"group": "Training"},
    )  # fmt: skip
    device: Device = "auto"

    @field_validator("num_hiddens")
    @classmethod
    def affordable(cls, given: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        """Refuse nets too large to train, once the folds are known to be right."""
        ways = 2 if info.data.get("preprocessing") == "both" else 1
        house_folds.affordable(given, ways * info.data.get("k", 0))
        return given

    @property
    def label(self) -> str:
        """Architecture and target: "MLP 64, log price"."""
        net = f"MLP {'·'.join(map(str, self.num_hiddens))}" if self.num_hiddens else "linear"
        ways = "" if self.preprocessing == "honest" else f", {self.preprocessing} preprocessing"
        return f"{net}, {self.target} price{ways}"

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:
        """Train the folds, judge them beside the book, refit on all rows, write the submission."""
        device, data = best_device(self.device), HouseTables.read()
        yield from self.look(data)
        folds, refit = self.folds(data, device), self.refit(data, device)
        yield from started([folds, refit])
        progress = Progress(resume)
        fitted = yield from fit(folds, progress)
        yield judge(fitted.curve, "log_rmse")
        yield from self.judged(fitted)
        final = yield from fit(refit, progress)
        predictor = self.predictor(data, self.residuals(data, folds, fitted), fitted, final)
        yield Trained(predictor)
        if self.is_(claims.BOOK):
            got = float(final.curve[-1, 0, 0])
            yield Check.near(self.section, "refit log RMSE", claims.REFIT, got, claims.EACH)
        yield from submission.preflight(predictor.submission())

    def look(self, data: HouseTables) -> Iterator[Event]:
        """What was read, and that it is what the book read."""
        yield Note(f"{len(data.train):,} houses with a price, {len(data.test):,} without.")
        if self.preprocessing != "honest":
            text = "The book's scaler sees validation and test rows; honest does not."
            yield Note(text, warning=True)
        encoded = (len(data.train) + len(data.test), len(data.book.columns))
        shapes = f"{data.files.train.shape}, {data.files.test.shape}, {encoded}"
        prices = str(data.price[:4].astype(int).tolist())
        for name, expected, got in (
            ("shapes", "(1460, 81), (1459, 80), (2919, 331)", shapes),
            ("first prices", "[208500, 181500, 223500, 140000]", prices),
        ):
            yield Check(self.section, name, expected, got, None, expected == got)

    # ---- what is trained

    @property
    def ways(self) -> tuple[str, ...]:
        """How the folds are preprocessed; the refit does it the first way."""
        return ("honest", "book") if self.preprocessing == "both" else (self.preprocessing,)

    def folds(self, data: HouseTables, device: torch.device) -> Training:
        """k lanes for each way to preprocess; only the book leaves out what k does not divide."""
        rows = list(k_fold(len(data.train), self.k, drop_remainder=self.preprocessing == "book"))
        names = [f"{way}, " for way in self.ways] if len(self.ways) > 1 else [""]
        given = [
            self.lane(data, way, f"{name}fold {fold}", train, valid)
            for way, name in zip(self.ways, names, strict=True)
            for fold, (train, valid) in enumerate(rows, 1)
        ]
        return self.training("folds", given, device)

    def refit(self, data: HouseTables, device: torch.device) -> Training:
        """One lane that learns from every row (4.10.8)."""
        every = torch.arange(len(data.train))
        lane = self.lane(data, self.ways[0], "all rows", every, every[:0])
        return self.training("refit", [lane], device)

    def lane(
        self, data: HouseTables, way: str, label: str, train: torch.Tensor, valid: torch.Tensor
    ) -> tuple[HouseTable, Lane]:
        """These rows as they are seen that way, with this experiment's hyperparameters."""
        lane = Lane(
            label=label, train=train, valid=valid, lr=self.lr,
            weight_decay=self.weight_decay, dropout=self.dropout, seed=self.seed,
        )  # fmt: skip
        return data.table(way, train.numpy(), log=self.target == "log"), lane

    def training(
        self, key: str, given: Sequence[tuple[HouseTable, Lane]], device: torch.device
    ) -> Training:
        """One net a lane, learnt as this experiment says."""
        return house_folds.training(
            key, given, num_hiddens=self.num_hiddens, optimizer=self.optimizer,
            num_epochs=self.num_epochs, batch_size=self.batch_size, device=device,
        )  # fmt: skip

    # ---- what is said of it

    def is_(self, preset: Preset) -> bool:
        """Whether these are the preset's settings, whatever seed and device."""
        given = preset.values | {"seed": self.seed, "device": self.device}
        return self == KaggleHouse(**given)

    def judged(self, fitted: Fitted) -> Iterator[Event]:
        """The table of folds, and a verdict on each claim that these settings make."""
        train, valid = fitted.curve[-1].astype(float).reshape(2, len(self.ways), self.k)
        if self.k == len(claims.VALID):
            yield claims.fold_table(train[0].tolist(), valid[0].tolist())
        if len(self.ways) == 2:
            yield claims.ways_table(valid[0].tolist(), valid[1].tolist())
        mean = float(valid[0].mean())
        if self.is_(claims.BOOK):
            yield from claims.book_checks(train[0].tolist(), valid[0].tolist())
        if self.is_(claims.LINEAR_LOG):
            yield Check.at_most(
                self.section, "linear net on log price, mean valid", LOGARITHM, mean
            )
        if self.is_(Preset("defaults", "", "", {})):
            yield Check.at_most(self.section, "our defaults, mean valid", OURS, mean)

    @torch.no_grad()
    def residuals(self, data: HouseTables, folds: Training, fitted: Fitted) -> NDArray[np.float64]:
        """log(sold / predicted) of every validation row, by the net that has not seen it: (n,)."""
        lanes = folds.lanes
        outputs = fitted.net(folds.X[lanes.valid].to(folds.device)).cpu().double().numpy()[..., 0]
        found = []
        for lane in range(self.k):
            here = lanes.valid_weight[lane] > 0
            rows = lanes.valid[lane][here].numpy() - lane * len(data.train)
            learnt = lanes.train[lane][lanes.train_weight[lane] > 0].numpy() - lane * len(
                data.train
            )
            target = data.target(learnt, log=self.target == "log")
            with np.errstate(all="ignore"):  # what is no number is found below
                found.append(np.log(data.price[rows] / target.prices(outputs[lane][here.numpy()])))
        residuals = np.concatenate(found)
        if not np.isfinite(residuals).all():
            raise Diverged(
                "Training diverged: some prices of houses that a fold has not seen are not finite"
                f" numbers above 0. A smaller lr usually helps; lr was {self.lr:g}."
            )
        return residuals

    def predictor(
        self, data: HouseTables, residuals: NDArray[np.float64], fitted: Fitted, final: Fitted
    ) -> Predictor:
        """The refitted net with all it needs to answer on its own."""
        table = data.table(self.ways[0], np.arange(len(data.train)), log=self.target == "log")
        low, high = np.quantile(residuals, [0.05, 0.95]).tolist()
        card = Card(
            experiment=self.model_dump(mode="json"),
            input_schema=files.schema(data.files.train),
            encoder=table.encoder,
            target=table.target,
            measured="log_rmse",
            folds=tuple(fitted.curve[-1, 1, : self.k].astype(float).tolist()),
            interval=(low, high),
            sold=Histogram.of(data.price, EDGES),
        )
        return Predictor.of(card, final.net, data.test, data.ids)
