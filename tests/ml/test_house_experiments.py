"""4.10: the predictor and its claims, and that each number is of the rows that it names."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.numpy import load, save

from ml.events import Check, Epoch, Event, Figure, Finding, Floats, Started, Table, Trained
from ml.experiment import Diverged, Preset
from ml.experiments import parse
from ml.experiments.house_sweeps import VARIED, HouseSweeps
from ml.experiments.kaggle_house import SEES, KaggleHouse
from ml.experiments.missing_values import COLUMNS, MissingValues
from ml.houses.book import BOOK, FOLDS, LINEAR_LOG, MEANS, fold_checks
from ml.houses.errors import fold_figure
from ml.houses.folds import HouseExperiment, Recipe
from ml.houses.tables import HouseTables
from ml.intervals import interval, plus_minus
from ml.predictor import Predictor
from ml.programs import Fits, fit_all
from ml.train import Fitted, Progress


@pytest.fixture(scope="module")
def data() -> HouseTables:
    return HouseTables.read()


@pytest.fixture(scope="module")
def default() -> list[Event]:
    return [*KaggleHouse().run()]


@pytest.fixture(scope="module")
def predictor(default: list[Event]) -> Predictor:
    (payload,) = [event.payload for event in default if isinstance(event, Trained)]
    return Predictor.from_bytes(payload)


def trained(experiment: HouseExperiment, data: HouseTables) -> tuple[Fits, list[Event]]:
    """Its fits on these houses, and what it says of them."""
    vars(experiment)["data"] = data  # instead of reading the files
    events = list[Event]()
    steps = fit_all([*experiment.trainings()], Progress(None), asked=experiment.asked)
    try:
        while True:
            events.append(next(steps))
    except StopIteration as stop:
        return stop.value, [*events, *experiment.results(stop.value)]


def named(kind: type[Any], events: list[Event], name: str) -> Any:
    (event,) = [event for event in events if isinstance(event, kind) and event.name == name]
    return event


# ---- what is kept ----------------------------------------------------------------


def test_the_defaults_beat_the_book(default: list[Event]) -> None:
    check = named(Check, default, "our defaults, mean valid")
    last = [e.values[-1, 1] for e in default if isinstance(e, Epoch) and e.key == "folds"][-1]
    assert check.passed
    assert check.got == pytest.approx(last.mean())
    assert check.got < 0.15
    assert [event.name for event in default if isinstance(event, Check) and not event.passed] == []


def test_the_predictor_comes_back_from_its_bytes(predictor: Predictor, tmp_path: Path) -> None:
    file = tmp_path / "predictor.safetensors"
    predictor.save(file)
    again = Predictor.load(file)
    assert again.card == predictor.card
    rows: list[dict[str, object]] = [{"GrLivArea": 1710, "OverallQual": 7}, {}]
    np.testing.assert_array_equal(again.predict(rows).price, predictor.predict(rows).price)
    assert again.submission() == predictor.submission()
    with pytest.raises(ValueError, match="no predictor of Ridgeline"):
        Predictor.from_bytes(b"\x80\x04K\x01.")  # a pickle


def test_bounds_are_quantiles_of_sold_over_predicted_times_the_price(
    predictor: Predictor, data: HouseTables
) -> None:
    priced, (low, high) = predictor.predict(data.train[:20]), predictor.card.interval
    assert abs(low + high) > 0.01  # or they could be the wrong way round
    np.testing.assert_allclose(priced.low, priced.price * np.exp(low))
    np.testing.assert_allclose(priced.high, priced.price * np.exp(high))


def test_a_price_in_the_submission_is_that_of_the_house_with_its_id(
    predictor: Predictor, data: HouseTables
) -> None:
    _, *lines = predictor.submission().splitlines()
    ids = data.files.test["Id"].tolist()
    for place in (0, 1, 700, 1458):
        (price,) = predictor.predict([data.test[place]]).price
        assert lines[place] == f"{ids[place]},{price:.4f}"
    assert len(lines) == len(ids) == 1459


def test_the_prices_that_were_sold_are_those_of_all_training_rows(
    predictor: Predictor, data: HouseTables
) -> None:
    sold = predictor.card.sold
    for low, high, count in zip(sold.edges, sold.edges[1:], sold.counts, strict=False):
        if low > sold.edges[0] and high < sold.edges[-1]:
            assert count == ((low <= data.price) & (data.price < high)).sum()
    assert sum(sold.counts) == len(data.price)


def test_a_file_older_than_the_median_still_answers(predictor: Predictor) -> None:
    card = json.loads(predictor.card.model_dump_json())
    del card["median_error"]
    old = Predictor.from_bytes(save(load(predictor.to_bytes()), {"card": json.dumps(card)}))
    assert old.card.median_error is None
    assert old.submission() == predictor.submission()


def test_the_interval_covers_nine_of_ten_training_prices(predictor: Predictor) -> None:
    low, high = predictor.card.interval
    assert -0.4 < low < 0 < high < 0.4
    assert predictor.card.median_error is not None
    assert 0.05 < predictor.card.median_error < np.mean(predictor.card.folds)


def test_prices_that_are_no_numbers_end_a_job_as_diverged() -> None:
    fields = {"num_hiddens": [64, 64], "lr": 200, "weight_decay": 0, "dropout": 0}
    wild = parse({"name": "kaggle_house", "optimizer": "adam", "num_epochs": 4, **fields})
    with pytest.raises(Diverged, match="not finite numbers above 0"):
        list(wild.run())


def test_a_network_too_large_to_train_is_refused_at_its_field() -> None:
    wide: dict[str, Any] = {"name": "kaggle_house", "num_hiddens": [2048] * 4}
    with pytest.raises(ValidationError) as refused:
        parse(wide | {"preprocessing": "both"})
    (error,) = refused.value.errors()
    assert error["loc"] == ("kaggle_house", "num_hiddens")
    assert error["msg"] == (
        "10 runs of this network have 132,710,410 parameters; 50,000,000 are allowed."
        " Take fewer or narrower hidden layers, fewer folds or fewer seeds."
    )
    assert parse(wide | {"num_hiddens": [2048, 2048]})
    with pytest.raises(ValidationError):
        parse(wide | {"num_hiddens": [2048, 2048], "num_seeds": 3})
    with pytest.raises(ValidationError) as refused:  # without k there is no number of runs
        parse(wide | {"k": 1})
    assert [error["loc"][-1] for error in refused.value.errors()] == ["k"]


# ---- which rows ------------------------------------------------------------------


@pytest.mark.parametrize("k", [2, 7, 20])
@pytest.mark.parametrize("way", ["honest", "book"])
def test_each_fold_is_left_out_once_and_the_refit_has_all(
    k: int, way: Any, data: HouseTables
) -> None:
    experiment = KaggleHouse(k=k, preprocessing=way, num_seeds=2)
    vars(experiment)["data"] = data
    trainings = [*experiment.trainings()]
    *folds, refit = [next(iter(training.lanes)) for training in trainings]
    rows = 1460 - 1460 % k if way == "book" else 1460
    assert len(folds) == 2 * k
    for seed in (folds[:k], folds[k:]):
        assert sorted(torch.cat([lane.valid for lane in seed]).tolist()) == [*range(rows)]
    for lane in folds:
        both = torch.cat([lane.train, lane.valid])
        assert len(both.unique()) == len(both) == rows
    assert refit.train.tolist() == [*range(1460)]
    assert len(refit.valid) == 0
    assert len({lane.seed for lane in (*folds, refit)}) == 2 * k + 1  # a start of its own each
    off = [
        data.standardised(way, one.X.numpy(), lane.train.numpy())
        for one, lane in zip(trainings[:k], folds[:k], strict=True)
    ]
    assert np.max(off) < 1e-4  # and no column of a fold is empty or constant


def noised(data: HouseTables, rows: range, *, keep: tuple[str, ...] = ()) -> HouseTables:
    """Other attributes and prices in these rows; the levels that there are stay the same."""
    rng = np.random.default_rng(1)
    train, price = [dict(row) for row in data.train], data.price.copy()
    for i, other in zip(rows, rng.permutation(rows), strict=True):
        price[i] *= rng.uniform(0.1, 10)
        for name, value in data.train[other].items():
            if name not in keep:
                factor = 1 if isinstance(value, str) else rng.uniform(0.1, 10)
                train[i][name] = value and value * factor
    return replace(data, train=train, price=price, made={})


EXPERIMENTS_ON_FOLDS: tuple[tuple[HouseExperiment, tuple[str, ...]], ...] = (
    (KaggleHouse(num_epochs=1, num_seeds=2, k=3), ()),
    (
        KaggleHouse(
            **BOOK.values | {"preprocessing": "honest", "num_epochs": 1, "num_seeds": 1, "k": 3}
        ),
        (),
    ),
    (HouseSweeps(vary="scaling", num_epochs=1, num_seeds=2), ()),
    (MissingValues(num_epochs=1, num_seeds=2), COLUMNS),  # where gaps are is nature's doing
)


@pytest.mark.parametrize(("experiment", "keep"), EXPERIMENTS_ON_FOLDS, ids=str)
def test_what_a_fold_learns_does_not_depend_on_the_rows_that_it_is_judged_on(
    experiment: HouseExperiment, keep: tuple[str, ...], data: HouseTables
) -> None:
    before, _ = trained(experiment, data)
    first = next(iter(before[0].training.lanes)).valid
    other = noised(data, range(int(first[0]), int(first[-1]) + 1), keep=keep)
    after, _ = trained(type(experiment)(**experiment.model_dump()), other)
    blind = [set(first.tolist()) == set(lane.valid.tolist()) for lane in lanes(before)]
    assert 0 < sum(blind) < len(blind)
    for one, two, unseen in zip(before, after, blind, strict=True):
        same = [
            torch.equal(a, b)
            for a, b in zip(one.net.parameters(), two.net.parameters(), strict=True)
        ]
        assert all(same) if unseen else not any(same)
        np.testing.assert_array_equal(one.last("train") == two.last("train"), unseen)
        if unseen:
            assert one.last("valid") != two.last("valid")


def lanes(fits: Fits) -> list[Any]:
    return [lane for one in fits for lane in one.training.lanes]


# ---- what is reported ------------------------------------------------------------


@torch.no_grad()
def residuals(one: Fitted, data: HouseTables, rows: torch.Tensor) -> Floats:
    """log(sold / predicted) of these rows, from the net and the prices that it has learnt from."""
    (lane,) = one.training.lanes
    logs = np.log(data.price[lane.train])
    output = one.net(one.training.X[rows][None])[0, :, 0].double().numpy()
    return np.asarray(np.log(data.price[rows]) - (logs.mean() + logs.std() * output))


def rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(values**2)))


def test_every_number_of_a_run_is_what_its_nets_say_of_its_rows(data: HouseTables) -> None:
    experiment = KaggleHouse(preprocessing="both", num_epochs=2, num_seeds=2)
    fits, events = trained(experiment, data)
    errors: dict[tuple[str, int, str], list[float]] = {}
    off = list[Floats]()
    for one in fits.of("folds"):
        (lane,) = one.training.lanes
        fold = int(lane.valid[0]) // 292
        for part in ("train", "valid"):
            error = rms(residuals(one, data, getattr(lane, part)))
            assert one.last(part)[0] == pytest.approx(error, rel=1e-4)
            errors.setdefault((lane.setting, fold, part), []).append(error)
        if lane.setting == "honest":
            off.append(residuals(one, data, lane.valid))
    means = {key: float(np.mean(values)) for key, values in errors.items()}

    beside = named(Table, events, "beside_the_book").rows
    ways = named(Table, events, "ways").rows
    for fold in range(5):
        honest, book = means["honest", fold, "valid"], means["book", fold, "valid"]
        assert beside[fold][2] == pytest.approx(means["honest", fold, "train"], rel=1e-4)
        assert beside[fold][4] == pytest.approx(honest, rel=1e-4)
        assert ways[fold][1:] == pytest.approx((honest, book, book - honest), rel=1e-4, abs=1e-5)
    assert beside[5][4] == ways[5][1] == pytest.approx(np.mean([row[4] for row in beside[:5]]))

    figure = named(Figure, events, "folds")
    _, points, printed = figure.series
    assert points.y.reshape(5, 2) == pytest.approx(
        np.array([errors["honest", fold, "valid"] for fold in range(5)]), rel=1e-4
    )
    assert printed.role == "book"
    (payload,) = [event.payload for event in events if isinstance(event, Trained)]
    predictor = Predictor.from_bytes(payload)
    card, judged = predictor.card, predictor.judged
    assert judged is not None
    expected = np.array([errors["honest", fold, "valid"] for fold in range(5)]).T
    np.testing.assert_allclose(judged.errors(), expected, rtol=1e-4)
    assert (judged.fold == np.arange(1460) // 292).all()
    assert 0.85 < judged.inside.mean() < 0.95
    assert (KaggleHouse().leaks, KaggleHouse(preprocessing="book").leaks) == ("", SEES)
    all_off = np.concatenate(off)
    assert len(all_off) == 2 * 1460
    assert card.folds == pytest.approx([row[4] for row in beside[:5]])
    assert card.interval == pytest.approx(np.quantile(all_off, [0.05, 0.95]), rel=1e-4)
    assert card.median_error == pytest.approx(np.median(abs(np.exp(-all_off) - 1)), rel=1e-4)
    # both ways, each as its scaler should have left it
    assert [event.name for event in events if isinstance(event, Check) and not event.passed] == []
    (finding,) = [event for event in events if isinstance(event, Finding)]
    assert finding.setting == "honest"
    folds, _ = [event for event in events if isinstance(event, Started)]
    assert folds.settings == ("honest",) * 10 + ("book",) * 10


def test_one_seed_says_that_it_is_one(default: list[Event], data: HouseTables) -> None:
    said = "on average of 5 folds with one seed; eighteen seeds of these defaults gave"
    assert said in named(Figure, default, "folds").finding
    _, events = trained(KaggleHouse(num_epochs=1, k=3), data)
    figure = named(Figure, events, "folds")
    assert "on average of 3 folds with one seed; another gives another figure" in figure.finding
    assert len(figure.series) == 1  # nothing repeats, and the book has no three folds
    started = next(event for event in events if isinstance(event, Started))
    assert started.labels == ("fold 1", "fold 2", "fold 3")


def sweep_rows(experiment: HouseSweeps | MissingValues, data: HouseTables) -> Table:
    """Its table, once each setting's mean has been computed anew from its nets."""
    fits, events = trained(experiment, data)
    (table,) = [event for event in events if isinstance(event, Table)]
    settings = dict.fromkeys(one.training.lanes.settings[0] for one in fits)
    for setting, row in zip(settings, table.rows, strict=True):
        errors = [
            rms(residuals(one, data, next(iter(one.training.lanes)).valid))
            for one in fits.at(setting)
        ]
        cells = [cell for cell in row if isinstance(cell, float)]
        assert cells[0] == pytest.approx(np.mean(errors), rel=1e-4), setting
    assert not [event for event in events if isinstance(event, Check)]  # not its own settings
    return table


@pytest.mark.parametrize("preset", HouseSweeps.presets, ids=lambda preset: preset.name)
def test_a_sweep_sets_its_values_beside_the_default(preset: Preset, data: HouseTables) -> None:
    table = sweep_rows(HouseSweeps(**preset.values, num_seeds=2, num_epochs=1), data)
    settings = VARIED[preset.name]
    assert [row[0] for row in table.rows] == [*settings]
    for row, (name, recipe) in zip(table.rows, settings.items(), strict=True):
        assert (row[3] == 0) == (recipe == Recipe() and name != "as they come")


def test_an_indicator_is_compared_with_the_mean_over_the_same_gaps(data: HouseTables) -> None:
    table = sweep_rows(MissingValues(num_seeds=2, num_epochs=1), data)
    for mean, indicator in pairwise(table.rows):
        if mean[0] == indicator[0]:
            assert indicator[4] == pytest.approx(indicator[2] - mean[2])  # type: ignore[operator]  # floats


def test_a_recipe_is_what_kaggle_house_does_by_default(default: list[Event]) -> None:
    for name in Recipe.__dataclass_fields__:
        assert KaggleHouse.model_fields[name].default == getattr(Recipe(), name)
    alone = next(e for e in default if isinstance(e, Epoch) and e.key == "folds")
    sweep = HouseSweeps(vary="scaling", num_epochs=1, num_seeds=2)
    together = next(event for event in sweep.run() if isinstance(event, Epoch))
    np.testing.assert_allclose(together.values[0, :, :5], alone.values[0], rtol=1e-5)


def invented(
    experiment: HouseExperiment, data: HouseTables
) -> tuple[dict[str, Floats], list[Event]]:
    """Valid errors of nobody's, each another, by setting (seeds,), and what is said of them."""
    vars(experiment)["data"] = data
    rng = np.random.default_rng(0)
    trainings = [*experiment.trainings()]
    curves = rng.uniform(0.1, 0.2, (len(trainings), 2, 2, 1)).astype(np.float32)
    fits = Fits([*map(Fitted, trainings, curves)])
    settings = dict.fromkeys(one.training.lanes.settings[0] for one in fits)
    means = {
        setting: fits.at(setting).metric("valid")[-1].reshape(experiment.num_seeds, -1).mean(1)
        for setting in settings
    }
    return means, [*experiment.results(fits)]


def test_a_difference_is_the_value_minus_the_default_seed_by_seed(data: HouseTables) -> None:
    valid, events = invented(HouseSweeps(vary="decay", num_seeds=3), data)
    for row in named(Table, events, "sweep").rows:
        each = valid[f"decay {row[0]}"]
        mean, half = interval(each)
        assert row[1:3] == pytest.approx((mean, half))
        mean, half = interval(each - valid["decay 2"])
        assert row[3:] == pytest.approx((mean, half))


def test_the_best_of_a_sweep_is_said_to_be_as_far_below_the_default_as_it_is() -> None:
    valid = np.array([[0.15, 0.16], [0.13, 0.135], [0.14, 0.142]])
    text = HouseSweeps(num_seeds=2).best(["a", "b", "c"], "a", valid, valid - valid[0])
    assert text.startswith("Best of a, b, c is b, at 0.1325 ±")
    assert "that is 0.0225 ± " in text
    assert HouseSweeps().best(["a", "b"], "b", valid[:2], valid[:2] - valid[1]).endswith("default.")


def test_a_gain_is_of_the_gaps_that_it_names(data: HouseTables) -> None:
    valid, events = invented(MissingValues(num_seeds=3), data)
    plain, told = (
        {gap: valid[f"{fill} ({gap})"] for gap in ("at random", "not at random")}
        for fill in ("mean", "mean and indicator")
    )
    gains = {gap: plain[gap] - told[gap] for gap in plain}
    figure = named(Figure, events, "gains")
    assert figure.x_names == (*gains,)
    np.testing.assert_allclose(figure.series[1].y, [*gains["at random"], *gains["not at random"]])
    at_random, not_at_random = map(plus_minus, gains.values())
    assert f"takes {not_at_random} off" in figure.finding
    assert figure.finding.endswith(f"where at random, {at_random}.")
    (finding,) = [event for event in events if isinstance(event, Finding)]
    ends = plain["not at random"].mean(), told["not at random"].mean()
    assert finding.setting == "mean and indicator (not at random)"
    assert f"mean (not at random) ends at {ends[0]:.4g} and" in finding.text
    assert f"(not at random) at {ends[1]:.4g}," in finding.text
    (claim,) = [event.got for event in events if isinstance(event, Check)]
    assert claim == pytest.approx(gains["not at random"].mean())


@pytest.mark.parametrize("values", [LINEAR_LOG.values, {}])
def test_what_is_claimed_of_folds_is_of_all_of_them(values: dict[str, Any]) -> None:
    train, valid = np.array([[0.10, 0.11, 0.12, 0.14, 0.15], [0.20, 0.23, 0.25, 0.26, 0.29]])
    events = [*KaggleHouse(**values).beside_the_book({"train": train, "valid": valid})]
    (check,) = [event for event in events if isinstance(event, Check)]
    assert check.got == pytest.approx(valid.mean())
    for fold, row in enumerate(named(Table, events, "beside_the_book").rows[:5]):
        assert row[2::2] == (train[fold], valid[fold])
        assert row[1::2] == (FOLDS["train"][fold], FOLDS["valid"][fold], valid[fold] - row[3])


def test_the_book_s_folds_are_held_beside_those_of_the_same_part() -> None:
    train, valid = np.array([[0.10, 0.11, 0.12, 0.14, 0.15], [0.20, 0.23, 0.25, 0.26, 0.29]])
    checks = [*fold_checks(KaggleHouse(), {"train": train, "valid": valid})]
    got = {check.name: (check.expected, check.got) for check in checks}
    for part, each in (("train", train), ("valid", valid)):
        for fold, value in enumerate(each):
            assert got[f"fold {fold + 1} {part} log RMSE"] == (FOLDS[part][fold], value)
        assert got[f"mean {part} log RMSE"] == pytest.approx((MEANS[part], each.mean()))


def test_errors_of_folds_are_means_over_the_seeds_and_sure_as_the_seeds_are() -> None:
    valid = np.array([[0.10, 0.12, 0.17], [0.11, 0.13, 0.18]])
    said = fold_figure(valid, np.array([-0.2, 0.1, 0.3]), "").finding
    assert said.startswith(f"{plus_minus(valid.mean(1))} over 2 seeds, each a mean over 3 folds;")
    assert "one seed alone gives 0.1300 to 0.1400. From fold to fold it is 0.105 to 0.175." in said


# ---- what is hidden --------------------------------------------------------------


def test_values_are_hidden_as_the_exercise_says(data: HouseTables) -> None:
    columns = [data.layout.columns.index(name) for name in COLUMNS]
    values = data.raw[:, columns]
    high = values > np.median(values, axis=0)
    gone = MissingValues.hide(values, "not at random", 0)
    assert not gone[~high].any()
    assert gone[high].mean() == pytest.approx(0.9, abs=0.02)
    gone = MissingValues.hide(values, "at random", 0)
    assert gone[high].mean() == pytest.approx(0.5, abs=0.03)
    assert gone[~high].mean() == pytest.approx(0.5, abs=0.03)


def test_a_hidden_value_is_the_mean_and_only_the_indicator_says_so(data: HouseTables) -> None:
    experiment = MissingValues()
    vars(experiment)["data"] = data
    rows = np.arange(1000)
    blind, told = (
        experiment.view("not at random", fill, rows, 0).X for fill in ("mean", "mean and indicator")
    )
    columns = [data.layout.columns.index(name) for name in COLUMNS]
    gone = told[:, -len(COLUMNS) :] == 1
    assert gone.mean() == pytest.approx(0.43, abs=0.04)  # nine tenths of those above the median
    assert not blind[:, columns][gone].any()
    assert not blind[:, -len(COLUMNS) :].any()
    np.testing.assert_array_equal(blind[:, : -len(COLUMNS)], told[:, : -len(COLUMNS)])


def test_each_repetition_has_gaps_of_its_own_and_both_fills_the_same(data: HouseTables) -> None:
    experiment, rows = MissingValues(), np.arange(1000)
    vars(experiment)["data"] = data
    first, again, other = (
        experiment.view("at random", "mean and indicator", rows, i).X[:, -len(COLUMNS) :]
        for i in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() == pytest.approx(0.5, abs=0.05)


def test_numbers_as_they_come_have_the_mean_where_one_is_missing(data: HouseTables) -> None:
    X = HouseSweeps.as_they_come(data.layout, data.raw)
    lot = data.layout.columns.index("LotFrontage")
    missing = np.isnan(data.raw[:, lot])
    assert missing.sum() == 259
    np.testing.assert_allclose(X[missing, lot], np.nanmean(data.raw[:, lot]), rtol=1e-6)
    np.testing.assert_array_equal(X[~missing, lot], data.raw[~missing, lot])
