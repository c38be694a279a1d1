"""Reading rows from CSV text: numbers become numbers, and what is wrong with a file is said."""

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from ml.schema.checks import suggest
from ml.schema.fields import InputField, Value

MISSING = {"NA", ""}
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
WHOLE = re.compile(r"[+-]?\d{1,300}", re.ASCII)


class BadTable(ValueError):
    """A text that is no table of these fields; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """The rows of a file, to be checked; their ids, one a row or none at all; their lines in it."""

    rows: list[dict[str, Value]]
    ids: list[int | str]
    lines: list[int]  # the header is on line 1


def parse_csv(
    text: str,
    fields: Sequence[InputField],
    *,
    id_column: str = "",
    target_column: str = "",
    most: int | None = None,
) -> Parsed:
    """Read comma-separated text whose first line names the columns, in any order.

    "NA" and "" are missing, the id column is returned apart and the target ignored. What is no
    number where one is due stays text, so that a check can say so.

    Raises:
        BadTable: for an empty text, no header, another separator, columns that are unknown or
            there twice, lines of the wrong length, and more than `most` rows.
    """
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        header = next((line for line in reader if line), [])
        _check_header(header, [field.name for field in fields], {id_column, target_column} - {""})
        there = (_checked(line, header, reader.line_num) for line in reader if line)
        numbered = [(reader.line_num, line) for line in islice(there, most)]
        if most is not None and next(there, None):  # none is read beyond it: there may be millions
            raise BadTable(f"The file has more than {most:,} rows, which is the most at once.")
    except csv.Error as error:
        raise BadTable(f"Line {reader.line_num} is no CSV: {error}.") from error

    levels = {field.name for field in fields if field.kind == "level"}
    kept = [(j, name) for j, name in enumerate(header) if name not in {id_column, target_column}]
    lines, cells = [number for number, _ in numbered], [line for _, line in numbered]
    rows = [{name: _value(line[j], name in levels) for j, name in kept} for line in cells]
    ids = [_id(line[header.index(id_column)]) for line in cells] if id_column in header else []
    return Parsed(rows, ids, lines)


def _check_header(header: Sequence[str], names: Sequence[str], others: set[str]) -> None:
    if not header:
        raise BadTable("The file is empty: its first line must name the columns.")
    if len(header) == 1 and (other := next((mark for mark in ";\t|" if mark in header[0]), None)):
        mark = "tabs" if other == "\t" else repr(other)
        raise BadTable(f"The columns are separated by {mark}; save the file with commas.")
    if not {*names, *others} & set(header):
        raise BadTable("The first line names no column of this table: is the header missing?")
    if twice := [name for name, count in Counter(header).items() if count > 1]:
        raise BadTable(f"The header has columns twice: {', '.join(map(repr, twice[:10]))}.")
    if unknown := [name for name in header if name not in {*names, *others}]:
        raise BadTable(" ".join(suggest(name, names) for name in unknown[:10]))


def _checked(line: list[str], header: Sequence[str], number: int) -> list[str]:
    if len(line) != len(header):
        raise BadTable(f"Line {number} has {len(line)} cells; the header has {len(header)}.")
    return line


def _value(cell: str, is_level: bool) -> Value:
    if cell in MISSING:
        return None
    if is_level:
        return cell
    digits = cell.strip()
    if WHOLE.fullmatch(digits):
        return int(digits)
    return float(digits) if NUMBER.fullmatch(digits) else cell


def _id(cell: str) -> int | str:
    """A whole number where that loses nothing, such as leading zeros."""
    return int(cell) if WHOLE.fullmatch(cell) and str(int(cell)) == cell else cell
