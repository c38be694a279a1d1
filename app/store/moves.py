"""The moves of a job from state to state: in its row and in its stream, and what an end leaves."""

from typing import Any

from sqlalchemy import Update, delete, update
from sqlalchemy.orm import Session

from app.store import chunks
from app.store.models import Job, Saved
from app.store.payloads import Item
from app.store.sessions import now
from app.store.states import IllegalMove, JobStatus, Reason, sources
from ml.events import Stored


def move(status: JobStatus, **values: Any) -> Update:
    """The statement that moves jobs to `status`: of those it is asked of, only who may go there."""
    may = Job.status.in_(sorted(sources(status)))
    return update(Job).where(may).values(status=status, **values)


def end(
    session: Session,
    job_id: int,
    status: JobStatus,
    *items: Stored | Item,
    reason: Reason | None = None,
    error: str | None = None,
) -> None:
    """End a job, after these last items: nobody owns it any more, nobody will go on with it.

    Raises:
        IllegalMove: where it cannot end so.
    """
    ending = {"status": status, "reason": reason, "error": error}
    statement = move(status, reason=reason, error=error, token=None, finished_at=now())
    if not session.execute(statement.where(Job.id == job_id).returning(Job.id)).all():
        raise IllegalMove(f"Job {job_id} cannot become {status} from where it is.")
    session.execute(delete(Saved).where(Saved.job_id == job_id))
    chunks.append(session, job_id, *items, ending)
    chunks.merge(session, job_id)
