"""Tables of sales of one's own: kept by what they hold, and learnt from in place of the houses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.data import tables
from ml.data.hub import DataUnavailable, download, store_in
from ml.events import Check, Finding, Trained
from ml.experiments.house_ensemble import HouseEnsemble
from ml.houses.files import FILES, lacking
from ml.houses.tables import HouseTables
from ml.predictor import Predictor

ROWS: list[dict[str, Any]] = [
    {"Id": 7, "A": "x", "B": None, "C": 0.1},
    {"Id": 9, "A": None, "B": 2, "C": 3.0},
]
QUICK: dict[str, Any] = {"k": 2, "num_seeds": 1, "num_epochs": 1}


@pytest.fixture
def folder(tmp_path: Path) -> Any:
    """Where tables are laid, beside the files of the hub."""
    for file in FILES:
        there = download(file)
        (tmp_path / there.name).symlink_to(there.absolute())
    store_in(tmp_path)
    yield tmp_path
    store_in(None)


def laid(rows: list[dict[str, Any]]) -> str:
    return tables.keep(tables.packed(rows)).name


def test_a_table_is_called_by_what_it_holds(folder: Path) -> None:
    name = laid(ROWS)
    assert tables.read(name) == ROWS
    assert laid(ROWS) == name
    assert laid(ROWS[:1]) != name
    assert len([*(folder / "tables").iterdir()]) == 2
    file = folder / "tables" / name
    file.write_bytes(b"garbage")
    assert tables.read(laid(ROWS)) == ROWS  # what is damaged is laid anew
    assert tables.unpacked(tables.packed([])) == []


@pytest.mark.parametrize("damage", ["other", "cut", "gone"])
def test_what_is_no_longer_what_its_name_says_is_not_read(folder: Path, damage: str) -> None:
    file = folder / "tables" / laid(ROWS)
    if damage == "other":
        file.write_bytes(tables.packed(ROWS[:1]))
    elif damage == "cut":
        file.write_bytes(file.read_bytes()[:-5])
    else:
        file.unlink()
    with pytest.raises(DataUnavailable, match=f"Table {file.name} cannot be read"):
        tables.read(file.name)


def test_an_ensemble_learns_the_sales_of_its_table_and_no_others(folder: Path) -> None:
    data = HouseTables.read()
    mine = [dict(sale) for sale in data.sold[::9]]  # 163 of them
    for i, sale in enumerate(mine):
        sale |= {"Id": 100_000 + i, "SalePrice": 3 * sale["SalePrice"]}
    one = HouseEnsemble(sales=laid(mine), **QUICK)
    said = [*one.run()]
    (made,) = [event for event in said if isinstance(event, Trained)]
    predictor = Predictor.from_bytes(made.payload)
    assert [sale["Id"] for sale in predictor.sales] == [sale["Id"] for sale in mine]
    assert predictor.judged is not None
    paid = np.array([sale["SalePrice"] for sale in mine])
    np.testing.assert_allclose(np.exp(predictor.judged.target), paid, rtol=1e-5)
    ratio = predictor.predict(data.train[4::9]).price / data.price[4::9]
    assert np.median(ratio) == pytest.approx(3, rel=0.15)
    assert predictor.card.made_of["sales"] == f"table {one.sales}"
    assert "kaggle_house_train.csv" not in predictor.card.made_of
    assert one.sales in one.label
    names = {event.name for event in said if isinstance(event, Check)}
    assert "log RMSE of the ensemble" not in names  # that is claimed of the competition's houses
    (finding,) = [event for event in said if isinstance(event, Finding)]
    assert "the book's net" not in finding.text


def test_too_few_sales_and_no_table_are_sentences(folder: Path) -> None:
    few = laid([dict(sale) for sale in HouseTables.read().sold[:99]])
    with pytest.raises(
        DataUnavailable, match=r"cannot be learnt from\. 99 sales are too few: 100 are the least"
    ):
        [*HouseEnsemble(sales=few, **QUICK).run()]
    with pytest.raises(DataUnavailable, match="Table 0123456789abcdef cannot be read"):
        [*HouseEnsemble(sales="0123456789abcdef", **QUICK).run()]
    with pytest.raises(ValueError, match="pattern"):
        HouseEnsemble(sales="../etc/passwd")


def test_a_house_that_was_sold_twice_is_in_one_fold(folder: Path) -> None:
    once = [dict(sale) for sale in HouseTables.read().sold[:120]]
    again = [sale | {"Id": 10_000 + i, "SalePrice": 1.1 * sale["SalePrice"]}
             for i, sale in enumerate(once[::3])]  # fmt: skip
    one = HouseEnsemble(sales=laid([*once, *again]), **QUICK)
    assert sorted(np.concatenate([valid for _, valid in one.rows]).tolist()) == [*range(160)]
    for train, valid in one.rows:
        assert not {*train.tolist()} & {*valid.tolist()}
        for i in range(40):
            assert (120 + i in valid) == (3 * i in valid)
    alone = HouseEnsemble(sales=laid(once), **QUICK)
    usual = np.array_split(np.random.RandomState(0).permutation(120), 2)
    for (_, valid), part in zip(alone.rows, usual, strict=True):
        assert valid.tolist() == sorted(part.tolist())


def test_where_no_house_has_a_thing_it_is_a_level_that_was_never_seen(folder: Path) -> None:
    """No alley, no fence, none sold as new: what others have all the same is still priced."""
    data = HouseTables.read()
    plain = [
        sale for sale in data.sold
        if sale["Alley"] is None and sale["Fence"] is None and sale["SaleCondition"] != "Normal"
    ][:110]  # fmt: skip
    one = HouseEnsemble(
        sales=laid([sale | {"SaleCondition": "Partial"} for sale in plain]), **QUICK
    )
    (made,) = [event for event in one.run() if isinstance(event, Trained)]
    predictor = Predictor.from_bytes(made.payload)
    kinds = {field.name: field.kind for field in predictor.card.input_schema.fields}
    assert (kinds["Alley"], kinds["Fence"], kinds["PoolQC"]) == ("level",) * 3
    assert predictor.reads({"Alley": "Grvl", "LotArea": 9000})
    assert not predictor.reads({"LotArea": "Grvl"})
    assert np.isfinite(predictor.predict([{"Alley": "Grvl", "LotArea": 9000}]).price).all()
    assert not any("Ames" in what for what in predictor.card.not_for)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"YearBuilt": None, "LotArea": None}, "No sale says anything of LotArea, YearBuilt: each"),
        ({"SalePrice": 5000.0}, "All sales have the same price"),
        ({"Id": 3}, ""),
        (dict.fromkeys(["Alley", "Fence", "GarageType", "BsmtQual"]), ""),
    ],
)
def test_what_is_lacking_is_said(change: dict[str, Any], words: str) -> None:
    rows = HouseTables.read().sold[:120]
    said = lacking([row | change for row in rows])
    assert said.startswith(words) if words else said == ""
    assert "of 1 different houses" in lacking([rows[0]] * 120)
