"""Rows of people to prices: checked against the schema the predictor carries, never absurd."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from app import metrics
from app.errors import Fault, Invalid
from app.serving.predictors import Served
from ml.predictor import Predictions
from ml.schema import Checked, InvalidRows

LEAST = 1.0  # dollars: the book clips there (4.10.5), and no house sells below


def check(
    served: Served,
    rows: Sequence[Mapping[str, Any]],
    loc: list[str | int],
    *,
    strict: bool,
    lines: Sequence[int] = (),
) -> Checked:
    """The rows, ready to encode; or a 422 with every row, column, value and what is allowed.

    The rows of a file are named by its `lines`, in words as in `loc`.
    """
    try:
        return served.predictor.card.input_schema.check(rows, strict=strict, lines=lines)
    except InvalidRows as error:
        faults = [
            Fault(
                loc=[*loc, lines[item.row] if lines else item.row, item.column],
                message=f"{item.place}: {item.message}" if lines else item.message,
                input=item.value,
                allowed=item.allowed,
            )
            for item in error.errors
        ]
        raise Invalid(str(error), faults) from None


def price(served: Served, checked: Checked) -> Predictions:
    """Prices of checked rows; never one that no house can have."""
    with metrics.seconds.time():
        priced = served.predictor.predict(checked.values)
    metrics.priced.labels(served.version).inc(len(checked.rows))
    finite = np.isfinite(priced.high) & np.isfinite(priced.low)
    lost = np.flatnonzero(~finite | (priced.price <= LEAST))
    if len(lost):
        row = checked.rows[lost[0]]
        why = " ".join(item.message for item in row.warnings)
        worth = f"not above ${LEAST:g}" if finite[lost[0]] else "no finite number"
        raise Invalid(
            f"{row.place} is so far from all that training has seen that its price is {worth}."
            + (f" Its warnings without that: {why}" if why else "")
        )
    return priced


def columns(priced: Predictions) -> tuple[list[float], list[float], list[float]]:
    """Prices and bounds as plain numbers."""
    return priced.price.tolist(), priced.low.tolist(), priced.high.tolist()
