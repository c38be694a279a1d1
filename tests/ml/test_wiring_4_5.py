"""4.5: which rows, which lane, which column a reported number comes from."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from ml import optim
from ml.data.synthetic import linear
from ml.events import Check, Event, Figure, Finding, Floats, Table
from ml.experiments import EXPERIMENTS, sparsity
from ml.experiments.weight_decay import WeightDecay
from ml.intervals import interval
from ml.lanes import Lane, Lanes
from ml.nn import MLP, gaussian
from ml.programs import Fits, fit_all
from ml.regression import DECAYS, LinearRegression
from ml.train import Fitted, Progress, Training

SMALL = {"num_seeds": 3, "num_epochs": 4}
NOISY = SMALL | {"num_train": 12, "num_test": 40, "num_inputs": 20}
CASES: dict[str, dict[str, Any]] = {
    "weight_decay": SMALL | {"num_inputs": 30},
    "weight_decay_scratch": SMALL,
    "decay_path": NOISY,
    "decay_by_validation": NOISY | {"num_valid": 9},
    "other_remedies": NOISY | {"num_epochs": 40, "lr": 0.1},
    "sparsity": NOISY | {"num_inputs": 100, "lr": 0.05, "num_epochs": 20},
}
every = pytest.mark.parametrize("name", CASES)


def small(name: str, **values: Any) -> LinearRegression:
    experiment = EXPERIMENTS[name](**CASES[name] | values)
    assert isinstance(experiment, LinearRegression)
    return experiment


def finish(trainings: list[Training]) -> Fits:
    steps = fit_all(trainings, Progress(None))
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            fits: Fits = stop.value
            return fits


def results(name: str, **values: Any) -> tuple[LinearRegression, Fits, list[Event]]:
    experiment = small(name, **values)
    fits = finish([*experiment.trainings()])
    return experiment, fits, [*experiment.results(fits)]


def lane(training: Training) -> Lane:
    (one,) = training.lanes
    return one


def losses(experiment: LinearRegression, fits: Fits, part: str) -> Floats:
    """Halved squared error of each lane on that part of its rows, of data drawn anew: (lanes,)."""
    found = []
    for fitted in fits:
        own, (w, b) = lane(fitted.training), affine(fitted)
        size, truth = sum(experiment.parts), experiment.truth
        points, at = linear(size, truth, 0.05, experiment.noise, own.seed), getattr(own, part)
        found.append(np.mean((points.X[at] @ w + b - points.y[at]) ** 2) / 2)
    return np.array(found)


def affine(fitted: Fitted) -> tuple[Floats, Floats]:
    """Weights (d,) and bias () of one lane."""
    return fitted.parameter("0.weight")[0, :, 0], fitted.parameter("0.bias")[0, 0, 0]


def one(events: list[Event], kind: type[Any]) -> Any:
    (event,) = [event for event in events if isinstance(event, kind)]
    return event


def named(events: list[Event], kind: type[Any], name: str) -> Any:
    return one([event for event in events if getattr(event, "name", "") == name], kind)


def column(table: Table, name: str) -> Floats:
    return np.array([row[table.columns.index(name)] for row in table.rows], dtype=np.float64)


def same(a: Any, b: Any) -> None:
    """To what float32 leaves of it."""
    np.testing.assert_allclose(a, b, rtol=2e-5)


@every
def test_rows_that_a_lane_does_not_learn_from_do_not_move_it(name: str) -> None:
    trainings, noised = [*small(name).trainings()], []
    for training in trainings:
        learnt, y = lane(training).train, training.y + 100
        y[learnt] = training.y[learnt]
        noised.append(replace(training, y=y))
    fits, others = finish(trainings), finish(noised)
    for part in ("0.weight", "0.bias"):
        np.testing.assert_array_equal(fits.parameter(part), others.parameter(part))
    np.testing.assert_array_equal(fits.metric("train"), others.metric("train"))
    assert (fits.last("valid") != others.last("valid")).all()


@every
def test_parts_are_apart_and_each_setting_has_each_data_set_once(name: str) -> None:
    experiment, settings = small(name), dict[str, list[Training]]()
    for training in experiment.trainings():
        own = lane(training)
        settings.setdefault(own.setting, []).append(training)
        rows = torch.cat([own.train, own.valid, own.test]).tolist()
        assert len(set(rows)) == len(rows)
        assert max(rows) < len(training.X) == sum(experiment.parts)
        tested = own.test if len(own.test) else own.valid
        assert len(tested) == experiment.num_test
        assert training.judged_on == ("valid" if len(own.test) else "test")
    first, *others = settings.values()
    for differs in ({lane(one).seed for one in first}, {float(one.y[0, 0]) for one in first}):
        assert len(differs) == experiment.num_seeds
    for trainings in others:  # on the same sets, from the same starts
        assert [lane(one).seed for one in trainings] == [lane(one).seed for one in first]
        assert all(torch.equal(a.X, b.X) for a, b in zip(trainings, first, strict=True))


def test_more_data_are_more_rows_without_decay() -> None:
    n = CASES["other_remedies"]["num_train"]
    lanes = [lane(training) for training in small("other_remedies").trainings()]
    sizes = {own.setting: (len(own.train), own.weight_decay) for own in lanes}
    assert sizes == {
        "none": (n, 0),
        "λ 1.4": (n, pytest.approx(1.4)),
        "2 times the data": (2 * n, 0),
        "6 times the data": (6 * n, 0),
    }


@pytest.mark.parametrize("values", [{}, {"weight_decay": 0.5}])
def test_weight_decay_reports_each_decay_of_its_own_lanes(values: dict[str, float]) -> None:
    experiment, fits, events = results("weight_decay", **values)
    table, finding = named(events, Table, "norms"), one(events, Finding)
    ends = [losses(experiment, fits.at(f"λ {row[0]}"), "valid").mean() for row in table.rows]
    learnt = [losses(experiment, fits.at(f"λ {row[0]}"), "train").mean() for row in table.rows]
    norms = [
        np.mean([np.linalg.norm(affine(fitted)[0]) for fitted in fits.at(f"λ {row[0]}")])
        for row in table.rows
    ]
    same(column(table, "test"), ends)
    same(column(table, "train"), learnt)
    same(column(table, "‖w‖"), norms)
    assert finding.setting == experiment.asked
    assert f"λ 0 ends at {ends[0]:.4g} and {experiment.asked} at {ends[1]:.4g}" in finding.text


def test_no_decay_beside_no_decay_is_one_setting() -> None:
    experiment, fits, events = results("weight_decay", weight_decay=0.0)
    assert len(fits) == experiment.num_seeds
    assert len(named(events, Table, "norms").rows) == 1
    finding = one(events, Finding)
    assert finding.setting == "λ 0"
    assert finding.verdict not in ("helps", "hurts", "no clear difference")  # than what?


def test_the_path_is_of_the_rows_that_it_names() -> None:
    experiment, fits, events = results("decay_path")
    train, test = named(events, Figure, "path").series
    for series, part in ((train, "train"), (test, "valid")):
        each = losses(experiment, fits, part).reshape(len(DECAYS), -1)
        same(series.y, each.mean(1))
        same(series.high - series.y, interval(each)[1])
    best = f"λ {DECAYS[int(test.y.argmin())]:.3g}"
    assert f"least at {best} with" in named(events, Figure, "path").finding
    finding = one(events, Finding)
    assert finding.setting == best != "λ 0"
    assert f"λ 0 ends at {test.y[0]:.4g} and {best} at {test.y.min():.4g}," in finding.text


def test_a_row_of_the_path_is_of_its_own_decay() -> None:
    experiment, fits, events = results("decay_path")
    table, said = named(events, Table, "path"), named(events, Figure, "path").finding
    tests = []
    for decay, row in zip(DECAYS, table.rows, strict=True):
        own = fits.at(f"λ {decay:.3g}")
        norms = [np.linalg.norm(affine(fitted)[0]) for fitted in own]
        each = [losses(experiment, own, part) for part in ("train", "valid")]
        for value, half, of in zip(row[1::2], row[2::2], [*each, np.array(norms)], strict=True):
            same((value, half), interval(of))
        tests.append(each[1].mean())
    best = int(np.argmin(tests))
    assert f"is {tests[0]:.4g} without decay, least at λ {DECAYS[best]:.3g} with" in said
    assert f"{tests[best]:.4g}, and {tests[-1]:.4g} at λ {DECAYS[-1]:g}." in said


def test_what_is_claimed_of_decay_is_of_the_means_over_all_data_sets() -> None:
    _, fits, _ = results("weight_decay", num_seeds=5)
    events = [*WeightDecay().results(fits)]  # its own settings, which claim something
    got = {event.name: event.got for event in events if isinstance(event, Check)}
    for name in ("λ 0", "λ 3"):
        norms = [np.linalg.norm(affine(fitted)[0]) for fitted in fits.at(name)]
        same(got[f"mean ‖w‖, {name}"], np.mean(norms))
        same(got[f"mean test loss, {name}"], fits.at(name).last("valid").mean())
    train, test = (
        fits.at("λ 3").last(part) - fits.at("λ 0").last(part) for part in ("train", "valid")
    )
    same(got["training loss increases with decay: least change"], train.min())
    same(got["test loss decreases with decay: least change"], (-test).min())


def test_validation_rows_choose_and_test_rows_tell_what_it_costs() -> None:
    experiment, fits, events = results("decay_by_validation")
    valid, test = (
        losses(experiment, fits, part).reshape(len(DECAYS), -1) for part in ("valid", "test")
    )
    table, sets = named(events, Table, "chosen"), np.arange(experiment.num_seeds)
    for choice, (decay, loss) in {
        "valid": ("λ by validation", "its test loss"),
        "test": ("best λ", "best test loss"),
    }.items():
        at = (valid if choice == "valid" else test).argmin(0)
        assert [row[table.columns.index(decay)] for row in table.rows] == [
            f"{DECAYS[k]:.3g}" for k in at
        ]
        same(column(table, loss), test[at, sets])
    assert (valid.argmin(0) != test.argmin(0)).any()  # or the two could not be told apart
    figure, often = named(events, Figure, "chosen"), (valid.argmin(0) == test.argmin(0)).sum()
    assert f"they choose that one on {often}." in figure.finding
    ours, oracle = (test[at, sets].mean() for at in (valid.argmin(0), test.argmin(0)))
    same(figure.series[0].y, [test[0].mean(), ours, oracle])
    assert f"is {ours / oracle - 1:.1%} above that of the best;" in figure.finding


def test_a_choice_is_the_best_where_test_rows_would_have_chosen_it() -> None:
    experiment, rng = small("decay_by_validation", num_seeds=8), np.random.default_rng(0)
    curves = rng.uniform(0.1, 1, (len(DECAYS), 8, 1, 3, 1)).astype(np.float32)
    for i in range(4):
        curves[i, i] = 0.01  # the best one of this data set, wherever it is looked for
    each = curves.reshape(-1, 1, 3, 1)
    fits = Fits([*map(Fitted, experiment.trainings(), each)])
    often = (curves[..., 0, 1, 0].argmin(0) == curves[..., 0, 2, 0].argmin(0)).sum()
    figure = named([*experiment.results(fits)], Figure, "chosen")
    assert f"they choose that one on {often}." in figure.finding


def test_stopping_early_is_training_for_fewer_epochs() -> None:
    experiment, fits, events = results("other_remedies")
    table = named(events, Table, "remedies")
    for row in table.rows[:-1]:
        same(row[1], losses(experiment, fits.at(str(row[0])), "test").mean())
    stopped, after = [], []
    for fitted in fits.at("none"):
        epochs = int(fitted.metric("valid")[:, 0].argmin()) + 1
        after.append(epochs)
        assert epochs < experiment.num_epochs  # or it is no other than not stopping
        again = finish([replace(fitted.training, num_epochs=epochs)])
        stopped.append(losses(experiment, again, "test")[0])
    assert table.rows[-1][0] == "stopped early"
    finding = named(events, Figure, "remedies").finding
    assert f"validation stops after epoch {np.median(after):.0f}, which" in finding
    same(table.rows[-1][1], np.mean(stopped))
    same(table.rows[-1][3], np.median(stopped))


def test_zeros_and_losses_are_of_the_rule_that_they_name() -> None:
    experiment, fits, events = results("sparsity")
    table, weights = named(events, Table, "path"), named(events, Figure, "weights")
    for row in table.rows:
        group = fits.at(f"{row[0]}, λ {row[1]}")
        cleared = [np.sum(affine(fitted)[0] == 0) for fitted in group]
        assert row[table.columns.index("zeros")] == np.mean(cleared)
        for part in ("valid", "test"):
            same(row[table.columns.index(part)], losses(experiment, group, part).mean())
    assert column(table, "zeros").any()
    truth, *rules = weights.series
    np.testing.assert_array_equal(truth.y, experiment.truth)
    for series, rule in zip(rules, ("L1 proximal", "L1 subgradient", "L2"), strict=True):
        means = {
            f"{rule}, λ {decay:g}": losses(experiment, fits.at(f"{rule}, λ {decay:g}"), "valid")
            for decay in sparsity.DECAYS
        }
        best = min(means, key=lambda setting: float(means[setting].mean()))
        assert series.label == best
        np.testing.assert_array_equal(series.y, affine(fits.at(best)[0])[0])


def test_what_is_written_by_hand_is_reported_of_itself() -> None:
    _, fits, events = results("weight_decay_scratch", decay_bias=True)
    table = named(events, Table, "weights")
    for name in ("scratch", "concise", "lanes"):
        each = [affine(fitted) for fitted in fits.at(name)]
        same(column(table, f"‖w‖, {name}"), [np.linalg.norm(w) for w, _ in each])
        same(column(table, f"b, {name}"), [b for _, b in each])
    apart = np.abs(column(table, "b, scratch") - column(table, "b, concise"))
    assert (apart > 1e-3).all()  # torch's bias decays, and ours never does
    same(column(table, "b, scratch"), column(table, "b, lanes"))


# ---- the update rules


def test_a_proximal_step_stops_at_zero() -> None:
    w = torch.tensor([-2.0, -0.5, 0.0, 0.5, 2.0])
    stepped = optim.proximal(w, torch.zeros(5), torch.tensor(0.5), torch.tensor(1.5))
    assert stepped.tolist() == [-1.25, 0, 0, 0, 1.25]


def test_no_rule_decays_the_bias() -> None:
    row = torch.arange(1)
    lanes = Lanes.of([Lane(label="", train=row, valid=row, lr=0.003, weight_decay=1e4)])
    for rule in sparsity.Sparsity.rules.values():
        net = MLP((3, 1), init=gaussian(1))(lanes)
        weight, bias = (net.get_parameter(f"0.{part}").clone() for part in ("weight", "bias"))
        optimizer = optim.ByRule(net, lanes, rule=rule)
        optimizer.move(torch.zeros_like(optimizer.flat.value), None)
        assert torch.equal(net.get_parameter("0.bias"), bias)
        assert not torch.equal(net.get_parameter("0.weight"), weight)
