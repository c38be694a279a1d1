"""Files of people as rows of text: packed or not, in whatever letters, sheets and tables too."""

import codecs
import csv
import gzip
import io
import json
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import partial
from importlib.util import find_spec
from typing import IO, TextIO

MOST_BYTES = 2**30  # of what a packed file becomes
MOST_WHOLE = 32 * 2**20  # bytes of a workbook, a Parquet table or JSON, which is read at once
PIECE = 2**20  # bytes read at a time
LETTERS = {  # by their byte order mark
    b"\xef\xbb\xbf": "utf-8",
    b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
}
NO_TEXT = "The file is no text: it holds bytes of 0. Save it as CSV."
LIST = re.compile(r'\ufeff?\s*\[\s*[\[{"\]]')  # JSON: no header begins so

Opened = tuple[TextIO, list[str]]  # text, and how it was read where that is not as it stands


class BadTable(ValueError):
    """A file that is no table of these fields; the message says what to change."""


class TooManyRows(BadTable):
    """A table that has more rows than somebody takes at once."""


@contextmanager
def text_of(file: IO[bytes]) -> Iterator[Opened]:
    """A file as text that can be read again and again, and how it was read where that is not as it
    stands. No more than a piece of it is in memory, but for workbooks, Parquet and JSON. A byte
    order mark stays. The file is closed in the end.

    Gzip is unpacked; .xlsx gives its first sheet, Parquet its table and JSON its list of objects as
    comma-separated text.

    Raises:
        BadTable: for a file that is damaged, too large once unpacked, or needs a library that is
            not installed.
    """
    with ExitStack() as stack:
        told = list[str]()
        stack.enter_context(file)
        if not file.seekable():  # a pipe
            pipe, file = file, stack.enter_context(tempfile.TemporaryFile())
            shutil.copyfileobj(pipe, file)
        if _begins(file)[:2] == b"\x1f\x8b":
            packed, file = file, stack.enter_context(tempfile.TemporaryFile())
            _unpack(packed, file)
            _refuse_packed(_begins(file))
            told.append(f"Unpacked by gzip: {_size(packed):,} bytes became {_size(file):,}.")
        text, how = _text(file)
        yield stack.enter_context(text), [*told, *filter(None, [how])]


def beginning(file: IO[bytes]) -> IO[bytes] | None:
    """The first lines of a file, unpacked, to be read as it will be; None where that is not known
    before the whole of it is read: of a long workbook, say, or UTF-16.

    Raises:
        BadTable: for a damaged file.
    """
    if not file.seekable():
        return None
    begin = _begins(file, PIECE + 1)
    if begin[:2] == b"\x1f\x8b":
        begin = _next(iter(partial(gzip.GzipFile(fileobj=file, mode="rb").read, PIECE + 1), b""))
        file.seek(0)
        _refuse_packed(begin)
    if len(begin) <= PIECE:
        return io.BytesIO(begin)
    is_whole = begin.startswith((b"PK\x03\x04", b"PAR1", *LETTERS)) or b"\x00" in begin[:4000]
    if is_whole or LIST.match(begin[:4000].decode("latin-1")):
        return None
    return io.BytesIO(begin[: begin.rfind(b"\n") + 1] or begin)


def _refuse_packed(begin: bytes) -> None:
    if begin[:2] == b"\x1f\x8b":
        raise BadTable("The file is packed by gzip twice: unpack it once.")


def _text(file: IO[bytes]) -> tuple[TextIO, str]:
    whole = {b"PK\x03\x04": _sheet, b"PAR1": _parquet}.get(_begins(file)[:4])
    if whole is None:
        return _unlisted(file, *_letters(file))
    _limit(file, "A workbook or Parquet table")
    text, how = whole(file.read())
    return io.StringIO(text, newline=""), how


def _unlisted(file: IO[bytes], text: TextIO, how: str) -> tuple[TextIO, str]:
    """Text as it is, but for the list of objects in JSON."""
    begin = text.read(4000)
    text.seek(0)
    if not LIST.match(begin):
        return text, how
    _limit(file, "JSON")
    with text:
        table, told = _json(text.read())
    return io.StringIO(table, newline=""), f"{how} {told}".strip()


def _limit(file: IO[bytes], what: str) -> None:
    if _size(file) > MOST_WHOLE:
        raise BadTable(f"{what} has {MOST_WHOLE // 2**20} MiB at most: save it as CSV.")


def _begins(file: IO[bytes], size: int = 4000) -> bytes:
    """Its first bytes; it is read from the start again."""
    file.seek(0)
    begin = file.read(size)
    file.seek(0)
    return begin


def _size(file: IO[bytes]) -> int:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    return size


def _letters(file: IO[bytes]) -> tuple[TextIO, str]:
    """By its byte order mark, else as UTF-8, or as Windows-1252 where it is none."""
    begin = _begins(file)
    name = next((name for bom, name in LETTERS.items() if begin.startswith(bom)), "")
    if not name and b"\x00" in begin:  # ASCII in two bytes has every other one empty
        name = "utf-16-le" if begin[1:2] == b"\x00" else "utf-16-be"
    how = f"Read as {name.upper()}." if name.startswith("utf-16") else ""
    if not _decodes(file, name or "utf-8"):
        if name and not begin.startswith((*LETTERS,)):
            raise BadTable(NO_TEXT)
        if name:
            raise BadTable(f"The file begins like {name.upper()} and is none.")
        name, how = "cp1252", "Read as Windows-1252 (Latin-1): it is not UTF-8."
        _decodes(file, name)
    file.seek(0)
    return io.TextIOWrapper(file, name or "utf-8", errors="replace", newline=""), how


def _decodes(file: IO[bytes], name: str) -> bool:
    """Whether all of it is text in these letters. Raises BadTable where it holds bytes of 0."""
    errors = "replace" if name == "cp1252" else "strict"
    decoder = codecs.getincrementaldecoder(name)(errors)
    file.seek(0)
    try:
        for piece in iter(partial(file.read, PIECE), b""):
            if "\x00" in decoder.decode(piece):
                raise BadTable(NO_TEXT)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _unpack(packed: IO[bytes], whole: IO[bytes]) -> None:
    """Put on disk what a file becomes."""
    pieces = iter(partial(gzip.GzipFile(mode="rb", fileobj=packed).read, PIECE), b"")
    while piece := _next(pieces):
        whole.write(piece)
        if whole.tell() > MOST_BYTES:
            most = f"{MOST_BYTES // 2**20:,} MiB"
            raise BadTable(f"The file becomes more than {most} once unpacked.")


def _next(pieces: Iterator[bytes]) -> bytes:
    try:
        return next(pieces, b"")
    except (OSError, EOFError, zlib.error) as error:
        raise BadTable(f"The file is damaged gzip: {error}.") from None


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


def _json(body: str) -> tuple[str, str]:
    try:
        rows = json.loads(body.removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, character {error.colno}"
        raise BadTable(f"The file begins like JSON and is none: {error.msg} ({place}).") from None
    except (ValueError, RecursionError) as error:  # a number without end; lists within lists
        raise BadTable(f"The file is no JSON that can be read: {error}.") from None
    for i, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise BadTable(
                f"Item {i} of the JSON list is no object. A table is written as"
                ' [{"area": 20.5, "rooms": 3}, ...], an object for each row.'
            )
    names = [*dict.fromkeys(name for row in rows for name in row)]
    cells = [[_scalar(row.get(name), name, i) for name in names] for i, row in enumerate(rows, 1)]
    for line in (names, *cells):
        if line and str(line[0]).startswith(("#", "sep=")):
            line[0] = f" {line[0]}"  # it is no comment
    told = f"Read as a JSON list of {len(rows):,} row{'' if len(rows) == 1 else 's'}."
    return _as_csv([names, *cells]), told


def _scalar(value: object, name: str, row: int) -> object:
    """What is no list and no object; true and false as JSON has them."""
    if isinstance(value, list | dict):
        kind = "a list" if isinstance(value, list) else "an object"
        raise BadTable(
            f"Row {row} of the JSON list has {kind} as {name!r}: a cell is a number, text, true,"
            " false or null."
        )
    return str(value).lower() if isinstance(value, bool) else value


def _needs(what: str) -> str:
    return (
        f"The file is {what}: pip install 'ridgeline[tables]' lets it be read, or save it as CSV."
    )


def _as_csv(rows: Iterable[Iterable[object]]) -> str:
    """Cells as text: nothing for none, a whole number without its .0, a date as ISO text.

    All are quoted, so that no other separator can be meant.
    """
    out = io.StringIO()
    csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(map(_cells, rows))
    return out.getvalue()


def _cells(row: Iterable[object]) -> Iterator[str]:
    for cell in row:
        if cell is None:
            yield ""
        elif isinstance(cell, float):
            yield f"{cell:.17g}"
        elif isinstance(cell, datetime):
            yield cell.isoformat().removesuffix("T00:00:00")
        else:
            yield str(cell)
