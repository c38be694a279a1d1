"""4.9 Clipping β: a smaller largest weight trades variance for bias."""

from collections.abc import Iterator
from functools import cached_property
from typing import Literal

import numpy as np

from ml import draws, fields
from ml.events import Check, Event, Figure, Floats, Series
from ml.experiment import InstantExperiment, Preset
from ml.shift import normal

CLIPS = np.geomspace(0.25, 256, 21)
NUM_DRAWS = 200
EDGE, NODES = 9.0, 40_001  # the midpoint rule over ±9 σ: a clip has a corner


class WeightClipping(InstantExperiment):
    """Estimate a target's risk by β clipped at c: bias², variance and error over 200 samples."""

    breakable = ("weights", "losses", "together")
    presets = (
        Preset("far", "A far target", "Few rows carry all the weight.", {}),
        Preset("near", "A near one", "Hardly anything to clip.", {"shift": 0.5}),
        Preset("many", "More rows", "With more rows a larger weight is the best.", {"n": 5000}),
    )

    name: Literal["weight_clipping"] = "weight_clipping"
    shift: float = fields.own(
        1.5, "Data", "Shift", "Mean of the target's x; the source's is 0.", "δ", ge=0, le=3
    )
    n: int = fields.own(200, "Data", "Source rows", "Rows of each sample.", "n", ge=10, le=5000)

    def answer(self) -> Iterator[Event]:
        """Bias, variance and error by c, from samples and from theory."""
        rng = draws.numpy_generator(self.seed)
        x = rng.normal(size=(NUM_DRAWS, self.n))
        estimates = np.stack([(self.weights(x, c) * self.losses(x)).mean(1) for c in CLIPS])
        off = estimates - self.risk
        bias, variance = off.mean(1) ** 2, off.var(1, ddof=1)
        error = self.together(bias, variance)
        best = int(error.argmin())
        yield self.picture(bias, variance, error, best)
        yield from self.claims(off, variance)
        if self.matches():
            inside = 0 < best < len(CLIPS) - 1
            yield self.holds("clip of the least error", "inside the range", CLIPS[best], inside)
            gain = error[best] / error[-1]
            yield self.at_most("least error over that without a clip", 0.8, gain)

    @staticmethod
    def losses(x: Floats) -> Floats:
        """What some model loses at x: squared loss of 0 where the truth is x."""
        return np.asarray(x**2)

    def weights(self, x: Floats, clip: float) -> Floats:
        """min(β, c), by the true densities."""
        return np.minimum(normal.ratio(x, self.shift), clip)

    @staticmethod
    def together(bias: Floats, variance: Floats) -> Floats:
        """Mean squared error of an estimate."""
        return bias + variance

    @cached_property
    def risk(self) -> float:
        """The target's: E[x²] = 1 + μ²."""
        return 1 + self.shift**2

    def theory(self, clip: float) -> tuple[float, float]:
        """Bias and variance of the estimate by quadrature."""
        x = np.linspace(-EDGE, EDGE, NODES)
        q = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi) * (x[1] - x[0])
        each = np.minimum(np.exp(self.shift * x - self.shift**2 / 2), clip) * x**2
        mean = q @ each
        return float(mean - self.risk), float((q @ each**2 - mean**2) / self.n)

    def picture(self, bias: Floats, variance: Floats, error: Floats, best: int) -> Figure:
        """All three by c, with theory as lines."""
        known = np.array([self.theory(c) for c in CLIPS])
        drawn = {"bias²": known[:, 0] ** 2, "variance": known[:, 1]}
        drawn["error"] = drawn["bias²"] + drawn["variance"]
        seen = {"bias²": bias, "variance": variance, "error": error}
        points = [
            Series(f"{name}, {NUM_DRAWS} samples", CLIPS, values, mode="markers", setting=name)
            for name, values in seen.items()
        ]
        lines = [Series(name, CLIPS, values, setting=name) for name, values in drawn.items()]
        floor = 1e-3 * float(error.min())
        return Figure(
            "clips",
            "What a clip costs, and what it saves",
            f"The error of the estimated risk is least at c = {CLIPS[best]:.3g}, {error[best]:.3g};"
            f" at c = {CLIPS[-1]:.3g} it is {error[-1]:.3g}, almost all of it variance, and at the"
            f" smallest {error[0]:.3g}, almost all of it bias.",
            tuple(
                Series(s.label, s.x, np.where(s.y < floor, np.nan, s.y), s.role, s.mode, s.setting)
                for s in (*lines, *points)
            ),
            x_label="clip c",
            y_label="squared error of the risk",
            x_scale="log",
            y_scale="log",
        )

    def claims(self, off: Floats, variance: Floats) -> Iterator[Check]:
        """Samples against theory at every c; seen over 30 seeds: at most 3.3 standard errors, and
        variances at a c of 4 within 30 %."""
        known = np.array([self.theory(c) for c in CLIPS])
        error = np.sqrt(known[:, 1] / NUM_DRAWS)
        away = float((np.abs(off.mean(1) - known[:, 0]) / error).max())
        yield self.at_most("bias from that of theory, in standard errors", 5, away)
        free = abs(float(off[-1].mean())) / error[-1]
        yield self.at_most("bias without a clip, in standard errors", 5, free, "words")
        at = int(np.abs(CLIPS - 4).argmin())
        yield self.near(
            "variance at c = 4 over that of theory", 1, variance[at] / known[at, 1], 0.5
        )
        falls = np.diff(np.abs(known[:, 0])).max() <= 1e-12
        seen = np.diff(off.mean(1)).min() >= 0
        yield self.holds(
            "bias falls as c grows", "always", "always" if seen else "not", falls and seen
        )
        grows = bool(np.diff(variance).min() >= 0)
        yield self.holds("variance grows with c", "always", "always" if grows else "not", grows)
