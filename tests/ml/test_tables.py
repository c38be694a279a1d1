"""Tables of sales of one's own: kept by what they hold, and learnt from in place of the houses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.data import tables
from ml.data.hub import DataUnavailable, download, store_in
from ml.events import Check, Finding, Trained
from ml.experiments.house_ensemble import HouseEnsemble
from ml.houses.files import FILES
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
    with pytest.raises(DataUnavailable, match="has 99 sales; 100 are the least"):
        [*HouseEnsemble(sales=few, **QUICK).run()]
    with pytest.raises(DataUnavailable, match="Table 0123456789abcdef cannot be read"):
        [*HouseEnsemble(sales="0123456789abcdef", **QUICK).run()]
    with pytest.raises(ValueError, match="pattern"):
        HouseEnsemble(sales="../etc/passwd")
