"""4.9 Online learning: an estimate, then the answer, then a better model (4.9.11)."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from ml import draws, fields
from ml.events import Check, Event, Figure, Floats, Series, Table
from ml.experiment import InstantExperiment, Preset
from ml.grid import band
from ml.online import Batch, GradientSteps, Learner, LeastSquares, hindsight

RADIUS = 2.0  # of the ball that weights are looked for in; the true ones have length 1
HONEST, PEEKS = ("gradient steps", "least squares"), "peeks"
SURE = 4.0  # standard errors
OVERHEARD = 40  # rounds in which nobody may know the last answer


class OnlineLearning(InstantExperiment):
    """Answer round after round, and count the regret beside the best fixed weights in hindsight."""

    breakable = ("cycle", "learners", "least")
    presets = (
        Preset("steady", "A steady world", "Regret a round goes to 0; batch stops short.", {}),
        Preset("short", "Stop early", "Batch learning of 20 rows.", {"batch": 20}),
        Preset("adversary", "An adversary", "Answers to spite you.", {"stream": "adversary"}),
    )
    verifies = ({}, {"stream": "adversary"})

    name: Literal["online_learning"] = "online_learning"
    stream: Literal["steady", "adversary"] = fields.own(
        "steady",
        "Data",
        "World",
        "A steady one keeps its weights; an adversary answers what is farther from the estimate.",
    )
    num_inputs: Annotated[fields.NumInputs, Field(le=10)] = 5
    noise: Annotated[fields.Noise, Field(ge=0.05, le=1)] = 0.3
    num_rounds: int = fields.own(
        2000, "Training", "Rounds", "Estimates, each with its answer.", "T", ge=400, le=4000
    )
    batch: int = fields.own(
        50, "Training", "Batch", "Rounds that batch learning learns from.", "n", ge=20, le=200
    )
    repeats: int = fields.own(
        200, "Repetitions", "Streams", "Streams, side by side.", ge=20, le=200
    )

    def answer(self) -> Iterator[Event]:
        """Three learners and one that peeks, beside what is best in hindsight."""
        X, answers = self.world()
        t = np.geomspace(self.num_rounds / 100, self.num_rounds, 15).round()
        losses, regrets = {}, {}
        for name, learner in self.learners(self.repeats).items():
            estimates, y = self.cycle(X, answers, learner, name == PEEKS)
            loss = (estimates - y) ** 2 / 2
            so_far = np.cumsum(loss, axis=0)[t.astype(int) - 1]
            losses[name], regrets[name] = loss, so_far - self.least(X, y, t)  # (T, R), (H, R)
        yield self.picture(t, regrets)
        yield self.ends(losses, regrets)
        yield from self.bounds(t, regrets)
        if self.stream == "steady":
            yield self.overheard(X, answers)
            yield from self.foreseen(losses)
        if self.matches(stream=self.stream):
            regret = {name: r.mean(axis=1) for name, r in regrets.items()}
            yield from self.claims(t, regret)
            yield from (
                self.steady(t, regret) if self.stream == "steady" else self.spite(losses, regret)
            )

    def world(self) -> tuple[Floats, Floats]:
        """Inputs (T, R, d) of length 1, and answers (T, R) that listen to no estimate."""
        rng = draws.numpy_generator(self.seed)
        X = draws.normal(rng, self.num_rounds, self.repeats, self.num_inputs)
        w = draws.normal(rng, self.repeats, self.num_inputs)
        X /= np.linalg.norm(X, axis=-1, keepdims=True)
        w /= np.linalg.norm(w, axis=-1, keepdims=True)
        noise = rng.uniform(1 - self.largest, self.largest - 1, X.shape[:2])
        return X, np.einsum("trd,rd->tr", X, w) + noise

    @property
    def largest(self) -> float:
        """Bound of |y|: 1 of the weights, √3 σ of the noise, which is uniform."""
        return float(1 + np.sqrt(3) * self.noise)

    def learners(self, repeats: int) -> dict[str, Learner]:
        """Each as it begins; the last one is a fraud."""
        shape = (repeats, self.num_inputs)
        return {
            "gradient steps": GradientSteps(shape, RADIUS, RADIUS + self.largest),
            "least squares": LeastSquares(shape),
            "batch": Batch(shape, self.batch),
            PEEKS: GradientSteps(shape, RADIUS, RADIUS + self.largest),
        }

    def cycle(
        self, X: Floats, answers: Floats, learner: Learner, peeks: bool
    ) -> tuple[Floats, Floats]:
        """(4.9.11): estimates (T, R) of X (T, R, d), and the answers as they were revealed.

        Who peeks gives the estimate of the model that has learnt from the answer.
        """
        estimates, y = np.empty_like(answers), answers.copy()
        for t, x in enumerate(X):
            estimates[t] = learner.estimate(x)
            if self.stream == "adversary":
                y[t] = np.where(estimates[t] > 0, -self.largest, self.largest)
            learner.learn(x, y[t])
            if peeks:
                estimates[t] = learner.estimate(x)
        return estimates, y

    @staticmethod
    def least(X: Floats, y: Floats, t: Floats) -> Floats:
        """Loss (H, R) of the best fixed weights, after so many rounds (H,)."""
        return hindsight(X, y, [*t.astype(int)], RADIUS)

    def picture(self, t: Floats, regrets: dict[str, Floats]) -> Figure:
        """Regret a round by rounds."""
        rate = {name: r / t[:, None] for name, r in regrets.items() if name != PEEKS}
        steps, squares, batch = (r[-1].mean() for r in rate.values())
        finding = (
            f"From {t[0]:.0f} to {t[-1]:,.0f} rounds regret a round goes by gradient steps from"
            f" {rate[HONEST[0]][0].mean():.2g} to {steps:.2g}; least squares end at {squares:.2g},"
            f" and batch learning, which stops after {self.batch} rounds, at {batch:.2g}."
        )
        lines = [band(name, t, r, name) for name, r in rate.items()]
        guide = Series("as 1/√t", t, lines[0].y[0] * (t[0] / t) ** 0.5, "truth")
        axes: dict[str, Any] = {"x_scale": "log", "y_scale": "log", "y_label": "regret a round"}
        title = "Regret a round, where learning goes on and where it stops"
        return Figure("regret", title, finding, (*lines, guide), x_label="rounds t", **axes)

    def ends(self, losses: dict[str, Floats], regrets: dict[str, Floats]) -> Table:
        """What each has lost in the end."""
        columns: dict[str, Any] = {
            "learner": [*losses],
            "loss a round": [loss.mean() for loss in losses.values()],
            "regret a round": [r[-1].mean() / self.num_rounds for r in regrets.values()],
            "growth": [growth(r.mean(axis=1)) for r in regrets.values()],
        }
        note = (
            f"Of the loss σ²/2 = {self.noise**2 / 2:.4g} a round is noise. Who peeks learns before"
            " the estimate is written down. Growth is the regret of the last tenfold of rounds over"
            " that of the tenfold before: 1 for ln t, 3.2 for √t, 10 for t."
        )
        return Table.of("ends", f"After {self.num_rounds:,} rounds", columns, note)

    def bounds(self, t: Floats, regrets: dict[str, Floats]) -> Iterator[Check]:
        """What holds for any answers whatsoever, in each stream and at each time."""
        steps, squares, *_ = self.learners(1).values()
        assert isinstance(steps, GradientSteps)
        assert isinstance(squares, LeastSquares)
        for name, bound in (
            ("gradient steps", steps.bound(t)),
            ("least squares", squares.bound(t, self.largest, RADIUS)),
        ):
            worst = (regrets[name] / bound[:, None]).max()
            yield self.at_most(f"{name}, {self.stream}: regret over its bound", 1, worst)

    def overheard(self, X: Floats, answers: Floats) -> Check:
        """The last of a few answers is changed: no estimate may, its own included."""
        X, other, differ = X[:OVERHEARD], answers[:OVERHEARD].copy(), 0
        other[-1] += 1
        for name in (*HONEST, "batch"):
            runs = [
                self.cycle(X, y, self.learners(self.repeats)[name], False)[0]
                for y in (answers[:OVERHEARD], other)
            ]
            differ += int((runs[0] != runs[1]).sum())
        return self.equal("estimates that an answer not yet revealed changes", 0, differ)

    def foreseen(self, losses: dict[str, Floats]) -> Iterator[Check]:
        """Nobody who estimates first errs less than the noise; a round's ε²/2 has deviation
        σ² / √5 where ε is uniform."""
        floor = self.noise**2 / 2
        error = 2 * floor / np.sqrt(5 * self.num_rounds * self.repeats)
        above = {name: float((loss.mean() - floor) / error) for name, loss in losses.items()}
        who = "loss above the noise, standard errors"
        yield self.at_least(f"least {who}", -SURE, min(v for k, v in above.items() if k != PEEKS))
        yield self.below(f"a learner that peeks is seen: {who}", -SURE, above[PEEKS])

    def claims(self, t: Floats, regret: dict[str, Floats]) -> Iterator[Check]:
        """Who goes on learning gets as good as the best; √t is a tenth of t after 100 times t."""
        for who in HONEST:
            fall = regret[who][-1] / regret[who][0] * t[0] / t[-1]
            name = f"{who}, {self.stream}: regret a round, after T rounds over after T / 100"
            yield self.at_most(name, 0.1, fall)

    def steady(self, t: Floats, regret: dict[str, Floats]) -> Iterator[Check]:
        """Weights estimated from t rows lose d σ² / 2t: over 12 seeds 1.04-1.07, 1.05-1.17."""
        lost = self.num_inputs * self.noise**2 / 2
        squares, batch = (np.diff(regret[who][[7, -1]])[0] for who in ("least squares", "batch"))
        name = "least squares: growth of regret with ln t over d σ² / 2"
        yield self.near(name, 1, squares / np.log(t[-1] / t[7]) / lost, 0.2)
        name = "batch: growth of regret with t over d σ² / 2n"
        yield self.near(name, 1, batch / (t[-1] - t[7]) * self.batch / lost, 0.35)

    def spite(self, losses: dict[str, Floats], regret: dict[str, Floats]) -> Iterator[Check]:
        """No estimate of an adversary is of use, yet no fixed weights would have been either."""
        least = min(float(losses[who].min()) for who in HONEST) / (self.largest**2 / 2)
        yield self.at_least("adversary: least loss of a round over that of answering 0", 1, least)
        for who, law, most in zip(HONEST, (np.sqrt(10), 1), (0.6, 0.25), strict=True):
            name = f"{who}, adversary: regret of the last tenfold over that of the one before"
            yield self.near(name, law, growth(regret[who]), most)


def growth(regret: Floats) -> float:
    """Of (..., 15) over two decades: what the last one adds over what the first one adds."""
    middle = regret.shape[-1] // 2
    return float((regret[-1] - regret[middle]) / (regret[middle] - regret[0]))
