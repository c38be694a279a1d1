"""Lists of jobs: searched by words and fields, sorted, from a cursor on."""

import base64
import json
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Select, String, and_, cast, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from app.store.models import LARGEST, Job
from app.store.states import JobStatus

SORTS: dict[str, InstrumentedAttribute[Any]] = {
    "id": Job.id, "valid": Job.valid, "best_valid": Job.best_valid, "train": Job.train,
    "created_at": Job.created_at, "name": Job.name, "status": Job.status,
}  # fmt: skip
"""What a list of jobs can be sorted by."""
VALUES = ("valid", "best_valid", "train")
"""What of this is a number of the job's measure, which has a rank only among its own."""
TEXTS = {"name", "status"}
"""Those of them that are no numbers."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Which jobs, in which order, from where on."""

    status: JobStatus | None = None
    name: str = ""
    names: tuple[str, ...] = ()  # any of these
    tag: str = ""
    measure: str = ""
    text: str = ""
    sort: str = "id"
    descending: bool = True
    after: tuple[Any, int] | None = None  # value of `sort` and id of the last job seen
    limit: int = 50

    @property
    def order(self) -> str:
        """The column, with a minus where it goes from high to low."""
        return f"-{self.sort}" if self.descending else self.sort

    def cursor(self, job: Job) -> str:
        """The place behind this job, as text for an address: order, value and id."""
        value = getattr(job, self.sort)
        plain = value.timestamp() if isinstance(value, datetime) else value
        return base64.urlsafe_b64encode(orjson.dumps([self.order, plain, job.id])).decode()

    def behind(self, cursor: str) -> "Listing":
        """This listing from a place on.

        Raises:
            ValueError: where the text is no cursor of a list in this order.
        """
        order, value, job_id = orjson.loads(base64.urlsafe_b64decode(cursor))
        if order != self.order or not isinstance(job_id, int) or abs(job_id) > LARGEST:
            raise ValueError(cursor)
        return replace(self, after=(job_id if self.sort == "id" else self._plain(value), job_id))

    def _plain(self, value: object) -> object:
        """A value that can be compared with those of the column."""
        text = isinstance(value, str) and "\0" not in value
        if value is None or (self.sort in TEXTS and text):
            return value
        if self.sort not in TEXTS and isinstance(value, int | float):
            return float(value)
        raise ValueError(value)


def page(listing: Listing) -> Select[Any]:
    """The jobs of a listing, in its order; those without a value to sort by come last."""
    column = SORTS[listing.sort]
    query = filtered(select(Job), listing)
    if listing.after is not None:
        query = query.where(_beyond(column, listing))
    order = [column.desc(), Job.id.desc()] if listing.descending else [column.asc(), Job.id.asc()]
    return query.order_by(column.is_(None), *order).limit(listing.limit)


def filtered(query: Select[Any], listing: Listing) -> Select[Any]:
    """The query, of the jobs that a listing is about."""
    if listing.status:
        query = query.where(Job.status == listing.status)
    if listing.name:
        query = query.where(Job.name == listing.name)
    if listing.names:
        query = query.where(Job.name.in_(listing.names))
    if listing.measure:
        query = query.where(Job.measure == listing.measure)
    if listing.tag:
        query = query.where(_contains(cast(Job.tags, String), f'"{listing.tag}"'))
    for word in listing.text.lower().split():
        query = query.where(_matches(word))
    return query


def _beyond(column: InstrumentedAttribute[Any], listing: Listing) -> ColumnElement[bool]:
    """After the cursor in the order of the listing: jobs without a value come last."""
    value, job_id = listing.after or (None, 0)
    further = Job.id < job_id if listing.descending else Job.id > job_id
    if value is None:
        return and_(column.is_(None), further)
    past = column < value if listing.descending else column > value
    return or_(past, and_(column == value, further), column.is_(None))


def _matches(word: str) -> ColumnElement[bool]:
    """A word of a search: `#12`, `lr=0.01` as in the config, or part of a name, label or tag."""
    if word.startswith("#") and word[1:].isdecimal():
        return Job.id == min(int(word[1:][:18]), LARGEST)
    key, equals, value = word.partition("=")
    if equals and key.isidentifier():
        config = func.lower(cast(Job.experiment, String))
        forms = [f'"{key}": {form}' for form in _forms(value)]
        return or_(*(_contains(config, form + end) for form in forms for end in (",", "}")))
    columns = (Job.name, Job.label, cast(Job.status, String), cast(Job.tags, String))
    return or_(*(_contains(func.lower(column), word) for column in columns))


def _forms(value: str) -> set[str]:
    """How a value may stand in JSON: 5 as 5.0, text in quotes, 128,64 as a list."""
    forms = {value, f'"{value}"', f"[{', '.join(part.strip() for part in value.split(','))}]"}
    with suppress(ValueError):
        forms.add(json.dumps(float(value)))
        forms.add(json.dumps(int(float(value))) if float(value).is_integer() else value)
    return forms


def _contains(column: ColumnElement[Any], part: str) -> ColumnElement[bool]:
    return column.contains(part, autoescape=True)
