"""4.4 A coin: even without a single feature the training error is below the error on new data."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ml import draws, fields
from ml.events import Check, Event, Figure, Floats, Series, Table
from ml.experiment import InstantExperiment, Preset

BOOK = np.array([0, 1, 1, 1, 0, 1])  # the tosses of 4.4.1
SIZES = (1, 2, 4, 6, 10, 20, 50, 100, 200, 500, 1000)
NEW = 100_000  # tosses to try a guess on

Tosses = NDArray[np.int64]  # (S, n)


class Coin(InstantExperiment):
    """Always predict the majority of some coin tosses, and try it on new tosses."""

    breakable = ("toss", "majority")
    presets = (
        Preset("fair", "A fair coin", "Nothing can be learnt, yet the training error is low.", {}),
        Preset("biased", "A biased coin", "Now the majority knows something.", {"heads": 0.3}),
    )

    name: Literal["coin"] = "coin"
    heads: float = fields.own(
        0.5, "Data", "Probability of heads", "Of class 0; the book's coin is fair.", "p", ge=0, le=1
    )
    repeats: int = fields.own(
        300, "Repetitions", "Data sets", "Data sets drawn of each size.", ge=2, le=500
    )

    def answer(self) -> Iterator[Event]:
        """The book's six tosses, then more and more of them."""
        rng = draws.numpy_generator(self.seed)
        new_tosses = self.toss(rng, self.heads, NEW)
        guess = int(self.majority(BOOK[None])[0])
        six, new = float(np.mean(guess != BOOK)), float(np.mean(guess != new_tosses))
        columns = {"tosses": ["0, 1, 1, 1, 0, 1"], "majority": [str(guess)]}
        yield Table.of(
            "six",
            "The six tosses of 4.4.1",
            columns | {"training error": [six], "new tosses": [new]},
            f"New tosses: {NEW:,}, heads with probability {self.heads:g}.",
        )
        errors = np.stack([self.errors(rng, n) for n in SIZES])  # (sizes, repeats)
        yield self.sizes(errors)
        yield self.near("majority error of {0,1,1,1,0,1}", 1 / 3, six, 1e-15, "figure")
        if self.heads == 0.5:
            yield from self.claims(new, errors)

    def errors(self, rng: np.random.Generator, n: int) -> Floats:
        """Training errors of the majority on data sets of n tosses: (repeats,)."""
        tosses = self.toss(rng, self.heads, self.repeats, n)
        wrong: Floats = (self.majority(tosses)[:, None] != tosses).mean(axis=1)
        return wrong

    def sizes(self, errors: Floats) -> Figure:
        """Mean training error for each size, its exact value, and what new tosses cost."""
        n, mean = np.array(SIZES, dtype=float), errors.mean(axis=1)
        best = min(self.heads, 1 - self.heads)
        exact = np.array([expected(size, self.heads)[0] for size in SIZES])
        low, high = np.quantile(errors, (0.25, 0.75), axis=1)
        return Figure(
            "sizes",
            "Training error against data",
            f"From {SIZES[0]} to {SIZES[-1]:,} tosses the mean training error rises from"
            f" {mean[0]:.3g} to {mean[-1]:.3g}; no rule errs less than {best:.3g} on new ones."
            " Half of the data sets lie within the band.",
            (
                Series("new tosses, at best", n, np.full(len(n), best), "valid"),
                Series("expected", n, exact, "truth"),
                Series("training error", n, mean, "train", "markers", low=low, high=high),
            ),
            x_label="tosses",
            y_label="share of wrong predictions",
            x_scale="log",
        )

    def claims(self, new: float, errors: Floats) -> Iterator[Check]:
        """What 4.4.1 says of a fair coin; its 1/2 is tried within four standard errors."""
        yield self.near("majority error on new tosses", 0.5, new, 2 / NEW**0.5, "figure")
        mean = errors.mean(axis=1)
        exact, deviation = np.array([expected(n, self.heads) for n in SIZES]).T
        error = np.maximum(deviation, 1e-9) / self.repeats**0.5  # one toss has no deviation
        name = "mean training errors: most standard errors from E min(k, n - k) / n"
        yield self.at_most(name, 5, float((np.abs(mean - exact) / error).max()))
        six, many = (float(0.5 - mean[SIZES.index(n)]) for n in (6, SIZES[-1]))
        yield self.below("gap to 1/2 shrinks from 6 tosses to 1,000", six, many, "words")

    @staticmethod
    def toss(rng: np.random.Generator, heads: float, *shape: int) -> Tosses:
        """0 with probability `heads`, else 1, in that shape."""
        return (rng.random(shape) >= heads).astype(np.int64)

    @staticmethod
    def majority(tosses: Tosses) -> Tosses:
        """The commoner class of each row, 1 on a tie: (S, n) -> (S,)."""
        more: Tosses = (2 * tosses.sum(axis=1) >= tosses.shape[1]).astype(np.int64)
        return more


def expected(n: int, heads: float) -> tuple[float, float]:
    """Mean and standard deviation of min(k, n - k) / n over the binomial k heads of n tosses."""
    k = np.arange(n + 1)
    logs = np.log(np.maximum(k, 1)).cumsum()  # of k!
    chance = np.exp(logs[n] - logs - logs[::-1]) * heads**k * (1 - heads) ** (n - k)
    error = np.minimum(k, n - k) / n
    mean = float(chance @ error)
    return mean, float(chance @ (error - mean) ** 2) ** 0.5
