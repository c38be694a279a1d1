"""Versions of the model that prices: their numbers, the names that point at them, who moved those.

A version counts from the moment that its job has succeeded.
"""

import re
from collections.abc import Sequence

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, undefer

from app.errors import NotFound, short
from app.store.models import LARGEST, Alias, AliasMove, Job, Version
from app.store.states import Act, JobStatus

CHAMPION = "champion"
"""Who answers where no model is named."""
NAME = re.compile(r"[a-z][a-z0-9-]{0,38}[a-z0-9]")
NUMBER = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)
NOTHING = "Nothing has been trained yet."
LOCK = 7_403_311  # of PostgreSQL, and nobody else's
RESERVED = {"history"}  # what else stands there in an address


class Registry:
    """Every query behind a verb of the domain; it never commits."""

    def __init__(self, session: Session) -> None:
        self.session = session

    # ---- versions

    def versions(self, limit: int = 100, before: int = LARGEST) -> list[tuple[Version, Job]]:
        """The latest versions, each with its job, from those before a number on."""
        query = _ready().where(Version.id < before).order_by(Version.id.desc()).limit(limit)
        return [(row[0], row[1]) for row in self.session.execute(query)]

    def count(self) -> int:
        """How many there are."""
        return self.session.scalar(select(func.count()).select_from(_ready().subquery())) or 0

    def find(self, model: str) -> tuple[Version, Job] | None:
        """A version by its number or by a name, with its job."""
        query = _ready()
        if NUMBER.fullmatch(model):
            query = query.where(Version.id == min(int(model), LARGEST))
        elif not NAME.fullmatch(model):
            return None
        else:
            query = query.join(Alias).where(Alias.name == model)
        row = self.session.execute(query).one_or_none()
        return None if row is None else (row[0], row[1])

    def get(self, model: str) -> tuple[Version, Job]:
        """The same. Raises NotFound, with what there is."""
        found = self.find(model)
        if found is None:
            names = ", ".join(self.names()) or "none"
            last = self.session.scalar(select(func.max(Version.id)))
            there = f"The last version is {last}, names are {names}." if last else NOTHING
            raise NotFound(f"There is no model {short(model, 40)!r}. {there}")
        return found

    def of_job(self, job_id: int) -> Version | None:
        """The version that a job has made, whatever became of the job."""
        return self.session.scalar(select(Version).where(Version.job_id == job_id))

    def with_payload(self, version_id: int) -> Version | None:
        """A version with its file."""
        query = select(Version).where(Version.id == version_id).options(undefer(Version.payload))
        return self.session.scalar(query)

    # ---- names

    def lock(self) -> None:
        """Let nobody else move a name, or delete what one points at, before this transaction ends.

        On SQLite whoever may write is alone anyway.
        """
        if self.session.get_bind().dialect.name == "postgresql":
            self.session.execute(select(func.pg_advisory_xact_lock(LOCK)))

    def champion(self) -> tuple[Version, Job] | None:
        """Who answers, and its job."""
        return self.find(CHAMPION)

    def names(self) -> dict[str, int]:
        """Which version each name points at; the champion's first."""
        order = (Alias.name != CHAMPION, Alias.name)
        rows = self.session.execute(select(Alias.name, Alias.version_id).order_by(*order))
        return {row.name: row.version_id for row in rows}

    def names_of(self, version_id: int) -> list[str]:
        """The names that point at a version."""
        return [name for name, version in self.names().items() if version == version_id]

    def point(
        self,
        alias: str,
        version_id: int | None,
        act: Act,
        *,
        who: str,
        reason: str = "",
        evidence: str = "",
        forced: bool = False,
    ) -> AliasMove:
        """Let a name point at a version, or at none, and write down who did that and why."""
        there = self.session.get(Alias, alias, with_for_update=True)
        before = there.version_id if there else None
        if version_id is None:
            if there:
                self.session.delete(there)
        elif there:
            there.version_id = version_id
        else:
            self.session.add(Alias(name=alias, version_id=version_id))
        move = AliasMove(
            act=act, alias=alias, before=before, after=version_id, who=who, reason=reason,
            evidence=evidence, forced=forced,
        )  # fmt: skip
        self.session.add(move)
        self.session.flush()
        return move

    def crown(self, job_id: int) -> None:
        """Let a job's version answer where nobody ever did; else nothing is promoted by itself.

        One of made-up rows never answers unasked.
        """
        version, job = self.of_job(job_id), self.session.get(Job, job_id)
        if version is None or job is None or job.experiment.get("table") == "":
            return
        self.lock()
        if self.champion() is None and self.previous() is None:
            self.point(
                CHAMPION, version.id, Act.first, who="Ridgeline", reason="Nobody answered before."
            )

    def history(self, limit: int = 50, alias: str | None = None) -> Sequence[AliasMove]:
        """Who moved which name, the latest first."""
        query = select(AliasMove).order_by(AliasMove.id.desc()).limit(limit)
        if alias is not None:
            query = query.where(AliasMove.alias == alias)
        return self.session.scalars(query).all()

    def previous(self, alias: str = CHAMPION) -> int | None:
        """The version that a name pointed at before, and to which it can go back.

        What was rolled back from does not count, nor does what has been deleted since.
        """
        there = set(self.session.scalars(select(Version.id)))
        trail = list[int]()
        query = select(AliasMove).where(AliasMove.alias == alias).order_by(AliasMove.id)
        for move in self.session.scalars(query):
            if move.act == Act.rolled_back and move.after in trail:
                del trail[len(trail) - trail[::-1].index(move.after) :]
            elif move.after is not None:
                trail.append(move.after)
        now = self.names().get(alias)
        return next((one for one in reversed(trail) if one in there and one != now), None)


def _ready() -> Select[Version, Job]:
    return (
        select(Version, Job)
        .join(Job, Job.id == Version.job_id)
        .where(Job.status == JobStatus.succeeded)
    )
