"""4.5 Weight decay from scratch: the penalty written by hand, beside torch's own optimiser."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from ml import draws
from ml.data.synthetic import linear
from ml.events import Check, Checkpoint, Event, Figure, Series, Table
from ml.experiment import Experiment, Preset
from ml.lanes import Lane, Lanes
from ml.losses import squared_loss
from ml.nn import gaussian, mlp
from ml.optim import SGD, Optimizer
from ml.train import Fitted, Progress, Training, fit, started

NUM_TRAIN, NUM_TEST, NUM_INPUTS, WEIGHT, BIAS, NOISE = 20, 100, 200, 0.01, 0.05, 0.01  # of 4.5.2
Make = Callable[[nn.Module, Lanes], Optimizer]
Weights = tuple[Tensor, Tensor]  # (L, d), (L,)
SAME = 1e-5  # of the larger of two numbers: float32 adds in another order


class WeightDecayScratch(Experiment):
    """Write the penalty and the step by hand, and get what torch.optim.SGD gets."""

    section: ClassVar[str] = "4.5"
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("decay", "With decay", "The book's lambda of 3.", {}),
        Preset("none", "Without", "No penalty.", {"weight_decay": 0.0}),
        Preset("bias", "Bias, too", "torch alone decays the bias, too.", {"decay_bias": True}),
    )  # fmt: skip
    verifies: ClassVar[tuple[dict[str, Any], ...]] = ({}, {"weight_decay": 0.0})

    name: Literal["weight_decay_scratch"] = "weight_decay_scratch"
    weight_decay: float = Field(
        3.0, ge=0, le=600, title="Weight decay", description="Lambda of the penalty.",
        json_schema_extra={"group": "Training", "symbol": "λ"},
    )  # fmt: skip
    decay_bias: bool = Field(
        False, title="Decay the bias",
        description="Put the bias of torch's optimiser into the group that decays, as by default.",
        json_schema_extra={"group": "Training"},
    )  # fmt: skip
    lr: float = Field(
        0.003, gt=0, le=10, title="Learning rate", description="Learning rate of SGD.",
        json_schema_extra={"group": "Training", "symbol": "η"},
    )  # fmt: skip
    batch_size: int = Field(
        5, ge=1, le=20, description="Points a step.", json_schema_extra={"group": "Training"}
    )
    num_epochs: int = Field(
        100, ge=1, le=2000, title="Epochs", description="Passes over the 20 training points.",
        json_schema_extra={"group": "Training"},
    )  # fmt: skip
    num_seeds: int = Field(
        3, ge=1, le=20, title="Repetitions", description="Data sets and starts, side by side.",
        json_schema_extra={"group": "Data"},
    )  # fmt: skip

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:
        """Train by hand, by torch and by ml.optim, from one start on the same batches; compare."""
        optimizers: dict[str, Make] = {"scratch": ByHand, "concise": self.torchs, "lanes": SGD}
        trainings = [self.training(key, optimizer) for key, optimizer in optimizers.items()]
        yield from started(trainings)
        progress, fitted = Progress(resume), dict[str, Fitted]()
        for training in trainings:
            fitted[training.key] = yield from fit(training, progress)
        yield self.drawn(fitted["scratch"], fitted["concise"])
        weights = {key: parameters(each.net) for key, each in fitted.items()}
        yield self.tabled(weights)
        if not self.decay_bias:
            yield from self.claims(fitted, weights)

    def training(self, key: str, optimizer: Make) -> Training:
        """One lane a data set; start and batches follow from its seed, whichever the optimiser."""
        size, truth = NUM_TRAIN + NUM_TEST, np.full(NUM_INPUTS, WEIGHT)
        sets = [
            linear(size, truth, BIAS, NOISE, draws.nth(self.seed, i)) for i in range(self.num_seeds)
        ]
        rows = torch.arange(size).split([NUM_TRAIN, NUM_TEST])
        lanes = [
            Lane(
                label=f"data set {i + 1}", train=rows[0] + size * i, valid=rows[1] + size * i,
                lr=self.lr, weight_decay=self.weight_decay, seed=draws.nth(self.seed, i),
            )
            for i in range(self.num_seeds)
        ]  # fmt: skip
        return Training(
            key=key,
            lanes=Lanes.of(lanes),
            X=torch.from_numpy(np.concatenate([points.X for points in sets])).float(),
            y=torch.from_numpy(np.concatenate([points.y for points in sets])).float()[:, None],
            net=linear_net,
            loss=squared_loss,
            measure=squared_loss,
            measured="squared_loss",
            optimizer=optimizer,
            num_epochs=self.num_epochs,
            batch_size=self.batch_size,
        )

    def torchs(self, net: nn.Module, lanes: Lanes) -> Optimizer:
        """torch.optim.SGD with the bias in the group that this experiment says."""
        return ByTorch(net, lanes, decay_bias=self.decay_bias)

    # ---- what is said of it

    def drawn(self, scratch: Fitted, concise: Fitted) -> Figure:
        """Training and test loss of both, which lie on each other."""
        epochs = np.arange(1, len(scratch.curve) + 1, dtype=float)
        mine, torchs = (each.curve.astype(float).mean(axis=2) for each in (scratch, concise))
        return Figure(
            "losses", "By hand and by torch",
            f"The mean losses differ by at most {np.abs(mine - torchs).max():.2g}; the test loss"
            f" ends at {mine[-1, 1]:.4g} and {torchs[-1, 1]:.4g}.",
            (
                Series("train, by hand", epochs, mine[:, 0], "train"),
                Series("test, by hand", epochs, mine[:, 1], "valid"),
                Series("train, torch", epochs[::5], torchs[::5, 0], "c3", "markers"),
                Series("test, torch", epochs[::5], torchs[::5, 1], "c4", "markers"),
            ),
            x_label="epoch", y_label="halved squared loss", y_scale="log",
        )  # fmt: skip

    def tabled(self, weights: dict[str, Weights]) -> Table:
        """Length of the weights, and the bias, of each data set."""
        (w, b), (w_torch, b_torch) = weights["scratch"], weights["concise"]
        numbers = torch.stack([w.norm(dim=1), b, w_torch.norm(dim=1), b_torch], dim=1)
        rows = [(str(i + 1), *row) for i, row in enumerate(numbers.tolist())]
        return Table(
            "weights", "Weights at the end",
            ("data set", "‖w‖ by hand", "b by hand", "‖w‖ torch", "b torch"), tuple(rows),
            f"The truth has ‖w‖ {WEIGHT * NUM_INPUTS**0.5:.4g} and b {BIAS:g}.",
        )  # fmt: skip

    def claims(self, fitted: dict[str, Fitted], weights: dict[str, Weights]) -> Iterator[Check]:
        """4.5.4: the plots look identical; and the optimiser of every other experiment agrees."""
        for key in ("scratch", "lanes"):
            pairs: tuple[tuple[str, NDArray[Any], NDArray[Any]], ...] = (
                ("losses of every epoch", fitted[key].curve, fitted["concise"].curve),
                ("weights", weights[key][0].numpy(), weights["concise"][0].numpy()),
                ("biases", weights[key][1].numpy(), weights["concise"][1].numpy()),
            )
            for name, mine, torchs in pairs:
                apart = float(np.abs(mine - torchs).max() / max(1.0, np.abs(torchs).max()))
                title = f"{key} = concise, {name}, λ {self.weight_decay:g}"
                yield Check.near(self.section, title, 0.0, apart, SAME)
        if self == WeightDecayScratch(seed=self.seed):
            norm = float(weights["scratch"][0].norm(dim=1).mean())
            yield Check.near(self.section, "mean ‖w‖ by hand, λ 3", 0.382491, norm, 0.05)


# ---- what 4.5.3 writes by hand


def l2_penalty(w: Tensor) -> Tensor:
    """Half the squared length of each lane's weights: (L, d, 1) -> (L,)."""
    return (w**2).sum(dim=(1, 2)) / 2


class ByHand(Optimizer):
    """Adds lambda times the penalty to the loss, and steps against the gradient."""

    def __init__(self, net: nn.Module, lanes: Lanes) -> None:
        super().__init__(net, lanes)
        self.weight = net.get_parameter("0.weight")

    def step(self, loss: Tensor, active: Tensor | None = None) -> None:
        """The loss of 4.5.2, summed over lanes."""
        super().step(loss + (self.weight_decay[:, 0] * l2_penalty(self.weight)).sum(), active)

    def update(self, value: Tensor, grad: Tensor) -> None:
        """value -= lr grad: the decay is in the gradient of the penalty."""
        value -= self.lr * grad


# ---- what it is compared with


class ByTorch(Optimizer):
    """torch.optim.SGD over the same parameters, in groups of their own decay (4.5.4)."""

    def __init__(self, net: nn.Module, lanes: Lanes, *, decay_bias: bool) -> None:
        super().__init__(net, lanes)
        at = 0
        for p in self.flat.parameters:  # the buffer that each step fills anew
            p.grad = self.flat.grad[:, at : at + p[0].numel()].unflatten(1, p.shape[1:])
            at += p[0].numel()
        decay = float(lanes.weight_decay[0])
        self.sgd = torch.optim.SGD(
            groups(net, decay, decay if decay_bias else 0.0), lr=float(lanes.lr[0])
        )

    def update(self, value: Tensor, grad: Tensor) -> None:  # noqa: ARG002  they are views of these
        """One step of torch's."""
        self.sgd.step()


def groups(net: nn.Module, decay: float, bias_decay: float) -> list[dict[str, Any]]:
    """Parameter groups of torch: the weights, and the bias that 4.5.4 does not decay."""
    return [
        {"params": [net.get_parameter("0.weight")], "weight_decay": decay},
        {"params": [net.get_parameter("0.bias")], "weight_decay": bias_decay},
    ]


def linear_net(lanes: Lanes) -> nn.Module:
    """One affine map a lane, its weights N(0, 1) and its bias 0 (4.5.3)."""
    net = mlp(lanes, (NUM_INPUTS, 1), init=gaussian(1))
    nn.init.zeros_(net.get_parameter("0.bias"))
    return net


def parameters(net: nn.Module) -> Weights:
    """Weights (L, d) and biases (L,)."""
    return (
        net.get_parameter("0.weight").detach()[..., 0],
        net.get_parameter("0.bias").detach()[:, 0, 0],
    )
