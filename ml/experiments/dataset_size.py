"""4.4 Dataset size: the same exact fit on ever more points."""

from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ml import draws, fields, polynomials
from ml.events import Event, Figure
from ml.experiment import InstantExperiment, Preset

SIZES = (4, 6, 8, 12, 16, 24, 32, 48, 64, 100)  # points to learn from, each set within the next
NUM_TEST = 100  # points to be tested on, the same for every size


class DatasetSize(InstantExperiment):
    """Solve one degree exactly on more and more points, and see what each further one is worth."""

    presets = (
        Preset("rich", "A rich model", "Degree 9 needs a hundred points.", {}),
        Preset("right", "The right one", "A cubic needs a dozen.", {"degree": 3}),
        Preset("poor", "A poor model", "More data cannot help a line.", {"degree": 1}),
    )

    name: Literal["dataset_size"] = "dataset_size"
    degree: fields.Degree = 9
    noise: fields.Noise = 0.1
    # the tails are long: medians of eleven sets rose where a hundred of them fall
    num_sets: Annotated[
        fields.NumSets, Field(le=200, description="Data sets drawn; losses are their median.")
    ] = 101

    def answer(self) -> Iterator[Event]:
        """Exercise 2 of 4.4: both losses against the number of points."""
        most, sizes = SIZES[-1], [n for n in SIZES if n > self.degree]
        points = polynomials.draw(most + NUM_TEST, self.noise, draws.each(self.seed, self.num_sets))
        rows, new = np.split(np.arange(most + NUM_TEST), [most])
        each = [polynomials.exact_losses(points, rows[:n], new, self.degree) for n in sizes]
        train, test = np.array(each)[..., -1].transpose(1, 2, 0)  # (set, size) each
        (few, many), n = np.median(test, axis=0)[[0, -1]], np.array(sizes, dtype=float)
        yield Figure(
            "sizes",
            f"Loss of degree {self.degree} against data",
            f"Medians of {self.num_sets} data sets: from {sizes[0]} to {most} points test loss goes"
            f" from {few:.3g} to {many:.3g}, and training loss from {np.median(train[:, 0]):.3g} to"
            f" {np.median(train[:, -1]):.3g}.",
            polynomials.loss_lines(n, train, test, self.noise),
            x_label="training points",
            y_label="squared loss",
            x_scale="log",
            y_scale="log",
        )
        if self.matches():
            middle = np.median(test, axis=0)
            yield self.at_most(
                "test loss of degree 9: 100 points over 12", 0.1, many / few, "words"
            )
            steps = (middle[1:] / middle[:-1]).max()
            yield self.below("test loss of a size over the one before: largest", 1, steps, "words")
