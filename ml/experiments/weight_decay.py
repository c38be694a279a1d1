"""4.5 Weight decay: 200 inputs, 20 points, with and without a penalty on the weights."""

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import nn

from ml import draws
from ml.data.synthetic import linear
from ml.device import best_device
from ml.events import Check, Checkpoint, Event, Figure, Series, Table
from ml.experiment import Device, Experiment, Preset
from ml.lanes import Lane, Lanes
from ml.losses import squared_loss
from ml.nn import gaussian, mlp
from ml.optim import SGD, Optimizer
from ml.train import Fitted, Progress, Training, fit, started
from ml.verdict import judge

WEIGHT, BIAS = 0.01, 0.05  # of the truth (4.5.4)
NORMS = {
    0.0: (13.259391, 1.8),
    3.0: (0.382491, 0.04),
}  # |w| as printed; seen over 5 seeds: 12.8-15
# test losses, seen from 70 to 96 and from 0.058 to 0.149. Without decay (d - n) / 2 is expected:
# 20 points leave 180 directions as they began. 22 is three standard errors of a mean of 5.
TESTS = {0.0: (90.0, 22.0), 3.0: (0.1035, 0.0455)}


class WeightDecay(Experiment):
    """Fit 200 weights to 20 points with and without weight decay, five times side by side."""

    section: ClassVar[str] = "4.5"
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("book", "The book's", "20 points for 200 weights; lambda is 3.", {}),
        Preset("underfit", "Underfit", "Nothing is learnt.", {"weight_decay": 100.0}),
        Preset("data", "More data", "1,000 points need no decay at all.", {"num_train": 1000}),
    )  # fmt: skip

    name: Literal["weight_decay"] = "weight_decay"
    weight_decay: float = Field(
        3.0, ge=0, le=600, title="Weight decay",
        description="Lambda of the second half of the runs; the first half has none.",
        json_schema_extra={"group": "Training", "symbol": "λ"},
    )  # fmt: skip
    num_inputs: int = Field(
        200, ge=1, le=1000, title="Inputs", description="Weights to learn; each is truly 0.01.",
        json_schema_extra={"group": "Data", "symbol": "d"},
    )  # fmt: skip
    num_train: int = Field(
        20, ge=2, le=5000, title="Training points", description="Points to learn from.",
        json_schema_extra={"group": "Data", "symbol": "n"},
    )  # fmt: skip
    num_test: int = Field(
        100, ge=2, le=5000, title="Test points", description="Points to be tested on.",
        json_schema_extra={"group": "Data"},
    )  # fmt: skip
    noise: float = Field(
        0.01, ge=0, le=10, description="Standard deviation of the noise on y.",
        json_schema_extra={"group": "Data", "symbol": "σ"},
    )  # fmt: skip
    num_seeds: int = Field(
        5, ge=1, le=20, title="Repetitions",
        description="Data sets and starts, each learnt with and without decay.",
        json_schema_extra={"group": "Data"},
    )  # fmt: skip
    lr: float = Field(
        0.003, gt=0, le=10, title="Learning rate", description="Learning rate of SGD.",
        json_schema_extra={"group": "Training", "symbol": "η"},
    )  # fmt: skip
    batch_size: int = Field(
        5, ge=1, le=5000, description="Points a step.", json_schema_extra={"group": "Training"}
    )
    num_epochs: int = Field(
        100, ge=1, le=2000, title="Epochs", description="Passes over the training points.",
        json_schema_extra={"group": "Training"},
    )  # fmt: skip
    device: Device = "auto"

    @property
    def label(self) -> str:
        """How strong the decay is, on how much data."""
        return f"λ {self.weight_decay:g}, {self.num_train} points, {self.num_inputs} inputs"

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:
        """Train each data set twice, measure the weights, set them beside the book's."""
        training = self.training()
        yield from started([training])
        fitted = yield from fit(training, Progress(resume))
        weight = fitted.net[0].weight.detach().cpu().double()  # type: ignore[index]
        norms = weight.flatten(1).norm(dim=1).numpy().reshape(2, -1)  # (lambda, seed)
        yield judge(fitted.curve[:, :, self.num_seeds :], "squared_loss")
        losses = fitted.curve[-1].astype(float).reshape(2, 2, -1)  # (part, lambda, seed)
        yield self.drawn(fitted)
        yield self.tabled(norms, losses)
        yield from self.claims(norms, losses)

    def training(self) -> Training:
        """Every data set once without and once with decay: 2 x num_seeds lanes."""
        n, m = self.num_train, self.num_test
        truth = np.full(self.num_inputs, WEIGHT)
        sets = [
            linear(n + m, truth, BIAS, self.noise, draws.nth(self.seed, i))
            for i in range(self.num_seeds)
        ]
        lanes = [
            Lane(
                label=f"λ {decay:g}{' again' * again}, data set {i + 1}",
                train=torch.arange(n) + (n + m) * i, valid=torch.arange(n, n + m) + (n + m) * i,
                lr=self.lr, weight_decay=decay, seed=draws.nth(self.seed, i),
            )
            for again, decay in enumerate((0.0, self.weight_decay))
            for i in range(self.num_seeds)
        ]  # fmt: skip
        return Training(
            key="decay",
            lanes=Lanes.of(lanes),
            X=torch.from_numpy(np.concatenate([points.X for points in sets])).float(),
            y=torch.from_numpy(np.concatenate([points.y for points in sets])).float()[:, None],
            net=lambda stacked: linear_net(stacked, self.num_inputs),
            loss=squared_loss,
            measure=squared_loss,
            measured="squared_loss",
            optimizer=optimizer,
            num_epochs=self.num_epochs,
            batch_size=self.batch_size,
            device=best_device(self.device),
        )

    # ---- what is said of it

    def drawn(self, fitted: Fitted) -> Figure:
        """Mean losses over the epochs, with decay and without."""
        curve = fitted.curve.astype(float).reshape(len(fitted.curve), 2, 2, -1).mean(axis=3)
        epochs = np.arange(1, len(curve) + 1, dtype=float)
        (train, plain), (decayed_train, decayed) = curve[-1].T
        decay = f"λ {self.weight_decay:g}"
        return Figure(
            "losses", "Losses with and without weight decay",
            f"Without decay the training loss ends at {train:.3g} and the test loss at {plain:.3g};"
            f" with {decay} at {decayed_train:.3g} and {decayed:.3g}.",
            (
                Series("train, λ 0", epochs, curve[:, 0, 0], "c3"),
                Series("test, λ 0", epochs, curve[:, 1, 0], "c4"),
                Series(f"train, {decay}", epochs, curve[:, 0, 1], "train"),
                Series(f"test, {decay}", epochs, curve[:, 1, 1], "valid"),
            ),
            x_label="epoch", y_label="halved squared loss", y_scale="log",
        )  # fmt: skip

    def tabled(self, norms: NDArray[np.float64], losses: NDArray[np.float64]) -> Table:
        """Length of the weights and both losses of each run."""
        rows = [
            (f"{decay:g}", str(i + 1), float(norms[k, i]), *losses[:, k, i].tolist())
            for k, decay in enumerate((0.0, self.weight_decay))
            for i in range(self.num_seeds)
        ]
        return Table(
            "norms", "Length of the weights", ("λ", "data set", "‖w‖", "train", "test"),
            tuple(rows),
            f"The truth has {WEIGHT * self.num_inputs**0.5:.4g}; the decay alone would leave"
            f" {self.decayed:.4g} of a start that is N(0, 1). The book prints 13.26 and, concise,"
            " 15.01 for λ 0, and 0.3825 for λ 3.",
        )  # fmt: skip

    @property
    def decayed(self) -> float:
        """Length of d standard normal weights after as many shrinkings by 1 - lr lambda."""
        steps = self.num_epochs * -(-self.num_train // self.batch_size)
        return float(
            self.num_inputs**0.5 * abs(1 - self.lr * self.weight_decay) ** min(steps, 10_000)
        )

    def claims(self, norms: NDArray[np.float64], losses: NDArray[np.float64]) -> Iterator[Check]:
        """The figures of 4.5.3, for its own settings only."""
        if self != WeightDecay(seed=self.seed, device=self.device):
            return
        for k, decay in enumerate((0.0, self.weight_decay)):
            norm, test = float(norms[k].mean()), float(losses[1, k].mean())
            yield Check.near(
                self.section, f"mean ‖w‖, λ {decay:g}", NORMS[decay][0], norm, NORMS[decay][1]
            )
            yield Check.near(
                self.section, f"mean test loss, λ {decay:g}", TESTS[decay][0], test, TESTS[decay][1]
            )
        yield Check.near(
            self.section, "‖w‖ by the decay alone, λ 3", self.decayed, float(norms[1].mean()), 0.03
        )
        for name, lower, higher in (
            ("training loss increases with decay", losses[0, 0], losses[0, 1]),
            ("test loss decreases with decay", losses[1, 1], losses[1, 0]),
        ):
            least = float((higher - lower).min())
            yield Check.above(self.section, f"{name}: least change", 0, least)


def linear_net(lanes: Lanes, num_inputs: int) -> nn.Module:
    """One affine map a lane, its weights N(0, 1) and its bias 0 (4.5.3)."""
    net = mlp(lanes, (num_inputs, 1), init=gaussian(1))
    nn.init.zeros_(net[0].bias)  # type: ignore[arg-type]  # a parameter
    return net


def optimizer(net: nn.Module, lanes: Lanes) -> Optimizer:
    """SGD that shrinks the weights, not the bias, by 1 - lr lambda before each step (4.5.3)."""
    return SGD(net, lanes)
