"""Rows from text: which separator, which line is the header, which column is which field."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import islice
from typing import Any, TextIO, TypedDict

from ml.schema.delimited import (
    HEADER_WITHIN,
    MOST_COLUMNS,
    SEPARATORS,
    Header,
    Line,
    Rows,
    bare,
    index_of,
    is_number,
    limit_columns,
    read,
    refuse_empty,
    refuse_twice,
    signs,
)
from ml.schema.fields import WHOLE, InputField, Value, pointed, shown
from ml.schema.reading import BadTable

MOST_LISTED = 8  # columns of a table that are named to somebody who has none of them
ALIKE = 0.8  # of the letters of a name, where it may be a slip of the pen
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
    thousands: dict[str, int]  # and those whose points separate thousands

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
        header = find_header(file, known, mapping, strict=strict)
        numbers = [one for one in fields if one.is_number and one.name in header.names]
        found = ({}, {}) if header.separator == "," else signs(Rows(file, header, most), numbers)
        return cls(file, fields, id_column, target_column, most, header, *found)

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
        levels = {one.name for one in self.fields if one.kind == "level"}  # blanks are told
        by_name = {
            name: [line[j] if name in levels else line[j].strip() for _, line in numbered]
            for j, name in enumerate(names)
        }
        for name in self.thousands:
            by_name[name] = [bare(cell) for cell in by_name[name]]
        for name in self.points:
            by_name[name] = [pointed(cell) for cell in by_name[name]]
        attributes = [(one, by_name[one.name]) for one in self.fields if one.name in by_name]
        points = [
            f"{name}: {what} in {count:,} value{'s' * (count > 1)}."
            for what, counts in (
                ("commas read as decimal points", self.points),
                ("points read as separators of thousands", self.thousands),
            )
            for name, count in counts.items()
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
    letters = re.sub(r"[\W_]", "", name.casefold())
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
            (_count_named(cells, spelled), -i, -k, separator, number, cells)
            for k, separator in enumerate(SEPARATORS)
            for i, (number, cells) in enumerate(islice(read(file, separator), HEADER_WITHIN))
        ]
        count, above, _, separator, number, cells = max(found, default=(0, 0, 0, ",", 0, []))
        if not count:
            raise BadTable(
                "The first line names no column of this table: is the header missing? It has"
                f" {_listed(known)}."
            )
        limit_columns(cells, MOST_COLUMNS)
        header = [cell.strip() for cell in cells]
        index = index_of(file, separator, number, header)
        header[:1] = [index or header[0]]
        return cls(separator, number, -above, index=index, **_named(header, known, mapping))

    def remarks(self, empty: int, comments: int) -> list[str]:
        """How the file was read, where that is not as it stands."""
        said = super().remarks(empty, comments)
        said += _respelled(self.renamed)
        others = {name: near for name, near in self.unknown.items() if name != self.index}
        return [*said, *([unread(others)] if others else [])]


def _count_named(cells: Sequence[str], spelled: set[str]) -> int:
    """How many columns a line names; none where it has more numbers, as a row has."""
    letters = {plain(cell) for cell in cells}
    count = len(letters & spelled)
    numbers = sum(is_number(cell) and plain(cell) not in spelled for cell in cells)
    return count if count >= numbers else 0


def find_header(
    file: TextIO, known: Sequence[str], mapping: Mapping[str, str] | None, *, strict: bool
) -> _Header:
    """The line that names the columns. Raises BadTable, if `strict` also where one is no field."""
    header = _Header.find(file, known, mapping or {})
    if strict and header.unknown:
        raise BadTable(unread(header.unknown))
    return header


class _Columns(TypedDict):
    """What each column is; those that were spelled otherwise; and what unknown ones may be."""

    names: list[str]
    renamed: dict[str, str]
    unknown: dict[str, list[str]]


@dataclass(frozen=True)
class Spelled:
    """Rows with the names of their fields, however these were spelled, and in words how."""

    rows: list[Any]
    remarks: list[str]

    @classmethod
    def of(cls, rows: Sequence[Any], known: Mapping[str, Any], *, own: bool) -> "Spelled":
        """Rows that are no file's: what is no field is left out where they may have columns of
        their `own`, unless it is nearly the name of a field that the row lacks: a slip.

        Raises:
            BadTable: for a field that a row has twice.
        """
        kinds = {
            tuple(row)
            for row in rows
            if isinstance(row, Mapping) and not row.keys() <= known.keys()
            if all(isinstance(name, str) for name in row)
        }
        if not kinds:
            return cls([*rows], [])
        found = {kind: _named(kind, [*known], {}) for kind in sorted(kinds)}
        renamed, unknown = dict[str, str](), dict[str, list[str]]()
        for each in found.values():
            renamed |= each["renamed"]
            if own:
                unknown |= _no_slips(each, known)
        read = [
            {
                name: value
                for name, value in zip(found[tuple(row)]["names"], row.values(), strict=True)
                if name not in unknown
            }
            if isinstance(row, Mapping) and tuple(row) in found
            else row
            for row in rows
        ]
        return cls(read, [*_respelled(renamed), *([unread(unknown)] if unknown else [])])


def _no_slips(columns: "_Columns", known: Iterable[str]) -> dict[str, list[str]]:
    """Columns that are no field, but for what is nearly the name of a field that is not there."""
    lacking = [plain(one) for one in known if one not in columns["names"]]
    return {
        name: near
        for name, near in columns["unknown"].items()
        if not get_close_matches(plain(name), lacking, 1, ALIKE)
    }


def _respelled(renamed: Mapping[str, str]) -> list[str]:
    pairs = ", ".join(f"{column!r} as {name}" for column, name in renamed.items())
    return [f"Columns read by their letters: {pairs}."] if renamed else []


def _named(header: Sequence[str], known: Sequence[str], mapping: Mapping[str, str]) -> _Columns:
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
    pairs = [*zip(header, names, strict=True)]
    _refuse_twice(pairs)
    renamed = {column: name for column, name in pairs if column != name and name in known}
    unknown = {
        name: [letters[near] for near in get_close_matches(plain(column), letters, NEAR)]
        if mapping.get(column) != ""
        else []
        for column, name in pairs
        if name and name not in known
    }
    return {"names": names, "renamed": renamed, "unknown": unknown}


def _refuse_twice(pairs: Sequence[tuple[str, str]]) -> None:
    """Raises BadTable where two columns are one field, or have one name."""
    spelled = dict[str, list[str]]()
    for column, name in pairs:
        spelled.setdefault(name, []).append(column)
    refuse_twice([column for column, _ in pairs])
    for name, columns in spelled.items():
        if name and len(columns) > 1:
            both = " and ".join(map(repr, columns))
            raise BadTable(f"The header has columns twice: {both} are both {name}. Take one out.")


def _listed(known: Sequence[str]) -> str:
    more = f" and {len(known) - MOST_LISTED} more" if len(known) > MOST_LISTED else ""
    return ", ".join(known[:MOST_LISTED]) + more


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
    if (bare := cell.strip()) in ("", "NA") and bare not in one.known:
        return None
    return one.number(cell) if one.is_number else cell


def _id(cell: str) -> int | str:
    """A whole number where that loses nothing, such as leading zeros."""
    return int(cell) if WHOLE.fullmatch(cell) and str(int(cell)) == cell else cell
