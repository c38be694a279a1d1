"""4.1 Universal approximation: a wider hidden layer comes closer to a function."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ml import draws, fields
from ml.events import Event, Figure, Floats, Series, Table
from ml.experiment import Preset
from ml.lanes import Lane
from ml.nn import MLP
from ml.optim import Adam
from ml.trains import Fits, Training, TrainingExperiment

POINTS = torch.linspace(-2, 2, 511)[:, None]  # every other one is learnt, from end to end
TARGETS: dict[str, Callable[[Tensor], Tensor]] = {
    "sine": lambda x: torch.sin(torch.pi * x),
    "bumps": lambda x: torch.exp(-8 * (x - 1) ** 2) - torch.exp(-8 * (x + 1) ** 2),
    "step": lambda x: (x > 0).float(),
}
WIDTHS, COUNT = (1, 4, 16, 64), {"min_length": 1, "max_length": 8}
Width = Annotated[int, Field(ge=1, le=512)]
ENOUGH, STARTS = 200, 3  # epochs, and starts of which the median is taken


class Approximation(TrainingExperiment):
    """Learn a function of one variable with hidden layers of growing width, several starts each."""

    presets = (
        Preset("underfit", "Underfit", "Two units bend the line twice.", {"widths": [1, 2]}),
        Preset("right", "Wider and wider", "From one hidden unit to 64.", {}),
        Preset("bumps", "Bumps", "Flat but for two bumps.", {"target": "bumps"}),
    )
    verifies = ({}, {"target": "bumps"})
    breakable = ("net",)

    name: Literal["approximation"] = "approximation"
    target: Literal["sine", "bumps", "step"] = fields.own(
        "sine", "Data", "Target", "The function to come close to."
    )
    widths: tuple[Width, ...] = fields.own(
        WIDTHS, "Network", "Widths", "Hidden units of each net.", "h", strict=False, **COUNT
    )
    activation: fields.Activation = "relu"
    num_seeds: Annotated[
        fields.NumSeeds, Field(le=50, title="Starts", description="Random starts of each width.")
    ] = 5
    lr: Annotated[fields.Lr, Field(le=1, description="Learning rate of Adam.")] = 0.01
    num_epochs: Annotated[fields.NumEpochs, Field(le=5000)] = 300

    @property
    def settings(self) -> dict[int, str]:
        """The nets that are compared, by width, narrow ones first."""
        return {width: f"width {width}" for width in sorted({*self.widths})}

    def net(self, width: int) -> MLP:
        """One hidden layer."""
        return MLP((1, width, 1), self.activation)

    def trainings(self) -> Iterator[Training]:
        """Every width from several starts: learnt on 256 points, judged on those between."""
        y, rows = TARGETS[self.target](POINTS), torch.arange(len(POINTS))
        alike: dict[str, Any] = {"train": rows[::2], "valid": rows[1::2], "lr": self.lr}
        steps: dict[str, Any] = {"optimizer": Adam, "batch_size": 64}
        for width, setting in self.settings.items():
            lanes = [
                Lane(label=f"{setting}, start {i + 1}", setting=setting, seed=seed, **alike)
                for i, seed in enumerate(draws.each(self.seed, self.num_seeds))
            ]
            yield self.training(setting, POINTS, y, lanes, self.net(width), **steps)

    def results(self, fits: Fits) -> Iterator[Event]:
        """The loss by width between the points learnt: its median bears with one bad start."""
        widths = [*self.settings]
        losses = np.stack([fit.last("valid") for fit in fits])  # (widths, starts)
        least, median, largest = losses.min(1), np.median(losses, axis=1), losses.max(1)
        yield self.closest(fits, losses)
        x = np.array(widths, dtype=np.float64)
        yield Figure(
            "widths",
            "Loss by number of hidden units",
            f"The median loss goes from {median[0]:.2g} at width {widths[0]} to {median[-1]:.2g} at"
            f" width {widths[-1]}.",
            (
                Series("median", x, median, low=least, high=largest),
                Series("starts", x.repeat(self.num_seeds), losses.ravel(), mode="markers"),
            ),
            x_label="hidden units",
            y_label="halved squared loss",
            x_scale="log",
            y_scale="log",
        )
        columns = {"hidden units": x, "least": least, "median": median, "largest": largest}
        yield Table.of("losses", "Halved squared loss between the points learnt", columns)
        free = {n: getattr(self, n) for n in ("target", "widths", "num_seeds", "num_epochs")}
        learnt = self.num_epochs >= ENOUGH and self.num_seeds >= STARTS and self.target != "step"
        if self.matches(**free) and learnt and widths[0] == 1 and widths[-1] >= 64:
            name = f"median loss of {widths[-1]} hidden units over that of 1"
            yield self.at_most(name, 0.1, median[-1] / median[0])  # 0.003 to 0.07 over six seeds
            if self.widths == WIDTHS:
                worst = (median[1:] / median[:-1]).max()  # 0.21 to 0.94 over six seeds
                yield self.at_most("each width's median loss over the one before", 1.0, worst)

    @torch.no_grad()
    def closest(self, fits: Fits, losses: Floats) -> Figure:
        """The best start of the narrowest, a middle and the widest: losses (widths, starts)."""
        settings, x = [*self.settings.items()], POINTS[:, 0].double().numpy()
        lines = [Series("truth", x, TARGETS[self.target](POINTS)[:, 0].double().numpy(), "truth")]
        for place in sorted({0, len(settings) // 2, len(settings) - 1}):
            answers = fits[place].net.cpu()(POINTS.expand(self.num_seeds, -1, -1))
            best = answers[int(losses[place].argmin()), :, 0].double().numpy()
            lines.append(Series(settings[place][1], x, best, setting=settings[place][1]))
        (narrow, _), (wide, _) = settings[0], settings[-1]
        return Figure(
            "fits",
            "The best of each width",
            f"The best loss is {losses[0].min():.2g} at width {narrow} and {losses[-1].min():.2g}"
            f" at width {wide}.",
            tuple(lines),
            y_label="f(x)",
        )
