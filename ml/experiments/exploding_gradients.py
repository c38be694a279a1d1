"""4.8 Exploding gradients: a hundred Gaussian matrices multiplied."""

from collections.abc import Iterator
from math import log, log10
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ml import draws, fields
from ml.events import Event, Figure, Series, Table
from ml.experiment import InstantExperiment, Preset

BOOK = log10(3.1097155e24)  # the largest entry printed in 4.8.1
CLOSE = 1.0  # of log10: the largest entry is not the norm, and 200 runs have an error of 0.13
ROUNDING = 1e-9
SHOWN = 20  # runs that are drawn


class ExplodingGradients(InstantExperiment):
    """Multiply a hundred random matrices many times over, and meet the growth that theory gives."""

    breakable = ("products", "growth")
    presets = (
        Preset("vanish", "Vanish", "With small entries the product dies.", {"std": 0.4}),
        Preset("balanced", "Balanced", "Here the mean growth is 1.", {"std": 0.5724}),
        Preset("book", "The book's", "Variance 1: the product explodes.", {}),
    )
    verifies = ({}, {"std": 0.5724}, {"size": 5})

    name: Literal["exploding_gradients"] = "exploding_gradients"
    num_matrices: int = fields.own(
        100, "Product", "Matrices", "Matrices that the first one is multiplied with.", ge=1, le=120
    )
    size: int = fields.own(
        4, "Product", "Size", "Rows and columns of each matrix.", "n", ge=2, le=5
    )
    std: float = fields.own(
        1.0, "Product", "Entries", "Standard deviation of each entry.", "σ", ge=0.1, le=3
    )
    num_runs: int = fields.own(
        200, "Product", "Products", "Products, each of its own matrices.", ge=2, le=200
    )

    def answer(self) -> Iterator[Event]:
        """All products side by side, then theory and the book."""
        generator = draws.generator(self.seed, self.size, self.num_runs)
        shape = (self.num_matrices + 1, self.num_runs, self.size, self.size)
        M = torch.randn(*shape, generator=generator, dtype=torch.float64) * self.std
        largest = self.products(M).abs().amax((2, 3)).log10()  # (matrices, runs)
        last, theory = largest[-1], self.growth(self.size, self.std)
        mean, std, total = float(last.mean()), float(last.std()), theory * len(M)
        is_book = self.matches()
        yield self.grown(largest, theory)
        yield self.spread(last)
        title = f"log10 of the largest entry after {len(M)} matrices"
        cells = (self.num_runs, mean, std, total, BOOK if is_book else None)
        names = ("runs", "mean", "standard deviation", "theory", "book")
        yield Table("ends", title, names, (cells,))
        if self.num_runs == 200:
            yield self.near("log10 of the largest entry against theory", total, mean, CLOSE)
        if is_book:
            yield self.near("theory's log10 for 101 matrices of 4 × 4", 24.47, total, 0.005)
            yield self.near("log10 of the book's largest entry", BOOK, mean, CLOSE, "figure")
        upper, lower = excess(M[:, 0])
        yield self.at_most("σ_max(AB) over σ_max(A) σ_max(B), less 1", ROUNDING, upper)
        yield self.at_most("σ_min(A) σ_min(B) over σ_min(AB), less 1", ROUNDING, lower)

    @staticmethod
    def products(M: Tensor) -> Tensor:
        """The running product of matrices (k, runs, n, n), of the same shape."""
        running = [M[0]]
        for matrix in M[1:]:
            running.append(running[-1] @ matrix)
        return torch.stack(running)

    @staticmethod
    def growth(n: int, std: float) -> float:
        """log10 by which an n × n Gaussian matrix lengthens a vector, E log chi_n (4.8.1)."""
        digamma = float(torch.digamma(torch.tensor(n / 2, dtype=torch.float64)))
        return ((log(2) + digamma) / 2 + log(std)) / log(10)

    def grown(self, largest: Tensor, theory: float) -> Figure:
        """The largest entry of some runs after each matrix, and the line of theory."""
        count = np.arange(1.0, len(largest) + 1)
        shown = range(min(SHOWN, self.num_runs))
        runs = [Series(f"run {i + 1}", count, largest[:, i].numpy(), setting="runs") for i in shown]
        return Figure(
            "growth",
            "Largest entry of the product",
            f"The mean of {self.num_runs} runs ends at 10^{float(largest[-1].mean()):.2f}; theory"
            f" gives 10^{theory * len(largest):.2f}.",
            (*runs, Series("theory", count, theory * count, "truth")),
            x_label="matrices multiplied",
            y_label="log10 of the largest entry",
        )

    def spread(self, last: Tensor) -> Figure:
        """How the runs end."""
        heights, edges = np.histogram(last.numpy(), bins=20)
        low, high = (float(last.quantile(q)) for q in (0.25, 0.75))
        middles = (edges[1:] + edges[:-1]) / 2
        return Figure.lines(
            "spread",
            "Where the runs end",
            f"Half of the runs end between 10^{low:.1f} and 10^{high:.1f}.",
            middles,
            {"runs": heights.astype(float)},
            mode="bars",
            x_label="log10 of the largest entry",
            y_label="runs",
        )


def excess(M: Tensor) -> tuple[float, float]:
    """How far neighbours' products break the bounds on singular values: (k, n, n) -> two shares."""
    ours, both = torch.linalg.svdvals(M), torch.linalg.svdvals(M[:-1] @ M[1:])
    upper = both[:, 0] / (ours[:-1, 0] * ours[1:, 0])
    lower = ours[:-1, -1] * ours[1:, -1] / both[:, -1]
    return float(upper.max()) - 1, float(lower.max()) - 1
