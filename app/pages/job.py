"""A job: everything it has said, its submission, and what can be done with it."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi import Query as Param
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from app import lifecycle
from app.catalogue import changes, reproduce
from app.dashboard import views
from app.dashboard.rendering import render
from app.results import curves, log
from app.results.reading import read
from app.store.jobs import RunStore
from app.store.models import LARGEST, Job
from app.store.sessions import DbSession, ReadSession
from app.store.states import JobStatus
from ml.experiments import EXPERIMENTS

RUNS = 100  # rows of a page of runs

router = APIRouter()


def find_job(job_id: str, session: ReadSession) -> Job:
    """The job of this address."""
    return RunStore(session).get(job_id)


CurrentJob = Annotated[Job, Depends(find_job)]


@router.get("/jobs/{job_id}")
def show_job(
    request: Request,
    job: CurrentJob,
    session: ReadSession,
    runs_after: Annotated[int, Param(ge=0, le=LARGEST)] = 0,
) -> Response:
    """Everything one job has said so far."""
    store = RunStore(session)
    reading = read(session, job.id)
    runs = store.runs(job.id, after=runs_after, limit=RUNS + 1)
    started = [group.started for group in reading.groups.values()]
    cls = EXPERIMENTS.get(job.name)
    return render(
        request,
        "job.html",
        **_words(job),
        bar=views.bar(store.counts()),
        job=job,
        seq=reading.seq,
        place=_place(store, job),
        workers=store.workers(),
        has_predictor=store.artifact(job.id) is not None,
        trains=bool(started) or (views.is_active(job) and not (cls and cls.instant)),
        main_runs=len(started[0]["labels"]) if started else 0,
        blank=all(v is None for _, *pair in job.summary.get("spark", ()) for v in pair),
        **reading.results(),
        pace=log.pace(job, reading),
        log=log.lines(reading),
        runs=runs[:RUNS],
        runs_after=runs_after,
        runs_next=runs[RUNS - 1].id if len(runs) > RUNS else 0,
        config=changes.settings(cls, job.experiment),
        problem=changes.problem(cls, job.experiment),
        reproduce=reproduce.commands(changes.shortest(cls, job.experiment), str(request.base_url)),
    )


def _words(job: Job) -> dict[str, Any]:
    return {
        "title": job.label or "defaults",
        "state": views.state(job),
        "active": views.is_active(job),
        "measure": views.measure(job),
        "gap": views.gap(job),
        "took": views.took(job),
        "error": views.typical_error(job),
        "book": views.BOOK.get(job.name),
    }


def _place(store: RunStore, job: Job) -> int:
    """Where a queued job stands, from 1; 0 where it does not wait, or too far behind to count."""
    if job.status != JobStatus.queued:
        return 0
    waiting = [row.id for row in store.queue(1000) if row.status == JobStatus.queued]
    return waiting.index(job.id) + 1 if job.id in waiting else 0


@router.get("/jobs/{job_id}/curves.json")
def curves_json(job: CurrentJob, session: ReadSession) -> Response:
    """What the page of a job draws before it follows the stream."""
    reading = read(session, job.id)
    return JSONResponse(
        {"seq": reading.seq, "groups": curves.live(reading.groups.values())},
        headers={"Cache-Control": "no-cache"},
    )


@router.get("/jobs/{job_id}/submission")
def submission(request: Request, job: CurrentJob, session: ReadSession) -> Response:
    """The last look at submission.csv before somebody uploads it."""
    store = RunStore(session)
    return render(
        request,
        "submission.html",
        **_words(job),
        bar=views.bar(store.counts()),
        job=job,
        ready=store.artifact(job.id) is not None,
        folds=views.folds(job),
    )


@router.post("/jobs/{job_id}/cancel")
def cancel(job: CurrentJob, session: DbSession) -> Response:
    """Ask the job to stop, and show it."""
    return _go(lifecycle.cancel(session, job))


@router.post("/jobs/{job_id}/retry")
def retry(job: CurrentJob, session: DbSession) -> Response:
    """Queue the same experiment again, and show the new job."""
    return _go(lifecycle.retry(session, job))


@router.post("/jobs/{job_id}/delete")
def delete(job: CurrentJob, session: DbSession) -> Response:
    """Forget the job, and show those that are left."""
    freed = lifecycle.delete(session, job)
    return RedirectResponse(f"/jobs?deleted={job.id}&freed={freed}", 303)


def _go(job: Job) -> Response:
    return RedirectResponse(f"/jobs/{job.id}", 303)
