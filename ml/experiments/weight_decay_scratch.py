"""4.5 Weight decay from scratch: the penalty written by hand, beside torch's own optimiser."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from ml import fields, scratch
from ml.events import Event, Floats, Table
from ml.experiment import Preset
from ml.grid import Grid
from ml.lanes import Lanes
from ml.optim import SGD, Optimizer
from ml.regression import LinearRegression
from ml.trains import Fits, Training

LOSSES = "losses of every epoch"
SAME = 1e-5  # of the larger of two numbers: float32 adds in another order


class ByHand(Optimizer):
    """Adds lambda times the penalty to the loss, and steps against the gradient (4.5.3)."""

    def __init__(self, net: nn.Module, lanes: Lanes) -> None:
        super().__init__(net, lanes)
        self.weight = net.get_parameter("0.weight")

    def step(self, loss: Tensor, active: Tensor | None = None) -> None:
        """The loss of (4.5.2), summed over lanes."""
        penalty = self.weight_decay[:, 0] * scratch.l2_penalty(self.weight)
        super().step(loss + penalty.sum(), active)

    def update(self, value: Tensor, grad: Tensor) -> None:
        """The step of 4.2: the decay is in the gradient of the penalty."""
        scratch.sgd([value], [grad], self.lr)


class ByTorch(Optimizer):
    """torch.optim.SGD over the same parameters, in groups of their own decay (4.5.4)."""

    def __init__(self, net: nn.Module, lanes: Lanes, *, groups: Callable[..., Any]) -> None:
        super().__init__(net, lanes)
        w, b = self.flat.parameters  # whose gradients are the buffer that each step fills anew
        w.grad, b.grad = self.flat.grad[:, :-1, None], self.flat.grad[:, -1:, None]
        decay, lr = float(lanes.weight_decay[0]), float(lanes.lr[0])
        self.sgd = torch.optim.SGD(groups(net, decay), lr=lr)

    def update(self, value: Tensor, grad: Tensor) -> None:  # noqa: ARG002  they are views of these
        """One step of torch's."""
        self.sgd.step()


class WeightDecayScratch(LinearRegression):
    """Write the penalty and the step by hand, and get what torch.optim.SGD gets."""

    asked: ClassVar[str] = "scratch"
    presets = (
        Preset("decay", "With decay", "The book's lambda of 3.", {}),
        Preset("none", "Without", "No penalty.", {"weight_decay": 0.0}),
        Preset("bias", "Bias, too", "torch alone decays the bias, too.", {"decay_bias": True}),
    )
    verifies = ({}, {"weight_decay": 0.0})
    breakable = ("groups",)

    name: Literal["weight_decay_scratch"] = "weight_decay_scratch"
    weight_decay: fields.WeightDecay = 3.0
    decay_bias: Annotated[
        bool, fields.knob("Training", "Decay the bias", "torch decays the bias, as by default.")
    ] = False
    num_seeds: fields.NumSets = 3

    @property
    def grid(self) -> Grid:
        """By hand, by torch, and by the optimiser of every other experiment, on each data set."""
        return Grid({"by": ("scratch", "concise", "lanes"), "data set": range(self.num_seeds)})

    def trainings(self) -> Iterator[Training]:
        """The three from one start, on the same batches."""
        optimizers: dict[str, Any] = {
            "scratch": ByHand,
            "concise": partial(ByTorch, groups=partial(self.groups, decay_bias=self.decay_bias)),
            "lanes": SGD,
        }
        for by, i in self.grid:
            decay = self.weight_decay
            yield self.linear(by, by, i, optimizer=optimizers[by], weight_decay=decay)

    def results(self, fits: Fits) -> Iterator[Event]:
        """Losses of every epoch and the weights at the end, which are the same (4.5.4)."""
        values = {name: numbers(fits.at(name)) for name in self.grid.axes["by"]}
        columns: dict[str, Any] = {"data set": [str(i + 1) for i in range(self.num_seeds)]}
        for name, each in values.items():
            norms = np.linalg.norm(each["weights"], axis=1)
            columns |= {f"‖w‖, {name}": norms, f"b, {name}": each["biases"]}
        yield Table.of("weights", "Weights at the end", columns)
        if self.decay_bias:
            return
        for name in ("scratch", "lanes"):
            for key, torchs in values["concise"].items():
                apart = np.abs(values[name][key] - torchs).max() / max(1, np.abs(torchs).max())
                plots = (name, key) == ("scratch", LOSSES)  # which look identical in the book
                title = f"{name} = concise, {key}, λ {self.weight_decay:g}"
                yield self.near(title, 0.0, apart, SAME, "words" if plots else "ours")
        if self.matches():
            norm = columns["‖w‖, scratch"].mean()
            yield self.near("mean ‖w‖ by hand, λ 3", 0.382491, norm, 0.05, "figure")
        if self.matches(weight_decay=0.0):  # one draw of its own: ours are from 12.8 to 15
            norm = columns["‖w‖, concise"].mean()
            yield self.near("mean ‖w‖ by torch, λ 0", 15.01407, norm, 3.0, "figure")

    @staticmethod
    def groups(net: nn.Module, decay: float, *, decay_bias: bool) -> list[dict[str, Any]]:
        """Parameter groups of torch: the weights, and the bias that 4.5.4 does not decay."""
        return [
            {"params": [net.get_parameter("0.weight")], "weight_decay": decay},
            {"params": [net.get_parameter("0.bias")], "weight_decay": decay if decay_bias else 0.0},
        ]


def numbers(fits: Fits) -> dict[str, Floats]:
    """What an optimiser decides: losses (2, epochs, sets), weights (sets, d), biases (sets,)."""
    return {
        LOSSES: np.stack([fits.metric("train"), fits.metric("valid")]),
        "weights": fits.parameter("0.weight")[..., 0],
        "biases": fits.parameter("0.bias")[:, 0, 0],
    }
