"""Weights towards questions: they count for their own rows, and what they change is measured."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from safetensors.numpy import load

from ml.data import hub, synthetic, tables
from ml.data.hub import DataUnavailable
from ml.ensemble import Spread
from ml.events import Table, Trained
from ml.experiments.table_ensemble import TableEnsemble
from ml.members.wide_mlp import WideMLP
from ml.predictor import Blended, Predictor
from ml.shift import density_ratio
from ml.shift.watch import HOUSES
from ml.shift.weighing import LARGEST, LEAST, CannotHelpError, Weighed, towards
from ml.tabular.own import OwnTable

QUICK: dict[str, Any] = {"k": 2, "num_seeds": 1, "num_epochs": 1}
NUMBERS = ("place", "a", "b", "c", "d", "e")
NAME = "0123456789abcdef"
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    hub.store_in(tmp_path_factory.mktemp("cache"))
    yield
    hub.store_in(None)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def kept(rows: Rows) -> str:
    file: Path = tables.keep(tables.packed(rows))
    return file.name


def asking(learnt: Rows, questions: Rows | None = None, **asked: Any) -> TableEnsemble:
    towards_these = {"questions": kept(questions)} if questions else {}
    values = QUICK | {"table": kept(learnt), "target": "answer", "scale": "plain"}
    return TableEnsemble(**values | towards_these | asked)


def left_by(one: TableEnsemble) -> tuple[bytes, list[Table]]:
    said = [*one.run()]
    (payload,) = [event.payload for event in said if isinstance(event, Trained)]
    return payload, [event for event in said if isinstance(event, Table)]


# ---- a weight is as many rows


def test_a_kernel_regression_learns_a_row_of_weight_two_as_two_rows(
    rng: np.random.Generator,
) -> None:
    X, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    times = rng.integers(1, 4, 40)
    new = rng.normal(size=(20, 3))
    ours = WideMLP().fit(X, y, times.astype(float)).predict(new)
    theirs = WideMLP().fit(np.repeat(X, times, axis=0), np.repeat(y, times)).predict(new)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert np.abs(WideMLP().fit(X, y).predict(new) - theirs).max() > 0.01
    even = WideMLP().fit(X, y, np.ones(40)).predict(new)
    np.testing.assert_array_equal(even, WideMLP().fit(X, y).predict(new))


def test_intervals_are_learnt_of_a_row_of_weight_two_as_of_two_rows(
    rng: np.random.Generator,
) -> None:
    X, middle, off = rng.normal(size=(90, 2)), rng.normal(size=90), rng.normal(size=90)
    times = rng.integers(1, 4, 90)
    ours = Spread.learn((0, 1), X, middle, off, counts=times.astype(float))
    rows = np.repeat(np.arange(90), times)
    theirs = Spread.learn((0, 1), X[rows], middle[rows], off[rows])
    np.testing.assert_allclose(ours.coefficients, theirs.coefficients, atol=1e-9)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))
    plain = Spread.learn((0, 1), X, middle, off)
    assert plain.low != pytest.approx(theirs.low)
    assert Spread.learn((0, 1), X, middle, off, counts=np.ones(90)) == plain
    with pytest.raises(ValueError, match="need at least 19 rows"):
        Spread.learn((0, 1), X[:10], middle[:10], off[:10], counts=np.ones(10))


def test_weights_of_one_leave_what_is_left_without_bit_for_bit() -> None:
    learnt = synthetic.places(120, 1, asked=False, turns=True)
    even = asking(learnt, synthetic.places(60, 2, asked=True, turns=True))
    vars(even)["beta"] = np.ones(120)
    (ours, said), (theirs, _) = left_by(even), left_by(asking(learnt))
    tensors, others = load(ours), load(theirs)
    assert tensors.keys() == others.keys()
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(tensor, others[name], err_msg=name)
    mine, its = Predictor.from_bytes(ours).card, Predictor.from_bytes(theirs).card
    assert (mine.spread, mine.folds, mine.known) == (its.spread, its.folds, its.known)
    (told,) = [table for table in said if table.name == "weights"]
    assert told.rows[0][1] == told.rows[1][1], "the same without weights is the same"
    assert "0 ± 0 less than the same without weights" in told.note
    assert "Weights cannot be told from none" in told.note


def test_weights_are_of_their_own_rows() -> None:
    """Half of the rows, here and there, say the opposite and count next to nothing.

    Comparables average what is near, whatever it counts for, and are left out.
    """
    rng = np.random.default_rng(4)
    rows = synthetic.places(200, 3, asked=False, turns=False)
    odd = rng.random(200) < 0.5
    for row, wrong in zip(rows, odd, strict=True):
        row["answer"] = -row["place"] if wrong else row["place"]
    one = asking(rows, rows[:30], inputs=("place", "a"), num_epochs=15)
    vars(one)["beta"] = np.where(odd, LEAST, 1.0)
    payload, said = left_by(one)
    found = Predictor.from_bytes(payload)
    place = np.linspace(-1.5, 1.5, 13)
    asked = [{"place": x, "a": 0.0} for x in place]
    assert isinstance(found.model, Blended)
    X = found.card.encoder.encode(asked).astype(float)
    for answers in found.card.target.said(found.model.ensemble.answers(X))[1:]:
        assert np.polyfit(place, answers, 1)[0] > 0.6
    assert found.judged is not None
    by_fold = found.judged.said[0][~odd]
    assert np.corrcoef(by_fold, [rows[i]["place"] for i in np.flatnonzero(~odd)])[0, 1] > 0.8
    (told,) = [table for table in said if table.name == "weights"]
    assert "Weights help." in told.note


def test_each_net_learns_by_the_weights_of_its_rows_and_its_twin_by_none() -> None:
    one = asking(synthetic.places(120, 5, asked=False, turns=True), [{"place": 1.0}])
    beta = vars(one)["beta"] = np.linspace(0.1, 1.9, 120)
    seen = set[str]()
    for training in one.trainings():
        (rows,), (weight,) = training.lanes.train, training.lanes.train_weight
        expected = np.ones(len(rows)) if "without" in training.key else beta[rows.numpy()]
        np.testing.assert_allclose(weight.numpy(), expected, rtol=1e-6, err_msg=training.key)
        seen.add(training.key)
    members = {"comparables", "mlp"}
    kinds = ("", " without weights", " refit")
    assert seen == {f"{member}{kind}" for member in members for kind in kinds}


# ---- what rows count for


def numbers(rows: Rows) -> Any:
    return np.array([[row[name] for name in NUMBERS] for row in rows])


def test_rows_count_by_their_density_ratio_of_folds_that_have_not_seen_them() -> None:
    learnt = synthetic.places(300, 9, asked=False, turns=True)
    questions = synthetic.places(200, 10, asked=True, turns=True)
    schema = OwnTable.of(learnt, "answer").schema
    beta = towards(schema, learnt, questions, HOUSES.named)
    ratio = density_ratio(numbers(learnt), numbers(questions), cross_fit=True).source
    clipped = np.clip(ratio, LEAST, LARGEST)
    np.testing.assert_allclose(beta, clipped / clipped.mean(), rtol=1e-6)
    assert beta.mean() == pytest.approx(1)
    own = asking(learnt, questions).beta
    np.testing.assert_allclose(own, beta, rtol=1e-6)
    np.testing.assert_array_equal(asking(learnt).beta, np.ones(300))


def test_where_weights_cannot_help_it_is_said_why() -> None:
    learnt = synthetic.places(300, 11, asked=False, turns=True)
    schema = OwnTable.of(learnt, "answer").schema
    same = synthetic.places(200, 12, asked=False, turns=True)
    with pytest.raises(CannotHelpError, match="need not be done: no classifier tells"):
        towards(schema, learnt, same, HOUSES.named)
    far = [row | {"place": row["place"] + 9} for row in same]
    with pytest.raises(CannotHelpError, match="100% of the questions are like no row learnt from"):
        towards(schema, learnt, far, HOUSES.named)
    with pytest.raises(DataUnavailable, match="Values of answer from there are needed"):
        _ = asking(learnt, far).beta
    few = asking(learnt, same[:29])
    with pytest.raises(
        DataUnavailable, match=f"{few.questions} cannot be weighted .* 30 questions"
    ):
        _ = few.beta
    with pytest.raises(DataUnavailable, match="cannot be read"):
        _ = TableEnsemble(table=few.table, target="answer", questions=NAME).beta


def test_nets_with_and_without_weights_are_counted_both() -> None:
    asked: dict[str, Any] = {"num_seeds": 10, "k": 11}
    TableEnsemble(**asked)
    with pytest.raises(ValidationError, match="are 220 nets"):
        TableEnsemble(**asked, questions=NAME)


# ---- whether they have helped


def test_what_weights_have_changed_is_told_with_an_interval(rng: np.random.Generator) -> None:
    beta = rng.gamma(2.0, size=400)
    beta /= beta.mean()
    plain = np.square(rng.normal(size=400))
    found = Weighed.of(plain, 0.25 * plain, beta)
    root = np.sqrt(np.average(plain, weights=beta))
    assert (found.plain, found.weighted) == pytest.approx((root, root / 2))
    drawn = np.array([rng.integers(400, size=400) for _ in range(2000)])  # by the bootstrap
    roots = np.sqrt((plain * beta)[drawn].mean(1) / beta[drawn].mean(1))
    assert found.half == pytest.approx(1.96 * np.std(roots / 2), rel=0.1)
    assert found.verdict == "Weights help."
    assert found.effective == pytest.approx(beta.sum() ** 2 / np.square(beta).sum())
    assert Weighed.of(plain, 4 * plain, beta).verdict.startswith("Weights harm")
    chance = Weighed.of(plain, rng.permutation(plain), beta)
    assert chance.verdict.startswith("Weights cannot be told from none")


@pytest.mark.parametrize("turns", [True, False])
def test_weights_win_where_the_model_is_misspecified_and_are_not_praised_elsewhere(
    turns: bool,
) -> None:
    """One draw of `python -m benchmarks retraining`, which takes ten; on new rows."""
    learnt, questions, new = (
        synthetic.places(n, i, asked=i > 0, turns=turns) for i, n in enumerate((300, 300, 2000))
    )
    asked = {"num_epochs": 6}
    plain, weighted = (
        Predictor.from_bytes(left_by(asking(learnt, those, **asked))[0])
        for those in (None, questions)
    )
    said = weighted.card.made_of["questions"]
    answer = np.array([row["answer"] for row in new])
    told = weighted.predict(new)
    before, after = (
        float(np.sqrt(np.square(price - answer).mean()))
        for price in (plain.predict(new).price, told.price)
    )
    if turns:
        assert after < 0.95 * before
        assert said.endswith("Weights help.")
    else:
        assert "Weights help" not in said
    inside = float(((told.low <= answer) & (answer <= told.high)).mean())
    assert 0.78 < inside < 0.99
