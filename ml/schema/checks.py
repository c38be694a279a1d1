"""Checking rows against fields: all errors at once, and a warning where a model must guess."""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache

from ml.schema.dates import SHORT_YEARS
from ml.schema.fields import LONGEST, Change, InputField, Refused, Value, shown, told

MAX_ERRORS = 100  # told one by one; the rest is only counted
REMEMBERED = 1_000  # values of a field whose meaning is not found anew
CHANGED: dict[Change, str] = {
    "blanks": "read without the blanks around",
    "case": "read as a level of the same letters",
    "missing": "taken for missing",
    "grouped": "read as a number without its signs",
    "comma": "read with a point for the comma",
    "fraction": "taken as it is, though no whole number",
    "century": f"read with years of two digits, {SHORT_YEARS}",
}


@dataclass(frozen=True, slots=True)
class RowWarning:
    """A value that is allowed, but beyond what training has seen."""

    column: str
    value: Value
    message: str


@dataclass(frozen=True, slots=True)
class RowError:
    """A value that is refused: in which row (from 0) and column, and what would be allowed."""

    row: int
    column: str
    value: Value
    allowed: str
    message: str
    line: int | None = None  # of the file that the rows came from, if they did

    @property
    def place(self) -> str:
        """Where a reader finds the row: "Row 0", or "Line 2" of a file."""
        return _place(self.row, self.line)


class InvalidRows(ValueError):
    """Rows that were refused: their first 100 errors, and how many there are in `total`."""

    def __init__(self, errors: Sequence[RowError], total: int) -> None:
        self.errors = tuple(errors[:MAX_ERRORS])
        self.total = total
        first = f"{errors[0].place}: {errors[0].message}"
        super().__init__(first if total == 1 else f"{total} errors in the rows. {first}")

    def join(self, later: "InvalidRows") -> "InvalidRows":
        """With those of rows that come after these."""
        return InvalidRows([*self.errors, *later.errors], self.total + later.total)


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """One row, ready to encode: what it says of each field, and no more.

    None says that there is none of it, or that training has rows that do not say it either.
    """

    values: dict[str, Value]
    imputed: list[str]  # fields that it does not say
    warnings: list[RowWarning]
    place: str  # as errors name it


@dataclass
class Changes:
    """What was read otherwise than it stands: how often by column and kind, and the first of it."""

    counts: Counter[tuple[str, Change]] = field(default_factory=Counter)
    first: dict[tuple[str, Change], object] = field(default_factory=dict)

    @property
    def remarks(self) -> list[str]:
        """A sentence a column and kind."""
        return [
            f"{column}: {count:,} {'value' if count == 1 else 'values'} {CHANGED[change]}"
            f" ({shown(self.first[column, change])})."
            for (column, change), count in self.counts.items()
        ]

    def note(self, column: str, change: Change, value: object) -> None:
        """That a value was read so."""
        self.counts[column, change] += 1
        self.first.setdefault((column, change), value)

    def join(self, later: "Changes") -> None:
        """Those of rows that come after these."""
        self.counts += later.counts
        self.first = later.first | self.first


@dataclass(frozen=True, slots=True)
class Checked:
    """All rows, in their order, and what of them was read otherwise than it stands."""

    rows: list[CheckedRow]
    changes: Changes = field(default_factory=Changes)
    names: Sequence[str] = ()  # how those of fields were read, in words

    @property
    def remarks(self) -> list[str]:
        """How the rows were read, in words."""
        return [*self.names, *self.changes.remarks]

    @property
    def values(self) -> list[dict[str, Value]]:
        """What an encoder reads."""
        return [row.values for row in self.rows]


class Meanings:
    """One field, and what values of it mean: each that comes often is read but once."""

    def __init__(self, known: InputField, noun: str) -> None:
        self.field, self._noun = known, noun
        self._met: dict[tuple[type, object], tuple[Value, Change | None, str]] = {}

    def of(self, value: object) -> tuple[Value, Change | None, str]:
        """The value as it is encoded, in what it was read otherwise, and what is doubtful of it.

        Raises:
            Refused: as `InputField.read`.
        """
        key = type(value), value  # True is no 1
        try:
            return self._met[key]
        except KeyError:
            found = self._read(value)
        except TypeError:  # a list, say
            return self._read(value)
        if len(self._met) < REMEMBERED and len(str(value)) <= LONGEST:
            self._met[key] = found
        return found

    def _read(self, value: object) -> tuple[Value, Change | None, str]:
        cleaned, change = self.field.read(value)
        doubt = "" if cleaned is None else self.field.doubt(cleaned, self._noun)
        return cleaned, change, doubt


@dataclass
class _Report:
    """The errors so far; messages are only made for those that will be told."""

    lines: Sequence[int]
    errors: list[RowError] = field(default_factory=list)
    total: int = 0
    changes: Changes = field(default_factory=Changes)

    def line(self, row: int) -> int | None:
        """Its line in the file that the rows came from, if they did."""
        return self.lines[row] if self.lines else None

    def add(self, row: int, column: str, value: object, allowed: str, message: str) -> None:
        self.total += 1
        if len(self.errors) < MAX_ERRORS:
            line = self.line(row)
            self.errors.append(RowError(row, column, _echo(value), allowed, message, line))


def check(
    meanings: Sequence[Meanings],
    rows: Sequence[object],
    *,
    strict: bool = False,
    lines: Sequence[int] = (),
    others: Collection[str] = (),
) -> Checked:
    """Every row with cleaned values, imputed fields and warnings; `strict` makes these errors.

    `meanings` are of the fields, in order. `lines` are those of the file the rows came from, if
    they did: errors then name these. What stands under the names of `others` is passed over: an id,
    a target. A row that says nothing at all is refused: nobody has asked for the price of anything.

    Raises:
        InvalidRows: with the errors of all rows.
    """
    fields = [one.field for one in meanings]
    report, names = _Report(lines), [known.name for known in fields]
    suggestion = cache(lambda name: suggest(name, names))
    checked = []
    for i, row in enumerate(rows):
        if not isinstance(row, Mapping):
            report.add(i, "", row, "an object", f"The row is {shown(row)}; it must be an object.")
            continue
        before = report.total
        checked.append(_row(i, row, meanings, fields, report))
        for name in row.keys() - names - {*others}:
            report.add(i, str(name), row[name], "", suggestion(name))
        if report.total == before and len(checked[-1].imputed) == len(fields):
            report.add(i, "", "", "at least one field", nothing(fields))
        for warning in checked[-1].warnings if strict else ():
            report.add(i, warning.column, warning.value, "as in training", warning.message)
    if report.total:
        raise InvalidRows(report.errors, report.total)
    return Checked(checked, report.changes)


def _row(
    i: int,
    row: Mapping[object, object],
    meanings: Sequence[Meanings],
    fields: Sequence[InputField],
    report: _Report,
) -> CheckedRow:
    values: dict[str, Value] = {}
    warnings = []
    for one in meanings:
        name = one.field.name
        if name not in row:
            continue
        try:
            value, change, doubt = one.of(row[name])
        except Refused as refused:
            report.add(i, name, row[name], one.field.allowed, str(refused))
            continue
        values[name] = value
        if change:
            report.changes.note(name, change, row[name])
        if doubt:
            warnings.append(RowWarning(name, _echo(value), doubt))
    said = told(fields, values)
    imputed = [
        known.name
        for known in fields
        if said.get(known.name) is None and not (known.none and known.name in said)
    ]
    return CheckedRow(said, imputed, warnings, _place(i, report.line(i)))


def _place(row: int, line: int | None) -> str:
    """An editor counts lines from 1, an array rows from 0."""
    return f"Row {row}" if line is None else f"Line {line}"


def nothing(fields: Sequence[InputField]) -> str:
    """That a row says nothing, and what it might."""
    first = min(fields, key=lambda known: known.first or len(fields))
    return (
        f"Nothing is known, so there is no answer. Tell one field at least, such as {first.name}."
    )


def suggest(name: object, names: Sequence[str]) -> str:
    """That there is no such field, and which one is spelled almost like it."""
    lower = {known.lower(): known for known in names}
    close = get_close_matches(str(name)[:100].lower(), lower, n=1)
    hint = f" Did you mean {lower[close[0]]!r}?" if close else ""
    return f"There is no field {shown(name)}.{hint}"


def _echo(value: object) -> Value:
    """The value as JSON can carry it back, shortened."""
    if isinstance(value, bool) or (isinstance(value, int) and abs(value) < 2**53):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return value if isinstance(value, str) and len(value) <= 60 else shown(value)
