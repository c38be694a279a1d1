"""Why an answer is what it is, as REST and the command line tell it of one checked row."""

from collections.abc import Mapping, Sequence

import numpy as np

from app import bodies
from app.errors import Conflict
from app.serving.predictors import Served
from app.serving.prices import price
from app.serving.what_if import named, what_if
from ml.predictor import Predictions, Words
from ml.pricing import columns
from ml.schema import Checked


class Why(bodies.Answered):
    """All of it at once, as a command tells it."""

    price: float
    low: float
    high: float
    ask_first: bodies.AskFirst
    reasons: bodies.Reasons
    comparables: bodies.Comparables | None  # of a version that compares some
    what_if: list[bodies.WhatIf]


def why(served: Served, checked: Checked, count: int, turn: Sequence[str]) -> Why:
    """At most `count` sales and fields to ask for; a what-if for each attribute of `turn`."""
    (middle,), (low,), (high,) = columns(price(served, checked))
    return Why(
        **served.whose,
        price=middle,
        low=low,
        high=high,
        ask_first=asked_first(served, checked, count),
        reasons=explained(served, checked),
        comparables=compared(served, checked, count) if served.predictor.card.blend else None,
        what_if=[turned(served, checked, attribute) for attribute in turn],
    )


def compared(served: Served, checked: Checked, count: int) -> bodies.Comparables:
    """The sales that it rests on. Raises Conflict where the version compares none."""
    priced = price(served, checked)
    found = served.predictor.comparables(checked.values[0], count)
    if found is None:
        raise Conflict(f"Version {served.version} compares no sales; an ensemble's does.")
    says, weight = found.rest
    return bodies.Comparables(
        **served.whose,
        price=float(priced.price[0]),
        members=found.members,
        blend=found.blend,
        limit=found.limit,
        sales=[bodies.Comparable.model_validate(sale) for sale in found.sales],
        rest=bodies.Rest(says=says, weight=weight),
    )


def explained(served: Served, checked: Checked) -> bodies.Reasons:
    """What each group of attributes adds to that of a typical row."""
    price(served, checked)
    found = served.predictor.reasons(checked.values[0])
    return bodies.Reasons(
        **served.whose,
        typical=found.typical,
        price=found.price,
        reasons=[bodies.Reason.model_validate(reason) for reason in found.reasons],
        error=found.error,
    )


def asked_first(
    served: Served, checked: Checked, count: int, called: Mapping[str, str] | None = None
) -> bodies.AskFirst:
    """What would narrow its interval most, of all that is not known; fields are `called` so."""
    price(served, checked)
    found = served.predictor.asks(checked.values[0], count)
    words, names = served.predictor.card.words, called or {}

    def within(width: float) -> float:
        return float(words.apart(np.array(width / 2))) / (100 if words.log else 1)

    told = bodies.AskFirst(
        **served.whose,
        sentence="",
        within=within(found.width),
        form_known=None if found.form is None else within(found.form),
        all_known=within(found.whole),
        ask_first=[
            bodies.AskOut(attribute=names.get(ask.field, ask.field), within=within(ask.width))
            for ask in found.first
        ],
    )
    lacks = len(checked.rows[0].imputed) > 0
    return told.model_copy(update={"sentence": _sentence(told, words, lacks=lacks)})


def _sentence(told: bodies.AskFirst, words: Words, *, lacks: bool) -> str:
    now = words.around(told.within)
    if not lacks:
        return f"All is known, and the range is {now}."
    if not told.ask_first:
        return f"No other field would by itself narrow the range of {now}."
    best = told.ask_first[0]
    return (
        f"Tell {best.attribute} first: it would narrow the range from {now} to"
        f" {words.around(best.within)}, on average over {words.rows} alike."
    )


def turned(
    served: Served,
    checked: Checked,
    attribute: str,
    values: Sequence[float | str] | None = None,
) -> bodies.WhatIf:
    """Prices as one attribute changes. Raises Invalid where it cannot."""
    found = what_if(served, checked.values[0], attribute, values)
    return bodies.WhatIf(
        **served.whose,
        attribute=attribute,
        values=found.values,
        alone=_bounded(found.alone),
        together=_bounded(found.together),
        moves=found.moves,
    )


def remembered(served: Served, attributes: Sequence[str]) -> bodies.Sales:
    """The sales that it has learnt from, and what they have of some attributes.

    Raises:
        Conflict: where it remembers none.
        Invalid: where there is no such attribute.
    """
    sales = served.predictor.sales
    if not sales:
        raise Conflict(f"The file of version {served.version} is older: it remembers no sales.")
    names = [named(served, name, ["query", "attribute"]).name for name in attributes]
    schema = served.predictor.card.input_schema
    return bodies.Sales(
        **served.whose,
        ids=[house[schema.id_column] for house in sales],
        sold=[float(house[schema.target_column]) for house in sales],
        attributes={name: [house[name] for house in sales] for name in names},
    )


def _bounded(priced: Predictions) -> list[bodies.Bounded]:
    return [
        bodies.Bounded(price=middle, low=low, high=high)
        for middle, low, high in zip(*columns(priced), strict=True)
    ]
