"""4.4 A coin: even without a single feature the training error is below the error on new data."""

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ml import draws
from ml.events import Check, Checkpoint, Event, Figure, Series, Table
from ml.experiment import Experiment, Preset

BOOK = np.array([0, 1, 1, 1, 0, 1])  # the tosses of 4.4.1
SIZES = (1, 2, 4, 6, 10, 20, 50, 100, 200, 500, 1000)
FRESH = 100_000  # tosses that nobody has seen

Tosses = NDArray[np.int64]  # (S, n)


class Coin(Experiment):
    """Always predict the majority of some coin tosses, and try it on new tosses."""

    section: ClassVar[str] = "4.4"
    instant: ClassVar[bool] = True
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("fair", "A fair coin", "Nothing can be learnt, yet the training error is low.", {}),
        Preset("biased", "A biased coin", "Now the majority knows something.", {"heads": 0.3}),
    )

    name: Literal["coin"] = "coin"
    heads: float = Field(
        0.5, ge=0, le=1, title="Probability of heads",
        description="Probability of class 0 in the tosses that are drawn; the book's coin is fair.",
        json_schema_extra={"group": "Data", "symbol": "p"},
    )  # fmt: skip
    repeats: int = Field(
        300, ge=2, le=500, title="Repetitions", description="Data sets drawn of each size.",
        json_schema_extra={"group": "Data"},
    )  # fmt: skip

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:  # noqa: ARG002  nothing to resume
        """The book's six tosses, then more and more of them."""
        rng = draws.numpy_generator(self.seed)
        fresh = toss(rng, self.heads, FRESH)
        guess = int(majority(BOOK[None])[0])
        seen, new = float(np.mean(guess != BOOK)), float(np.mean(guess != fresh))
        yield Table(
            "six", "The six tosses of 4.4.1",
            ("tosses", "majority", "training error", "new tosses"),
            (("0, 1, 1, 1, 0, 1", str(guess), seen, new),),
            f"New tosses: {FRESH:,}, heads with probability {self.heads:g}.",
        )  # fmt: skip
        errors = np.stack([self.at_size(rng, n) for n in SIZES])  # (size, repeat)
        yield self.drawn(errors)
        yield Check.near(self.section, "majority error of {0,1,1,1,0,1}", 1 / 3, seen, 1e-15)
        if self.heads == 0.5:
            yield from self.claims(new, errors)

    def at_size(self, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        """Training errors of the majority on data sets of n tosses: (repeats,)."""
        tosses = toss(rng, self.heads, self.repeats, n)
        wrong: NDArray[np.float64] = (majority(tosses)[:, None] != tosses).mean(axis=1)
        return wrong

    def drawn(self, errors: NDArray[np.float64]) -> Figure:
        """Mean training error for each size, its exact value, and what new tosses cost."""
        n, mean = np.array(SIZES, dtype=np.float64), errors.mean(axis=1)
        spread = errors.std(axis=1)
        best = min(self.heads, 1 - self.heads)
        exact = np.array([expected(size, self.heads)[0] for size in SIZES])
        return Figure(
            "sizes", "Training error against data",
            f"From {SIZES[0]} to {SIZES[-1]:,} tosses the mean training error rises from"
            f" {mean[0]:.3g} to {mean[-1]:.3g}; no rule errs less than {best:.3g} on new ones.",
            (
                Series("new tosses, at best", n, np.full(len(n), best), "valid"),
                Series("expected", n, exact, "book"),
                Series("training error", n, mean, "train", "markers"),
                Series("a deviation lower", n, mean - spread, "c5"),
                Series("a deviation higher", n, mean + spread, "c5"),
            ),
            x_label="tosses", y_label="share of wrong predictions", x_scale="log",
        )  # fmt: skip

    def claims(self, new: float, errors: NDArray[np.float64]) -> Iterator[Check]:
        """What 4.4.1 says of a fair coin."""
        spread = 4 * (0.25 / FRESH) ** 0.5  # four standard errors
        yield Check.near(self.section, "majority error on new tosses", 0.5, new, spread)
        mean = errors.mean(axis=1)
        exact, deviation = np.array([expected(n, self.heads) for n in SIZES]).T
        error = np.maximum(deviation, 1e-9) / self.repeats**0.5  # one toss has no deviation
        away = float((np.abs(mean - exact) / error).max())
        name = "mean training errors: most standard errors from E min(k, n - k) / n"
        yield Check.at_most(self.section, name, 5, away)
        six, many = (float(0.5 - mean[SIZES.index(n)]) for n in (6, SIZES[-1]))
        yield Check(
            self.section, "gap to 1/2 shrinks from 6 tosses to 1,000", f"below {six:.3g}",
            many, None, many < six,
        )  # fmt: skip


def toss(rng: np.random.Generator, heads: float, *shape: int) -> Tosses:
    """0 with probability `heads`, else 1, in that shape."""
    return (rng.random(shape) >= heads).astype(np.int64)


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
