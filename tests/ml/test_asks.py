"""What to ask first: whether it narrows intervals as much as it told, of houses not learnt from."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ml.events import Trained
from ml.experiments.kaggle_house import KaggleHouse
from ml.houses.tables import HouseTables
from ml.predictor import ENDS, Asks, Predictor
from ml.predictor.asks import VALUES
from ml.predictor.models import Layers

ROWS = 110  # houses that are asked about
TOLD = (2, 4, 8)  # fields that are known of them
OFF = 0.06  # of mean widths in log price, of about 0.7: what chance does to so few rows
Row = dict[str, Any]


@pytest.fixture(scope="module")
def houses() -> Predictor:
    """A net of few epochs, whose sales that lend are every other one."""
    (trained,) = [e for e in KaggleHouse(num_epochs=10, k=2).run() if isinstance(e, Trained)]
    predictor = Predictor.from_bytes(trained.payload)
    assert isinstance(predictor.model, Layers)
    return replace(predictor, model=Layers(predictor.model.layers, [*predictor.sales[::2]]))


@pytest.fixture(scope="module")
def others(data: HouseTables) -> list[Row]:
    """The other half: lent by none of them, so that each is like one of another fold."""
    return [*data.sold[1::2]]


def widths(predictor: Predictor, rows: Sequence[Mapping[str, Any]]) -> np.ndarray[Any, Any]:
    """Of intervals, in log price, from the prices that people are told."""
    told = predictor.predict(rows)
    return np.asarray(np.log(told.high) - np.log(told.low))


def some(houses: Predictor, row: Row, seed: int) -> Row:
    """What is told of a house: a few of what a form asks first, by chance."""
    schema = houses.card.input_schema
    form = [field.name for field in schema.fields if field.first]
    names = np.random.default_rng(seed).permutation(form)[: TOLD[seed % len(TOLD)]]
    return schema.known({name: row[name] for name in names.tolist()})


def test_what_is_asked_first_narrows_most_and_as_much_as_it_told(
    houses: Predictor, others: list[Row]
) -> None:
    rng, names = np.random.default_rng(1), [f.name for f in houses.card.input_schema.fields]
    before, first, other, told = list[Row](), list[Row](), list[Row](), list[float]()
    for i in range(ROWS):
        row = others[6 * i]
        known = some(houses, row, i)
        found = houses.asks(known, 1)
        if not known or not found.first:
            continue
        best = found.first[0]
        unsaid = rng.permutation([name for name in names if name not in known]).tolist()
        before.append(known)
        first.append({**known, best.field: row[best.field]})
        other.append({**known, unsaid[0]: row[unsaid[0]]})
        told.append(best.width)
    assert len(told) >= 100
    was, now, random = (widths(houses, rows) for rows in (before, first, other))
    assert (was - now).mean() > 3 * (was - random).mean()
    gain = random - now
    assert gain.mean() > 2 * gain.std() / len(gain) ** 0.5
    assert now.mean() == pytest.approx(np.mean(told), abs=OFF)


def test_widths_are_those_of_prices_and_fall_with_what_is_known(
    houses: Predictor, others: list[Row]
) -> None:
    schema = houses.card.input_schema
    found = houses.asks({"GrLivArea": 1500}, 5)
    assert found.width == pytest.approx(widths(houses, [{"GrLivArea": 1500}])[0])
    assert found.form is not None
    assert found.whole < found.form < found.first[0].width < found.width
    assert [ask.width for ask in found.first] == sorted(ask.width for ask in found.first)
    assert len({ask.field for ask in found.first}) == len(found.first) <= 5
    assert len(houses.asks({"GrLivArea": 1500}, 2).first) == 2
    whole, likely = houses.whole({"GrLivArea": 1500})
    assert found.whole == pytest.approx(likely @ widths(houses, whole))
    every = {field.name: others[0][field.name] or 0 for field in schema.fields}
    level = {f.name: f.levels[0] for f in schema.fields if f.levels and every[f.name] == 0}
    done = houses.asks(every | level, 5)
    assert done == Asks(done.width, (), done.width, done.width)


def test_a_field_is_worth_what_the_rows_alike_make_of_it(houses: Predictor) -> None:
    known = {"GrLivArea": 1500, "Neighborhood": "OldTown"}
    whole, likely = houses.whole(known)
    at = (np.arange(VALUES) + 0.5) / VALUES
    lent = [whole[i] for i in np.searchsorted(np.cumsum(likely), at).tolist()]
    for ask in houses.asks(known, 3).first:
        rows = [{**known, ask.field: row[ask.field]} for row in lent]
        assert ask.width == pytest.approx(widths(houses, rows).mean())


def test_a_file_that_remembers_no_sales_has_one_width(houses: Predictor) -> None:
    assert isinstance(houses.model, Layers)
    older = replace(houses, model=Layers(houses.model.layers, []))
    found = older.asks({"GrLivArea": 1500}, 5)
    assert (found.first, found.form, found.whole) == ((), found.width, found.width)
    errors = older.errors.at(np.array(ENDS))
    assert found.width == pytest.approx(errors[1] - errors[0])
