"""4.1 Activation functions: their curves, and their derivatives by autograd."""

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ml import fields
from ml.events import Event, Figure, Floats
from ml.experiment import InstantExperiment

Function = Callable[[Tensor], Tensor]
EXACT = 1e-15  # what float64 rounds off


class Activations(InstantExperiment):
    """Draw ReLU, pReLU, sigmoid and tanh with their derivatives, and test what 4.1.2 claims."""

    breakable = ("functions", "derivative")

    name: Literal["activations"] = "activations"
    alpha: fields.Alpha = 0.25
    limit: fields.Limit = 8.0
    step: float = fields.own(
        0.1, "Figure", "Step", "Distance between two values of x.", ge=0.01, le=1
    )

    def functions(self) -> dict[str, Function]:
        """The four of 4.1.2."""
        return {
            "ReLU": torch.relu,
            "pReLU": lambda x: x.clamp(min=0) + self.alpha * x.clamp(max=0),
            "sigmoid": torch.sigmoid,
            "tanh": torch.tanh,
        }

    @staticmethod
    def derivative(f: Function, x: Floats) -> Floats:
        """f'(x) elementwise by autograd: (n,) -> (n,)."""
        leaf = torch.tensor(x, requires_grad=True)
        return torch.autograd.grad(f(leaf).sum(), leaf)[0].numpy()

    def answer(self) -> Iterator[Event]:
        """The curves and their slopes; then each sentence of 4.1.2 that has a number in it."""
        x, f = np.arange(-self.limit, self.limit, self.step), self.functions()
        y = {name: phi(torch.from_numpy(x)).numpy() for name, phi in f.items()}
        slope = {name: self.derivative(phi, x) for name, phi in f.items()}
        around = {name: self.derivative(phi, np.array([-1e-9, 0, 1e-9])) for name, phi in f.items()}
        jumps = ", ".join(f"{d[2] - d[0]:z.3g} ({name})" for name, d in around.items())
        ends = ", ".join(f"{d[0]:.3g} ({name})" for name, d in slope.items())
        for name, title, finding, lines, y_label in (
            ("values", "Activation functions", f"At 0 the slope jumps by {jumps}.", y, "f(x)"),
            ("derivatives", "Their derivatives", f"At x = {x[0]:g}: {ends}.", slope, "f′(x)"),
        ):
            yield Figure.lines(name, title, finding, x, lines, y_label=y_label)
        s, t = 1 / (1 + np.exp(-x)), (1 - np.exp(-2 * x)) / (1 + np.exp(-2 * x))  # (4.1.6), (4.1.8)
        twice = f["sigmoid"](torch.from_numpy(2 * x)).numpy()
        apart = {
            "ReLU' is 1 above 0 and 0 below": (slope["ReLU"] - (x > 0))[x != 0],
            "ReLU' at 0": around["ReLU"][1],
            "sigmoid' = s(1 - s)": slope["sigmoid"] - s * (1 - s),
            "tanh' = 1 - tanh^2": slope["tanh"] - (1 - t**2),
            "tanh(x) + 1 = 2 sigmoid(2x)": y["tanh"] + 1 - 2 * twice,
        }
        for name, off in apart.items():
            yield self.near(name, 0.0, np.abs(off).max(), EXACT, "words")
        leak = (slope["pReLU"] - np.where(x > 0, 1, self.alpha))[x != 0]
        yield self.near("pReLU' is 1 or alpha", 0.0, np.abs(leak).max(), EXACT)
        for name, top in (("sigmoid", 0.25), ("tanh", 1.0)):
            largest = max(slope[name].max(), around[name][1])
            yield self.near(f"largest {name}'", top, largest, EXACT, "figure")
