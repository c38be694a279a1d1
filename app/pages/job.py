"""The pages of the dashboard: each answers from the rows of the run store, without a script."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi import Query as Param
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from app import lifecycle
from app.catalogue import changes, lessons, reproduce
from app.dashboard import rendering, views
from app.dashboard.house_form import house_form
from app.dashboard.listing import PAGE, Query
from app.errors import NotFound
from app.pages import learn, new_job
from app.results import curves, log
from app.serving import predictors
from app.store import chunks
from app.store.jobs import SERVED, Listing, RunStore
from app.store.models import Job, JobStatus
from app.store.sessions import DbSession, ReadSession
from ml.experiments import EXPERIMENTS

ALIVE = 15.0  # seconds since a worker's last sign of life
RUNS = 100  # rows of a page of runs
HOUSES = SERVED

router = APIRouter(include_in_schema=False)
router.include_router(new_job.router)
router.include_router(learn.router)


def find_job(job_id: str, session: ReadSession) -> Job:
    """The job of this address."""
    known = job_id.isascii() and job_id.isdecimal() and len(job_id) < 19
    job = RunStore(session).find(int(job_id)) if known else None
    if job is None:
        raise NotFound(f"There is no job {job_id[:40]}. It may have been deleted.")
    return job


CurrentJob = Annotated[Job, Depends(find_job)]


@router.get("/")
def home(request: Request, session: ReadSession) -> Response:
    """What this is, what runs now, what was best."""
    store = RunStore(session)
    counts = store.counts()
    succeeded = JobStatus.succeeded
    best = store.jobs(
        Listing(status=succeeded, name=HOUSES, sort="valid", descending=False, limit=PAGE)
    )
    champion = store.best(HOUSES)
    chapter = learn.standings(store)
    return rendering.render(
        request,
        "home.html",
        bar=views.bar(counts),
        chapter=chapter,
        summed=lessons.summed(chapter),
        total=sum(counts.values()),
        workers=store.workers(ALIVE),
        queue=views.rows(store.queue(PAGE)),
        finished=views.rows(store.jobs(Listing(limit=1))),
        best=views.rows(best[:8]),
        champion=next(iter(views.rows([champion] if champion else [])), None),
        book_error=views.percent(views.BOOK[HOUSES]),
        steps=views.steps(
            EXPERIMENTS,
            store.latest().keys(),
            book_done=any(map(_is_book, best)),
            beaten=any(_beats_book(job) for job in best),
        ),
    )


def _is_book(job: Job) -> bool:
    """Whether a job has the settings of the book's preset."""
    cls = EXPERIMENTS.get(HOUSES)
    return cls is not None and any(
        preset.name == "book" and changes.same(cls, preset.values, job.experiment)
        for preset in cls.presets
    )


def _beats_book(job: Job) -> bool:
    """Whether other settings than the book's are better than the book says it is."""
    return job.valid is not None and job.valid < views.BOOK[HOUSES] and not _is_book(job)


@router.get("/jobs")
def list_jobs(request: Request, session: ReadSession) -> Response:
    """All jobs, sorted and searched as the address says."""
    store, query = RunStore(session), Query.of(request.query_params)
    counts = store.counts()
    total = sum(counts.values())
    page = store.jobs(query.listing(PAGE + 1))
    champion = store.best(HOUSES)
    return rendering.render(
        request,
        "jobs.html",
        bar=views.bar(counts),
        query=query,
        rows=views.rows(page[:PAGE]),
        next=query.following(page[:PAGE]) if len(page) > PAGE else "",
        page_size=PAGE,
        found=store.count(query.listing()) if query.q or query.status else total,
        total=total,
        champion_id=champion and champion.id,
    )


@router.get("/jobs/{job_id}")
def show_job(
    request: Request,
    job: CurrentJob,
    session: ReadSession,
    runs_after: Annotated[int, Param(ge=0, lt=2**63)] = 0,
) -> Response:
    """Everything one job has said so far."""
    store = RunStore(session)
    items = list(chunks.unpack(payload for _, payload in store.chunks(job.id)))
    runs = store.runs(job.id, after=runs_after, limit=RUNS + 1)
    started = chunks.latest(items, "started")
    cls = EXPERIMENTS.get(job.name)
    return rendering.render(
        request,
        "job.html",
        **_words(job),
        bar=views.bar(store.counts()),
        job=job,
        seq=job.seq,
        place=_place(store, job),
        workers=store.workers(ALIVE),
        has_predictor=store.artifact(job.id) is not None,
        trains=bool(started) or (views.is_active(job) and not (cls and cls.instant)),
        main_runs=len(started[0]["labels"]) if started else 0,
        blank=all(v is None for _, *pair in job.summary.get("spark", ()) for v in pair),
        pace=log.pace(job, items),
        findings=chunks.latest(items, "finding"),
        tables=chunks.latest(items, "table"),
        figures=chunks.latest(items, "figure"),
        checks=chunks.latest(items, "check"),
        log=log.lines(items),
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
    items = list(chunks.unpack(payload for _, payload in RunStore(session).chunks(job.id)))
    return JSONResponse(
        {"seq": job.seq, "groups": curves.live(items)}, headers={"Cache-Control": "no-cache"}
    )


@router.get("/jobs/{job_id}/submission")
def submission(request: Request, job: CurrentJob, session: ReadSession) -> Response:
    """The last look at submission.csv before somebody uploads it."""
    store = RunStore(session)
    return rendering.render(
        request,
        "submission.html",
        **_words(job),
        bar=views.bar(store.counts()),
        job=job,
        ready=store.artifact(job.id) is not None,
        folds=views.folds(job),
    )


@router.get("/predict")
def predict(request: Request, session: ReadSession) -> Response:
    """Price a house, from a typical one onwards."""
    store = RunStore(session)
    champion = store.best(HOUSES)
    card = predictors.serving(session, champion.id).predictor.card if champion else None
    return rendering.render(
        request,
        "predict.html",
        bar=views.bar(store.counts()),
        job=champion,
        form=house_form(card.input_schema) if card else None,
        sold=card.sold.model_dump() if card else None,
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
    lifecycle.delete(session, job)
    return RedirectResponse("/jobs", 303)


def _go(job: Job) -> Response:
    return RedirectResponse(f"/jobs/{job.id}", 303)
