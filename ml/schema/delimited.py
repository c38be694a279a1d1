"""Separated text, whatever it is about: its separator, its header, its rows and their lines."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TextIO

from ml.schema.fields import COMMA, EXACT, InputField
from ml.schema.reading import BadTable, TooManyRows

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+", re.ASCII)
INDEX = "index"
GROUPS = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+", re.ASCII)
HEADER_WITHIN = 20  # lines: titles and remarks may stand above it
LONGEST_ROW = 2**18  # characters
MOST_COLUMNS = 2_000

Line = tuple[int, list[str]]


# ---- the header


@dataclass(frozen=True)
class Header:
    """The line that names the columns, and what stands between its cells."""

    separator: str
    line: int
    skipped: int  # lines above it that are not empty
    names: list[str]
    index: str  # what a first column without a name is called, if there is one

    @classmethod
    def guess(cls, file: TextIO, most: int) -> "Header":
        """Of a table that nothing is known of: the separator that makes the most columns of the
        first lines, and the first line that is as wide as most of them.

        Raises:
            BadTable: for an empty text, more than `most` columns, and a line that names none of
                them, not all of them or some of them alike.
        """
        refuse_empty(file)
        guesses = [
            guess
            for k, separator in enumerate(_separators(file))
            if (guess := _Guess.of(file, separator, k))
        ]
        if not guesses:
            raise BadTable("The file has only comments: a line must name the columns.")
        guess = max(guesses, key=lambda one: one.rank)
        names = [cell.strip() for cell in guess.cells]
        index = index_of(file, guess.separator, guess.line, names)
        names[:1] = [index or names[0]]
        header = cls(guess.separator, guess.line, guess.above, names, index)
        header._check(most)
        return header

    def _check(self, most: int) -> None:
        limit_columns(self.names, most)
        if all(is_number(name) for name in self.names):
            raise BadTable(
                f"Line {self.line} has only numbers where the columns must be named: is the header"
                " missing? Put the names of the columns above the rows."
            )
        if "" in self.names:
            raise BadTable(
                f"Column {self.names.index('') + 1} has no name: name it in line {self.line}, or"
                " take it out."
            )
        refuse_twice(self.names, " Rename all but one of them, or take these out.")

    def remarks(self, empty: int, comments: int) -> list[str]:
        """How the file was read, where that is not as it stands."""
        said = []
        if self.separator != ",":
            said.append(f"Cells are separated by {SEPARATORS[self.separator]}.")
        if self.skipped:
            said.append(f"{_so_many(self.skipped)} above the header skipped.")
        if self.index:
            said.append(f"The first column has no name: it is read as the index, {self.index!r}.")
        if empty:
            said.append(f"{_so_many(empty)} of empty cells skipped.")
        if comments:
            said.append(f"{_so_many(comments)} with # in front skipped.")
        return said


@dataclass(frozen=True, slots=True)
class _Guess:
    """What the first lines are if cells are separated so; the guess of the highest rank is right.

    A header of more than one column comes first, then one without numbers, for a decimal comma
    makes of each row more columns than there are; then many columns that most lines have.
    """

    separator: str
    line: int
    above: int
    cells: list[str]
    rank: tuple[bool, bool, float, int]

    @classmethod
    def of(cls, file: TextIO, separator: str, place: int) -> "_Guess | None":
        """None where no line has a cell."""
        lines = [line for line in islice(read(file, separator), HEADER_WITHIN) if _width(line[1])]
        if not lines:
            return None
        counts = Counter(_width(cells) for _, cells in lines)
        usual = max(counts, key=lambda width: (counts[width], width))
        above = next(i for i, (_, cells) in enumerate(lines) if _width(cells) >= usual)
        if above and _is_narrow_header(lines[above - 1][1], lines[above][1]):
            above -= 1
        number, cells = lines[above]
        width = _width(cells)
        alike = sum(_width(line) <= width <= len(line) for _, line in lines[above:])
        named = not any(map(is_number, cells))
        rank = width > 1, named, width * alike / len(lines), -place
        return cls(separator, number, above, cells[:width], rank)


def _width(cells: Sequence[str]) -> int:
    """How many cells there are without empty ones at the end."""
    return max((j for j, cell in enumerate(cells, 1) if cell.strip()), default=0)


def _is_narrow_header(above: Sequence[str], below: Sequence[str]) -> bool:
    """Whether a line that is narrower by one than a row is the header: an error, to be told so."""
    numbers = [any(map(is_number, cells)) for cells in (above, below)]
    return numbers == [False, True] and 1 < _width(above) == _width(below) - 1


def is_number(cell: str) -> bool:
    """Whether a cell is one, be it with a decimal comma."""
    bare = cell.strip()
    return bool(COMMA.fullmatch(bare)) or not isinstance(InputField.number(bare), str)


def _separators(file: TextIO) -> Sequence[str]:
    """The one that the first line tells, as in `sep=;`, else all."""
    first = next(Lines(file))
    told = first[4:5] if first.startswith("sep=") else ""
    return told if told in SEPARATORS else [*SEPARATORS]


def index_of(file: TextIO, separator: str, line: int, names: Sequence[str]) -> str:
    """What the first column is called if it has no name and yet its cells say something: pandas
    writes an index so."""
    if len(names) < 2 or names[0]:
        return ""
    if not any(cells[0].strip() for number, cells in read(file, separator) if number > line):
        return ""
    name, taken = INDEX, {other.casefold() for other in names}
    while name in taken:
        name = f"row {name}"
    return name


def refuse_empty(file: TextIO) -> None:
    """Raises BadTable for a file without a line."""
    if all(not line.strip() for line in Lines(file)):
        raise BadTable("The file is empty: its first line must name the columns.")


def limit_columns(names: Sequence[str], most: int) -> None:
    """Raises BadTable for more columns than that."""
    if len(names) > most:
        raise BadTable(f"The file has {len(names):,} columns; {most:,} are the most.")


def refuse_twice(names: Sequence[str], way_out: str = "") -> None:
    """Raises BadTable where two columns have one name."""
    if twice := [name for name, count in Counter(names).items() if count > 1 and name]:
        found = ", ".join(map(repr, twice[:10]))
        raise BadTable(f"The header has columns twice: {found}.{way_out}")


def _so_many(count: int) -> str:
    return f"{count:,} line{'' if count == 1 else 's'}"


# ---- the rows


class Lines(Iterator[str]):
    """The lines of a file from the first one, without a byte order mark.

    `row` counts the characters of a row, which may be of many lines: whoever has read one sets it
    to 0. Raises BadTable for one so long that it is none.
    """

    def __init__(self, file: TextIO) -> None:
        self.row, self._file = 0, file
        file.seek(0)
        if file.read(1) != "\ufeff":
            file.seek(0)

    def __next__(self) -> str:
        line = self._file.readline(LONGEST_ROW + 2)  # its end counts for nothing
        if not line:
            raise StopIteration
        self.row += len(line.rstrip("\r\n"))
        if self.row > LONGEST_ROW:
            raise BadTable(f"The file has a row of more than {LONGEST_ROW:,} characters.")
        return line


class _NoCsv(BadTable):
    """Text that does not follow the rules of quotes."""


def records(file: TextIO, separator: str) -> Iterator[Line]:
    """The rows of a file with the number of their last line. Raises BadTable."""
    lines = Lines(file)
    reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        for cells in reader:
            lines.row = 0
            yield reader.line_num, cells
    except csv.Error as error:
        if "field limit" in str(error):
            raise _NoCsv(
                f"Line {reader.line_num} has a cell of more than {csv.field_size_limit():,}"
                " characters: shorten it, or close its quote."
            ) from None
        raise _NoCsv(f"Line {reader.line_num} is no CSV: {error}.") from error


def read(file: TextIO, separator: str) -> Iterator[Line]:
    """Rows that are no comment and not empty, from text that may be no CSV."""
    try:
        for number, cells in records(file, separator):
            if cells and not cells[0].startswith(("#", "sep=")):
                yield number, cells
    except _NoCsv:  # told where the separator is the one that is right
        return


class Rows(Iterator[Line]):
    """The rows below the header, each as wide as it; `empty` and `comments` count what is none."""

    def __init__(self, file: TextIO, header: Header, most: int | None = None) -> None:
        self.empty, self.comments, self.header, self._kept, self._most = 0, 0, header, 0, most
        self._below = (line for line in records(file, header.separator) if line[0] > header.line)

    def __next__(self) -> Line:
        for number, line in self._below:
            if self._is_row(line):
                return self._numbered(number, line)
        raise StopIteration

    def _is_row(self, line: list[str]) -> bool:
        if not line:
            return False
        if line[0].startswith("#"):
            self.comments += 1
            return False
        if any(cell.strip() for cell in line):
            return True
        self.empty += 1
        return False

    def _numbered(self, number: int, line: list[str]) -> Line:
        if self._kept == self._most:  # none is read beyond it: there may be millions
            raise TooManyRows(
                f"The file has more than {self._most:,} rows, which is the most at once."
            )
        self._kept += 1
        return number, _as_wide(line, self.header.names, number)


def _as_wide(line: list[str], names: Sequence[str], number: int) -> list[str]:
    """The line without empty cells beyond the header's, and nothing where that names nothing."""
    while len(line) > len(names) and not line[-1].strip():
        line.pop()
    if len(line) != len(names):
        raise BadTable(f"Line {number} has {len(line)} cells; the header has {len(names)}.")
    for j, name in enumerate(names):
        if not name and line[j].strip():
            raise BadTable(
                f"Line {number} has a cell in column {j + 1}, which has no name: name it, or take"
                " it out."
            )
    return line


def signs(rows: Rows, fields: Sequence[InputField]) -> tuple[dict[str, int], dict[str, int]]:
    """Number columns whose commas are decimal points, and those whose points separate thousands,
    and how many values have one, in a file whose cells are not separated by commas.

    Raises BadTable where they may be either.
    """
    places = [rows.header.names.index(one.name) for one in fields]
    seen = [(Commas(one, at), Points(one)) for one, at in zip(fields, places, strict=True)]
    for _, line in rows:
        for commas, points in seen:
            cell = line[commas.column].strip()
            commas.see(bare(cell))
            points.see(cell)
    decimal = {one.field.name: one.count for one, _ in seen if one.are_points()}
    thousands = {
        one.field.name: one.count for _, one in seen if one.are_thousands(commas=bool(decimal))
    }
    return decimal, thousands


def bare(cell: str) -> str:
    """A number without the points between its thousands: 1.710, and not 0.710 or 1.71."""
    return cell.replace(".", "") if GROUPS.fullmatch(cell) else cell


@dataclass
class Points:
    """What the points of a column may be, each of which has three digits behind it."""

    field: InputField
    count: int = 0
    first: str = ""
    certain: bool = False  # 1.234.567 is there, or a decimal comma
    otherwise: bool = False  # a point is no sign of thousands
    decimals: bool = False  # training has such a number, if they are decimal points
    whole: bool = False  # or if they separate thousands
    all_whole: bool = True

    def see(self, cell: str) -> None:
        if "," in cell:
            self.certain |= bool(COMMA.fullmatch(cell)) and not THOUSANDS.fullmatch(cell)
        elif GROUPS.fullmatch(cell):
            self.count += 1
            self.first = self.first or cell
            several, within = cell.count(".") > 1, self._within(float(bare(cell)))
            self.certain |= several
            self.decimals |= not several and self._within(float(cell))
            self.whole |= within
            self.all_whole &= within
        else:
            self.otherwise |= "." in cell

    def _within(self, number: float) -> bool:
        low, high = self.field.minimum, self.field.maximum
        return low is None or high is None or low <= number <= high

    def are_thousands(self, *, commas: bool) -> bool:
        """Whether they are; of a column of no whole numbers this is asked only where the file has
        decimal `commas`."""
        if not self.count or self.otherwise:
            return False
        if self.certain or not (self.field.kind == "integer" or commas):
            return self.certain
        if self.decimals != self.whole and self.all_whole == self.whole:
            return self.whole
        point, none = f"{float(self.first):g}", bare(self.first)
        raise BadTable(
            f"{self.field.name} is {self.first!r}, which may be {point} or {none}: write {none}, or"
            f" {point.replace('.', ',')}."
        )


@dataclass
class Commas:
    """What the commas of a column may be."""

    field: InputField
    column: int
    count: int = 0
    first: str = ""
    grouped: bool = True  # each may separate thousands
    pointed: bool = False  # a value has a point

    def see(self, cell: str) -> None:
        if "," in cell and COMMA.fullmatch(cell):
            self.count += 1
            self.first = self.first or cell
            self.grouped = self.grouped and bool(THOUSANDS.fullmatch(cell))
        else:
            self.pointed |= "." in cell

    def are_points(self) -> bool:
        if not self.count or self.pointed:
            return False
        if self.grouped and (self.field.maximum or EXACT) >= 1000:
            point, none = self.first.replace(",", "."), self.first.replace(",", "")
            raise BadTable(
                f"{self.field.name} is {self.first!r}, which may be {point} or {none}: write it"
                " without a comma."
            )
        return True
