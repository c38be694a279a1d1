"""4.8 Exploding gradients: a hundred Gaussian matrices multiplied."""

from collections.abc import Iterator
from math import log, log10
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ml import draws
from ml.events import Check, Checkpoint, Event, Figure, Series, Table
from ml.experiment import Experiment, Preset

BOOK = log10(3.1097155e24)  # the largest entry printed in 4.8.1
CLOSE = 1.0  # of log10: the largest entry is not the norm, and 200 runs have an error of 0.13
ROUNDING = 1e-9
SHOWN = 20  # runs that are drawn


class ExplodingGradients(Experiment):
    """Multiply a hundred random matrices many times over, and meet the growth that theory gives."""

    section: ClassVar[str] = "4.8"
    instant: ClassVar[bool] = True
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("vanish", "Vanish", "With small entries the product dies.", {"std": 0.4}),
        Preset("balanced", "Balanced", "Here the mean growth is 1.", {"std": 0.5724}),
        Preset("book", "The book's", "Variance 1: the product explodes.", {}),
    )  # fmt: skip
    verifies: ClassVar[tuple[dict[str, Any], ...]] = ({}, {"std": 0.5724}, {"size": 5})

    name: Literal["exploding_gradients"] = "exploding_gradients"
    num_matrices: int = Field(
        100, ge=1, le=120, description="Matrices that the first one is multiplied with.",
        json_schema_extra={"group": "Product"},
    )  # fmt: skip
    size: int = Field(
        4, ge=2, le=5, description="Rows and columns of each matrix.",
        json_schema_extra={"group": "Product", "symbol": "n"},
    )  # fmt: skip
    std: float = Field(
        1.0, ge=0.1, le=3, description="Standard deviation of each entry.",
        json_schema_extra={"group": "Product", "symbol": "σ"},
    )  # fmt: skip
    num_runs: int = Field(
        200, ge=2, le=200, description="Products, each of its own matrices.",
        json_schema_extra={"group": "Product"},
    )  # fmt: skip

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:  # noqa: ARG002  nothing to resume
        """All products side by side, then theory and the book."""
        generator = draws.generator(self.seed, self.size, self.num_runs)
        shape = (self.num_matrices + 1, self.num_runs, self.size, self.size)
        M = torch.randn(*shape, generator=generator, dtype=torch.float64) * self.std
        largest = products(M).abs().amax((2, 3)).log10()  # (matrices, runs)
        last, theory = largest[-1], growth(self.size, self.std)
        yield self.grown(largest, theory)
        yield self.spread(last)
        pairs = M[:, 0]
        upper, lower = excess(pairs)
        mean, std = float(last.mean()), float(last.std())
        total = theory * len(M)
        yield Table(
            "ends", f"log10 of the largest entry after {len(M)} matrices",
            ("runs", "mean", "standard deviation", "theory", "book"),
            ((self.num_runs, mean, std, total, BOOK if self.is_book else None),),
        )  # fmt: skip
        if self.num_runs == 200:
            yield Check.near(self.section, "log10 of the largest entry against theory", total, mean, CLOSE)  # fmt: skip # noqa: E501
        if self.is_book:
            yield Check.near(self.section, "theory's log10 for 101 matrices of 4 × 4", 24.47, total, 0.005)  # fmt: skip # noqa: E501
            yield Check.near(self.section, "log10 of the book's largest entry", BOOK, mean, CLOSE)
        yield Check.at_most(
            self.section, "σ_max(AB) over σ_max(A) σ_max(B), less 1", ROUNDING, upper
        )
        yield Check.at_most(
            self.section, "σ_min(A) σ_min(B) over σ_min(AB), less 1", ROUNDING, lower
        )

    @property
    def is_book(self) -> bool:
        """Whether these are the book's matrices, often enough for a mean."""
        return (self.num_matrices, self.size, self.std, self.num_runs) == (100, 4, 1.0, 200)

    def grown(self, largest: Tensor, theory: float) -> Figure:
        """The largest entry of some runs after each matrix, and the line of theory."""
        count = np.arange(1, len(largest) + 1, dtype=np.float64)
        runs = [
            Series(f"run {i + 1}", count, largest[:, i].numpy(), "train")
            for i in range(min(SHOWN, self.num_runs))
        ]
        return Figure(
            "growth", "Largest entry of the product",
            f"The mean of {self.num_runs} runs ends at 10^{float(largest[-1].mean()):.2f}; theory"
            f" gives 10^{theory * len(largest):.2f}.",
            (*runs, Series("theory", count, theory * count, "book")),
            x_label="matrices multiplied", y_label="log10 of the largest entry",
        )  # fmt: skip

    def spread(self, last: Tensor) -> Figure:
        """How the runs end."""
        heights, edges = np.histogram(last.numpy(), bins=20)
        return Figure(
            "spread", "Where the runs end",
            f"Half of the runs end between 10^{float(last.quantile(0.25)):.1f} and"
            f" 10^{float(last.quantile(0.75)):.1f}.",
            (Series("runs", (edges[1:] + edges[:-1]) / 2, heights.astype(float), "c3", "bars"),),
            x_label="log10 of the largest entry", y_label="runs",
        )  # fmt: skip


def products(M: Tensor) -> Tensor:
    """The running product of matrices (k, runs, n, n), of the same shape."""
    found = [M[0]]
    for matrix in M[1:]:
        found.append(found[-1] @ matrix)
    return torch.stack(found)


def growth(n: int, std: float) -> float:
    """log10 by which one n × n Gaussian matrix lengthens a vector: E log of chi with n degrees."""
    digamma = float(torch.digamma(torch.tensor(n / 2, dtype=torch.float64)))
    return ((log(2) + digamma) / 2 + log(std)) / log(10)


def excess(M: Tensor) -> tuple[float, float]:
    """How far neighbours' products break the bounds on singular values: (k, n, n) -> two shares."""
    ours, both = torch.linalg.svdvals(M), torch.linalg.svdvals(M[:-1] @ M[1:])
    upper = both[:, 0] / (ours[:-1, 0] * ours[1:, 0])
    lower = ours[:-1, -1] * ours[1:, -1] / both[:, -1]
    return float(upper.max()) - 1, float(lower.max()) - 1
