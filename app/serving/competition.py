"""A test table beside a train table: read as that is, held beside it, and predicted."""

import csv
import io
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy.orm import Session

from app.errors import Conflict, Invalid, NotFound
from app.serving.own import look, read_any, rows_of
from app.serving.predictors import Served, of_job
from app.serving.prices import price_each
from app.store.jobs import RunStore
from app.store.sessions import readers
from app.store.tables import Tables, named
from ml.data import tables as packing
from ml.pricing import exact
from ml.schema import InvalidRows

PART = 250  # rows that are predicted at once
KEPT = 4  # tables whose difference is remembered
SHOWN = 3  # levels that are named
MORE_MISSING = 0.1  # of the rows: a difference that is told
Rows = Sequence[Mapping[str, Any]]


def keep(
    session: Session, name: str, body: bytes, text: Collection[str] = ()
) -> tuple[list[str], int]:
    """Keep the rows of a file beside a table, in the place of others; gives what is to be told of
    it, and how many they are. Columns of `text` are read so, as they were in the train table.

    Raises:
        NotFound: where there is no such table.
        Conflict: where it is one of house sales, or of questions.
        Invalid: where the file is no table like it.
    """
    tables = Tables(session)
    table = tables.get(name)
    if not table.target:
        raise Conflict(
            f"Table {name} has no target to be predicted of others: a test table goes beside rows"
            " of anything, added with one."
        )
    train = packing.unpacked(tables.payload(name) or b"")
    rows, remarks = like(train, body, table.target, text)
    tables.keep_test(table, rows)
    return remarks, len(rows)


def like(
    train: Rows, body: bytes, target: str, text: Collection[str] = ()
) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of a file, with the columns that a train table has; and what is to be told of them.

    Raises Invalid where it is no table, no column is one of the train table's, or one is of words
    there where that has numbers.
    """
    words = {name for name in train[0] if _of_words(train, name)} | {*text}
    table, told = read_any(body)
    if again := [name for name in table.names if name in words]:
        table, told = read_any(body, again)
    there = [name for name in train[0] if name in table.names]
    if not {*there} - {target}:
        raise Invalid(
            "The test table has no column of the train table's: it needs "
            f"{_listed([name for name in train[0] if name != target])}."
        )
    for name in there:
        if name not in words and (word := _first_word(table.rows, name)) is not None:
            raise Invalid(
                f"{name} is a column of numbers in the train table, and of words in the test table,"
                f" such as {word[:40]!r}."
            )
    missing = [name for name in train[0] if name not in {*there, target}]
    unknown = [name for name in table.names if name not in train[0]]
    lacks = f"The test table does not have {_listed(missing)}: not known in any of its rows."
    beside = f"The train table does not have {_listed(unknown)}: not read."
    remarks = [*told, *table.remarks, *[lacks] * bool(missing), *[beside] * bool(unknown)]
    return [{name: row[name] for name in there} for row in table.rows], remarks


def _of_words(rows: Rows, name: str) -> bool:
    return _first_word(rows, name) is not None


def _first_word(rows: Rows, name: str) -> str | None:
    return next((row[name] for row in rows if isinstance(row[name], str)), None)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(names[:8]) + more


# ---- how it differs


@lru_cache(maxsize=KEPT)
def differences(name: str, test: str) -> tuple[str, ...]:
    """In what the rows of the test table `test` are unlike those of the table beside it: a sentence
    a column that is an input, of values that no train row has, and of more that are missing."""
    found, train = look(name), rows_of(name)
    with readers()() as session:
        rows = _kept(session, name, test)
    kinds = {column.name: column.kind for column in found.told.columns}
    chosen = [column for column in found.chosen if column in rows[0]]
    sentences = (
        sentence
        for column in chosen
        for sentence in _differs(
            column, kinds[column], [row[column] for row in train], [row[column] for row in rows]
        )
    )
    return tuple(sentences)


def _differs(name: str, kind: str, train: Sequence[Any], test: Sequence[Any]) -> list[str]:
    seen, rows = {*train} - {None}, [value for value in test if value is not None]
    told = []
    if kind in {"number", "integer"} and seen and rows:
        low, high = min(seen), max(seen)
        if out := [value for value in rows if not low <= value <= high]:
            far = max(out, key=lambda value: max(low - value, value - high))
            told.append(
                f"{name}: {_of(len(out), test)} beyond {low:,.6g} to {high:,.6g}, as far as"
                f" {far:,.6g}."
            )
    elif kind == "levels" and (new := Counter(value for value in rows if value not in seen)):
        levels = ", ".join(str(level)[:40] for level, _ in new.most_common(SHOWN))
        more = ", ..." if len(new) > SHOWN else ""
        told.append(
            f"{name}: {_of(new.total(), test)} of levels that no train row has ({levels}{more})."
        )
    was, now = (sum(value is None for value in side) / len(side) for side in (train, test))
    if now - was >= MORE_MISSING:
        told.append(f"{name}: missing in {now:.0%} of the rows, in {was:.0%} of the train rows.")
    return told


def _of(count: int, rows: Sequence[Any]) -> str:
    return f"{count:,} of {len(rows):,} rows {'is' if count == 1 else 'are'}"


# ---- predicted


def export(session: Session, job_id: int) -> str:
    """The file to submit of the model that a job has made: id and target of each test row, in its
    file's order; of houses those of the competition.

    Raises:
        NotFound: where there is no such job.
        Conflict: where it has made no predictor, there is no test table, or a row of that has no
            answer.
    """
    served = of_job(session, job_id)
    if served.of_houses:
        return served.predictor.submission()
    name = named(RunStore(session).get(job_id).experiment)
    table = Tables(session).find(name) if name else None
    if table is None or table.test_name is None:
        raise Conflict(
            f"There is no test table beside what job {job_id} has learnt from:"
            f" PUT /api/v1/tables/{name or '<table>'}/test keeps one, as does"
            " `ridgeline tables add TRAIN --target COLUMN --test FILE`."
        )
    return _lines(served, _kept(session, name, table.test_name))


def _lines(served: Served, rows: Rows) -> str:
    schema = served.predictor.card.input_schema
    inputs = [field.name for field in schema.fields]
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n").writerow
    write([schema.id_column, schema.target_column])
    for first in range(0, len(rows), PART):
        part = rows[first : first + PART]
        values = [{name: row.get(name) for name in inputs} for row in part]
        try:
            checked = schema.check(values)
        except InvalidRows as error:
            place = first + error.errors[0].row + 1
            raise Conflict(f"Row {place} of the test table: {error.errors[0].message}") from None
        priced, lost = price_each(served, checked)
        for place, why in lost.items():
            raise Conflict(f"Row {first + place + 1} of the test table has no answer. {why}")
        for i, (said, value) in enumerate(zip(part, priced.price.tolist(), strict=True), first + 1):
            write([_id(said.get(schema.id_column), i), exact(value)])
    return out.getvalue()


def _id(value: Any, place: int) -> Any:
    """As the file has it; the place of a row that has none."""
    if value is None:
        return place
    return f"{value:.15g}" if isinstance(value, float) else value


def _kept(session: Session, name: str, test: str) -> list[dict[str, Any]]:
    payload = Tables(session).test_payload(name)
    if payload is None or packing.name_of(payload) != test:
        raise NotFound(f"The test table of {name} has just been deleted or replaced.")
    return packing.unpacked(payload)
