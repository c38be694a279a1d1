"""4.6 Noise on the inputs: for a linear model it is ridge regression (Bishop, 1995)."""

from collections.abc import Iterator
from itertools import product
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ml import draws
from ml.events import Check, Checkpoint, Event, Figure, Series, Table
from ml.experiment import Experiment, Preset

Matrix = NDArray[np.float64]
TRUTH = np.array([2.0, -1.0, 0.5, 0.0])  # of the made-up data
EXACT = 1e-10  # between two solutions that are equal on paper
SIGMAS = 5.0
BATCHES = 20  # of noise: their spread tells how far their mean may be off
MANY = 20_000  # noisy points from which that is judged


class InputNoise(Experiment):
    """Fit a linear model to inputs with noise on them, and to clean ones with a ridge penalty."""

    section: ClassVar[str] = "4.6"
    instant: ClassVar[bool] = True
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("none", "No noise", "Plain least squares.", {"sigma": 0.0}),
        Preset("some", "Some noise", "Weights shrink a little.", {}),
        Preset("much", "Too much noise", "Hardly any weight is left.", {"sigma": 5.0}),
    )
    verifies: ClassVar[tuple[dict[str, Any], ...]] = ({}, {"sigma": 2.0})

    name: Literal["input_noise"] = "input_noise"
    sigma: float = Field(
        0.5, ge=0, le=10, title="Noise", description="Standard deviation of the noise on each x.",
        json_schema_extra={"group": "Noise", "symbol": "σ"},
    )  # fmt: skip
    num_points: int = Field(
        50, ge=8, le=200, title="Points", description="Points of the made-up data.",
        json_schema_extra={"group": "Data", "symbol": "n"},
    )  # fmt: skip
    num_copies: int = Field(
        1000, ge=100, le=1000, title="Noisy copies",
        description="Times each point is shown, with new noise each time.",
        json_schema_extra={"group": "Noise"},
    )  # fmt: skip

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:  # noqa: ARG002  nothing to resume
        """The two fits at this noise, and ridge along all of it."""
        X, y = self.data()
        batches = self.noisy_fits(X, y)
        noisy, ridged, plain = batches.mean(0), ridge(X, y, self.sigma**2), ridge(X, y, 0.0)
        yield self.drawn(X, y, noisy, plain)
        yield Table(
            "weights", "Weights", ("i", "noisy inputs", "ridge, λ = σ²", "least squares", "truth"),
            tuple(
                (str(i), *row)
                for i, row in enumerate(np.stack([noisy, ridged, plain, TRUTH], axis=1).tolist())
            ),
        )  # fmt: skip
        yield from self.claims(X, y, batches, ridged)

    def data(self) -> tuple[Matrix, Matrix]:
        """X (n, 4) standard normal, y (n,) linear in it with a little noise of its own."""
        rng = draws.numpy_generator(self.seed)
        X = draws.normal(rng, self.num_points, len(TRUTH))
        return X, X @ TRUTH + 0.1 * draws.normal(rng, self.num_points)

    def noisy_fits(self, X: Matrix, y: Matrix) -> Matrix:
        """Least squares on copies with Gaussian noise, BATCHES times: (BATCHES, 4)."""
        rng = draws.numpy_generator(self.seed, 1)
        copies = self.num_copies // BATCHES
        return np.stack([
            ridge(X + self.sigma * draws.normal(rng, copies, *X.shape), np.tile(y, (copies, 1)), 0)
            for _ in range(BATCHES)
        ])  # fmt: skip

    def drawn(self, X: Matrix, y: Matrix, noisy: Matrix, plain: Matrix) -> Figure:
        """Each weight of the ridge solution along sigma, and the noisy fit at this one."""
        sigmas = np.linspace(0, max(2 * self.sigma, 1.0), 41)
        path = np.stack([ridge(X, y, sigma**2) for sigma in sigmas])
        here = np.full(len(noisy), self.sigma)
        left = float(np.linalg.norm(noisy) / np.linalg.norm(plain))
        return Figure(
            "path", "Weights against noise on the inputs",
            f"Noise of {self.sigma:g} leaves {left:.0%} of the weights' norm, as ridge with"
            f" λ = {self.sigma**2:g} does: they differ by at most"
            f" {np.abs(noisy - ridge(X, y, self.sigma**2)).max():.1g}.",
            (
                *(Series(f"ridge, w{i}", sigmas, path[:, i], "c3") for i in range(path.shape[1])),
                Series("noisy inputs", here, noisy, "c4", "markers"),
                Series("least squares", np.zeros_like(plain), plain, "ink", "markers"),
            ),
            x_label="σ", y_label="weight",
        )  # fmt: skip

    def claims(self, X: Matrix, y: Matrix, batches: Matrix, ridged: Matrix) -> Iterator[Check]:
        """Equal on paper for noise of any kind that is independent with variance sigma^2."""
        exact = float(np.abs(ridge(*every_sign(X, y, self.sigma), 0.0) - ridged).max())
        name = f"noise ±{self.sigma:g}, every sign once, against ridge with λ = σ²"
        yield Check.near(self.section, name, 0.0, exact, EXACT)
        if self.sigma == 0 or self.num_points * self.num_copies < MANY:
            return
        error = batches.std(0, ddof=1) / np.sqrt(BATCHES)
        far = float((np.abs(batches.mean(0) - ridged) / error).max())
        name = f"Gaussian noise {self.sigma:g} against ridge, worst in standard errors"
        yield Check.at_most(self.section, name, SIGMAS, far)


def ridge(X: Matrix, y: Matrix, weight_decay: float) -> Matrix:
    """The least of mean (x w - y)^2 + decay ||w||^2, for X (..., d) and y (...): (d,)."""
    rows, targets = X.reshape(-1, X.shape[-1]), y.reshape(-1)
    gram = rows.T @ rows / len(rows) + weight_decay * np.eye(rows.shape[1])
    return np.asarray(np.linalg.solve(gram, rows.T @ targets / len(rows)), dtype=np.float64)


def every_sign(X: Matrix, y: Matrix, sigma: float) -> tuple[Matrix, Matrix]:
    """Each point moved by sigma up or down in each input, all 2^d ways: (2^d, n, d), (2^d, n)."""
    signs = np.array(list(product((-1.0, 1.0), repeat=X.shape[1])))
    return X + sigma * signs[:, None, :], np.tile(y, (len(signs), 1))
