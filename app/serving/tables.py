"""People's tables in, prices out: read as a person means them, and told how they were read."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.errors import Invalid
from app.serving import log
from app.serving.predictors import Served
from app.serving.prices import check, columns, price
from ml.predictor import Predictions
from ml.schema import BadTable, Checked, CheckedRow, Parsed, text_of, unread

MOST = 10_000  # rows of a table
WORST = 10  # rows of a scored one that are told
COLUMNS = ("SalePrice", "low", "high", "version", "imputed", "warnings", "answer")
MOST_PAID = 1e12  # dollars: nothing that is larger was paid for a house
PLAIN = re.compile(r"\d+(\.\d*)?([eE][+-]?\d+)?")
AMERICAN = re.compile(r"\d{1,3}(,\d{3})+(\.\d*)?")
EUROPEAN = re.compile(r"\d{1,3}(\.\d{3})+,\d*|\d{1,3}(\.\d{3}){2,}|\d+,\d{1,2}")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would compute


@dataclass(frozen=True, slots=True)
class Miss:
    """A row that was far off, in dollars."""

    name: str
    paid: float
    price: float


@dataclass(frozen=True, slots=True)
class Score:
    """Prices beside what was paid, in log price: RMSE, mean, and the share within intervals."""

    n: int
    rmse: float
    bias: float
    inside: float
    worst: list[Miss]  # those furthest off, the worst first


@dataclass(frozen=True, slots=True)
class PricedTable:
    """A table with its prices: as CSV, and in words."""

    csv: str
    names: list[int | str]  # of the rows: ids, or their lines
    rows: list[CheckedRow]
    priced: Predictions
    remarks: list[str]
    unknown: dict[str, list[str]]
    score: Score | None


def price_table(
    served: Served,
    body: bytes,
    *,
    strict: bool = False,
    mapping: Mapping[str, str] | None = None,
    keep: bool = True,
) -> PricedTable:
    """Price the rows of a file, and keep the answers for the monitor.

    Raises:
        Invalid: where it is no such table, or a row of it cannot be priced.
    """
    schema = served.predictor.card.input_schema
    try:
        text, told = text_of(body)
        parsed = schema.parse_csv(text, MOST, mapping=mapping, strict=strict)
    except BadTable as error:
        raise Invalid(str(error)) from None
    if not parsed.rows:
        raise Invalid("The file has a header and no rows.")
    try:
        checked = check(served, parsed.rows, ["body"], strict=strict, lines=parsed.lines)
    except Invalid as error:  # what was not read may be what is missing
        said = f"{error.message} {unread(parsed.unknown)}" if parsed.unknown else error.message
        raise Invalid(said, error.errors, parsed.unknown) from None
    priced = price(served, checked)
    paid = [paid_of(cell) for cell in parsed.target or ()]
    keys = log.keep(served, checked.values, priced, paid) if keep else None
    return PricedTable(
        csv=_write(served, parsed, checked, priced, keys),
        names=parsed.ids or [*parsed.lines],
        rows=checked.rows,
        priced=priced,
        remarks=[*told, *parsed.remarks, *checked.remarks],
        unknown=parsed.unknown,
        score=_score(np.array(paid), priced, parsed.ids or parsed.lines),
    )


def _write(
    served: Served,
    parsed: Parsed,
    checked: Checked,
    priced: Predictions,
    keys: Sequence[str] | None,
) -> str:
    """Id (or the line in the file), price, bounds, by whom, what was guessed, under which key the
    answer is kept; then own columns."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    own = parsed.own | ({"actual": parsed.target} if any(parsed.target) else {})
    writer.writerow(("Id" if parsed.ids else "line", *COLUMNS, *own))
    names = parsed.ids or parsed.lines
    keys = keys or [""] * len(names)
    rows = zip(names, keys, checked.rows, *columns(priced), strict=True)
    for i, (name, key, row, *prices) in enumerate(rows):
        warnings = " ".join(item.message for item in row.warnings)
        cells = *(f"{x:.4f}" for x in prices), served.version, " ".join(row.imputed), warnings, key
        writer.writerow((name, *cells, *(_harmless(kept[i]) for kept in own.values())))
    return out.getvalue()


def _harmless(cell: str) -> str:
    """A cell as it was, but that no spreadsheet computes it; a number stays one."""
    if not cell.startswith(FORMULA):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def _score(
    paid: NDArray[np.float64], priced: Predictions, names: Sequence[int | str]
) -> Score | None:
    """Against what the file says was paid; none where it says nothing of two rows at least."""
    known = np.flatnonzero(paid > 0)
    if len(known) < 2:
        return None
    off = np.log(paid[known] / priced.price[known])
    worst = known[np.argsort(-np.abs(off), kind="stable")[:WORST]].tolist()
    inside = (priced.low[known] <= paid[known]) & (paid[known] <= priced.high[known])
    return Score(
        n=len(known),
        rmse=float(np.sqrt(np.square(off).mean())),
        bias=float(off.mean()),
        inside=float(inside.mean()),
        worst=[Miss(str(names[i]), float(paid[i]), float(priced.price[i])) for i in worst],
    )


def paid_of(cell: str) -> float:
    """What was paid, however it is written: 208500, $208,500.00, 208.500,00; 0 where that can be no
    price."""
    text = cell.strip().lstrip("$€£").strip()
    if EUROPEAN.fullmatch(text):
        text = text.replace(".", "").replace(",", ".")
    elif AMERICAN.fullmatch(text):
        text = text.replace(",", "")
    elif not PLAIN.fullmatch(text):
        return 0.0
    price = float(text)
    return price if 0 < price <= MOST_PAID else 0.0
