"""What routes depend on, as nouns: a route that takes `CurrentJob` cannot forget its 404."""

from typing import Annotated

from fastapi import Depends, Header, Path

from app.errors import NotFound
from app.store.jobs import RunStore
from app.store.models import Job
from app.store.sessions import ReadSession

LARGEST = 2**31 - 1

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
    job = RunStore(session).find(job_id)
    if job is None:
        raise NotFound(f"There is no job {job_id}.")
    return job


CurrentJob = Annotated[Job, Depends(find_job)]
