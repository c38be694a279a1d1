"""4.1 Infinite width: ever wider MLPs end ever closer to one that is solved exactly."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import sqrt
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from torch import Tensor, nn
from torch.func import functional_call, jacrev

from ml import draws, fields
from ml.events import Event, Figure, Floats, Series, Table
from ml.experiment import Preset
from ml.intervals import interval
from ml.lanes import Lane, Lanes
from ml.losses import rmse
from ml.members.wide_mlp import FittedWideMLP, WideMLP
from ml.trains import Fits, Training, TrainingExperiment

POINTS = np.linspace(-1, 1, 10)  # learnt from
PLACES = np.linspace(-1.5, 1.5, 16)  # where answers are compared: beyond the points, too
WIDTHS, COUNT = (32, 128, 512, 2048), {"min_length": 2, "max_length": 6}
Width = Annotated[int, Field(ge=4, le=4096)]
ALLOWED = 50_000_000  # parameters of all starts of a width: training them takes 2 GB
KERNELS = (
    "Kernels differ by the length of the difference over that of the second, entries as a vector."
)
DEEP: dict[str, Any] = {"depth": 2, "widths": [16, 64, 256]}


@dataclass(frozen=True, slots=True)
class DoubledMLP:
    """(f - g) / √2 of two ReLU nets of one start: 0 everywhere until they learn.

    Its kernel is that of f alone at the start, and moves less, as what bends f bends g the other
    way (Chizat et al., 2019). A value: called with L lanes it gives their net, each lane's start
    drawn from its own seed.
    """

    sizes: tuple[int, ...]  # in, hidden layers, out

    def __call__(self, lanes: Lanes) -> "DoubledNet":
        """A net for all lanes."""
        return DoubledNet(self.sizes, lanes.seeds)


class DoubledNet(nn.Module):
    """The net of `DoubledMLP` in the NTK's parametrisation: (L, n, in) -> (L, n, out).

    Its parameters are how far each weight is from its start, so that weight decay pulls there.
    """

    def __init__(self, sizes: Sequence[int], seeds: Sequence[int]) -> None:
        super().__init__()
        for place, shape in enumerate(pairwise(sizes)):
            drawn = [torch.randn(shape, generator=draws.generator(seed, place)) for seed in seeds]
            self.register_buffer(f"start_{place}", torch.stack(drawn)[:, None], persistent=False)
        both = (start.repeat(1, 2, 1, 1) for start in self.buffers())  # (L, f or g, in, out)
        self.moves = nn.ParameterList(torch.zeros_like(each) for each in both)

    def forward(self, X: Tensor) -> Tensor:
        """Inputs are divided by √in, hidden units by √(h/2), for a ReLU drops half of them."""
        first, *others = [
            start + move for start, move in zip(self.buffers(), self.moves, strict=True)
        ]
        H = X[:, None] @ first / sqrt(first.shape[2])
        for weight in others:
            H = H.relu() @ weight / sqrt(weight.shape[2] / 2)
        out: Tensor = (H[:, 0] - H[:, 1]) / sqrt(2)
        return out


def target(x: Floats) -> Floats:
    """What is learnt."""
    return np.asarray(np.sin(2 * x) / 2)


def rows(x: Floats) -> Floats:
    """(x, 1) of each x (n,), so that a net without biases is no cone from 0: (n, 2)."""
    return np.column_stack([x, np.ones_like(x)])


def tangent_kernels(net: nn.Module, X: Tensor) -> Floats:
    """Products of the gradients of a net's answers to rows X (n, d), lane by lane: (L, n, n)."""
    moves, starts = (
        {name: t.detach() for name, t in each}
        for each in (net.named_parameters(), net.named_buffers())
    )
    lanes = range(len(next(iter(moves.values()))))
    return np.stack([tangent_kernel(net, _of(lane, moves), _of(lane, starts), X) for lane in lanes])


def tangent_kernel(
    net: nn.Module, moves: dict[str, Tensor], starts: dict[str, Tensor], X: Tensor
) -> Floats:
    """The same of one lane, by its parameters and buffers: (n, n)."""

    def answers(weights: dict[str, Tensor]) -> Tensor:
        out: Tensor = functional_call(net, (weights, starts), (X[None],))
        return out[0, :, 0]

    by_weight = jacrev(answers)(moves)
    jacobian = torch.cat([each.flatten(1) for each in by_weight.values()], dim=1)
    return np.asarray((jacobian @ jacobian.T).double().numpy())


def _of(lane: int, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value[lane : lane + 1] for name, value in tensors.items()}


def apart(one: Floats, other: Floats) -> Floats:
    """Length of the difference of matrices over that of the other: (..., n, n) -> (...)."""
    return np.asarray(
        np.linalg.norm(one - other, axis=(-2, -1)) / np.linalg.norm(other, axis=(-2, -1))
    )


class InfiniteWidth(TrainingExperiment):
    """Train MLPs of growing width, beside the infinitely wide one, which is solved exactly."""

    presets = (
        Preset("wide", "Wider and wider", "From 32 hidden units to 2,048.", {}),
        Preset("deep", "Two layers", "The limit is another, two layers deep.", DEEP),
    )
    verifies = ({}, DEEP)
    breakable = ("limit", "net", "rate")

    name: Literal["infinite_width"] = "infinite_width"
    depth: int = fields.own(1, "Network", "Depth", "Hidden layers.", "L", ge=1, le=2)
    widths: tuple[Width, ...] = fields.own(
        WIDTHS, "Network", "Widths", "Units of each net's layers.", "h", strict=False, **COUNT
    )
    ridge: float = fields.own(
        0.1, "Training", "Ridge", "What being far from the start costs.", "λ", ge=0.001, le=1
    )
    num_seeds: Annotated[
        fields.NumSeeds,
        Field(
            ge=2,
            title="Starts",
            description="Random starts of each width.",
            validate_default=True,  # widths may be too large for it
        ),
    ] = 20
    num_epochs: int = fields.own(
        300, "Training", "Steps", "Steps, each on all points.", "T", ge=1, le=5000
    )

    @field_validator("widths")
    @classmethod
    def different(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        """Refuse a single width: a distance falls from one to another."""
        if len({*value}) < 2:
            raise PydanticCustomError("one_width", "Two different widths are needed at least.")
        return value

    @field_validator("num_seeds")
    @classmethod
    def affordable(cls, value: int, info: ValidationInfo) -> int:
        """Refuse nets too large to train together, once their sizes are known to be right."""
        depth, width = info.data.get("depth", 1), max(info.data.get("widths", (0,)))
        parameters = value * 2 * width * (3 + (depth - 1) * width)
        if parameters > ALLOWED:
            raise PydanticCustomError(
                "too_many_parameters",
                "{starts} starts of width {width} have {have} parameters; {allowed} are allowed."
                " Take fewer starts or narrower nets.",
                {
                    "starts": value,
                    "width": f"{width:,}",
                    "have": f"{parameters:,}",
                    "allowed": f"{ALLOWED:,}",
                },
            )
        return value

    @property
    def settings(self) -> dict[int, str]:
        """The nets that are compared, by width, narrow ones first."""
        return {width: f"width {width}" for width in sorted({*self.widths})}

    @property
    def asked(self) -> str:
        """The widest."""
        return [*self.settings.values()][-1]

    def limit(self) -> WideMLP:
        """What the nets tend to: without biases, and every point counts in full."""
        return WideMLP(depth=self.depth, bias=0.0, noise=self.ridge, rounds=1)

    def net(self, width: int) -> DoubledMLP:
        """Hidden layers of one width."""
        return DoubledMLP((2, *[width] * self.depth, 1))

    def rate(self) -> float:
        """1 over the largest curvature of the limit's loss; from 2 over it on, steps diverge."""
        X = rows(POINTS)
        largest = float(np.linalg.eigvalsh(self.limit().kernel(X, X))[-1])
        return len(X) / (largest + self.ridge)

    @cached_property
    def exact(self) -> FittedWideMLP:
        """The infinitely wide net, trained."""
        return self.limit().fit(rows(POINTS), target(POINTS))

    def trainings(self) -> Iterator[Training]:
        """Every width from several starts, all points a step.

        Rows called valid are places whose target is the infinitely wide net's answer. A ridge on
        n halved squares is as much as a decay of λ/n on their mean.
        """
        x = np.concatenate([POINTS, PLACES])
        y = np.concatenate([target(POINTS), self.exact.predict(rows(PLACES))[0]])
        n = len(POINTS)
        train, valid = torch.arange(len(x)).split([n, len(PLACES)])
        alike: dict[str, Any] = {"train": train, "valid": valid, "lr": self.rate()}
        measured: dict[str, Any] = {"measure": rmse, "measured": "rmse", "batch_size": n}
        for width, setting in self.settings.items():
            lanes = [
                Lane(
                    label=f"{setting}, start {i + 1}",
                    setting=setting,
                    seed=seed,
                    weight_decay=self.ridge / n,
                    **alike,
                )
                for i, seed in enumerate(draws.each(self.seed, self.num_seeds))
            ]
            yield self.training(setting, rows(x), y, lanes, self.net(width), **measured)

    def results(self, fits: Fits) -> Iterator[Event]:
        """How far each width ends from the limit, and how far its kernel was and moved."""
        h = np.array([*self.settings], dtype=np.float64)
        distances = np.stack([fit.last("valid") for fit in fits])  # (widths, starts)
        mean, half = interval(distances)
        power = float(np.polyfit(np.log(h), np.log(mean), 1)[0])
        finding = (
            f"The mean distance goes from {mean[0]:.2g} at width {h[0]:,.0f} to {mean[-1]:.2g} at"
            f" width {h[-1]:,.0f}, as width to the power {power:.2f}; theory says -0.5."
        )
        yield self.functions(fits, finding)
        yield Figure(
            "distances",
            "Distance from the infinitely wide MLP by number of hidden units",
            finding,
            (
                Series("mean", h, mean, low=mean - half, high=mean + half),
                Series("starts", h.repeat(self.num_seeds), distances.ravel(), mode="markers"),
                Series("width to the power −1/2", h, mean[-1] * np.sqrt(h[-1] / h), "truth"),
            ),
            x_label="hidden units",
            y_label="root mean squared difference",
            x_scale="log",
            y_scale="log",
        )
        starts, ends = (self.kernels(fits, trained) for trained in (False, True))
        X = rows(POINTS)
        K = self.limit().kernel(X, X)
        columns = {
            "hidden units": h,
            "distance": mean,
            "± (95 %)": half,
            "kernel off at the start": apart(starts, K).mean(1),
            "kernel moved by training": apart(ends, starts).mean(1),
        }
        yield Table.of("widths", "Beside the infinitely wide MLP", columns, KERNELS)
        if any(self.matches(**values) for values in self.verifies):
            yield self.near("distance falls as width to the power", -0.5, power, 0.2)
            length = float(np.sqrt(np.square(self.exact.predict(rows(PLACES))).mean()))
            name = "widest MLP: mean distance over the length of the exact answer"
            yield self.at_most(name, 0.05, mean[-1] / length)
            off = float(apart(starts[-1].mean(0), K))
            yield self.at_most("widest MLP: its kernel's mean over starts is off by", 0.05, off)
            moved = float(apart(ends[-1], starts[-1]).mean())
            yield self.at_most("widest MLP: training moves its kernel by", 0.05, moved)
            left = target(POINTS) - self.exact.predict(X)[0] - self.ridge * self.exact.alpha
            name = "exact answer: it misses each point by λ times its α, off by"
            yield self.near(name, 0, float(np.abs(left).max()), 1e-9)

    def kernels(self, fits: Fits, trained: bool) -> Floats:
        """Tangent kernels of all starts, before or after training: (widths, starts, n, n)."""
        X = torch.from_numpy(rows(POINTS)).float()
        nets = (fit.net if trained else fit.training.net(fit.training.lanes) for fit in fits)
        return np.stack([tangent_kernels(net.cpu(), X) for net in nets])

    @torch.no_grad()
    def functions(self, fits: Fits, finding: str) -> Figure:
        """What each width has learnt: its mean over starts, from the least to the largest."""
        lanes = rows(PLACES)[None].repeat(self.num_seeds, 0)
        X, lines = torch.from_numpy(lanes).float(), []
        for fit, setting in zip(fits, self.settings.values(), strict=True):
            y = fit.net.cpu()(X)[..., 0].double().numpy()
            band = {"low": y.min(0), "high": y.max(0)}
            lines.append(Series(setting, PLACES, y.mean(0), setting=setting, **band))
        exact = Series("infinite width", PLACES, self.exact.predict(rows(PLACES))[0], "truth")
        points = Series("points", POINTS, target(POINTS), mode="markers")
        title = "What is learnt: mean, least and largest over starts"
        return Figure("functions", title, finding, (*lines, exact, points), y_label="f(x)")
