"""4.4 K-fold cross-validation: the degree of a polynomial, chosen without a test set."""

from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ml import draws, fields, polynomials
from ml.events import Check, Event, Figure, Floats, Table
from ml.experiment import InstantExperiment, Preset
from ml.grid import medians
from ml.lanes import k_fold
from ml.polynomials import DEGREE, Rows

NUM_TEST = 200  # points to see whether the choice was good
Folds = list[tuple[Rows, Rows]]


class KFold(InstantExperiment):
    """Choose a polynomial's degree by K folds of few points, on many data sets."""

    breakable = ("folds", "over_folds")
    presets = (
        Preset("five", "Five folds", "Enough points to find the cubic.", {}),
        Preset("one_out", "All but one", "As many folds as points.", {"k": 20, "num_train": 20}),
        Preset("noisy", "Noise", "Data sets disagree on the degree.", {"noise": 5.0}),
    )

    name: Literal["k_fold"] = "k_fold"
    k: fields.K = 5
    max_degree: int = fields.own(
        9, "Model", "Highest degree", "Degrees 0 to this one are candidates.", ge=1, le=9
    )
    num_train: Annotated[
        fields.NumTrain, Field(ge=20, le=100, description="Points that are split into folds.")
    ] = 40
    noise: Annotated[fields.Noise, Field(ge=0.001)] = 0.1
    num_sets: fields.NumSets = 20

    def answer(self) -> Iterator[Event]:
        """Solve each degree on each fold exactly, choose, refit on all points, and test."""
        seeds = draws.each(self.seed, self.num_sets)
        points = polynomials.draw(self.num_train + NUM_TEST, self.noise, seeds)
        folds = self.folds(self.num_train, self.k)
        each = np.stack(
            [polynomials.exact_losses(points, *fold, self.max_degree) for fold in folds]
        )
        train, valid = self.over_folds(each)
        all_rows, new = np.split(np.arange(self.num_train + NUM_TEST), [self.num_train])
        _, test = polynomials.exact_losses(points, all_rows, new, self.max_degree)
        yield self.degrees(train, valid, test)
        yield self.choices(train, valid, test)
        yield from self.split_claims(folds)
        fits = [np.square(points.y[:, v] - points.y[:, t].mean(1, keepdims=True)) for t, v in folds]
        by_hand = np.mean([fit.mean(axis=1) / 2 for fit in fits], axis=0)
        away = np.abs(valid[:, 0] / by_hand - 1).max()
        yield self.at_most("K folds of degree 0, by hand: largest relative error", 1e-9, away)
        if self.matches():
            yield from self.choice_claims(train, valid, test)

    @staticmethod
    def folds(n: int, k: int) -> Folds:
        """Rows to learn from and rows to validate on, of each fold."""
        return [(train.numpy(), valid.numpy()) for train, valid in k_fold(n, k)]

    @staticmethod
    def over_folds(each: Floats) -> Floats:
        """What K folds say together: (K, part, set, degree) -> (part, set, degree)."""
        mean: Floats = each.mean(axis=0)
        return mean

    def degrees(self, train: Floats, valid: Floats, test: Floats) -> Figure:
        """Losses for each degree: medians and quartiles over the data sets."""
        degree, middle = np.arange(self.max_degree + 1.0), np.median(valid, axis=0)
        best = int(middle.argmin())
        return Figure(
            "degrees",
            f"Loss by {self.k} folds against degree",
            f"Medians of {self.num_sets} data sets: training loss only falls, to"
            f" {np.median(train[:, -1]):.3g}; validation loss is least at degree {best},"
            f" {middle[best]:.3g}, where test loss, refit on all points, is"
            f" {np.median(test[:, best]):.3g}.",
            (
                medians("train", degree, train, "train"),
                medians("valid", degree, valid, "valid"),
                medians("test", degree, test),
            ),
            x_label="degree",
            y_label="squared loss",
            y_scale="log",
        )

    def choices(self, *losses: Floats) -> Table:
        """How often each degree is chosen by training loss, by K folds, and by the oracle."""
        most = self.max_degree + 1
        names = ("by training loss", f"by {self.k} folds", "by the test points")
        chosen = [np.bincount(loss.argmin(axis=1), minlength=most).astype(float) for loss in losses]
        return Table.of(
            "choices",
            f"Which degree is chosen, of {self.num_sets} data sets",
            {"degree": [*map(str, range(most))]} | dict(zip(names, chosen, strict=True)),
            "The last column is an oracle's: it looks at points that only new data can bring.",
        )

    def split_claims(self, folds: Folds) -> Iterator[Check]:
        """What 4.4.2 says of the K subsets."""
        times = np.bincount(np.concatenate([rows for _, rows in folds]), minlength=self.num_train)
        once = float(np.abs(times - 1).max())
        yield self.near("each point validates once: |times - 1|", 0, once, 0, "words")
        shared = sum(len(np.intersect1d(*fold)) for fold in folds)
        yield self.near("points that train and validate", 0, shared, 0, "words")

    def choice_claims(self, train: Floats, valid: Floats, test: Floats) -> Iterator[Check]:
        """What they are for."""
        highest = float(np.mean(train.argmin(axis=1) == self.max_degree))
        yield self.near("training loss takes the highest degree", 1, highest, 0)
        ours = valid.argmin(axis=1)
        usual = int(np.bincount(ours).argmax())
        yield self.near("degree that K folds choose most often", DEGREE, usual, 0)
        chosen = test[np.arange(self.num_sets), ours]
        name = "median test loss of the choice over that of the highest degree"
        yield self.at_most(name, 0.5, float(np.median(chosen) / np.median(test[:, -1])))
