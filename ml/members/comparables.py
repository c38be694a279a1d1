"""Comparable sales: a price as a weighted mean of what other houses sold for, adjusted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ml import draws
from ml.lanes import Lanes
from ml.nn import Noisy, Relational, arrays

Numbers = NDArray[np.float64]
MASK, SKIP, DRAWN = range(3)  # places of what is drawn in a step
TINY = np.finfo(np.float64).tiny  # of a sale that is too far away to count at all
AT_ONCE = 128  # rows that are compared with all others at a time: their distances stay in the cache


@dataclass(frozen=True, slots=True)
class Comparables:
    """Soft nearest neighbours on a learnt embedding (Goldberger et al., 2004; ModernNCA, 2024).

    ŷ_i = s(x_i) + Σ_j w_ij (y_j - s(x_j)) + b, with w_i = softmax_j(-‖z_i - z_j‖²) over the rows
    learnt from, z = e^t · (x ⊙ scale) E / √d, and s linear. A value: called with L lanes it gives
    their net, (L, n, d) -> (L, n, 1).
    """

    num_inputs: int
    width: int = 48
    candidates: int = 384  # rows that a training step looks at
    input_dropout: float = 0.1  # of the embedding's inputs, the same for all rows of a step

    def __call__(self, lanes: Lanes) -> "ComparableSales":
        """A net of each lane, its embedding drawn from the lane's own seed."""
        return ComparableSales(self, lanes)


class ComparableSales(Noisy, Relational):
    """The net of `Comparables`; `weights` are its explanation."""

    multipliers: ClassVar[
        Mapping[str, tuple[float, float]]
    ] = {  # of the learning rate, and of the weight decay
        "embedding": (1.0, 1.0),
        "scale": (1.0, 0.0),
        "log_sharpness": (1.0, 0.0),
        "slopes": (0.03, 3.0),
        "bias": (0.1, 0.0),
    }
    X: Tensor
    y: Tensor
    rows: Tensor
    unused: Tensor

    def __init__(self, of: Comparables, lanes: Lanes) -> None:
        super().__init__(lanes.dropout[:, 0], lanes.seeds, 0)
        count, d = len(lanes), of.num_inputs
        self.of = of
        self.embedding = nn.Parameter(torch.empty(count, d, of.width))
        self.scale = nn.Parameter(torch.ones(count, 1, d))
        self.log_sharpness = nn.Parameter(torch.zeros(count, 1, 1))
        self.slopes = nn.Parameter(torch.zeros(count, d, 1))
        self.bias = nn.Parameter(torch.zeros(count, 1, 1))
        with torch.no_grad():
            for own, seed in zip(self.embedding, lanes.seeds, strict=True):
                own.normal_(generator=draws.generator(seed, 0))

    def show(self, X: Tensor, y: Tensor, rows: Tensor, weight: Tensor) -> None:
        """The sales: those of each lane are its candidates."""
        self.X, self.y, self.rows, self.unused = X, y, rows, weight == 0

    def forward(self, X: Tensor) -> Tensor:
        """Price rows by sales; a row that is asked by its place in X is none of its own."""
        asked, self.asked = self.asked, None
        if self.training:
            return self._learning(X, asked)
        sales = self.X[self.rows]
        z_sales, off = self.embed(sales), self.y[self.rows] - sales @ self.slopes
        answers = []
        for i, part in enumerate(X.split(AT_ONCE, dim=1)):
            own = None if asked is None else asked[:, i * AT_ONCE :][:, : part.shape[1]]
            unusable = self._unusable(own, self.rows, self.unused)
            answers.append(self._answer(part, part, z_sales, off, unusable))
        return torch.cat(answers, dim=1)

    def embed(self, X: Tensor) -> Tensor:
        """Where rows lie: (L, n, d) -> (L, n, width)."""
        z = (X * self.scale) @ self.embedding / sqrt(self.of.num_inputs)
        return z * self.log_sharpness.exp()

    def _learning(self, X: Tensor, asked: Tensor | None) -> Tensor:
        """The same by some of the sales, drawn for this step, with inputs silenced."""
        ranks = draws.order(self._key(DRAWN), (~self.unused).float())[:, : self.of.candidates]
        rows, unused = self.rows.gather(1, ranks), self.unused.gather(1, ranks)
        sales, d = self.X[rows], X.shape[2]
        p = torch.full((len(X),), self.of.input_dropout, device=X.device)
        mask = draws.keep(self._key(MASK), p, 1, d) / (1 - self.of.input_dropout)
        kept = draws.keep(self._key(SKIP), self.p, *X.shape[1:])
        near = X * kept / (1 - self.p).view(-1, 1, 1)
        off = self.y[rows] - sales @ self.slopes
        unusable = self._unusable(asked, rows, unused)
        return self._answer(near, X * mask, self.embed(sales * mask), off, unusable)

    def _answer(
        self, near: Tensor, X: Tensor, z_sales: Tensor, off: Tensor, unusable: Tensor
    ) -> Tensor:
        """s(near) + Σ w (y - s) + b of rows X (L, n, d) by sales (L, m, width) and (L, m, 1)."""
        return near @ self.slopes + weights(self.embed(X), z_sales, unusable) @ off + self.bias

    @staticmethod
    def _unusable(asked: Tensor | None, rows: Tensor, unused: Tensor) -> Tensor:
        """Which sales a row may not be compared with, padding and itself: (L, n or 1, m)."""
        if asked is None:
            return unused[:, None]
        return unused[:, None] | (asked[:, :, None] == rows[:, None])

    def _key(self, place: int) -> Tensor:
        return draws.keys(self.seeds, *self.moment, place).to(self.scale.device)


@dataclass(frozen=True, eq=False)
class Said:
    """What n sales say of one row, (n,) each: Σ weight · says is the mean of what the nets answer.

    What a sale says is its own price, adjusted by what differs; `distance` is between the places of
    both, its mean square over the nets. Of a row that may be several, all are means over these.
    """

    weight: Numbers
    says: Numbers
    distance: Numbers


@dataclass(frozen=True, eq=False)
class FittedComparables:
    """What S trained nets know, in numpy: they have learnt from the same n sales (X, y)."""

    tensors: Mapping[str, NDArray[np.float32]]  # parameters by name, (S, ...) each
    X: Numbers  # (n, d)
    y: Numbers  # (n,)

    @classmethod
    def of(cls, nets: Sequence[nn.Module], X: Numbers, y: Numbers) -> "FittedComparables":
        """The parameters of nets of one lane each."""
        return cls(arrays(nets), X, y)

    @cached_property
    def map(self) -> Numbers:
        """From inputs to places, all that is linear in one: (S, d, width)."""
        E, scale, log_sharpness = (
            self.tensors[name].astype(np.float64)
            for name in ("embedding", "scale", "log_sharpness")
        )
        return np.asarray(
            scale.transpose(0, 2, 1) * E * np.exp(log_sharpness) / sqrt(self.X.shape[1])
        )

    @cached_property
    def slopes(self) -> Numbers:
        """Of s, (S, d)."""
        return self.tensors["slopes"][:, :, 0].astype(np.float64)

    @cached_property
    def places(self) -> Numbers:
        """Where the sales lie: (S, n, width)."""
        return np.asarray(self.X @ self.map)

    @cached_property
    def apart(self) -> Numbers:
        """Squared distances of the sales from the origin: (S, n)."""
        return np.asarray(np.square(self.places).sum(2))

    @cached_property
    def off(self) -> Numbers:
        """What each sale was above what s says of it: (S, n)."""
        return np.asarray(self.y - self.slopes @ self.X.T)

    def predict(self, X: Numbers, own: NDArray[np.int64] | None = None) -> Numbers:
        """Answers of each net for rows (m, d): (S, m); `own` is which sale a row is, or -1."""
        bias = self.tensors["bias"][:, 0].astype(np.float64)
        compared = np.einsum("smn,sn->sm", self.weights(X, own), self.off)
        return np.asarray(self.slopes @ X.T + compared + bias)

    def says(self, X: Numbers, likely: Numbers) -> "Said":
        """How much each sale counts for a row, and what it says of it.

        The row may be any of X (m, d), so likely (m,), 1 in all.
        """
        each = self.weights(X)  # (S, m, n)
        bias = self.tensors["bias"].astype(np.float64)  # (S, 1, 1)
        said = self.off[:, None] + (self.slopes @ X.T)[:, :, None] + bias
        weight = likely @ each.mean(axis=0)
        z = X @ self.map
        apart = np.square(z).sum(2)[:, :, None] + self.apart[:, None]
        apart -= 2 * z @ self.places.transpose(0, 2, 1)  # (S, m, n)
        return Said(
            weight=weight,
            says=likely @ (each * said).mean(axis=0) / np.maximum(weight, TINY),
            distance=np.sqrt(likely @ np.maximum(apart, 0).mean(axis=0)),
        )

    def weights(self, X: Numbers, own: NDArray[np.int64] | None = None) -> Numbers:
        """How much each sale counts for rows (m, d): (S, m, n), 1 in all."""
        z = X @ self.map
        closeness = 2 * z @ self.places.transpose(0, 2, 1)
        closeness -= self.apart[:, None]
        if own is not None:
            (rows,) = np.nonzero(own >= 0)
            closeness[:, rows, own[rows]] = -np.inf
        closeness -= closeness.max(axis=2, keepdims=True)
        np.exp(closeness, out=closeness)
        closeness /= closeness.sum(axis=2, keepdims=True)
        return closeness


def weights(z: Tensor, z_sales: Tensor, unusable: Tensor) -> Tensor:
    """softmax of minus the squared distances: (L, n, w), (L, m, w), (L, n, m) -> (L, n, m)."""
    squares = (z_sales * z_sales).sum(2)[:, None]  # ‖z_i‖² is the same for all sales of a row
    closeness = torch.baddbmm(squares, z, z_sales.transpose(1, 2), beta=-1, alpha=2)
    return closeness.masked_fill(unusable, -torch.inf).softmax(2)
