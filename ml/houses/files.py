"""4.10.2-4.10.4 The houses of Ames: both files, their rows as plain values, and their encoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ml.data import hub
from ml.houses.attributes import CODES, FIELDS, FIRST, LIMITS, NONE, TEXTS
from ml.schema import InputSchema

if TYPE_CHECKING:
    import pandas as pd

ID, TARGET = "Id", "SalePrice"
FILES = ("kaggle_house_train", "kaggle_house_test")  # in the data hub
TOLD_BY = {"Neighborhood": 0.0, "YearBuilt": 10.0}  # errors, by neighbourhood and decade
NOT_FOR = (
    "Other towns, farms, or buildings of more than four homes: it knows houses of Ames, Iowa.",
    "Years after 2010: it has seen no later price, and knows of no inflation.",
    "Large houses sold unfinished: it prices two of them at several times what was paid.",
    "Loans, taxes or divorces: an interval is no appraisal.",
    "Telling causes: what moves the answer need not move the market.",
)
DECIDING = (524, 1299)  # large, unfinished, and sold for half: they can decide a ranking alone
LEAST_SALES = 100  # of a table: of fewer, folds say little and intervals nothing
SHOWN = 8  # names in a sentence
EDGES = tuple(np.geomspace(30_000, 800_000, 41).tolist())  # dollars, of a histogram of prices


@dataclass(frozen=True, eq=False)
class Houses:
    """The two files of the competition: train (1460, 81) with prices, test (1459, 80) without."""

    train: pd.DataFrame
    test: pd.DataFrame

    @property
    def prices(self) -> NDArray[np.float32]:
        """Sale prices of the training rows in US dollars, (1460, 1)."""
        return self.train[[TARGET]].to_numpy(np.float32)


def read(cache: Path | None = None) -> Houses:
    """Both files, downloaded if need be (4.10.3). Raises hub.DataUnavailable.

    Only "NA" and nothing at all are missing: "None" is a level (of MasVnrType), which pandas
    would read as missing.
    """
    import pandas as pd

    train, test = (
        pd.read_csv(hub.download(name, cache), keep_default_na=False, na_values=["NA", ""])
        for name in FILES
    )
    return Houses(train, test)


def frame(sales: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """Sales, each with `Id` and `SalePrice`, as the competition's file has them."""
    import pandas as pd

    return pd.DataFrame([*sales], columns=[ID, *FIELDS, TARGET])


def lacking(sales: Sequence[Mapping[str, object]]) -> str:
    """Why sales cannot be learnt from, as a sentence; empty where they can."""
    n = len(sales)
    if n < LEAST_SALES:
        return f"{n} {'sale is' if n == 1 else 'sales are'} too few: {LEAST_SALES} are the least."
    silent = [
        name
        for name in FIELDS
        if name not in NONE and all(sale.get(name) is None for sale in sales)
    ]
    if silent:
        more = f" and {len(silent) - SHOWN} more" if len(silent) > SHOWN else ""
        return (
            f"No sale says anything of {', '.join(silent[:SHOWN])}{more}: each column needs a"
            " value somewhere."
        )
    kinds = {tuple(sale.get(name) for name in FIELDS) for sale in sales}
    if len(kinds) < LEAST_SALES:
        return f"The sales are of {len(kinds)} different houses: {LEAST_SALES} are the least."
    if len({sale[TARGET] for sale in sales}) < 2:
        return "All sales have the same price: there is nothing to learn."
    return ""


def records(frame: pd.DataFrame) -> list[dict[str, object]]:
    """The attributes of each row as plain values: str, int, float, None where missing.

    `Id` and `SalePrice` are left out: they are no attributes.
    """
    attributes = frame.drop(columns=[ID, TARGET], errors="ignore")
    columns = [
        [
            None if gone else value
            for value, gone in zip(column.tolist(), column.isna(), strict=True)
        ]
        for _, column in attributes.items()
    ]
    names = [str(name) for name in attributes.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def schema(train: pd.DataFrame) -> InputSchema:
    """What a row of house attributes must look like, learnt from these training rows."""
    return InputSchema.learn(
        records(train),
        FIELDS,
        LIMITS,
        noun="houses",
        id_column=ID,
        target_column=TARGET,
        none=NONE,
        codes=CODES,
        first=FIRST,
        texts=TEXTS,
    )
