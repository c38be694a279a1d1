"""4.9 Two readings of C: as shares of all rows it gives p/q, as shares of each class p."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from ml import draws, fields
from ml.events import Event, Figure, Floats, HeatMap, Table
from ml.experiment import InstantExperiment, Preset
from ml.shift import LabelShift, label_shift
from ml.shift.labels import RESAMPLES, Labels

Q, P = np.array([0.6, 0.3, 0.1]), np.array([0.2, 0.3, 0.5])
CLASSES = ("1", "2", "3")
RUNS = 40


class ConfusionReadings(InstantExperiment):
    """Solve C p = μ by both readings of the book's C, for three classes and a poor classifier."""

    breakable = ("estimate",)
    presets = (
        Preset("fair", "A fair classifier", "Right in eight of ten.", {}),
        Preset("perfect", "A perfect one", "C is diagonal.", {"recall": 1.0}),
        Preset("poor", "A poor one", "C is hard to invert.", {"recall": 0.4, "rows": 500}),
    )
    verifies = ({}, {"recall": 1.0})

    name: Literal["confusion_readings"] = "confusion_readings"
    recall: float = fields.own(
        0.8, "Model", "Recall", "The share of each class that is taken for it.", ge=0.34, le=1
    )
    rows: int = fields.own(
        5000, "Data", "Rows", "Validation rows, and as many of the target.", "n", ge=50, le=50_000
    )

    def answer(self) -> Iterator[Event]:
        """One pair of tables, both readings, and how far p strays over 40 pairs."""
        rng = draws.numpy_generator(self.seed)
        found = self.pair(rng)
        p = np.array([self.pair(rng, 0).solution for _ in range(RUNS)])
        yield from self.readings(found)
        yield self.spread(found, p)
        true = self.exact()
        off = np.abs(true.ratio - P / Q).max()
        yield self.at_most("C joint, exact: |solution - p/q|", 1e-9, off)
        yield self.at_most("C by columns, exact: |solution - p|", 1e-9, np.abs(true.p - P).max())
        off = np.abs(true.joint.sum(0) - Q).max()
        yield self.at_most("columns of the joint C add up to q, within", 1e-9, off)
        if self.matches(recall=self.recall):
            off = (np.abs(p.mean(0) - P) / (p.std(0, ddof=1) / np.sqrt(RUNS))).max()
            yield self.at_most("mean p of 40 pairs from its truth, in standard errors", 5, off)

    @property
    def columns(self) -> Floats:
        """The classifier: predicted i, given the true class j (3, 3)."""
        wrong = (1 - self.recall) / 2
        return np.full((3, 3), wrong) + (self.recall - wrong) * np.eye(3)

    def predicted(self, truth: Labels, rng: np.random.Generator) -> Labels:
        """What it takes rows of these classes for, whatever table they stand in (n,)."""
        edges = self.columns.cumsum(0)[:, truth]
        return np.asarray(np.minimum((edges < rng.random(len(truth))).sum(0), 2))

    def pair(self, rng: np.random.Generator, resamples: int = RESAMPLES) -> LabelShift:
        """C of source rows, and what is predicted on target rows."""
        y, hidden = (rng.choice(3, self.rows, p=share) for share in (Q, P))
        return self.estimate(y, self.predicted(y, rng), self.predicted(hidden, rng), resamples)

    def exact(self) -> LabelShift:
        """The same without chance: a table of rows in which every share is what it should be."""
        counts = [np.rint(1e5 * self.columns * share).astype(int) for share in (Q, P)]
        i, j = np.indices((3, 3))
        y, said = (np.repeat(each.ravel(), counts[0].ravel()) for each in (j, i))
        return self.estimate(y, said, np.repeat(i.ravel(), counts[1].ravel()), 0)

    @staticmethod
    def estimate(y: Labels, said: Labels, target: Labels, resamples: int) -> LabelShift:
        """Both readings."""
        return label_shift(y, said, target, 3, resamples=resamples)

    def readings(self, found: LabelShift) -> Iterator[Event]:
        """C twice, and what each gives."""
        axes: dict[str, Any] = {"x_label": "true class", "y_label": "predicted class"}
        joint, columns = (HeatMap(CLASSES, CLASSES, C) for C in (found.joint, found.columns))
        yield Figure(
            "joint",
            "C as shares of all rows",
            f"All cells add up to 1. C x = μ gives {_written(found.ratio)}; p/q is"
            f" {_written(P / Q)}.",
            heat_map=joint,
            **axes,
        )
        yield Figure(
            "columns",
            "C as shares of each true class",
            f"Each column adds up to 1. C x = μ gives {_written(found.solution)}; p is"
            f" {_written(P)}.",
            heat_map=columns,
            **axes,
        )

    def spread(self, found: LabelShift, p: Floats) -> Table:
        """What chance makes of p."""
        below = float((p < 0).any(1).mean())
        note = f"Of {RUNS} pairs of tables {below:.0%} have a share below 0. " + " ".join(
            found.notes
        )
        columns: dict[str, Any] = {
            "class": CLASSES,
            "q": found.q,
            "predicted, μ": found.predicted,
            "p": found.solution,
            "low, 90 %": found.low,
            "high": found.high,
            "truth": P,
            f"spread over {RUNS} pairs": p.std(0, ddof=1),
        }
        return Table.of("solutions", f"Condition number {found.condition:.2f}", columns, note)


def _written(values: Floats) -> str:
    return "(" + ", ".join(f"{value:.2f}" for value in values) + ")"
