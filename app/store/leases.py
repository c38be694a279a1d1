"""The run store as a worker sees it: claims under a lease, writes fenced by the claim's token."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    Float,
    Update,
    and_,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.orm import Session

from app.settings import settings
from app.store import batches, chunks, moves
from app.store.answers import Answers
from app.store.batches import Batch
from app.store.models import Job, Run, Saved, WorkerRow
from app.store.registry import Registry
from app.store.requirements import Equipment
from app.store.sessions import now
from app.store.states import JobStatus, Reason
from ml.events import Event

NOTHING_SPECIAL = Equipment()
MAX_CRASHES = 3  # crashes without a checkpoint in between until we give up
LOST = "its workers died."
MAX_LOST = 10  # the same for workers lost: seldom the job's fault, but it may be what kills them

abandoned = and_(Job.status == JobStatus.running, Job.lease_until < now())
waiting = or_(Job.status == JobStatus.queued, abandoned)


class Fenced(Exception):
    """Somebody else owns this job now, or nobody does."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that is ours for as long as its lease is renewed."""

    job_id: int
    token: str
    experiment: dict[str, Any]
    attempt: int
    resume: bytes | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended a job."""

    status: JobStatus
    reason: Reason | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Orders:
    """What a renewal of the lease says to the worker."""

    cancel: bool
    overdue: bool  # the attempt has had its timeout


class Leases:
    """What a worker asks and says; one for each session.

    The first statement of each write is the fence: it names the token and locks the job's row.
    """

    def __init__(self, session: Session) -> None:
        self.session = session

    def beat(self, worker: str, *, slots: int, busy: int, device: str) -> None:
        """This worker is alive."""
        values = {"slots": slots, "busy": busy, "device": device, "seen_at": now()}
        changed = self.session.execute(
            update(WorkerRow).where(WorkerRow.id == worker).values(values).returning(WorkerRow.id)
        ).one_or_none()
        if changed is None:
            self.session.execute(insert(WorkerRow).values(id=worker, **values))
            self.session.execute(delete(WorkerRow).where(WorkerRow.seen_at < now() - 86_400))

    def gone(self, worker: str) -> None:
        """This worker leaves in good order."""
        self.session.execute(delete(WorkerRow).where(WorkerRow.id == worker))

    def claim(
        self, worker: str, job_id: int | None = None, equipment: Equipment = NOTHING_SPECIAL
    ) -> Claim | None:
        """Take the oldest waiting job (or just `job_id`) under a lease, in one statement.

        A job that requires more than the equipment is passed over, and holds up none behind it.
        """
        self._bury()
        token = uuid4().hex
        oldest = (
            select(Job.id)
            .where(waiting, equipment.suffices())
            .order_by(Job.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        if job_id is not None:
            oldest = oldest.where(Job.id == job_id)
        claim = moves.move(
            JobStatus.running, token=token, worker=worker, error=None, reason=None,
            lease_until=now() + settings().lease, started_at=now(), attempt=Job.attempt + 1,
            lost=Job.lost + case((Job.status == JobStatus.running, 1), else_=0),
            checks_held=0, checks_total=0, book_held=0, book_total=0,
        )  # fmt: skip
        taken = self.session.execute(
            claim.where(Job.id == oldest.scalar_subquery()).returning(
                Job.id, Job.experiment, Job.attempt
            )
        ).one_or_none()
        if taken is None:
            return None
        chunks.append(
            self.session,
            taken.id,
            {"status": JobStatus.running, "attempt": taken.attempt, "worker": worker},
        )
        resume = self.session.scalar(select(Saved.state).where(Saved.job_id == taken.id))
        return Claim(taken.id, token, taken.experiment, taken.attempt, resume)

    def append(self, token: str, events: Sequence[Event], outcome: Outcome | None = None) -> Orders:
        """Write what an attempt yielded, renew its lease, end the job with `outcome`: or nothing.

        The first statement locks the job's row: no other claim can come between the check and the
        writes. An epoch that is already stored is not written again.

        Raises:
            Fenced: where the token no longer owns a job.
        """
        job = self._own(token, update(Job).values(lease_until=now() + settings().lease))
        orders = Orders(job.cancel, bool(job.timeout and job.elapsed > job.timeout))
        batch = Batch(self._epochs(job.id) if events else {}, events)
        batches.write(self.session, job.id, job.summary, batch)
        for said in batch.answered:
            Answers(self.session).take(said, settings().keep_answers)
        if outcome:
            moves.end(
                self.session, job.id, outcome.status, *batch.stored,
                reason=outcome.reason, error=outcome.error,
            )  # fmt: skip
            if outcome.status == JobStatus.succeeded:
                Registry(self.session).crown(job.id)
            return orders
        if batch.stored:
            chunks.append(self.session, job.id, *batch.stored)
        if batch.checkpoint:
            batches.save(self.session, job.id, batch.checkpoint)
        return orders

    def give_back(self, token: str, error: str | None = None) -> None:
        """Queue the job again; with an error it counts as a crash."""
        crashes = Job.crashes + int(error is not None)
        statement = moves.move(JobStatus.queued, token=None, error=error, crashes=crashes)
        job = self._own(token, statement)
        chunks.append(self.session, job.id, {"status": JobStatus.queued, "error": error})

    def close(self, token: str, outcome: Outcome) -> None:
        """End the job."""
        self.append(token, (), outcome)

    def _own(self, owner: str, statement: Update) -> Any:
        """Run the statement on the job that this token owns; its row."""
        job = self.session.execute(
            statement.where(Job.token == owner).returning(
                Job.id,
                Job.cancel,
                Job.timeout,
                (now() - type_coerce(Job.started_at, Float)).label("elapsed"),
                Job.summary,
            )
        ).one_or_none()
        if job is None:
            raise Fenced(owner)
        return job

    def _bury(self) -> None:
        """Close the jobs nobody runs and nobody may run again."""
        hopeless = or_(Job.crashes >= MAX_CRASHES, Job.lost >= MAX_LOST)
        doomed = self.session.execute(
            select(Job.id, Job.cancel, Job.error)
            .where(or_(and_(abandoned, Job.cancel), and_(waiting, hopeless)))
            .with_for_update(skip_locked=True)  # another worker may be about to say the same
        ).all()
        for job in doomed:
            if job.cancel:
                moves.end(self.session, job.id, JobStatus.cancelled)
                continue
            why = f"Gave up after too many attempts without a checkpoint: {job.error or LOST}"
            moves.end(self.session, job.id, JobStatus.failed, reason=Reason.crashed, error=why)

    def _epochs(self, job_id: int) -> dict[str, int]:
        """The last epoch that is stored of each group."""
        query = select(Run.key, func.max(Run.epoch)).where(Run.job_id == job_id).group_by(Run.key)
        return dict(iter(self.session.execute(query)))
