"""The ensemble of 4.10: which rows and lanes feed each number, and that serving is training."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError

from ml.cross_fitting import THIN
from ml.events import Check, Checkpoint, Epoch, Event, Figure, Started, Table, Trained
from ml.experiments.house_ensemble import HouseEnsemble
from ml.houses.tables import HouseTables
from ml.nn import set_moment
from ml.predictor import Predictor
from ml.programs import Fits, fit_all
from ml.tabular.report import shared, traits, verdict
from ml.tabular.scores import (
    ENSEMBLE,
    FIFTHS,
    LINEAR,
    MASKS,
    OutOfFold,
    fifths,
    linear,
    rms,
)
from ml.train import Progress
from tests import pace

K = 2
ASKED: dict[str, Any] = {"k": K, "num_seeds": 2, "num_epochs": 2}


def trained(data: HouseTables, **asked: Any) -> tuple[HouseEnsemble, Fits]:
    """The experiment on these houses, and its nets."""
    one = HouseEnsemble(**ASKED | asked)
    vars(one)["data"] = data  # instead of reading the files
    steps = fit_all([*one.trainings()], Progress(None), asked=one.asked)
    try:
        while True:
            next(steps)
    except StopIteration as stop:
        return one, stop.value


@pytest.fixture(scope="module")
def short(data: HouseTables) -> tuple[HouseEnsemble, Fits]:
    return trained(data)


@pytest.fixture(scope="module")
def found(short: tuple[HouseEnsemble, Fits]) -> OutOfFold:
    one, fits = short
    found = one.out_of_fold(fits)
    found.bounded(one.bounds)
    return found


@pytest.fixture(scope="module")
def said(short: tuple[HouseEnsemble, Fits]) -> list[Event]:
    one, fits = short
    return [*one.opening(), *one.results(fits)]


def predictor_of(said: list[Event]) -> bytes:
    """The bytes of the one that was trained."""
    (payload,) = [event.payload for event in said if isinstance(event, Trained)]
    return payload


@pytest.fixture(scope="module")
def predictor(said: list[Event]) -> Predictor:
    payload = predictor_of(said)
    assert len(payload) < 2_000_000
    return Predictor.from_bytes(payload)


# ---- the folds


def test_shuffled_folds_are_scikit_learns() -> None:
    from sklearn.model_selection import KFold

    one = HouseEnsemble(shuffle=3)
    for ours, theirs in zip(one.rows, KFold(5, shuffle=True, random_state=3).split(np.arange(1460)),
                            strict=True):  # fmt: skip
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_books_folds_are_slices() -> None:
    for fold, (train, valid) in enumerate(HouseEnsemble(folding="book").rows):
        np.testing.assert_array_equal(valid, np.arange(292 * fold, 292 * (fold + 1)))
        assert len(train) == 1168


def test_no_lane_is_judged_by_a_row_that_it_learns_from(
    short: tuple[HouseEnsemble, Fits],
) -> None:
    one, fits = short
    for member in ("comparables", "mlp"):
        lanes = [lane for each in fits.of(member) for lane in each.training.lanes]
        assert len({lane.seed for lane in lanes}) == len(lanes) == 2 * K
        for lane, (train, valid) in zip(lanes, one.rows * 2, strict=True):
            np.testing.assert_array_equal(lane.train, train)
            np.testing.assert_array_equal(lane.valid, valid)
        (final,) = {len(lane.train.unique()) for each in fits.of(f"{member} refit")
                    for lane in each.training.lanes}  # fmt: skip
        assert final == 1460


def test_prices_and_houses_of_a_fold_cannot_reach_its_answers(
    data: HouseTables, short: tuple[HouseEnsemble, Fits], found: OutOfFold
) -> None:
    """Validation prices as noise, the houses themselves in another order."""
    one, _ = short
    _, valid = one.rows[0]
    noise = np.random.default_rng(0)
    order = np.arange(len(valid))
    noise.shuffle(order[:-8])  # BLAS rounds the last few rows by their place, so these stay
    price, train = data.price.copy(), [*data.train]
    price[valid] = np.exp(noise.normal(10, 3, len(valid)))
    for place, other in zip(valid, valid[order], strict=True):
        train[place] = data.train[other]
    swapped = HouseTables(data.files, train, data.test, price)
    other, fits = trained(swapped)
    again = other.out_of_fold(fits)
    for name in (ENSEMBLE, "comparables", "mlp", "wide_mlp", LINEAR):
        np.testing.assert_array_equal(again.of(name)[valid], found.of(name)[valid[order]])


def test_what_is_taken_up_again_ends_in_the_same_predictor(
    data: HouseTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.train.SAY_EVERY", 0.0)  # and a checkpoint after every epoch
    monkeypatch.setattr("ml.train.SAVE_EVERY", 0.0)

    def run(resume: Checkpoint | None = None) -> list[Event]:
        one = HouseEnsemble(k=K, num_seeds=1, num_epochs=1)
        vars(one)["data"] = data
        return [*one.run(resume)]

    whole = run()
    saved = [event for event in whole if isinstance(event, Checkpoint)]
    assert len(saved) == 8  # one epoch of sales and three of the MLP, twice
    for state in saved[1], saved[6]:  # in the midst of the MLP on the folds, and on all rows
        again = run(state)
        assert predictor_of(again) == predictor_of(whole)
        assert len(again) < len(whole)


# ---- the numbers


def test_each_answer_is_by_the_fold_that_has_not_seen_the_house(
    short: tuple[HouseEnsemble, Fits], found: OutOfFold
) -> None:
    one, fits = short
    for fold, (train, valid) in enumerate(one.rows):
        table = one.table_of(train)
        nets = {name: [each.net for each in fits.of(name)][fold::K] for name in ("comparables",)}
        X = table.X.astype(np.float64)
        rows = torch.from_numpy(table.X[valid])[None]
        alone = np.mean([net(rows)[0, :, 0].detach().numpy() for net in nets["comparables"]], 0)
        expected = table.target.mean + table.target.std * alone
        np.testing.assert_allclose(found.of("comparables")[valid], expected, atol=1e-5)
        line = linear(X[train], table.y[train, 0], X[valid], table.target)
        np.testing.assert_array_equal(found.of(LINEAR)[valid], line)
    each = [one.last("valid") for one in fits.of("mlp")][:K]
    np.testing.assert_allclose(found.valid("mlp"), np.concatenate(each), rtol=0.2)  # of one seed


def test_the_blend_is_the_mean_of_members_but_never_far_from_sales(found: OutOfFold) -> None:
    first, mlp, wide = (found.of(name) for name in ("comparables", "mlp", "wide_mlp"))
    way = ((mlp + wide) / 2 - first) / 2
    assert (np.abs(way) > 0.1).any()
    np.testing.assert_allclose(found.of(ENSEMBLE), first + way.clip(-0.1, 0.1))


def test_scores_are_of_the_rows_they_name(found: OutOfFold, said: list[Event]) -> None:
    off = found.y - found.of(ENSEMBLE)
    mean = np.mean([np.sqrt(np.mean(off[valid] ** 2)) for _, valid in found.rows])
    off[found.deciding] = np.nan
    rest = np.mean([np.sqrt(np.nanmean(off[valid] ** 2)) for _, valid in found.rows])
    first = table(said, "members").rows[0]
    assert first[0] == ENSEMBLE
    assert first[1:3] == pytest.approx((mean, rest))
    errors = {event.key: event.values for event in said if isinstance(event, Epoch)}
    assert errors[ENSEMBLE].shape == (1, 2, K)
    assert errors[ENSEMBLE][0, 1].mean() == pytest.approx(mean, rel=1e-6)
    for event in said:
        if isinstance(event, Started):
            assert event.asked == ENSEMBLE


def test_intervals_are_learnt_from_other_folds(
    short: tuple[HouseEnsemble, Fits], found: OutOfFold
) -> None:
    one, _ = short
    _, valid = one.rows[1]
    low, high = found.low[valid].copy(), found.high[valid].copy()
    y = found.y.copy()
    try:
        found.y[valid] += np.random.default_rng(0).normal(0, 3, len(valid))
        found.bounded(one.bounds)
        np.testing.assert_array_equal(found.low[valid], low)
        np.testing.assert_array_equal(found.high[valid], high)
    finally:
        found.y[:] = y
        found.bounded(one.bounds)
    assert 0.86 < found.inside.mean() < 0.94


def test_a_lead_s_interval_is_that_of_resampled_houses(found: OutOfFold) -> None:
    rng, off = np.random.default_rng(0), {name: found.off(name) for name in (LINEAR, ENSEMBLE)}
    gap, half = found.ahead(LINEAR)
    assert gap == pytest.approx((found.valid(LINEAR) - found.valid(ENSEMBLE)).mean())
    resampled = []
    for _ in range(1000):
        gaps = []
        for _, valid in found.rows:
            some = rng.choice(valid, len(valid))
            line, mine = (rms(off[name][some]) for name in (LINEAR, ENSEMBLE))
            gaps.append(line - mine)
        resampled.append(np.mean(gaps))
    low, high = np.quantile(resampled, (0.025, 0.975))
    assert half == pytest.approx((high - low) / 2, rel=0.15)


def test_fifths_are_equal_and_in_order(found: OutOfFold) -> None:
    fifth = fifths(found.y)
    assert np.bincount(fifth).tolist() == [292] * FIFTHS
    assert found.y[fifth == 0].max() <= found.y[fifth == 1].min()


def test_a_linear_model_is_scikit_learns_ridge() -> None:
    from sklearn.linear_model import Ridge

    from ml.encoder import Target

    rng = np.random.default_rng(0)
    X, y, others = rng.normal(size=(50, 4)), rng.normal(size=50), rng.normal(size=(9, 4))
    target = Target(log=True, mean=12, std=0.4)
    expected = 12 + 0.4 * Ridge(alpha=30).fit(X, y).predict(others)
    np.testing.assert_allclose(linear(X, y, others, target), expected)


def table(said: list[Event], name: str) -> Table:
    (found,) = [event for event in said if isinstance(event, Table) and event.name == name]
    return found


def figure(said: list[Event], name: str) -> Figure:
    (found,) = [event for event in said if isinstance(event, Figure) and event.name == name]
    return found


def test_residuals_are_each_house_once_and_say_who_is_inside(
    found: OutOfFold, said: list[Event]
) -> None:
    outside, inside = figure(said, "residuals").series
    assert len(inside.x) == found.inside.sum()
    assert len(inside.x) + len(outside.x) == 1460
    off = found.y - found.of(ENSEMBLE)
    np.testing.assert_allclose(outside.y, off[~found.inside], atol=5e-5)
    np.testing.assert_allclose(inside.x, np.exp(found.of(ENSEMBLE))[found.inside], atol=0.5)


def test_what_is_shared_is_counted(found: OutOfFold) -> None:
    houses = pd.DataFrame([*found.houses])
    houses["square"] = (found.y - found.of(ENSEMBLE)) ** 2
    rank = pd.Series(found.y).rank(method="first")
    has = {
        "those sold unfinished": houses.SaleCondition.eq("Partial"),
        "those sold abnormally": houses.SaleCondition.eq("Abnorml"),
        "those built before 1940": houses.YearBuilt.astype(int).lt(1940),
        "those of quality 4 or less": houses.OverallQual.astype(int).lt(5),
        "those of quality 9 or 10": houses.OverallQual.astype(int).gt(8),
        "those in other zones than RL": houses.MSZoning.ne("RL"),
        "the cheapest fifth": rank.le(292),
        "the dearest fifth": rank.gt(4 * 292),
    }
    assert {name: part.sum() for name, part in traits(found).items()} == {
        name: part.sum() for name, part in has.items()
    }
    first, second = sorted(has, key=lambda name: -houses.square[has[name]].mean())[:2]
    (a, x), (b, z) = (
        (has[name].mean(), houses.square[has[name]].sum() / houses.square.sum())
        for name in (first, second)
    )
    words = f" are {a:.0%} of houses and {x:.0%} of the squared error, {second} {b:.0%} and {z:.0%}"
    assert f"{first[1:]}{words}. " in shared(found)


def test_coverage_is_of_the_houses_it_names(found: OutOfFold, said: list[Event]) -> None:
    drawn = figure(said, "coverage")
    places = np.array([house["Neighborhood"] for house in found.houses])
    for at, name in enumerate(drawn.x_names):
        part = fifths(found.y) == int(name[-1]) - 1 if name[:5] == "fifth" else places == name
        mine = drawn.series[0]
        assert mine.y[at] == pytest.approx(found.inside[part].mean())
        assert mine.low is not None
        assert mine.high is not None
        assert mine.low[at] < mine.y[at] < mine.high[at]
        below, above = drawn.finding.partition("; above: ")[::2]
        assert (f" {name}" in below) == (mine.high[at] < 0.9)
        assert (f"{name}" in above.partition(". Chance")[0]) == (mine.low[at] > 0.9)
    assert set(drawn.x_names) > {"fifth 1", "fifth 5", "NAmes", "OldTown"}
    assert "Blueste" not in drawn.x_names  # two houses


def test_the_worst_houses_are_the_worst(found: OutOfFold, said: list[Event]) -> None:
    worst = table(said, "worst")
    off = found.y - found.of(ENSEMBLE)
    rows = [int(str(row[0])) - 1 for row in worst.rows]
    assert rows == np.argsort(-np.abs(off))[:10].tolist()
    assert f" {(off[rows] ** 2).sum() / (off**2).sum():.0%} of the squared error" in worst.note
    for row, cells in zip(rows, worst.rows, strict=True):
        assert cells[1] == round(np.exp(found.y[row]))
        assert cells[4] == found.houses[row]["Neighborhood"]
        sold, (low, high) = np.exp(found.y[row]), np.exp((found.low[row], found.high[row]))
        beyond = 100 * (max(sold / high, low / sold, 1) - 1)
        assert cells[3] == pytest.approx(beyond, abs=0.05)


def test_coverage_by_price_is_counted_house_by_house(found: OutOfFold, said: list[Event]) -> None:
    rows = table(said, "intervals").rows
    order = [*np.argsort(found.y)]
    places = [order[292 * i : 292 * (i + 1)] for i in range(FIFTHS)] + [order] * 2
    ends = [(ENSEMBLE, found.low, found.high)] * 6 + [("mlp", *found.masked)]
    for (_, *cells), houses, (name, low, high) in zip(rows, places, ends, strict=True):
        hits = [low[i] <= found.y[i] <= high[i] for i in houses]
        off = [found.y[i] - found.of(name)[i] for i in houses]
        width = [np.exp(high[i]) / np.exp(low[i]) - 1 for i in houses]
        expected = len(hits), 100 * np.mean(hits), np.mean(np.square(off)) ** 0.5
        assert cells == pytest.approx([*expected, 100 * np.median(width)])
    assert rows[-1][0] == "all, MC dropout"


def test_masks_are_those_of_the_mlp_of_the_fold(
    short: tuple[HouseEnsemble, Fits], found: OutOfFold
) -> None:
    low, high = found.masked
    assert (low < high).all()
    one, fits = short
    _, valid = one.rows[1]
    table = one.table_of(one.rows[1][0])
    X = torch.from_numpy(table.X[valid])
    answers = list[torch.Tensor]()
    for net in (fits.of("mlp")[1].net, fits.of("mlp")[3].net):  # of both seeds
        net.train()
        for step in range(MASKS):
            set_moment(net, 0, step)
            answers.append(net(X[None])[0, :, 0].detach())
        net.eval()
    ends = np.quantile(torch.stack(answers).numpy(), (0.05, 0.95), axis=0)
    np.testing.assert_allclose(
        found.masked[:, valid], table.target.mean + table.target.std * ends, rtol=1e-6
    )


def test_the_verdict_is_of_numbers_that_can_be_had_another_way(found: OutOfFold) -> None:
    """On other folds, then on the book's."""
    slices = HouseEnsemble(folding="book").rows
    answers = {name: np.repeat(each[:1], 5, axis=0) for name, each in found.answers.items()}
    for one, on in (
        (found, "on other folds"),
        (replace(found, rows=slices, answers=answers), "on the same folds"),
    ):
        square = (one.y - one.of(ENSEMBLE)) ** 2
        mean = np.mean([square[valid].mean() ** 0.5 for _, valid in one.rows])
        gap = np.mean([rms(one.off(LINEAR)[valid]) for _, valid in one.rows]) - mean
        worst = sorted(range(1460), key=lambda i: -square[i])[:14]
        cheap = sum(int((one.y < one.y[i]).sum() < 292) for i in worst)
        text = verdict(one).text
        assert f"Log RMSE {mean:.4f} on houses" in text
        assert f" {mean / 0.170157:.0%} of the 0.1702 of the book's net {on}" in text
        assert f"a linear model is {abs(gap):.4f} ± " in text
        assert ("worse. 14 of" if gap >= 0 else "better. 14 of") in text
        assert f". 14 of 1,460 houses, {cheap} of them of the cheapest fifth, make" in text
        assert f" make {sum(square[worst]) / square.sum():.0%} of the squared error." in text


# ---- repeated folds


@pytest.fixture(scope="module")
def twice(data: HouseTables) -> tuple[HouseEnsemble, Fits]:
    return trained(data, repeats=2, shuffle=4, num_epochs=1, num_seeds=1)


def test_repeated_folds_are_those_of_one_shuffle_after_another(
    data: HouseTables, twice: tuple[HouseEnsemble, Fits]
) -> None:
    one, fits = twice
    found, n = one.out_of_fold(fits), 1460
    found.bounded(one.bounds)
    halves = []
    for repeat, shuffle in enumerate((4, 5)):
        alone, its = trained(data, shuffle=shuffle, num_epochs=1, num_seeds=1)
        part = slice(repeat * n, (repeat + 1) * n)
        for (_, valid), (_, other) in zip(one.rows[K * repeat :], alone.rows, strict=False):
            np.testing.assert_array_equal(valid, other)
        single = alone.out_of_fold(its)
        for name in ("wide_mlp", LINEAR):  # solved exactly: the same in any order
            np.testing.assert_array_equal(found.of(name)[part], single.of(name))
            np.testing.assert_array_equal(
                found.valid(name)[K * repeat : K * repeat + K], single.valid(name)
            )
        halves.append(single.ahead("wide_mlp")[1])
        if repeat == 0:  # the same draws, too
            np.testing.assert_array_equal(found.of(ENSEMBLE)[part], single.of(ENSEMBLE))
    assert found.inside.shape == (2 * n,)
    # twice the folds of the same houses are not twice the houses
    assert found.ahead("wide_mlp")[1] > 0.85 * min(halves)
    assert one.judged(found).errors().ravel() == pytest.approx(found.valid(ENSEMBLE), rel=1e-5)


def test_a_house_s_own_errors_do_not_reach_its_interval_in_another_shuffle(
    twice: tuple[HouseEnsemble, Fits],
) -> None:
    one, fits = twice
    found = one.out_of_fold(fits)
    found.bounded(one.bounds)
    _, valid = one.rows[K]  # the first fold of the second shuffle
    low, high = found.low[1460 + valid].copy(), found.high[1460 + valid].copy()
    for start in (0, 1460):
        found.y[start + valid] += np.random.default_rng(start).normal(0, 3, len(valid))
    found.bounded(one.bounds)
    np.testing.assert_array_equal(found.low[1460 + valid], low)
    np.testing.assert_array_equal(found.high[1460 + valid], high)


def test_the_pages_of_repeated_folds_count_each_house_once(
    twice: tuple[HouseEnsemble, Fits],
) -> None:
    one, fits = twice
    said = [*one.opening(), *one.results(fits)]
    outside, inside = figure(said, "residuals").series
    assert len(inside.x) + len(outside.x) == 1460
    assert len({row[0] for row in table(said, "worst").rows}) == 10
    assert table(said, "intervals").rows[-1][1] == 1460
    assert sum(float(row[1] or 0) for row in table(said, "groups").rows) == 2 * 1460
    assert figure(said, "folds").x_names == ("shuffle 1", "shuffle 2")
    assert "2 times 2 folds" in figure(said, "folds").finding
    opened = [event for event in said if isinstance(event, Started)]
    assert opened[0].labels[K] == "ensemble, shuffle 2, fold 1"
    (check,) = [event for event in said if isinstance(event, Check) and "distinct" in event.name]
    assert check.passed


def test_what_cannot_be_repeated_or_kept_is_refused() -> None:
    with pytest.raises(ValidationError, match="the same each time"):
        HouseEnsemble(folding="book", repeats=2)
    with pytest.raises(ValidationError, match="3 seeds on 100 folds are 300 nets of each member"):
        HouseEnsemble(k=10, repeats=10)
    assert HouseEnsemble(k=10, repeats=10, num_seeds=2).repeats == 10


def test_what_it_is_judged_by_is_kept_with_it(predictor: Predictor, found: OutOfFold) -> None:
    judged = predictor.judged
    assert judged is not None
    np.testing.assert_allclose(judged.errors()[0], found.valid(ENSEMBLE), rtol=1e-5)
    np.testing.assert_allclose(
        judged.errors(found.deciding)[0], found.valid(ENSEMBLE, found.deciding), 1e-5
    )
    assert judged.inside.mean() == pytest.approx(found.inside.mean(), abs=0.001)
    np.testing.assert_allclose(judged.said[0], found.of(ENSEMBLE), rtol=1e-6)
    assert judged.errors()[0] == pytest.approx(predictor.card.folds, rel=1e-5)


# ---- the predictor


@pytest.fixture(scope="module")
def rows(data: HouseTables) -> list[dict[str, object]]:
    """The houses without a price, and 500 made up: a quarter of each missing, or never seen."""
    rng, made = np.random.default_rng(0), list[dict[str, object]]()
    for _ in range(500):
        house = dict(data.test[int(rng.integers(1459))])
        for name in rng.choice([*house], 20, replace=False):
            value = house[name]
            unseen = "new" if isinstance(value, str) else value
            house[name] = None if rng.random() < 0.5 else unseen
        made.append(house)
    return [*data.test, *made]


def test_it_says_what_the_experiment_says(
    predictor: Predictor,
    short: tuple[HouseEnsemble, Fits],
    data: HouseTables,
    rows: list[dict[str, object]],
) -> None:
    one, fits = short
    table = one.table_of(np.arange(1460))
    ensemble = one.ensemble(table, one.nets(fits, " refit", 0, 1))
    X = table.features.encode(rows).astype(np.float64)
    middle = one.blend(ensemble.answers(X), table)
    said = predictor.predict(rows)
    schema = predictor.card.input_schema
    whole = [len(schema.known(row)) == len(schema.fields) for row in rows]
    assert np.mean(whole) > 0.7
    np.testing.assert_allclose(said.price[whole], table.target.prices(middle)[whole], rtol=1e-6)
    np.testing.assert_allclose(predictor.prices, said.price[:1459], rtol=1e-12)
    assert (said.low < said.price).all()
    assert (said.price < said.high).all()


def test_single_and_batch_agree_also_for_rows_that_nobody_has_seen(
    predictor: Predictor, rows: list[dict[str, object]]
) -> None:
    made = rows[1459:]
    together = predictor.predict(made)
    alone = [predictor.predict([row]) for row in made]
    for name in ("price", "low", "high"):
        each = [getattr(one, name)[0] for one in alone]
        np.testing.assert_allclose(each, getattr(together, name), rtol=1e-9)


def test_comparable_sales_add_up_to_the_price(predictor: Predictor, data: HouseTables) -> None:
    schema = predictor.card.input_schema
    whole = [row for row in data.test[:40] if len(schema.known(row)) == len(schema.fields)]
    assert len(whole) > 20
    for row in whole[:20]:
        found = predictor.comparables(row, 8)
        assert found is not None
        weights = [sale.weight for sale in found.sales]
        assert weights == sorted(weights, reverse=True)
        says, left = found.rest
        assert sum(weights) + left == pytest.approx(1)
        logs = sum(sale.weight * np.log(sale.says) for sale in found.sales) + left * np.log(says)
        assert logs == pytest.approx(np.log(found.members["comparables"]), abs=1e-9)
        logs = {name: np.log(said) for name, said in found.members.items()}
        mean = sum(found.blend[name] * said for name, said in logs.items())
        way = np.clip(mean - logs["comparables"], -found.limit, found.limit)
        price = predictor.predict([row]).price[0]
        assert np.exp(logs["comparables"] + way) == pytest.approx(price, rel=1e-9)


def test_a_sale_is_told_as_it_was(predictor: Predictor, data: HouseTables) -> None:
    found = predictor.comparables(data.train[3], 50)
    assert found is not None
    for sale in found.sales:
        assert sale.house == data.train[int(sale.id) - 1]
        assert sale.sold == data.price[int(sale.id) - 1]
    assert found.sales[0].id == 4  # a house that was learnt from is nearest to itself


def test_it_comes_back_from_its_bytes(predictor: Predictor, data: HouseTables) -> None:
    again = Predictor.from_bytes(predictor.to_bytes())
    assert again.card == predictor.card
    np.testing.assert_array_equal(
        again.predict(data.test[:50]).high, predictor.predict(data.test[:50]).high
    )
    assert again.submission() == predictor.submission()


@pytest.mark.timed
def test_a_house_is_answered_in_three_milliseconds(predictor: Predictor, data: HouseTables) -> None:
    assert pace.keeps(50 * 0.003, lambda: [predictor.predict([row]) for row in data.test[:50]])


def test_the_refit_knows_every_row(said: list[Event]) -> None:
    (check,) = [event for event in said if isinstance(event, Check) and "refit" in event.name]
    assert check.got == check.expected == 1460


# ---- where not all is known


@pytest.fixture(scope="module")
def of_folds(
    short: tuple[HouseEnsemble, Fits], found: OutOfFold
) -> tuple[Predictor, list[Predictor]]:
    """The predictor of all rows, and those of the folds."""
    one, fits = short
    ensemble = one.ensemble(one.table_of(one.every), one.nets(fits, " refit", 0, 1))
    whole = one.predictor(found, found.bounded(one.bounds), ensemble)
    folds = enumerate(found.ensembles)
    return whole, [one.of_fold(whole, found, fold, ensemble) for fold, ensemble in folds]


def test_a_fold_s_predictor_answers_as_the_fold_is_judged_and_knows_no_more(
    short: tuple[HouseEnsemble, Fits],
    found: OutOfFold,
    of_folds: tuple[Predictor, list[Predictor]],
) -> None:
    one, _ = short
    assert len(of_folds[1]) == K
    for fold, predictor in enumerate(of_folds[1]):
        train, valid = one.rows[fold]
        assert [sale["Id"] for sale in predictor.sales] == (train + 1).tolist()
        assert predictor.judged is not None
        np.testing.assert_array_equal(predictor.judged.known.nonzero()[0], np.sort(train))
        told = [predictor.card.input_schema.known(one.data.train[row]) for row in valid]
        whole = np.array([len(house) == 79 for house in told])
        assert whole.mean() > 0.98
        priced = predictor.predict([one.data.train[row] for row in valid])
        for said, wanted in (
            (priced.price, found.of(ENSEMBLE)), (priced.low, found.low), (priced.high, found.high),
        ):  # fmt: skip
            np.testing.assert_allclose(np.log(said)[whole], wanted[valid][whole], rtol=1e-6)
        # what the errors of its own houses are does not reach it
        scores = predictor.errors.values
        noisy = replace(found, y=found.y.copy(), low=found.low, high=found.high)
        noisy.y[valid] += np.random.default_rng(0).normal(0, 3, len(valid))
        again = one.of_fold(of_folds[0], noisy, fold, found.ensembles[fold])
        np.testing.assert_allclose(again.errors.values, scores)


def test_how_right_prices_are_is_counted_over_the_houses_that_were_asked(
    short: tuple[HouseEnsemble, Fits],
    found: OutOfFold,
    of_folds: tuple[Predictor, list[Predictor]],
    said: list[Event],
) -> None:
    one, _ = short
    whole, folds = of_folds
    (trained,) = [event for event in said if isinstance(event, Trained)]
    kept = Predictor.from_bytes(trained.payload).card.known
    form, half = one.known(whole, found)
    assert kept == (form, half)
    off, inside = [], []
    first = [field.name for field in whole.card.input_schema.fields if field.first]
    for fold, predictor in enumerate(folds):
        rows = one.rows[fold][1][::THIN]
        asked = [{name: one.data.train[row][name] for name in first} for row in rows]
        priced = predictor.predict(asked)
        sold = one.data.price[rows]
        off += np.log(priced.price / sold).tolist()
        inside += ((priced.low <= sold) & (sold <= priced.high)).tolist()
    assert (form.n, form.fields, half.fields) == (len(off), 16, 39)
    assert form.rmse == pytest.approx(float(np.sqrt(np.square(off).mean())))
    assert form.inside == pytest.approx(float(np.mean(inside)))
    (table,) = [event for event in said if isinstance(event, Table) and event.name == "known"]
    assert table.rows[0][2:5] == (form.n, form.rmse, 100 * form.inside)


def test_the_less_is_known_the_wider_and_batches_do_not_matter(
    short: tuple[HouseEnsemble, Fits], of_folds: tuple[Predictor, list[Predictor]]
) -> None:
    one, (whole, _) = short[0], of_folds
    names = [field.name for field in whole.card.input_schema.fields if field.first]
    houses = [one.data.train[row] for row in range(0, 1460, 97)]
    widths = []
    for told in ([*houses[0]], names, names[:3]):
        asked = [{name: house[name] for name in told} for house in houses]
        together = whole.predict(asked)
        widths.append(np.log(together.high / together.low).mean())
        for i, house in enumerate(asked[:5]):
            alone = whole.predict([house])
            assert alone.price[0] == pytest.approx(together.price[i], rel=1e-12)
            assert alone.low[0] == pytest.approx(together.low[i], rel=1e-9)
    assert widths == sorted(widths)
    assert widths[2] > 1.3 * widths[1]


def test_a_price_is_the_mean_of_what_the_house_may_be_and_its_dots_are_as_likely(
    short: tuple[HouseEnsemble, Fits], of_folds: tuple[Predictor, list[Predictor]]
) -> None:
    whole, house = of_folds[0], {"OverallQual": 7, "GrLivArea": 1710, "Neighborhood": "CollgCr"}
    rows, weight = whole.whole(house)
    assert len(rows) == len(weight) > 1
    each = whole.predict(rows)
    (price,) = whole.predict([house]).price
    assert np.log(price) == pytest.approx(weight @ np.log(each.price))
    (low,), (high,) = whole.predict([house]).low, whole.predict([house]).high
    (dots,) = whole.predict([house], 50).likely
    assert (np.diff(dots) >= 0).all()
    assert ((low < dots) & (dots < high)).sum() in {44, 45, 46}
    assert each.low.min() < low < each.low.max()
    row, likely = whole.whole(short[0].data.train[0])
    assert (len(row), likely.tolist()) == (1, [1.0])


def test_reasons_and_sales_of_what_is_partly_known_lead_to_its_price(
    of_folds: tuple[Predictor, list[Predictor]],
) -> None:
    whole, house = of_folds[0], {"OverallQual": 7, "GrLivArea": 1710, "Neighborhood": "CollgCr"}
    found = whole.reasons(house)
    (price,) = whole.predict([house]).price
    assert found.price == pytest.approx(price)
    told = sum(reason.dollars for reason in found.reasons)
    assert found.typical + told + found.error == pytest.approx(price)
    assert abs(found.error) < 0.03 * price
    sales = whole.comparables(house, 1460)
    assert sales is not None
    weights = np.array([sale.weight for sale in sales.sales])
    assert weights.sum() == pytest.approx(1)
    says = float(weights @ np.log([sale.says for sale in sales.sales]))
    assert np.log(sales.members["comparables"]) == pytest.approx(says)
    asked = {difference.attribute for sale in sales.sales for difference in sale.differs}
    assert asked <= house.keys()
