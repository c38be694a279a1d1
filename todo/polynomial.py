"""4.4 Model selection: a polynomial fitted with too few, enough and too many features."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from ml import draws
from ml.data.synthetic import TRUE_WEIGHTS, Polynomial, features, polynomial
from ml.device import best_device
from ml.events import Check, Checkpoint, Event, Figure, Series, Table
from ml.experiment import Device, Experiment, Preset
from ml.lanes import Lane, Lanes
from ml.losses import squared_loss
from ml.nn import mlp
from ml.optim import SGD
from ml.train import Fitted, Progress, Training, fit, started
from ml.verdict import judge

Floats = NDArray[np.float64]

WEIGHTS: dict[int, tuple[tuple[float, float], ...]] = {  # of the book, and how far ours may be
    4: ((5.0, 0.05), (1.2, 0.4), (-3.4, 0.15), (5.6, 1.0)),  # the truth: w1 and w3 lag behind
    2: ((2.6286998, 1.1), (4.698787, 2.7)),  # three deviations of a line over data sets
    20: ((4.9748263, 0.08), (1.342102, 0.25), (-3.316707, 0.35), (5.018786, 0.6)),
}
SOLVED = (0.05, 0.075, 0.09, 0.25)  # farthest that 2,000 exact cubics came from the truth
FIXTURE = {  # x: printed x^i/i! by i (4.4.4)
    2.21220636: {0: 1.0, 2: 2.4469285, 3: 1.80437028, 4: 0.997909844, 19: 2.92814419e-11},
    1.16307867: {0: 1.0, 2: 0.676375985, 3: 0.262226164, 4: 0.0762474164, 19: 1.4503675e-16},
}


class PolynomialRegression(Experiment):
    """Fit a cubic with a polynomial of some degree by SGD, beside the exact solution."""

    section: ClassVar[str] = "4.4"
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("underfit", "Underfit", "A line through a cubic.", {"num_features": 2}),
        Preset("normal", "Just right", "Four features, as many as the truth has.", {}),
        Preset(
            "overfit", "Overfit", "Twenty features on a hundred points.",
            {"num_features": 20, "num_epochs": 1500},
        ),
    )  # fmt: skip
    verifies: ClassVar[tuple[dict[str, Any], ...]] = tuple(preset.values for preset in presets)

    name: Literal["polynomial"] = "polynomial"
    num_features: int = Field(
        4, ge=1, le=20, title="Features", description="Monomials x^i/i! used: the degree plus one.",
        json_schema_extra={"group": "Data", "symbol": "d"},
    )  # fmt: skip
    num_train: int = Field(
        100, ge=2, le=10_000, title="Training points",
        description="Points to learn from, and as many to test on.",
        json_schema_extra={"group": "Data", "symbol": "n"},
    )  # fmt: skip
    noise: float = Field(
        0.1, ge=0, le=10, description="Standard deviation of the noise on y.",
        json_schema_extra={"group": "Data", "symbol": "σ"},
    )  # fmt: skip
    num_seeds: int = Field(
        5, ge=1, le=50, title="Data sets", description="Data sets drawn and learnt side by side.",
        json_schema_extra={"group": "Data"},
    )  # fmt: skip
    lr: float = Field(
        0.01, gt=0, le=10, title="Learning rate", description="Learning rate of SGD.",
        json_schema_extra={"group": "Training", "symbol": "η"},
    )  # fmt: skip
    batch_size: int = Field(
        10, ge=1, le=10_000, description="Points a step.", json_schema_extra={"group": "Training"}
    )
    num_epochs: int = Field(
        400, ge=1, le=20_000, title="Epochs", description="Passes over the training points.",
        json_schema_extra={"group": "Training"},
    )  # fmt: skip
    device: Device = "auto"

    @property
    def label(self) -> str:
        """How rich the model is, on how much data."""
        return f"{self.num_features} features, {self.num_train} points, noise {self.noise:g}"

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:
        """Train each data set's polynomial, judge it, set it beside the exact solution."""
        sets = [
            polynomial(2 * self.num_train, self.noise, draws.nth(self.seed, i))
            for i in range(self.num_seeds)
        ]
        training = self.training(sets)
        yield from started([training])
        fitted = yield from fit(training, Progress(resume))
        yield judge(fitted.curve, "squared_loss", floor=self.noise**2 / 2)
        weights = fitted.net[0].weight.detach().cpu().double().numpy()[..., 0]  # type: ignore[index]
        exact = np.stack([self.exact(points) for points in sets])
        yield self.drawn(sets[0], weights[0], exact[0])
        yield from self.tabled(sets, weights, exact, fitted)
        yield from self.claims(sets, weights, exact, fitted)

    def training(self, sets: list[Polynomial]) -> Training:
        """One lane a data set: its first half to learn from, its second half to be tested on."""
        n = self.num_train
        lanes = [
            Lane(
                label=f"data set {i + 1}", lr=self.lr, seed=draws.nth(self.seed, i),
                train=torch.arange(n) + 2 * n * i, valid=torch.arange(n) + 2 * n * i + n,
            )
            for i in range(len(sets))
        ]  # fmt: skip
        X = np.concatenate([features(points.x, self.num_features) for points in sets])
        y = np.concatenate([points.y for points in sets])
        return Training(
            key="sgd",
            lanes=Lanes.of(lanes),
            X=torch.from_numpy(X).float(),
            y=torch.from_numpy(y).float()[:, None],
            # no bias: the first feature is 1
            net=lambda stacked: mlp(stacked, (self.num_features, 1), bias=False),
            loss=squared_loss,
            measure=squared_loss,
            measured="squared_loss",
            optimizer=SGD,
            num_epochs=self.num_epochs,
            batch_size=self.batch_size,
            device=best_device(self.device),
        )

    def exact(self, points: Polynomial) -> Floats:
        """The least-squares weights of the training half: (num_features,)."""
        X = features(points.x[: self.num_train], self.num_features)
        return np.linalg.lstsq(X, points.y[: self.num_train], rcond=None)[0].astype(np.float64)

    def test_loss(self, points: Polynomial, weights: Floats) -> float:
        """Halved squared loss on the second half."""
        x, y = points.x[self.num_train :], points.y[self.num_train :]
        return float(np.mean((features(x, self.num_features) @ weights - y) ** 2) / 2)

    # ---- what is said of it

    def drawn(self, points: Polynomial, sgd: Floats, exact: Floats) -> Figure:
        """The first data set with the three curves through it."""
        n = self.num_train
        x = np.linspace(points.x.min(), points.x.max(), 161)
        truth = features(x, len(TRUE_WEIGHTS)) @ TRUE_WEIGHTS
        low, high = points.y.min(), points.y.max()
        margin = 0.2 * (high - low)
        wild = np.clip(features(x, self.num_features) @ exact, low - margin, high + margin)
        losses = [self.test_loss(points, weights) for weights in (sgd, exact)]
        return Figure(
            "fit",
            "The fitted polynomial",
            f"On the first data set SGD has a test loss of {losses[0]:.4g}, the exact solution"
            f" {losses[1]:.4g}; the noise alone costs {self.noise**2 / 2:.4g}.",
            (
                Series("truth", x, truth, "book"),
                Series("SGD", x, features(x, self.num_features) @ sgd, "c3"),
                Series("exact", x, wild, "c4"),
                Series(
                    "training points", points.x[:n][:500], points.y[:n][:500], "train", "markers"
                ),
                Series("test points", points.x[n:][:500], points.y[n:][:500], "valid", "markers"),
            ),
            x_label="x",
            y_label="y",
        )

    def tabled(
        self,
        sets: list[Polynomial],
        sgd: Floats,
        exact: Floats,
        fitted: Fitted,
    ) -> Iterator[Event]:
        """Weights of the first data set, and losses of each."""
        true = [*TRUE_WEIGHTS, *[0.0] * self.num_features][: self.num_features]
        rows = [
            (str(i), true[i], float(sgd[0, i]), float(exact[0, i]))
            for i in range(self.num_features)
        ]
        yield Table(
            "weights", "Weights, first data set", ("i", "true", "SGD", "exact"), tuple(rows)
        )
        train, test = fitted.curve[-1].astype(float)
        losses = [self.test_loss(points, w) for points, w in zip(sets, exact, strict=True)]
        yield Table(
            "losses",
            "Loss of each data set",
            ("data set", "SGD train", "SGD test", "exact test"),
            tuple(
                (str(i + 1), float(train[i]), float(test[i]), losses[i]) for i in range(len(sets))
            ),
            f"Halved squared loss; nothing gets below σ²/2 = {self.noise**2 / 2:g} for long.",
        )

    def claims(
        self,
        sets: list[Polynomial],
        sgd: Floats,
        exact: Floats,
        fitted: Fitted,
    ) -> Iterator[Check]:
        """What 4.4 claims of these settings; other settings make no claim."""
        off = [
            features(np.array([x]), i + 1)[0, i] / value - 1
            for x, printed in FIXTURE.items() for i, value in printed.items()
        ]  # fmt: skip
        yield Check.near(self.section, "features x^i/i!", 0.0, float(np.abs(off).max()), 1e-6)
        own = {"seed": self.seed, "device": self.device}
        if not any(self == type(self)(**preset.values | own) for preset in self.presets):
            return
        losses = [self.test_loss(points, w) for points, w in zip(sets, exact, strict=True)]
        of_all = {
            2: self.line_claims, len(TRUE_WEIGHTS): self.cubic_claims, 20: self.twenty_claims
        }  # fmt: skip
        test = fitted.curve[-1, 1].astype(float)
        yield from of_all[self.num_features](test, np.array(losses), sgd, exact)

    def line_claims(self, test: Floats, _: Floats, sgd: Floats, exact: Floats) -> Iterator[Check]:
        """Two features: too few; SGD gets all the way to what can be got with them."""
        yield Check.above(self.section, "a line underfits: least test loss", 1, float(test.min()))
        yield from self.near("a line's weight", sgd, WEIGHTS[2])
        apart = float(np.abs(sgd - exact).max())
        yield Check.at_most(self.section, "a line by SGD, farthest from the exact one", 0.05, apart)

    def cubic_claims(
        self, _: Floats, losses: Floats, sgd: Floats, exact: Floats
    ) -> Iterator[Check]:
        """Four features, as many as the truth has."""
        yield from self.near("SGD weight", sgd, WEIGHTS[4])
        truth = tuple(zip(TRUE_WEIGHTS, SOLVED, strict=True))
        yield from self.near("exact weight", exact, truth)
        mean = float(losses.mean())
        yield Check.near(self.section, "exact cubic, mean test loss", 0.005, mean, 0.0015)

    def twenty_claims(
        self, test: Floats, losses: Floats, sgd: Floats, _: Floats
    ) -> Iterator[Check]:
        """Twenty features: wild where solved exactly, tame where SGD has no time for it."""
        yield from self.near("20 features, SGD weight", sgd, WEIGHTS[20])
        name = "20 features by SGD barely overfit: median test loss"
        yield Check.at_most(self.section, name, 0.05, float(np.median(test)))
        name = "20 features solved exactly overfit: mean test loss"
        yield Check.above(self.section, name, 1, float(losses.mean()))

    def near(self, name: str, found: Floats, wanted: Sequence[tuple[float, float]]) -> list[Check]:
        """The median over the data sets of each weight beside what it should be: found (S, d)."""
        return [
            Check.near(self.section, f"{name} {i}, median of {len(found)}", value, got, close)
            for i, (value, close) in enumerate(wanted)
            for got in [float(np.median(found[:, i]))]
        ]
