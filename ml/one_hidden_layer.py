"""The network of 4.7: one hidden layer, and an objective with weight decay."""

from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ml import draws, fields
from ml.experiment import InstantExperiment, Preset
from ml.nn import ACTIVATIONS

Values = dict[str, Tensor]  # by the book's letters: x, W1, b1, W2, y, then z, h, o, L, s, J


class OneHiddenLayer(InstantExperiment):
    """An experiment that asks something of this network, in float64."""

    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("book", "The book's", "No bias, as in 4.7.1.", {}),
        Preset("bias", "With a bias", "Exercise 2: the hidden layer gets a bias.", {"bias": True}),
        Preset(
            "classes",
            "Classes",
            "Softmax cross-entropy in place of the squared loss.",
            {"loss": "cross_entropy", "activation": "tanh"},
        ),
    )
    verifies: ClassVar[tuple[dict[str, Any], ...]] = (
        {},
        {"bias": True, "activation": "sigmoid"},
        {"loss": "cross_entropy", "activation": "tanh"},
    )

    num_inputs: Annotated[fields.NumInputs, Field(le=32, description="Entries of x.")] = 4
    num_hiddens: Annotated[fields.NumHiddens, Field(le=32, description="Entries of h.")] = 5
    num_outputs: Annotated[fields.NumOutputs, Field(ge=2, le=32, description="Entries of o.")] = 3
    activation: fields.Activation = "relu"
    bias: bool = fields.own(False, "Network", "Bias", "Whether the hidden layer has a bias.")
    loss: Literal["squared", "cross_entropy"] = fields.own(
        "squared", "Training", "Loss", "Halved squared error, or softmax cross-entropy.", "l"
    )
    weight_decay: Annotated[
        fields.WeightDecay, Field(le=10, description="Strength of the penalty s.")
    ] = 0.1

    def example(self) -> Values:
        """One x (d,), its y (q,), a distribution, and parameters; z changes sign by turns."""
        d, h, q = self.num_inputs, self.num_hiddens, self.num_outputs
        generator = draws.generator(self.seed, d, h)
        shapes = {"x": (d,), "W1": (h, d), "W2": (q, h), "y": (q,), "b1": (h,)}
        at = dict(zip(shapes, draws.normals(generator, *shapes.values()), strict=True))
        at["y"] = at["y"].softmax(0)
        z = at["W1"] @ at["x"] + self.bias * at["b1"]
        flip = z.sign() * (-1.0) ** torch.arange(h)  # else a ReLU may meet no z below 0
        at |= {"W1": at["W1"] * flip[:, None], "b1": at["b1"] * flip}
        return at if self.bias else {key: at[key] for key in at if key != "b1"}

    def objective(self, at: Values) -> Values:
        """(4.7.1) to (4.7.6) for one example, from the library's parts."""
        z = at["W1"] @ at["x"]
        z = z + at["b1"] if self.bias else z
        h = ACTIVATIONS[self.activation]()(z)
        o = at["W2"] @ h
        if self.loss == "squared":
            L = F.mse_loss(o, at["y"], reduction="sum") / 2
        else:
            L = F.cross_entropy(o, at["y"])
        s = self.weight_decay / 2 * (at["W1"].pow(2).sum() + at["W2"].pow(2).sum())
        return {"z": z, "h": h, "o": o, "L": L, "s": s, "J": L + s}

    def recorded(self, at: Values) -> Values:
        """The same numbers and what is computed from them, while autograd records."""
        leaves = {key: tensor.clone().requires_grad_() for key, tensor in at.items()}
        return leaves | self.objective(leaves)


def shaped(tensor: Tensor) -> str:
    """Its shape in words."""
    return " × ".join(map(str, tensor.shape)) or "1"


def gap(a: Tensor, b: Tensor) -> float:
    """Largest difference; infinite where the shapes differ."""
    return float((a - b).abs().max().detach()) if a.shape == b.shape else float("inf")
