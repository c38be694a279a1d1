"""Tables of one's own, of sales and of anything else, and who has learnt from them."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.orm import Session, undefer

from app.errors import Conflict, NotFound, short
from app.store.models import Job, Table, Version
from app.store.sessions import now
from app.store.states import FINAL, JobStatus
from ml.data import tables

FIELDS = ("sales", "table")  # of an experiment: the table that it learns from
QUESTIONS = "questions"  # and the one that its rows are weighted towards
NAMED: ColumnElement[str] = func.coalesce(*(Job.experiment[f].as_string() for f in FIELDS))
ASKED: ColumnElement[str] = Job.experiment[QUESTIONS].as_string()
ALIVE = Job.status.not_in(FINAL - {JobStatus.succeeded})  # that learn or have learnt


def named(experiment: Mapping[str, Any]) -> str:
    """The table that an experiment learns from; empty where it names none."""
    return next((str(experiment[field]) for field in FIELDS if experiment.get(field)), "")


def all_named(experiment: Mapping[str, Any]) -> list[str]:
    """That table, and the one that its rows are weighted towards, where it names them."""
    return [name for name in (named(experiment), experiment.get(QUESTIONS)) if name]


class Tables:
    """Every query of these; it never commits."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def add(
        self,
        rows: Sequence[Mapping[str, Any]],
        about: str,
        *,
        target: str | None = None,
        version: int | None = None,
        added: int = 0,
    ) -> Table:
        """Keep rows, `added` of which a version has not learnt from; the same are kept once, and
        what is said of them last stays. Without a target they are sales of houses; of questions it
        is empty."""
        payload = tables.packed(rows)
        name = tables.name_of(payload)
        plain = "".join(c if c.isprintable() else " " for c in about).strip()[:300]
        if (there := self.find(name)) is not None:
            there.about, there.target = plain, target
            return there
        made = Table(
            name=name, created_at=now(), rows=len(rows), target=target, about=plain,
            version_id=version, added=added, payload=payload,
        )  # fmt: skip
        self.session.add(made)
        self.session.flush()
        return made

    def all(self) -> list[Table]:
        """All of them, the latest first."""
        return [*self.session.scalars(select(Table).order_by(Table.created_at.desc(), Table.name))]

    def find(self, name: str) -> Table | None:
        """The one of that name, where there is one."""
        return self.session.get(Table, name)

    def get(self, name: str) -> Table:
        """The one of that name. Raises NotFound, with what there is."""
        found = self.find(name)
        if found is None:
            names = ", ".join(table.name for table in self.all()[:5]) or "none"
            raise NotFound(f"There is no table {short(name, 40)!r}; there is {names}.")
        return found

    def payload(self, name: str) -> bytes | None:
        """What is laid where a job reads it; None where there is no such table."""
        query = select(Table).where(Table.name == name).options(undefer(Table.payload))
        found = self.session.scalar(query)
        return found.payload if found else None

    def keep_test(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep rows beside a table, in the place of those before: they go when it goes."""
        table.test_payload = tables.packed(rows)
        table.test_name, table.test_rows = tables.name_of(table.test_payload), len(rows)
        self.session.flush()

    def test_payload(self, name: str) -> bytes | None:
        """The rows beside a table; None where there are none."""
        return self.session.scalar(select(Table.test_payload).where(Table.name == name))

    def jobs(self) -> dict[str, list[int]]:
        """Jobs that name a table, by its name."""
        found = dict[str, list[int]]()
        query = select(Job.id, NAMED, ASKED).where(NAMED.is_not(None))
        for job_id, *names in self.session.execute(query):
            for name in filter(None, dict.fromkeys(names)):
                found.setdefault(name, []).append(job_id)
        return found

    def grown_from(self, version: int) -> list[int]:
        """Versions that have learnt from tables which go on from what a version has learnt from, or
        by weights towards what it was asked."""
        query = (
            select(Version.id)
            .distinct()
            .join(Job, Job.id == Version.job_id)
            .join(Table, or_(Table.name == NAMED, Table.name == ASKED))
            .where(Table.version_id == version)
            .order_by(Version.id)
        )
        return [*self.session.scalars(query)]

    def added_to(self, version: int) -> int:
        """The most rows that a table adds to what a version has learnt from."""
        query = select(func.max(Table.added)).where(Table.version_id == version)
        return self.session.scalar(query) or 0

    def job_of(self, name: str, questions: str = "") -> int | None:
        """A job that learns or has learnt from a table, by weights towards these questions, and has
        not failed."""
        same = NAMED.in_([name]), func.coalesce(ASKED, "").in_([questions])
        return self.session.scalar(select(func.max(Job.id)).where(*same, ALIVE))

    def learning_from(self, version: int) -> list[int]:
        """Jobs that learn, or have, from tables which go on from a version."""
        query = (
            select(Job.id)
            .join(Table, Table.name == NAMED)
            .where(Table.version_id == version, ALIVE)
            .order_by(Job.id)
        )
        return [*self.session.scalars(query)]

    def weighing_for(self, version: int) -> list[tuple[int, int | None]]:
        """Jobs that learn, or have, by weights towards what a version was asked; each with the
        version that it has left."""
        query = (
            select(Job.id, Version.id)
            .join(Table, Table.name == ASKED)
            .outerjoin(Version, Version.job_id == Job.id)
            .where(Table.version_id == version, ALIVE)
            .order_by(Job.id)
        )
        return [(job, left) for job, left in self.session.execute(query)]

    def delete(self, name: str) -> None:
        """Forget one.

        Raises:
            NotFound: where there is none.
            Conflict: where a job names it: it could not be run again.
        """
        self.get(name)
        if jobs := self.jobs().get(name):
            raise Conflict(f"Job {jobs[0]} learns from table {name}: delete that first.")
        self.session.execute(delete(Table).where(Table.name == name))
