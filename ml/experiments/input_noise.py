"""4.6 Noise on the inputs: for a linear model it is ridge regression (Bishop, 1995)."""

from collections.abc import Iterator
from itertools import product
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ml import affine, draws, fields
from ml.events import Check, Event, Figure, Floats, Series, Table
from ml.experiment import InstantExperiment, Preset

TRUTH = np.array([2.0, -1.0, 0.5, 0.0])  # of the made-up data
EXACT = 1e-10  # between two solutions that are equal on paper
SIGMAS = 5.0
BATCHES = 20  # of noise: their spread tells how far their mean may be off
MANY = 20_000  # noisy points from which that is judged


class InputNoise(InstantExperiment):
    """Fit a linear model to inputs with noise on them, and to clean ones with a ridge penalty."""

    presets = (
        Preset("none", "No noise", "Plain least squares.", {"sigma": 0.0}),
        Preset("some", "Some noise", "Weights shrink a little.", {}),
        Preset("much", "Too much noise", "Hardly any weight is left.", {"sigma": 5.0}),
    )
    verifies = ({}, {"sigma": 2.0})

    name: Literal["input_noise"] = "input_noise"
    sigma: Annotated[fields.Noise, Field(description="Deviation of the noise on each x.")] = 0.5
    num_points: Annotated[fields.NumTrain, Field(ge=8, le=200)] = 50
    num_copies: int = fields.own(
        1000, "Data", "Noisy copies", "Times each point is shown.", ge=100, le=1000
    )

    def answer(self) -> Iterator[Event]:
        """The two fits at this noise, and ridge along all of it."""
        X, y = self.data()
        batches = self.noisy_fits(X, y)
        noisy, ridged, plain = (
            batches.mean(0),
            affine.ridge(X, y, self.sigma**2),
            affine.ridge(X, y, 0),
        )
        sigmas = np.linspace(0, max(2 * self.sigma, 1.0), 41)
        path = np.stack([affine.ridge(X, y, sigma**2) for sigma in sigmas])
        left = float(np.linalg.norm(noisy) / np.linalg.norm(plain))
        finding = (
            f"Noise of {self.sigma:g} leaves {left:.0%} of the weights' norm, as ridge with"
            f" λ = {self.sigma**2:g} does: they differ by at most"
            f" {np.abs(noisy - ridged).max():.1g}."
        )
        lines = [Series(f"ridge, w{i}", sigmas, weight) for i, weight in enumerate(path.T)]
        for label, at, fit in (("noisy inputs", self.sigma, noisy), ("least squares", 0.0, plain)):
            lines.append(Series(label, np.full(len(fit), at), fit, mode="markers"))
        title = "Weights against noise on the inputs"
        yield Figure("path", title, finding, (*lines,), x_label="σ", y_label="weight")
        weights = {"noisy inputs": noisy, "ridge, λ = σ²": ridged, "least squares": plain}
        names = [str(i) for i in range(len(TRUTH))]
        yield Table.of("weights", "Weights", {"i": names, **weights, "truth": TRUTH})
        yield from self.claims(X, y, batches, ridged)

    def data(self) -> tuple[Floats, Floats]:
        """X (n, 4) standard normal, y (n,) linear in it with a little noise of its own."""
        rng = draws.numpy_generator(self.seed)
        X = draws.normal(rng, self.num_points, len(TRUTH))
        return X, X @ TRUTH + 0.1 * draws.normal(rng, self.num_points)

    def noisy_fits(self, X: Floats, y: Floats) -> Floats:
        """Least squares on copies with Gaussian noise, BATCHES times: (BATCHES, 4)."""
        rng, copies = draws.numpy_generator(self.seed, 1), self.num_copies // BATCHES
        noise = (self.sigma * draws.normal(rng, copies, *X.shape) for _ in range(BATCHES))
        return np.stack([self.shifted(X, y, moved) for moved in noise])

    def shifted(self, X: Floats, y: Floats, noise: Floats) -> Floats:
        """Least squares on a copy of the points for each of the noises (copies, n, d)."""
        rows = (X + noise).reshape(-1, X.shape[1])
        return affine.ridge(rows, np.tile(y, len(rows) // len(y)), 0)

    def claims(self, X: Floats, y: Floats, batches: Floats, ridged: Floats) -> Iterator[Check]:
        """Equal on paper for noise of any kind that is independent with variance sigma^2."""
        signs = np.array([*product((-1.0, 1.0), repeat=X.shape[1])])[:, None]  # all 2^d of them
        fit = self.shifted(X, y, self.sigma * signs)
        name = f"noise ±{self.sigma:g}, every sign once, against ridge with λ = σ²"
        yield self.near(name, 0.0, np.abs(fit - ridged).max(), EXACT, "words")
        if self.sigma == 0 or self.num_points * self.num_copies < MANY:
            return
        error = batches.std(0, ddof=1) / np.sqrt(BATCHES)
        far = (np.abs(batches.mean(0) - ridged) / error).max()
        name = f"Gaussian noise {self.sigma:g} against ridge, worst in standard errors"
        yield self.at_most(name, SIGMAS, far, "words")
