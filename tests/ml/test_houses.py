"""The houses against pandas and the book: shapes, 331 columns, and no look at validation rows."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from ml.encoder import Encoder
from ml.houses import files
from ml.houses.attributes import FIELDS
from ml.houses.files import Houses

ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("RIDGELINE_TEST_CACHE") or ROOT / "var/cache")

Rows = list[dict[str, object]]


@pytest.fixture(scope="module")
def data() -> Houses:
    return files.read(CACHE)


@pytest.fixture(scope="module")
def train(data: Houses) -> Rows:
    return files.records(data.train)


@pytest.fixture(scope="module")
def test(data: Houses) -> Rows:
    return files.records(data.test)


@pytest.fixture(scope="module")
def book(train: Rows, test: Rows) -> Encoder:
    return Encoder.book(train, test)


def by_pandas(data: Houses) -> pd.DataFrame:
    """4.10.4 step by step with pandas 3: what the encoder must equal."""
    rows = pd.concat((data.train.iloc[:, 1:-1], data.test.iloc[:, 1:]), ignore_index=True)
    names = rows.select_dtypes("number").columns
    numbers = rows[names].astype("float64")
    rows[names] = ((numbers - numbers.mean()) / numbers.std()).fillna(0)
    return pd.get_dummies(rows, dummy_na=True, dtype="float32")


# ---- the files -----------------------------------------------------------------------------------


def test_shapes_and_first_prices(data: Houses) -> None:
    assert data.train.shape == (1460, 81)
    assert data.test.shape == (1459, 80)
    assert data.train["SalePrice"].head(4).tolist() == [208500, 181500, 223500, 140000]
    assert data.prices.shape == (1460, 1)
    assert data.prices.dtype == np.float32


def test_records_are_plain_values(data: Houses, train: Rows) -> None:
    assert list(train[0]) == list(data.train.columns[1:-1]) == list(FIELDS)
    assert {type(value) for row in train for value in row.values()} == {int, float, str, type(None)}
    assert train[0]["LotFrontage"] == 65.0
    assert train[0]["MSZoning"] == "RL"
    assert train[0]["Alley"] is None
    assert train[1]["MasVnrType"] == "None"  # a level, not a gap
    assert (
        sum(value is None for row in train for value in row.values())
        == data.train.isna().sum().sum()
    )


# ---- the book's encoding -------------------------------------------------------------------------


def test_the_book_has_331_columns(book: Encoder, data: Houses) -> None:
    indicators = sum(len(group.levels) + 1 for group in book.categories)
    assert (len(book.numbers), indicators, len(book.columns)) == (36, 295, 331)
    assert list(book.columns) == list(by_pandas(data).columns)


def test_the_book_to_the_last_row(book: Encoder, data: Houses, train: Rows, test: Rows) -> None:
    ours = book.encode([*train, *test])
    assert ours.shape == (2919, 331)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, by_pandas(data).to_numpy("float32"), rtol=0, atol=1e-6)


def test_serving_one_row_is_training_on_it(book: Encoder, train: Rows) -> None:
    alone = np.concatenate([book.encode([row]) for row in train[:50]])
    np.testing.assert_array_equal(alone, book.encode(train)[:50])


@pytest.mark.parametrize("kind", ["book", "honest"])
def test_an_encoder_is_data(kind: str, train: Rows, test: Rows) -> None:
    encoder = Encoder.book(train, test) if kind == "book" else Encoder.honest(train)
    again = Encoder.model_validate_json(encoder.model_dump_json())
    assert again == encoder
    np.testing.assert_array_equal(again.encode(test), encoder.encode(test))


# ---- only what training has seen -----------------------------------------------------------------


def fold(i: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    rows = np.arange(1460)
    valid = (rows >= i * 292) & (rows < (i + 1) * 292)
    return rows[~valid], rows[valid]


def test_honest_sees_no_validation_row(train: Rows) -> None:
    seen, valid = fold(2)
    layout = Encoder.honest(train)
    changed = [dict(row) for row in train]
    for i in valid:
        changed[i] |= {"LotArea": 10**6, "MSZoning": "FV", "YearBuilt": None, "Alley": "Grvl"}

    before, after = (layout.refit(layout.raw(rows), seen) for rows in (train, changed))
    assert before == after
    np.testing.assert_array_equal(
        before.scale(layout.raw(train))[seen], after.scale(layout.raw(changed))[seen]
    )
    assert layout != Encoder.honest(changed)


def test_a_fold_equals_an_encoder_that_was_given_no_other_row(train: Rows, test: Rows) -> None:
    layout = Encoder.honest(train)
    for i in range(5):
        seen, _ = fold(i)
        ours = layout.refit(layout.raw(train), seen)
        alone = Encoder.honest([train[j] for j in seen])
        assert ours.columns == layout.columns  # each fold has the same shape

        shared = [ours.columns.index(name) for name in alone.columns]
        np.testing.assert_array_equal(ours.encode(test)[:, shared], alone.encode(test))
        others = np.setdiff1d(np.arange(len(ours.columns)), shared)
        assert not ours.encode([*train, *test])[:, others].any()


def test_honest_and_book_differ(book: Encoder, train: Rows) -> None:
    honest = Encoder.honest(train)
    assert len(honest.numbers) == 36
    assert set(honest.columns) <= set(book.columns)
    lot = next(number for number in honest.numbers if number.name == "LotArea")
    values = pd.Series([row["LotArea"] for row in train], dtype="float64")
    assert lot.mean == pytest.approx(values.mean())
    assert lot.std == pytest.approx(values.std())


# ---- edges ---------------------------------------------------------------------------------------

SMALL: Rows = [
    {"size": 1.0, "empty": None, "same": 0.1, "colour": "red"},
    {"size": 3.0, "empty": None, "same": 0.1, "colour": "blue"},
    {"size": None, "empty": None, "same": 0.1, "colour": "red"},
]


def test_what_is_missing_unseen_constant_or_empty() -> None:
    encoder = Encoder.honest(SMALL)
    assert encoder.columns == ("size", "empty", "same", "colour_blue", "colour_red", "colour_nan")
    means, deviations = zip(*((number.mean, number.std) for number in encoder.numbers), strict=True)
    assert means == pytest.approx((2, 0, 0.1))
    assert deviations == pytest.approx((2**0.5, 1, 1))
    rows: Rows = [
        {"size": 2 + 2**0.5, "empty": 7, "same": 1.1, "colour": "blue"},
        {"colour": "green"},  # never seen: none of the levels
        {"colour": None},  # never missing in training: its indicator has learnt nothing
    ]
    expected = [[1, 7, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]]
    np.testing.assert_allclose(encoder.encode(rows), expected, atol=1e-6)
    assert np.isnan(encoder.raw(rows)[1, :3]).all()


def test_numbers_beyond_float32_stay_finite() -> None:
    encoder = Encoder.honest(SMALL)
    assert np.isfinite(
        encoder.encode([{"size": 1e300}, {"size": -1.7e308}, {"same": 1.7e308}])
    ).all()


def test_no_rows() -> None:
    encoder = Encoder.honest(SMALL)
    assert encoder.encode([]).shape == (0, 6)
    with pytest.raises(ValueError, match="at least one row"):
        Encoder.honest([])


def test_what_each_field_is() -> None:
    assert len(FIELDS) == 79
    groups = {group for group, _ in FIELDS.values()}
    assert groups == {
        "place", "lot", "size", "quality", "age", "style", "basement", "comfort", "garage", "sale",
    }  # fmt: skip
    assert len({text for _, text in FIELDS.values()}) == 79
