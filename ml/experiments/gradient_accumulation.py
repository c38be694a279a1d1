"""4.7 Accumulation: a batch too large for memory is taken in parts (exercise 5)."""

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from ml import draws, fields, graphs
from ml.events import Event, Figure, Table
from ml.one_hidden_layer import OneHiddenLayer, Values, gap


class GradientAccumulation(OneHiddenLayer):
    """Add up the gradients of a batch's parts: what that saves, and that it changes nothing."""

    breakable = ("accumulated",)

    name: Literal["gradient_accumulation"] = "gradient_accumulation"
    batch_size: Annotated[fields.BatchSize, Field(ge=2, le=32, multiple_of=2)] = 8

    def mean(self, parameters: Values, X: Tensor, Y: Tensor) -> Tensor:
        """The objective, its mean over the examples X (n, d) and Y (n, q)."""
        pairs = zip(X, Y, strict=True)
        return torch.stack(
            [self.objective(parameters | {"x": x, "y": y})["J"] for x, y in pairs]
        ).mean()

    def accumulated(self, parts: int) -> tuple[list[Tensor], int]:
        """Gradients added up over so many parts of the batch, and the bytes kept for one part."""
        n, generator = self.batch_size, draws.generator(self.seed, self.batch_size)
        parameters = {k: v.requires_grad_() for k, v in self.example().items() if k not in "xy"}
        X, Y = draws.normals(generator, (n, self.num_inputs), (n, self.num_outputs))
        for x, y in zip(X.chunk(parts), Y.chunk(parts), strict=True):
            mean, given = partial(self.mean, parameters, x, y), (*parameters.values(), *x, *y)
            J, kept = graphs.kept(mean, given)
            (J / parts).backward()
        return [value.grad for value in parameters.values() if value.grad is not None], kept

    def answer(self) -> Iterator[Event]:
        """For every number of parts: what is kept at a time, and how far its gradients are off."""
        parts = [count for count in range(1, self.batch_size + 1) if self.batch_size % count == 0]
        gradients, kept = zip(*map(self.accumulated, parts), strict=True)
        off = [max(map(gap, gradients[0], each)) for each in gradients]
        finding = (
            f"In {parts[-1]} parts {kept[-1]:,} bytes are kept at a time instead of {kept[0]:,};"
            f" no gradient is off by more than {max(off):.1g}."
        )
        title, lines = "Bytes kept at a time", {"intermediate values": kept}
        yield Figure.lines("kept", title, finding, parts, lines, x_label="parts", y_label="bytes")
        columns = {"parts": parts, "bytes kept at a time": kept, "gradients off by": off}
        yield Table.of("parts", "A batch in parts", columns)
        yield self.near("two half batches less one full batch", 0.0, off[1], 1e-6)
        name = "kept for half a batch, of the whole's"
        yield self.near(name, 0.5, kept[1] / kept[0], 0.05, "words")
