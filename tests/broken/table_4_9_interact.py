"""4.9: learners that peek or stand still, arms that do not pay, leaking boilers, biased patrols."""

from typing import Any

import numpy as np

from ml.events import Floats
from ml.experiments import EXPERIMENTS
from ml.online import Batch, GradientSteps, Learner, LeastSquares
from tests.broken.breaks import Break

Online: Any = EXPERIMENTS["online_learning"]
Bandit: Any = EXPERIMENTS["bandit"]
Boiler: Any = EXPERIMENTS["control"]
Patrols: Any = EXPERIMENTS["feedback_loop"]
Market: Any = EXPERIMENTS["arbitrage"]
right_cycle, right_learners, right_step = Online.cycle, Online.learners, GradientSteps.learn
right_choice, right_policies, right_pull = Bandit.choose, Bandit.policies, Bandit.pull
right_act, right_heat = Boiler.act, Boiler.heat
right_forecast, right_policy, right_rates = Patrols.forecast, Patrols.policies, Patrols.discover
right_learn, right_move, right_signals = Market.learn, Market.move, Market.signals
SPITE, WORSE = {"stream": "adversary"}, {"uneven": 1.5}


def uphill(self: GradientSteps, x: Floats, y: Floats) -> None:
    """Learn from the contrary of what was revealed."""
    right_step(self, x, 2 * self.estimate(x) - y)


def idle(_self: Learner, _x: Floats, _y: Floats) -> None:
    """Learn nothing."""


def slow(self: Any, repeats: int) -> Any:
    """Batch learning that never stops, and least squares with a huge penalty."""
    shape, forever = (repeats, self.num_inputs), self.num_rounds
    other = {"batch": Batch(shape, forever), "least squares": LeastSquares(shape, 1000.0)}
    return right_learners(self, repeats) | other


def kind(self: Any, X: Floats, answers: Floats, learner: Learner, peeks: bool) -> Any:
    """An adversary who answers as a steady world does."""
    return right_cycle(Online(seed=self.seed), X, answers, learner, peeks)


def other_arms(self: Any, arms: Any, luck: Floats) -> Floats:
    """Every arm pays as its neighbour should."""
    return np.asarray(right_pull(self, (arms + 1) % len(self.means), luck))


def at_random(paid: Floats, _pulls: Floats, t: int, _bonus: float) -> Any:
    """Any arm, whatever was paid."""
    return np.random.default_rng(t).integers(paid.shape[1], size=len(paid))


def sealed(theta: Floats, power: Floats, load: float) -> Floats:
    """A boiler that loses no heat."""
    return theta + 200 * power / 300 - load / 300


def fixed_share(crimes: Floats, _patrols: Floats, _weighted: bool) -> Floats:
    """The same forecast whatever was discovered."""
    return np.ones_like(crimes)


BREAKS = [
    Break(
        name="online_learning",
        line="cycle",
        wrong=lambda self, X, y, learner, _: right_cycle(self, X, y, learner, True),
        red=("estimates that an answer", "least loss above the noise"),
    ),
    Break(
        name="online_learning",
        line="cycle",
        wrong=lambda self, X, y, learner, _: right_cycle(self, X, y, learner, False),
        red=("a learner that peeks is seen",),
    ),
    Break(
        name="online_learning",
        owner=GradientSteps,
        line="learn",
        wrong=uphill,
        red=("gradient steps, steady: regret over", "gradient steps, steady: regret a round"),
    ),
    Break(
        name="online_learning",
        owner=LeastSquares,
        line="learn",
        wrong=idle,
        red=(
            "least squares, steady: regret over",
            "least squares, steady: regret a round",
            "least squares: growth of regret with ln t",
        ),
    ),
    Break(
        name="online_learning",
        line="learners",
        wrong=slow,
        red=("least squares: growth of regret with ln t", "batch: growth of regret with t"),
    ),
    Break(
        name="online_learning",
        line="least",
        wrong=lambda X, _y, t: np.zeros((len(t), X.shape[1])),
        red=("gradient steps, steady: regret a round", "batch: growth of regret with t"),
    ),
    Break(
        name="online_learning",
        owner=Batch,
        line="estimate",
        wrong=lambda self, x: self.learner.estimate(x) * 2,
        red=("batch: growth of regret with t",),
    ),
    Break(
        name="online_learning",
        line="cycle",
        wrong=kind,
        red=("adversary: least loss",),
        values=SPITE,
    ),
    Break(
        name="online_learning",
        owner=GradientSteps,
        line="learn",
        wrong=uphill,
        red=(
            "gradient steps, adversary: regret over",
            "gradient steps, adversary: regret a round",
            "gradient steps, adversary: regret of the last",
        ),
        values=SPITE,
    ),
    Break(
        name="online_learning",
        owner=LeastSquares,
        line="estimate",
        wrong=lambda _, x: np.full(len(x), 5.0),
        red=(
            "least squares, adversary: regret over",
            "least squares, adversary: regret a round",
            "least squares, adversary: regret of the last",
        ),
        values=SPITE,
    ),
    Break(
        name="bandit",
        line="pull",
        wrong=other_arms,
        red=("rewards beside", "UCB1: regret over Auer", "UCB1: regret over that where"),
    ),
    Break(
        name="bandit",
        line="choose",
        wrong=at_random,
        red=(
            "ε-greedy: regret a round in the end",
            "UCB1: regret over Auer",
            "half bonus: regret of the last tenfold",
            "ε-greedy after T / 100",
            "ε-greedy after T:",
        ),
    ),
    Break(
        name="bandit",
        line="policies",
        wrong=lambda self: dict.fromkeys(right_policies(self), (0.0, 0.01)),
        red=("half bonus: regret over that where", "ε-greedy: regret a round in the end"),
    ),
    Break(
        name="bandit",
        line="choose",
        wrong=lambda _paid, pulls, _t, _bonus: np.full(len(pulls), 0),
        red=(
            "UCB1: growth with ln t",
            "UCB1: regret over that where",
            "half bonus: growth with ln t",
        ),
    ),
    Break(
        name="bandit",
        line="policies",
        wrong=lambda self: dict.fromkeys(right_policies(self), (0.0, 1.0)),
        red=("ε-greedy: regret of the last tenfold", "ε-greedy after T:"),
    ),
    Break(
        name="control",
        line="act",
        wrong=lambda c, error, _total, slope: right_act(c, error, np.zeros_like(error), slope),
        red=("PI: missing", "PI, cold water", "PID: missing", "PID, cold water", "PI, wound up"),
    ),
    Break(
        name="control",
        line="act",
        wrong=lambda c, error, total, slope: right_act(c, error, 4 * total, slope),
        red=("PI: overshoot",),
    ),
    Break(
        name="control",
        line="act",
        wrong=lambda c, error, total, slope: right_act(c, 4 * error, total, slope),
        red=("half the critical gain", "gain from which on", "P, seven gains", "P: missing"),
    ),
    Break(
        name="control",
        line="act",
        wrong=lambda c, error, total, slope: right_act(c, error / 4, total, slope),
        red=("1.2 times the critical gain", "P, cold water"),
    ),
    Break(
        name="control",
        line="heat",
        wrong=sealed,
        red=("one temperature", "P: missing", "P, cold water", "P, seven gains", "period of"),
    ),
    Break(
        name="feedback_loop",
        line="forecast",
        wrong=lambda crimes, patrols, _: right_forecast(crimes, patrols, True),
        red=(
            "hot spots: cities",
            "hot spots: share of crimes",
            "in proportion: Kolmogorov",
            "in proportion: correlation",
        ),
    ),
    Break(
        name="feedback_loop",
        line="forecast",
        wrong=lambda crimes, patrols, _: right_forecast(crimes, patrols, False),
        red=("per patrol: largest share", "per patrol: variance", "per patrol: correlation"),
    ),
    Break(
        name="feedback_loop",
        line="discover",
        wrong=lambda self, district, luck: right_rates(self, district, luck) * (district != 0),
        red=(
            "hot spots: chance picks",
            "in proportion: Kolmogorov",
            "per patrol: variance",
        ),
    ),
    Break(
        name="feedback_loop",
        line="policies",
        wrong=lambda self: right_policy(self) | {"hot spots": (1.0, False)},
        red=("hot spots: cities", "hot spots: share of crimes"),
    ),
    Break(
        name="feedback_loop",
        line="forecast",
        wrong=fixed_share,
        red=("one worse: its share, per patrol", "one worse: cities", "one worse: its share in"),
        values=WORSE,
    ),
    Break(
        name="arbitrage",
        line="move",
        wrong=lambda signal, _trades, luck: right_move(signal, 0 * luck, luck),
        red=(
            "one trader: slope",
            "slope left",
            "profit of all",
            "profit of twenty",
            "batch, two",
            "batch, three",
        ),
    ),
    Break(
        name="arbitrage",
        line="learn",
        wrong=lambda w, s, move, t: right_learn(w, s, move + w * s, t),
        red=("one trader: slope", "slope left", "profit of all"),
    ),
    Break(
        name="arbitrage",
        line="move",
        wrong=lambda signal, trades, luck: right_move(2 * signal, trades, luck),
        red=("nobody trades",),
    ),
    Break(
        name="arbitrage",
        line="signals",
        wrong=lambda self: np.sort(right_signals(self), axis=0),
        red=("signal, first half",),
    ),
]
