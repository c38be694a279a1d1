"""4.9, what interacts: which rounds, which learner, arm or district feeds a reported number.

What is reported is computed again by other means: a slow loop, a solver, a count.
"""

from typing import Any

import numpy as np
import pytest
from scipy import optimize

from ml import online
from ml.events import Figure, Floats, Table
from ml.experiments import EXPERIMENTS
from ml.experiments.arbitrage import CROWD, Arbitrage
from ml.experiments.arbitrage import slope as slope_of
from ml.experiments.bandit import Bandit
from ml.experiments.control import KEPT, LOAD, POWER, ROOM, Control, Controllers
from ml.experiments.feedback_loop import NAIVE, PROPORTION, WEIGHTED, FeedbackLoop
from ml.experiments.online_learning import OnlineLearning

MINIMIZE: Any = optimize.minimize
SHORT: dict[str, Any] = {"num_rounds": 400, "repeats": 20, "num_inputs": 3, "batch": 20}


def ask(name: str, **values: Any) -> tuple[dict[str, Figure], dict[str, Table]]:
    """Figures and tables of a run, by name."""
    events = [*EXPERIMENTS[name](**values).run()]
    figures = {event.name: event for event in events if isinstance(event, Figure)}
    return figures, {event.name: event for event in events if isinstance(event, Table)}


def columns(table: Table) -> dict[str, list[Any]]:
    return dict(zip(table.columns, map(list, zip(*table.rows, strict=True)), strict=True))


def line(figure: Figure, label: str) -> Floats:
    (series,) = [series for series in figure.series if series.label == label]
    return series.y


# ---- online learning


def rows(seed: int = 0) -> tuple[Floats, Floats]:
    """Forty rounds of two streams."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(40, 2, 3))
    X /= np.linalg.norm(X, axis=-1, keepdims=True)
    return X, rng.normal(size=(40, 2))


def squares(w: Floats, X: Floats, y: Floats) -> float:
    return float(np.square(X @ w - y).sum() / 2)


def test_least_squares_are_the_ridge_regression_that_counts_the_new_row_as_nought() -> None:
    X, y = rows()
    learner = online.LeastSquares((2, 3), 0.5)
    for t in range(40):
        for r in range(2):
            past = X[: t + 1, r]
            A = past.T @ past + 0.5 * np.eye(3)
            expected = np.linalg.solve(A, X[:t, r].T @ y[:t, r]) @ X[t, r]
            assert learner.estimate(X[t])[r] == pytest.approx(expected, abs=1e-12)
        learner.learn(X[t], y[t])


def test_gradient_steps_are_zinkevich_s() -> None:
    X, y = rows()
    learner, w = online.GradientSteps((2, 3), 0.3, 1.7), np.zeros((2, 3))
    outside = 0
    for t in range(40):
        for r in range(2):
            assert learner.estimate(X[t])[r] == pytest.approx(w[r] @ X[t, r], abs=1e-12)
            gradient = (w[r] @ X[t, r] - y[t, r]) * X[t, r]
            w[r] = w[r] - 0.6 / (1.7 * (t + 1) ** 0.5) * gradient
            if np.linalg.norm(w[r]) > 0.3:
                w[r] *= 0.3 / np.linalg.norm(w[r])
                outside += 1
        learner.learn(X[t], y[t])
    assert 0 < outside < 80


def test_batch_learning_is_ridge_regression_of_its_rows_and_no_others() -> None:
    X, y = rows()
    learner = online.Batch((2, 3), 10)
    for t in range(10):
        learner.learn(X[t], y[t])
    for r in range(2):
        A = X[:10, r].T @ X[:10, r] + np.eye(3)
        expected = np.linalg.solve(A, X[:10, r].T @ y[:10, r]) @ X[12, r]
        assert learner.estimate(X[12])[r] == pytest.approx(expected, abs=1e-12)
    before = learner.estimate(X[12])
    learner.learn(X[11], 100 + y[11])
    np.testing.assert_array_equal(learner.estimate(X[12]), before)


@pytest.mark.parametrize("radius", [0.1, 100.0])
def test_no_weights_of_the_ball_are_better_in_hindsight(radius: float) -> None:
    X, y = rows()
    least = online.hindsight(X, y, [2, 20, 40], radius)
    for h, t in enumerate((2, 20, 40)):
        for r in range(2):
            ball = {"type": "ineq", "fun": lambda w: radius**2 - w @ w}
            part = (X[:t, r], y[:t, r])
            best = MINIMIZE(squares, np.zeros(3), part, "SLSQP", constraints=[ball], tol=1e-12)
            assert least[h, r] == pytest.approx(squares(best.x, *part), abs=1e-6)


@pytest.mark.parametrize("stream", ["steady", "adversary"])
def test_losses_and_regrets_are_of_the_estimates_before_the_answers(stream: Any) -> None:
    experiment = OnlineLearning(stream=stream, **SHORT)
    figures, tables = ask("online_learning", stream=stream, **SHORT)
    table = columns(tables["ends"])
    X, answers = experiment.world()
    for i, (name, learner) in enumerate(experiment.learners(20).items()):
        loss, y = 0.0, np.empty_like(answers)
        for t, x in enumerate(X):
            estimate = learner.estimate(x)
            y[t] = answers[t]
            if stream == "adversary":
                y[t] = [-experiment.largest if e > 0 else experiment.largest for e in estimate]
            learner.learn(x, y[t])
            loss += float(np.square((learner.estimate(x) if i == 3 else estimate) - y[t]).sum()) / 2
        assert table["learner"][i] == name
        assert table["loss a round"][i] == pytest.approx(loss / answers.size)
        least = online.hindsight(X, y, [400], 2.0).sum()
        regret = (loss - least) / answers.size
        assert table["regret a round"][i] == pytest.approx(regret)
        if i < 3:
            assert line(figures["regret"], name)[-1] == pytest.approx(regret)
    assert {series.label for series in figures["regret"].series}.isdisjoint({"peeks"})


# ---- bandits


def test_regret_is_what_the_pulled_arms_cost() -> None:
    values: dict[str, Any] = {"means": (0.2, 0.6, 0.5), "num_rounds": 1000, "repeats": 20}
    experiment = Bandit(**values)
    figures, tables = ask("bandit", **values)
    table = columns(tables["ends"])
    for i, (name, policy) in enumerate(experiment.policies().items()):
        arms, rewards = experiment.play(*policy)
        assert set(np.unique(rewards)) == {0.0, 1.0}
        counts = [(arms == k).sum() / 20 for k in range(3)]
        assert [
            table[f"pulls of arm {k + 1}, μ {m:g}"][i] for k, m in enumerate((0.2, 0.6, 0.5))
        ] == counts
        assert table["regret"][i] == pytest.approx(0.4 * counts[0] + 0.1 * counts[2])
        assert line(figures["regret"], name)[-1] == pytest.approx(table["regret"][i])


def test_ucb_pulls_each_arm_once_and_then_the_highest_bound_of_what_was_paid_before() -> None:
    experiment = Bandit(num_rounds=1000, repeats=20)
    arms, rewards = experiment.play(0.0, 1.4)
    for r in (0, 7):
        assert [*arms[:3, r]] == [0, 1, 2]
        for t in (3, 50, 999):
            before = arms[:t, r]
            mean = np.array([rewards[:t, r][before == k].mean() for k in range(3)])
            n = np.array([(before == k).sum() for k in range(3)])
            bounds = mean + 1.4 * np.sqrt(np.log(t + 1) / n)
            assert bounds[arms[t, r]] == pytest.approx(bounds.max())


def test_lai_robbins_and_the_balance_of_bounds_by_hand() -> None:
    experiment = Bandit(means=(0.3, 0.7, 0.7))
    divergence = 0.3 * np.log(0.3 / 0.7) + 0.7 * np.log(0.7 / 0.3)
    assert experiment.lai_robbins == pytest.approx(0.4 / divergence)
    figures, _ = ask("bandit", means=(0.3, 0.7, 0.7), num_rounds=1000, repeats=20)
    assert line(figures["regret"], "Lai-Robbins")[-1] == pytest.approx(
        0.4 / divergence * np.log(1000)
    )


def test_where_bounds_balance_the_pulls_add_up() -> None:
    mu, spread = np.array([0.7, 0.5, 0.3]), 2 * np.log(10_000)
    level: Any = optimize.brentq(
        lambda level: (spread / (level - mu) ** 2).sum() - 10_000, 0.7001, 3, xtol=1e-12
    )
    regret = ((0.7 - mu) * spread / (level - mu) ** 2).sum()
    assert Bandit().balance(2**0.5) == pytest.approx(regret)


# ---- control


@pytest.mark.parametrize("delay", [1, 7, 60])
def test_at_the_ultimate_gain_the_slowest_root_lies_on_the_circle(delay: int) -> None:
    gain, period = Control(delay=delay).ultimate
    polynomial = np.zeros(delay + 2)
    polynomial[:2] = 1, -KEPT
    polynomial[-1] += (1 - KEPT) * POWER * gain
    roots = np.roots(polynomial)
    slowest = roots[np.abs(roots).argmax()]
    assert abs(slowest) == pytest.approx(1, abs=1e-9)
    assert 2 * np.pi / abs(np.angle(slowest)) == pytest.approx(period)


def test_a_boiler_step_by_step() -> None:
    experiment = Control(delay=3, target=60)
    c = Controllers(np.array([0.05]), np.array([50.0]), np.array([4.0]))
    course = experiment.simulate(c)[:, 0]
    theta, total, before, power = ROOM, 0.0, 60 - ROOM, [0.0] * 3
    for t in range(2500):
        assert course[t] == pytest.approx(theta, abs=1e-9)
        error = 60 - theta
        wish = 0.05 * (error + (total + error) / 50 + 4 * (error - before))
        power.append(min(max(wish, 0), 1))
        total += error if power[-1] == wish else 0
        before = error
        end = ROOM + POWER * power[-4] - (LOAD if t >= 1800 else 0)
        theta = end + (theta - end) * np.exp(-1 / 300)


def test_each_controller_is_reported_under_its_own_name() -> None:
    figures, tables = ask("control", gain=3.0, derivative_time=5.0)
    table = columns(tables["ends"])
    assert table["controller"] == ["P", "PI", "PID", "PI, wound up"]
    assert table["missing in K"][0] == pytest.approx(73 / (1 + 200 * 0.03), abs=1e-4)
    assert table["with cold water"][0] == pytest.approx(88 / (1 + 200 * 0.03), abs=1e-4)
    for i, (times, slope, winds_up) in enumerate(
        ((np.inf, 0.0, False), (120.0, 0.0, False), (120.0, 5.0, False), (120.0, 0.0, True))
    ):
        c = Controllers(np.array([0.03]), times, slope, winds_up)
        course = Control().simulate(c)[:, 0]
        kind = table["controller"][i]
        np.testing.assert_allclose(line(figures["temperature"], kind), course[::5])
        assert table["missing in K"][i] == pytest.approx(93 - course[1799], abs=1e-4)
        assert table["overshoot in K"][i] == pytest.approx(max(course[:1800].max() - 93, 0))


# ---- feedback


@pytest.mark.parametrize("policy", [PROPORTION, NAIVE, WEIGHTED])
def test_patrols_go_by_what_was_discovered_and_by_nothing_else(policy: str) -> None:
    experiment = FeedbackLoop(districts=3, num_rounds=100, repeats=20, uneven=2.0, sharpness=3.0)
    sent: list[Any] = []

    class Watched(FeedbackLoop):
        def discover(self, district: Any, luck: Floats) -> Floats:
            crime = super().discover(district, luck)
            sent.append((district, crime, luck))
            return crime

    watched = Watched(districts=3, num_rounds=100, repeats=20, uneven=2.0, sharpness=3.0)
    shares, crimes = watched.send(policy)
    np.testing.assert_array_equal(shares, experiment.send(policy)[0])
    counted, patrols = np.ones((20, 3)), np.full((20, 3), 2.0)
    times, seen = [*experiment.times], 0
    for t, (district, crime, luck) in enumerate(sent):
        weight = counted / patrols if policy == WEIGHTED else counted
        weight = weight ** (1 if policy == PROPORTION else 3)
        if t + 1 in times:
            np.testing.assert_allclose(shares[seen], weight / weight.sum(1, keepdims=True))
            seen += 1
        for r in range(20):
            assert crime[r] == (luck[r] < (1.0 if district[r] == 0 else 0.5))
            counted[r, district[r]] += crime[r]
            patrols[r, district[r]] += 1
    assert seen == len(times) == len(shares)
    np.testing.assert_array_equal(crimes, counted)


def test_a_district_is_as_likely_as_its_share() -> None:
    class Level(FeedbackLoop):
        """Whatever is discovered, a half, three tenths and two tenths."""

        @staticmethod
        def forecast(crimes: Floats, patrols: Floats, weighted: bool) -> Floats:  # noqa: ARG004  level
            visits.append(patrols.copy())
            return np.broadcast_to(np.array([0.5, 0.3, 0.2]), crimes.shape)

    visits: list[Floats] = []
    Level(districts=3, num_rounds=200, repeats=400, sharpness=1.0).send(NAIVE)
    often = (visits[-1] - 2).sum(axis=0) / (199 * 400)
    np.testing.assert_allclose(often, [0.5, 0.3, 0.2], atol=0.01)


def test_the_ends_of_cities_are_of_their_last_shares() -> None:
    values: dict[str, Any] = {"districts": 3, "num_rounds": 300, "repeats": 40}
    _, tables = ask("feedback_loop", **values)
    table = columns(tables["ends"])
    for i, policy in enumerate((PROPORTION, NAIVE, WEIGHTED)):
        shares, crimes = FeedbackLoop(**values).send(policy)
        tops = [int(np.argmax(city)) for city in shares[-1]]
        most = [shares[-1, r, k] for r, k in enumerate(tops)]
        assert table["patrols are sent"][i] == policy
        assert table["largest share of patrols"][i] == pytest.approx(np.mean(most))
        counted = np.mean([crimes[r, k] / crimes[r].sum() for r, k in enumerate(tops)])
        assert table["crimes counted there, share"][i] == pytest.approx(counted)
        assert table["cities with 90 % in one"][i] == np.mean(np.array(most) > 0.9)


# ---- arbitrage


@pytest.mark.parametrize("online_traders", [True, False])
def test_a_market_trade_by_trade(online_traders: bool) -> None:
    experiment = Arbitrage(num_rounds=1000, repeats=5, noise=0.5)
    signal = experiment.signals()
    moves, profits = experiment.trade(signal, online=online_traders)
    for i, n in enumerate(CROWD):
        w, r = [0.0 if online_traders else 0.5] * n, 2
        for t in range(30):
            s, move = signal[t, r], moves[t, i, r]
            assert profits[t, i, r] == pytest.approx(sum(each * s * move for each in w))
            if online_traders:
                w = [each + s * (move - each * s) / (100 + t) for each in w]
    alone = moves[:, 0] - signal  # the market in which nobody trades
    assert alone.std() == pytest.approx(0.5, abs=0.03)


def test_what_twenty_trade_is_what_the_move_is_short_of() -> None:
    experiment = Arbitrage(num_rounds=1000, repeats=5, noise=0.0)
    signal = experiment.signals()
    moves, profits = experiment.trade(signal, online=False)
    for i, n in enumerate(CROWD):
        np.testing.assert_allclose(moves[:, i], (1 - n / 2) * signal, atol=1e-12)
        np.testing.assert_allclose(profits[:, i], n / 2 * (1 - n / 2) * signal**2, atol=1e-10)
    np.testing.assert_allclose(slope_of(signal, moves), np.tile(1 - CROWD[:, None] / 2, 5))


def test_slopes_and_profits_are_of_the_second_half() -> None:
    experiment = Arbitrage(num_rounds=1000, repeats=5)
    _, tables = ask("arbitrage", num_rounds=1000, repeats=5)
    table, signal = columns(tables["ends"]), experiment.signals()
    for way in ("online", "batch"):
        moves, profits = experiment.trade(signal, online=way == "online")
        for i in range(len(CROWD)):
            fits = [
                np.dot(s, m) / np.dot(s, s)
                for s, m in zip(signal[500:].T, moves[500:, i].T, strict=True)
            ]
            assert table[f"{way}: slope left"][i] == pytest.approx(np.mean(fits))
            assert table[f"{way}: profit of all"][i] == pytest.approx(profits[500:, i].mean())
