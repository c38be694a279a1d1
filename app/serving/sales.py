"""Sales to learn from: of people's tables, and of answers whose price came later."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from app.errors import Conflict, Fault, Invalid
from app.serving.predictors import asks
from app.store.models import Answer
from ml.data.hub import DataUnavailable
from ml.houses.files import ID, TARGET, lacking, read, schema
from ml.predictor import Predictor, Words
from ml.pricing import paid_of
from ml.schema import BadTable, InputSchema, InvalidRows, Parsed, text_of, unread

MOST = 10_000  # sales of a table
FAULTS = 20  # rows without a price that are told
LOWEST, HIGHEST = 1_000, 100_000_000  # dollars: a single price far from all others spoils the rest
BETWEEN = f"from {LOWEST:,} to {HIGHEST:,}"
LEAST = 30  # new prices: fewer teach little, and nothing can be told of them
FIRST_ID = 100_000  # of the sale that answer 0 would be: beyond all ids of the competition


@dataclass(frozen=True, slots=True)
class Sales:
    """Rows with all columns, `Id` and `SalePrice`; and how the file was read."""

    rows: list[dict[str, Any]]
    remarks: list[str]
    target: None = None


def sales_of(body: bytes, mapping: Mapping[str, str] | None = None) -> Sales:
    """The sales of a CSV file.

    Raises:
        Invalid: where it is no such table, a row of it cannot be or has no price, or nothing could
            be learnt from it.
    """
    parsed, told = _parsed(body, mapping)
    more = unread(parsed.unknown) if parsed.unknown else ""
    paid, names = _prices(parsed), [field.name for field in _schema().fields]
    try:
        checked = _schema().check(parsed.rows, lines=parsed.lines)
    except InvalidRows as error:
        first = error.errors[0]
        raise Invalid(f"{first.place}: {first.message} {more}".strip()) from None
    whole = bool(parsed.ids) and _whole(parsed.ids)
    rows = [
        {ID: int(i)} | {name: row.get(name) for name in names} | {TARGET: price}
        for i, row, price in zip(
            parsed.ids if whole else parsed.lines, checked.values, paid, strict=True
        )
    ]
    if why := lacking(rows):
        raise Invalid(f"{why} {more}".strip())
    remarks = [*told, *parsed.remarks, *checked.remarks]
    if parsed.ids and not whole:
        remarks.append("Ids are no whole numbers, or are there twice: lines of the file stand in.")
    if twice := len(rows) - len({tuple(row[name] for name in names) for row in rows}):
        remarks.append(f"{twice:,} sales are of a house that is there before: all in one fold.")
    return Sales(rows, remarks)


def _parsed(body: bytes, mapping: Mapping[str, str] | None) -> tuple[Parsed, list[str]]:
    """Rows with a price, not yet checked, and how the file was unpacked. Raises Invalid."""
    try:
        with text_of(io.BytesIO(body)) as (text, told):
            parsed = next(_schema().sheet(text, most=MOST, mapping=mapping).parts())
    except BadTable as error:
        raise Invalid(str(error)) from None
    if not parsed.rows:
        raise Invalid("The file has a header and no rows.")
    if not parsed.target:
        raise Invalid(f"A table of sales needs a column {TARGET}.", unknown=parsed.unknown)
    return parsed, told


def _prices(parsed: Parsed) -> list[float]:
    """What each was sold for. Raises Invalid where one says nothing, or there are too few."""
    paid = [paid_of(cell) for cell in parsed.target]
    lost = [
        Fault(
            loc=["body", line, TARGET],
            message=f"Line {line}: {TARGET} is {cell[:40]!r}; it must be {BETWEEN}.",
            input=cell,
            allowed=BETWEEN,
        )
        for line, cell, price in zip(parsed.lines, parsed.target, paid, strict=True)
        if price is None or not LOWEST <= price <= HIGHEST
    ]
    if lost:
        n = len(lost) - 1
        more = f" {n:,} more {'is' if n == 1 else 'are'}, too." if n else ""
        raise Invalid(lost[0].message + more, lost[:FAULTS])
    return [price for price in paid if price is not None]


@dataclass(frozen=True, slots=True)
class News:
    """Sales that a version has not learnt from, and how many answers tell too little to be."""

    sales: list[dict[str, Any]]
    thin: int
    words: Words

    @property
    def reason(self) -> str:
        """Why they cannot be learnt from; empty where they can."""
        if (n := len(self.sales)) >= LEAST:
            return ""
        words = self.words
        came = f"{n} {words.value} has come" if n == 1 else f"{n or 'No'} {words.values} have come"
        few = f"{came} that it could learn from; {LEAST} are the least."
        if not self.thin:
            return few
        which = "answer tells" if self.thin == 1 else "answers tell"
        little = f"too little of the {words.row} to be learnt from"
        return f"{few} {self.thin:,} priced {which} {little}."


def news(predictor: Predictor, answers: Sequence[Answer]) -> News:
    """What these answers would teach, the last price of each house.

    An answer tells enough where it leaves out only what is not known of some that were learnt from,
    too: training knows how to do without that.
    """
    fields = predictor.card.input_schema.fields
    met = {predictor.values(sale) for sale in predictor.sales}
    needed = {field.name for field in fields if field.none or not field.missing}
    new, thin = dict[frozenset[tuple[str, Any]], dict[str, Any]](), 0
    for answer in answers:
        known, values = (
            predictor.card.input_schema.known(answer.house),
            predictor.values(answer.house),
        )
        if values in met or not asks(predictor.card, answer) or not _can_be(predictor, answer):
            continue
        if needed - known.keys() or not predictor.reads(answer.house):
            thin += 1
            continue
        sale = {field.name: known.get(field.name) for field in fields}
        schema = predictor.card.input_schema
        new[values] = {schema.id_column: FIRST_ID + answer.id} | sale
        new[values][schema.target_column] = answer.paid
    return News([*new.values()], thin, predictor.card.words)


def _can_be(predictor: Predictor, answer: Answer) -> bool:
    """Whether what was paid may be learnt from: of houses, what one can be sold for."""
    if predictor.card.input_schema.target_column != TARGET:
        return answer.paid is not None
    return LOWEST <= (answer.paid or 0) <= HIGHEST


def _whole(ids: list[int | str]) -> bool:
    return all(isinstance(i, int) for i in ids) and len({*ids}) == len(ids)


@lru_cache
def _schema() -> InputSchema:
    """That of the competition's houses: a table says the same columns. Raises Conflict where their
    file cannot be had."""
    try:
        return schema(read().train)
    except DataUnavailable as error:
        raise Conflict(str(error)) from None
