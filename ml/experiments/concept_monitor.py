"""4.9 A monitor: labelled rows of the target against what the source promised."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, Literal

import numpy as np
from scipy.special import ndtr

from ml import draws, fields
from ml.events import Check, Event, Figure, Floats, Series, Table
from ml.experiment import InstantExperiment, Preset
from ml.shift import ConceptShift, concept_shift

WIDE, NODES = 8.0, 4001  # quadrature over ±8 standard deviations
SLOPE = 1.5  # of the log odds of y; the model answers the sign of x
SHARES = np.array([0.0, 0.05, 0.1, 0.2, 0.3])  # of labels that mean something else now
SURE = 1.96

Seen = tuple[ConceptShift, ...]


class ConceptMonitor(InstantExperiment):
    """Raise an alarm where a model errs more than promised: how often rightly, how often not."""

    breakable = ("beta", "monitor", "relabelled")
    presets = (
        Preset(
            "usual", "Some hundred labels", "A tenth of changed labels is seen now and then.", {}
        ),
        Preset("few", "Few labels", "Only large changes are seen.", {"m": 50}),
        Preset(
            "narrow",
            "Inputs move more",
            "Without β this looks like a new concept.",
            {"spread": 0.3},
        ),
    )

    name: Literal["concept_monitor"] = "concept_monitor"
    n: int = fields.own(
        1000, "Data", "Source rows", "Held out, labelled: they promise.", "n", ge=50, le=5000
    )
    m: int = fields.own(
        200, "Data", "Target rows", "Labelled rows of the target.", "m", ge=20, le=2000
    )
    spread: float = fields.own(
        0.5,
        "Data",
        "Spread",
        "Of the target's x where inputs move; 1 is the source's.",
        ge=0.3,
        le=1,
    )
    repeats: int = fields.own(
        300, "Repetitions", "Months", "Months watched, each with rows of its own.", ge=50, le=300
    )

    def answer(self) -> Iterator[Event]:
        """Alarms by how many labels changed, then where only the inputs moved."""
        rng = draws.numpy_generator(self.seed)
        changed = [self.watch(rng, share=share) for share in SHARES]
        moved = {
            "inputs moved, no β": self.watch(rng, spread=self.spread),
            "inputs moved, β": self.watch(rng, spread=self.spread, weigh=True),
        }
        alarms = np.array([rate(seen) for seen in changed])
        yield self.picture(alarms)
        yield self.table(changed, moved)
        yield from self.claims(changed, alarms, moved)

    # ---- the world

    def watch(
        self,
        rng: np.random.Generator,
        share: float = 0.0,
        spread: float = 1.0,
        *,
        weigh: bool = False,
    ) -> Seen:
        """What the monitor says in each month of a target with that change."""
        source = draws.normal(rng, self.repeats, self.n)
        target = spread * draws.normal(rng, self.repeats, self.m)
        promised, seen = self.errs(source, rng), self.errs(target, rng)
        seen = self.relabelled(seen, share, rng)
        weights = self.beta(source, spread) if weigh else [None] * self.repeats
        each = zip(promised, seen, weights, strict=True)
        return tuple(self.monitor(q, p, b) for q, p, b in each)

    @staticmethod
    def errs(x: Floats, rng: np.random.Generator) -> Floats:
        """1 where the label is not what the model answers: the same p(y|x) in both."""
        return np.asarray(rng.random(x.shape) < doubt(x), float)

    @staticmethod
    def relabelled(errors: Floats, share: float, rng: np.random.Generator) -> Floats:
        """A share of the labels means the other class now."""
        return np.where(rng.random(errors.shape) < share, 1 - errors, errors)

    @staticmethod
    def beta(x: Floats, spread: float) -> Floats:
        """p/q of N(0, spread²) to N(0, 1)."""
        return np.asarray(np.exp(x**2 / 2 * (1 - 1 / spread**2)) / spread)

    @staticmethod
    def monitor(promised: Floats, seen: Floats, beta: Floats | None) -> ConceptShift:
        """Losses (n,) of source rows and (m,) of target rows, compared."""
        return concept_shift(promised, seen, beta)

    # ---- theory

    @cached_property
    def error(self) -> float:
        """The model's true risk on the source, by quadrature."""
        return mean_error(1.0)

    def power(self, share: Floats) -> Floats:
        """Chance of an alarm by the normal approximation."""
        theirs = self.error + share * (1 - 2 * self.error)
        variance = self.error * (1 - self.error) / self.n + theirs * (1 - theirs) / self.m
        return np.asarray(ndtr((theirs - self.error) / np.sqrt(variance) - SURE))

    def picture(self, alarms: Floats) -> Figure:
        """Share of months with an alarm."""
        grid = np.linspace(0, SHARES[-1], 61)
        error = 2 * np.sqrt((alarms * (1 - alarms)).clip(1e-3) / self.repeats)
        finding = (
            f"With {self.m} labels a month: an alarm in {alarms[0]:.1%} of the months in which"
            f" nothing changed, in {alarms[2]:.0%} of those in which {SHARES[2]:.0%} of the labels"
            f" changed, in {alarms[-1]:.0%} of those with {SHARES[-1]:.0%}."
        )
        seen = Series(
            f"{self.repeats} months",
            SHARES,
            alarms,
            mode="markers",
            low=(alarms - error).clip(0),
            high=(alarms + error).clip(max=1),
        )
        theory = Series("normal approximation", grid, self.power(grid), "truth")
        axes: dict[str, Any] = {
            "x_label": "share of labels that changed",
            "y_label": "share of months with an alarm",
        }
        return Figure("alarms", "Alarms by how much changed", finding, (theory, seen), **axes)

    def table(self, changed: list[Seen], moved: dict[str, Seen]) -> Table:
        """Every situation."""
        rows = {
            f"{share:.0%} of labels changed": s for share, s in zip(SHARES, changed, strict=True)
        }
        rows |= moved
        columns: dict[str, Any] = {
            "target": [*rows],
            "promised": [float(np.mean([s.promised for s in seen])) for seen in rows.values()],
            "seen": [float(np.mean([s.seen for s in seen])) for seen in rows.values()],
            "alarms": [rate(seen) for seen in rows.values()],
        }
        note = (
            "Inputs that moved change the error, too, though p(y|x) stays: with β it is promised"
            f" for where they are now. In the first month: {changed[0][0].sentence}"
        )
        return Table.of("situations", f"{self.repeats} months each", columns, note)

    # ---- what is claimed

    def claims(
        self, changed: list[Seen], alarms: Floats, moved: dict[str, Seen]
    ) -> Iterator[Check]:
        """Rates against theory, within five standard errors of so many months."""
        sure = 5 / np.sqrt(self.repeats)
        few = 0.025 + sure * 0.16
        covers = float(np.mean([s.low <= 0 <= s.high for s in changed[0]]))
        yield self.near(
            "nothing changed: share of intervals that hold 0", 0.95, covers, sure * 0.22
        )
        yield self.at_most("nothing changed: share of months with an alarm", few, alarms[0])
        off = np.abs(alarms - self.power(SHARES)).max()
        yield self.at_most("alarms from theory, farthest", 0.03 + sure / 2, off)
        promised = np.mean([s.promised for s in changed[0]])
        error = np.sqrt(self.error * (1 - self.error) / self.n / self.repeats)
        away = abs(promised - self.error) / error
        yield self.at_most("promised error from that by quadrature, in standard errors", 5, away)
        plain, weighted = moved.values()
        there = mean_error(self.spread)
        corrected = float(np.mean([s.promised for s in weighted]))
        yield self.near("inputs moved, β: promised error", there, corrected, 0.05 * sure)
        yield self.at_most("inputs moved, β: share of months with an alarm", few, rate(weighted))
        if self.matches():
            yield self.above("inputs moved, no β: share with an alarm", 0.25, rate(plain))
            yield self.at_least(
                f"{SHARES[3]:.0%} changed: share of months with an alarm", 0.6, alarms[3]
            )


def rate(seen: Seen) -> float:
    """Share of months with an alarm."""
    return float(np.mean([each.found for each in seen]))


def doubt(x: Floats) -> Floats:
    """Chance that the label is not the sign of x."""
    return np.asarray(1 / (1 + np.exp(SLOPE * np.abs(x))))


def mean_error(spread: float) -> float:
    """The model's true risk where x is N(0, spread²), by quadrature."""
    x = np.linspace(-WIDE, WIDE, NODES)
    weight = np.exp(-(x**2) / 2)
    return float(weight @ doubt(spread * x) / weight.sum())
