"""Layers that hold L models side by side: tensors are (L, n, features)."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ml import draws
from ml.lanes import Lanes

Init = Callable[[Tensor, torch.Generator], object]

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


def prelu(z: Tensor, alpha: float) -> Tensor:
    """max(0, z) + alpha min(0, z) (4.1.5)."""
    return z.clamp(min=0) + alpha * z.clamp(max=0)


@cache  # the same start is the same value, also when nets are compared
def uniform(bound: float) -> Init:
    """Uniform in [-bound, bound); torch itself starts a linear layer at 1 / sqrt(inputs)."""
    return lambda tensor, generator: tensor.uniform_(-bound, bound, generator=generator)


@cache
def gaussian(std: float) -> Init:
    """Normal with this standard deviation; 0 gives zeros."""
    return lambda tensor, generator: tensor.normal_(0, std, generator=generator)


def zeros(tensor: Tensor, generator: torch.Generator) -> object:  # noqa: ARG001  an Init draws nothing here
    """All zeros: how the chapter starts its biases."""
    return tensor.zero_()


@cache
def constant(value: float) -> Init:
    """Every number the same: the units of a layer then never come apart (4.8.1)."""
    return lambda tensor, generator: tensor.fill_(value)  # noqa: ARG005  nothing is drawn


STARTS: dict[str, Callable[[int, int], float]] = {
    "zero": lambda _inputs, _outputs: 0.0,
    "0.01": lambda _inputs, _outputs: 0.01,
    "1.0": lambda _inputs, _outputs: 1.0,
    "Xavier": lambda inputs, outputs: (2 / (inputs + outputs)) ** 0.5,  # (4.8.5)
    "Xavier uniform": lambda inputs, outputs: (2 / (inputs + outputs)) ** 0.5,
    "He": lambda inputs, _outputs: (2 / inputs) ** 0.5,  # He et al., 2015: a ReLU drops half
    "default": lambda inputs, _outputs: (3 * inputs) ** -0.5,  # torch's, uniform
}
"""Standard deviation of a layer's weights, by the name of its start (4.8.2)."""


class Linear(nn.Module):
    """L affine maps: (L, n, in) -> (L, n, out)."""

    def __init__(
        self,
        lanes: int,
        num_inputs: int,
        num_outputs: int,
        *,
        bias: bool = True,
        init: Init | None = None,
        bias_init: Init | None = None,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(lanes, num_inputs, num_outputs))
        self.bias = nn.Parameter(torch.empty(lanes, 1, num_outputs)) if bias else None
        self.init = init or uniform(num_inputs**-0.5)
        self.bias_init = bias_init or self.init

    def forward(self, X: Tensor) -> Tensor:
        """Multiply and add, lane by lane."""
        return (
            torch.bmm(X, self.weight)
            if self.bias is None
            else torch.baddbmm(self.bias, X, self.weight)
        )


class Pixels(nn.Module):
    """Bytes to numbers in [0, 1] of the net's own kind: (L, n, d) -> (L, n, d)."""

    white: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("white", torch.tensor(255.0), persistent=False)

    def forward(self, X: Tensor) -> Tensor:
        """Divide by 255, here and not in the data: bytes take a quarter of the memory."""
        return X / self.white


class Noisy(nn.Module):
    """What draws while training: with one strength p a lane (L,), a place and a moment."""

    p: Tensor

    def __init__(self, p: Tensor, seeds: Sequence[int], layer: int) -> None:
        super().__init__()
        self.register_buffer("p", p, persistent=False)
        self.seeds, self.layer, self.moment = seeds, layer, (0, 0)


class Dropout(Noisy):
    """Dropout with one probability a lane: (L, n, h) -> (L, n, h), only while training (4.6.3).

    Every row of the minibatch, an example, has a mask of its own.
    """

    def forward(self, X: Tensor) -> Tensor:
        """Silence units with probability p and divide the others by 1 - p: equation (4.6.1)."""
        if not self.training:
            return X
        key = draws.keys(self.seeds, *self.moment, self.layer).to(X.device)
        scale = (1 - self.p).reciprocal().view(-1, 1, 1)
        return X * draws.keep(key, self.p, *X.shape[1:]) * scale


class GaussianNoise(Noisy):
    """Multiply by N(1, p / (1 - p)), dropout's mean and variance: (L, n, h) -> (L, n, h)."""

    def forward(self, X: Tensor) -> Tensor:
        """Two uniform numbers make a normal one (Box and Muller, 1958)."""
        if not self.training:
            return X
        u, v = (
            draws.uniform(draws.keys(self.seeds, *self.moment, self.layer, i), *X.shape[1:])
            for i in range(2)
        )
        normal = (-2 * (1 - u).log()).sqrt() * (2 * torch.pi * v).cos()
        spread = (self.p / (1 - self.p)).sqrt().view(-1, 1, 1)
        return X * (1 + spread * normal.to(X.device))


class DropConnect(Noisy):
    """An affine map that drops weights, not units: (L, n, in) -> (L, n, out) (Wan et al., 2013)."""

    def __init__(self, p: Tensor, seeds: Sequence[int], layer: int, linear: Linear) -> None:
        super().__init__(p, seeds, layer)
        self.linear = linear

    def forward(self, X: Tensor) -> Tensor:
        """One mask a step for the whole minibatch: a mask an example would be n matrices."""
        if not self.training:
            kept: Tensor = self.linear(X)
            return kept
        key = draws.keys(self.seeds, *self.moment, self.layer).to(X.device)
        mask = draws.keep(key, self.p, *self.linear.weight.shape[1:])
        weight = self.linear.weight * mask * (1 - self.p).reciprocal().view(-1, 1, 1)
        product = torch.bmm(X, weight)
        return product if self.linear.bias is None else product + self.linear.bias


class Relational(nn.Module, ABC):
    """What answers of a row by the rows that it has learnt from, which it is shown."""

    asked: Tensor | None = None  # (L, n) which rows of X the next inputs are, if they are any

    @abstractmethod
    def show(self, X: Tensor, y: Tensor, rows: Tensor, weight: Tensor) -> None:
        """All rows X (N, d) and y (N, out); each lane's own (L, n), at weight 0 where padded."""


@dataclass(frozen=True, slots=True)
class MLP:
    """Hidden layers with activation and dropout, then a linear read-out: sizes (in, ..., out).

    A value: lanes whose nets are equal can be trained in one program. Called with L lanes it gives
    their net, (L, n, in) -> (L, n, out), each lane's weights drawn from its own seed.
    """

    sizes: tuple[int, ...]
    activation: str = "relu"
    bias: bool = True  # of the read-out
    init: Init | None = None  # torch's: uniform within 1/sqrt(inputs)
    bias_init: Init | None = None

    def __call__(self, lanes: Lanes) -> nn.Sequential:
        """Layers of these sizes for all lanes."""
        linear = partial(Linear, len(lanes), init=self.init, bias_init=self.bias_init)
        layers: list[nn.Module] = []
        for layer, (num_inputs, num_hiddens) in enumerate(pairwise(self.sizes[:-1])):
            layers += [linear(num_inputs, num_hiddens), ACTIVATIONS[self.activation]()]
            p = lanes.dropout[:, min(layer, lanes.dropout.shape[1] - 1)]
            if bool((p > 0).any()):
                layers.append(Dropout(p, lanes.seeds, layer))
        net = nn.Sequential(*layers, linear(self.sizes[-2], self.sizes[-1], bias=self.bias))
        initialise(net, lanes.seeds)
        return net


@torch.no_grad()
def initialise(net: nn.Module, seeds: Sequence[int]) -> None:
    """Draw each lane's weights from its own seed, whatever its neighbours are."""
    linears = [module for module in net.modules() if isinstance(module, Linear)]
    for place, linear in enumerate(linears):
        for lane, seed in enumerate(seeds):
            generator = draws.generator(seed, place)
            linear.init(linear.weight[lane], generator)
            if linear.bias is not None:
                linear.bias_init(linear.bias[lane], generator)


def set_moment(net: nn.Module, epoch: int, step: int) -> None:
    """Tell each layer that draws which step of which epoch it is."""
    for module in net.modules():
        if isinstance(module, Noisy):
            module.moment = (epoch, step)


def show(net: nn.Module, X: Tensor, y: Tensor, rows: Tensor, weight: Tensor) -> None:
    """Let what answers by other rows see those that each lane learns from."""
    for module in net.modules():
        if isinstance(module, Relational):
            module.show(X, y, rows, weight)


def set_rows(net: nn.Module, rows: Tensor) -> None:
    """Tell it which rows it is asked next (L, n): none may answer for itself."""
    for module in net.modules():
        if isinstance(module, Relational):
            module.asked = rows


def arrays(nets: Sequence[nn.Module]) -> dict[str, NDArray[np.float32]]:
    """Parameters of like nets by name, lane after lane, net after net: (S, ...) each."""
    named = [dict(net.named_parameters()) for net in nets]
    return {
        name: torch.cat([each[name].detach().cpu() for each in named]).numpy() for name in named[0]
    }


def count_parameters(net: nn.Module) -> int:
    """Parameters of one lane."""
    return sum(parameter[0].numel() for parameter in net.parameters())
