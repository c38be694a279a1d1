"""4.5 L1 instead of L2: the proximal step clears weights to exactly 0, the subgradient does not."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field
from torch import Tensor

from ml import fields
from ml.events import Event, Figure, Floats
from ml.experiment import Preset
from ml.grid import Grid
from ml.optim import ByRule, proximal, shrinking, subgradient
from ml.regression import NoisyRegression, along
from ml.trains import Fits, Training
from ml.verdict import judge

NUM_VALID = 200
DECAYS = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


class Sparsity(NoisyRegression):
    """Penalise sum |w| instead of sum w²: count the weights that are exactly 0."""

    start = 0.01
    rules: ClassVar[dict[str, Callable[..., Tensor]]] = {
        "L1 proximal": proximal,
        "L1 subgradient": subgradient,
        "L2": shrinking,
    }
    presets = (
        Preset("sparse", "Few matter", "Five inputs of a hundred matter: L1's own case.", {}),
        Preset("dense", "All matter", "Nothing should be cleared.", {"relevant": 100}),
    )
    breakable = ("rules",)

    name: Literal["sparsity"] = "sparsity"
    relevant: Annotated[
        int,
        fields.knob(
            "Data", "Inputs that matter", "Inputs whose true weight is not 0.", ge=1, le=100
        ),
    ] = 5
    num_inputs: Annotated[fields.NumInputs, Field(ge=100, le=200)] = 100
    num_train: Annotated[fields.NumTrain, Field(le=1000)] = 60
    num_test: Annotated[fields.NumTest, Field(le=1000)] = 200
    num_epochs: Annotated[fields.NumEpochs, Field(le=2000)] = 300

    @property
    def parts(self) -> tuple[int, ...]:
        """Points to learn from, to choose lambda by, and to be tested on."""
        return self.num_train, NUM_VALID, self.num_test

    @property
    def truth(self) -> Floats:
        """The first weights share a length of 1 with changing sign, the others are 0: (d,)."""
        i = np.arange(self.num_inputs)
        return np.where(i < self.relevant, (-1.0) ** i / self.relevant**0.5, 0.0)

    @property
    def grid(self) -> Grid:
        """Every rule along the path of lambda, on each data set."""
        return Grid({"rule": [*self.rules], "λ": DECAYS, "data set": range(self.num_seeds)})

    def trainings(self) -> Iterator[Training]:
        """A linear net for each of them, from weights near 0."""
        steps = {name: partial(ByRule, rule=rule) for name, rule in self.rules.items()}
        for rule, decay, i in self.grid:
            setting = f"{rule}, λ {decay:g}"
            yield self.linear(rule, setting, i, optimizer=steps[rule], weight_decay=decay)

    def results(self, fits: Fits) -> Iterator[Event]:
        """Zeros along the path, weights at the lambda that is chosen; exercise 3 of 4.5."""
        weights = fits.parameter("0.weight")[..., 0].reshape(*self.grid.shape, -1)
        zeros = (weights == 0).sum(-1).astype(float)  # (rules, lambdas, data sets)
        valid, test = (self.grid.fold(fits.last(name)) for name in ("valid", "test"))
        at = np.nan_to_num(valid, nan=np.inf).mean(2).argmin(1)
        chosen = (np.arange(len(at)), at)  # of each rule
        settings = [f"{rule}, λ {DECAYS[k]:g}" for rule, k in zip(self.rules, at, strict=True)]
        losses, most = test[chosen].mean(1), zeros.max((1, 2))
        yield judge(fits.at(settings[0]), beside=fits.at(settings[-1]))
        yield along(
            "zeros",
            "Weights that are exactly 0",
            f"Of {self.num_inputs} weights L1 proximal clears up to {most[0]:.0f}, L1 subgradient"
            f" {most[1]:.0f} and L2 {most[2]:.0f}.",
            DECAYS,
            dict(zip(self.rules, zeros, strict=True)),
            y_label="weights",
        )
        yield Figure.lines(
            "weights",
            "Weights at the λ of each rule that validation chooses, first data set",
            f"The mean test loss is {losses[0]:.3g} by L1 proximal, {losses[1]:.3g} by L1"
            f" subgradient, {losses[2]:.3g} by L2; the noise alone costs {self.noise**2 / 2:.3g}.",
            np.arange(float(self.num_inputs)),
            {"truth": self.truth} | dict(zip(settings, weights[chosen][:, 0], strict=True)),
            mode="markers",
            x_label="input",
            y_label="weight",
        )
        yield self.grid.ends("path", "Along λ", {"zeros": zeros, "valid": valid, "test": test})
        if not self.matches():
            return
        kept = (weights[0, at[0], :, : self.relevant] != 0).sum(1)
        cleared = zeros[0, at[0]].mean()
        yield self.at_least("zeros by L1 at its best λ, of 95", 50, cleared, "words")
        yield self.equal("inputs that matter kept by L1 at its best λ", self.relevant, kept.min())
        yield self.equal("zeros without penalty", 0, zeros[0, 0].max())
        yield self.equal("most zeros by L1 subgradient", 0, most[1])
        yield self.equal("most zeros by L2", 0, most[2])
        yield self.at_most("best test loss of L1 over that of L2", 0.5, losses[0] / losses[2])
