"""4.1 Activation functions: their curves, and their derivatives by autograd."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ml import fields, graphs, nn
from ml.events import Event, Figure
from ml.experiment import InstantExperiment

Function = Callable[[Tensor], Tensor]
EXACT = 1e-15  # what float64 rounds off
KINK = torch.tensor([-1e-9, 0, 1e-9], dtype=torch.float64)  # where a ReLU bends


class Activations(InstantExperiment):
    """Draw ReLU, pReLU, sigmoid and tanh with their derivatives, and test what 4.1.2 claims."""

    breakable = ("functions",)

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
            "pReLU": partial(nn.prelu, alpha=self.alpha),
            "sigmoid": torch.sigmoid,
            "tanh": torch.tanh,
        }

    def answer(self) -> Iterator[Event]:
        """The curves and their slopes; then each sentence of 4.1.2 that has a number in it."""
        x, f = torch.from_numpy(np.arange(-self.limit, self.limit, self.step)), self.functions()
        y = {name: phi(x) for name, phi in f.items()}
        slope = {name: graphs.slope(phi, x) for name, phi in f.items()}
        around = {name: graphs.slope(phi, KINK) for name, phi in f.items()}
        jumps = ", ".join(f"{d[2] - d[0]:z.3g} ({name})" for name, d in around.items())
        ends = ", ".join(f"{d[0]:.3g} ({name})" for name, d in slope.items())
        for name, title, finding, lines, y_label in (
            ("values", "Activation functions", f"At 0 the slope jumps by {jumps}.", y, "f(x)"),
            ("derivatives", "Their derivatives", f"At x = {x[0]:g}: {ends}.", slope, "f′(x)"),
        ):
            yield Figure.lines(name, title, finding, x, lines, y_label=y_label)
        s = 1 / (1 + torch.exp(-x))  # (4.1.6)
        t = (1 - torch.exp(-2 * x)) / (1 + torch.exp(-2 * x))  # (4.1.8)
        apart = {
            "ReLU' is 1 above 0 and 0 below": (slope["ReLU"] - (x > 0).double())[x != 0],
            "ReLU' at 0": around["ReLU"][1],
            "sigmoid' = s(1 - s)": slope["sigmoid"] - s * (1 - s),
            "tanh' = 1 - tanh^2": slope["tanh"] - (1 - t**2),
            "tanh(x) + 1 = 2 sigmoid(2x)": y["tanh"] + 1 - 2 * f["sigmoid"](2 * x),
        }
        for name, off in apart.items():
            yield self.near(name, 0.0, float(off.abs().max()), EXACT, "words")
        leak = (slope["pReLU"] - torch.where(x > 0, 1, self.alpha))[x != 0]
        yield self.near("pReLU' is 1 or alpha", 0.0, float(leak.abs().max()), EXACT)
        for name, top in (("sigmoid", 0.25), ("tanh", 1.0)):
            largest = max(slope[name].max(), around[name][1])
            yield self.near(f"largest {name}'", top, float(largest), EXACT, "figure")
