"""4.3 Exercises of the MLP: learning rate, depth, width and activation searched together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from ml import draws, fashion
from ml.data import fashion_mnist
from ml.data.fashion_mnist import TRAIN, FashionMNIST
from ml.device import best_device
from ml.events import Checkpoint, Event, Figure, Role, Series, Table
from ml.experiment import Device, Diverged, Experiment, Preset
from ml.lanes import Lane
from ml.nn import mlp
from ml.train import Progress, Training, started

Row = NDArray[np.float64]
HELD_OUT = 2000  # further training images to choose on: their accuracy strays by 1 %
SMALLEST = 0.01  # learning rate
DEPTHS, WIDTHS = (0, 1, 2, 3), (32, 64, 128, 256, 512)
ACTIVATIONS = ("relu", "tanh", "sigmoid")
ROLES: tuple[Role, ...] = ("c3", "c4", "c5", "c6")  # a colour each depth
DRAWN = 43  # place of the trials' random numbers


@dataclass(frozen=True, slots=True)
class Trial:
    """One setting; without a hidden layer, softmax regression, width and activation are none."""

    lr: float
    hiddens: tuple[int, ...] = (256,)
    activation: str = "relu"

    @property
    def shape(self) -> str:
        """What lanes of one program have in common."""
        layers = " × ".join(map(str, self.hiddens))
        return f"{layers} {self.activation}" if self.hiddens else "no hidden layer"

    @property
    def label(self) -> str:
        """Shape and learning rate."""
        return f"{self.shape}, lr {self.lr:.3g}"


BOOK = Trial(0.1)


class MLPSearch(Experiment):
    """Search learning rate, depth, width and activation at random, then try the best anew."""

    section: ClassVar[str] = "4.3"
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("search", "Joint search", "24 trials; the best beside the book's setting.", {}),
        Preset("wide", "Longer steps", "Learning rates up to 30: some diverge.", {"max_lr": 30.0}),
    )
    # the chapter gives no figure for these: a chart with an interval, and no verdict
    verifies: ClassVar[tuple[dict[str, Any], ...]] = ()

    name: Literal["mlp_search"] = "mlp_search"
    num_trials: int = Field(
        24, ge=2, le=100, title="Trials",
        description="Settings drawn at random; a longer search begins with the same ones.",
        json_schema_extra={"group": "Search"},
    )  # fmt: skip
    max_lr: float = Field(
        1.0, ge=0.02, le=100, title="Largest learning rate",
        description="Learning rates of SGD are drawn from 0.01 to this, evenly in their logarithm.",
        json_schema_extra={"group": "Search", "symbol": "η"},
    )  # fmt: skip
    num_seeds: int = Field(
        5, ge=2, le=20, title="Seeds",
        description="Fresh starts and orders with which the chosen setting is compared.",
        json_schema_extra={"group": "Search"},
    )  # fmt: skip
    num_epochs: int = Field(
        5, ge=1, le=200, title="Epochs", description="Passes over the training images.",
        json_schema_extra={"group": "Training"},
    )  # fmt: skip
    num_images: int = Field(
        10_000, ge=10, le=TRAIN - HELD_OUT, title="Training images",
        description="Images to learn from; 2,000 further training images choose the best.",
        json_schema_extra={"group": "Data", "symbol": "n"},
    )  # fmt: skip
    device: Device = "auto"

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:
        """Try every setting once, choose without the test images, then test the choice."""
        data, trials = fashion_mnist.read(self.num_images + HELD_OUT), self.trials()
        shapes = dict.fromkeys(trial.shape for trial in trials)
        places = [[i for i, t in enumerate(trials) if t.shape == shape] for shape in shapes]
        held_out = torch.arange(self.num_images, self.num_images + HELD_OUT)
        trainings = [
            self.training(data, "search", [(trials[i], self.seed) for i in group], held_out)
            for group in places
        ]
        yield from started(trainings)
        progress, reached = Progress(resume), np.full(len(trials), np.nan)
        for group, training in zip(places, trainings, strict=True):
            reached[group] = yield from fashion.ended(training, progress)
        if np.isnan(reached).all():
            raise Diverged("Every trial diverged: none can be chosen. A smaller max_lr helps.")
        yield from self.searched(trials, reached)
        best = int(np.nanargmax(reached))
        yield from self.tried_anew(data, trials[best], float(reached[best]), progress)

    def trials(self) -> list[Trial]:
        """Each from its own random numbers: the first are the same, however many there are."""
        found = []
        for i in range(self.num_trials):
            rng = draws.numpy_generator(self.seed, DRAWN, i)
            lr = float(np.exp(rng.uniform(np.log(SMALLEST), np.log(self.max_lr))))
            depth, width = int(rng.choice(DEPTHS)), int(rng.choice(WIDTHS))
            found.append(Trial(lr, (width,) * depth, str(rng.choice(ACTIVATIONS))))
        return found

    def training(
        self,
        data: FashionMNIST,
        stage: str,
        runs: Sequence[tuple[Trial, int]],
        judged_on: torch.Tensor,
    ) -> Training:
        """Lanes of one shape, each a setting and a seed; torch's start, uniform in 1/√inputs."""
        first = runs[0][0]
        sizes = (fashion.NUM_INPUTS, *first.hiddens, fashion.NUM_OUTPUTS)
        lanes = [
            Lane(
                label=f"{stage}: {trial.label}, seed {seed}", train=torch.arange(self.num_images),
                valid=judged_on, lr=trial.lr, seed=seed,
            )
            for trial, seed in runs
        ]  # fmt: skip
        return fashion.training(
            data, f"{stage}: {first.shape}", lanes,
            lambda given: mlp(given, sizes, activation=first.activation),
            num_epochs=self.num_epochs, device=best_device(self.device),
        )  # fmt: skip

    # ---- the search

    def searched(self, trials: Sequence[Trial], reached: Row) -> Iterator[Event]:
        """Accuracy on held-out images of every trial (T,), NaN where it diverged."""
        best, lost = int(np.nanargmax(reached)), int(np.isnan(reached).sum())
        lr = np.array([trial.lr for trial in trials])
        depth = np.array([len(trial.hiddens) for trial in trials])
        there = np.isfinite(reached)
        yield Figure(
            "search", "Accuracy of every trial by its learning rate",
            f"Best of {len(trials)} trials is {trials[best].label}, right on {reached[best]:.1%}"
            f" of {HELD_OUT:,} held-out images; {lost} diverged.",
            tuple(
                Series(f"{d} hidden", lr[there & (depth == d)], reached[there & (depth == d)],
                       ROLES[d], "markers")
                for d in DEPTHS
                if (there & (depth == d)).any()
            ),
            x_label="learning rate", y_label="held-out accuracy", x_scale="log",
        )  # fmt: skip
        so_far = np.fmax.accumulate(reached)
        known, x = np.isfinite(so_far), np.arange(1.0, len(trials) + 1)
        yield Figure(
            "best_so_far", "The best so far, trial by trial",
            f"Trial {best + 1} of {len(trials)} is the last to better what came before it.",
            (
                Series("best so far", x[known], so_far[known], "c3"),
                Series("trial", x[there], reached[there], "c4", "markers"),
            ),
            x_label="trial", y_label="held-out accuracy",
        )  # fmt: skip
        order = np.argsort(np.where(there, -reached, np.inf), kind="stable")
        yield Table(
            "search", "Trials, best first",
            ("trial", "lr", "hidden layers", "width", "activation", "accuracy", "outcome"),
            tuple(self.row(int(i), trials[i], float(reached[i]), best) for i in order),
            note=f"{self.num_images:,} images, {self.num_epochs} epochs, SGD; accuracy on"
            f" {HELD_OUT:,} held-out images, which alone strays by about 1 %.",
        )  # fmt: skip

    def row(
        self, i: int, trial: Trial, accuracy: float, best: int
    ) -> tuple[str | float | None, ...]:
        """A line of the table of trials."""
        width, activation = (trial.hiddens[0], trial.activation) if trial.hiddens else (None, "")
        diverged = bool(np.isnan(accuracy))
        outcome = "diverged" if diverged else "chosen" if i == best else ""
        depth, said = float(len(trial.hiddens)), None if diverged else accuracy
        return (
            float(i + 1), trial.lr, depth, None if width is None else float(width), activation,
            said, outcome,
        )  # fmt: skip

    # ---- the choice, with seeds that chose nothing

    def tried_anew(
        self, data: FashionMNIST, chosen: Trial, promised: float, progress: Progress
    ) -> Iterator[Event]:
        """Test accuracy of the chosen setting and of the book's, with the same fresh seeds."""
        seeds = range(self.seed + 1, self.seed + 1 + self.num_seeds)
        trainings = [
            self.training(data, stage, [(trial, seed) for seed in seeds], data.test)
            for stage, trial in (("chosen", chosen), ("book", BOOK))
        ]
        yield from started(trainings)
        ours = yield from fashion.ended(trainings[0], progress)
        books = yield from fashion.ended(trainings[1], progress)
        x = np.arange(1.0, self.num_seeds + 1)
        yield Figure(
            "chosen", "The chosen setting beside the book's, on test images",
            f"{chosen.label}, right on {promised:.1%} of the held-out images,"
            f" {outcome(ours, books)}.",
            (
                Series("chosen", x[np.isfinite(ours)], ours[np.isfinite(ours)], "c3", "markers"),
                Series("book", x[np.isfinite(books)], books[np.isfinite(books)], "book", "markers"),
            ),
            x_label="fresh seed", y_label="test accuracy",
        )  # fmt: skip
        yield Table(
            "chosen", "Test accuracy", ("setting", "mean", "95 % ±"),
            (
                (f"chosen: {chosen.label}", *fashion.spread(ours)),
                (f"book: {BOOK.label}", *fashion.spread(books)),
                ("chosen minus book", *fashion.spread(ours - books)),
            ),
            note=f"{self.num_seeds} fresh seeds, both trained the same way; empty: one diverged.",
        )  # fmt: skip


def outcome(ours: Row, books: Row) -> str:
    """What became of the choice: accuracies with the same seeds (S,), NaN where one diverged."""
    lost = [int(np.isnan(row).sum()) for row in (ours, books)]
    if any(lost):
        return (
            f"diverges with {lost[0]} of {len(ours)} fresh seeds, the book's setting with {lost[1]}"
        )
    (mean, half), (theirs, around) = fashion.interval(ours), fashion.interval(books)
    apart = fashion.percent("paired by seed they differ by", ours - books)
    return (
        f"is right on {mean:.1%} ± {half:.1%} of the test images and the book's setting on"
        f" {theirs:.1%} ± {around:.1%}; {apart}"
    )
