"""Rows of people to prices: checked against the schema the predictor carries, never absurd."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from app import metrics
from app.errors import Fault, Invalid
from app.serving.predictors import Served
from ml.predictor import Predictions
from ml.schema import Checked, CheckedRow, InvalidRows


def check(
    served: Served,
    rows: Sequence[Mapping[str, Any]],
    loc: list[str | int],
    *,
    strict: bool,
) -> Checked:
    """The rows, ready to encode; or a 422 with every row, column, value and what is allowed."""
    try:
        return served.predictor.card.input_schema.check(rows, strict=strict)
    except InvalidRows as error:
        raise refused(error, loc) from None


def refused(error: InvalidRows, loc: list[str | int]) -> Invalid:
    """The 422 of rows: those of a file are named by their lines, in words as in `loc`."""
    faults = [
        Fault(
            loc=[*loc, item.row if item.line is None else item.line, item.column],
            message=item.message if item.line is None else f"{item.place}: {item.message}",
            input=item.value,
            allowed=item.allowed,
        )
        for item in error.errors
    ]
    return Invalid(str(error), faults)


def price(served: Served, checked: Checked) -> Predictions:
    """Prices of checked rows. Raises Invalid for one that none can have."""
    priced, lost = price_each(served, checked)
    for why in lost.values():
        raise Invalid(why)
    return priced


def price_each(served: Served, checked: Checked) -> tuple[Predictions, dict[int, str]]:
    """Prices of checked rows; and of those that came out at what none can have, why.

    The book clips house prices at 1 dollar (4.10.5), and no house sells below.
    """
    least = served.predictor.card.target.least
    with metrics.seconds.time():
        priced = served.predictor.predict(checked.values)
    finite = np.isfinite(priced.high) & np.isfinite(priced.low)
    low = priced.price <= (-np.inf if least is None else least)
    lost = np.flatnonzero(~finite | low).tolist()
    metrics.priced.labels(served.version).inc(len(checked.rows) - len(lost))
    return priced, {i: _absurd(served, checked.rows[i], bool(finite[i])) for i in lost}


def _absurd(served: Served, row: CheckedRow, finite: bool) -> str:
    """Why a row has no price."""
    why = " ".join(item.message for item in row.warnings)
    words, least = served.predictor.card.words, served.predictor.card.target.least
    worth = f"not above {words.unit}{least:g}" if finite else "no finite number"
    return (
        f"{row.place} is so far from all that training has seen that its {words.value} is {worth}."
        + (f" Its warnings without that: {why}" if why else "")
    )


def columns(priced: Predictions) -> tuple[list[float], list[float], list[float]]:
    """Prices and bounds as plain numbers."""
    return priced.price.tolist(), priced.low.tolist(), priced.high.tolist()
