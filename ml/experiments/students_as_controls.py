"""4.9 Students as controls: a blood test that is perfect on its own test, and of no use."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.special import ndtr

from ml import draws, fields, logistic
from ml.events import Check, Event, Figure, Floats, Series, Table
from ml.experiment import InstantExperiment, Preset
from ml.intervals import interval, plus_minus
from ml.shift import advice, density_ratio, effective_rows

STUDENTS, PATIENTS, MEN = ((21.0, 2.0), 0.0), ((70.0, 8.0), 6.0), ((66.0, 8.0), 0.0)
"""Mean and spread of the age, and how much they are treated on average, with a spread of 1."""
SCALE = np.array([10.0, 1.0, 1.0])  # one unit of each column for the classifier
FEW = 10  # rows: too few to learn anything from
NO = "Correcting cannot be relied on"


class Rows(NamedTuple):
    """Age, treatment and marker (R, n, 3), and whether they are sick (R, n)."""

    X: Floats
    y: Floats


class StudentsAsControls(InstantExperiment):
    """Learn a disease of older men from patients and students, and test older men."""

    breakable = ("beta", "men", "study")
    presets = (
        Preset("students", "Students as controls", "No overlap: nothing corrects this.", {}),
        Preset("some", "Some from the clinic", "With overlap, weights help.", {"matched": 0.3}),
        Preset(
            "marker", "A strong marker", "It would be easy, had it been asked.", {"effect": 4.0}
        ),
    )
    verifies = ({}, {"matched": 0.3})

    name: Literal["students_as_controls"] = "students_as_controls"
    n: int = fields.own(400, "Data", "Rows", "Rows of the study.", "n", ge=100, le=1000)
    matched: float = fields.own(
        0.0,
        "Data",
        "Matched",
        "Share of the study that are men like those to be tested.",
        ge=0,
        le=1,
    )
    effect: float = fields.own(
        2.0, "Data", "Marker", "How far the disease moves the marker, in its spreads.", ge=0, le=5
    )
    repeats: int = fields.own(40, "Repetitions", "Studies", "Studies made.", ge=10, le=100)

    def answer(self) -> Iterator[Event]:
        """The study's own test, the men, the men after correction, and a study of men."""
        rng = draws.numpy_generator(self.seed)
        learnt, own, target = self.study(rng, self.n), self.study(rng, self.n), self.men(rng, 400)
        beta = self.beta(learnt.X)
        plain = logistic.fit(learnt.X / SCALE, learnt.y)
        weight = beta / beta.mean(1, keepdims=True)
        corrected = logistic.fit(learnt.X / SCALE, learnt.y, weight)
        few = self.men(rng, self.n)
        right = {
            "the study's own test": accuracy(plain, own),
            "men to be tested": accuracy(plain, target),
            "the same, corrected by the true β": accuracy(corrected, target),
            "learnt from men instead": accuracy(logistic.fit(few.X / SCALE, few.y), target),
        }
        effective = np.array([effective_rows(each) for each in beta])
        yield self.people(learnt, target)
        ratio = density_ratio(learnt.X[0], target.X[0, :200])
        yield self.table(right, effective, advice(ratio))
        yield from self.claims(right, effective)
        if self.matches():
            alone = float(ratio.unsupported.mean())
            yield self.at_least("men who are like no row of the study", 0.6, alone)
            yield self.holds("advice", NO, advice(ratio)[: len(NO)], alone > 0.5)

    # ---- the world

    def group(self, rng: np.random.Generator, who: Any, y: Floats) -> Floats:
        """Age, treatment and marker of such people: (*y.shape, 3)."""
        (age, spread), treated = who
        off: Floats = draws.normal(rng, *y.shape, 3) * [spread, 1, 1] + [age, treated, 0]
        off[..., 2] += self.effect * y
        return off

    def men(self, rng: np.random.Generator, n: int) -> Rows:
        """Men whom the test is for: half of them sick."""
        y = np.tile(np.arange(n) % 2.0, (self.repeats, 1))
        return Rows(self.group(rng, MEN, y), y)

    def study(self, rng: np.random.Generator, n: int) -> Rows:
        """Patients, and students in the place of healthy men; some may be men as above."""
        X, y = self.men(rng, n)
        others = np.where(
            y[..., None] > 0, self.group(rng, PATIENTS, y), self.group(rng, STUDENTS, y)
        )
        matched = np.arange(n) < 2 * round(self.matched * n / 2)
        return Rows(np.where(matched[:, None], X, others), y)

    def beta(self, X: Floats) -> Floats:
        """p/q of rows (..., 3) by the true densities: no estimate knows more."""
        p = (self.density(X, MEN, 0) + self.density(X, MEN, 1)) / 2
        q = (self.density(X, STUDENTS, 0) + self.density(X, PATIENTS, 1)) / 2
        return np.asarray(p / (self.matched * p + (1 - self.matched) * q))

    def density(self, X: Floats, who: Any, sick: int) -> Floats:
        """Of such people, but for a constant."""
        (age, spread), treated = who
        off = ((X[..., 0] - age) / spread, X[..., 1] - treated, X[..., 2] - sick * self.effect)
        return np.asarray(np.exp(-sum(np.square(o) for o in off) / 2) / spread)

    # ---- what is shown

    def people(self, learnt: Rows, target: Rows) -> Figure:
        """One study by age and treatment."""
        drawn = {
            "patients": learnt.X[0][learnt.y[0] > 0],
            "controls": learnt.X[0][learnt.y[0] < 1],
            "men to be tested": target.X[0],
        }
        lines = (Series(who, X[:, 0], X[:, 1], mode="markers") for who, X in drawn.items())
        finding = (
            "Patients are treated, students are young, and the men whom the test is for are"
            " neither: no row stands for them."
            if not self.matched
            else f"{self.matched:.0%} of the study are men like those to be tested."
        )
        axes: dict[str, Any] = {"x_label": "age, years", "y_label": "treatment"}
        return Figure("people", "Who was asked, and who will be tested", finding, (*lines,), **axes)

    def table(self, right: dict[str, Floats], effective: Floats, warning: str) -> Table:
        """Accuracies, and what the study is worth under the weights."""
        note = (
            f"Under β the {self.n} rows are worth {np.median(effective):.3g}. The marker alone"
            f" tells at best {self.bayes:.3f}. What would have warned, without a label: {warning}"
        )
        columns: dict[str, Any] = {
            "rows": [*right],
            "accuracy": [plus_minus(each, ".3f") for each in right.values()],
        }
        return Table.of("accuracy", f"Accuracy over {self.repeats} studies", columns, note)

    # ---- what is claimed

    @cached_property
    def bayes(self) -> float:
        """The best accuracy for men, by the marker."""
        return float(ndtr(self.effect / 2))

    def claims(self, right: dict[str, Floats], effective: Floats) -> Iterator[Check]:
        """Over 12 seeds men were told apart with .58 to .60, with weights .50 to .51; 400 rows were
        worth 1.9 to 2.1, and where a third is matched weights gained 2.5 to 3.7 %."""
        own, men, corrected, instead = (float(each.mean()) for each in right.values())
        about = f", {self.matched:.0%} matched" if self.matched else ""
        name = f"learnt from men: accuracy{about}"
        yield self.near(name, self.bayes, instead, 0.025)
        if self.matches():
            yield self.at_least("accuracy on the study's own test", 0.99, own, "words")
            yield self.at_most("accuracy on men", 0.7, men, "words")
            rows = float(np.median(effective))
            yield self.at_most(f"rows that {self.n} are worth under β", FEW, rows)
            gain, half = interval(
                right["the same, corrected by the true β"] - right["men to be tested"]
            )
            yield self.at_most(
                "what correction gains, lower end of its interval", 0.0, float(gain - half), "words"
            )
            yield self.at_most("accuracy on men, corrected", 0.7, corrected)
        if self.matches(matched=0.3):
            yield self.at_least(f"corrected accuracy over plain{about}", 1.01, corrected / men)


def accuracy(w: Floats, rows: Rows) -> Floats:
    """Of models (R, 4) on as many sets of rows: (R,)."""
    return np.asarray(((logistic.odds(w, rows.X / SCALE) > 0) == (rows.y > 0)).mean(1))
