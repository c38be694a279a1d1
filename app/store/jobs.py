"""The run store as the web sees it: every query behind a verb of the domain; it never commits."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import and_, func, select, update
from sqlalchemy.orm import Session

from app.errors import NotFound, short
from app.store import chunks, moves, space
from app.store.models import LARGEST, Job, Run, WorkerRow
from app.store.search import Listing, filtered, page
from app.store.sessions import now
from app.store.states import JobStatus

SERVED = ("house_ensemble", "kaggle_house")
"""The experiments whose jobs leave a predictor: what house prices are trained by, first."""
PRICED = "predictions"
"""The experiment whose jobs answer tables: no lesson."""
ALIVE = 15.0
"""Seconds after its last sign of life that a worker counts as gone."""


class RunStore:
    """What the web asks and says; one for each session."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def enqueue(self, job: Job) -> Job:
        """Queue a job and say so in its stream."""
        self.session.add(job)
        self.session.flush()
        chunks.append(self.session, job.id, {"status": JobStatus.queued})
        return job

    def find(self, job_id: int) -> Job | None:
        """The job of that number."""
        return self.session.get(Job, job_id, populate_existing=True)

    def get(self, number: int | str) -> Job:
        """The same, by a number as it may stand in an address.

        Raises:
            NotFound: where there is no such job, or that is no number.
        """
        text = str(number)
        place = int(text[:18]) if text.isascii() and text.isdecimal() else 0
        job = self.find(place) if 0 < place <= LARGEST else None
        if job is None:
            raise NotFound(f"There is no job {short(text, 40)}.")
        return job

    def find_by_key(self, idempotency_key: str) -> Job | None:
        """The job that was made with this key."""
        return self.session.scalar(select(Job).where(Job.idempotency_key == idempotency_key))

    def jobs(self, listing: Listing) -> Sequence[Job]:
        """A page of jobs; it reads no metric points."""
        return self.session.scalars(page(listing)).all()

    def count(self, listing: Listing) -> int:
        """How many jobs this listing has in all."""
        return self.session.scalar(filtered(select(func.count(Job.id)), listing)) or 0

    def counts(self) -> dict[JobStatus, int]:
        """Jobs by status."""
        rows = self.session.execute(select(Job.status, func.count(Job.id)).group_by(Job.status))
        return dict(iter(rows))  # a Result has keys(), by which dict() would read it

    def measures(self) -> dict[str, int]:
        """What jobs are measured in, and how many in each: the most frequent first."""
        number = func.count(Job.id)
        query = select(Job.measure, number).where(Job.measure.is_not(None)).group_by(Job.measure)
        rows = self.session.execute(query.order_by(number.desc(), Job.measure))
        return {str(measure): count for measure, count in rows}

    def queue(self, limit: int) -> Sequence[Job]:
        """What runs and what waits, in the order it will run."""
        active = Job.status.in_([JobStatus.running, JobStatus.queued])
        order = (Job.status == JobStatus.queued, Job.id)
        return self.session.scalars(select(Job).where(active).order_by(*order).limit(limit)).all()

    def done(self, experiment: dict[str, Any]) -> Job | None:
        """The last succeeded job of exactly these fields, whoever asked for it."""
        same_name = Job.name == experiment["name"], Job.status == JobStatus.succeeded
        query = select(Job).where(*same_name).order_by(Job.id.desc())
        return next(
            (job for job in self.session.scalars(query) if job.experiment == experiment), None
        )

    def of(self, name: str) -> Sequence[Job]:
        """Every job of an experiment."""
        return self.session.scalars(select(Job).where(Job.name == name)).all()

    def tried(self, names: Collection[str]) -> Iterator[tuple[int, JobStatus, dict[str, Any]]]:
        """Number, status and experiment of each job of these names that succeeded or failed, the
        latest first."""
        query = select(Job.id, Job.status, Job.experiment).where(Job.name.in_(names))
        ended = Job.status.in_([JobStatus.succeeded, JobStatus.failed])
        for row in self.session.execute(query.where(ended).order_by(Job.id.desc())):
            yield row.id, row.status, row.experiment

    def latest(self) -> dict[str, Job]:
        """The last succeeded job of each experiment."""
        last = select(func.max(Job.id)).where(Job.status == JobStatus.succeeded)
        query = select(Job).where(Job.id.in_(last.group_by(Job.name)))
        return {job.name: job for job in self.session.scalars(query)}

    def runs(self, job_id: int, after: int = 0, limit: int = 1000) -> Sequence[Run]:
        """The runs of a job in the order they were opened."""
        query = (
            select(Run).where(Run.job_id == job_id, Run.id > after).order_by(Run.id).limit(limit)
        )
        return self.session.scalars(query).all()

    def chunks(
        self, job_id: int, after: int = 0, limit: int | None = None
    ) -> list[tuple[int, bytes]]:
        """Number and payload of a job's chunks after chunk `after`."""
        return chunks.after(self.session, job_id, after, limit)

    def state(self, job_id: int) -> tuple[JobStatus, int] | None:
        """Status and number of the last chunk, without loading the job."""
        query = select(Job.status, Job.seq).where(Job.id == job_id)
        return self.session.execute(query).one_or_none()

    def cancel(self, job_id: int) -> None:
        """A queued job is cancelled here and now; a running one as soon as its worker looks."""
        queued = select(Job.id).where(Job.id == job_id, Job.status == JobStatus.queued)
        if self.session.scalar(queued.with_for_update()):
            moves.end(self.session, job_id, JobStatus.cancelled)
        else:
            running = and_(Job.id == job_id, Job.status == JobStatus.running)
            self.session.execute(update(Job).where(running).values(cancel=True))
        self.session.expire_all()

    def delete(self, job_id: int) -> int:
        """Forget a job with all it said and made; gives the bytes that are free again."""
        return space.delete_job(self.session, job_id)

    def workers(self, within: float = ALIVE) -> Sequence[WorkerRow]:
        """Workers seen in the last `within` seconds: those that live."""
        return self.session.scalars(
            select(WorkerRow).where(WorkerRow.seen_at > now() - within)
        ).all()
