"""Any table of people, read whole: which columns are numbers, and which cells must be mended."""

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TextIO

from pydantic import BaseModel, ConfigDict

from ml.schema.checks import CHANGED
from ml.schema.delimited import Commas, Header, Rows
from ml.schema.fields import (
    EXACT,
    LONGEST,
    MISSING,
    NUMBER,
    InputField,
    Value,
    pointed,
    shown,
)
from ml.schema.reading import BadTable

MOST_ROWS = 100_000
MOST_COLUMNS = 200
LONGEST_CELL = 1_000  # characters
SUSPICIOUS = 0.1  # of the values are words at most: they are slips, for the others are numbers
FEWEST = 20  # values that such a share can be told of
MOST_FAULTS = 20  # told one by one
THOUSANDS = re.compile(r"[+-]?\d{1,3}(\.\d{3})+")
INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""Control characters but for tabs and ends of lines, and halves of surrogate pairs."""
BEYOND = (math.inf, -math.inf)
WORD, INFINITY = "it is no number", "it is no finite number"
CORRECT = "Correct them, or read the column as text."
TAKE_OUT = "Correct them, or take the column out."


class Fault(BaseModel):
    """A cell that is refused: where it is, what it says, and why that cannot be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    line: int
    column: str
    value: str
    reason: str


class BadCells(BadTable):
    """A table some of whose cells are refused: the first 20 of them, and how many in `total`."""

    def __init__(self, faults: Sequence[Fault], ways_out: Sequence[str]) -> None:
        self.faults, self.total = tuple(faults[:MOST_FAULTS]), len(faults)
        counts = Counter(fault.column for fault in faults)
        columns = ", ".join(f"{name} ({count:,})" for name, count in counts.items())
        where = columns if len(counts) > 1 else next(iter(counts))
        cells = "1 cell" if self.total == 1 else f"{self.total:,} cells"
        first = self.faults[0]
        super().__init__(
            f"{cells} of {where} cannot be read. {' '.join(ways_out)}"
            f" Line {first.line}: {first.column} is {first.value}; {first.reason}."
        )


@dataclass(frozen=True, slots=True)
class AnyTable:
    """Rows of a file that nothing was known of: each column of numbers alone, or of text alone.

    `lines` are those of the file, from 1, one a row; `remarks` are sentences on how it was read.
    """

    rows: list[dict[str, Value]]
    names: tuple[str, ...]
    lines: list[int]
    remarks: list[str]


def read(opened: TextIO, *, most: int = MOST_ROWS, text: Collection[str] = ()) -> AnyTable:
    """A table of at most `most` rows and 200 columns, whose separator and header are found.

    A column is of numbers where all that it says are some, "1,710" and "$1710" among them, and of
    whole ones where all are; what else there is, and what `text` names, is text without the blanks
    around. "NA", "-" and the like are missing.

    Raises:
        BadTable: for what is no table, or has no such column as `text` names.
        TooManyRows: for more than `most`.
        BadCells: for a column of which nearly all are numbers, but not all; for numbers that are
            not finite or not exact; for cells that are too long or cannot be written down.
    """
    header = Header.guess(opened, MOST_COLUMNS)
    _check_names(header, text)
    rows = Rows(opened, header, most)
    numbered = [*rows]
    if not numbered:
        raise BadTable(f"The file has no row below its header in line {header.line}.")
    lines = [number for number, _ in numbered]
    cells = [[*map(str.strip, own)] for own in zip(*(line for _, line in numbered), strict=True)]
    columns = [
        _Column.of(name, own, commas=header.separator != ",", text=name in text)
        for name, own in zip(header.names, cells, strict=True)
    ]
    _refuse(columns, cells, lines)
    if any(column.points for column in columns):
        _no_thousands(columns, cells)
    values = [column.values(own) for column, own in zip(columns, cells, strict=True)]
    remarks = header.remarks(rows.empty, rows.comments)
    return AnyTable(
        rows=[dict(zip(header.names, row, strict=True)) for row in zip(*values, strict=True)],
        names=tuple(header.names),
        lines=lines,
        remarks=remarks + [remark for column in columns for remark in column.remarks],
    )


def _check_names(header: Header, text: Collection[str]) -> None:
    for name in header.names:
        if reason := _unwritable(name):
            raise BadTable(f"Line {header.line} names a column {shown(name)}; {reason}.")
    for name in text:
        if name not in header.names:
            near = get_close_matches(name, header.names, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise BadTable(f"There is no column {shown(name)} to be read as text.{hint}")


def _refuse(
    columns: Sequence["_Column"], cells: Sequence[Sequence[str]], lines: Sequence[int]
) -> None:
    """Raises BadCells where a column has any that cannot be."""
    faults = [
        Fault(line=line, column=column.name, value=shown(cell), reason=column.faults[cell])
        for column, own in zip(columns, cells, strict=True)
        if column.faults
        for line, cell in zip(lines, own, strict=True)
        if cell in column.faults
    ]
    if faults:
        ways_out = [CORRECT if column.meanings else TAKE_OUT for column in columns if column.faults]
        raise BadCells(sorted(faults, key=lambda fault: fault.line), [*dict.fromkeys(ways_out)])


def _no_thousands(columns: Sequence["_Column"], cells: Sequence[Sequence[str]]) -> None:
    """Raises BadTable for 1.500 in a file of decimal commas: it may be 1500, and 1.5 as well."""
    for column, own in zip(columns, cells, strict=True):
        if column.meanings is None or column.points:
            continue
        pointed_ones = [cell for cell in own if "." in cell]
        if pointed_ones and all(map(THOUSANDS.fullmatch, pointed_ones)):
            first = pointed_ones[0]
            raise BadTable(
                f"{column.name} is {first!r}, which may be {first.replace('.', '')} where commas"
                " are decimal points: write it without a point."
            )


# ---- a column


@dataclass(frozen=True, slots=True)
class _Meanings:
    """What the cells of a column are as numbers, each once however often it comes.

    A cell that has no number is missing, unless there is a fault that says why.
    """

    counts: Mapping[str, int]
    numbers: dict[str, float]
    faults: dict[str, str]
    grouped: list[str]  # written with signs that are no part of a number

    @classmethod
    def of(cls, counts: Mapping[str, int], *, points: bool = False) -> "_Meanings":
        """Of the cells as they are, or with a point for a comma."""
        numbers, faults, grouped = dict[str, float](), dict[str, str](), list[str]()
        for cell in counts:
            if len(cell) <= LONGEST and NUMBER.fullmatch(cell):  # nearly all: the rest costs more
                numbers[cell] = float(cell)
                continue
            number, change = InputField.figure(pointed(cell) if points else cell)
            if change == "comma":  # in a file whose cells are separated by commas: a word
                faults[cell] = WORD
            elif number is not None:
                numbers[cell] = float(number)
            elif change != "missing":
                faults[cell] = INFINITY if INFINITE.fullmatch(cell) else WORD
            if change == "grouped":
                grouped.append(cell)
        faults |= {cell: INFINITY for cell, number in numbers.items() if number in BEYOND}
        return cls(counts, numbers, faults, grouped)

    @property
    def are_numbers(self) -> bool:
        """Whether they are, but for a few words, which are slips then."""
        words = sum(self.counts[cell] for cell, fault in self.faults.items() if fault == WORD)
        if not words:
            return bool(self.numbers or self.faults)
        present = sum(self.counts[cell] for cell in (*self.numbers, *self.faults))
        return present >= FEWEST and words <= SUSPICIOUS * present

    @property
    def are_whole(self) -> bool:
        """Whether all numbers are."""
        return all(map(float.is_integer, self.numbers.values()))

    def inexact(self) -> dict[str, str]:
        """Numbers of a column of whole ones that are others once they are floats."""
        reason = f"a whole number beyond {EXACT:,} is not exact"
        beyond = {cell: reason for cell, number in self.numbers.items() if abs(number) > EXACT}
        return beyond if self.are_whole else {}


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of numbers, or of text: which cells are refused and why, and how it was read."""

    name: str
    meanings: _Meanings | None = None
    points: int = 0  # commas that are decimal points
    faults: Mapping[str, str] = field(default_factory=dict)
    remarks: Sequence[str] = ()

    @classmethod
    def of(cls, name: str, cells: Sequence[str], *, commas: bool, text: bool) -> "_Column":
        """Of numbers if that is what it says, else of text; `commas` may be decimal points."""
        counts = Counter(cells)
        unwritable = {cell: reason for cell in counts if (reason := _unwritable(cell))}
        if text or unwritable:
            return cls(name, faults=unwritable)
        points = _points(name, counts) if commas else 0
        meanings = _Meanings.of(counts, points=points > 0)
        if not meanings.are_numbers:
            return cls(name)
        remarks = [f"{name}: commas read as decimal points in {_values(points)}."] if points else []
        if grouped := meanings.grouped:
            count = _values(sum(counts[cell] for cell in grouped))
            remarks.append(f"{name}: {count} {CHANGED['grouped']} ({shown(grouped[0])}).")
        return cls(name, meanings, points, meanings.faults or meanings.inexact(), remarks)

    def values(self, cells: Sequence[str]) -> Sequence[Value]:
        """Its cells as they are meant: (n,)."""
        if self.meanings is None:
            return [None if cell.casefold() in MISSING else cell for cell in cells]
        numbers: Mapping[str, int | float] = self.meanings.numbers
        if self.meanings.are_whole:
            numbers = {cell: int(number) for cell, number in numbers.items()}
        return [*map(numbers.get, cells)]


def _points(name: str, counts: Counter[str]) -> int:
    """How many commas of a column are decimal points, in a file where none stands between cells.

    Raises BadTable where they may be separators of thousands as well.
    """
    with_commas = sum(count for cell, count in counts.items() if "," in cell)
    if not with_commas or not _Meanings.of(counts, points=True).are_numbers:
        return 0
    commas = Commas(InputField(name=name, kind="number"), 0)
    for cell in counts:
        commas.see(cell)
    return with_commas if commas.are_points() else 0


def _unwritable(cell: str) -> str:
    """Why no cell can be so; empty if one can."""
    if len(cell) > LONGEST_CELL:
        return f"it has more than {LONGEST_CELL:,} characters"
    if not cell.isprintable() and UNWRITABLE.search(cell):
        return "it has characters that cannot be written down"
    return ""


def _values(count: int) -> str:
    return f"{count:,} value{'' if count == 1 else 's'}"
