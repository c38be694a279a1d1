"""What retraining is worth: with newer houses that were sold, or by weights towards questions."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from ml.data import synthetic, tables
from ml.events import Trained
from ml.experiment import Experiment
from ml.experiments.house_ensemble import HouseEnsemble
from ml.experiments.table_ensemble import TableEnsemble
from ml.houses.tables import HouseTables
from ml.predictor import Predictor, later

BUILT, SOLD = 1970, 2008
DRAWS, ROWS, NEW = 10, 300, 2000  # made tables, rows of each and questions, rows they are judged by
SHORT: dict[str, Any] = {"target": "answer", "k": 2, "num_seeds": 1, "num_epochs": 10}


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
    yield ""
    yield from weighting()


def weighting() -> Iterator[str]:
    """The ensemble with weights towards questions and without, on new rows like the questions."""
    yield "| the answer | draws | without weights | with | better in | by folds: help, harm |"
    yield "|---|---|---|---|---|---|"
    for what, turns in (("turns within the rows", True), ("is linear", False)):
        found = [_weighted(draw, turns=turns) for draw in range(DRAWS)]
        plain, weighted = np.mean([errors for errors, _ in found], axis=0)
        better = sum(after < before for (before, after), _ in found)
        helps, harms = (sum(word in said for _, said in found) for word in (" help.", " harm:"))
        yield (
            f"| {what} | {DRAWS} | {plain:.3f} | {weighted:.3f} | {better} of {DRAWS} |"
            f" {helps}, {harms} |"
        )


def _weighted(draw: int, *, turns: bool) -> tuple[tuple[float, float], str]:
    """RMSE without weights and with, of rows like the questions; what folds said of it."""
    learnt, questions, new = (
        synthetic.places(n, 3 * draw + i, asked=i > 0, turns=turns)
        for i, n in enumerate((ROWS, ROWS, NEW))
    )
    names = [tables.keep(tables.packed(rows)).name for rows in (learnt, questions)]
    one = [
        _made(TableEnsemble(table=names[0], questions=towards, seed=draw, **SHORT))
        for towards in ("", names[1])
    ]
    answer = np.array([row["answer"] for row in new])
    plain, weighted = (
        float(np.sqrt(np.square(made.predict(new).price - answer).mean())) for made in one
    )
    return (plain, weighted), one[1].card.made_of["questions"]


def _learnt(rows: list[dict[str, object]]) -> Predictor:
    """The default ensemble of these sales."""
    return _made(HouseEnsemble(sales=tables.keep(tables.packed(rows)).name))


def _made(one: Experiment) -> Predictor:
    """What an experiment leaves."""
    (made,) = [event for event in one.run() if isinstance(event, Trained)]
    return Predictor.from_bytes(made.payload)
