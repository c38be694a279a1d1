"""4.10: broken data, broken losses, broken files."""

from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pandas as pd

from ml.data import hub
from ml.encoder import Encoder
from ml.experiments.house_ensemble import HouseEnsemble
from ml.experiments.kaggle_house import KaggleHouse
from ml.experiments.missing_values import MissingValues
from ml.houses import files, folds
from ml.houses.book import BOOK, LINEAR_LOG
from ml.lanes import Lanes
from ml.losses import log_rmse, rmse
from ml.predictor import Predictor
from ml.tabular import own, profile
from ml.train import Training
from tests.broken.breaks import Break, Wrong, times

_download, _read, _submission = hub.download, pd.read_csv, Predictor.submission
_bounds = HouseEnsemble.bounds
_refit, _hide, _scale = KaggleHouse.refit, MissingValues.hide, Encoder.scale
SHORT = {"num_epochs": 1}


def copied(name: str, cache: Path | None = None, *_: object) -> Path:
    """A file that has lost its last newline: pandas reads the same, and it is another file."""
    source = _download(name, cache)
    copy = Path(mkdtemp()) / source.name
    copy.write_bytes(source.read_bytes().removesuffix(b"\n"))
    return copy


def refitted_on_one_row_less(self: KaggleHouse) -> Training:
    """The last house is not learnt from."""
    training = _refit(self)
    lanes = [replace(lane, train=lane.train[:-1]) for lane in training.lanes]
    return replace(training, lanes=Lanes.of(lanes))


def shifted(self: Encoder, raw: Any) -> Any:
    """Numbers with another mean and another deviation."""
    return _scale(self, raw) * 1.1 + 1


def edited(old: str, new: str) -> Wrong:
    """A submission in which that stands once in the place of this."""
    return lambda self: _submission(self).replace(old, new, 1)


def repriced(price: str) -> Wrong:
    """A submission whose first house costs that."""

    def wrong(self: Predictor) -> str:
        header, first, *rest = _submission(self).split("\n")
        return "\n".join([header, f"{first.partition(',')[0]},{price}", *rest])

    return wrong


def house(**given: Any) -> Break:
    """One of kaggle_house, seen after an epoch unless said otherwise."""
    return Break(name="kaggle_house", **{"values": SHORT} | given)


def sent(wrong: Wrong, red: str) -> Break:
    """A wrong submission."""
    return house(owner=Predictor, line="submission", wrong=wrong, red=(f"submission: {red}",))


def ensemble(**given: Any) -> Break:
    """One of house_ensemble, seen after an epoch of few nets."""
    return Break(name="house_ensemble", values=SHORT | {"k": 2, "num_seeds": 1}, **given)


def table(**given: Any) -> Break:
    """One of table_ensemble, seen after an epoch of few nets unless said otherwise."""
    return Break(name="table_ensemble", **{"values": SHORT | {"k": 2, "num_seeds": 1}} | given)


def blind(*given: Any, **named: Any) -> profile.Profile:
    """A look that warns of nothing, and proposes all columns."""
    told = profile.profile(*given, **named)
    columns = [
        column
        if column.role == "target"
        else column.model_copy(update={"role": "input", "attention": ()})
        for column in told.columns
    ]
    return told.model_copy(update={"columns": tuple(columns)})


def scaled(factor: float) -> Wrong:
    """Intervals that are so many times as wide."""

    def wrong(*known: Any) -> Any:
        spread = _bounds(*known)
        ends = {"low": factor * spread.low, "high": factor * spread.high}
        return spread.model_copy(update=ends)

    return wrong


BREAKS = [
    house(owner=hub, line="download", wrong=copied, red=("SHA-1",)),
    # as pandas reads it by itself: "None" is missing
    house(owner=pd, line="read_csv", wrong=lambda file, **_: _read(file), red=("shapes",)),
    house(
        owner=files.Houses,
        line="prices",
        wrong=property(lambda self: self.train[["SalePrice"]].to_numpy() + 1),
        red=("first prices",),
    ),
    house(owner=Encoder, line="scale", wrong=shifted, red=("standardised",)),
    house(line="refit", wrong=refitted_on_one_row_less, red=("distinct rows",)),
    house(
        owner=folds,
        line="log_rmse",
        wrong=times(log_rmse, 1.1),
        red=("fold", "mean", "refit"),
        values=BOOK.values,
    ),
    *(
        house(owner=folds, line="rmse", wrong=times(rmse, 1.2), red=(red,), values=values)
        for red, values in (("linear net on log", LINEAR_LOG.values), ("our defaults", {}))
    ),
    sent(edited("SalePrice", "Price"), "header"),
    sent(lambda self: _submission(self) + "2920,1.0\n", "rows"),
    sent(edited("1461,", "1462,"), "ids"),
    sent(repriced("nan"), "finite prices"),
    sent(repriced("-1"), "lowest price"),
    Break(
        name="house_ensemble",
        line="answers",
        wrong=lambda ensemble, X, own: 0.5 * ensemble.answers(X, own),
        red=("log RMSE", "lead over"),
    ),
    *(
        ensemble(line="bounds", wrong=scaled(factor), red=red)
        for factor, red in ((0.5, ("share of prices", "the same, the worst")), (2, ("mean width",)))
    ),
    ensemble(
        line="every",
        wrong=property(lambda self: np.arange(len(self.data.train) - 1)),
        red=("distinct rows",),
    ),
    ensemble(
        line="of_fold",
        wrong=lambda _, predictor, *__: predictor,  # it has learnt from the houses asked about
        red=("what a form asks first", "half of the fields"),
    ),
    ensemble(owner=Predictor, line="submission", wrong=lambda _: "nothing\n", red=("submission",)),
    table(
        line="answers",
        wrong=lambda ensemble, X, own: 0.5 * ensemble.answers(X, own),
        red=("log RMSE over",),
        values={},
    ),
    table(owner=own, line="profile", wrong=blind, red=("columns that give",), early=True),
    table(
        line="bounds",
        wrong=scaled(0.5),
        red=("share of values", "the same, the worst"),
    ),
    table(
        line="every",
        wrong=property(lambda self: np.arange(len(self.data.train) - 1)),
        red=("distinct rows",),
    ),
    table(
        line="of_fold",
        wrong=lambda _, predictor, *__: predictor,
        red=("what a form asks first",),
    ),
    table(  # what is not known is taken as what is missing
        owner=Predictor,
        line="donors",
        wrong=property(lambda _: None),
        red=("half of the fields",),
    ),
    Break(
        name="house_sweeps",
        line="as_they_come",
        wrong=lambda encoder, raw: encoder.scale(raw),
        red=("without standardising",),
        values={"vary": "scaling"},
    ),
    Break(
        name="missing_values",
        line="hide",
        wrong=lambda values, _gap, seed: _hide(values, "at random", seed),
        red=("missing not at random",),
    ),
]
