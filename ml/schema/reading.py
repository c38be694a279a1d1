"""Files of people as rows of text: packed or not, in whatever letters, sheets and tables too."""

import csv
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from importlib.util import find_spec

MOST_BYTES = 256 * 2**20  # of what a packed file becomes
LETTERS = {  # by their byte order mark
    b"\xef\xbb\xbf": "utf-8",
    b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
}


class BadTable(ValueError):
    """A file that is no table of these fields; the message says what to change."""


def text_of(body: bytes) -> tuple[str, list[str]]:
    """The text of a file, and how it was read where that is not as it stands.

    Gzip is unpacked; .xlsx gives its first sheet and Parquet its table as comma-separated text.

    Raises:
        BadTable: for a file that is damaged, too large once unpacked, or needs a library that is
            not installed.
    """
    told = list[str]()
    if body[:2] == b"\x1f\x8b":
        body, packed = _unpacked(body), len(body)
        told.append(f"Unpacked by gzip: {packed:,} bytes became {len(body):,}.")
    readers = {b"PK\x03\x04": _sheet, b"PAR1": _parquet}
    text, how = readers.get(body[:4], _letters)(body)
    return text, [*told, *filter(None, [how])]


def _letters(body: bytes) -> tuple[str, str]:
    """By its byte order mark, else as UTF-8, or as Windows-1252 where it is none."""
    name, mark = next(
        ((name, len(bom)) for bom, name in LETTERS.items() if body.startswith(bom)), ("", 0)
    )
    if not name and b"\x00" in body[:4000]:  # ASCII in two bytes has every other one empty
        name = "utf-16-le" if body[1:2] == b"\x00" else "utf-16-be"
    how = f"Read as {name.upper()}." if name.startswith("utf-16") else ""
    try:
        text = body[mark:].decode(name or "utf-8")
    except UnicodeDecodeError:
        if name:
            raise BadTable(f"The file begins like {name.upper()} and is none.") from None
        text = body.decode("cp1252", errors="replace")
        how = "Read as Windows-1252 (Latin-1): it is not UTF-8."
    if "\x00" in text:
        raise BadTable("The file is no text: it holds bytes of 0. Save it as CSV.")
    return text, how


def _unpacked(body: bytes) -> bytes:
    try:
        with gzip.open(io.BytesIO(body)) as file:
            whole = file.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise BadTable(f"The file is damaged gzip: {error}.") from None
    if len(whole) > MOST_BYTES:
        raise BadTable(f"The file becomes more than {MOST_BYTES // 2**20} MiB once unpacked.")
    return whole


def _sheet(body: bytes) -> tuple[str, str]:
    if find_spec("openpyxl") is None:
        raise BadTable(_needs("an .xlsx workbook or a .zip"))
    from openpyxl import load_workbook

    try:
        book = load_workbook(io.BytesIO(body), read_only=True, data_only=True)
        sheet, *others = book.worksheets
        text = _as_csv(sheet.iter_rows(values_only=True))
    except Exception as error:  # noqa: BLE001  (whatever a damaged workbook makes of the library)
        raise BadTable(f"The file is no .xlsx workbook that can be read: {error}.") from None
    more = f" of {1 + len(others)}; the others are not read" if others else ""
    return text, f"Read the sheet {sheet.title!r}{more}."


def _parquet(body: bytes) -> tuple[str, str]:
    if find_spec("pyarrow") is None:
        raise BadTable(_needs("a Parquet file"))
    from pyarrow import parquet

    try:
        table = parquet.read_table(io.BytesIO(body))
        columns = [column.to_pylist() for column in table.columns]
    except Exception as error:  # noqa: BLE001
        raise BadTable(f"The file is no Parquet table that can be read: {error}.") from None
    rows = zip(*columns, strict=True)
    return _as_csv([table.column_names, *rows]), "Read as a Parquet table."


def _needs(what: str) -> str:
    return (
        f"The file is {what}: pip install 'ridgeline[tables]' lets it be read, or save it as CSV."
    )


def _as_csv(rows: Iterable[Iterable[object]]) -> str:
    """Cells as text: nothing for none, a whole number without its .0."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(map(_cells, rows))
    return out.getvalue()


def _cells(row: Iterable[object]) -> Iterator[str]:
    for cell in row:
        if cell is None:
            yield ""
        elif isinstance(cell, float):
            yield f"{cell:.17g}"
        else:
            yield str(cell)
