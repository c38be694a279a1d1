"""4.4 Model selection: the exact fit of every degree, its loss against degree and data."""

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from ml import draws
from ml.data.synthetic import TRUE_WEIGHTS, Matrix, features, orthonormal, polynomial
from ml.events import Check, Checkpoint, Event, Figure, Series, Table
from ml.experiment import Experiment, Preset

TRUTH = 3  # degree of the polynomial that drew the labels
NUM_TEST = 100  # points to be tested on, for each data set
SIZES = (4, 6, 8, 12, 16, 24, 32, 48, 64, 100)  # training points of the last figure
MEND = 1e-20  # of the labels' mean square: a training loss below is 0 in float64


class PolynomialExact(Experiment):
    """Solve polynomials of every degree exactly: training loss falls to 0, test loss goes wild."""

    section: ClassVar[str] = "4.4"
    instant: ClassVar[bool] = True
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("underfit", "Underfit", "A line through a cubic, on any data.", {"degree": 1}),
        Preset("normal", "Just right", "The degree of the truth.", {"degree": 3}),
        Preset("overfit", "Overfit", "As many weights as points.", {"degree": 19}),
        Preset("exact", "No noise", "Only so can the error on new points be 0.", {"noise": 0.0}),
    )  # fmt: skip

    name: Literal["polynomial_exact"] = "polynomial_exact"
    degree: int = Field(
        9, ge=0, le=30, description="Degree of the curve that is drawn, and of the last figure.",
        json_schema_extra={"group": "Model", "symbol": "d"},
    )  # fmt: skip
    num_train: int = Field(
        20, ge=4, le=40, title="Training points",
        description="Points to learn from; every degree below as many is solved.",
        json_schema_extra={"group": "Data", "symbol": "n"},
    )  # fmt: skip
    noise: float = Field(
        0.1, ge=0, le=10, description="Standard deviation of the noise on y.",
        json_schema_extra={"group": "Data", "symbol": "σ"},
    )  # fmt: skip
    num_sets: int = Field(
        11, ge=1, le=21, title="Data sets", description="Data sets drawn; losses are their median.",
        json_schema_extra={"group": "Data"},
    )  # fmt: skip

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:  # noqa: ARG002  nothing to resume
        """Solve every degree on every data set, then one degree on ever more points."""
        x, y = self.points(self.num_train)
        train, test = losses(x, y, self.num_train, self.num_train - 1)
        yield self.drawn(x[0], y[0])
        yield self.against_degree(train, test)
        sizes = [n for n in SIZES if n > self.degree]
        by_size = [self.at_size(n) for n in sizes]
        yield self.against_size(sizes, np.array(by_size))
        yield self.tabled(train, test)
        yield from self.claims(train, test)

    def points(self, n: int) -> tuple[Matrix, Matrix]:
        """Of each data set n points to learn from, then those to be tested on: x, y (S, n + m)."""
        sets = [
            polynomial(n + NUM_TEST, self.noise, draws.nth(self.seed, i))
            for i in range(self.num_sets)
        ]
        return np.stack([points.x for points in sets]), np.stack([points.y for points in sets])

    def at_size(self, n: int) -> tuple[float, float]:
        """Median losses of the chosen degree on n points."""
        train, test = losses(*self.points(n), n, self.degree)
        return float(np.median(train[:, -1])), float(np.median(test[:, -1]))

    # ---- what is said of it

    def drawn(self, x: Matrix, y: Matrix) -> Figure:
        """The first data set with the curve of the chosen degree, and the truth."""
        n, degree = self.num_train, min(self.degree, self.num_train - 1)
        grid = np.linspace(x[:n].min(), x[:n].max(), 161)
        Q, P = orthonormal(x[None, :n], grid[None], max(degree, TRUTH))
        share = y[:n] @ Q[0]
        truth = features(grid, TRUTH + 1) @ TRUE_WEIGHTS
        curve = P[0, :, : degree + 1] @ share[: degree + 1]
        low, high = y[:n].min(), y[:n].max()
        margin = 0.3 * (high - low)
        miss = np.abs(curve - truth).max()
        return Figure(
            "fit", "The exact fit",
            f"Of degree {degree}, through {n} points, it leaves the truth by up to {miss:.3g}"
            " between them.",
            (
                Series("truth", grid, truth, "book"),
                Series(f"degree {degree}", grid, np.clip(curve, low - margin, high + margin), "c3"),
                Series("training points", x[:n], y[:n], "train", "markers"),
            ),
            y_label="y",
        )  # fmt: skip

    def against_degree(self, train: Matrix, test: Matrix) -> Figure:
        """Exercise 2 of 4.4: both losses for each degree."""
        degrees, middle = np.arange(train.shape[1], dtype=float), np.median(test, axis=0)
        best = int(middle.argmin())
        return Figure(
            "degrees", "Loss against degree",
            f"Training loss only falls, to {np.median(train[:, -1]):.1g} at degree"
            f" {self.num_train - 1}; test loss is least at degree {best}, {middle[best]:.3g}, and"
            f" ends at {middle[-1]:.3g}.",
            (
                Series("train", degrees, np.maximum(np.median(train, axis=0), 1e-32), "train"),
                Series("test", degrees, np.maximum(middle, 1e-32), "valid"),
                *self.floor(degrees),
            ),
            x_label="degree", y_label="halved squared loss", y_scale="log",
        )  # fmt: skip

    def against_size(self, sizes: list[int], by_size: Matrix) -> Figure:
        """Exercise 2 of 4.4: both losses of one degree for each number of points."""
        n = np.array(sizes, dtype=float)
        train, test = np.maximum(by_size, 1e-32).T
        return Figure(
            "sizes", f"Loss of degree {self.degree} against data",
            f"From {sizes[0]} to {sizes[-1]} points the test loss goes from {test[0]:.3g} to"
            f" {test[-1]:.3g}, the training loss from {train[0]:.3g} to {train[-1]:.3g}.",
            (Series("train", n, train, "train"), Series("test", n, test, "valid"), *self.floor(n)),
            x_label="training points", y_label="halved squared loss", x_scale="log", y_scale="log",
        )  # fmt: skip

    def floor(self, x: Matrix) -> tuple[Series, ...]:
        """What the truth itself costs: nothing is expected below it on new points."""
        level = np.full(len(x), self.noise**2 / 2)
        return (Series("σ²/2", x, level, "book"),) if self.noise else ()

    def tabled(self, train: Matrix, test: Matrix) -> Table:
        """The last degrees: the book asks for n, and n - 1 is enough."""
        n = self.num_train
        loss = np.median([train, test], axis=1)  # (part, degree)
        rows: list[tuple[str, float, float]] = [
            (str(d), float(loss[0, d]), float(loss[1, d])) for d in sorted({1, TRUTH, n - 2, n - 1})
        ]
        rows.append((f"{n}, as printed", float(loss[0, -1]), float(loss[1, -1])))
        return Table(
            "enough", "Which degree fits every point",
            ("degree", "train", "test"), tuple(rows),
            f"Erratum of 4.4.3: {n} points with distinct x need degree {n - 1}, not {n}; degree {n}"
            " has one weight more than there are points, and the fit is the same.",
        )  # fmt: skip

    def claims(self, train: Matrix, test: Matrix) -> Iterator[Check]:
        """What 4.4 and its exercises say of exact solutions."""
        scale, n = train[:, 0].max(), self.num_train
        rise = float(np.diff(train, axis=1).max() / scale)
        yield Check.at_most(self.section, "training loss never rises with degree", 1e-12, rise)
        yield Check.at_most(
            self.section, "training loss at degree n - 1", MEND * scale, float(train[:, -1].max())
        )
        if not self.noise:
            return
        yield Check(
            self.section, "training loss at degree n - 2 is not 0", "above 0",
            float(np.median(train[:, -2])), None, bool(np.median(train[:, -2]) > MEND * scale),
        )  # fmt: skip
        _, y = self.points(n)
        x = self.points(n)[0][:, n:]
        truth = features(x.ravel(), TRUTH + 1) @ TRUE_WEIGHTS
        floor, paid = self.noise**2 / 2, float(np.mean((y[:, n:].ravel() - truth) ** 2) / 2)
        spread = 4 * floor * (2 / x.size) ** 0.5  # four standard errors of a mean of squares
        yield Check.near(self.section, "the truth's own test loss", floor, paid, spread)
        least = float(test.mean(axis=0).min())
        yield Check.at_least(
            self.section, "least mean test loss of any degree", floor - spread, least
        )
        if self.is_default():
            wild = float(np.median(test[:, -1]))
            yield Check.at_least(self.section, "test loss at degree n - 1", 1.0, wild)
            name = "median test loss of degree 3, in floors"
            yield Check.near(self.section, name, 1.5, float(np.median(test[:, TRUTH])) / floor, 0.5)
            few, many = self.at_size(12)[1], self.at_size(SIZES[-1])[1]
            yield Check.at_most(
                self.section, "test loss of degree 9: 100 points over 12", 0.1, many / few
            )

    def is_default(self) -> bool:
        """Whether only the seed was changed."""
        return self == PolynomialExact(seed=self.seed)


def losses(x: Matrix, y: Matrix, n: int, most: int) -> tuple[Matrix, Matrix]:
    """Training and test loss of the exact solution of degrees 0 to `most`: each (S, most + 1)."""
    Q, P = orthonormal(x[:, :n], x[:, n:], most)
    share = y[:, None, :n] @ Q  # (S, 1, k), the solution: columns of Q do not see each other
    found = []
    for basis, label in ((Q, y[:, :n]), (P, y[:, n:])):
        fits = (basis * share).cumsum(axis=2)
        found.append(((fits - label[..., None]) ** 2).mean(axis=1) / 2)
    return found[0], found[1]
