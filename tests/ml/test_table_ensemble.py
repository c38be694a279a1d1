"""Any table learnt as houses are: which rows and columns feed it, and in what units it answers."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from ml.data import synthetic
from ml.data import tables as packing
from ml.data.hub import DataUnavailable
from ml.encoder import Target
from ml.events import Event, Table, Trained
from ml.experiments.table_ensemble import TableEnsemble
from ml.predictor import Predictor
from ml.tabular.first_fit import first_fit
from ml.tabular.own import MOST, OwnTable, Unlearnable
from ml.tabular.subject import Words

QUICK: dict[str, Any] = {"k": 2, "num_seeds": 1, "num_epochs": 1}
NAME = "0123456789abcdef"
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def flats() -> Rows:
    return [*synthetic.flats(240, 7)]


def run(table: OwnTable, **asked: Any) -> list[Event]:
    """The experiment on a table of one's own."""
    target = {"table": NAME, "target": table.told.target}
    one = TableEnsemble(**QUICK | target | asked)
    vars(one)["data"] = table
    return [*one.run()]


def predictor_of(said: list[Event]) -> Predictor:
    (payload,) = [event.payload for event in said if isinstance(event, Trained)]
    return Predictor.from_bytes(payload)


def test_rents_are_made_as_they_are_told() -> None:
    """The noise that is left once all that made a rent is taken off it."""
    rows = synthetic.flats(4000, 1)
    off = []
    for row in rows:
        if row["year"] is None:
            continue
        age = np.exp((float(row["year"]) - 2025) / 30)
        log = 3.2 + 0.8 * np.log(row["area"]) + synthetic.DISTRICTS[str(row["district"])]
        log += (0.03 if row["lift"] == "yes" else -0.02) * float(row["floor"])
        off.append(np.log(row["rent"]) - (log - 0.15 * (1 - age)))
    assert np.std(off) == pytest.approx(synthetic.RENT_NOISE, rel=0.05)
    assert np.mean(off) == pytest.approx(0, abs=0.01)


def test_rows_and_columns_are_those_that_were_asked_for(flats: Rows) -> None:
    rows = [dict(row) for row in flats]
    rows[3]["rent"], rows[5]["rent"] = None, 0.0
    table = OwnTable.of(rows, "rent", inputs=("area", "district"), identifier="flat", log=True)
    kept = [row for i, row in enumerate(rows) if i not in {3, 5}]
    assert table.train == [{"area": row["area"], "district": row["district"]} for row in kept]
    np.testing.assert_array_equal(table.price, [row["rent"] for row in kept])
    assert [sale["flat"] for sale in table.sold] == [row["flat"] for row in kept]
    plain = OwnTable.of(rows, "rent", log=False)
    assert len(plain.train) == len(rows) - 1, "0 is a target like another where it is no logarithm"
    assert "deposit" not in plain.inputs
    assert plain.id_column == "row"
    assert [sale["row"] for sale in plain.sold][:4] == [1, 2, 3, 5]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"target": "rnt"}, "'rnt'"),
        ({"inputs": ("ara",)}, "There is no column 'ara'"),
        ({"inputs": ("area", "rent")}, "cannot be inputs"),
        ({"identifier": "no"}, "There is no column 'no'"),
        ({"target": "district"}, "number"),
    ],
)
def test_what_cannot_be_is_told(flats: Rows, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(Unlearnable, match=said):
        OwnTable.of(flats, **{"target": "rent"} | asked)


def test_of_many_rows_some_are_drawn() -> None:
    rows = [{"x": i % 97, "y": 1.5 * i, "z": i % 2} for i in range(MOST + 500)]
    table = OwnTable.of(rows, "y", inputs=("x", "z"), log=False, seed=3)
    assert len(table.train) == MOST
    assert np.all(np.diff(table.price) > 0), "in the order of the file"
    other = OwnTable.of(rows, "y", inputs=("x", "z"), log=False, seed=4)
    assert set(table.price) != set(other.price)


def test_rows_that_say_the_same_are_in_one_fold(flats: Rows) -> None:
    table = OwnTable.of([*flats, *flats[:60]], "rent", inputs=("area", "district", "door"))
    one = TableEnsemble(**QUICK, table=NAME, target="rent")
    vars(one)["data"] = table
    place = dict[int, int]()
    for fold, (train, valid) in enumerate(one.rows):
        assert not {*train.tolist()} & {*valid.tolist()}
        place |= dict.fromkeys(valid.tolist(), fold)
    assert sorted(place) == [*range(300)]
    assert [place[240 + i] for i in range(60)] == [place[i] for i in range(60)]


def test_a_first_fit_is_that_of_scikit_learn(flats: Rows) -> None:
    from sklearn.linear_model import Ridge

    table = OwnTable.of(flats, "rent", inputs=("area", "energy", "district"), log=True)
    found, y = first_fit(table), np.log(table.price)
    keys = {tuple(row.values()): i for i, row in enumerate(table.train)}
    assert len(keys) == len(flats), "no row is there twice"
    fold, said = np.random.default_rng(0).permutation(len(y)) % 5, np.empty(len(y))
    for i in range(5):
        rows, valid = np.flatnonzero(fold != i), np.flatnonzero(fold == i)
        X = table.rich(rows).X.astype(float)
        said[valid] = Ridge(30.0).fit(X[rows], y[rows]).predict(X[valid])
    assert found.rmse == pytest.approx(np.sqrt(np.mean((y - said) ** 2)), rel=1e-3)
    assert found.explained == pytest.approx(1 - np.mean((y - said) ** 2) / np.var(y), rel=1e-3)


@pytest.fixture(scope="module")
def signed(flats: Rows) -> OwnTable:
    """A target that may be below 0: rents less 600."""
    rows = [row | {"over": row["rent"] - 600} for row in flats]
    return OwnTable.of(rows, "over", inputs=("area", "district"), identifier="flat", unit="€")


@pytest.fixture(scope="module")
def said(signed: OwnTable) -> list[Event]:
    return run(signed)


def test_a_target_of_any_sign_is_answered_in_its_own_unit(
    signed: OwnTable, said: list[Event]
) -> None:
    found = predictor_of(said)
    assert not found.card.target.relative
    assert found.card.words.unit == "€"
    priced = found.predict(signed.train)
    assert priced.price.min() < 0 < priced.price.max()
    assert np.all(priced.low < priced.price)
    assert np.corrcoef(priced.price, signed.price)[0, 1] > 0.9
    shifted = replace(signed, price=signed.price + 10_000)
    again = predictor_of(run(shifted)).predict(signed.train)
    np.testing.assert_allclose(again.price, priced.price + 10_000, atol=0.5)


def test_what_is_judged_is_what_is_served(signed: OwnTable, said: list[Event]) -> None:
    found = predictor_of(said)
    judged = found.judged
    assert judged is not None
    np.testing.assert_allclose(judged.target, signed.price, rtol=1e-5)
    assert found.card.folds == pytest.approx(judged.errors().mean(0).tolist(), rel=1e-5)
    rows = found.comparables(signed.train[0], 5)
    assert rows is not None
    for row in rows.sales:
        assert row.sold == signed.price[int(row.id) - 1]
    (members,) = [one for one in said if isinstance(one, Table) and one.name == "members"]
    assert members.columns[1] == "RMSE"


def test_words_of_another_table_say_nothing_of_houses(said: list[Event]) -> None:
    tables = [event for event in said if isinstance(event, Table)]
    text = " ".join(f"{t.title} {t.columns} {t.note}" for t in tables).lower()
    for word in ("house", "sold", "$", "price", "log"):
        assert word not in text, word


def test_a_target_is_taken_back_as_it_was_measured() -> None:
    values = np.array([-3.0, 0.0, 5.0])
    plain = Target.own(values, log=False)
    np.testing.assert_allclose(plain.prices(plain.outputs(values).astype(float)), values, atol=1e-6)
    np.testing.assert_array_equal(plain.measured(values), values)
    log = Target.own(values + 4, log=True)
    np.testing.assert_allclose(log.priced(log.measured(values + 4)), values + 4)
    np.testing.assert_allclose(log.said(np.array([0.0])), np.log(values + 4).mean())
    raw = Target.learn(np.array([10.0, 20.0]), log=False)
    np.testing.assert_allclose(raw.said(np.array([-5.0, 20.0])), [0.0, np.log(20.0)])


def test_words_write_values_and_errors_by_their_kind() -> None:
    log, plain = Words(unit="$"), Words(unit="€", log=False)
    assert (log.written(1234.5), plain.written(-0.123456)) == ("$1,234", "−€0.1235")
    assert (log.error(0.123456), plain.error(123456.0)) == ("0.1235", "1.235e+05")
    off = np.log([1.1, 1.3, 0.9])
    assert log.typical(off) == f"{np.median(np.abs(1 / np.array([1.1, 1.3, 0.9]) - 1)):.1%}"
    assert plain.typical(np.array([-2.0, 3.0, 1.0])) == "€2"


def test_a_table_and_its_target_are_named_together() -> None:
    alone: list[dict[str, Any]] = [{"table": NAME}, {"target": "y"}]
    for asked in alone:
        with pytest.raises(ValidationError, match="or neither"):
            TableEnsemble(**asked)


def test_a_table_of_the_store_is_read_by_its_name(flats: Rows, tmp_path: Any) -> None:
    from ml.data import hub

    hub.store_in(tmp_path)
    try:
        payload = packing.packed(flats)
        packing.keep(payload)
        asked: dict[str, Any] = {"table": packing.name_of(payload), "target": "rent"}
        asked["scale"] = "plain"
        one = TableEnsemble(**asked, inputs=("area",))
        assert (len(one.data.train), one.data.inputs, one.measured) == (240, ("area",), "rmse")
        with pytest.raises(DataUnavailable, match="no column 'rnt'"):
            _ = TableEnsemble(**asked | {"target": "rnt"}).data
        with pytest.raises(DataUnavailable, match="cannot be read"):
            _ = TableEnsemble(table="f" * 16, target="y").data
    finally:
        hub.store_in(None)


def test_a_column_of_ones_own_takes_the_place_of_none_of_ours(flats: Rows) -> None:
    rows = [{"row": row["area"], "predicted": row["floor"], "y": row["rent"]} for row in flats]
    said = run(OwnTable.of(rows, "y", inputs=("row", "predicted"), log=False))
    (worst,) = [one for one in said if isinstance(one, Table) and one.name == "worst"]
    at = {name: i for i, name in enumerate(worst.columns)}
    assert len(at) == len(worst.columns)
    for line in worst.rows:
        place = int(str(line[at["row"]])) - 1
        assert line[at["row, as told"]] == f"{rows[place]['row']:.5g}"
        assert line[at["predicted, as told"]] == str(rows[place]["predicted"])
        assert line[at["actual"]] == pytest.approx(rows[place]["y"], rel=1e-3)
