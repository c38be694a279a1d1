"""What a house would cost if one attribute were another, alone or with what must move with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.errors import Fault, Invalid, instead
from app.serving.predictors import Served
from app.serving.prices import check, price
from ml.predictor import Predictions
from ml.schema import Checked, InputField, day_of, measured

VALUES = 25  # of an attribute, where nobody asks for others
OUTER = 0.01  # of the sales at either end are rare: a curve starts and ends within them
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class WhatIf:
    """Prices along the values of an attribute; `moves` is what moves with it, value by value."""

    values: list[float | str]  # dates are ISO text
    alone: Predictions
    together: Predictions
    moves: dict[str, list[float | None]]


def what_if(
    served: Served, house: Row, attribute: str, values: Sequence[float | str] | None
) -> WhatIf:
    """A checked house with each of these values, or with those that most sales lie between.

    Raises Invalid for an attribute without numbers or dates, and for values that it cannot have.
    """
    own = house.get(numeric(served, attribute).name)
    asked = _usual(served, attribute, own) if values is None else values
    alone = _check(served, [{**house, attribute: value} for value in asked])
    cleaned = [_asked(row[attribute]) for row in alone.values]
    moved = served.predictor.moved(house, attribute, cleaned)
    names = [
        name
        for name in house
        if name != attribute and any(row[name] != house[name] for row in moved)
    ]
    return WhatIf(
        values=cleaned,
        alone=price(served, alone),
        together=price(served, _check(served, moved)),
        moves={name: [row[name] for row in moved] for name in names},
    )


def named(served: Served, name: str, loc: Sequence[str | int]) -> InputField:
    """The attribute of that name. Raises Invalid where there is none."""
    fields = {field.name: field for field in served.predictor.card.input_schema.fields}
    if name not in fields:
        message = f"There is no attribute {name!r}.{instead(name, fields)}"
        raise Invalid(message, [Fault(loc=[*loc], message=message, input=name)])
    return fields[name]


def numeric(served: Served, name: str) -> InputField:
    """The attribute of that name. Raises Invalid where it has no numbers and no dates."""
    field = named(served, name, ["body", "attribute"])
    if field.minimum is None:
        message = f"{name} has levels and no numbers, so there is no curve along it."
        raise Invalid(message, [Fault(loc=["body", "attribute"], message=message, input=name)])
    return field


def _asked(value: float | str | None) -> float | str:
    """A checked value; none is no value to ask for."""
    return value if isinstance(value, str) else float(value or 0)


def _usual(served: Served, attribute: str, own: float | str | None) -> list[float | str]:
    """Values from where few sales have less to where few have more; its own among them."""
    field = numeric(served, attribute)
    sold = [sale[attribute] for sale in served.predictor.sales]
    known = [measured(value) for value in sold if value is not None]
    ends = np.quantile(known, (OUTER, 1 - OUTER)) if known else (field.minimum, field.maximum)
    along = np.linspace(*ends, VALUES)  # type: ignore[call-overload]
    if field.kind == "date":
        return sorted({*map(day_of, along.tolist()), *([] if own is None else [str(own)])})
    values = [*along, *([] if own is None else [measured(own)])]
    steps = np.round(values) if field.kind == "integer" else np.array(values)
    usual: list[float | str] = np.unique(steps).tolist()
    return usual


def _check(served: Served, rows: Sequence[Row]) -> Checked:
    return check(served, rows, ["body", "values"], strict=False)
