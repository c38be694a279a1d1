"""4.4 K-fold cross-validation: the degree of a polynomial, chosen without a test set."""

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ml import draws
from ml.data.synthetic import Matrix, orthonormal, polynomial
from ml.events import Check, Checkpoint, Event, Figure, Series, Table
from ml.experiment import Experiment, Preset
from ml.lanes import k_fold

TRUTH = 3  # degree of the polynomial that drew the labels
NUM_TEST = 200  # points to see whether the choice was good
LEAST = 1e-32  # drawn on a logarithmic axis in the place of 0

Rows = NDArray[np.int64]


class KFold(Experiment):
    """Choose a polynomial's degree by K folds of few points, on many data sets."""

    section: ClassVar[str] = "4.4"
    instant: ClassVar[bool] = True
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("five", "Five folds", "Enough points to find the cubic.", {}),
        Preset("one_out", "All but one", "As many folds as points.", {"k": 20, "num_train": 20}),
        Preset("noisy", "Noise", "Data sets disagree on the degree.", {"noise": 5.0}),
    )  # fmt: skip

    name: Literal["k_fold"] = "k_fold"
    k: int = Field(
        5, ge=2, le=20, title="Folds", description="Parts, each left out once to validate on.",
        json_schema_extra={"group": "Validation", "symbol": "K"},
    )  # fmt: skip
    max_degree: int = Field(
        9, ge=1, le=9, title="Highest degree", description="Degrees 0 to this one are candidates.",
        json_schema_extra={"group": "Model"},
    )  # fmt: skip
    num_train: int = Field(
        40, ge=20, le=100, title="Points",
        description="Points that are split into folds.",
        json_schema_extra={"group": "Data", "symbol": "n"},
    )  # fmt: skip
    noise: float = Field(
        0.1, ge=0.001, le=10, description="Standard deviation of the noise on y.",
        json_schema_extra={"group": "Data", "symbol": "σ"},
    )  # fmt: skip
    num_sets: int = Field(
        20, ge=1, le=20, title="Data sets", description="Data sets, each with a choice of its own.",
        json_schema_extra={"group": "Data"},
    )  # fmt: skip

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:  # noqa: ARG002  nothing to resume
        """Solve each degree on each fold exactly, choose, and test the choice."""
        size = self.num_train + NUM_TEST
        sets = [polynomial(size, self.noise, draws.nth(self.seed, i)) for i in range(self.num_sets)]
        x, y = np.stack([points.x for points in sets]), np.stack([points.y for points in sets])
        folds = list(splits(self.num_train, self.k))
        each = np.stack([losses(x, y, *fold, self.max_degree) for fold in folds])
        train, valid = each.mean(axis=0)  # over the K folds: (part, set, degree) -> (set, degree)
        rows = np.arange(size)
        test = losses(x, y, rows[: self.num_train], rows[self.num_train :], self.max_degree)[1]
        yield self.drawn(np.median(train, 0), np.median(valid, 0), np.median(test, 0))
        yield self.choices(train, valid, test)
        yield from self.claims(folds, train, valid, test)

    def drawn(self, train: Matrix, valid: Matrix, test: Matrix) -> Figure:
        """Losses for each degree, medians over the data sets."""
        degrees = np.arange(len(train), dtype=float)
        best = int(valid.argmin())
        lines = [np.maximum(line, LEAST) for line in (train, valid, test)]
        return Figure(
            "degrees", f"Loss by {self.k} folds against degree",
            f"Training loss only falls, to {train[-1]:.3g}; validation loss is least at degree"
            f" {best}, {valid[best]:.3g}, where new points cost {test[best]:.3g}.",
            (
                Series("train", degrees, lines[0], "train"),
                Series("validation", degrees, lines[1], "valid"),
                Series("test, refit on all", degrees, lines[2], "c3"),
            ),
            x_label="degree", y_label="halved squared loss", y_scale="log",
        )  # fmt: skip

    def choices(self, train: Matrix, valid: Matrix, test: Matrix) -> Table:
        """How often each degree is chosen by training loss, by K folds, and by the oracle."""
        most = self.max_degree + 1
        by_train, by_folds, by_test = (
            np.bincount(loss.argmin(axis=1), minlength=most).tolist()
            for loss in (train, valid, test)
        )
        rows = [(str(d), by_train[d], by_folds[d], by_test[d]) for d in range(most)]
        return Table(
            "choices", f"Which degree is chosen, of {self.num_sets} data sets",
            ("degree", "by training loss", f"by {self.k} folds", "by the test points"), tuple(rows),
            "The last column is an oracle's: it looks at points that only new data can bring.",
        )  # fmt: skip

    def claims(
        self, folds: list[tuple[Rows, Rows]], train: Matrix, valid: Matrix, test: Matrix
    ) -> Iterator[Check]:
        """What 4.4.2 says of K folds, and what they are for."""
        times = np.bincount(np.concatenate([rows for _, rows in folds]), minlength=self.num_train)
        once = float(np.abs(times - 1).max())
        yield Check.near(self.section, "each point validates once: |times - 1|", 0.0, once, 0.0)
        shared = sum(len(np.intersect1d(*fold)) for fold in folds)
        yield Check.near(self.section, "points that train and validate", 0.0, float(shared), 0.0)
        if self != KFold(seed=self.seed):
            return
        highest = float(np.mean(train.argmin(axis=1) == self.max_degree))
        yield Check.near(self.section, "training loss takes the highest degree", 1.0, highest, 0.0)
        ours = valid.argmin(axis=1)
        usual = int(np.bincount(ours).argmax())
        yield Check.near(self.section, "degree that K folds choose most often", TRUTH, usual, 0.0)
        rows = np.arange(self.num_sets)
        name = "median test loss of the choice over that of the highest degree"
        ratio = np.median(test[rows, ours]) / np.median(test[:, -1])
        yield Check.at_most(self.section, name, 0.5, float(ratio))


def splits(n: int, k: int) -> Iterator[tuple[Rows, Rows]]:
    """The folds as rows to learn from and rows to validate on."""
    for train, valid in k_fold(n, k):
        yield train.numpy(), valid.numpy()


def losses(x: Matrix, y: Matrix, train: Rows, valid: Rows, degree: int) -> Matrix:
    """Both losses of the exact solution of degrees 0 to `degree`: (2, S, degree + 1)."""
    Q, P = orthonormal(x[:, train], x[:, valid], degree)
    share = y[:, None, train] @ Q  # (S, 1, k), the solution
    found = []
    for basis, label in ((Q, y[:, train]), (P, y[:, valid])):
        fits = (basis * share).cumsum(axis=2)
        found.append(((fits - label[..., None]) ** 2).mean(axis=1) / 2)
    return np.stack(found)
