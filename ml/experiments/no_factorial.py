"""4.4 Without 1/i!: the features explode, SGD diverges beside lanes that were helped."""

from collections.abc import Iterator
from functools import cached_property
from math import factorial
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field

from ml import fields, polynomials
from ml.events import Event, Figure, Floats, Table
from ml.experiment import Preset
from ml.lanes import Lane
from ml.nn import MLP
from ml.polynomials import Points
from ml.trains import Fits, Training, TrainingExperiment
from ml.verdict import judge

RAW, BOOK, SMALL, SCALED = "xⁱ", "xⁱ / i!", "xⁱ, small lr", "(x / max |x|)ⁱ"
ORTHOGONAL = "orthonormal"


class NoFactorial(TrainingExperiment):
    """Drop the 1/i! of the polynomial's features: training diverges, and three remedies."""

    asked: ClassVar[str] = RAW
    breakable = ("powers", "bearable")
    presets = (
        Preset("remedies", "Five ways", "The book's features, none, and three remedies.", {}),
        Preset("alone", "No remedy", "Bare powers only: it ends diverged.", {"remedies": False}),
        Preset("cubic", "A cubic", "Four bare powers stay finite.", {"num_features": 4}),
    )

    name: Literal["no_factorial"] = "no_factorial"
    remedies: bool = fields.own(
        True, "Data", "Remedies", "Also train with 1/i! and with each remedy, side by side."
    )
    num_features: Annotated[fields.NumFeatures, Field(ge=2)] = 20
    num_train: Annotated[
        fields.NumTrain,
        Field(ge=20, le=2000, description="Points to learn from, and as many to test on."),
    ] = 100
    noise: fields.Noise = 0.1
    lr: Annotated[
        fields.Lr, Field(description="Of SGD; the lane of a small lr takes what its features bear.")
    ] = 0.01
    batch_size: fields.BatchSize = 10
    num_epochs: fields.NumEpochs = 400

    @staticmethod
    def powers(x: Floats, count: int) -> Floats:
        """The bare monomials x^i for i below `count`: (n,) -> (n, count)."""
        return x[:, None] ** np.arange(count)

    @cached_property
    def points(self) -> Points:
        """Points to learn from, then as many to be tested on: (1, 2n), one data set."""
        return polynomials.draw(2 * self.num_train, self.noise, [self.seed])

    @cached_property
    def kinds(self) -> dict[str, tuple[Floats, float]]:
        """Each kind of features of all points, (2n, d), and its learning rate."""
        x, n, d = self.points.x, self.num_train, self.num_features
        raw = self.powers(x[0], d)
        kinds = {RAW: (raw, self.lr)}
        if self.remedies:
            kinds[BOOK] = polynomials.features(x[0], d), self.lr
            kinds[SMALL] = raw, self.bearable(raw[:n])
            kinds[SCALED] = self.powers(x[0] / np.abs(x[0, :n]).max(), d), self.lr
            # of the training points: the others are no longer orthogonal, and may be far outside
            kinds[ORTHOGONAL] = polynomials.orthonormal(x[:, :n], x, d - 1)[1][0] * n**0.5, self.lr
        return kinds

    def bearable(self, X: Floats) -> float:
        """A learning rate at which no point alone throws SGD out: below 2 / |x|² of each."""
        return min(self.lr, float(1 / (X**2).sum(axis=1).max()))

    def trainings(self) -> Iterator[Training]:
        """A linear net for each kind of features, on the same points in the same order."""
        train, test = torch.arange(2 * self.num_train).chunk(2)
        net = MLP((self.num_features, 1), bias=False)
        for kind, (X, lr) in self.kinds.items():
            lane = Lane(label=kind, setting=kind, train=train, valid=test, lr=lr, seed=self.seed)
            yield self.training("features", X, self.points.y[0], [lane], net, judged_on="test")

    def opening(self) -> Iterator[Event]:
        """The largest size of each feature on the training points."""
        last, n = self.num_features - 1, self.num_train
        largest = {kind: np.abs(X[:n]).max(axis=0) for kind, (X, _) in self.kinds.items()}
        largest.pop(SMALL, None)  # the same features as the bare ones
        reached = largest[RAW][-1]
        yield Figure.lines(
            "features",
            "The largest value of each feature",
            f"Feature {last} reaches {reached:.3g} without 1/i! and {reached / factorial(last):.3g}"
            " with it.",
            np.arange(last + 1.0),
            largest,
            x_label="i",
            y_label="largest |feature|",
            y_scale="log",
        )

    def results(self, fits: Fits) -> Iterator[Event]:
        """Where each kind of features ended, and exercise 3 of 4.4 at its own settings."""
        yield judge(fits.at(RAW), floor=self.noise**2 / 2)
        train = dict(zip(self.kinds, fits.metric("train").T, strict=True))
        last, test = fits.last("train"), fits.last("valid")
        end, best = {kind: ended(line) for kind, line in train.items()}, int(np.nanargmin(last))
        columns: dict[str, Any] = {
            "features": [*self.kinds],
            "lr": [lr for _, lr in self.kinds.values()],
            "train": last,
            "test": test,
            "ended": [*end.values()],
        }
        yield Table.of(
            "ends",
            "Losses at the end",
            columns,
            f"Least training loss: {[*self.kinds][best]}, with a test loss of {test[best]:.3g}; the"
            f" noise alone costs {self.noise**2 / 2:g}.",
        )
        if not self.matches():
            return
        for kind, wanted in ((RAW, "diverged"), (BOOK, "finite"), (SMALL, "finite")):
            name = f"{kind}: training is {wanted}"
            yield self.holds(name, wanted, end[kind], end[kind].startswith(wanted))
        for kind in (BOOK, ORTHOGONAL):
            yield self.at_most(f"{kind}: training loss", 0.05, train[kind][-1])
        fell = train[SCALED][-1] / train[SCALED][0]
        yield self.at_most(f"{SCALED}: training loss over its first", 0.1, fell)
        yield self.at_least(f"{SMALL}: training loss, hardly learnt", 1, train[SMALL][-1])


def ended(line: Floats) -> str:
    """Whether a curve (E,) stayed finite, or the epoch at which it no longer did."""
    lost = ~np.isfinite(line)
    return f"diverged at epoch {int(lost.argmax()) + 1}" if lost.any() else "finite"
