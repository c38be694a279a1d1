"""People's tables in, prices out: read as a person means them, and told how they were read."""

import csv
import io
import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.predictor import Predictions, Predictor
from ml.pricing.prices import columns, exact, price_each
from ml.pricing.score import Score, Scoring
from ml.schema import (
    MISSING,
    BadTable,
    Changes,
    Checked,
    CheckedRow,
    InvalidRows,
    Opened,
    Parsed,
    unread,
)
from ml.schema.fields import Value

PART = 250  # rows that are in memory at once
COLUMNS = ("low", "high", "version", "imputed", "warnings", "answer")  # beside what is predicted
OURS = {"line", "actual", *COLUMNS}
LARGEST = 1e12  # of a target: what is further from 0 is a slip of the pen
PLAIN = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
FIGURE = re.compile(r"[+-]\s?[$€£]?[\d.,]+([eE][+-]?\d+)?\s?%?")
AMERICAN = re.compile(r"\d{1,3}(,\d{3})+(\.\d*)?")
EUROPEAN = re.compile(r"\d{1,3}(\.\d{3})+,\d*|\d{1,3}(\.\d{3}){2,}|\d+,\d{1,2}")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would compute


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a table with their prices: in words, and as lines of CSV, the first with a header."""

    csv: str
    names: list[int | str]  # of the rows: ids, or their lines
    rows: list[CheckedRow]
    priced: Predictions
    lost: dict[int, str]  # rows without a price, and why


class WrongRows(BadTable):
    """Rows that were refused, and the columns that were not read: one may be what is missing."""

    def __init__(self, rows: InvalidRows, unknown: Mapping[str, list[str]]) -> None:
        self.rows, self.unknown = rows, unknown
        super().__init__(f"{rows} {unread(unknown) if unknown else ''}".strip())


class PricedTable(ABC):
    """A file of rows: checked, all of it, before any is priced; prices come part by part, so that
    it may be of any length."""

    def __init__(
        self,
        predictor: Predictor,
        version: int,
        text: Opened,
        *,
        strict: bool = False,
        mapping: Mapping[str, str] | None = None,
        most: int | None = None,
    ) -> None:
        """Open a file that a version answers; of at most so many rows, which are then one part, and
        refused where one of them has no price.

        Raises:
            BadTable: where it is no such table; TooManyRows, where it has more.
        """
        self._predictor, self._version, self._strict = predictor, version, strict
        self._most, card = most, predictor.card
        self._scoring, self._lost, self._log = Scoring(predictor), 0, card.target.relative
        self.count, self._paid = 0, False
        self._only: tuple[Parsed, Checked] | None = None  # of a table that is one part
        schema = card.input_schema
        target = _beside(schema.target_column or "price", "predicted", OURS)
        self._row = _beside(schema.id_column or "Id", "id", {*OURS, target})
        self._columns = (target, *COLUMNS)
        self._unread = 0  # cells of the target that can be none
        file, self._read = text
        self._sheet = schema.sheet(file, most=most, mapping=mapping, strict=strict)

    @property
    def unknown(self) -> dict[str, list[str]]:
        """Columns that are no field, and what each may have been meant by."""
        return self._sheet.header.unknown

    @property
    def remarks(self) -> list[str]:
        """How it was read; and, once all is priced, how many rows have no price."""
        n = self._lost
        lost = f"{n:,} {'row has' if n == 1 else 'rows have'} no price; their warnings say why."
        m, target = self._unread, self._predictor.card.input_schema.target_column
        no = f"{m:,} value{'' if m == 1 else 's'} of {target} can be none, and count for nothing."
        return [*self._read, *([lost] if n else []), *([no] if m else [])]

    @property
    def score(self) -> Score | None:
        """Once all is priced, the prices beside what the file says was paid; None where it says
        nothing of two rows at least."""
        return self._scoring.score()

    def check(self) -> Iterator[int]:
        """Check all rows, saying again and again how many that are so far.

        Raises:
            BadTable: where it is no such table; WrongRows, where a row of it cannot be.
        """
        wrong, changes = None, Changes()
        for parsed in self._parsed():
            self.count += len(parsed.rows)
            self._paid |= any(parsed.target)
            try:
                checked = self._check(parsed)
            except InvalidRows as error:
                wrong = wrong.join(error) if wrong else error
            else:
                changes.join(checked.changes)
            yield self.count
        if wrong:
            raise WrongRows(wrong, self.unknown)
        if not self.count:
            raise BadTable("The file has a header and no rows.")
        if self.count == len(parsed.rows):
            self._only = parsed, checked
        self._read = [*self._read, *parsed.remarks, *changes.remarks]

    def parts(self, kept: int = 0) -> Iterator[Part]:
        """All rows, one part after another; of the answers the last `kept` are kept. A row whose
        price no house can have stands without."""
        first, done = self.count - kept, 0
        for parsed, checked in [self._only] if self._only else self._again():
            yield self._priced(parsed, checked, first=not done, kept=max(0, first - done))
            done += len(parsed.rows)

    def price_each(self, checked: Checked) -> tuple[Predictions, dict[int, str]]:
        """Prices of checked rows; and of those that have none, why."""
        return price_each(self._predictor, checked)

    @abstractmethod
    def keep(
        self, houses: Sequence[dict[str, Value]], priced: Predictions, paid: Sequence[float]
    ) -> Sequence[str] | None:
        """A key for each answer that is kept; `paid` is NaN where not known."""

    def _parsed(self) -> Iterator[Parsed]:
        return self._sheet.parts(self._most or PART)

    def _again(self) -> Iterator[tuple[Parsed, Checked]]:
        return ((parsed, self._check(parsed)) for parsed in self._parsed())

    def _check(self, parsed: Parsed) -> Checked:
        schema = self._predictor.card.input_schema
        return schema.check(parsed.rows, strict=self._strict, lines=parsed.lines)

    def _priced(self, parsed: Parsed, checked: Checked, *, first: bool, kept: int) -> Part:
        priced, lost = self.price_each(checked)
        if self._most:
            for why in lost.values():
                raise BadTable(why)
        names = parsed.ids or [*parsed.lines]
        cells = parsed.target or [""] * len(names)
        paid = np.array([paid_of(cell, positive=self._log) for cell in cells], np.float64)
        said = np.array([cell.strip().casefold() not in MISSING for cell in cells])
        self._unread += int((said & np.isnan(paid)).sum())
        paid[[*lost]] = np.nan
        self._lost += len(lost)
        self._scoring.add(paid, priced, names, parsed.lines, checked.rows)
        keys = self._keys(
            checked, priced, paid, [i for i in range(kept, len(names)) if i not in lost]
        )
        taken = {*OURS, self._row, *self._columns}
        own = {_beside(name, "own", taken): cells for name, cells in parsed.own.items()}
        own |= {"actual": parsed.target} if self._paid else {}
        row = self._row if parsed.ids else "line"
        header = [tuple(map(_harmless, (row, *self._columns, *own)))] if first else []
        prices = zip(*columns(priced), strict=True)
        lines = [
            (
                _harmless(str(name)),
                *(["", "", ""] if i in lost else map(exact, three)),
                self._version,
                " ".join(row.imputed),
                lost.get(i) or " ".join(item.message for item in row.warnings),
                key,
                *(_harmless(cells[i]) for cells in own.values()),
            )
            for i, (name, row, three, key) in enumerate(
                zip(names, checked.rows, prices, keys, strict=True)
            )
        ]
        return Part(_csv([*header, *lines]), names, checked.rows, priced, lost)

    def _keys(
        self,
        checked: Checked,
        priced: Predictions,
        paid: NDArray[np.float64],
        good: Sequence[int],
    ) -> list[str]:
        """Under which each answer is kept, of the rows that are `good` for it; empty elsewhere."""
        keys = [""] * len(checked.rows)
        if good:
            some = Predictions(priced.price[good], priced.low[good], priced.high[good])
            houses = [checked.rows[i].values for i in good]
            made = self.keep(houses, some, paid[good].tolist())
            for i, key in zip(good, made or (), strict=False):
                keys[i] = key
        return keys


def _csv(lines: Sequence[Sequence[object]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(lines)
    return out.getvalue()


def _harmless(cell: str) -> str:
    """A cell as it was, but that no spreadsheet computes it; a number stays one."""
    return f"'{cell}" if cell.startswith(FORMULA) and not FIGURE.fullmatch(cell) else cell


def _beside(name: str, what: str, taken: Collection[str]) -> str:
    """A name, told apart from those that are taken by what it is of."""
    while name in taken:
        name = f"{name} ({what})"
    return name


def paid_of(cell: str, *, positive: bool = True) -> float | None:
    """What was paid, however it is written: 208500, $208,500.00, 208.500,00; None where that can be
    no price. Of what need not be positive -5 is one, too."""
    text = cell.strip().lstrip("$€£").strip().removeprefix("+")
    if not positive and text[:1] in {"-", "−"}:
        price = paid_of(text[1:])
        return None if price is None else -price
    if EUROPEAN.fullmatch(text):
        text = text.replace(".", "").replace(",", ".")
    elif AMERICAN.fullmatch(text):
        text = text.replace(",", "")
    elif not PLAIN.fullmatch(text):
        return None
    price = float(text)
    return price if price <= LARGEST and (price > 0 or not positive) else None
