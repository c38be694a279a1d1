"""4.9 Label shift: which classes the target has, from what a classifier takes its images for."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from ml import draws, fields
from ml.data import fashion_mnist
from ml.data.fashion_mnist import LABELS, SIDE, FashionMNIST
from ml.events import Event, Figure, Floats, HeatMap, Series, Table
from ml.experiment import Preset
from ml.fashion import NUM_INPUTS, NUM_OUTPUTS, FashionExperiment, logits
from ml.nn import MLP
from ml.optim import Adam
from ml.shift import LabelShift as Estimate
from ml.shift import by_class, label_shift
from ml.shift.labels import SURE
from ml.trains import Fits, Training

NUM_VALID = NUM_TARGET = 10_000  # images that C is counted on; of the target
MOST = 20_000  # images to learn from: of the others none need be drawn twice
MOVED = 2  # pixels to the right, where the covariates move, too
ALL = np.arange(NUM_OUTPUTS)
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Answers:
    """What images (n,) are, what the classifier takes them for, and how sure it is."""

    truth: Labels
    predicted: Labels
    confidence: Floats

    def at(self, rows: NDArray[np.int64]) -> "Answers":
        """Those of some rows."""
        return Answers(self.truth[rows], self.predicted[rows], self.confidence[rows])

    @property
    def recall(self) -> Floats:
        """The share of each class that is right: (10,)."""
        right = self.predicted == self.truth
        return np.array([right[self.truth == j].mean() for j in ALL])


class LabelShift(FashionExperiment):
    """Find the shares of the classes in images without labels, by solving C p = μ."""

    breakable = ("target_rows", "estimate", "counted_on")
    presets = (
        Preset("skewed", "Skewed", "Each class is rarer than the one before it.", {}),
        Preset("same", "No shift", "All classes alike: p is q.", {"skew": 1.0}),
        Preset("rare", "Rare classes", "The last classes all but vanish.", {"skew": 0.4}),
    )

    name: Literal["label_shift"] = "label_shift"
    skew: float = fields.own(
        0.7,
        "Data",
        "Skew",
        "So many images of a class there are for one of the class before it.",
        ge=0.3,
        le=1,
    )
    num_images: Annotated[fields.NumImages, Field(le=MOST)] = 10_000
    num_hiddens: Annotated[fields.NumHiddens, Field(le=512)] = 64
    lr: Annotated[fields.Lr, Field(le=1)] = 0.002
    batch_size: fields.BatchSize = 128
    num_epochs: Annotated[fields.NumEpochs, Field(le=100)] = 10

    num_draws: int = fields.own(
        100,
        "Repetitions",
        "Draws",
        "Of validation images and target; p is found for each.",
        ge=2,
        le=1000,
    )

    @cached_property
    def data(self) -> FashionMNIST:
        """All of them: the first are learnt from."""
        return fashion_mnist.read(fields.IMAGES)

    @cached_property
    def p(self) -> Floats:
        """Shares of the classes in the target, which nobody may look at: (10,)."""
        shares = self.skew**ALL
        return np.asarray(shares / shares.sum())

    def trainings(self) -> Iterator[Training]:
        """A model of the source, where all classes are alike."""
        train, valid = self.data.train[: self.num_images], self.data.train[-NUM_VALID:]
        net = MLP((NUM_INPUTS, self.num_hiddens, NUM_OUTPUTS))
        lane = self.lane("source", train=train, valid=valid)
        yield self.classifier("source", [lane], net, judged_on="valid", optimizer=Adam)

    def results(self, fits: Fits) -> Iterator[Event]:
        """p of one target, and how p does over a hundred of them."""
        n, X, y = self.num_images, self.data.X, self.data.y[:, 0].numpy()
        learnt, unseen = self.answers(fits, X[:n], y[:n]), self.answers(fits, X[n:], y[n:])
        images = X[n:].view(-1, SIDE, SIDE).roll(MOVED, 2).reshape(-1, NUM_INPUTS)
        moved = self.answers(fits, images, y[n:])
        valid, target = self.split(0, unseen.truth)
        yield from self.one(self.counted_on(learnt, unseen.at(valid)), unseen.at(target))
        yield from self.many(learnt, unseen, moved)

    @staticmethod
    def answers(fits: Fits, X: Tensor, truth: Labels) -> Answers:
        """What the source's model says of images (n, 784)."""
        sure, predicted = logits(fits[0].net, X)[0].double().softmax(1).max(1)
        return Answers(truth, predicted.numpy(), sure.numpy())

    def split(self, run: int, truth: Labels) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows for C and rows of the target, of images never learnt from: none in both."""
        rng = draws.numpy_generator(self.seed, run)
        valid, others = np.split(rng.permutation(len(truth)), [NUM_VALID])
        return valid, others[self.target_rows(truth[others], self.p, NUM_TARGET, rng)]

    @staticmethod
    def target_rows(
        truth: Labels, p: Floats, m: int, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Places in `truth` (n,) of the target's images (m,): any, by class as p says."""
        return by_class(truth, p, m, rng)

    @staticmethod
    def counted_on(learnt: Answers, valid: Answers) -> Answers:  # noqa: ARG004  what is wrong there
        """What C is counted on: images that were not learnt from."""
        return valid

    @staticmethod
    def estimate(valid: Answers, target: Answers) -> Estimate:
        """p, without a look at the target's truth."""
        sure = valid.confidence, target.confidence
        return label_shift(valid.truth, valid.predicted, target.predicted, NUM_OUTPUTS, scores=sure)

    def one(self, valid: Answers, target: Answers) -> Iterator[Event]:
        """Both readings of C, beside the truth."""
        found, truth = (
            self.estimate(valid, target),
            np.bincount(target.truth, minlength=10) / NUM_TARGET,
        )
        worst = float(np.abs(found.p - truth).max())
        yield Figure(
            "confusion",
            "C with columns that add up to 1: of each class, what it is taken for, %",
            f"Condition number {found.condition:.2f}: by so much a relative error of μ can grow.",
            heat_map=HeatMap(LABELS, LABELS, 100 * found.columns),
            x_label="true class",
            y_label="predicted class",
        )
        columns: dict[str, Any] = {
            "class": LABELS,
            "q": found.q,
            "μ": found.predicted,
            "C joint: p/q": found.ratio,
            "C by columns: p": found.solution,
            "low": found.low,
            "high": found.high,
            "truth": truth,
        }
        note = " ".join(found.notes) or "No share below 0; given the classes, images look alike."
        yield Table.of("readings", "Two readings of C", columns, note)
        x = np.arange(float(NUM_OUTPUTS))
        drawn = {"predicted, μ": found.predicted}
        solved = Series("p, 90 %", x, found.p, "", "markers", "", found.low, found.high)
        yield Figure.lines(
            "shares",
            "Shares of the classes in the target",
            f"Predictions are off by {np.abs(found.predicted - truth).max():.3f} at most, the"
            f" solution of C p = μ by {worst:.3f}.",
            x,
            drawn,
            solved,
            Series("truth", x, truth, "truth", "markers"),  # last, so that it lies on top
            mode="markers",
            x_names=LABELS,
            x_label="",
            y_label="share",
        )
        both = float(np.abs(found.ratio * found.q - found.solution).max())
        yield self.at_most("two readings of C: |q · p/q - p|", 1e-9, both)
        other = self.estimate(valid, replace(target, truth=(target.truth + 1) % NUM_OUTPUTS))
        moved = float(np.abs(other.p - found.p).max())
        yield self.equal("other labels of the target: p moves by", 0, moved)
        yield from self.constancy(valid, target)

    def constancy(self, valid: Answers, target: Answers) -> Iterator[Event]:
        """Recall stays, accuracy moves: all that label shift is."""
        k, j = (np.bincount(each.truth, minlength=10) for each in (valid, target))
        spread = np.sqrt(valid.recall * (1 - valid.recall) * (1 / k + 1 / np.maximum(j, 1)))
        away = float((np.abs(valid.recall - target.recall) / spread).max())
        yield self.at_most(
            "recall of a class, source to target, in standard errors", 5, away, "words"
        )
        foretold = float(valid.recall @ (j / NUM_TARGET))
        right = float((target.predicted == target.truth).mean())
        yield self.near("accuracy on the target: Σ p(y) · recall", foretold, right, 0.015)

    def many(self, learnt: Answers, unseen: Answers, moved: Answers) -> Iterator[Event]:
        """Error, bias and interval over a hundred drawings, and two ways to go wrong."""
        rows = [self.split(run, unseen.truth) for run in range(1, self.num_draws + 1)]
        pairs = [(self.counted_on(learnt, unseen.at(v)), unseen.at(t)) for v, t in rows]
        right = [self.estimate(*pair) for pair in pairs]
        ways = {
            "C from images never seen": right,
            "C from images learnt from": [self.estimate(learnt, target) for _, target in pairs],
            f"images moved by {MOVED} pixels, too": [
                self.estimate(valid, moved.at(t))
                for (valid, _), (_, t) in zip(pairs, rows, strict=True)
            ],
        }
        off = np.array(
            [[each.p - self.p for each in way] for way in ways.values()]
        )  # (3, draws, k)
        misplaced = np.abs(off).sum(2).mean(1) / 2
        error = np.maximum(off.std(1, ddof=1) / np.sqrt(self.num_draws), 1 / NUM_TARGET**2)
        bias = (np.abs(off.mean(1)) / error).max(1)
        sure = np.array([[each.same_covariates for each in way] for way in ways.values()], float)
        alarms = (sure < SURE).mean(1)
        cover = float(np.mean([(e.low <= self.p) & (self.p <= e.high) for e in right]))
        columns: dict[str, Any] = {
            "how": [*ways],
            "share misplaced, mean": misplaced,
            "worst bias of a share": np.abs(off.mean(1)).max(1),
            "said to be more than label shift": alarms,
        }
        note = f"The 90 % interval of a class covers its share in {cover:.1%}."
        yield Table.of("runs", f"Over {self.num_draws} drawings", columns, note)
        if not self.matches():
            return
        worst = float(np.abs(off[0]).max(1).mean())
        yield self.at_most(
            f"p from its truth, the worst class, mean of {self.num_draws}", 0.02, worst
        )
        yield self.near("90 % intervals that cover, share", 0.9, cover, 0.05)
        yield self.at_most("worst bias of p, in standard errors", 6, bias[0])
        yield self.at_least("the same with C of images learnt from", 10, bias[1])
        worse = misplaced[2] / misplaced[0]
        yield self.at_least("error where the covariates moved, too, over ours", 2, worse)
        yield self.at_most("label shift taken for more, share", 0.05, alarms[0])
        yield self.at_least("moved covariates that are said, share", 0.9, alarms[2])
