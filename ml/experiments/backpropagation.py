"""4.7 Backpropagation: every value and every gradient by hand, beside autograd."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ml import draws
from ml.events import Check, Checkpoint, Event, Figure, Graph, HeatMap, Table
from ml.experiment import Experiment, Preset
from ml.graphs import Traced, trace

Values = dict[str, Tensor]
EXACT = 1e-10  # float64 keeps about sixteen digits
Phi = Callable[[Tensor], Tensor]
THEIRS: dict[str, Phi] = {"relu": torch.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh}
PHI: dict[str, Phi] = {
    "relu": lambda z: z * (z > 0),
    "sigmoid": lambda z: 1 / (1 + torch.exp(-z)),
    "tanh": lambda z: (1 - torch.exp(-2 * z)) / (1 + torch.exp(-2 * z)),
}
SLOPE: dict[str, Phi] = {
    "relu": lambda z: (z > 0).to(z.dtype),
    "sigmoid": lambda z: torch.sigmoid(z) * (1 - torch.sigmoid(z)),
    "tanh": lambda z: 1 - torch.tanh(z) ** 2,
}
FORWARD = {"z": "(4.7.1)", "h": "(4.7.2)", "o": "(4.7.3)", "L": "(4.7.4)", "s": "(4.7.5)", "J": "(4.7.6)"}  # fmt: skip # noqa: E501
BACKWARD = {
    "dJ/dL": "(4.7.8)", "dJ/ds": "(4.7.8)", "dJ/do": "(4.7.9)", "ds/dW1": "(4.7.10)",
    "ds/dW2": "(4.7.10)", "dJ/dW2": "(4.7.11)", "dJ/dh": "(4.7.12)", "dJ/dz": "(4.7.13)",
    "dJ/dW1": "(4.7.14)", "dJ/db1": "exercise 2",
}  # fmt: skip


class Backpropagation(Experiment):
    """Compute a small MLP and all its gradients by hand, and hold each beside autograd's."""

    section: ClassVar[str] = "4.7"
    instant: ClassVar[bool] = True
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("book", "The book's", "No bias, as in 4.7.1.", {}),
        Preset("bias", "With a bias", "Exercise 2: the hidden layer gets a bias.", {"bias": True}),
        Preset("classes", "Classes", "Softmax cross-entropy in place of the squared loss.",
            {"loss": "cross_entropy", "activation": "tanh"}),
    )  # fmt: skip
    verifies: ClassVar[tuple[dict[str, Any], ...]] = (
        {}, {"bias": True, "activation": "sigmoid"},
        {"loss": "cross_entropy", "activation": "tanh"},
    )  # fmt: skip

    name: Literal["backpropagation"] = "backpropagation"
    num_inputs: int = Field(
        4, ge=1, le=32, description="Entries of x.",
        json_schema_extra={"group": "Network", "symbol": "d"},
    )  # fmt: skip
    num_hiddens: int = Field(
        5, ge=1, le=32, description="Entries of z and of h.",
        json_schema_extra={"group": "Network", "symbol": "h"},
    )  # fmt: skip
    num_outputs: int = Field(
        3, ge=2, le=32, description="Entries of o.",
        json_schema_extra={"group": "Network", "symbol": "q"},
    )  # fmt: skip
    activation: Literal["relu", "sigmoid", "tanh"] = Field(
        "relu", description="The activation function.",
        json_schema_extra={"group": "Network", "symbol": "φ"},
    )  # fmt: skip
    bias: bool = Field(
        False, description="Whether the hidden layer has a bias.",
        json_schema_extra={"group": "Network"},
    )  # fmt: skip
    loss: Literal["squared", "cross_entropy"] = Field(
        "squared", description="Halved squared error, or softmax cross-entropy.",
        json_schema_extra={"group": "Objective", "symbol": "l"},
    )  # fmt: skip
    weight_decay: float = Field(
        0.1, ge=0, le=10, description="Strength of the penalty s.",
        json_schema_extra={"group": "Objective", "symbol": "λ"},
    )  # fmt: skip
    batch_size: int = Field(
        8, ge=2, le=32, multiple_of=2,
        description="Examples whose gradient is also taken in two halves.",
        json_schema_extra={"group": "Objective", "symbol": "n"},
    )  # fmt: skip

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:  # noqa: ARG002  nothing to resume
        """By hand, by autograd, the differences; the graph; two halves of a batch."""
        given = self.drawn()
        values = forward(self, given)
        grads = backward(self, given, values)
        theirs, their_grads, graph = self.autograd(given)
        ours, them, numbers = values | grads, theirs | their_grads, FORWARD | BACKWARD
        rows = [(key, numbers[key], ours[key], them[key]) for key in them]
        yield self.graphed(graph)
        yield self.heat(grads["dJ/dW1"], rows)
        yield Table(
            "nodes", "By hand and by autograd",
            ("quantity", "equation", "shape", "norm", "difference"),
            tuple(
                (key, number, shaped(own), float(own.norm()), gap(own, other))
                for key, number, own, other in rows
            ),
        )  # fmt: skip
        for key, number, own, other in rows:
            yield Check.near(self.section, f"{number} {key}", 0.0, gap(own, other), EXACT)
        yield from self.shapes(given, grads)
        yield self.depends(graph)
        halves = self.halves()
        yield Check.near(self.section, "two half batches less one full batch", 0.0, halves, 1e-6)

    def drawn(self) -> Values:
        """One example and parameters in float64; z changes sign by turns, y is a distribution."""
        d, h, q = self.num_inputs, self.num_hiddens, self.num_outputs
        generator = draws.generator(self.seed, d, h)
        shapes = {"x": (d,), "W1": (h, d), "W2": (q, h), "y": (q,), "b1": (h,)}
        given = {
            key: torch.randn(*shape, generator=generator, dtype=torch.float64)
            for key, shape in shapes.items()
        }
        given["y"] = given["y"].softmax(0)
        z = given["W1"] @ given["x"] + self.bias * given["b1"]
        flip = z.sign() * (-1.0) ** torch.arange(h)  # else a ReLU may meet no z below 0
        given |= {"W1": given["W1"] * flip[:, None], "b1": given["b1"] * flip}
        return given if self.bias else {key: given[key] for key in given if key != "b1"}

    def theirs(self, given: Values) -> Values:
        """The same network from the library's parts."""
        z = given["W1"] @ given["x"]
        z = z + given["b1"] if self.bias else z
        h = THEIRS[self.activation](z)
        o = given["W2"] @ h
        if self.loss == "squared":
            L = F.mse_loss(o, given["y"], reduction="sum") / 2
        else:
            L = F.cross_entropy(o, given["y"])
        s = self.weight_decay / 2 * (given["W1"].pow(2).sum() + given["W2"].pow(2).sum())
        return {"z": z, "h": h, "o": o, "L": L, "s": s, "J": L + s}

    def autograd(self, given: Values) -> tuple[Values, Values, Traced]:
        """Values, gradients by the names of BACKWARD, and the graph that autograd recorded."""
        leaves = {key: tensor.clone().requires_grad_() for key, tensor in given.items()}
        values = self.theirs(leaves)
        every = leaves | values
        keys = [key for key in BACKWARD if key[4:] in every]
        grads = {
            key: torch.autograd.grad(every[key[1]], every[key[4:]], retain_graph=True)[0]
            for key in keys
        }
        return values, grads, trace(values["J"], every)

    def halves(self) -> float:
        """Largest difference of the gradients of a batch and of its two halves, accumulated."""
        generator = draws.generator(self.seed, self.batch_size)
        given = self.drawn()
        for key, size in (("x", self.num_inputs), ("y", self.num_outputs)):
            shape = (self.batch_size, size)
            given[key] = torch.randn(*shape, generator=generator, dtype=torch.float64)
        full = self.accumulated(given, 1)
        return max(gap(a, b) for a, b in zip(full, self.accumulated(given, 2), strict=True))

    def accumulated(self, given: Values, parts: int) -> list[Tensor]:
        """Gradients of the parameters, added up over so many parts of the batch."""
        leaves = {key: given[key].clone().requires_grad_() for key in given if key not in "xy"}
        for rows in torch.arange(self.batch_size).chunk(parts):
            pairs = ({"x": given["x"][i], "y": given["y"][i]} for i in rows)
            J = [self.theirs(leaves | pair)["J"] for pair in pairs]
            torch.autograd.backward(torch.stack(J).mean() / parts)
        return [leaf.grad for leaf in leaves.values() if leaf.grad is not None]

    # ---- what is said of it

    def graphed(self, graph: Traced) -> Figure:
        """Figure 4.7.1 as it was recorded: operators in brackets, the rest are variables."""
        return Figure(
            "graph", "The computational graph, as autograd recorded it",
            f"{len(graph.names)} variables and {len(graph.nodes) - len(graph.names)} operators lead"
            " from x to J; each arrow goes to the right.",
            graph=Graph(graph.nodes, graph.edges),
        )  # fmt: skip

    def heat(self, grad: Tensor, rows: list[tuple[str, str, Tensor, Tensor]]) -> Figure:
        """The gradient of the first layer's weights."""
        worst = max(gap(ours, them) for *_, ours, them in rows)
        h, d = grad.shape
        return Figure(
            "gradient", "dJ/dW1 by hand (4.7.14)",
            f"No value and no gradient differs from autograd's by more than {worst:.1g}.",
            heat_map=HeatMap(
                tuple(f"x{i + 1}" for i in range(d)), tuple(f"h{i + 1}" for i in range(h)),
                grad.numpy(), diverging=True,
            ),
            x_label="input", y_label="hidden unit",
        )  # fmt: skip

    def shapes(self, given: Values, grads: Values) -> Iterator[Check]:
        """Exercise 1: a gradient has the shape of what it is taken by."""
        for key in ("W1", "W2", "b1"):
            if key in given:
                got, expected = shaped(grads[f"dJ/d{key}"]), shaped(given[key])
                yield Check(self.section, f"shape of dJ/d{key}", expected, got, None, got == expected)  # fmt: skip # noqa: E501

    def depends(self, graph: Traced) -> Check:
        """Whether the recorded graph has the arrows of Figure 4.7.1 between its variables."""
        first = "W1 b1 x" if self.bias else "W1 x"
        expected = f"J: L s, L: o y, h: z, o: W2 h, s: W1 W2, z: {first}"
        return Check(
            self.section, "Fig. 4.7.1: what each variable is computed from",
            expected, graph.depends, None, graph.depends == expected,
        )  # fmt: skip


def forward(given: Backpropagation, at: Values) -> Values:
    """(4.7.1) to (4.7.6) for one example, by hand."""
    z = (at["W1"] * at["x"]).sum(1) + at.get("b1", 0)
    h = PHI[given.activation](z)
    o = (at["W2"] * h).sum(1)
    if given.loss == "squared":
        L = ((o - at["y"]) ** 2).sum() / 2
    else:
        L = o.exp().sum().log() - (at["y"] * o).sum()  # y sums to 1
    s = given.weight_decay / 2 * ((at["W1"] ** 2).sum() + (at["W2"] ** 2).sum())
    return {"z": z, "h": h, "o": o, "L": L, "s": s, "J": L + s}


def backward(given: Backpropagation, at: Values, values: Values) -> Values:
    """(4.7.8) to (4.7.14) for one example, by hand: from J back to W1."""
    one = torch.ones_like(values["J"])
    decay = {key: given.weight_decay * at[key] for key in ("W1", "W2")}
    o = values["o"] if given.loss == "squared" else values["o"].softmax(0)
    by_o = o - at["y"]
    by_h = at["W2"].T @ by_o
    by_z = by_h * SLOPE[given.activation](values["z"])
    return {
        "dJ/dL": one, "dJ/ds": one, "dJ/do": by_o, "ds/dW1": decay["W1"], "ds/dW2": decay["W2"],
        "dJ/dW2": torch.outer(by_o, values["h"]) + decay["W2"], "dJ/dh": by_h, "dJ/dz": by_z,
        "dJ/dW1": torch.outer(by_z, at["x"]) + decay["W1"], "dJ/db1": by_z,
    }  # fmt: skip


def shaped(tensor: Tensor) -> str:
    """Its shape in words."""
    return " × ".join(map(str, tensor.shape)) or "1"


def gap(a: Tensor, b: Tensor) -> float:
    """Largest difference; infinite where the shapes differ."""
    return float((a - b).abs().max().detach()) if a.shape == b.shape else float("inf")
