"""4.4 Polynomial regression: a cubic fitted by SGD with too few, enough and too many features."""

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field

from ml import draws, fields, polynomials
from ml.events import Check, Claim, Event, Figure, Floats, Table
from ml.experiment import Preset
from ml.lanes import Lane
from ml.nn import MLP, uniform
from ml.polynomials import TRUE_WEIGHTS, Points
from ml.trains import Fits, Training, TrainingExperiment
from ml.verdict import judge

SAMPLES = {  # of 4.4.4, by x: some features x^i/i! by i, and the label
    2.21220636: ({2: 2.4469285, 3: 1.80437028, 4: 0.997909844, 19: 2.92814419e-11}, 9.629796),
    1.16307867: ({2: 0.676375985, 3: 0.262226164, 4: 0.0762474164, 19: 1.4503675e-16}, 5.51997),
}
START = uniform(0.07)  # Gluon's, and so the book's: weights that hardly move still show it
Weights = tuple[float, ...]
# the weights of 4.4.4 by the number of features; of twenty the first eight
PRINTED: dict[int, Weights] = {
    2: (2.6286998, 4.698787),
    4: (4.998419, 1.2171801, -3.3890183, 5.6006956),
    20: (4.9748263, 1.342102, -3.316707, 5.018786, -0.1572338, 1.4567666, 0.1706778, 0.21786575),
}
# How far medians of nine data sets may be from them. Seen over 24 seeds, for four features: .030,
# .247, .084, .689 (and .029, .264, .073, .689 from the truth; of five data sets .81, once); for
# twenty: .019, .077, .148, .234; for a line, over 400 seeds: 1.11, 1.58.
CLOSE: dict[int, Weights] = {2: (1.2, 1.7), 4: (0.05, 0.4, 0.15, 0.8), 20: (0.05, 0.15, 0.25, 0.4)}
NAMES = {2: "a line's weight", 4: "SGD weight", 20: "20 features, SGD weight"}
TWENTY = {"num_features": 20, "num_epochs": 1500}
SOLVED = (0.025, 0.03, 0.03, 0.08)  # exact cubics, over 300 seeds: .019, .021, .019, .055


class PolynomialRegression(TrainingExperiment):
    """Fit a cubic with a polynomial of some degree by SGD, beside the exact solution."""

    breakable = ("exact",)
    presets = (
        Preset("underfit", "Underfit", "A line through a cubic.", {"num_features": 2}),
        Preset("normal", "Just right", "Four features, as many as the truth has.", {}),
        Preset("overfit", "Overfit", "Twenty features on a hundred points.", TWENTY),
    )
    verifies = tuple(preset.values for preset in presets)

    name: Literal["polynomial"] = "polynomial"
    num_features: fields.NumFeatures = 4
    num_train: Annotated[
        fields.NumTrain, Field(description="Points to learn from, and as many to test on.")
    ] = 100
    noise: fields.Noise = 0.1
    num_seeds: fields.NumSets = 9
    lr: fields.Lr = 0.01
    batch_size: fields.BatchSize = 10
    num_epochs: fields.NumEpochs = 400

    @property
    def label(self) -> str:
        """How rich the model is, on how much data."""
        return f"{self.num_features} features, {self.num_train} points, noise {self.noise:g}"

    @cached_property
    def points(self) -> Points:
        """S data sets: one half of each to learn from, the other to be tested on: (S, 2n)."""
        seeds = draws.each(self.seed, self.num_seeds)
        return polynomials.draw(2 * self.num_train, self.noise, seeds)

    @cached_property
    def X(self) -> Floats:
        """Features of all points: (S, 2n, d)."""
        return polynomials.features(self.points.x, self.num_features)

    def trainings(self) -> Iterator[Training]:
        """One polynomial a data set; no bias, since the first feature is 1."""
        train, test = torch.arange(2 * self.num_train).chunk(2)
        net = MLP((self.num_features, 1), bias=False, init=START)
        for i, seed in enumerate(draws.each(self.seed, self.num_seeds)):
            lane = Lane(label=f"data set {i + 1}", train=train, valid=test, lr=self.lr, seed=seed)
            yield self.training("sgd", self.X[i], self.points.y[i], [lane], net, judged_on="test")

    def opening(self) -> Iterator[Event]:
        """The features of 4.4.4, and its labels within three deviations of their noise."""
        x, printed = np.array([*SAMPLES]), [*SAMPLES.values()]
        ours, labels = polynomials.features(x, 20), polynomials.truth(x)
        off = [ours[k, i] / value - 1 for k in range(2) for i, value in printed[k][0].items()]
        yield self.near("features x^i/i!", 0, np.abs(off).max(), 1e-6, "figure")
        for k, (_, label) in enumerate(printed):
            yield self.near(f"label {k + 1} but for its noise", label, labels[k], 0.3, "figure")

    def results(self, fits: Fits) -> Iterator[Event]:
        """SGD beside the exact solution of the same points, and beside what the book prints."""
        n, y = self.num_train, self.points.y
        sgd, test = fits.parameter("0.weight")[..., 0], fits.last("valid")  # (S, d), (S,)
        exact = np.stack([self.exact(X[:n], y[i, :n]) for i, X in enumerate(self.X)])
        solved = np.square((self.X[:, n:] @ exact[..., None])[..., 0] - y[:, n:]).mean(1) / 2
        yield judge(fits, floor=self.noise**2 / 2)
        yield self.fit(sgd[0], exact[0], test[0], solved[0])
        yield self.weights(sgd[0], exact[0])
        yield Table.of(
            "losses",
            "Loss of each data set",
            {"data set": [str(i + 1) for i in range(self.num_seeds)]}
            | {"SGD train": fits.last("train"), "SGD test": test, "exact test": solved},
            f"Squared losses with the book's half: the noise alone costs {self.noise**2 / 2:g}.",
        )
        if any(self.matches(**preset.values) for preset in self.presets):
            d = self.num_features
            yield from self.medians(NAMES[d], sgd, PRINTED[d], CLOSE[d], "figure")
            yield from self.claims(sgd, exact, test, solved)

    @staticmethod
    def exact(X: Floats, y: Floats) -> Floats:
        """Exercise 1 of 4.4: the weights of least squared loss on X (n, d), y (n,): (d,)."""
        return np.linalg.lstsq(X, y, rcond=None)[0].astype(np.float64)

    def fit(self, sgd: Floats, exact: Floats, test: float, solved: float) -> Figure:
        """The first data set with the curves of both solutions."""
        first = Points(self.points.x[0], self.points.y[0])
        x = np.linspace(first.x.min(), first.x.max(), 401)
        basis = polynomials.features(x, self.num_features)
        return polynomials.fit_figure(
            "The fitted polynomial",
            f"On the first data set SGD has a test loss of {test:.4g}, the exact solution"
            f" {solved:.4g}; the noise alone costs {self.noise**2 / 2:.4g}.",
            first,
            self.num_train,
            x,
            {"SGD": basis @ sgd, "exact": basis @ exact},
        )

    def weights(self, sgd: Floats, exact: Floats) -> Table:
        """Weights of the first data set; the book's are of a data set of its own."""
        d = self.num_features
        truth, printed = [*TRUE_WEIGHTS, *[0.0] * d][:d], [*PRINTED.get(d, ()), *[None] * d][:d]
        columns: dict[str, Any] = {"i": [*map(str, range(d))], "true": truth}
        columns |= {"SGD": sgd, "exact": exact}
        columns |= {"printed, by SGD": printed} if d in PRINTED else {}
        return Table.of("weights", "Weights, first data set", columns)

    def medians(
        self, name: str, ours: Floats, wanted: Weights, close: Weights, claim: Claim
    ) -> Iterator[Check]:
        """The median over the data sets of each weight (S, d), beside what it should be."""
        for i, (tolerance, middle) in enumerate(zip(close, np.median(ours, axis=0), strict=False)):
            yield self.near(
                f"{name} {i}, median of {len(ours)}", wanted[i], middle, tolerance, claim
            )

    def claims(self, sgd: Floats, exact: Floats, test: Floats, solved: Floats) -> Iterator[Check]:
        """Too few features, enough, and too many: wild where solved, tame where SGD has no time."""
        match self.num_features:
            case 2:
                yield self.above("a line underfits: least test loss", 0.5, test.min(), "words")
                apart = np.abs(sgd - exact).max()
                yield self.at_most("a line by SGD, farthest from the exact one", 0.05, apart)
            case 4:
                yield from self.medians("exact weight", exact, TRUE_WEIGHTS, SOLVED, "ours")
                yield self.near("exact cubic, mean test loss", 0.005, solved.mean(), 0.0015)
            case 20:
                name = "20 features by SGD barely overfit: median test loss"
                yield self.at_most(name, 0.05, np.median(test))
                name = "20 features solved exactly overfit: mean test loss"
                yield self.above(name, 1, solved.mean())
                size = np.abs(sgd[:, 12:]).max()
                yield self.at_most("20 features, SGD weights 12 to 19: largest size", 0.072, size)
