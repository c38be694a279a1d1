"""Tables of anything that people bring: read, looked at, and what a first fit makes of them."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy.orm import Session

from app.errors import Conflict, Invalid, NotFound, instead
from app.errors import Fault as Wrong
from app.serving.tables import opened
from app.store.sessions import readers
from app.store.tables import Tables
from ml.data import tables as packing
from ml.schema import BadTable
from ml.tabular.first_fit import FirstFit, first_fit
from ml.tabular.own import OwnTable, Unlearnable, orders
from ml.tabular.profile import Column, Profile, profile
from ml.tabular.reading import AnyTable, BadCells, Fault, read

KEPT = 2  # tables that have been looked at: one may have millions of cells
FEW = 20  # values of a column that may be predicted


@dataclass(frozen=True, slots=True)
class Own:
    """Rows of a file, which column is to be predicted, and how the file was read."""

    rows: list[dict[str, Any]]
    target: str | None
    remarks: list[str]


def own_of(body: bytes, target: str = "", text: Sequence[str] = ()) -> Own:
    """The rows of a file; without a target the last column of many numbers is proposed.

    Raises:
        Invalid: where it is no table, cells of it cannot be, or there is no such column of numbers.
    """
    table, told = read_any(body, text)
    numbers = _numbers(table.rows, table.names)
    if target and target not in table.names:
        raise Invalid(f"There is no column {target!r}.{instead(target, table.names)}")
    if target and target not in numbers:
        raise Invalid(f"{target} is no column of numbers: it cannot be predicted.")
    if not numbers:
        raise Invalid("The table has no column of numbers: there is nothing to predict.")
    return Own(table.rows, target or numbers[-1], [*told, *table.remarks])


def read_any(body: bytes, text: Sequence[str] = ()) -> tuple[AnyTable, list[str]]:
    """A file as a table, and how it was unpacked. Raises Invalid as `own_of`."""
    with opened(io.BytesIO(body)) as (lines, told):
        try:
            return read(lines, text=text), told
        except BadCells as error:
            faults = [
                Wrong(loc=["body", one.line, one.column], message=_sentence(one), input=one.value)
                for one in error.faults
            ]
            raise Invalid(str(error), faults) from None
        except BadTable as error:
            raise Invalid(str(error)) from None


def _sentence(fault: Fault) -> str:
    return f"Line {fault.line}: {fault.column} is {fault.value}; {fault.reason}."


def _numbers(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> list[str]:
    """Columns of numbers, those of few different ones first."""
    found = dict[str, int]()
    for name in names:
        values = {row[name] for row in rows} - {None}
        if values and not any(isinstance(value, str) for value in values):
            found[name] = len(values)
    return sorted(found, key=lambda name: found[name] > FEW)


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen of a table; `chosen` are the inputs, `fit` what a first fit makes of these."""

    told: Profile
    names: tuple[str, ...]  # of columns, as in the file
    chosen: tuple[str, ...]
    identifier: str
    fit: FirstFit | None
    reason: str  # why nothing can be learnt; empty where it can
    dates: tuple[str, ...]  # what comes first in those of columns, as somebody says

    def role(self, column: Column) -> str:
        """What a column is to be, as asked."""
        if column.name in {self.told.target, self.identifier}:
            return "target" if column.name == self.told.target else "name"
        if column.name in self.chosen:
            return "input"
        return "name" if column.role == "name" and not self.identifier else "left out"

    @property
    def headline(self) -> str:
        """What is known beforehand, in a sentence."""
        rows = f"{self.told.known:,} of {self.told.rows:,} rows have {self.told.target}"
        if self.fit is None:
            return f"{rows}. {self.reason}"
        return (
            f"{rows}; a first fit from {len(self.chosen)} columns explains"
            f" {max(0.0, self.fit.explained):.0%} of {'its logarithm' if self.told.log else 'it'}."
        )


def look(
    name: str,
    target: str = "",
    inputs: Sequence[str] = (),
    identifier: str = "",
    scale: str = "auto",
    dates: Sequence[str] = (),
) -> Looked:
    """A table of the store, with a target, by default that which it was added with; `dates` say
    what comes first in those of columns: "sold=dmy".

    Raises:
        NotFound: where there is no such table.
        Conflict: where it is one of house sales.
        Invalid: where there are no such columns.
    """
    with readers()() as session:
        usual = Tables(session).get(name).target
    if usual is None:
        raise Conflict(f"Table {name} is of house sales: train house_ensemble on it.")
    return _look(name, target or usual, tuple(inputs), identifier, scale, tuple(dates))


def columns(session: Session, name: str) -> list[str]:
    """Of a table of any kind. Raises NotFound."""
    tables = Tables(session)
    tables.get(name)
    return [*packing.columns(tables.payload(name) or b"")]


@lru_cache(maxsize=KEPT)
def rows_of(name: str) -> list[dict[str, Any]]:
    """Rows of a table, by a session of its own, so that a cache may hold them. Raises NotFound."""
    with readers()() as session:
        payload = Tables(session).payload(name)
    if payload is None:
        raise NotFound(f"Table {name} has just been deleted.")
    return packing.unpacked(payload)


@lru_cache(maxsize=64)
def _look(
    name: str,
    target: str,
    inputs: tuple[str, ...],
    identifier: str,
    scale: str,
    dates: tuple[str, ...],
) -> Looked:
    rows, log = rows_of(name), None if scale == "auto" else scale == "log"
    if target not in rows[0]:
        raise Invalid(f"There is no column {target!r}.{instead(target, rows[0])}")
    try:
        asked = orders(dates)
    except Unlearnable as error:
        raise Invalid(str(error)) from None
    try:
        table = OwnTable.of(
            rows, target, inputs=inputs, identifier=identifier, log=log, dates=dates
        )
    except Unlearnable as error:
        told = profile(rows, target, log=log, dates=asked)
        chosen = inputs or tuple(one.name for one in told.columns if one.role == "input")
        return Looked(told, tuple(rows[0]), chosen, identifier, None, str(error), dates)
    fit = first_fit(table)
    return Looked(table.told, tuple(rows[0]), table.inputs, identifier, fit, "", dates)
