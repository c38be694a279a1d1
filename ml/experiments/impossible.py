"""4.9 Impossible: where all labels are flipped and p(x) stays, no look at the inputs can tell."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from ml import draws, fields, logistic
from ml.events import Check, Event, Figure, Floats, Table
from ml.experiment import InstantExperiment, Preset
from ml.grid import by_category
from ml.intervals import plus_minus
from ml.shift import concept_shift

SIGMAS = 5.0
BEND = 2.0  # slope of the log odds of y: the best accuracy is .82
LABELS = (5, 10, 20, 50)  # target rows whose labels are bought


class Impossible(InstantExperiment):
    """Flip the target's labels and keep its inputs: cats are dogs, and nothing seen has changed."""

    breakable = ("flip", "inputs", "seen")
    presets = (
        Preset("flipped", "All flipped", "Accuracy a becomes 1 - a, unseen.", {}),
        Preset("half", "Every other", "What was learnt is worth nothing.", {"flipped": 0.5}),
        Preset("more", "Many rows", "Five times as many inputs tell no more.", {"n": 2000}),
    )

    name: Literal["impossible"] = "impossible"
    n: int = fields.own(
        400, "Data", "Rows", "Of the source, and as many of the target.", "n", ge=50, le=2000
    )
    flipped: float = fields.own(
        1.0, "Data", "Flipped", "Share of the target's rows with the other label.", ge=0, le=1
    )
    shift: float = fields.own(
        1.0, "Data", "Shift", "How far the inputs move where they do.", "δ", ge=0, le=3
    )
    repeats: int = fields.own(
        60, "Repetitions", "Worlds", "Pairs of source and target drawn.", ge=20, le=100
    )

    def answer(self) -> Iterator[Event]:
        """Three targets of one source, seen by a classifier of inputs and by their labels."""
        rng = draws.numpy_generator(self.seed)
        X, held_out, same = (self.inputs(rng) for _ in range(3))
        y, old_y, same_y = (self.labels(each, rng) for each in (X, held_out, same))
        w = logistic.fit(X, y)
        promised = losses(w, held_out, old_y)
        flips = self.flip(same_y, rng)
        moved = same + self.shift * np.array([1.0, 0.0])
        targets = {
            "as before": (same, same_y),
            "labels flipped": (same, flips),
            "inputs moved": (moved, self.labels(moved, rng)),
        }
        source = self.seen(X, y)
        aucs = {name: self.aucs(source, self.seen(*rows)) for name, rows in targets.items()}
        accuracy = {name: 1 - losses(w, *rows).mean(1) for name, rows in targets.items()}
        yield self.picture(aucs)
        yield self.table(promised, aucs, accuracy)
        wrong = losses(w, same, flips)
        yield self.bought(promised, wrong)
        yield from self.of_the_inputs(aucs)
        if self.flipped == 1:
            yield from self.of_the_labels(1 - promised.mean(1), accuracy)

    # ---- the world

    def inputs(self, rng: np.random.Generator) -> Floats:
        """Standard normal rows (repeats, n, 2) of source and target alike."""
        return draws.normal(rng, self.repeats, self.n, 2)

    @staticmethod
    def labels(X: Floats, rng: np.random.Generator) -> Floats:
        """Cat 0 or dog 1 by q(y|x): (repeats, n)."""
        return np.asarray(rng.random(X.shape[:2]) < logistic.chance(BEND * X.sum(-1)), float)

    def flip(self, y: Floats, rng: np.random.Generator) -> Floats:
        """p(y|x) = 1 - q(y|x), for that share of the rows."""
        return np.where(rng.random(y.shape) < self.flipped, 1 - y, y)

    # ---- what is seen

    @staticmethod
    def seen(X: Floats, _y: Floats) -> Floats:
        """What a detector may look at: the inputs (S, n, 2)."""
        return X

    def aucs(self, source: Floats, target: Floats) -> Floats:
        """How well a classifier learnt on half of the rows tells source from target on the other:
        (repeats,)."""
        from sklearn.metrics import roc_auc_score

        half = self.n // 2
        learnt, new = (
            np.concatenate(p, 1) for p in zip(*map(halves, (source, target)), strict=True)
        )
        z = np.repeat([0.0, 1.0], half)
        w = logistic.fit(learnt, np.tile(z, (self.repeats, 1)))
        return np.array([roc_auc_score(z, h) for h in logistic.odds(w, new)])

    @property
    def chance(self) -> float:
        """Standard deviation of an AUC where nothing differs (Mann and Whitney)."""
        half = self.n // 2
        return float(np.sqrt((2 * half + 1) / (12 * half**2)))

    def picture(self, aucs: dict[str, Floats]) -> Figure:
        """AUC by what has changed."""
        before, flipped, moved = (plus_minus(each, ".3f") for each in aucs.values())
        return by_category(
            "aucs",
            "What a classifier of inputs sees of three targets",
            f"AUC of telling source from target: {before} where nothing changed, {flipped} where"
            f" labels are flipped: the same rows. Where inputs move it sees it: {moved}.",
            aucs,
            y_label="AUC on held-out rows",
        )

    def table(self, promised: Floats, aucs: dict[str, Floats], right: dict[str, Floats]) -> Table:
        """What inputs say, and what it comes to."""
        columns: dict[str, Any] = {
            "target": [*aucs],
            "AUC": [plus_minus(each, ".3f") for each in aucs.values()],
            "accuracy promised": [plus_minus(1 - promised.mean(1), ".3f")] * len(aucs),
            "accuracy there": [plus_minus(each, ".3f") for each in right.values()],
        }
        return Table.of("targets", "Three targets of one source", columns)

    def bought(self, promised: Floats, wrong: Floats) -> Table:
        """How soon labels of the target tell."""
        found = [
            np.mean([concept_shift(q, p[:m]).found for q, p in zip(promised, wrong, strict=True)])
            for m in LABELS
        ]
        columns: dict[str, Any] = {"labels bought": [*map(float, LABELS)], "found": found}
        title = "Flipped labels are found by a few labels of the target"
        return Table.of("labels", title, columns, f"Share of {self.repeats} worlds.")

    # ---- what is claimed

    def of_the_inputs(self, aucs: dict[str, Floats]) -> Iterator[Check]:
        """AUC ½ but for chance, and of shifted normal inputs Φ(μ/√2)."""
        from scipy.special import ndtr

        before, flipped, moved = aucs.values()
        apart = np.abs(before - flipped).max()
        yield self.equal("AUC moves by flipped labels by", 0, apart, "words")
        away = abs(flipped.mean() - 0.5) / self.chance * np.sqrt(self.repeats)
        yield self.at_most("labels flipped: mean AUC from ½, in standard errors", SIGMAS, away)
        inside = (np.abs(flipped - 0.5) < 1.96 * self.chance).mean()
        yield self.at_least("labels flipped: AUCs within the 95 % interval around ½", 0.8, inside)
        expected = float(ndtr(self.shift / np.sqrt(2)))
        yield self.near("inputs moved: AUC", expected, moved.mean(), 0.03)

    def of_the_labels(self, promised: Floats, right: dict[str, Floats]) -> Iterator[Check]:
        """Accuracy a becomes 1 - a; both come from rows that nothing was learnt from."""
        before, flipped, _ = right.values()
        total = np.abs(before + flipped - 1).max()
        yield self.near("accuracy a + accuracy on flipped labels - 1", 0, total, 1e-12, "words")
        a = promised.mean()
        error = np.sqrt(2 * a * (1 - a) / (self.n * self.repeats))
        off = abs(flipped.mean() - (1 - a)) / error
        yield self.at_most("flipped accuracy from 1 - a, in standard errors", SIGMAS, off, "words")
        yield self.below("accuracy on flipped labels", 0.25, flipped.mean())


def halves(X: Floats) -> tuple[Floats, Floats]:
    """Rows (S, n, d) to learn from and as many others."""
    half = X.shape[1] // 2
    return X[:, :half], X[:, half : 2 * half]


def losses(w: Floats, X: Floats, y: Floats) -> Floats:
    """1 where the model errs, else 0: coefficients (S, 3), rows (S, n, 2), labels (S, n)."""
    return np.asarray((logistic.odds(w, X) > 0) != (y > 0.5), float)
