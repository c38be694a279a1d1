"""Rows of people to prices: checked against the schema the predictor carries, never absurd."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from app import metrics
from app.errors import Fault, Invalid
from app.serving.predictors import Served
from ml import pricing
from ml.predictor import Predictions
from ml.schema import BadTable, Checked, InvalidRows


def check(
    served: Served,
    rows: Sequence[Mapping[str, Any]],
    loc: list[str | int],
    *,
    strict: bool,
    own: bool = False,
) -> Checked:
    """The rows, ready to encode; or a 422 with every row, column, value and what is allowed. What
    is no field is left out, and told, where they may have columns of their `own`."""
    schema = served.predictor.card.input_schema
    try:
        read = schema.spelled(rows, own=own and not strict)
        return replace(schema.check(read.rows, strict=strict), names=read.remarks)
    except BadTable as error:
        raise Invalid(str(error)) from None
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


def price(served: Served, checked: Checked, likely: int = 0) -> Predictions:
    """Prices of checked rows, and so many equally likely ones of each. Raises Invalid for one that
    none can have."""
    priced, lost = price_each(served, checked, likely)
    for why in lost.values():
        raise Invalid(why)
    return priced


def price_each(
    served: Served, checked: Checked, likely: int = 0
) -> tuple[Predictions, dict[int, str]]:
    """Prices of checked rows; and of those that came out at what none can have, why."""
    with metrics.seconds.time():
        priced, lost = pricing.price_each(served.predictor, checked, likely)
    metrics.priced.labels(served.version).inc(len(checked.rows) - len(lost))
    return priced, lost
