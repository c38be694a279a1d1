"""What came of rows that were asked about, from a table: the id of an answer, and what was paid."""

import csv
from collections.abc import Iterable

from app.errors import Invalid
from ml.pricing import paid_of

PRICES = ("paid", "actual")  # what a column of prices is called


def read(lines: Iterable[str]) -> tuple[dict[str, float], int]:
    """Prices by the id of their answer, and how many rows say none.

    Raises:
        Invalid: for what is no text, or a table without these columns.
    """
    prices, passed = dict[str, float](), 0
    try:
        rows = csv.DictReader(lines)
        names = rows.fieldnames or []
        paid = next((name for name in PRICES if name in names), None)
        if "answer" not in names or paid is None:
            raise Invalid(
                f"it needs a column answer, and one of {' or '.join(PRICES)}; it has"
                f" {', '.join(names) or 'none'}"
            )
        for row in rows:
            price = paid_of(row[paid] or "", positive=False)
            if row["answer"] and price is not None:
                prices[row["answer"]] = price
            else:
                passed += 1
    except (UnicodeDecodeError, csv.Error):
        raise Invalid("it is no CSV in UTF-8") from None
    return prices, passed
