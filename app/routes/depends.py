"""What routes depend on, as nouns: a route that takes `CurrentJob` cannot forget its 404."""

from typing import Annotated

from fastapi import Depends, Header, Path

from app.store.jobs import RunStore
from app.store.models import LARGEST, Job
from app.store.sessions import DbSession, ReadSession

JobId = Annotated[int, Path(ge=1, le=LARGEST, description="Number of the job.")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern=r"^[!-~]{1,200}$",
        description="The same key with the same request makes one job, however often it is sent.",
    ),
]


def find_job(job_id: JobId, session: ReadSession) -> Job:
    """The job of the path."""
    return RunStore(session).get(job_id)


def find_job_to_change(job_id: JobId, session: DbSession) -> Job:
    """The same, within the transaction of the request: no other snapshot is in its way."""
    return RunStore(session).get(job_id)


CurrentJob = Annotated[Job, Depends(find_job)]
JobToChange = Annotated[Job, Depends(find_job_to_change)]
