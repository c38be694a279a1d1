"""The MLP of the recipe: learnt scales of its inputs, Mish, and a linear map beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ml import draws
from ml.lanes import Lanes
from ml.nn import Dropout, Noisy, arrays

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SkipMLP:
    """ŷ = MLP(x ⊙ scale) + slopes · x, after RealMLP (Holzmüller et al., 2024).

    Weights are standard normal over √inputs (the NTK's parametrisation); Mish and dropout after
    each hidden layer; read-out and slopes start from zero. A value: called with L lanes it gives
    their net, (L, n, d) -> (L, n, 1).
    """

    num_inputs: int
    num_hiddens: tuple[int, ...] = (256, 128, 64)
    skip_dropout: float = 0.3

    def __call__(self, lanes: Lanes) -> "SkipNet":
        """A net of each lane, its weights drawn from the lane's own seed."""
        return SkipNet(self, lanes)


class SkipNet(Noisy):
    """The net of `SkipMLP`."""

    def __init__(self, of: SkipMLP, lanes: Lanes) -> None:
        count, sizes = len(lanes), (of.num_inputs, *of.num_hiddens)
        super().__init__(torch.full((count,), of.skip_dropout), lanes.seeds, len(sizes))
        self.scale = nn.Parameter(torch.ones(count, 1, of.num_inputs))
        self.slopes = nn.Parameter(torch.zeros(count, of.num_inputs, 1))
        self.weights = nn.ParameterList(torch.empty(count, a, b) for a, b in pairwise(sizes))
        self.biases = nn.ParameterList(torch.empty(count, 1, b) for b in sizes[1:])
        self.read_out = nn.Parameter(torch.zeros(count, sizes[-1], 1))
        self.bias = nn.Parameter(torch.zeros(count, 1, 1))
        last = lanes.dropout.shape[1] - 1
        self.dropouts = nn.ModuleList(
            Dropout(lanes.dropout[:, min(layer, last)], lanes.seeds, layer)
            for layer in range(len(of.num_hiddens))
        )
        with torch.no_grad():
            for layer, drawn in enumerate(zip(self.weights, self.biases, strict=True)):
                for lane, seed in enumerate(lanes.seeds):
                    generator = draws.generator(seed, layer)
                    for parameter in drawn:
                        parameter[lane].normal_(generator=generator)
        self.multipliers: Mapping[str, tuple[float, float]] = {
            "scale": (1.0, 0.0),
            "slopes": (0.03, 10.0),
            "bias": (0.1, 0.0),
            **{f"biases.{layer}": (0.1, 0.0) for layer in range(len(of.num_hiddens))},
        }

    def forward(self, X: Tensor) -> Tensor:
        """Outputs of rows (L, n, d)."""
        H = X * self.scale
        for weight, bias, dropout in zip(self.weights, self.biases, self.dropouts, strict=True):
            H = dropout(nn.functional.mish(H @ weight / sqrt(weight.shape[1]) + bias))
        beside = X
        if self.training:
            key = draws.keys(self.seeds, *self.moment, self.layer).to(X.device)
            beside = X * draws.keep(key, self.p, *X.shape[1:]) / (1 - self.p).view(-1, 1, 1)
        out: Tensor = H @ self.read_out / sqrt(H.shape[2]) + beside @ self.slopes + self.bias
        return out


@dataclass(frozen=True, eq=False)
class FittedSkipMLP:
    """What S trained nets know, in numpy."""

    tensors: Mapping[str, NDArray[np.float32]]  # parameters by name, (S, ...) each

    @classmethod
    def of(cls, nets: Sequence[nn.Module]) -> "FittedSkipMLP":
        """The parameters of nets of one lane each."""
        return cls(arrays(nets))

    @cached_property
    def exact(self) -> dict[str, Numbers]:
        """The same as float64."""
        return {name: value.astype(np.float64) for name, value in self.tensors.items()}

    def predict(self, X: Numbers) -> Numbers:
        """Answers of each net for rows (m, d): (S, m)."""
        P = self.exact
        H = X * P["scale"]
        for layer in range(sum(name.startswith("weights.") for name in P)):
            weight = P[f"weights.{layer}"]
            H = mish(H @ weight / sqrt(weight.shape[1]) + P[f"biases.{layer}"])
        out = H @ P["read_out"] / sqrt(H.shape[2]) + X @ P["slopes"] + P["bias"]
        return np.asarray(out[:, :, 0])


def mish(z: Numbers) -> Numbers:
    """z tanh(log(1 + e^z)) (Misra, 2019), of any shape.

    With n = e^z (e^z + 2) that is z n / (n + 2), which is z itself beyond 20.
    """
    power = np.exp(np.minimum(z, 20))
    n = power * (power + 2)
    return np.asarray(z * n / (n + 2))
