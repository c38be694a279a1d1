"""4.9 Concept shift: keep the model, give it a few update steps, or train from scratch."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from ml import draws, fields, logistic
from ml.events import Check, Event, Figure, Floats
from ml.experiment import InstantExperiment, Preset
from ml.grid import band

MONTHS, FLIP = 24, 12  # the sudden change comes in month 12
FIRST, NEW = 400, 100  # rows of the first model, and fresh ones that each month is tried on
TURNS = np.array([1.0, 2, 5, 10, 20, 45, 90, 180])  # degrees a month
WAYS = ("stale", "update steps", "from scratch")
Errors = dict[str, Floats]


class ConceptShift(InstantExperiment):
    """Follow p(y|x) as it turns slowly or flips at once, with a month's labelled rows at a time."""

    breakable = ("steps", "scratch", "angles")
    presets = (
        Preset("slow", "Slow drift", "A few steps from the old weights win.", {}),
        Preset("still", "No drift", "Steps gather what months have in common.", {"turn": 0.0}),
        Preset("fast", "Fast drift", "Old weights are of no use.", {"turn": 60.0}),
        Preset("rich", "Many rows", "With enough rows nobody needs the past.", {"rows": 100}),
    )

    name: Literal["concept_shift"] = "concept_shift"
    turn: float = fields.own(
        3.0, "Data", "Turn", "Degrees by which the boundary turns each month.", "θ", ge=0, le=180
    )
    rows: int = fields.own(
        30, "Data", "Rows a month", "Labelled rows that come in a month.", "n", ge=10, le=100
    )
    num_inputs: Annotated[fields.NumInputs, Field(ge=2, le=12)] = 10
    label_noise: float = fields.own(
        0.1, "Data", "Wrong labels", "Share of labels that are wrong.", ge=0, le=0.4
    )
    num_steps: int = fields.own(
        10, "Training", "Steps", "Gradient steps a month.", "k", ge=1, le=50
    )
    lr: Annotated[fields.Lr, Field(le=5)] = 0.3
    repeats: int = fields.own(40, "Repetitions", "Streams", "Streams, side by side.", ge=10, le=40)

    def answer(self) -> Iterator[Event]:
        """Two worlds month by month, then who wins at each speed."""
        months = np.arange(MONTHS)
        slow, flip = self.angles()
        errors = {name: self.follow(a, i) for i, (name, a) in enumerate((slow, flip))}
        drift, sudden = errors.values()
        yield self.by_month(
            "slow",
            f"Slow drift: {self.turn:g}° a month",
            f"In the last half year: {self.ends(drift, months >= MONTHS - 6)}.",
            drift,
        )
        yield self.by_month(
            "sudden",
            f"All labels flip in month {FLIP}",
            f"In that month: {self.ends(sudden, months == FLIP)}. Half a year later:"
            f" {self.ends(sudden, months == FLIP + 6)}.",
            sudden,
        )
        speeds = [self.follow(np.radians(turn * months[:12]), 2) for turn in TURNS]
        by_speed = {way: np.stack([e[way].mean(0) for e in speeds]) for way in WAYS}
        yield self.by_turn(by_speed)
        yield from self.always(sudden)
        if self.matches():
            yield from self.claims(drift, sudden, by_speed)

    def angles(self) -> tuple[tuple[str, Floats], tuple[str, Floats]]:
        """Where the boundary stands each month, in radians: (MONTHS,) of both worlds."""
        months = np.arange(MONTHS)
        return ("slow", np.radians(self.turn * months)), (
            "sudden",
            np.pi * (months >= FLIP).astype(float),
        )

    def follow(self, angles: Floats, world: int) -> Errors:
        """Errors (T, R) on fresh rows of each month, for a boundary at these angles."""
        rng = draws.numpy_generator(self.seed, world)
        X, y = self.draw(angles, self.rows, rng)
        fresh, answers = self.draw(angles, NEW, rng)
        old, labels = (each[0] for each in self.draw(angles[:1], FIRST, rng))
        first = logistic.fit(old, labels)
        weights = {
            "stale": np.broadcast_to(first, (len(angles), *first.shape)),
            "update steps": self.steps(first, X, y),
            "from scratch": self.scratch(X, y),
        }
        return {
            way: np.asarray(((logistic.odds(w, fresh) > 0) != (answers > 0.5)).mean(-1))
            for way, w in weights.items()
        }

    def draw(self, angles: Floats, n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Rows (T, R, n, d), labels (T, R, n): p(x) stays, the boundary turns in a plane."""
        X = draws.normal(rng, len(angles), self.repeats, n, self.num_inputs)
        side = np.cos(angles)[:, None, None] * X[..., 0] + np.sin(angles)[:, None, None] * X[..., 1]
        wrong = rng.random(side.shape) < self.label_noise
        return X, np.asarray((side > 0) != wrong, float)

    def steps(self, first: Floats, X: Floats, y: Floats) -> Floats:
        """Each month's weights, a few gradient steps from the month before: (T, R, d + 1)."""
        w, each = first, []
        for rows, labels in zip(logistic.with_constant(X), y, strict=True):
            for _ in range(self.num_steps):
                off = logistic.chance((rows @ w[..., None])[..., 0]) - labels
                w = w - self.lr * (off[..., None] * rows).mean(1)
            each.append(w)
        return np.stack(each)

    @staticmethod
    def scratch(X: Floats, y: Floats) -> Floats:
        """Each month's weights, learnt from its rows alone: (T, R, d + 1)."""
        return logistic.fit(X, y)

    def ends(self, errors: Errors, months: Any) -> str:
        """Mean errors of some months in words."""
        return ", ".join(f"{way} {e[months].mean():.3f}" for way, e in errors.items())

    def by_month(self, name: str, title: str, finding: str, errors: Errors) -> Figure:
        """Errors of each way by month."""
        lines = tuple(band(way, np.arange(float(MONTHS)), e, way) for way, e in errors.items())
        return Figure(name, title, finding, lines, x_label="month", y_label="error on fresh rows")

    def by_turn(self, by_speed: Errors) -> Figure:
        """Errors of a year by how fast the boundary turns."""
        steps, scratch = (by_speed[way].mean(1) for way in WAYS[1:])
        won = TURNS[steps < scratch]
        finding = (
            f"Of those that follow, steps are better up to {won.max():g}° a month, from scratch"
            " beyond."
            if len(won)
            else "Of those that follow, from scratch is better at every speed."
        )
        lines = tuple(band(way, TURNS, by_speed[way], way) for way in WAYS)
        axes: dict[str, Any] = {
            "x_label": "turn, degrees a month",
            "y_label": "error, mean of a year",
        }
        return Figure(
            "speeds", "Who wins depends on the speed", finding, lines, x_scale="log", **axes
        )

    def always(self, sudden: Errors) -> Iterator[Check]:
        """A flip turns the error of who does not follow into 1 - error."""
        stale = sudden["stale"]
        before, after = stale[:FLIP].mean(), stale[FLIP:].mean()
        error = 2 * np.sqrt(before * (1 - before) / (stale[:FLIP].size * NEW))
        # streams share their first model in both halves, which leaves the noise of fresh rows
        yield self.near("flip: stale error before + after", 1, before + after, 5 * error, "words")

    def claims(self, drift: Errors, sudden: Errors, by_speed: Errors) -> Iterator[Check]:
        """Who wins where. Over 12 seeds see each."""
        stale, steps, scratch = (drift[way][-12:].mean() for way in WAYS)
        yield self.below(
            "slow drift: error of steps over from scratch", 0.9, steps / scratch, "words"
        )
        yield self.below("slow drift: error of steps over stale", 0.8, steps / stale, "words")
        stale, steps, scratch = (sudden[way][FLIP].mean() for way in WAYS)
        yield self.below(
            "flip, that month: error from scratch over steps", 0.7, scratch / steps, "words"
        )
        yield self.above("flip, that month: error of steps", 0.4, steps)
        late = sudden["update steps"][-6:].mean() / sudden["from scratch"][-6:].mean()
        yield self.below("flip, in the end: error of steps over from scratch", 1, late)
        wins = by_speed["update steps"].mean(1) < by_speed["from scratch"].mean(1)
        words = "".join("sS"[int(win)] for win in wins)
        once = bool(wins[0] and not wins[-1] and np.abs(np.diff(wins.astype(int))).sum() == 1)
        yield self.holds("winner by speed, S steps, s from scratch", "S, then s", words, once)
        level = np.ptp(by_speed["from scratch"].mean(1))
        yield self.at_most("from scratch: errors differ by speed by", 0.03, level)
