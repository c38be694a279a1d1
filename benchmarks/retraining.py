"""What new prices are worth: a model of older houses, retrained with newer ones that were sold."""

from collections.abc import Iterator

import numpy as np
import torch

from ml.data import tables
from ml.events import Trained
from ml.experiments.house_ensemble import HouseEnsemble
from ml.houses.tables import HouseTables
from ml.predictor import Predictor, later

BUILT, SOLD = 1970, 2008


def measure() -> Iterator[str]:
    """Houses built before 1970, then those sold before 2008; on those sold later. One thread."""
    torch.set_num_threads(1)
    sold = HouseTables.read().sold
    old = [sale for sale in sold if sale["YearBuilt"] < BUILT]
    new = [sale for sale in sold if sale["YearBuilt"] >= BUILT]
    came = [sale for sale in new if sale["YrSold"] < SOLD]
    rest = [sale for sale in new if sale["YrSold"] >= SOLD]
    first, second = (_learnt(rows) for rows in (old, [*old, *came]))
    yield "| judged on | houses | learnt from | before | after | difference | gate |"
    yield "|---|---|---|---|---|---|---|"
    for what, rows in (("sold since", rest), ("the same, by folds", came), ("both", new)):
        paid = np.array([sale["SalePrice"] for sale in rows], np.float64)
        found = later(("after", "before"), second, first, rows, paid)
        assert found.one is not None
        assert found.beside is not None
        before, after = (np.sqrt(each.square.mean()) for each in (found.beside, found.one))
        mean, half = found.difference
        yield (
            f"| {what} | {len(rows)} | {len(old)} + {len(came)} | {before:.4f} | {after:.4f} |"
            f" {mean:+.4f} ± {half:.4f} | {'passed' if found.passed else 'not passed'} |"
        )


def _learnt(rows: list[dict[str, object]]) -> Predictor:
    """The default ensemble of these sales."""
    one = HouseEnsemble(sales=tables.keep(tables.packed(rows)).name)
    (made,) = [event for event in one.run() if isinstance(event, Trained)]
    return Predictor.from_bytes(made.payload)
