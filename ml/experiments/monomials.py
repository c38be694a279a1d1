"""4.5 Monomials: how fast a polynomial of several variables grows with its degree."""

from collections.abc import Iterator
from itertools import combinations_with_replacement
from math import comb
from typing import Annotated, Literal

import numpy as np

from ml.events import Event, Figure, Table
from ml.experiment import InstantExperiment, Preset
from ml.fields import knob


class Monomials(InstantExperiment):
    """Write down all products of powers of a degree, and count them."""

    presets = (
        Preset("five", "Five variables", "70 products of degree 4.", {}),
        Preset("one", "One variable", "One a degree, as in 4.4.", {"num_variables": 1}),
        Preset("many", "Six, to degree 6", "462 of degree 6.", {"num_variables": 6, "degree": 6}),
    )
    breakable = ("count",)

    name: Literal["monomials"] = "monomials"
    num_variables: Annotated[
        int, knob("Monomials", "Variables", "Variables that are multiplied.", "k", ge=1, le=6)
    ] = 5
    degree: Annotated[int, knob("Monomials", "Degree", "Highest degree.", "d", ge=1, le=6)] = 4

    def answer(self) -> Iterator[Event]:
        """Monomials of each degree, by writing them all down, beside C(k - 1 + d, k - 1)."""
        k, degrees = self.num_variables, np.arange(1.0, self.degree + 1)
        counts = np.array([self.count(k, int(d)) for d in degrees])
        formula = np.array([comb(k - 1 + int(d), k - 1) for d in degrees])
        yield Figure.lines(
            "monomials",
            f"Monomials of {k} variables",
            f"There are {counts[0]} of degree 1 and {counts[-1]} of degree {self.degree}.",
            degrees,
            {"of this degree": counts, "up to it": counts.cumsum()},
            mode="markers",
            x_label="degree",
            y_label="monomials",
        )
        yield Table.of(
            "monomials",
            f"Monomials of {k} variables",
            {
                "degree": degrees.astype(int).astype(str).tolist(),
                "written down": counts,
                "C(k − 1 + d, k − 1)": formula,
            },
            "Each degree alone; a polynomial of that degree has all lower ones, too.",
        )
        name = f"monomials of {k} variables up to degree {self.degree}: C(k-1+d, k-1)"
        yield self.equal(name, 0.0, np.abs(counts - formula).max(), "words")

    @staticmethod
    def count(k: int, degree: int) -> int:
        """How many products of `degree` factors from k variables there are, each written down."""
        return sum(1 for _ in combinations_with_replacement(range(k), degree))
