"""People's tables in, prices out: CSV files with Kaggle's column names."""

import csv
import io

from app.errors import Invalid
from app.serving.predictors import Served
from app.serving.prices import check, columns, price
from ml.predictor import Predictions
from ml.schema import BadTable, Checked, Parsed

MOST = 10_000  # rows of a table
COLUMNS = ("SalePrice", "low", "high", "version", "imputed", "warnings")


def decode(body: bytes) -> str:
    """The text of a CSV file. Raises Invalid."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(f"The file is not UTF-8 text: byte {error.start} is no character.") from None


def price_table(served: Served, text: str, *, strict: bool) -> str:
    """Price the rows of a CSV file; gives CSV.

    Raises:
        Invalid: where it is no such table, or a row of it cannot be priced.
    """
    try:
        parsed = served.predictor.card.input_schema.parse_csv(text, MOST)
    except BadTable as error:
        raise Invalid(str(error)) from None
    if not parsed.rows:
        raise Invalid("The file has a header and no rows.")
    checked = check(served, parsed.rows, ["body"], strict=strict, lines=parsed.lines)
    return _write(served, parsed, checked, price(served, checked))


def _write(served: Served, parsed: Parsed, checked: Checked, priced: Predictions) -> str:
    """The answer as CSV: Id (or the line in the file), price, bounds, by whom, what was guessed."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("Id" if parsed.ids else "line", *COLUMNS))
    names = parsed.ids or parsed.lines
    for name, row, *prices in zip(names, checked.rows, *columns(priced), strict=True):
        warnings = " ".join(item.message for item in row.warnings)
        cells = *(f"{x:.4f}" for x in prices), served.version, " ".join(row.imputed), warnings
        writer.writerow((name, *cells))
    return out.getvalue()
