"""4.1 Universal approximation: a wider hidden layer comes closer to a function."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ml import draws
from ml.device import best_device
from ml.events import Check, Checkpoint, Event, Figure, Role, Series, Table
from ml.experiment import Device, Experiment, Preset
from ml.lanes import Lane, Lanes
from ml.losses import squared_loss
from ml.nn import mlp
from ml.optim import Adam
from ml.train import Fitted, Progress, Training, fit, started

TARGETS: dict[str, Callable[[Tensor], Tensor]] = {
    "sine": lambda x: torch.sin(torch.pi * x),
    "bumps": lambda x: torch.exp(-8 * (x - 1) ** 2) - torch.exp(-8 * (x + 1) ** 2),
    "step": lambda x: (x > 0).float(),
}
POINTS, LIMIT = 256, 2.0
ROLES: tuple[Role, ...] = ("c3", "c4", "c5")
TENFOLD = 0.1  # the widest net's loss of the narrowest's, at most
ENOUGH, STARTS = 200, 3  # epochs, and starts of which the median is taken


class Approximation(Experiment):
    """Learn a function of one variable with hidden layers of growing width, several starts each."""

    section: ClassVar[str] = "4.1"
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("underfit", "Underfit", "Two units bend the line twice.", {"widths": [1, 2]}),
        Preset("right", "Wider and wider", "From one hidden unit to 64.", {}),
        Preset("bumps", "Bumps", "Flat but for two bumps.", {"target": "bumps"}),
    )
    verifies: ClassVar[tuple[dict[str, Any], ...]] = ({}, {"target": "bumps"})

    name: Literal["approximation"] = "approximation"
    target: Literal["sine", "bumps", "step"] = Field(
        "sine", description="The function to come close to.", json_schema_extra={"group": "Data"}
    )
    widths: tuple[Annotated[int, Field(ge=1, le=512)], ...] = Field(
        (1, 4, 16, 64), min_length=1, max_length=8, strict=False,
        description="Hidden units of each group of nets.",
        json_schema_extra={"group": "Network", "symbol": "h"},
    )  # fmt: skip
    activation: Literal["relu", "tanh", "sigmoid"] = Field(
        "relu", description="The activation function.", json_schema_extra={"group": "Network"}
    )
    num_seeds: int = Field(
        5, ge=1, le=50, title="Starts", description="Random starts of each width, side by side.",
        json_schema_extra={"group": "Training"},
    )  # fmt: skip
    lr: float = Field(
        0.01, gt=0, le=1, description="Learning rate of Adam.",
        json_schema_extra={"group": "Training", "symbol": "η"},
    )  # fmt: skip
    num_epochs: int = Field(
        300, ge=1, le=5000, description="Passes over the 256 points.",
        json_schema_extra={"group": "Training"},
    )  # fmt: skip
    device: Device = "auto"

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:
        """A group of lanes for each width; then the losses over the widths."""
        x = torch.linspace(-LIMIT, LIMIT, POINTS)[:, None]
        y = TARGETS[self.target](x)
        widths = sorted(set(self.widths))
        trainings = [self.training(width, x, y) for width in widths]
        yield from started(trainings)
        progress = Progress(resume)
        fitted = []
        for training in trainings:
            one = yield from fit(training, progress)
            fitted.append(one)
        losses = np.stack([one.curve[-1, 0].astype(float) for one in fitted])  # (widths, seeds)
        yield self.fits(x, y, widths, fitted, losses)
        yield fallen(widths, losses)
        yield Table(
            "losses", "Halved squared loss", ("hidden units", "least", "median", "largest"),
            tuple(
                (width, float(row.min()), float(np.median(row)), float(row.max()))
                for width, row in zip(widths, losses, strict=True)
            ),
        )  # fmt: skip
        yield from self.claims(widths, np.median(losses, axis=1))

    def training(self, width: int, x: Tensor, y: Tensor) -> Training:
        """One lane a start."""
        rows = torch.arange(POINTS)
        lanes = [
            Lane(label=f"{width} units, start {i + 1}", train=rows, valid=rows[:0], lr=self.lr, seed=draws.nth(self.seed, i))  # noqa: E501
            for i in range(self.num_seeds)
        ]  # fmt: skip
        return Training(
            key=f"{width} units", lanes=Lanes.of(lanes), X=x, y=y, loss=squared_loss,
            measure=squared_loss, measured="squared_loss", optimizer=Adam,
            net=lambda given: mlp(given, (1, width, 1), activation=self.activation),
            num_epochs=self.num_epochs, batch_size=64, device=best_device(self.device),
        )  # fmt: skip

    def claims(self, widths: list[int], medians: np.ndarray) -> Iterator[Check]:
        """The error falls with the number of hidden units, where the nets had time to learn."""
        own = {"widths", "target", "num_epochs", "num_seeds", "seed", "device"}
        usual = self == type(self)(**self.model_dump(include=own))
        sure = self.num_epochs >= ENOUGH and self.num_seeds >= STARTS and self.target != "step"
        if not (usual and sure and widths[0] == 1 and widths[-1] >= 64):
            return
        ratio = float(medians[-1] / medians[0])
        text = f"median loss of {widths[-1]} hidden units over that of {widths[0]}"
        yield Check.at_most(self.section, text, TENFOLD, ratio)
        if tuple(widths) == Approximation.model_fields["widths"].default:
            worst = float((medians[1:] / medians[:-1]).max())
            yield Check.at_most(self.section, "each width's median loss over the one before", 1.0, worst)  # fmt: skip # noqa: E501

    @torch.no_grad()
    def fits(
        self, x: Tensor, y: Tensor, widths: list[int], fitted: list[Fitted], losses: np.ndarray
    ) -> Figure:
        """The best start of the narrowest, a middle and the widest."""
        shown = sorted({0, len(widths) // 2, len(widths) - 1})
        lines = []
        for place, role in zip(shown, ROLES, strict=False):
            net = fitted[place].net.cpu()
            answers = net(x.expand(self.num_seeds, -1, -1))[int(losses[place].argmin()), :, 0]
            lines.append(
                Series(
                    f"{widths[place]} units",
                    x[:, 0].double().numpy(),
                    answers.double().numpy(),
                    role,
                )
            )
        return Figure(
            "fits", "The best of each width",
            f"The best loss is {losses[0].min():.2g} at width {widths[0]} and"
            f" {losses[-1].min():.2g} at width {widths[-1]}.",
            (Series("truth", x[:, 0].double().numpy(), y[:, 0].double().numpy(), "book"), *lines),
            y_label="f(x)",
        )  # fmt: skip


def fallen(widths: list[int], losses: np.ndarray) -> Figure:
    """Loss over width: every start, and the median."""
    x, medians = np.array(widths, dtype=np.float64), np.median(losses, axis=1)
    each = np.repeat(x, losses.shape[1])
    return Figure(
        "widths", "Loss by number of hidden units",
        f"The median loss goes from {medians[0]:.2g} at width {widths[0]} to"
        f" {medians[-1]:.2g} at width {widths[-1]}.",
        (
            Series("median", x, medians, "c3"),
            Series("starts", each, losses.ravel(), "c4", "markers"),
        ),
        x_label="hidden units", y_label="halved squared loss", x_scale="log", y_scale="log",
    )  # fmt: skip
