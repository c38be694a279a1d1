"""4.1 A nonlinearity over the minibatch: an answer then depends on its batch mates (exercise 4)."""

from collections.abc import Callable, Iterator
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from ml import draws, fields
from ml.events import Event, Figure, Table
from ml.experiment import InstantExperiment, Preset

Function = Callable[[Tensor], Tensor]  # (..., n, h) -> (..., n, h)
MOVES = 1e-12  # above rounding: a softmax over the batch may be almost flat


class BatchNonlinearity(InstantExperiment):
    """Let a nonlinearity see the whole minibatch: one answer then moves with another example."""

    presets = (
        Preset("small", "Batch of 2", "A pair only says which is larger.", {"batch_size": 2}),
        Preset("large", "Batch of 64", "Each mate matters, if little.", {"batch_size": 64}),
    )
    verifies = ({}, {"kind": "centre"}, {"kind": "softmax"})
    breakable = ("OVER_BATCH", "alone")
    OVER_BATCH: ClassVar[dict[str, Function]] = {
        "standardise": lambda z: (
            (z - z.mean(-2, keepdim=True)) / (z.var(-2, keepdim=True, correction=0) + 1e-5).sqrt()
        ),
        "centre": lambda z: torch.tanh(z - z.mean(-2, keepdim=True)),
        "softmax": lambda z: z.softmax(-2),
    }

    name: Literal["batch_nonlinearity"] = "batch_nonlinearity"
    kind: Literal["standardise", "centre", "softmax"] = fields.own(
        "standardise", "Network", "Over the batch", "Standardise, centre and then tanh, or softmax."
    )
    num_hiddens: Annotated[fields.NumHiddens, Field(le=64)] = 8
    batch_size: Annotated[fields.BatchSize, Field(ge=2, le=64)] = 8
    reach: float = fields.own(
        4.0, "Data", "Reach", "One mate's inputs are moved from -reach to reach.", ge=0.1, le=20
    )

    @staticmethod
    def alone(z: Tensor) -> Tensor:
        """The ReLU: no element sees another."""
        return z.clamp(min=0)

    def answer(self) -> Iterator[Event]:
        """Move the second example, and read off the first one's output and its derivative."""
        generator, kind = draws.generator(self.seed, self.batch_size), self.kind
        n, h = self.batch_size, self.num_hiddens
        X, W, v = draws.normals(generator, (n, 4), (4, h), (h, 1))
        shift = torch.linspace(-self.reach, self.reach, 81, dtype=torch.float64)
        batches = X.repeat(len(shift), 1, 1)
        batches[:, 1] += shift[:, None]
        over = self.OVER_BATCH[kind]
        phis = {"ReLU, each element alone": self.alone, f"{kind}, over the batch": over}
        y = {name: (phi(batches @ W) @ v)[:, 0, 0] for name, phi in phis.items()}
        moves = [float(outputs.max() - outputs.min()) for outputs in y.values()]
        pulls = [pull(phi, X, W, v) for phi in phis.values()]
        title = "The first example's output while the second moves"
        finding = f"Alone the output moves by {moves[0]:.2g}, over the batch by {moves[1]:.2g}."
        x, out = "shift of the second example", "output of the first"
        yield Figure.lines("mates", title, finding, shift, y, x_label=x, y_label=out)
        title = "Largest derivative of the first output by a mate's input"
        yield Table.of("pulls", title, {"nonlinearity": [*phis], "derivative": pulls})
        yield self.near("elementwise: pull of the mates", 0.0, pulls[0], 0.0)
        yield self.near("elementwise: output moves by", 0.0, moves[0], MOVES)
        yield self.at_least(f"{kind}: pull of the mates", MOVES, pulls[1])
        yield self.at_least(f"{kind}: output moves by", MOVES, moves[1])


def pull(phi: Function, X: Tensor, W: Tensor, v: Tensor) -> float:
    """Largest |derivative| of the first example's output by any input of another: X (n, d)."""
    X = X.clone().requires_grad_()
    (grad,) = torch.autograd.grad((phi(X @ W) @ v)[0, 0], X)
    return float(grad[1:].abs().max())
