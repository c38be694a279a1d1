"""4.5 Ridge regression: weight decay in closed form, and as a Gaussian prior on the weights."""

from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ml import affine, draws, fields
from ml.data.synthetic import Linear, Matrix, linear
from ml.events import Event, Figure, Series
from ml.experiment import InstantExperiment, Preset

NUM_TEST = 500  # points to be tested on
PATH = np.geomspace(1e-3, 1e3, 31)  # of lambda, times what the prior asks for
SAME = 1e-6  # of the length of the weights: two ways to one solution


class Ridge(InstantExperiment):
    """Solve weight decay exactly, and find the same weights from a Gaussian prior."""

    presets = (
        Preset("underfit", "Underfit", "The weights stay near 0.", {"factor": 300.0}),
        Preset("right", "Just right", "The lambda that noise and prior ask for.", {}),
        Preset("overfit", "Overfit", "Hardly a prior at all.", {"factor": 0.01}),
    )
    breakable = ("squares",)

    name: Literal["ridge"] = "ridge"
    factor: float = fields.own(
        1.0, "Model", "Decay", "λ in units of σ²/(n τ²), the prior's.", ge=0.01, le=1e3
    )
    num_inputs: Annotated[fields.NumInputs, Field(le=120)] = 100
    num_train: Annotated[fields.NumTrain, Field(le=120)] = 60
    noise: Annotated[fields.Noise, Field(ge=0.05)] = 0.5
    prior: float = fields.own(
        0.1, "Data", "Prior", "Spread of the true weights.", "τ", ge=0.001, le=1
    )

    def answer(self) -> Iterator[Event]:
        """The path over lambda; exercises 4 and 6 of 4.5, and that the slope is 0 there."""
        rng, n = draws.numpy_generator(self.seed, 1), self.num_train
        truth = self.prior * draws.normal(rng, self.num_inputs)
        points = linear(n + NUM_TEST, truth, 0.0, self.noise, self.seed)
        known = Linear(points.X[:n], points.y[:n])
        weights = affine.ridge(known.X, known.y, self.decay)
        yield self.path(points, known)
        mode = posterior_mode(known, self.noise**2, self.noise**2 / (n * self.decay))
        apart = np.abs(weights - mode).max() / np.linalg.norm(weights)
        yield self.near("ridge = MAP under a Gaussian prior", 0.0, apart, SAME)
        pull = known.X.T @ (known.X @ weights - known.y) / n
        slope = np.abs(pull + self.decay * weights).max() / np.abs(pull).max()
        yield self.near("gradient of (4.5.2) at the closed form", 0.0, slope, SAME)
        A = draws.normal(rng, 7, 5)
        trace = np.trace(A.T @ A)
        yield self.near("‖A‖_F² = tr(AᵀA)", 0.0, abs(self.squares(A) - trace) / trace, 1e-12)

    @property
    def decay(self) -> float:
        """Lambda of 4.5.2; a prior of variance σ²/(n lambda) asks for the same."""
        return self.factor * self.noise**2 / (self.num_train * self.prior**2)

    def path(self, points: Linear, known: Linear) -> Figure:
        """Both losses and the length of the weights for many a lambda."""
        n, asked = self.num_train, self.decay / self.factor
        each = [affine.ridge(known.X, known.y, asked * times) for times in PATH]
        weights = np.stack(each, axis=1)
        loss = (points.X @ weights - points.y[:, None]) ** 2 / 2  # (points, lambdas)
        test = loss[n:].mean(0)
        best, here = int(test.argmin()), int(np.abs(np.log(PATH / self.factor)).argmin())
        return Figure.lines(
            "path",
            "Losses against lambda",
            f"The test loss is least, {test[best]:.3g}, at {PATH[best]:.3g} times the lambda of the"
            f" prior; at {PATH[here]:.3g} times it is {test[here]:.3g}.",
            PATH * asked,
            {"train": loss[:n].mean(0), "‖w‖²": (weights**2).sum(0)},
            Series("test", PATH * asked, test, "valid"),
            Series("lambda", PATH[[here]] * asked, test[[here]], "book", "markers"),
            x_label="λ",
            y_label="halved squared loss",
            x_scale="log",
            y_scale="log",
        )

    @staticmethod
    def squares(A: Matrix) -> float:
        """‖A‖_F²: the sum of the squares of all entries."""
        return float((A**2).sum())


def posterior_mode(known: Linear, noise: float, prior: float) -> Matrix:
    """Mode of P(w | X, y) by conditioning the joint Gaussian of w and y; both are variances: (d,).

    w is N(0, prior I) and y given w is N(Xw, noise I): an n x n system, and no lambda anywhere.
    """
    covariance = prior * known.X @ known.X.T + noise * np.eye(len(known.y))
    return prior * known.X.T @ np.linalg.solve(covariance, known.y)
