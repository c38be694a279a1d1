"""ml/shift beside true densities, scikit-learn and scipy, and on tables as people have them."""

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score

from ml.events import Floats
from ml.schema import InputSchema
from ml.shift import (
    DensityRatio,
    Risk,
    Shift,
    TwoSample,
    advice,
    by_class,
    concept_shift,
    confusion,
    corrected_risk,
    density_ratio,
    detect,
    effective_rows,
    gain,
    label_shift,
    normal,
    two_sample,
    unsupported,
)
from ml.shift.columns import ColumnShift, column_shifts
from ml.shift.labels import same_law
from ml.shift.normal import Gaussian
from ml.shift.ratio import by_chance
from ml.shift.tables import features


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def shifted(n: int = 2000, m: int = 2000, mu: float = 1.0, d: int = 1) -> tuple[Floats, Floats]:
    draw = rng()
    source, target = draw.normal(size=(n, d)), draw.normal(size=(m, d))
    target[:, 0] += mu
    return source, target


# ---- the density ratio


def test_beta_is_p_over_q() -> None:
    source, target = shifted()
    ratio = density_ratio(source, target)
    true = normal.ratio(source[:, 0], 1.0)
    assert np.abs(np.log(ratio.source / true)).mean() < 0.15
    np.testing.assert_allclose(ratio.at(source), ratio.source)
    assert ratio.slopes[0] == pytest.approx(1, abs=0.12)
    assert ratio.intercept == pytest.approx(-0.5, abs=0.12)


def test_beta_is_that_of_a_calibrated_classifier() -> None:
    source, target = shifted(1500, 500, 0.7, 3)
    X, z = np.concatenate([source, target]), np.repeat([-1, 1], [1500, 500])
    other = CalibratedClassifierCV(LogisticRegression(), method="sigmoid", cv=5).fit(X, z)
    odds = other.predict_proba(source)
    theirs = 1500 / 500 * odds[:, 1] / odds[:, 0]
    ours = density_ratio(source, target).source
    assert np.abs(np.log(ours / theirs)).mean() < 0.1


@pytest.mark.parametrize(("n", "m"), [(2000, 400), (400, 2000)])
def test_unequal_tables_scale_no_weight(n: int, m: int) -> None:
    source, target = shifted(n, m)
    mean, error = density_ratio(source, target).mean
    assert abs(mean - 1) < 5 * error
    assert error < 0.15


def test_where_nothing_moved_every_weight_is_one() -> None:
    shares = [density_ratio(*shifted(300, 300, 0.0, d)).effective_share for d in (1, 10, 40)]
    assert min(shares) >= 0.9


def test_the_clip_comes_after_the_ratio() -> None:
    source, target = shifted(1000, 100)
    free, clipped = density_ratio(source, target), density_ratio(source, target, clip=2.0)
    np.testing.assert_allclose(clipped.source, np.minimum(free.source, 2.0))
    np.testing.assert_allclose(clipped.target, np.minimum(free.target, 2.0))
    np.testing.assert_allclose(clipped.at(source), clipped.source)
    unmoved = density_ratio(source, source, clip=0.5)
    assert (unmoved.at(source) == unmoved.source).all()


def test_cross_fitted_weights_are_near_but_not_the_same() -> None:
    source, target = shifted(500, 500, 1.0, 5)
    plain, crossed = (density_ratio(source, target, cross_fit=c).source for c in (False, True))
    assert 0.01 < np.abs(np.log(plain / crossed)).mean() < 0.2


def test_cross_fitted_weights_of_unequal_tables_have_mean_1() -> None:
    assert density_ratio(*shifted(2000, 400), cross_fit=True).mean[0] == pytest.approx(1, abs=0.25)


def test_columns_of_any_scale_give_the_same_weights() -> None:
    source, target = shifted(500, 500, 1.0, 3)
    scale, start = np.array([1e-3, 1.0, 1e6]), np.array([5.0, 0.0, -1e7])
    ours = density_ratio(source, target).source
    theirs = density_ratio(source * scale + start, target * scale + start).source
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)


@pytest.mark.parametrize("scale", [1e-200, 1e-14, 1e200])
def test_numbers_of_any_size_give_the_same_answers(scale: float) -> None:
    source, target = shifted(100, 100, 1.0, 2)
    ours, theirs = (density_ratio(source * k, target * k) for k in (1.0, scale))
    np.testing.assert_allclose(ours.source, theirs.source)
    np.testing.assert_allclose(ours.at(source), theirs.at(source * scale))
    assert (ours.unsupported == theirs.unsupported).all()
    X, z = np.concatenate([source, target]), np.repeat([-1, 1], 100)
    ours_told, theirs_told = (two_sample(X * k, z, permutations=9).auc for k in (1.0, scale))
    assert ours_told == pytest.approx(theirs_told)
    compared, scaled = (concept_shift(k * source[:, 0], k * target[:, 0]) for k in (1.0, scale))
    assert compared.low == pytest.approx(scaled.low / scale)


def test_a_target_row_far_from_all_source_rows_is_unsupported() -> None:
    source, target = shifted(500, 20, 0.0, 2)
    target[7] = 0.0, 9.0
    flagged = unsupported(source, target)
    assert flagged[7]
    assert flagged.sum() <= 2
    wide, start = np.array([1.0, 1e6]), np.array([0.0, 1e9])
    np.testing.assert_array_equal(
        unsupported(source * wide + start, target * wide + start), flagged
    )


@pytest.mark.parametrize("n", [10, 30, 60])
def test_few_rows_of_one_law_are_not_said_to_have_no_like(n: int) -> None:
    ones, none = np.ones(n), np.zeros(2)
    said = []
    for i in range(100):
        source, target = rng(i).normal(size=(n, 2)), rng(i + 999).normal(size=(50, 2))
        nowhere = unsupported(source, target)
        said.append("no source row" in advice(DensityRatio(ones, np.ones(50), none, 0.0, nowhere)))
    assert np.mean(said) < 0.08  # one in fifty is meant


def test_rows_are_flagged_by_chance_as_often_as_foretold() -> None:
    most = by_chance(40, 30)
    draws = (rng(i).normal(size=(70, 1)) for i in range(200))
    shares = [unsupported(x[:40], x[40:]).mean() for x in draws]
    assert np.mean(np.array(shares) > most) < 0.05
    assert np.mean(np.array(shares) > 0.7 * most) > 0.02


def test_effective_rows() -> None:
    assert effective_rows(np.ones(7)) == 7
    assert effective_rows(np.array([3.0, 0, 0])) == 1
    assert effective_rows(np.zeros(3)) == 0
    assert effective_rows(np.full(3, 1e200)) == 3
    assert effective_rows(np.full(3, 60_000, np.int32)) == 3


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        (np.ones((20, 2)), np.ones((20, 3)), r"same columns.*\(20, 2\) and \(20, 3\)"),
        (np.ones((5, 2)), np.ones((20, 2)), "10 rows of each at least; there are 5"),
        (np.full((20, 1), np.nan), np.ones((20, 1)), "finite numbers"),
        (np.ones((20, 0)), np.ones((20, 0)), "a row and a column"),
        (np.ones(20), np.ones(20), r"the shape is \(20,\), and not \(rows, columns\)"),
        ([["a"]] * 20, np.ones((20, 1)), "numbers are needed"),
    ],
)
def test_what_gives_no_ratio_is_said(source: Any, target: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        density_ratio(source, target)


def test_a_ratio_takes_data_frames_and_lists() -> None:
    source, target = shifted(100, 100)
    ours, theirs = density_ratio(source, target), density_ratio(source.tolist(), target.tolist())
    np.testing.assert_array_equal(ours.source, theirs.source)
    framed = density_ratio(pd.DataFrame(source), pd.DataFrame(target))
    np.testing.assert_array_equal(ours.source, framed.source)


ROW, Z, TWO = np.arange(20.0), np.repeat([-1, 1], 10), np.repeat([0, 1], 10)
GAP = np.where(ROW == 3, np.nan, ROW)
EVEN = np.ones((20, 1))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (lambda: density_ratio(EVEN, EVEN, clip=0.0), "above 0, and 0.0 is not"),
        (lambda: density_ratio(EVEN, EVEN, clip=np.nan), "above 0, and nan is not"),
        (
            lambda: density_ratio(EVEN, EVEN).at(np.ones((3, 5))),
            "1 columns are needed; there are 5",
        ),
        (lambda: unsupported(EVEN, np.ones((3, 3))), "same columns"),
        (lambda: unsupported(EVEN, GAP[:, None]), "The target: finite numbers"),
        (lambda: two_sample(GAP[:, None], Z), "X: finite numbers"),
        (lambda: two_sample(np.inf * EVEN, Z), "X: finite numbers"),
        (lambda: two_sample(ROW, Z), r"X: the shape is \(20,\)"),
        (lambda: two_sample(EVEN, Z[:7]), "z: one number for each of 20 rows; there are 7"),
        (lambda: two_sample(EVEN, np.abs(Z)), "z is -1 for rows of the source"),
        (lambda: two_sample(EVEN, TWO), "z is -1 for rows of the source"),
        (lambda: two_sample(EVEN[:2], Z[9:11]), "10 or more; 2 was given"),
        (lambda: two_sample(EVEN, Z, permutations=0), "permutations: 1 or more; 0 was given"),
        (lambda: corrected_risk(GAP, ROW), "Losses: finite numbers"),
        (lambda: corrected_risk(ROW, ROW[:4]), "Weights: one number for each of 20 rows"),
        (lambda: corrected_risk(ROW, EVEN), r"Weights: the shape is \(20, 1\)"),
        (lambda: corrected_risk(ROW, -ROW), "none is below 0"),
        (lambda: corrected_risk(ROW[:1], ROW[:1]), "2 or more rows are needed; there are 1"),
        (lambda: gain(ROW, ROW[:4], ROW), "one number for each of 20 rows; there are 4"),
        (lambda: effective_rows(GAP), "Weights: finite numbers"),
        (lambda: concept_shift(GAP, ROW), "Source losses: finite numbers"),
        (lambda: concept_shift(ROW, GAP), "Target losses: finite numbers"),
        (lambda: concept_shift(ROW, ROW, 0 * ROW), "not all are 0"),
        (lambda: concept_shift(ROW, ROW, ROW[:3]), "one number for each of 20 rows"),
        (lambda: label_shift(1.0 * TWO, TWO, TWO, 2), "whole numbers, and not of type float64"),  # type: ignore[arg-type]
        (lambda: label_shift(TWO, TWO, TWO, 2, resamples=-1), "0 or more; -1 was given"),
        (lambda: label_shift(TWO, TWO, TWO, 2, scores=(ROW[:5], ROW)), "there are 5"),
        (lambda: label_shift(TWO, TWO, TWO, 2, scores=(ROW, GAP)), "target rows: finite numbers"),
        (lambda: label_shift(TWO, TWO, TWO, 2).weights(TWO - 1), "0 to 1; -1 to 0 were given"),
        (lambda: confusion(TWO, TWO[:7], 2), "not 20 and 7"),
        (lambda: confusion(TWO, TWO, 0), "one class at least"),
        (lambda: by_class(TWO, np.array([0.5, 0.25]), 9, rng()), "add up to 1, and not to 0.75"),
        (lambda: by_class(TWO, np.array([1.5, -0.5]), 9, rng()), "none is below 0"),
        (lambda: by_class(TWO, np.array([0.5, 0.2, 0.3]), 9, rng()), "No row is of class 2"),
    ],
)
def test_what_cannot_be_is_refused_in_words(asked: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        asked()


# ---- risk, and advice


def test_the_corrected_risk_is_the_risk_under_p() -> None:
    x = rng(1).normal(size=100_000)
    risk = corrected_risk(x**2, normal.ratio(x, 0.5))
    assert abs(risk.value - Gaussian(0.5).mean(lambda u: u**2)) < 5 * risk.error
    assert Gaussian(0.5).mean(lambda u: u**2) == pytest.approx(1.25)


def test_the_error_of_a_corrected_risk_is_that_of_a_mean() -> None:
    losses, beta = rng(1).random(400), rng(2).random(400)
    assert corrected_risk(losses, beta).error == pytest.approx(stats.sem(losses * beta))


def test_a_gain_is_what_the_weighted_fit_has_less() -> None:
    assert gain(np.full(9, 2.0), np.ones(9), np.ones(9)).value == 1


@pytest.mark.parametrize(
    ("won", "words"), [(1.0, "need not"), (3.0, "can help"), (np.nan, "need not")]
)
def test_advice_weighs_what_was_won(won: float, words: str) -> None:
    ratio = DensityRatio(np.ones(300), np.ones(300), np.ones(1), 0.0, np.zeros(300, bool))
    assert words in advice(ratio, Risk(won, 1.0))


def test_advice_asks_for_support_before_it_says_that_nothing_moved() -> None:
    source = rng(1).normal(size=(500, 1))
    ratio = density_ratio(source, 10 * rng(2).normal(size=(500, 1)))
    assert not ratio.slopes.any()
    assert "like no source row" in advice(ratio)


def test_advice() -> None:
    assert "like no source row" in advice(density_ratio(*shifted(200, 200, 30.0)))
    assert "relied on" in advice(density_ratio(*shifted(400, 400, 2.0)))
    assert "need not" in advice(density_ratio(*shifted(200, 200, 0.0)))
    assert "can help" in advice(density_ratio(*shifted(2000, 2000, 0.7)))


# ---- the detector


def test_p_values_are_uniform_where_nothing_moved() -> None:
    z = np.repeat([-1, 1], [60, 40])
    p = [two_sample(rng(i).normal(size=(100, 3)), z, permutations=99, seed=i).p for i in range(200)]
    assert stats.kstest(p, "uniform").pvalue > 0.001


def test_auc_is_that_of_held_out_ridges() -> None:
    source, target = shifted(150, 100, 0.6, 4)
    X, z = np.concatenate([source, target]), np.repeat([-1, 1], [150, 100])
    draw, aucs = np.random.default_rng(3), []
    unit = (X - X.mean(0)) / X.std(0)
    for _ in range(19):  # the permutations come first
        draw.permutation(z)
    for rows in np.array_split(draw.permutation(250), 5):
        rest = np.setdiff1d(np.arange(250), rows)
        model = Ridge(alpha=4.0).fit(unit[rest], z[rest])
        aucs.append(roc_auc_score(z[rows], model.predict(unit[rows])))
    found = two_sample(X, z, permutations=19, seed=3)
    assert found.auc == pytest.approx(float(np.mean(aucs)), abs=0.01)


def test_p_is_never_0() -> None:
    assert two_sample(ROW[:, None], Z, permutations=19).p == 1 / 20


def test_rows_that_are_told_apart_by_nothing_have_auc_one_half() -> None:
    assert two_sample(EVEN, Z, permutations=19).auc == pytest.approx(0.5)


def test_the_band_holds_the_auc_of_tables_without_a_shift() -> None:
    z, X = np.repeat([-1, 1], 50), rng(1).normal(size=(100, 1))
    found = two_sample(X, z, permutations=999)
    drawn = [two_sample(X, rng(i).permutation(z), permutations=1, seed=i) for i in range(500)]
    inside = np.mean([found.low <= each.auc <= found.high for each in drawn])
    assert inside == pytest.approx(0.95, abs=0.025)


def test_folds_without_a_target_row_do_not_count() -> None:
    X, z = np.repeat([0.0, 100.0], [1000, 10])[:, None], np.repeat([-1, 1], [1000, 10])
    X += rng().normal(size=X.shape)
    assert {two_sample(X, z, permutations=19, seed=seed).auc for seed in range(12)} == {1.0}
    few = np.repeat([-1, 1], [8, 2])  # some permutations have both in one fold of two rows
    assert np.isfinite(two_sample(ROW[:10, None], few).high)


def test_a_shift_is_found_by_the_classifier_or_by_a_column() -> None:
    column = ColumnShift("a", "missing", 0.5, 0.001, ("missing",), (0.0,), (0.5,), 0.001)
    found = [
        Shift(9, 9, TwoSample(0.5, p, 0.4, 0.6), columns, ()).found
        for p, columns in ((0.5, (column,)), (0.01, ()), (0.5, ()))
    ]
    assert found == [True, True, False]


def test_swapping_the_tables_changes_nothing_but_the_sign() -> None:
    source, target = shifted(200, 200, 0.8, 2)
    one, other = detect(source, target), detect(target, source)
    assert one.classifier.auc == pytest.approx(other.classifier.auc, abs=0.03)
    assert [c.name for c in one.columns] == [c.name for c in other.columns]
    first = one.columns[0]
    assert first.source == other.columns[0].target


def table(n: int, seed: int, **moved: Any) -> pd.DataFrame:
    draw = rng(seed)
    columns = {
        "area": draw.normal(1500, 400, n) + moved.get("area", 0),
        "year": draw.integers(1900, 2010, n),
        "zone": draw.choice(["RL", "RM", "FV"], n, p=moved.get("zone", [0.6, 0.3, 0.1])),
        "pool": np.where(draw.random(n) < moved.get("pool", 0.05), np.nan, 1.0 * draw.random(n)),
    }
    return pd.DataFrame(columns)


def test_each_column_is_tested_as_scipy_does() -> None:
    q, p = table(400, 10), table(600, 11, area=150, zone=[0.5, 0.3, 0.2], pool=0.2)
    found = {(c.name, c.of): c for c in detect(q, p, permutations=19).columns}
    area = found["area", "numbers"]
    ks = stats.ks_2samp(q.area, p.area, method="asymp")
    assert (area.moved, area.p) == pytest.approx((ks.statistic, ks.pvalue))
    counts = pd.crosstab(np.repeat([0, 1], [400, 600]), pd.concat([q.zone, p.zone]).to_numpy())
    assert found["zone", "levels"].p == pytest.approx(
        stats.chi2_contingency(counts, correction=False).pvalue
    )
    share = (q.zone == "RL").mean() - (p.zone == "RL").mean()
    assert found["zone", "levels"].moved == pytest.approx(share, abs=0.02)
    gone = np.array([[x.isna().sum(), x.notna().sum()] for x in (q.pool, p.pool)])
    assert found["pool", "missing"].p == pytest.approx(stats.fisher_exact(gone).pvalue)
    everything = list(found.values())
    adjusted = stats.false_discovery_control([c.p for c in everything])
    np.testing.assert_allclose([c.adjusted for c in everything], adjusted)
    assert not found["year", "numbers"].found
    assert area.source[area.at.index("50 %")] == pytest.approx(q.area.median())
    assert area.target[area.at.index("50 %")] == pytest.approx(p.area.median())


def test_false_alarms_are_few() -> None:
    alarms = [detect(table(150, 2 * i), table(150, 2 * i + 1), permutations=19) for i in range(40)]
    assert sum(bool(found.moved) for found in alarms) <= 6  # one in twenty is meant


def test_a_table_as_people_have_them() -> None:
    q, p = table(600, 0), table(600, 1)
    for each, word in ((q, "old"), (p, "new")):
        each["nothing"] = np.nan
        each["same"] = "x"
        each["only_" + word] = 1
        each["fresh"] = np.where(rng(5).random(600) < 0.2, word, "common")
        each["many"] = [f"v{i}" for i in rng(len(word)).integers(0, 5000, 600)]
        each["mixed"] = pd.Series([1, "a", None] * 200, dtype=object)
        each["endless"] = np.where(np.arange(600) == 3, np.inf, rng(7).normal(size=600))
    p.loc[:, "gone"] = np.nan
    q["gone"] = 1.0
    found = detect(q, p, permutations=19)
    said = " ".join(found.notes)
    for words in (
        "nothing: all its values are missing in both tables.",
        "same: the same value in every row of both tables.",
        "only_old: only the source has this column.",
        "only_new: only the target has this column.",
        "gone: all its values are missing in the target.",
        "many: ",
    ):
        assert words in said
    moved = {(c.name, c.of) for c in found.moved}
    assert {("fresh", "levels"), ("fresh", "never seen"), ("gone", "missing")} <= moved
    fresh = next(c for c in found.moved if c.of == "never seen")
    assert fresh.sentence.startswith("fresh never seen: 0.0% → 20.")
    assert "beyond chance" in found.sentence


def test_rows_and_a_schema_say_which_columns_count() -> None:
    tables = [table(100, seed).astype(object) for seed in (0, 1)]
    rows: list[Any] = [t.where(t.notna(), None).to_dict("records") for t in tables]
    q, p = rows
    schema = InputSchema.learn(q, id_column="year")
    columns = detect(q, p, schema=schema, permutations=19).columns
    assert {column.name for column in columns} == {"area", "zone", "pool"}


def test_tables_without_a_column_in_common_are_refused() -> None:
    with pytest.raises(ValueError, match="share no column: the source has a, the target b"):
        detect(pd.DataFrame({"a": [1] * 20}), pd.DataFrame({"b": [1] * 20}))
    with pytest.raises(ValueError, match="10 rows of each"):
        detect(np.ones((3, 1)), np.ones((30, 1)))


# ---- columns, as they are read and as they are tested


def frames(source: Any, target: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One column `a` each."""
    return pd.DataFrame({"a": source}), pd.DataFrame({"a": target})


def told_of(source: Any, target: Any, kind: Any) -> dict[str, ColumnShift]:
    """What is said of one column, by what it is said of."""
    return {c.of: c for c in column_shifts(*frames(source, target), {"a": kind})[0]}


def test_ids_of_one_law_raise_no_alarm() -> None:
    hidden = np.repeat([-1, 1], 40)
    p = []
    for i in range(80):
        ids = [f"{cell:x}" for cell in rng(i).integers(0, 2**60, 80)]
        X = features(*frames(ids[:40], ids[40:]), {"a": "levels"})
        p.append(two_sample(X, hidden, permutations=39, seed=i).p)
    assert np.mean(np.array(p) <= 0.05) <= 0.125


DAYS = pd.Series(pd.date_range("2020-01-01", periods=300))
PEOPLE = [20, 60] * 150


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (DAYS, DAYS),
        (DAYS.dt.tz_localize("UTC"), DAYS),
        (DAYS.dt.date, DAYS),
        (DAYS.dt.to_period("D"), DAYS),
        (DAYS - DAYS[0], DAYS - DAYS[0]),
        ([Decimal(cell) for cell in PEOPLE], PEOPLE),
        (pd.Series(PEOPLE, dtype=object), 1.0 * np.array(PEOPLE)),
        ([str(cell) for cell in PEOPLE], 1.0 * np.array(PEOPLE)),
        (pd.Series(PEOPLE, dtype="Int64"), [True, False] * 150),
    ],
    ids=[
        "times",
        "zones",
        "dates",
        "periods",
        "spans",
        "decimals",
        "objects",
        "text beside numbers",
        "truth values beside numbers",
    ],
)
def test_what_stands_for_numbers_is_numbers(source: Any, target: Any) -> None:
    found = detect(*frames(source, target), permutations=19)
    assert [column.of for column in found.columns] == ["numbers"]
    assert found.found == (isinstance(target, list) and target[0] is True)


def test_times_are_seconds() -> None:
    found = detect(*frames(DAYS, DAYS + pd.Timedelta(days=7)), permutations=19).columns[0]
    assert np.subtract(found.target, found.source) == pytest.approx(7 * 24 * 3600)
    assert found.source[0] == pytest.approx(DAYS.astype("datetime64[s]").astype(int).quantile(0.05))


@pytest.mark.parametrize("given", [pd.Categorical(PEOPLE), PEOPLE])
def test_20_and_20_point_0_are_one_level(given: Any) -> None:
    q, p = frames(given, [None, *np.array(PEOPLE[1:], float)])
    schema = InputSchema.learn([{"a": "20"}, {"a": "60"}])
    found = {c.of: c for c in detect(q, p, schema=schema, permutations=19).columns}
    assert set(found) == {"levels", "missing"}
    assert set(found["levels"].at) == {"20", "60"}


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        (PEOPLE, ["u"] * 300, "a: numbers in the source, text in the target: read as levels."),
        (PEOPLE, ["1"] * 300, "a: numbers in the source, text in the target: read as numbers."),
        (DAYS, PEOPLE, "a: times in the source, numbers in the target: read as levels."),
        ([np.inf, -np.inf, 1.0] * 100, PEOPLE, "a: infinite in 200 source rows and 0 target"),
    ],
)
def test_what_is_read_in_its_own_way_is_said(source: Any, target: Any, words: str) -> None:
    assert words in " ".join(detect(*frames(source, target), permutations=19).notes)


def test_a_column_of_the_schema_that_neither_table_has_is_said() -> None:
    schema = InputSchema.learn([{"a": 1.0, "b": 1.0}, {"a": 2.0, "b": 3.0}])
    found = detect(*frames(PEOPLE, PEOPLE), schema=schema, permutations=19)
    assert found.notes == ("b: neither table has this column.",)


def test_truth_values_are_shares() -> None:
    found = detect(*frames([True] * 30 + [False] * 70, [True] * 60 + [None] * 40), permutations=19)
    (told,) = [c for c in found.columns if c.of == "true"]
    assert told.sentence == "a: true in 30.0% → 100.0% of the rows."
    assert told.p == pytest.approx(stats.fisher_exact(np.array([[30, 70], [60, 0]])).pvalue)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (pd.DataFrame(np.ones((20, 2)), columns=["a", "a"]), "the source has a twice"),
        (pd.DataFrame({"a": [[1]] * 20}), "a: a cell is a number.* some are list"),
        ({"a": [1] * 20}, "the source is none: dict"),
        (np.ones(20), "the source is none: ndarray"),
        (None, "the source is none: NoneType"),
        ("text", "the source is none: str"),
        ([[1]] * 20, "the source is none: list"),
        ([], "the source has none, the target a"),
    ],
)
def test_what_is_no_table_is_refused(source: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        detect(source, pd.DataFrame({"a": np.ones(20)}))


def test_rare_levels_are_tested_as_one() -> None:
    q = ["u"] * 32 + ["v"] * 6 + ["w"] * 2
    p = ["u"] * 3200 + ["v"] * 400 + ["w"] * 400
    counts = np.array([[32, 3200], [8, 800]])
    expected = stats.chi2_contingency(counts, correction=False).pvalue
    assert told_of(q, p, "levels")["levels"].p == pytest.approx(expected)


def test_levels_that_are_rare_even_as_one_raise_no_alarm() -> None:
    rare = 0.00025
    shares = [0.5 - rare, 0.5 - rare, rare, rare]
    p = []
    for i in range(50):
        q, others = (rng(1000 * n + i).choice(list("abcd"), n, p=shares) for n in (20, 2000))
        p.append(told_of(q, others, "levels")["levels"].p)
    assert np.mean(np.array(p) < 0.05) < 0.1


def test_new_levels_are_as_many_as_chance_gives() -> None:
    p = []
    for i in range(40):
        cells = rng(i).integers(0, 300, (2, 300)).astype(str)
        p.append(told_of(cells[0], cells[1], "levels")["never seen"].p)
    assert np.mean(np.array(p) < 0.05) <= 0.15


def test_customers_who_come_back_are_no_shift() -> None:
    ids = [f"s{i}" for i in range(200)]
    found = told_of(ids, ids[:150] + [f"t{i}" for i in range(50)], "levels")
    assert found["never seen"].p > 0.99


def test_the_column_that_moved_most_comes_first() -> None:
    q = pd.DataFrame(rng().normal(size=(300, 2)), columns=["a", "b"])
    shifts, _ = column_shifts(q, q + np.array([1, 3]), {"a": "number", "b": "number"})
    assert [column.name for column in shifts] == ["b", "a"]


def test_the_level_that_moved_most_comes_first() -> None:
    levels = [*"abcdefgh"] * 100
    told = told_of(levels, levels + ["h"] * 400, "levels")["levels"]
    assert told.at[0] == "h"
    assert told.sentence == "a: 29% moved, most of all h 12.5% → 41.7%."


def test_what_is_missing_is_told_of_source_then_target() -> None:
    x = rng(1).normal(size=300)
    gone = told_of(x, np.where(np.arange(300) < 90, np.nan, x), "number")["missing"]
    assert (gone.source, gone.target) == ((0.0,), (0.3,))


def test_a_missing_number_has_the_middle_rank_and_an_indicator() -> None:
    X = features(*frames([1.0, 2, 3, np.nan], [1.0, 2, 3, 4]), {"a": "number"})
    assert X[3, 0] == 0
    np.testing.assert_array_equal(X[:, -1], [0, 0, 0, 1, 0, 0, 0, 0])


RARE = [f"r{i}" for i in range(50)]


def noise(seed: int) -> Floats:
    return rng(seed).normal(size=(300, 1))


@pytest.mark.parametrize(
    ("source", "target", "auc"),
    [
        (noise(1), 3 * noise(2), 0.65),
        (noise(1), np.where(noise(2) < 0, np.nan, noise(3)), 0.7),
        (*frames(*([often] * 200 + RARE for often in "uw")), 0.8),
    ],
    ids=["spread", "gaps", "frequent levels"],
)
def test_the_classifier_sees(source: Any, target: Any, auc: float) -> None:
    assert detect(source, target, permutations=19).classifier.auc > auc


# ---- label shift


def test_c_is_predicted_by_true() -> None:
    C = confusion(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 2)
    np.testing.assert_allclose(C, [[0.25, 0], [0.25, 0.5]])


def test_both_readings_of_c() -> None:
    y = np.repeat([0, 1, 2], [60, 30, 10])
    target = np.repeat([0, 1, 2], [20, 30, 50])
    found = label_shift(y, y, target, 4)
    np.testing.assert_allclose(found.ratio[:3], [1 / 3, 1, 5])
    np.testing.assert_allclose(found.p, [0.2, 0.3, 0.5, 0], atol=1e-12)
    np.testing.assert_allclose(found.beta, [1 / 3, 1, 5, 0])
    np.testing.assert_allclose(found.weights(y)[[0, 60, 99]], [1 / 3, 1, 5])
    assert "no row of class 3" in found.notes[0]


def test_shares_below_zero_are_said_and_set_to_zero() -> None:
    y, said = np.array([0] * 50 + [1] * 50), np.array([0] * 40 + [1] * 10 + [0] * 10 + [1] * 40)
    found = label_shift(y, said, np.zeros(100, int), 2)
    assert found.solution[1] < 0
    np.testing.assert_allclose(found.p, [1, 0])
    assert "below 0" in " ".join(found.notes)


def test_classes_that_look_alike_are_said() -> None:
    y = np.repeat([0, 1], 50)
    found = label_shift(y, np.tile([0, 1], 50), np.tile([0, 1], 50), 2)
    assert "singular" in " ".join(found.notes)


@pytest.mark.parametrize("wrong", [([0, 1], [0], [0]), ([0, 9], [0, 1], [0]), ([], [], [0])])
def test_labels_that_cannot_be_are_refused(wrong: Any) -> None:
    y, said, target = (np.array(each, dtype=int) for each in wrong)
    with pytest.raises(ValueError, match=r"rows|classes are 0 to 2"):
        label_shift(y, said, target, 3)


def test_rows_by_class_are_none_twice_where_there_are_enough() -> None:
    labels = np.repeat([0, 1], [500, 500])
    rows = by_class(labels, np.array([0.9, 0.1]), 400, rng())
    assert len(np.unique(rows)) == 400
    assert (labels[rows] == 0).mean() == pytest.approx(0.9, abs=0.05)


def test_one_law_is_seen_by_kolmogorovs_distance() -> None:
    a, b = rng(1).normal(size=400), rng(2).normal(size=300)
    ours = same_law(a, np.ones(400), b)
    assert ours == pytest.approx(stats.ks_2samp(a, b, method="asymp").pvalue, abs=0.05)
    assert same_law(a, normal.ratio(a, 1.0), b + 1) > 0.01
    assert same_law(a, np.ones(400), b + 1) < 1e-6


def test_numbers_that_tie_are_one_step_of_kolmogorovs_distance() -> None:
    tied = np.repeat([0.0, 1.0], 50)
    assert same_law(tied, np.ones(100), tied[:80]) > 0.01
    assert same_law(tied, np.ones(100), tied) == pytest.approx(1)


def test_scores_are_compared_given_the_classes() -> None:
    y, target = np.repeat([0, 1], 500), np.repeat([0, 1], [100, 900])
    scores = y + 0.1 * rng(1).normal(size=1000), target + 0.1 * rng(2).normal(size=1000)
    alike = label_shift(y, y, target, 2, scores=scores)
    assert alike.same_covariates is not None
    assert alike.same_covariates > 0.05
    assert alike.notes == ()
    moved = label_shift(y, y, target, 2, scores=(scores[0], scores[1] + 5))
    assert "More than the labels" in " ".join(moved.notes)


def test_the_interval_of_a_classifier_that_is_always_right_is_binomial() -> None:
    y = np.repeat([0, 1], 500)
    found = label_shift(y, y, np.repeat([0, 1], [60, 40]), 2)
    binomial = stats.binom(100, 0.4).ppf([0.05, 0.95]) / 100
    np.testing.assert_allclose([found.low[1], found.high[1]], binomial, atol=0.011)


def test_the_interval_of_a_classifier_that_errs_has_p_within() -> None:
    y = np.repeat([0, 1], [900, 100])
    said = np.where(rng(1).random(1000) < 0.3, 1 - y, y)
    found = label_shift(y, said, np.repeat([0, 1], [600, 400]), 2)
    assert ((found.low <= found.p) & (found.p <= found.high)).all()


def test_the_condition_is_that_of_c_by_columns() -> None:
    y = np.repeat([0, 1], [990, 10])
    assert label_shift(y, y, y, 2).condition == pytest.approx(1)


def test_resamples_without_a_solution_are_left_out_and_said() -> None:
    few = np.arange(6) % 2
    found = label_shift(few, few, np.zeros(20, int), 2)
    np.testing.assert_array_equal([found.low, found.high], [found.p, found.p])
    assert not [note for note in found.notes if "resamples" in note]
    said = np.array([1, 1, 0, 1])
    found = label_shift(few[:4], said, np.zeros(20, int), 2)
    assert np.isfinite([found.low, found.high]).all()
    assert "of the resamples had no solution" in " ".join(found.notes)


def test_predictions_that_no_class_of_the_source_explains_are_said() -> None:
    y = np.repeat([0, 1, 2], [60, 30, 10])
    most = label_shift(y, y, np.repeat([0, 3], [10, 90]), 4)
    assert "90.0% of what is predicted on the target is explained by no" in " ".join(most.notes)
    scores = np.ones(100), np.ones(50)
    everything = label_shift(y, y, np.full(50, 3), 4, scores=scores)
    assert np.isnan(everything.p).all()
    assert "there is no p" in " ".join(everything.notes)
    np.testing.assert_array_equal([everything.low, everything.high], [[0] * 4, [1] * 4])


def test_truth_values_are_classes_0_and_1() -> None:
    truth: Any = TWO > 0
    np.testing.assert_array_equal(label_shift(truth, truth, truth, 2).p, [0.5, 0.5])


def test_a_class_of_share_0_is_not_drawn() -> None:
    rows = by_class(TWO, np.array([0.5, 0.5 - 5e-7, 0.0]), 15, rng())
    assert len(rows) == 15


# ---- concept shift


def test_an_error_that_grew_is_told_as_welch_does() -> None:
    before, after = rng(1).exponential(1.0, 300), rng(2).exponential(1.5, 200)
    found = concept_shift(before, after)
    test = stats.ttest_ind(after, before, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((test.low, test.high), rel=0.01)
    assert found.found
    assert "More than chance" in found.sentence


def test_weights_take_the_covariates_out() -> None:
    x, moved = rng(1).normal(size=20_000), rng(2).normal(1.0, size=2_000)
    plain = concept_shift(x**2, moved**2)
    assert plain.found
    assert not concept_shift(x**2, moved**2, normal.ratio(x, 1.0)).found


def test_an_interval_needs_two_rows() -> None:
    with pytest.raises(ValueError, match="two labelled rows"):
        concept_shift(np.ones(1), np.ones(5))


HEAVY = np.where(np.arange(300) < 30, 1.0, 0.0)


def test_rows_of_weight_0_are_as_if_they_were_none() -> None:
    before, after = rng(1).exponential(1.0, 300), rng(2).exponential(1.0, 200)
    weighted, alone = concept_shift(before, after, HEAVY), concept_shift(before[:30], after)
    assert (weighted.low, weighted.high) == pytest.approx((alone.low, alone.high))


@pytest.mark.parametrize("weight", [2.0, 1e200, 1e-200])
def test_equal_weights_are_none(weight: float) -> None:
    before, after = rng(1).exponential(1.0, 300), rng(2).exponential(1.0, 200)
    ours, theirs = concept_shift(before, after, np.full(300, weight)), concept_shift(before, after)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))


def test_what_a_concept_shift_is_told_as() -> None:
    before = rng(1).exponential(1.0, 300)
    assert concept_shift(before, before + 0.01).sentence.endswith("Chance alone can do that.")
    assert concept_shift(before, before / 9).sentence.endswith("Less than promised.")
    told = concept_shift(before, before, HEAVY).sentence
    assert told.startswith("300 source rows, worth 30 when weighted, promised")
    assert "relied on" not in told
    told = concept_shift(before, before, HEAVY * np.arange(300)).sentence
    assert told.endswith("With fewer than 30 effective rows this interval is not to be relied on.")
