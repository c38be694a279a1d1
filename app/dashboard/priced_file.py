"""A file that a version has answered, drawn by the server: how it was read, how right it is."""

import base64
import re
from dataclasses import dataclass
from itertools import islice
from typing import Any

from app.dashboard.value_page import row_page
from app.errors import Invalid
from app.serving.predictors import Served
from app.serving.tables import PricedTable
from ml.events import Table
from ml.predictor import Card
from ml.pricing import Part, columns

FIRST = 100  # rows that are told beside the CSV
FAULTS = 50  # that are told one by one
HUNDREDS = -2  # a house is priced to these: its digits say no more


@dataclass(frozen=True, slots=True)
class FirstRow:
    """One of the first rows: cells as they are written, and what is unlike the training data."""

    cells: list[str]
    brief: str
    warnings: str


@dataclass(frozen=True, slots=True)
class PricedFile:
    """What was sent and came of it; or what is wrong with it, and then there are no rows."""

    about: str
    version: int
    unknown: dict[str, list[str]]  # columns that may have been meant by some field
    fault: str = ""
    faults: tuple[str, ...] = ()
    more: int = 0  # faults that are not told
    count: int = 0
    remarks: tuple[str, ...] = ()
    rows: tuple[FirstRow, ...] = ()
    tables: tuple[Table, ...] = ()
    links: tuple[str, ...] = ()  # to the pages of the worst rows
    csv: str = ""

    @property
    def download(self) -> str:
        """What its answers are called."""
        return re.sub(r"(\.\w+)*$", "", self.about) + "-priced.csv"

    @property
    def address(self) -> str:
        """All answers, within the page: they are nowhere else."""
        return f"data:text/csv;base64,{base64.b64encode(self.csv.encode()).decode()}"


def answered(about: str, served: Served, table: PricedTable, part: Part) -> PricedFile:
    """A file whose rows have been answered, all in one part."""
    score, card = table.score, served.predictor.card
    return PricedFile(
        about=about,
        version=served.version,
        unknown=_near(table.unknown),
        count=table.count,
        remarks=tuple(table.remarks),
        rows=tuple(_first(served, part)),
        tables=tuple(score.tables(card.words)) if score else (),
        links=tuple(links(card, served.version, score.worst)) if score else (),
        csv=part.csv,
    )


def refused(about: str, served: Served, error: Invalid) -> PricedFile:
    """A file that was refused, and why."""
    told = tuple(fault.message for fault in error.errors)
    total = re.match(r"([\d,]+) errors in the rows\.", error.message)
    count = int(total[1].replace(",", "")) if total else len(told)
    return PricedFile(
        about=about,
        version=served.version,
        unknown=_near(error.unknown),
        fault=total[0] if total and told else error.message,
        faults=told[:FAULTS] if total else (),
        more=max(0, count - FAULTS) if total else 0,
    )


def links(card: Card, version: int, worst: Any) -> list[str]:
    """The pages of these rows."""
    return [row_page(card.input_schema, version, miss.row) for miss in worst]


def _first(served: Served, part: Part) -> list[FirstRow]:
    written = served.predictor.card.words.written
    digits = HUNDREDS if served.of_houses else 15
    found = []
    for name, row, *prices in islice(
        zip(part.names, part.rows, *columns(part.priced), strict=True), FIRST
    ):
        told = [warning.message for warning in row.warnings]
        cells = [str(name), *(written(round(price, digits)) for price in prices)]
        brief = "; ".join(re.split("[,;] ", text)[0] for text in told)
        found.append(FirstRow([*cells, str(len(row.imputed))], brief, " ".join(told)))
    return found


def _near(unknown: dict[str, list[str]]) -> dict[str, list[str]]:
    return {column: near for column, near in unknown.items() if near}
