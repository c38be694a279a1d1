"""Rows from text: which separator, which line is the header, which column is which field."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import islice
from typing import TextIO

from ml.schema.delimited import (
    HEADER_WITHIN,
    MOST_COLUMNS,
    SEPARATORS,
    Header,
    Line,
    Rows,
    commas,
    limit_columns,
    pointed,
    read,
    refuse_empty,
    refuse_twice,
)
from ml.schema.fields import WHOLE, InputField, Value, shown
from ml.schema.reading import BadTable

NEAR = 3  # names that a column may have been meant by


@dataclass(frozen=True, slots=True)
class Parsed:
    """The rows of a file, to be checked; their ids, one a row or none at all; their lines in it.

    `own` are columns that are no field, cell by cell; `target` what stands in the target's column;
    `remarks` are sentences on how it was read, and `unknown` names what may have been meant by
    each column that is no field.
    """

    rows: list[dict[str, Value]]
    ids: list[int | str]
    lines: list[int]  # an editor counts from 1
    own: dict[str, list[str]] = field(default_factory=dict)
    target: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    unknown: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sheet:
    """Separated text that has been opened: which line names the columns, and what each of them is.

    It is read part by part, as often as one likes; no more than a part is in memory.
    """

    file: TextIO
    fields: Sequence[InputField]
    id_column: str
    target_column: str
    most: int | None  # rows; more are refused
    header: "_Header"
    points: dict[str, int]  # columns whose commas are decimal points, and in how many values

    @classmethod
    def open(
        cls,
        file: TextIO,
        fields: Sequence[InputField],
        *,
        id_column: str = "",
        target_column: str = "",
        most: int | None = None,
        mapping: Mapping[str, str] | None = None,
        strict: bool = False,
    ) -> "Sheet":
        """Text one of whose first lines names the columns, in any order and spelling.

        Commas, semicolons, tabs or bars stand between cells: whichever finds most columns. Titles,
        comments and `sep=;` above the header and empty lines are skipped, and counted. `Lot Shape`,
        `Lot.Shape`, `lot_shape` and R's `X1stFlrSF` are the fields of those letters; `mapping` says
        so of others, or by "" that a column is none. What is no field stays beside, unless
        `strict`.

        Raises:
            BadTable: for an empty text, no header, columns that are there twice, are too many or,
                if strict, are no field; and as `parts` does.
        """
        known = [name for name in (*(f.name for f in fields), id_column, target_column) if name]
        header = _Header.find(file, known, mapping or {})
        if strict and header.unknown:
            raise BadTable(unread(header.unknown))
        numbers = [one for one in fields if one.is_number and one.name in header.names]
        points = {} if header.separator == "," else commas(Rows(file, header, most), numbers)
        return cls(file, fields, id_column, target_column, most, header, points)

    def parts(self, size: int | None = None) -> Iterator[Parsed]:
        """All rows, so many at a time; one part, of no rows, where there are none.

        The last one's remarks are of the whole file.

        Raises:
            BadTable: for lines of the wrong length.
            TooManyRows: for more than `most` rows.
        """
        rows = Rows(self.file, self.header, self.most)
        part = [*islice(rows, size)]
        while True:
            following = [*islice(rows, size)]
            yield self._parsed(part, rows)
            if not following:
                return
            part = following

    def _parsed(self, numbered: Sequence[Line], rows: "Rows") -> Parsed:
        names = self.header.names
        columns = [[line[j].strip() for _, line in numbered] for j in range(len(names))]
        by_name = dict(zip(names, columns, strict=True))
        for name in self.points:
            by_name[name] = [pointed(cell) for cell in by_name[name]]
        attributes = [(one, by_name[one.name]) for one in self.fields if one.name in by_name]
        points = [
            f"{name}: commas read as decimal points in {count:,} value{'s' * (count > 1)}."
            for name, count in self.points.items()
        ]
        return Parsed(
            rows=[{one.name: _value(cells[i], one) for one, cells in attributes}
                  for i in range(len(numbered))],
            ids=[_id(cell) for cell in by_name.get(self.id_column, [])],
            lines=[number for number, _ in numbered],
            own={name: by_name[name] for name in self.header.unknown},
            target=by_name.get(self.target_column, []),
            remarks=[*self.header.remarks(rows.empty, rows.comments), *points],
            unknown=self.header.unknown,
        )  # fmt: skip


# ---- the header


def plain(name: str) -> str:
    """Its letters and digits alone, small; R's X before a digit is none of them."""
    letters = re.sub(r"[^a-z0-9]", "", name.lower())
    return letters[1:] if re.match(r"x\d", letters) else letters


@dataclass(frozen=True)
class _Header(Header):
    """The same, with what each column is: which were spelled otherwise, and what those that are no
    field may have been meant by."""

    renamed: dict[str, str]
    unknown: dict[str, list[str]]

    @classmethod
    def find(cls, file: TextIO, known: Sequence[str], mapping: Mapping[str, str]) -> "_Header":
        """The line and the separator by which most columns are known."""
        refuse_empty(file)
        spelled = {plain(name) for name in (*known, *mapping)}
        found = [
            (len({plain(cell) for cell in cells} & spelled), -i, -k, separator, number, cells)
            for k, separator in enumerate(SEPARATORS)
            for i, (number, cells) in enumerate(islice(read(file, separator), HEADER_WITHIN))
        ]
        count, above, _, separator, number, cells = max(found, default=(0, 0, 0, ",", 0, []))
        if not count:
            raise BadTable("The first line names no column of this table: is the header missing?")
        limit_columns(cells, MOST_COLUMNS)
        header = [cell.strip() for cell in cells]
        return cls(separator, number, -above, *_named(header, known, mapping))

    def remarks(self, empty: int, comments: int) -> list[str]:
        """How the file was read, where that is not as it stands."""
        said = super().remarks(empty, comments)
        if self.renamed:
            pairs = ", ".join(f"{column!r} as {name}" for column, name in self.renamed.items())
            said.append(f"Columns read by their letters: {pairs}.")
        return [*said, *([unread(self.unknown)] if self.unknown else [])]


def _named(
    header: Sequence[str], known: Sequence[str], mapping: Mapping[str, str]
) -> tuple[list[str], dict[str, str], dict[str, list[str]]]:
    """What each column is; those that were spelled otherwise; and what unknown ones may be."""
    letters = {plain(name): name for name in known}
    names = [
        (mapping[column] or _beside(column, letters)) if column in mapping
        else column if column in known
        else letters.get(plain(column), column)
        for column in header
    ]  # fmt: skip
    for column, name in mapping.items():
        if name and name not in known:
            raise BadTable(f"{column!r} cannot be {name!r}: {_meant(name, known)}")
        if column not in header:
            raise BadTable(f"There is no column {column!r} in the file.")
    refuse_twice(names)
    pairs = [*zip(header, names, strict=True)]
    renamed = {column: name for column, name in pairs if column != name and name in known}
    unknown = {
        name: [letters[near] for near in get_close_matches(plain(column), letters, NEAR)]
        if mapping.get(column) != ""
        else []
        for column, name in pairs
        if name and name not in known
    }
    return names, renamed, unknown


def _beside(column: str, letters: Mapping[str, str]) -> str:
    """What a column is called that is none of the fields, though it may have the name of one."""
    return f"{column} (beside)" if plain(column) in letters else column


def _meant(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, 1)
    return f"there is no such field.{f' Did you mean {near[0]!r}?' if near else ''}"


def unread(unknown: Mapping[str, list[str]]) -> str:
    """All columns that are no field, once, each with what may have been meant."""
    said = ", ".join(
        f"{shown(column)}{f' ({near[0]}?)' if near else ''}" for column, near in unknown.items()
    )
    what = "1 column is no field and is" if len(unknown) == 1 else (
        f"{len(unknown)} columns are no field and are"
    )  # fmt: skip
    return f"{what} not read: {said}."


def _value(cell: str, one: InputField) -> Value:
    """None for what is missing everywhere; a number where one is due; else text, to be checked."""
    if cell in ("", "NA") and cell not in one.known:
        return None
    return one.number(cell) if one.is_number else cell


def _id(cell: str) -> int | str:
    """A whole number where that loses nothing, such as leading zeros."""
    return int(cell) if WHOLE.fullmatch(cell) and str(int(cell)) == cell else cell
