"""4.5 Ridge regression: weight decay in closed form, as a prior, and what a degree costs."""

from collections.abc import Iterator
from itertools import combinations_with_replacement
from math import comb
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from ml import draws
from ml.data.synthetic import Linear, Matrix, linear
from ml.events import Check, Checkpoint, Event, Figure, Series, Table
from ml.experiment import Experiment, Preset

NUM_TEST = 500  # points to be tested on
PATH = np.geomspace(1e-3, 1e3, 31)  # of lambda, times what the prior asks for
SAME = 1e-6  # of the length of the weights: two ways to one solution


class Ridge(Experiment):
    """Solve weight decay exactly, find the same weights from a Gaussian prior, count monomials."""

    section: ClassVar[str] = "4.5"
    instant: ClassVar[bool] = True
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("underfit", "Underfit", "The weights stay near 0.", {"factor": 300.0}),
        Preset("right", "Just right", "The lambda that noise and prior ask for.", {}),
        Preset("overfit", "Overfit", "Hardly a prior at all.", {"factor": 0.01}),
    )  # fmt: skip

    name: Literal["ridge"] = "ridge"
    factor: float = Field(
        1.0, ge=0.01, le=1e3, title="Decay",
        description="Lambda as a multiple of what noise and prior ask for, σ²/(n τ²).",
        json_schema_extra={"group": "Model"},
    )  # fmt: skip
    num_inputs: int = Field(
        100, ge=1, le=120, title="Inputs", description="Weights, each truly drawn from N(0, τ²).",
        json_schema_extra={"group": "Data", "symbol": "d"},
    )  # fmt: skip
    num_train: int = Field(
        60, ge=2, le=120, title="Training points", description="Points to learn from.",
        json_schema_extra={"group": "Data", "symbol": "n"},
    )  # fmt: skip
    noise: float = Field(
        0.5, ge=0.05, le=10, description="Standard deviation of the noise on y.",
        json_schema_extra={"group": "Data", "symbol": "σ"},
    )  # fmt: skip
    prior: float = Field(
        0.1, ge=0.001, le=1, description="Standard deviation of each weight of the truth.",
        json_schema_extra={"group": "Data", "symbol": "τ"},
    )  # fmt: skip
    num_variables: int = Field(
        5, ge=1, le=6, title="Variables", description="Variables whose monomials are counted.",
        json_schema_extra={"group": "Monomials", "symbol": "k"},
    )  # fmt: skip
    degree: int = Field(
        4, ge=1, le=6, description="Highest degree of the monomials that are counted.",
        json_schema_extra={"group": "Monomials", "symbol": "d"},
    )  # fmt: skip

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:  # noqa: ARG002  nothing to resume
        """Solve it two ways, draw the path over lambda, count monomials."""
        rng = draws.numpy_generator(self.seed, 1)
        truth = self.prior * draws.normal(rng, self.num_inputs)
        points = linear(self.num_train + NUM_TEST, truth, 0.0, self.noise, self.seed)
        known = Linear(points.X[: self.num_train], points.y[: self.num_train])
        weights = closed_form(known, self.decay)
        yield self.path(points, known)
        yield from self.counted()
        yield from self.claims(known, weights, rng)

    @property
    def decay(self) -> float:
        """Lambda of 4.5.2; a prior of variance σ²/(n lambda) asks for the same."""
        return self.factor * self.noise**2 / (self.num_train * self.prior**2)

    def path(self, points: Linear, known: Linear) -> Figure:
        """Both losses and the length of the weights for many a lambda."""
        asked = self.decay / self.factor
        weights = np.stack([closed_form(known, asked * times) for times in PATH], axis=1)  # (d, 31)
        loss = ((points.X @ weights - points.y[:, None]) ** 2) / 2
        train, test = loss[: self.num_train].mean(0), loss[self.num_train :].mean(0)
        best, here = int(test.argmin()), int(np.abs(np.log(PATH / self.factor)).argmin())
        return Figure(
            "path", "Losses against lambda",
            f"The test loss is least, {test[best]:.3g}, at {PATH[best]:.3g} times the lambda of the"
            f" prior; at {PATH[here]:.3g} times it is {test[here]:.3g}.",
            (
                Series("train", PATH * asked, train, "train"),
                Series("test", PATH * asked, test, "valid"),
                Series("‖w‖²", PATH * asked, (weights**2).sum(0), "c5"),
                Series("lambda", PATH[[here]] * asked, test[[here]], "ink", "markers"),
            ),
            x_label="λ", y_label="halved squared loss", x_scale="log", y_scale="log",
        )  # fmt: skip

    def counted(self) -> Iterator[Event]:
        """Monomials of each degree, by writing them all down, beside C(k - 1 + d, k - 1)."""
        k = self.num_variables
        rows = [(d, monomials(k, d), comb(k - 1 + d, k - 1)) for d in range(1, self.degree + 1)]
        yield Table(
            "monomials", f"Monomials of {k} variables",
            ("degree", "written down", "C(k − 1 + d, k − 1)"),
            tuple((str(d), float(n), float(formula)) for d, n, formula in rows),
            "Each degree alone; a polynomial of that degree has all lower ones, too.",
        )  # fmt: skip
        miss = max(abs(n - formula) for _, n, formula in rows)
        name = f"monomials of {k} variables up to degree {self.degree}: C(k-1+d, k-1)"
        yield Check.near(self.section, name, 0.0, float(miss), 0.0)

    def claims(self, known: Linear, weights: Matrix, rng: np.random.Generator) -> Iterator[Check]:
        """Exercises 4 and 6 of 4.5, and that the closed form is where the slope is 0."""
        n, length = self.num_train, float(np.linalg.norm(weights))
        belief = posterior_mode(known, self.noise**2, self.noise**2 / (n * self.decay))
        apart = float(np.abs(weights - belief).max()) / length
        yield Check.near(self.section, "ridge = MAP under a Gaussian prior", 0.0, apart, SAME)
        pull = known.X.T @ (known.X @ weights - known.y) / n
        slope = float(np.abs(pull + self.decay * weights).max() / np.abs(pull).max())
        yield Check.near(self.section, "gradient of (4.5.2) at the closed form", 0.0, slope, SAME)
        A = draws.normal(rng, 7, 5)
        trace = float(np.trace(A.T @ A))
        apart = abs(squares(A) - trace) / trace
        yield Check.near(self.section, "‖A‖_F² = tr(AᵀA)", 0.0, apart, 1e-12)


def closed_form(known: Linear, decay: float) -> Matrix:
    """The minimum of (4.5.2), (XᵀX/n + lambda I)⁻¹ Xᵀy/n: (d,)."""
    n, d = known.X.shape
    return np.linalg.solve(known.X.T @ known.X / n + decay * np.eye(d), known.X.T @ known.y / n)


def posterior_mode(known: Linear, noise: float, prior: float) -> Matrix:
    """Mode of P(w | X, y) by conditioning the joint Gaussian of w and y; both are variances: (d,).

    w is N(0, prior I) and y given w is N(Xw, noise I): an n x n system, and no lambda anywhere.
    """
    covariance = prior * known.X @ known.X.T + noise * np.eye(len(known.y))
    return prior * known.X.T @ np.linalg.solve(covariance, known.y)


def squares(A: Matrix) -> float:
    """‖A‖_F²: the sum of the squares of all entries."""
    return float((A**2).sum())


def monomials(k: int, degree: int) -> int:
    """How many products of `degree` factors from k variables there are, by writing each down."""
    return sum(1 for _ in combinations_with_replacement(range(k), degree))
