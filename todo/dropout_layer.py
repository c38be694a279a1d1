"""4.6 The dropout layer by itself: what it does to sixteen numbers, and on average."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from ml import draws, scratch
from ml.events import Check, Checkpoint, Event, Figure, HeatMap, Series, Table
from ml.experiment import Experiment, Preset

ROWS, COLUMNS = 2, 8
SIGMAS = 5.0
NORMAL = 1000  # n p (1 - p) from which a mean of two-valued numbers is normal enough for that


class DropoutLayer(Experiment):
    """Drop sixteen numbers at random, and compare mean and variance with what 4.6.2 derives."""

    section: ClassVar[str] = "4.6"
    instant: ClassVar[bool] = True
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("none", "p = 0", "Nothing is dropped.", {"p": 0.0}),
        Preset("half", "p = 0.5", "Half is dropped, the rest doubled.", {}),
        Preset("all", "p = 1", "Nothing is left.", {"p": 1.0}),
    )
    verifies: ClassVar[tuple[dict[str, Any], ...]] = ({}, {"p": 0.0}, {"p": 0.2}, {"p": 1.0})

    name: Literal["dropout_layer"] = "dropout_layer"
    p: float = Field(
        0.5, ge=0, le=1, title="Dropout", description="Probability of dropping a number.",
        json_schema_extra={"group": "Layer", "symbol": "p"},
    )  # fmt: skip
    num_draws: int = Field(
        100_000, ge=2, le=100_000, title="Draws",
        description="Times the layer is applied to estimate mean and variance.",
        json_schema_extra={"group": "Layer", "symbol": "n"},
    )  # fmt: skip

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:  # noqa: ARG002  nothing to resume
        """One draw as the book prints it, then the average of many."""
        X = torch.arange(float(ROWS * COLUMNS)).view(ROWS, COLUMNS)
        once = self.dropped(X[None], 0)[0]
        zero = int((once == 0).sum()) - 1  # the number 0 stays 0
        yield Figure(
            "once", "One draw", f"{zero} of the fifteen numbers above 0 are dropped.",
            heat_map=HeatMap(
                tuple(str(i) for i in range(COLUMNS)), ("0 to 7", "8 to 15"),
                once.double().numpy(),
            ),
            x_label="column", y_label="row",
        )  # fmt: skip
        yield from self.one_draw(X, once)
        if self.p < 1:
            yield from self.many_draws(X.view(-1))
        if 0 < self.p < 1:
            yield self.severed()

    def dropped(self, X: Tensor, place: int) -> Tensor:
        """The layer of (4.6.1) applied to X (..., d), with numbers drawn from the seed."""
        u = draws.uniform(draws.keys([self.seed], place), *X.shape)[0]
        return scratch.dropout_layer(X, self.p, u)

    def one_draw(self, X: Tensor, once: Tensor) -> Iterator[Check]:
        """What one draw of X (2, 8) may hold; the book prints p of 0, 0.5 and 1."""
        kept = X / (1 - self.p) if self.p < 1 else torch.zeros_like(X)
        name = {0.0: "p = 0 is the identity", 1.0: "p = 1 gives zeros"}
        if self.p in name:
            yield Check.near(self.section, name[self.p], 0.0, float((once - kept).abs().max()), 0.0)
            return
        apart = torch.minimum(once.abs(), (once - kept).abs())
        claim = "values are 0 or x / (1 - p), farthest"
        yield Check.near(self.section, claim, 0.0, float(apart.max()), 1e-5)

    def many_draws(self, h: Tensor) -> Iterator[Event]:
        """E[h'] = h and Var[h'] = h^2 p / (1 - p) for h (16,)."""
        n, q = self.num_draws, 1 - self.p
        found = self.dropped(h.expand(n, -1), 1)
        means = found.mean(0)
        apart = found - means
        products = (apart.T @ apart / n).double().numpy()  # variances, and of two units together
        mean, variance = means.double().numpy(), products.diagonal()
        true = h.double().numpy()
        spread = true**2 * self.p / q
        yield Figure(
            "mean", "Mean and variance of h′",
            f"Over {n:,} draws the mean strays from h by at most {np.abs(mean - true).max():.2g},"
            f" while a single h′ is {np.sqrt(spread[-1]):.2g} around {true[-1]:g}.",
            (
                Series("E[h′] = h", true, true, "book"),
                Series("mean", true, mean, "c3", "markers"),
                Series("Var[h′] = h² p/(1−p)", true, spread, "ink"),
                Series("variance", true, variance, "c4", "markers"),
            ),
            x_label="h", y_label="over all draws",
        )  # fmt: skip
        yield Table(
            "moments", "Mean and variance", ("h", "mean", "h² p/(1−p)", "variance"),
            tuple(map(tuple, np.stack([true, mean, spread, variance], axis=1).tolist())),
        )  # fmt: skip
        yield from self.moments(true, mean, spread, variance)
        if n * self.p * q >= NORMAL:
            yield self.alone(products)

    def moments(
        self,
        true: NDArray[np.float64],
        mean: NDArray[np.float64],
        spread: NDArray[np.float64],
        variance: NDArray[np.float64],
    ) -> Iterator[Check]:
        """Within five standard errors, for the fifteen h above 0 together."""
        if self.p == 0:
            for name, off in (("E[h'] = h", mean - true), ("Var[h'] = 0", variance)):
                yield Check.near(self.section, name, 0.0, float(np.abs(off).max()), 1e-4)
            return
        n, p, q, h = self.num_draws, self.p, 1 - self.p, slice(1, None)
        if n * p * q < NORMAL:
            return
        far = np.abs(mean - true)[h] / np.sqrt(spread[h] / n)
        # a two-valued number has Var[(h' - h)^2] = spread^2 (1 - 4pq) / pq; the last term is what
        # is left of the error at p = 1/2, where this is zero
        error = spread[h] * (np.sqrt((1 - 4 * p * q) / (p * q * n)) + SIGMAS / n)
        wide = np.abs(variance - spread)[h] / error
        for name, sigmas in (("E[h'] = h", far), ("Var[h'] = h^2 p/(1-p)", wide)):
            claim = f"{name} at p = {p:g}, worst in standard errors"
            yield Check.at_most(self.section, claim, SIGMAS, float(sigmas.max()))

    def alone(self, products: NDArray[np.float64]) -> Check:
        """Each unit has a mask of its own: correlations from mean products (16, 16) of h' - h."""
        scale = np.sqrt(products.diagonal()[1:])  # without h = 0
        found = np.abs(products[1:, 1:] / np.outer(scale, scale) - np.eye(len(scale))).max()
        # of independent units a correlation over n draws has the standard deviation 1 / sqrt(n)
        bound, name = SIGMAS / np.sqrt(self.num_draws), "largest |correlation| of two units"
        claim = f"{name} over the draws at p = {self.p:g}"
        return Check.at_most(self.section, claim, float(bound), float(found))

    def severed(self) -> Check:
        """Fig. 4.6.1: of five hidden units h2 and h5 are dropped, and no gradient reaches them."""
        h = torch.arange(1.0, 6.0).requires_grad_()
        u = torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0])  # below any p above 0, or above all
        outputs = scratch.dropout_layer(h, self.p, u) @ torch.ones(5, 3)
        grad = torch.autograd.grad(outputs.sum(), h)[0]
        reached = "".join("01"[bool(g)] for g in grad)
        name = "units h1 to h5 that a gradient reaches, h2 and h5 dropped"
        return Check(self.section, name, "10110", reached, None, reached == "10110")
