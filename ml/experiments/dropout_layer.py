"""4.6 The dropout layer by itself: what it does to sixteen numbers, and on average."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ml import draws, fields, scratch
from ml.events import Check, Event, Figure, Floats, HeatMap, Series, Table
from ml.experiment import InstantExperiment, Preset

ROWS, COLUMNS = 2, 8
PRINTED = {0.0: "p = 0 is the identity", 1.0: "p = 1 gives zeros"}
SIGMAS = 5.0
NORMAL = 1000  # n p (1 - p) from which a mean of two-valued numbers is normal enough for that


class DropoutLayer(InstantExperiment):
    """Drop sixteen numbers at random; its mean is theirs (4.6.2), and its variance follows."""

    presets = (
        Preset("none", "p = 0", "Nothing is dropped.", {"p": 0.0}),
        Preset("half", "p = 0.5", "Half is dropped, the rest doubled.", {}),
        Preset("all", "p = 1", "Nothing is left.", {"p": 1.0}),
    )
    verifies = ({}, {"p": 0.0}, {"p": 0.2}, {"p": 1.0})

    name: Literal["dropout_layer"] = "dropout_layer"
    p: float = fields.own(
        0.5, "Layer", "Dropout", "Probability of dropping a number.", "p", ge=0, le=1
    )
    num_draws: int = fields.own(
        100_000, "Layer", "Draws", "Times the layer is applied.", "n", ge=2, le=100_000
    )

    def answer(self) -> Iterator[Event]:
        """One draw as the book prints it, then the average of many."""
        X = torch.arange(float(ROWS * COLUMNS)).view(ROWS, COLUMNS)
        once = self.dropped(X[None], 0)[0]
        zero = int((once == 0).sum()) - 1  # the number 0 stays 0
        yield Figure(
            "once",
            "One draw",
            f"{zero} of the fifteen numbers above 0 are dropped.",
            heat_map=HeatMap(
                tuple(map(str, range(COLUMNS))), ("0 to 7", "8 to 15"), once.double().numpy()
            ),
            x_label="column",
            y_label="row",
        )
        yield self.one_draw(X, once)
        if self.p < 1:
            yield from self.many_draws(X.view(-1))
        if 0 < self.p < 1:
            yield self.severed()

    def dropped(self, X: Tensor, place: int) -> Tensor:
        """The layer applied to X (n, ...), with a number of its own, from the seed, for each."""
        u = draws.uniform(draws.keys([self.seed], place), *X.shape)[0]
        return scratch.dropout_layer(X, self.p, u)

    def one_draw(self, X: Tensor, once: Tensor) -> Check:
        """What one draw of X (2, 8) may hold; the book prints p of 0, 0.5 and 1."""
        kept = X / (1 - self.p) if self.p < 1 else torch.zeros_like(X)
        if self.p in PRINTED:
            return self.near(PRINTED[self.p], 0.0, float((once - kept).abs().max()), 0.0, "figure")
        apart = torch.minimum(once.abs(), (once - kept).abs())
        name = "values are 0 or x / (1 - p), farthest"
        return self.near(name, 0.0, float(apart.max()), 1e-5, "words")

    def many_draws(self, h: Tensor) -> Iterator[Event]:
        """E[h'] = h and Var[h'] = h^2 p / (1 - p) for h (16,)."""
        drawn = self.dropped(h.expand(self.num_draws, -1), 1).double().numpy()
        true, mean, covariance = h.double().numpy(), drawn.mean(0), np.cov(drawn.T, bias=True)
        expected, variance = true**2 * self.p / (1 - self.p), covariance.diagonal()
        off = np.abs(mean - true)
        yield Figure(
            "mean",
            "Mean and variance of h′",
            f"Over {self.num_draws:,} draws the mean strays from h by at most {off.max():.2g},"
            f" while a single h′ is {np.sqrt(expected[-1]):.2g} around {true[-1]:g}.",
            (
                Series("E[h′] = h", true, true, setting="mean"),
                Series("mean", true, mean, mode="markers", setting="mean"),
                Series("Var[h′] = h² p/(1−p)", true, expected, setting="variance"),
                Series("variance", true, variance, mode="markers", setting="variance"),
            ),
            x_label="h",
            y_label="over all draws",
        )
        columns = {"h": true, "mean": mean, "h² p/(1−p)": expected, "variance": variance}
        yield Table.of("moments", "Mean and variance", columns)
        if self.p == 0:
            yield self.near("E[h'] = h", 0.0, off.max(), 1e-4, "words")
            yield self.near("Var[h'] = 0", 0.0, variance.max(), 1e-4)
        elif self.num_draws * self.p * (1 - self.p) >= NORMAL:  # without h = 0
            yield from self.moments(off[1:], expected[1:], covariance[1:, 1:])

    def moments(self, off: Floats, expected: Floats, covariance: Floats) -> Iterator[Check]:
        """Within five standard errors, for all h above 0 together: (h,), (h,), (h, h)."""
        n, p, q, at = self.num_draws, self.p, 1 - self.p, f"at p = {self.p:g}"
        worst, variance = "worst in standard errors", covariance.diagonal()
        far = (off / np.sqrt(expected / n)).max()
        yield self.at_most(f"E[h'] = h {at}, {worst}", SIGMAS, far, "words")
        # a two-valued number has Var[(h' - h)^2] = expected^2 (1 - 4pq) / pq; the last term is what
        # is left of the error at p = 1/2, where this is zero
        error = expected * (np.sqrt((1 - 4 * p * q) / (p * q * n)) + SIGMAS / n)
        wide = (np.abs(variance - expected) / error).max()
        yield self.at_most(f"Var[h'] = h^2 p/(1-p) {at}, {worst}", SIGMAS, wide)
        # each unit has a mask of its own: over n draws the correlation of two that are independent
        # has the standard deviation 1 / sqrt(n)
        correlation = covariance / np.sqrt(np.outer(variance, variance)) - np.eye(len(off))
        name = f"largest |correlation| of two units over the draws {at}"
        yield self.at_most(name, SIGMAS / np.sqrt(n), np.abs(correlation).max())

    def severed(self) -> Check:
        """Fig. 4.6.1: of five hidden units h2 and h5 are dropped, and no gradient reaches them."""
        h = torch.arange(1.0, 6.0).requires_grad_()
        u = torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0])  # below any p above 0, or above all
        outputs = scratch.dropout_layer(h, self.p, u) @ torch.ones(5, 3)
        grad = torch.autograd.grad(outputs.sum(), h)[0]
        reached = "".join("01"[bool(g)] for g in grad)
        name = "units h1 to h5 that a gradient reaches, h2 and h5 dropped"
        return self.equal(name, "10110", reached, "words")
