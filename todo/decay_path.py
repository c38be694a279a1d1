"""4.5 The decay path: losses against lambda, lambda by validation, and two other remedies."""

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from ml import draws
from ml.data.synthetic import Linear, linear
from ml.device import best_device
from ml.events import Check, Checkpoint, Event, Figure, Series, Table
from ml.experiment import Device, Experiment, Preset
from ml.lanes import Lane, Lanes
from ml.losses import squared_loss
from ml.nn import gaussian, mlp
from ml.optim import SGD
from ml.train import Fitted, Progress, Training, fit, started

NUM_INPUTS, WEIGHT, BIAS = 200, 0.01, 0.05  # of 4.5.2
NUM_TEST = 1000  # points of the oracle, who knows what new data cost
DECAYS = (0.0, *np.geomspace(0.03, 30, 10).tolist())
MORE = (2, 6)  # times as many points, without decay

Floats = NDArray[np.float64]


class DecayPath(Experiment):
    """Train along many a lambda at once, choose one by validation, set it beside the best."""

    section: ClassVar[str] = "4.5"
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset("path", "A U", "So much noise that too little decay hurts, and too much.", {}),
        Preset("quiet", "Little noise", "The noise of the book.", {"noise": 0.01}),
        Preset("few", "Few to validate on", "Five points choose lambda.", {"num_valid": 5}),
    )  # fmt: skip

    name: Literal["decay_path"] = "decay_path"
    num_train: int = Field(
        100, ge=2, le=500, title="Training points", description="Points to learn from.",
        json_schema_extra={"group": "Data", "symbol": "n"},
    )  # fmt: skip
    num_valid: int = Field(
        50, ge=2, le=1000, title="Validation points", description="Points that choose lambda.",
        json_schema_extra={"group": "Data"},
    )  # fmt: skip
    noise: float = Field(
        0.1, ge=0, le=10, description="Standard deviation of the noise on y.",
        json_schema_extra={"group": "Data", "symbol": "σ"},
    )  # fmt: skip
    num_seeds: int = Field(
        5, ge=1, le=10, title="Data sets", description="Data sets, each along the whole path.",
        json_schema_extra={"group": "Data"},
    )  # fmt: skip
    lr: float = Field(
        0.01, gt=0, le=1, title="Learning rate", description="Learning rate of SGD.",
        json_schema_extra={"group": "Training", "symbol": "η"},
    )  # fmt: skip
    batch_size: int = Field(
        20, ge=1, le=500, description="Points a step.", json_schema_extra={"group": "Training"}
    )
    num_epochs: int = Field(
        200, ge=1, le=1000, title="Epochs", description="Passes over the training points.",
        json_schema_extra={"group": "Training"},
    )  # fmt: skip
    device: Device = "auto"

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:
        """Train the path and the remedies, measure both on points that nobody has seen."""
        sets = [self.data(i) for i in range(self.num_seeds)]
        path, more = self.path(sets), self.more(sets)
        yield from started([path, more])
        progress = Progress(resume)
        fitted = yield from fit(path, progress)
        richer = yield from fit(more, progress)
        along = slice(0, len(DECAYS) * self.num_seeds)
        train, valid = fitted.curve[-1, :, along].astype(float).reshape(2, len(DECAYS), -1)
        valid = worst_if_lost(valid)
        test = self.tested(fitted, sets)[along].reshape(len(DECAYS), -1)
        most = self.tested(richer, sets).reshape(len(MORE), -1)
        stopped = self.stopped(fitted)
        yield self.drawn(train, valid, test)
        yield self.chosen(valid, test)
        yield self.remedies(stopped, test, most)
        if self == DecayPath(seed=self.seed, device=self.device):
            yield from self.claims(train, valid, test, most)
            ratio = stopped[1] / float(test[0].mean())
            name = "test loss stopped early over that of all epochs"
            yield Check.at_most(self.section, name, 0.95, ratio)

    # ---- what is trained

    def data(self, i: int) -> Linear:
        """Points to learn from, enough for the last remedy, to choose by, and to be tested on."""
        size = MORE[-1] * self.num_train + self.num_valid + NUM_TEST
        return linear(size, np.full(NUM_INPUTS, WEIGHT), BIAS, self.noise, draws.nth(self.seed, i))

    def path(self, sets: list[Linear]) -> Training:
        """One lane for each lambda and data set, all from weights of 0.

        The first ones, without decay, stand there again at the end and are judged on the test
        points: their curves say what stopping early would have cost.
        """
        lanes = [
            self.lane(f"λ {decay:.3g}, set {i + 1}", i, self.num_train, len(sets[i].y), decay)
            for decay in DECAYS
            for i in range(len(sets))
        ]
        for i, points in enumerate(sets):
            size = len(points.y)
            tested = torch.arange(size - NUM_TEST, size) + i * size
            lanes.append(replace(lanes[i], label=f"λ 0, set {i + 1}, tested", valid=tested))
        return self.training("path", lanes, sets)

    def more(self, sets: list[Linear]) -> Training:
        """No decay, but more points: a lane for each number and data set."""
        lanes = [
            self.lane(f"{times}n, set {i + 1}", i, times * self.num_train, len(sets[i].y), 0.0)
            for times in MORE
            for i in range(len(sets))
        ]
        return self.training("more", lanes, sets)

    def lane(self, label: str, i: int, n: int, size: int, decay: float) -> Lane:
        """n points of data set i to learn from, and its validation points."""
        valid = torch.arange(size - NUM_TEST - self.num_valid, size - NUM_TEST)
        return Lane(
            label=label, train=torch.arange(n) + i * size, valid=valid + i * size,
            lr=self.lr, weight_decay=decay, seed=draws.nth(self.seed, i),
        )  # fmt: skip

    def training(self, key: str, lanes: list[Lane], sets: list[Linear]) -> Training:
        """These lanes over the data sets, stacked."""
        return Training(
            key=key,
            lanes=Lanes.of(lanes),
            X=torch.from_numpy(np.concatenate([points.X for points in sets])).float(),
            y=torch.from_numpy(np.concatenate([points.y for points in sets])).float()[:, None],
            # from 0, so that what is in the weights was learnt
            net=lambda stacked: mlp(stacked, (NUM_INPUTS, 1), init=gaussian(0)),
            loss=squared_loss,
            measure=squared_loss,
            measured="squared_loss",
            optimizer=SGD,
            num_epochs=self.num_epochs,
            batch_size=self.batch_size,
            device=best_device(self.device),
        )

    def tested(self, fitted: Fitted, sets: list[Linear]) -> Floats:
        """Loss of each lane on its data set's test points, inf where it diverged: (L,).

        The data set runs fastest.
        """
        weight = fitted.net.get_parameter("0.weight").detach().cpu().double().numpy()[..., 0]
        bias = fitted.net.get_parameter("0.bias").detach().cpu().double().numpy()[:, 0, 0]
        points = [sets[lane % len(sets)] for lane in range(len(weight))]
        return worst_if_lost(np.array([
            np.mean((known.X[-NUM_TEST:] @ w + b - known.y[-NUM_TEST:]) ** 2) / 2
            for known, w, b in zip(points, weight, bias, strict=True)
        ]))  # fmt: skip

    def stopped(self, fitted: Fitted) -> tuple[int, float]:
        """The epoch at which validation would stop without decay, and its mean test loss."""
        valid = worst_if_lost(fitted.curve[:, 1, : self.num_seeds].astype(float)).mean(axis=1)
        tested = fitted.curve[:, 1, -self.num_seeds :].astype(float).mean(axis=1)
        stop = int(valid.argmin())
        return stop + 1, float(tested[stop])

    # ---- what is said of it

    def drawn(self, train: Floats, valid: Floats, test: Floats) -> Figure:
        """Mean losses against lambda; lambda 0 stands at a third of the least."""
        x = np.array([DECAYS[1] / 3, *DECAYS[1:]])
        mean = test.mean(axis=1)
        best = int(mean.argmin())
        lost = [f"{decay:.3g}" for decay, loss in zip(DECAYS, mean, strict=True) if loss == np.inf]
        gone = f" Training diverges at λ {', '.join(lost)}." if lost else ""
        return Figure(
            "path", "Losses against lambda",
            f"The mean test loss is {mean[0]:.4g} without decay, least at λ {DECAYS[best]:.3g} with"
            f" {mean[best]:.4g}, and {mean[-1]:.4g} at λ {DECAYS[-1]:g}.{gone}",
            (
                Series("train", x, train.mean(axis=1), "train"),
                Series("validation", x, valid.mean(axis=1), "valid"),
                Series("test", x, mean, "c3"),
            ),
            x_label="λ, its leftmost point 0", y_label="halved squared loss",
            x_scale="log", y_scale="log",
        )  # fmt: skip

    def chosen(self, valid: Floats, test: Floats) -> Table:
        """Lambda by validation and by the oracle, on each data set."""
        rows = [
            (str(i + 1), DECAYS[ours], float(test[ours, i]), DECAYS[best], float(test[best, i]))
            for i, (ours, best) in enumerate(zip(valid.argmin(0), test.argmin(0), strict=True))
        ]
        return Table(
            "chosen", "Lambda by validation",
            ("data set", "λ by validation", "its test loss", "best λ", "best test loss"),
            tuple(rows), "The best lambda is known to an oracle only: it looks at the test points.",
        )  # fmt: skip

    def remedies(self, stopped: tuple[int, float], test: Floats, most: Floats) -> Table:
        """Exercise 5 of 4.5: what else helps."""
        epoch, loss = stopped
        rows = [
            ("nothing", float(test[0].mean())),
            (f"stop early, after epoch {epoch}", loss),
            ("the best lambda", float(test.mean(axis=1).min())),
            *(
                (f"{times} times the data", float(loss))
                for times, loss in zip(MORE, most.mean(axis=1), strict=True)
            ),
        ]
        return Table(
            "remedies", "Other remedies", ("remedy", "test loss"), tuple(rows),
            f"Means over the data sets; σ²/2 is {self.noise**2 / 2:g}. As many points as inputs,"
            f" {NUM_INPUTS}, are the worst number without decay: the fit passes through all noise.",
        )  # fmt: skip

    def claims(self, train: Floats, valid: Floats, test: Floats, most: Floats) -> Iterator[Check]:
        """Exercises 1, 2 and 5 of 4.5."""
        mean, s = test.mean(axis=1), self.section
        rise = float(np.diff(train.mean(axis=1)).min())
        yield Check.above(s, "training loss rises with lambda: least step", 0, rise)
        best = float(mean.min())
        yield Check.at_most(
            s, "best lambda's test loss over that of none", 0.95, best / float(mean[0])
        )
        yield Check.at_most(
            s, "best lambda's test loss over that of the largest", 0.95, best / float(mean[-1])
        )
        sets = np.arange(self.num_seeds)
        ours = test[valid.argmin(axis=0), sets].mean()
        oracle = test.min(axis=0).mean()
        yield Check.at_most(
            s, "test loss by validation over the oracle's", 1.1, float(ours / oracle)
        )
        yield Check.at_most(
            s, "test loss of 6 times the data over that of the best lambda", 1.0,
            float(most[-1].mean()) / best,
        )  # fmt: skip


def worst_if_lost(losses: Floats) -> Floats:
    """inf where a lane diverged: NaN would pass for the least."""
    return np.where(np.isfinite(losses), losses, np.inf)
