"""4.7 Memory: training keeps what prediction forgets (4.7.4, exercises 3 and 4)."""

import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ml import draws
from ml.events import Check, Checkpoint, Event, Figure, Series, Table
from ml.experiment import Experiment, Preset

T = TypeVar("T")
BATCHES = (4, 8, 16, 32, 64, 128)
DEPTHS = (1, 2, 4, 8, 16)
ROUGHLY = (
    0.1  # how far from twofold twice the layers or the examples may be: "roughly proportional"
)


class MemoryOfTraining(Experiment):
    """Count the bytes that training keeps for backpropagation, beside those of prediction."""

    section: ClassVar[str] = "4.7"
    instant: ClassVar[bool] = True
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("small", "Small", "Two layers, sixteen examples.", {"depth": 2, "batch_size": 16}),
        Preset("deep", "Deep", "Sixteen layers keep sixteen activations.", {"depth": 16}),
    )
    verifies: ClassVar[tuple[dict[str, Any], ...]] = ({}, {"activation": "relu", "width": 64})

    name: Literal["memory_of_training"] = "memory_of_training"
    width: int = Field(
        32, ge=4, le=64, description="Units of each layer, inputs included.",
        json_schema_extra={"group": "Network", "symbol": "h"},
    )  # fmt: skip
    depth: int = Field(
        4, ge=1, le=16, description="Hidden layers while the batch grows.",
        json_schema_extra={"group": "Network", "symbol": "L"},
    )  # fmt: skip
    activation: Literal["relu", "sigmoid", "tanh"] = Field(
        "tanh", description="The activation function.", json_schema_extra={"group": "Network"}
    )
    batch_size: int = Field(
        64, ge=1, le=64, description="Examples while the depth grows.",
        json_schema_extra={"group": "Data", "symbol": "n"},
    )  # fmt: skip

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:  # noqa: ARG002  nothing to resume
        """Two sweeps, a table at these settings, and what second derivatives add."""
        by_batch = np.array([self.stored(self.depth, n) for n in BATCHES])
        by_depth = np.array([self.stored(depth, self.batch_size) for depth in DEPTHS])
        yield swept("batch", "batch size", BATCHES, by_batch)
        yield swept("depth", "hidden layers", DEPTHS, by_depth)
        kept, live = self.stored(self.depth, self.batch_size)
        parameters = self.depth * self.width * (self.width + 1) * 4
        yield Table(
            "bytes", "Bytes at these settings", ("what", "prediction", "training"),
            (
                ("parameters", parameters, parameters),
                ("gradients", 0, parameters),
                ("intermediate values", live, kept),
                ("for second derivatives, too", None, self.twice()),
            ),
            note="Training keeps them until backpropagation is done; prediction has two layers'"
            " at a time. Second derivatives need the graph of the first.",
        )  # fmt: skip
        yield self.second()
        yield from self.claims(by_batch[:, 0], by_depth)

    def claims(self, by_batch: np.ndarray, by_depth: np.ndarray) -> Iterator[Check]:
        """What 4.7.4 says of the size of intermediate values."""
        for name, kept in (("examples", by_batch), ("layers", by_depth[:, 0])):
            ratios = kept[1:] / kept[:-1]
            worst = float(ratios[np.abs(ratios - 2).argmax()])
            yield Check.near(self.section, f"kept for twice the {name}, times", 2.0, worst, ROUGHLY)
        (kept, live), half = by_depth[-1], DEPTHS[-1] / 2  # prediction holds two layers' at a time
        yield Check.near(
            self.section, f"{DEPTHS[-1]} layers: intermediate values of training over prediction's",
            half, float(kept / live), ROUGHLY * half,
        )  # fmt: skip

    def stored(self, depth: int, batch_size: int) -> tuple[int, int]:
        """Intermediate values that training keeps, and the most that prediction holds at once."""
        X, layers = self.network(depth, batch_size)
        given = {tensor.data_ptr() for tensor in (X, *(t for layer in layers for t in layer))}
        kept = Kept(given)
        with torch.autograd.graph.saved_tensors_hooks(kept.pack, lambda tensor: tensor):
            result = self.through(X, layers)
        del result  # the hooks have counted
        live, H = 0, X
        with torch.no_grad():
            for W, b in layers:
                before, H = H, self.phi(H @ W + b)
                live = max(live, size(before) * (before is not X) + size(H))
        return kept.total, live

    def twice(self) -> int:
        """Bytes kept once the gradient itself can be differentiated."""
        X, layers = self.network(self.depth, self.batch_size)
        parameters = [tensor for layer in layers for tensor in layer]
        kept = Kept({tensor.data_ptr() for tensor in (X, *parameters)})
        with torch.autograd.graph.saved_tensors_hooks(kept.pack, lambda tensor: tensor):
            result = self.through(X, layers)
            grads = torch.autograd.grad(result.sum(), parameters, create_graph=True)
        del result, grads
        return kept.total

    def second(self) -> Table:
        """What the gradient, its derivative along one vector, and the whole Hessian cost."""
        self.costs(1)  # the first call of all is slower
        return Table(
            "second", "Second derivatives by depth",
            (
                "hidden layers", "parameters", "nodes, gradient", "nodes, Hessian times vector",
                "ms, gradient", "ms, Hessian times vector", "ms, whole Hessian",
            ),
            tuple(self.costs(depth) for depth in DEPTHS),
            note="Nodes are those of the graph that is walked backward. A row of the Hessian is a"
            " product with a vector, so its time is computed: a product's times the parameters.",
        )  # fmt: skip

    def costs(self, depth: int) -> tuple[int, int, int, int, float, float, float]:
        """One row: sizes, nodes and milliseconds of a net with so many layers."""
        X, layers = self.network(depth, self.batch_size)
        parameters = [tensor for layer in layers for tensor in layer]

        def gradient(*, again: bool = False) -> tuple[Tensor, tuple[Tensor, ...]]:
            loss = self.through(X, layers).square().mean()
            return loss, torch.autograd.grad(loss, parameters, create_graph=again)

        def product() -> Tensor:
            along = torch.stack([grad.sum() for grad in gradient(again=True)[1]]).sum()
            torch.autograd.grad(along, parameters)
            return along  # the gradient along a vector of ones

        (loss, _), first = timed(gradient)
        along, second = timed(product)
        count = sum(tensor.numel() for tensor in parameters)
        return depth, count, nodes(loss), nodes(along), first, second, second * count

    def network(self, depth: int, batch_size: int) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Inputs (n, h) and so many layers (h, h), (h,)."""
        generator = draws.generator(self.seed, depth, batch_size)
        X = torch.randn(batch_size, self.width, generator=generator)
        W = torch.randn(depth, self.width, self.width, generator=generator) / self.width**0.5
        return X, [
            (w.clone().requires_grad_(), torch.zeros(self.width, requires_grad=True)) for w in W
        ]

    def through(self, X: Tensor, layers: list[tuple[Tensor, Tensor]]) -> Tensor:
        """Forward propagation as for training: (n, h) -> (n, h)."""
        for W, b in layers:
            X = self.phi(X @ W + b)
        return X

    def phi(self, z: Tensor) -> Tensor:
        """The activation function."""
        phis = {"relu": torch.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh}
        return phis[self.activation](z)


class Kept:
    """Bytes of the tensors that autograd saves, each memory counted once, parameters left out."""

    def __init__(self, given: set[int]) -> None:
        self.seen, self.total = set(given), 0
        self.held: list[Tensor] = []  # memory that is freed would be counted as seen

    def pack(self, tensor: Tensor) -> Tensor:
        """Called by autograd with each tensor that it saves."""
        if tensor.data_ptr() not in self.seen:
            self.seen.add(tensor.data_ptr())
            self.total += size(tensor)
        self.held.append(tensor.detach())
        return tensor


def size(tensor: Tensor) -> int:
    """Bytes of its numbers."""
    return tensor.numel() * tensor.element_size()


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What it gives, and this thread's milliseconds: those of a busy machine would be others'."""
    start = time.thread_time()
    return work(), 1000 * (time.thread_time() - start)


def nodes(result: Tensor) -> int:
    """Operators and parameters in the graph that led to `result`."""
    seen, waiting = {result.grad_fn}, [result.grad_fn]
    while waiting:
        node = waiting.pop()
        before = {source for source, _ in node.next_functions if source} - seen if node else set()
        seen |= before
        waiting += before
    return len(seen)


def swept(name: str, axis: str, x: tuple[int, ...], found: np.ndarray) -> Figure:
    """Training's and prediction's bytes over one of the two."""
    places = np.array(x, dtype=np.float64)
    kept, live = found.T / 1024
    return Figure(
        name, f"Intermediate values by {axis}",
        f"From {x[0]} to {x[-1]} ({axis}) training's grow {kept[-1] / kept[0]:.3g}-fold,"
        f" prediction's {live[-1] / live[0]:.3g}-fold.",
        (Series("training", places, kept, "train"), Series("prediction", places, live, "c3")),
        x_label=axis, y_label="KiB", x_scale="log", y_scale="log",
    )  # fmt: skip
