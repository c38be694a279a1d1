"""4.10: broken data, broken losses, broken files."""

import pandas as pd

from ml.houses import folds as house_folds
from ml.houses import files
from ml.experiments import house_sweeps
from ml.houses.book import BOOK, LINEAR_LOG
from ml.losses import Loss, log_rmse, scaled_rmse
from ml.predictor import Predictor
from tests.broken.breaks import Break, Wrong, times

_submission, _read, _hide = Predictor.submission, pd.read_csv, house_sweeps.hide
SHORT = {"num_epochs": 1}


def edited(old: str, new: str) -> Wrong:
    """A submission in which that stands once in the place of this."""
    return lambda self: _submission(self).replace(old, new, 1)


def repriced(price: str) -> Wrong:
    """A submission whose first house costs that."""

    def wrong(self: Predictor) -> str:
        header, first, *rest = _submission(self).split("\n")
        return "\n".join([header, f"{first.partition(',')[0]},{price}", *rest])

    return wrong


def worse(of: Wrong) -> Wrong:
    """A measure that is a fifth too large."""

    def made(std: object) -> Loss:
        measure: Loss = times(of(std), 1.2)
        return measure

    return made


BREAKS = [
    Break(  # as pandas reads it by itself: "None" is missing
        name="kaggle_house", owner=pd, line="read_csv",
        wrong=lambda file, **_: _read(file), red=("shapes",), values=SHORT,
    ),
    Break(
        name="kaggle_house", owner=files.Houses, line="prices",
        wrong=property(lambda self: self.train[["SalePrice"]].to_numpy() + 1),
        red=("first prices",), values=SHORT,
    ),
    Break(
        name="kaggle_house", owner=house_folds, line="log_rmse",
        wrong=times(log_rmse, 1.1), red=("fold", "mean", "refit"), values=BOOK.values,
    ),
    *(
        Break(
            name="kaggle_house", owner=house_folds, line="scaled_rmse",
            wrong=worse(scaled_rmse), red=(red,), values=values,
        )
        for red, values in (("linear net on log", LINEAR_LOG.values), ("our defaults", {}))
    ),
    *(
        Break(
            name="kaggle_house", owner=Predictor, line="submission", wrong=wrong,
            red=(f"submission: {red}",), values=SHORT,
        )
        for wrong, red in (
            (edited("SalePrice", "Price"), "header"),
            (lambda self: _submission(self) + "2920,1.0\n", "rows"),
            (edited("1461,", "1462,"), "ids"), (repriced("nan"), "finite prices"),
            (repriced("-1"), "lowest price"),
        )
    ),
    Break(
        name="house_sweeps", owner=house_sweeps, line="as_they_come",
        wrong=lambda encoder, raw: encoder.scale(raw), red=("without standardising",),
        values={"vary": "scaling"},
    ),
    Break(
        name="house_sweeps", owner=house_sweeps, line="hide",
        wrong=lambda data, _missing, seed: _hide(data, "at random", seed),
        red=("missing not at random",), values={"vary": "missing"},
    ),
]  # fmt: skip
