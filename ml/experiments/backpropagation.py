"""4.7 Backpropagation: every value and every gradient by hand, beside autograd."""

from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar, Literal

import torch
from torch import Tensor

from ml.events import Claim, Event, Figure, HeatMap, Table
from ml.one_hidden_layer import OneHiddenLayer, Values, gap, shaped

EXACT = 1e-10  # float64 keeps about sixteen digits


class Backpropagation(OneHiddenLayer):
    """Compute a small MLP and all its gradients by hand, and hold each beside autograd's."""

    breakable = ("PHI", "SLOPE", "forward", "backward")
    PHI: ClassVar[dict[str, Callable[[Tensor], Tensor]]] = {
        "relu": lambda z: z * (z > 0),
        "sigmoid": lambda z: 1 / (1 + torch.exp(-z)),
        "tanh": lambda z: (1 - torch.exp(-2 * z)) / (1 + torch.exp(-2 * z)),
    }
    SLOPE: ClassVar[dict[str, Callable[[Tensor], Tensor]]] = {
        "relu": lambda z: (z > 0).to(z.dtype),
        "sigmoid": lambda z: torch.sigmoid(z) * (1 - torch.sigmoid(z)),
        "tanh": lambda z: 1 - torch.tanh(z) ** 2,
    }

    name: Literal["backpropagation"] = "backpropagation"

    def forward(self, at: Values) -> Values:
        """(4.7.1) to (4.7.6) for one example, by hand."""
        z = (at["W1"] * at["x"]).sum(1) + at.get("b1", 0)
        h = self.PHI[self.activation](z)
        o = (at["W2"] * h).sum(1)
        if self.loss == "squared":
            L = ((o - at["y"]) ** 2).sum() / 2
        else:
            L = o.exp().sum().log() - (at["y"] * o).sum()  # y sums to 1
        s = self.weight_decay / 2 * ((at["W1"] ** 2).sum() + (at["W2"] ** 2).sum())
        return {"z": z, "h": h, "o": o, "L": L, "s": s, "J": L + s}

    def backward(self, at: Values, values: Values) -> Values:
        """(4.7.8) to (4.7.14) for one example, by hand: from J back to W1, and to a bias."""
        one = torch.ones_like(values["J"])
        decay = {key: self.weight_decay * at[key] for key in ("W1", "W2")}
        by_o = (values["o"] if self.loss == "squared" else values["o"].softmax(0)) - at["y"]
        by_h = at["W2"].T @ by_o
        by_z = by_h * self.SLOPE[self.activation](values["z"])
        gradients = {
            "(4.7.8) dJ/dL": one,
            "(4.7.8) dJ/ds": one,
            "(4.7.9) dJ/do": by_o,
            "(4.7.10) ds/dW1": decay["W1"],
            "(4.7.10) ds/dW2": decay["W2"],
            "(4.7.11) dJ/dW2": torch.outer(by_o, values["h"]) + decay["W2"],
            "(4.7.12) dJ/dh": by_h,
            "(4.7.13) dJ/dz": by_z,
            "(4.7.14) dJ/dW1": torch.outer(by_z, at["x"]) + decay["W1"],
            "exercise 2 dJ/db1": by_z,
        }
        return {name: value for name, value in gradients.items() if self.bias or "b1" not in name}

    def autograd(self, at: Values, names: Iterable[str]) -> Values:
        """The same by the library: values such as "(4.7.1) z", gradients "(4.7.9) dJ/do"."""
        every, theirs = self.recorded(at), Values()
        for name in names:
            top, _, bottom = name.split()[-1].partition("/d")
            theirs[name] = (
                torch.autograd.grad(every[top[1:]], every[bottom], retain_graph=True)[0]
                if bottom
                else every[top].detach()
            )
        return theirs

    def answer(self) -> Iterator[Event]:
        """By hand, by autograd, the differences; then the shapes (exercise 1)."""
        at = self.example()
        values = self.forward(at)
        ours = {f"(4.7.{i}) {key}": value for i, (key, value) in enumerate(values.items(), 1)}
        ours |= self.backward(at, values)
        theirs = self.autograd(at, ours)
        gaps = {name: gap(value, theirs[name]) for name, value in ours.items()}
        slopes = ours["(4.7.14) dJ/dW1"]
        yield Figure(
            "gradient",
            "dJ/dW1 by hand (4.7.14)",
            f"No value and no gradient is off autograd's by more than {max(gaps.values()):.1g}.",
            heat_map=HeatMap(
                tuple(f"x{i + 1}" for i in range(self.num_inputs)),
                tuple(f"h{i + 1}" for i in range(self.num_hiddens)),
                slopes.numpy(),
                diverging=True,
            ),
            x_label="input",
            y_label="hidden unit",
        )
        yield Table.of(
            "nodes",
            "By hand and by autograd",
            {
                "quantity": [name.rpartition(" ")[2] for name in ours],
                "equation": [name.rpartition(" ")[0] for name in ours],
                "shape": [*map(shaped, ours.values())],
                "norm": [float(value.norm()) for value in ours.values()],
                "difference": [*gaps.values()],
            },
        )
        for name, off in gaps.items():
            claim: Claim = "ours" if name.endswith("b1") else "words"
            yield self.near(name, 0.0, off, EXACT, claim)
            by = name.partition(" dJ/d")[2]
            if by in at:
                yield self.equal(f"shape of dJ/d{by}", shaped(at[by]), shaped(ours[name]), claim)
