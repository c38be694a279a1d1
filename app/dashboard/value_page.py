"""The answer to one row of any table, drawn by the server: where it stands, what it rests on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from app.bodies import AskFirst
from app.dashboard.house_form import HouseField, HouseForm, house_form
from app.dashboard.scales import Scale
from app.errors import Invalid
from app.serving.explanations import asked_first
from app.serving.predictors import Served
from app.serving.prices import check, price
from ml.predictor import Comparables, Reasons
from ml.pricing import columns
from ml.schema import InputSchema

BINS = 80  # of the axis, in which dots stand on each other
DOTS = 50  # values that are drawn, each as likely as the others
ROWS = 8  # rows that it rests on
ASKS = 3  # fields to ask first


@dataclass(frozen=True, slots=True)
class Value:
    """What is predicted of a row, and where that stands among all rows learnt from."""

    price: float
    low: float
    high: float
    dots: list[tuple[str, int]]
    ends: tuple[str, str, str]  # of the interval, and the value between
    ticks: list[tuple[str, str]]
    bars: list[tuple[str, str, float]]  # of the rows learnt from: from, to, height in per cent
    known: int
    imputed: int
    warnings: list[str]
    asks: AskFirst
    rows: Comparables | None
    reasons: Reasons
    scale: Scale  # of reasons


@dataclass(frozen=True, slots=True)
class ValuePage:
    """A form, what was typed into it, what is wrong with that, and the answer."""

    form: HouseForm
    typed: Mapping[str, str]
    faults: Mapping[str, str]
    fault: str
    value: Value | None

    @staticmethod
    def parameter(column: str) -> str:
        """As the form sends it."""
        return parameter(column)

    @property
    def first(self) -> list[HouseField]:
        """What is asked first."""
        return [field for group in self.form.first.values() for field in group]

    @property
    def rest(self) -> list[HouseField]:
        """The other fields."""
        return [field for group in self.form.rest.values() for field in group]


def parameter(column: str) -> str:
    """What a column is called in the address of the page, in which "model" is the version."""
    return f"{column}." if column.rstrip(".") == "model" else column


def row_page(schema: InputSchema, version: int, row: Mapping[str, Any]) -> str:
    """The address of the page of a row that a version has answered: what it does not say of what
    the form asks is not known there, either."""
    query = dict.fromkeys(house_form(schema).first_names, "")
    said = {name: _typed(value) for name, value in row.items()}
    asked = {parameter(name): text for name, text in (query | said).items()}
    return f"/predict?{urlencode({'model': version} | asked)}"


def _typed(value: object) -> str:
    """As one would type it; of None there is none."""
    if value is None:
        return "NA"
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def value_page(served: Served, query: Mapping[str, str]) -> ValuePage:
    """What the form asks; a typical row where it asks nothing."""
    form = house_form(served.predictor.card.input_schema)
    drawn = [field for part in (form.first, form.rest) for own in part.values() for field in own]
    names = {field.field.name: parameter(field.field.name) for field in drawn}
    typed = {name: query.get(asked, "").strip() for name, asked in names.items()}
    if not any(asked in query for asked in names.values()):
        typed = {field.field.name: field.value for field in drawn}
    row = {name: text for name, text in typed.items() if text}
    if not row:
        return ValuePage(form, typed, {}, "Nothing is known of it, so there is no answer.", None)
    try:
        return ValuePage(form, typed, {}, "", _value(served, row))
    except Invalid as error:
        faults = {str(fault.loc[-1]): fault.message for fault in error.errors}
        return ValuePage(form, typed, faults, "" if faults else error.message, None)


def _value(served: Served, row: Mapping[str, Any]) -> Value:
    """The answer. Raises Invalid."""
    predictor = served.predictor
    card = predictor.card
    checked = check(served, [row], ["query"], strict=False)
    priced = price(served, checked, DOTS)
    (middle,), (low,), (high,) = columns(priced)
    values = checked.values[0]
    edges = card.sold.edges
    scale = Scale.over([*edges, low, high], log=card.words.log)
    most = max(card.sold.counts)
    found = predictor.reasons(values)
    return Value(
        price=middle,
        low=low,
        high=high,
        dots=_dots(scale, priced.likely[0].tolist()),
        ends=(scale.at(low), scale.at(middle), scale.at(high)),
        ticks=scale.ticks(),
        bars=[
            (scale.at(edges[i]), scale.between(edges[i], edges[i + 1]), 100 * n / most)
            for i, n in enumerate(card.sold.counts)
            if n
        ],
        known=len(card.input_schema.known(values)),
        imputed=len(checked.rows[0].imputed),
        warnings=[item.message for item in checked.rows[0].warnings],
        asks=asked_first(served, checked, ASKS),
        rows=predictor.comparables(values, ROWS),
        reasons=found,
        scale=Scale.around([reason.dollars for reason in found.reasons] + [found.error]),
    )


def _dots(scale: Scale, values: Sequence[float]) -> list[tuple[str, int]]:
    """Where each value stands, and on how many others."""
    counts, dots = dict[int, int](), list[tuple[str, int]]()
    for value in values:
        place = round(float(scale.at(value)[:-1]) * BINS / 100)
        dots.append((f"{100 * place / BINS:.2f}%", counts.get(place, 0)))
        counts[place] = counts.get(place, 0) + 1
    return dots
