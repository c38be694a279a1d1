"""4.4 Model complexity: the exact fit of every degree, from too simple to through every point."""

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ml import draws, fields, polynomials
from ml.events import Check, Event, Figure, Floats, Table
from ml.experiment import InstantExperiment, Preset
from ml.polynomials import DEGREE, Points

NUM_TEST = 100  # points to be tested on, for each data set
TINY = 1e-20  # of the labels' mean square: a training loss below is 0 in float64


class PolynomialExact(InstantExperiment):
    """Solve polynomials of every degree exactly: training loss falls to 0, test loss goes wild."""

    presets = (
        Preset("underfit", "Underfit", "A line through a cubic, on any data.", {"degree": 1}),
        Preset("normal", "Just right", "The degree of the truth.", {"degree": 3}),
        Preset("overfit", "Overfit", "As many weights as points.", {"degree": 19}),
        Preset("exact", "No noise", "Only so can the error on new points be 0.", {"noise": 0.0}),
    )

    name: Literal["polynomial_exact"] = "polynomial_exact"
    degree: Annotated[fields.Degree, Field(description="Degree of the curve that is drawn.")] = 9
    num_train: Annotated[
        fields.NumTrain,
        Field(ge=4, le=40, description="Points to learn from; every degree below is solved."),
    ] = 20
    noise: fields.Noise = 0.1
    # the tails are long: the median of eleven sets still jumps
    num_sets: Annotated[
        fields.NumSets, Field(le=200, description="Data sets drawn; losses are their median.")
    ] = 101

    @cached_property
    def points(self) -> Points:
        """Of each data set n points to learn from, then those to be tested on: x, y (S, n + m)."""
        seeds = draws.each(self.seed, self.num_sets)
        return polynomials.draw(self.num_train + NUM_TEST, self.noise, seeds)

    def answer(self) -> Iterator[Event]:
        """Solve every degree on every data set."""
        train_rows, test_rows = np.split(np.arange(self.num_train + NUM_TEST), [self.num_train])
        train, test = polynomials.exact_losses(
            self.points, train_rows, test_rows, self.num_train - 1
        )
        yield self.fit()
        yield self.degrees(train, test)
        yield self.enough(train, test)
        yield from self.claims(train, test)

    def fit(self) -> Figure:
        """The first data set with the curve of the chosen degree, and the truth."""
        n, degree = self.num_train, min(self.degree, self.num_train - 1)
        first = Points(self.points.x[0, :n], self.points.y[0, :n])
        x = np.linspace(first.x.min(), first.x.max(), 401)
        Q, P = polynomials.orthonormal(first.x[None], x[None], degree)
        curve = P[0] @ (first.y @ Q[0])
        miss = np.abs(curve - polynomials.truth(x)).max()
        how = "through" if degree == n - 1 else "fitted to"
        finding = (
            f"On the first data set, {how} {n} points, degree {degree} leaves the truth by up to"
            f" {miss:.3g} between them."
        )
        return polynomials.fit_figure(
            "The exact fit", finding, first, n, x, {f"degree {degree}": curve}
        )

    def degrees(self, train: Floats, test: Floats) -> Figure:
        """Exercise 2 of 4.4: both losses for each degree, and what the truth itself costs."""
        degree, middle = np.arange(float(self.num_train)), np.median(test, axis=0)
        best = int(middle.argmin())
        return Figure(
            "degrees",
            "Loss against degree",
            f"Medians of {self.num_sets} data sets: training loss only falls, to"
            f" {np.median(train[:, -1]):.1g} at degree {self.num_train - 1}; test loss is least at"
            f" degree {best}, {middle[best]:.3g}, and ends at {middle[-1]:.3g}.",
            polynomials.loss_lines(degree, train, test, self.noise),
            x_label="degree",
            y_label="squared loss",
            y_scale="log",
        )

    def enough(self, train: Floats, test: Floats) -> Table:
        """The last degrees: the book asks for n, and n - 1 is enough."""
        n = self.num_train
        degrees = [*sorted({1, DEGREE, n - 2, n - 1}), n - 1]
        return Table.of(
            "enough",
            "Which degree fits every point",
            {"degree": [*map(str, degrees[:-1]), f"{n}, as printed"]}
            | {"train": np.median(train[:, degrees], 0), "test": np.median(test[:, degrees], 0)},
            f"Erratum of 4.4.3: {n} points with distinct x need degree {n - 1}, not {n}; degree {n}"
            " has one weight more than there are points, and the fit is the same.",
        )

    def claims(self, train: Floats, test: Floats) -> Iterator[Check]:
        """What 4.4 and its exercises say of exact solutions."""
        scale, middle = train[:, 0].max(), np.median([train, test], axis=1)
        rise = float(np.diff(train, axis=1).max() / scale)
        yield self.at_most("training loss never rises with degree", 1e-12, rise, "words")
        last = train[:, -1].max()
        yield self.at_most("training loss at degree n - 1", TINY * scale, last)
        if not self.noise:
            return
        before, lowest = middle[0, -2], TINY * scale
        yield self.holds(
            "training loss at degree n - 2 is not 0", "above 0", before, before > lowest
        )
        x, y = (values[:, self.num_train :] for values in (self.points.x, self.points.y))
        floor, paid = self.noise**2 / 2, float(np.mean((y - polynomials.truth(x)) ** 2)) / 2
        spread = 4 * floor * (2 / x.size) ** 0.5  # four standard errors of a mean of squares
        yield self.near("the truth's own test loss", floor, paid, spread)
        least = test.mean(axis=0).min()
        yield self.at_least("least mean test loss of any degree", floor - spread, least)
        if self.matches():
            yield self.at_least("test loss at degree n - 1", 1, middle[1, -1])
            name = "median test loss of degree 3, in floors"
            yield self.near(name, 1.5, middle[1, DEGREE] / floor, 0.5)
