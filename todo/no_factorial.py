"""4.4 Without 1/i!: the features explode, SGD diverges beside lanes that were helped."""

from collections.abc import Iterator
from math import factorial
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from ml.data.synthetic import Matrix, Polynomial, orthonormal, polynomial
from ml.device import best_device
from ml.events import Check, Checkpoint, Event, Figure, Series, Table
from ml.experiment import Device, Experiment, Preset
from ml.lanes import Lane, Lanes
from ml.losses import squared_loss
from ml.nn import mlp
from ml.optim import SGD
from ml.train import Progress, Training, fit, started

RAW, BOOK, SMALL, SCALED, ORTHOGONAL = (
    "xⁱ", "xⁱ / i!", "xⁱ, small lr", "(x / max |x|)ⁱ", "orthonormal",
)  # fmt: skip


class NoFactorial(Experiment):
    """Drop the 1/i! of the polynomial's features: training diverges, and three remedies."""

    section: ClassVar[str] = "4.4"
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("remedies", "Five ways", "The book's features, none, and three remedies.", {}),
        Preset("alone", "No remedy", "Bare powers only: it ends diverged.", {"remedies": False}),
        Preset("cubic", "A cubic", "Four bare powers stay finite.", {"num_features": 4}),
    )  # fmt: skip

    name: Literal["no_factorial"] = "no_factorial"
    remedies: bool = Field(
        True, description="Also train with 1/i! and with each remedy, side by side.",
        json_schema_extra={"group": "Data"},
    )  # fmt: skip
    num_features: int = Field(
        20, ge=2, le=20, title="Features", description="Powers of x used: the degree plus one.",
        json_schema_extra={"group": "Data", "symbol": "d"},
    )  # fmt: skip
    num_train: int = Field(
        100, ge=20, le=2000, title="Training points",
        description="Points to learn from, and as many to test on.",
        json_schema_extra={"group": "Data", "symbol": "n"},
    )  # fmt: skip
    noise: float = Field(
        0.1, ge=0, le=10, description="Standard deviation of the noise on y.",
        json_schema_extra={"group": "Data", "symbol": "σ"},
    )  # fmt: skip
    lr: float = Field(
        0.01, gt=0, le=10, title="Learning rate",
        description="Learning rate of SGD; the lane of a small lr takes what its features bear.",
        json_schema_extra={"group": "Training", "symbol": "η"},
    )  # fmt: skip
    batch_size: int = Field(
        10, ge=1, le=2000, description="Points a step.", json_schema_extra={"group": "Training"}
    )
    num_epochs: int = Field(
        400, ge=1, le=5000, title="Epochs", description="Passes over the training points.",
        json_schema_extra={"group": "Training"},
    )  # fmt: skip
    device: Device = "auto"

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:
        """Train one lane for each kind of features; the bare powers may leave the numbers."""
        points = polynomial(2 * self.num_train, self.noise, self.seed)
        kinds = self.kinds(points)
        training = self.training(points, kinds)
        yield self.sizes(kinds)
        yield from started([training])
        fitted = yield from fit(training, Progress(resume))
        curve = fitted.curve.astype(float)
        yield self.tabled(training.lanes, curve)
        if self == NoFactorial(seed=self.seed, device=self.device):
            yield from self.claims(training.lanes, curve)

    def kinds(self, points: Polynomial) -> dict[str, Matrix]:
        """Each kind of features of all points: (2n, d)."""
        n, x = self.num_train, points.x
        raw = powers(x, self.num_features)
        kinds = {RAW: raw}
        if self.remedies:
            kinds[BOOK] = raw / [float(factorial(i)) for i in range(self.num_features)]
            kinds[SMALL] = raw
            kinds[SCALED] = powers(x / np.abs(x[:n]).max(), self.num_features)
            # of the training points: the others are no longer orthogonal, and may be far outside
            basis = orthonormal(x[None, :n], x[None], self.num_features - 1)[1][0]
            kinds[ORTHOGONAL] = basis * n**0.5
        return kinds

    def training(self, points: Polynomial, kinds: dict[str, Matrix]) -> Training:
        """One lane for each kind; each has its own rows of X."""
        n = self.num_train
        lanes = [
            Lane(
                label=kind, lr=self.bearable(X[:n]) if kind == SMALL else self.lr, seed=self.seed,
                train=torch.arange(n) + 2 * n * i, valid=torch.arange(n, 2 * n) + 2 * n * i,
            )
            for i, (kind, X) in enumerate(kinds.items())
        ]  # fmt: skip
        return Training(
            key="features",
            lanes=Lanes.of(lanes),
            X=torch.from_numpy(np.concatenate(list(kinds.values()))).float(),
            y=torch.from_numpy(np.tile(points.y, len(kinds))).float()[:, None],
            net=lambda stacked: mlp(stacked, (self.num_features, 1), bias=False),
            loss=squared_loss,
            measure=squared_loss,
            measured="squared_loss",
            optimizer=SGD,
            num_epochs=self.num_epochs,
            batch_size=self.batch_size,
            device=best_device(self.device),
        )

    def bearable(self, X: Matrix) -> float:
        """A learning rate at which no point alone throws SGD out: below 2 / |x|² of each."""
        return min(self.lr, float(1 / (X**2).sum(axis=1).max()))

    # ---- what is said of it

    def sizes(self, kinds: dict[str, Matrix]) -> Figure:
        """The largest size of each feature on the training points."""
        i = np.arange(self.num_features, dtype=float)
        largest = {kind: np.abs(X[: self.num_train]).max(axis=0) for kind, X in kinds.items()}
        roles: list[Any] = ["c4", "book", "c3", "c5", "c6"]
        return Figure(
            "features", "The largest value of each feature",
            f"Feature {self.num_features - 1} reaches {largest[RAW][-1]:.3g} without 1/i! and"
            f" {largest[RAW][-1] / factorial(self.num_features - 1):.3g} with it.",
            tuple(
                Series(kind, i, size, role)
                for (kind, size), role in zip(largest.items(), roles, strict=False)
                if kind != SMALL
            ),
            x_label="i", y_label="largest |feature|", y_scale="log",
        )  # fmt: skip

    def tabled(self, lanes: Lanes, curve: NDArray[np.float64]) -> Table:
        """Where each kind of features ended."""
        rows = [
            (label, float(lanes.lr[i]), *map(number, curve[-1, :, i]), ended(curve[:, 0, i]))
            for i, label in enumerate(lanes.labels)
        ]
        return Table(
            "ends", "Losses at the end", ("features", "lr", "train", "test", "ended"), tuple(rows),
            "A smaller lr stays finite and hardly learns. Orthonormal features learn fastest,"
            f" so they also reach the overfitted minimum. σ²/2 is {self.noise**2 / 2:g}.",
        )  # fmt: skip

    def claims(self, lanes: Lanes, curve: NDArray[np.float64]) -> Iterator[Check]:
        """Exercise 3 of 4.4."""
        train = {label: curve[:, 0, i] for i, label in enumerate(lanes.labels)}
        for kind, expected in ((RAW, "diverged"), (BOOK, "finite"), (SMALL, "finite")):
            got = ended(train[kind])
            yield Check(
                self.section, f"{kind}: training is {expected}", expected, got, None,
                got.startswith(expected),
            )  # fmt: skip
        last = {label: float(line[-1]) for label, line in train.items()}
        for kind in (BOOK, ORTHOGONAL):
            yield Check.at_most(self.section, f"{kind}: training loss", 0.05, last[kind])
        yield Check.at_most(
            self.section, f"{SCALED}: training loss over its first", 0.1,
            last[SCALED] / float(train[SCALED][0]),
        )  # fmt: skip
        yield Check.at_least(
            self.section, f"{SMALL}: training loss, hardly learnt", 1.0, last[SMALL]
        )


def powers(x: Matrix, count: int) -> Matrix:
    """The bare monomials x^i for i below `count`: (n,) -> (n, count)."""
    return x[:, None] ** np.arange(count)


def ended(line: NDArray[np.float64]) -> str:
    """Whether a curve (E,) stayed finite, or the epoch at which it no longer did."""
    lost = ~np.isfinite(line)
    return f"diverged at epoch {int(lost.argmax()) + 1}" if lost.any() else "finite"


def number(value: float) -> float | None:
    """A number that can be told, or nothing."""
    return float(value) if np.isfinite(value) else None
