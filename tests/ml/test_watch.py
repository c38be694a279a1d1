"""Looks at questions: nothing is raised where nothing moved; what moved is named and measured."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml.experiments.kaggle_house import KaggleHouse
from ml.houses import files
from ml.houses.tables import HouseTables
from ml.predictor import Predictor
from ml.schema import InputSchema
from ml.shift.sides import _as_little
from ml.shift.watch import LEAST, Called, Look, look
from tests.app.versions import trained

MIDDLE = 1970
KIN = {"YearBuilt", "GarageYrBlt", "YearRemodAdd", "Neighborhood", "BsmtQual", "Foundation"}
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def losses(data: HouseTables) -> Any:
    return np.square(np.random.default_rng(0).normal(0, 0.12, len(data.train)))


@pytest.fixture(scope="module")
def sides(data: HouseTables) -> tuple[Any, Any]:
    """Which houses are older, and which are newer."""
    built = np.array([row["YearBuilt"] for row in data.train], float)
    return np.flatnonzero(built < MIDDLE), np.flatnonzero(built >= MIDDLE)


@pytest.fixture(scope="module")
def older(data: HouseTables, sides: tuple[Any, Any]) -> Predictor:
    """A predictor that has learnt from these alone."""
    half = replace(data.files, train=data.files.train.iloc[sides[0]])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "read", lambda: half)
        return Predictor.from_bytes(trained(KaggleHouse(num_epochs=40)))


def some(rows: Rows, names: set[str]) -> Rows:
    return [{name: value for name, value in row.items() if name in names} for row in rows]


def names(found: Look, count: int) -> list[str]:
    return [column.name for column in found.moved[:count]]


@pytest.mark.parametrize("told", ["all", "form", "halves"])
def test_nothing_is_raised_by_kaggles_own_file(
    data: HouseTables, schema: InputSchema, losses: Any, told: str
) -> None:
    rows = data.test
    rng = np.random.default_rng(1)
    if told == "form":
        rows = some(rows, {field.name for field in schema.fields if field.first})
    if told == "halves":
        rows = [{k: v for k, v in row.items() if rng.random() < 0.5} for row in rows]
    found = look(schema, data.train, rows, losses)
    assert (found.verdict, found.sentence) == ("quiet", "Nothing has moved beyond chance.")
    assert found.weights.startswith("Correcting need not be done")
    assert found.ratio.effective == len(data.train)
    assert found.promised == pytest.approx(np.sqrt(losses.mean()))
    assert found.expected_error == pytest.approx(found.promised)
    assert bool(found.untold) == (told == "form")


def test_newer_houses_are_found_and_no_weight_stands_for_them(
    data: HouseTables, schema: InputSchema, losses: Any, sides: tuple[Any, Any]
) -> None:
    old, new = ([data.train[i] for i in side] for side in sides)
    found = look(schema, old, new, losses[sides[0]])
    assert found.verdict == "moved"
    assert names(found, 1) == ["YearBuilt"]
    assert len(KIN & {*names(found, 6)}) >= 5
    assert found.lonely
    assert found.alone.mean() > 0.4
    assert found.weights.startswith("Correcting cannot be relied on")
    assert found.expected is None
    seen = {row["Neighborhood"] for row in old}
    strange = np.array([row["Neighborhood"] not in seen for row in new])
    assert found.unseen[strange].all()
    assert 0.38 < found.unseen.mean() < 0.5  # neighbourhoods, and some levels of others
    assert "YearBuilt" in found.sentence
    assert f"{found.alone.mean():.0%} of the questions" in found.sentence


def test_a_model_of_older_houses_is_worse_on_newer_ones_and_says_by_how_much(
    data: HouseTables, older: Predictor, sides: tuple[Any, Any]
) -> None:
    """Every number from another route: the answers themselves, and what was paid."""
    asked, paid = [data.train[i] for i in sides[1]], data.price[sides[1]]
    said = older.predict(asked)
    known = [float(price) if i % 2 else None for i, price in enumerate(paid)]
    found = older.look(asked, said, known)
    assert found.paid is not None
    assert (found.verdict, found.shift.n, found.shift.m) == ("worse", 660, 800)
    off = np.log(paid / said.price)[1::2]
    assert found.paid.n == 400
    assert found.paid.rmse == pytest.approx(np.sqrt(np.square(off).mean()))
    assert found.paid.bias == pytest.approx(off.mean())
    held = (said.low <= paid) & (paid <= said.high)
    assert found.paid.inside == pytest.approx(held[1::2].mean())
    assert older.judged is not None
    assert found.promised == pytest.approx(np.sqrt(older.judged.square.mean()))
    assert found.paid.rmse > found.promised
    assert found.met is not None
    assert not found.met.any()


def test_what_was_paid_for_houses_learnt_from_does_not_count(
    data: HouseTables, older: Predictor, sides: tuple[Any, Any]
) -> None:
    rows = [*sides[0][:300], *sides[1][:100]]
    asked, paid = [data.train[i] for i in rows], data.price[rows]
    found = older.look(asked, older.predict(asked), paid.tolist())
    assert found.met is not None
    assert found.met.tolist() == [True] * 300 + [False] * 100
    assert found.paid is not None
    assert found.paid.n == 100
    assert "75% of the questions are about houses that it has learnt from" in found.sentence


def test_a_shift_with_overlap_has_weights_and_an_expected_error(
    data: HouseTables, schema: InputSchema
) -> None:
    """Errors grow with quality, so that of better houses more is to be expected."""
    quality = np.array([row["OverallQual"] for row in data.train], float)
    rng = np.random.default_rng(5)
    better = rng.random(len(quality)) < 1 / (1 + np.exp(-(quality - 6) / 2))
    old, new = ([data.train[i] for i in np.flatnonzero(side)] for side in (~better, better))
    size = 0.02 * quality
    found = look(schema, old, new, np.square(size[~better]))
    assert names(found, 1) == ["OverallQual"]
    assert not found.lonely
    assert found.weights.startswith("Correcting can help")
    assert 100 < found.ratio.effective < len(old)
    truth = np.sqrt(np.square(size[better]).mean())
    assert found.expected_error is not None
    assert abs(found.expected_error - truth) < abs(found.promised - truth) / 3


def test_what_was_paid_is_beside_what_was_promised(
    data: HouseTables, schema: InputSchema, losses: Any
) -> None:
    off = np.random.default_rng(2).normal(0.02, 0.12, 300)
    inside = np.arange(300) < 260
    calm = look(schema, data.train, data.test[:400], losses, (off, inside)).paid
    assert calm is not None
    assert (calm.n, calm.inside, calm.worse) == (300, 260 / 300, False)
    assert calm.rmse == pytest.approx(np.sqrt(np.square(off).mean()))
    assert calm.bias == pytest.approx(off.mean())
    assert calm.low < calm.rmse < calm.high
    found = look(schema, data.train, data.test[:400], losses, (off + 0.2, inside))
    assert found.verdict == "worse"
    assert found.paid is not None
    assert "300 prices came" in found.sentence
    assert f"more than the {found.promised:.3f} promised" in found.sentence
    rents = Called("rows", "values of rent", "what the rent of these was", ".2g")
    told = replace(found, called=rents, met=np.ones(400, bool)).sentence
    assert "questions are about rows that it has learnt from: what the rent of these was" in told
    assert f"300 values of rent came: they are {found.paid.rmse:.2g} off, more than the" in told
    nobody = look(schema, data.train, data.test[:400], losses, (off[:1], inside[:1]))
    assert nobody.paid is None


def test_rows_learnt_from_are_made_to_tell_as_little_as_questions() -> None:
    rng = np.random.default_rng(0)
    q = pd.DataFrame(rng.normal(size=(4000, 3)), columns=["a", "b", "c"])
    q.loc[rng.random(4000) < 0.2, "b"] = np.nan
    q.loc[rng.random(4000) < 0.3, "c"] = np.nan
    p = pd.DataFrame(rng.normal(size=(3000, 3)), columns=["a", "b", "c"])
    together = rng.random(3000) < 0.5
    p.loc[together, ["a", "b"]] = np.nan
    masked = _as_little(q, p, np.random.default_rng(1))
    gone = masked.isna()
    assert gone["a"].mean() == pytest.approx(0.5, abs=0.03)
    assert gone["b"].mean() == pytest.approx(0.5, abs=0.03)
    assert (gone["c"] == q["c"].isna()).all()  # these are told more often, and that is a shift
    assert (gone["a"] & gone["b"]).mean() > 0.35  # by the patterns of whole rows
    assert masked.stack().isin(q.stack()).all()


@pytest.mark.parametrize("rows", [0, LEAST - 1])
def test_too_few_are_refused(
    data: HouseTables, schema: InputSchema, losses: Any, rows: int
) -> None:
    with pytest.raises(ValueError, match=f"needs {LEAST} questions; there are {rows}"):
        look(schema, data.train, data.test[:rows], losses)
    with pytest.raises(ValueError, match="No field is told"):
        look(schema, data.train, [{}] * 50, losses)
