"""What the experiments of 4.5 share: linear nets, data sets with more weights than points."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ml import draws, fields
from ml.data.synthetic import linear
from ml.events import Figure, Floats, Role
from ml.grid import Grid, band
from ml.lanes import NO_ROWS, Lane
from ml.nn import MLP, gaussian, zeros
from ml.optim import SGD
from ml.train import Training
from ml.trains import TrainingExperiment

WEIGHT, BIAS = 0.01, 0.05  # of the truth (4.5.4)
DECAYS = (0.0, *np.geomspace(0.03, 30, 10).tolist())


class LinearRegression(TrainingExperiment):
    """One that fits linear nets to made-up data sets: they repeat, whatever else is varied."""

    start: ClassVar[float] = 1.0  # standard deviation of the first weights (4.5.3)

    num_inputs: fields.NumInputs = 200
    num_train: Annotated[fields.NumTrain, Field(le=5000)] = 20
    num_test: Annotated[fields.NumTest, Field(le=5000)] = 100
    noise: fields.Noise = 0.01
    num_seeds: Annotated[fields.NumSets, Field(le=20)] = 5
    lr: fields.Lr = 0.003
    batch_size: Annotated[fields.BatchSize, Field(le=5000)] = 5
    num_epochs: Annotated[fields.NumEpochs, Field(le=2000)] = 100

    @property
    def parts(self) -> tuple[int, ...]:
        """Points to learn from and to be tested on; between them may be some to choose by."""
        return self.num_train, self.num_test

    @property
    def truth(self) -> Floats:
        """The weights that the points are drawn with: (d,)."""
        return np.full(self.num_inputs, WEIGHT)

    @cached_property
    def sets(self) -> list[tuple[Tensor, Tensor]]:
        """The data sets, each from a seed of its own: X (n, d) and y (n, 1) of all parts."""
        seeds, size = draws.each(self.seed, self.num_seeds), sum(self.parts)
        points = [linear(size, self.truth, BIAS, self.noise, seed) for seed in seeds]
        return [
            (torch.from_numpy(each.X).float(), torch.from_numpy(each.y).float()[:, None])
            for each in points
        ]

    def linear(
        self, key: str, setting: str, i: int, *, optimizer: Any = SGD, **lane: Any
    ) -> Training:
        """A linear net on data set i; start and order follow from its seed, not the setting."""
        train, *choosing, test = torch.arange(sum(self.parts)).split([*self.parts])
        rows = [*choosing, test] if choosing else [test, NO_ROWS]
        usual: dict[str, Any] = {
            "label": f"{setting}, data set {i + 1}",
            "setting": setting,
            "lr": self.lr,
            "seed": draws.nth(self.seed, i),
        }
        usual |= {"train": train, "valid": rows[0], "test": rows[1]}
        net = MLP((self.num_inputs, 1), init=gaussian(self.start), bias_init=zeros)
        kind = {"optimizer": optimizer, "judged_on": "valid" if choosing else "test"}
        return self.training(key, *self.sets[i], [Lane(**usual | lane)], net, **kind)


class NoisyRegression(LinearRegression):
    """The same with so much noise that too little decay hurts, and too much: a path of lambda."""

    start: ClassVar[float] = 0.0  # so that what is in the weights was learnt

    num_inputs: Annotated[fields.NumInputs, Field(le=200)] = 200
    num_train: Annotated[fields.NumTrain, Field(le=500)] = 100
    num_test: Annotated[fields.NumTest, Field(le=1000)] = 1000
    noise: fields.Noise = 0.1
    num_seeds: Annotated[fields.NumSets, Field(le=10)] = 5
    lr: fields.Lr = 0.01
    batch_size: Annotated[fields.BatchSize, Field(le=500)] = 20
    num_epochs: Annotated[fields.NumEpochs, Field(le=1000)] = 200

    @property
    def asked(self) -> None:
        """The best setting is the answer."""

    @property
    def grid(self) -> Grid:
        """Every lambda on every data set."""
        return Grid({"λ": DECAYS, "data set": range(self.num_seeds)})

    def trainings(self) -> Iterator[Training]:
        """A linear net for each lambda and data set."""
        for decay, i in self.grid:
            yield self.linear("path", f"λ {decay:.3g}", i, weight_decay=decay)


def along(
    name: str,
    title: str,
    finding: str,
    decays: tuple[float, ...],
    values: Mapping[str, Floats],
    **axes: Any,
) -> Figure:
    """Means and intervals of values (lambdas, data sets) against lambda, 0 at its left end."""
    x = np.array([decays[1] / 3, *decays[1:]])  # the axis is logarithmic
    roles: dict[str, Role] = {"train": "train", "test": "valid"}
    lines = [band(label, x, each, role=roles.get(label, "")) for label, each in values.items()]
    axes |= {"x_label": "λ, its leftmost point 0", "x_scale": "log"}
    return Figure(name, title, finding, (*lines,), **axes)
