"""Jobs: submit, list, look at, cancel, retry, delete."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from app import lifecycle
from app.bodies import JobIn, JobList, JobOut, RunList
from app.errors import Invalid, responses
from app.routes.depends import CurrentJob, IdempotencyKey, JobToChange
from app.store.jobs import RunStore
from app.store.models import LARGEST
from app.store.search import SORTS, Listing
from app.store.sessions import DbSession, ReadSession
from app.store.states import JobStatus

router = APIRouter(prefix="/jobs", tags=["jobs"])
FREED = "Freed-Bytes"  # a header: clients of old expect no body of a 204
Cursor = Annotated[str, Query(max_length=500, description="`next` of the page before.")]


@router.post("", status_code=202, responses=responses(400, 409, 413, 422))
def create_job(
    asked: JobIn, session: DbSession, response: Response, idempotency_key: IdempotencyKey = None
) -> JobOut:
    """Queue an experiment; a worker picks it up."""
    job = lifecycle.submit(session, asked.experiment, asked, idempotency_key=idempotency_key)
    response.headers["Location"] = f"/api/v1/jobs/{job.id}"
    return JobOut.of(job, RunStore(session).workers())


@router.get("", response_model=JobList, responses=responses(422))
def list_jobs(
    session: ReadSession,
    status: JobStatus | None = None,
    name: Annotated[str, Query(max_length=80, description="Of the experiment.")] = "",
    tag: Annotated[str, Query(max_length=50)] = "",
    q: Annotated[str, Query(max_length=200, description="Words; lr=0.01 as in the config.")] = "",
    sort: Annotated[
        str,
        Query(pattern=f"^-?({'|'.join(SORTS)})$", description="A minus sorts from high to low."),
    ] = "-id",
    cursor: Cursor = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """A page of jobs; it reads no metric points."""
    listing = Listing(
        status=status, name=_plain(name), tag=_plain(tag), text=_plain(q), sort=sort.lstrip("-"),
        descending=sort.startswith("-"), limit=limit,
    )  # fmt: skip
    store = RunStore(session)
    jobs = store.jobs(_behind(listing, cursor))
    workers = store.workers()
    return {
        "items": [JobOut.of(job, workers) for job in jobs],
        "total": store.count(listing),
        "next": listing.cursor(jobs[-1]) if len(jobs) == limit else None,
    }


def _plain(text: str) -> str:
    """With a sign that nothing has for NUL, which PostgreSQL has no text for."""
    return text.replace("\0", "\ufffd")


def _behind(listing: Listing, cursor: str) -> Listing:
    if not cursor:
        return listing
    try:
        return listing.behind(cursor)
    except (ValueError, TypeError):
        raise Invalid(
            f"This cursor is not one of a list sorted by {listing.order}. Begin without one."
        ) from None


@router.get("/{job_id}", responses=responses(404, 422))
def get_job(job: CurrentJob, session: ReadSession) -> JobOut:
    """Where a job is."""
    return JobOut.of(job, RunStore(session).workers())


@router.delete("/{job_id}", status_code=204, responses=responses(404, 409, 422) | {204: {
    "description": "It is gone.",
    "headers": {FREED: {
        "schema": {"type": "integer", "minimum": 0}, "description": "Bytes that are free again.",
    }},
}})  # fmt: skip
def delete_job(
    job: JobToChange,
    session: DbSession,
    response: Response,
    prices: Annotated[
        int,
        Query(ge=0, description="How many prices that were told of its answers may go with it."),
    ] = 0,
) -> None:
    """Forget a job that has ended, with its runs, curves and predictor; `Freed-Bytes` says what
    that gave."""
    response.headers[FREED] = str(lifecycle.delete(session, job, prices))


@router.post("/{job_id}/cancel", status_code=202, responses=responses(404, 409, 422))
def cancel_job(job: JobToChange, session: DbSession) -> JobOut:
    """Stop a job: now if it waits, within a tick of its worker if it runs; its curves stay."""
    return JobOut.of(lifecycle.cancel(session, job), RunStore(session).workers())


@router.post("/{job_id}/retry", status_code=202, responses=responses(404, 409, 422))
def retry_job(job: JobToChange, session: DbSession, response: Response) -> JobOut:
    """Ask for the same again, as a new job."""
    made = lifecycle.retry(session, job)
    response.headers["Location"] = f"/api/v1/jobs/{made.id}"
    return JobOut.of(made, RunStore(session).workers())


@router.get("/{job_id}/runs", response_model=RunList, responses=responses(404, 422))
def list_runs(
    job: CurrentJob,
    session: ReadSession,
    after: Annotated[int, Query(ge=0, le=LARGEST, description="Id of the last run seen.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
) -> dict[str, Any]:
    """The runs of a job, a page of them, in the order they were opened."""
    runs = RunStore(session).runs(job.id, after, limit)
    return {"items": runs, "next": runs[-1].id if len(runs) == limit else None}
