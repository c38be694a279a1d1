"""4.9 Finding a shift: a classifier that cannot tell source from target has found none."""

from collections.abc import Iterator
from typing import Literal

import numpy as np

from ml import draws, fields
from ml.events import Check, Checkpoint, Event, Figure, Floats, Series, Table
from ml.experiment import Experiment, Preset
from ml.shift import DensityRatio, density_ratio, two_sample

LEVEL = 0.05
PERMUTATIONS = 99
RATIOS = 20  # samples without a shift of which β is estimated
CRITICAL = 0.0974  # of Kolmogorov's distance of 400 numbers from uniform, 1 in 1,000
EFFECTIVE = 0.9


class ShiftDetector(Experiment):
    """Ask 400 times whether anything moved where nothing did, then move the mean by three sizes."""

    breakable = ("p_value", "ratio", "tables")
    presets = (
        Preset("usual", "Two hundred rows", "What so many rows can see.", {}),
        Preset("few", "Few rows", "A small shift is not seen.", {"n": 50, "m": 50}),
        Preset("wide", "Many columns", "One of 20 columns moves.", {"num_inputs": 20}),
    )
    verifies = ({}, {"m": 60})

    name: Literal["shift_detector"] = "shift_detector"
    n: int = fields.own(200, "Data", "Source rows", "In each table.", "n", ge=20, le=1000)
    m: int = fields.own(200, "Data", "Target rows", "In each table.", "m", ge=20, le=1000)
    num_inputs: int = fields.own(
        5, "Data", "Columns", "Of which the first moves.", "d", ge=1, le=30
    )
    shifts: tuple[float, ...] = fields.own(
        (0.2, 0.4, 0.8),
        "Data",
        "Shifts",
        "By how many standard deviations the first column moves, with commas.",
        max_length=5,
        strict=False,
    )
    num_draws: int = fields.own(
        400,
        "Repetitions",
        "Draws",
        "Pairs of tables without a shift, and of each shift a quarter as many.",
        ge=4,
        le=1000,
    )

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:  # noqa: ARG002  no state
        """p-values without a shift, power with one, and β where nothing moved."""
        null = np.array([self.p_value(*self.tables(0, i), i) for i in range(self.num_draws)])
        power = {
            shift: np.array(
                [self.p_value(*self.tables(shift, i), i) for i in range(self.num_draws // 4)]
            )
            for shift in self.shifts
        }
        yield self.picture(null, power)
        yield self.powers(null, power)
        ratios = [self.ratio(*self.tables(0, i)) for i in range(RATIOS)]
        yield from self.claims(null, ratios)
        if self.matches():  # seen over 12 seeds: .14 to .28, .76 to .89, 1
            for (shift, p), least in zip(power.items(), (0.1, 0.6, 0.95), strict=True):
                found = float((p <= LEVEL).mean())
                yield self.at_least(f"found at a shift of {shift:g} σ, share", least, found)

    def tables(self, shift: float, i: int) -> tuple[Floats, Floats]:
        """Source (n, d) and target (m, d), of which the first column has moved."""
        rng = draws.numpy_generator(self.seed, i, round(1000 * shift))
        source = rng.normal(size=(self.n, self.num_inputs))
        target = rng.normal(size=(self.m, self.num_inputs))
        target[:, 0] += shift
        return source, target

    @staticmethod
    def p_value(source: Floats, target: Floats, i: int) -> float:
        """Of two tables being of one law."""
        z = np.repeat([-1, 1], [len(source), len(target)])
        X = np.concatenate([source, target])
        return two_sample(X, z, permutations=PERMUTATIONS, seed=i).p

    @staticmethod
    def ratio(source: Floats, target: Floats) -> DensityRatio:
        """β of two tables."""
        return density_ratio(source, target)

    def picture(self, null: Floats, power: dict[float, Floats]) -> Figure:
        """How p-values are spread."""
        share = (np.arange(101.0) / 100).round(2)
        drawn = {"no shift": null, **{f"{shift:g} σ": p for shift, p in power.items()}}
        lines = {name: (p[:, None] <= share + 1e-9).mean(0) for name, p in drawn.items()}
        return Figure.lines(
            "p_values",
            "How often p is so small or smaller",
            f"Where nothing moved, p is at most {LEVEL} in {(null <= LEVEL).mean():.1%} of"
            f" {len(null)} draws: a false alarm in twenty, as it was asked for.",
            share,
            lines,
            Series("uniform", share, share, "truth"),
            x_label="p-value",
            y_label="share of draws",
        )

    def powers(self, null: Floats, power: dict[float, Floats]) -> Table:
        """How often a shift is found."""
        found = [float((p <= LEVEL).mean()) for p in (null, *power.values())]
        sizes = ["none", *(f"{shift:g} σ" for shift in power)]
        title = f"Found at a level of {LEVEL}, n = {self.n}, m = {self.m}"
        return Table.of("power", title, {"shift": sizes, "share found": found})

    def claims(self, null: Floats, ratios: list[DensityRatio]) -> Iterator[Check]:
        """What must hold where nothing has moved."""
        about = f", n = {self.n}, m = {self.m}" if self.m != self.n else ""
        if self.num_draws == 400:
            ordered, steps = np.sort(null), np.arange(401) / 400
            distance = max((steps[1:] - ordered).max(), (ordered - steps[:-1]).max())
            name = f"p-values of 400 draws from uniform, Kolmogorov's distance{about}"
            yield self.at_most(name, CRITICAL, float(distance))
        least = min(ratio.effective_share for ratio in ratios)
        yield self.at_least(f"effective share where nothing moved, least{about}", EFFECTIVE, least)
