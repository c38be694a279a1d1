"""Home: what this is, what runs now, what was best, and what a newcomer does first."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.catalogue import badges, changes, experiments
from app.dashboard import views
from app.dashboard.listing import PAGE
from app.dashboard.rendering import render
from app.results.headline import percent
from app.serving.predictors import serving
from app.store.jobs import SERVED, RunStore
from app.store.models import Job
from app.store.registry import Registry
from app.store.search import Listing
from app.store.sessions import ReadSession
from app.store.states import JobStatus

router = APIRouter()


@router.get("/")
def home(request: Request, session: ReadSession) -> Response:
    """What this is, what runs now, what was best."""
    store = RunStore(session)
    counts = store.counts()
    succeeded = JobStatus.succeeded
    best = store.jobs(
        Listing(status=succeeded, names=SERVED, sort="valid", descending=False, limit=PAGE)
    )
    answers = Registry(session).champion()
    champion = answers[1] if answers else None
    chapter = badges.current(store)
    return render(
        request,
        "home.html",
        bar=views.bar(counts),
        chapter=chapter,
        summed=badges.summed(chapter),
        total=sum(counts.values()),
        workers=store.workers(),
        queue=views.rows(store.queue(PAGE)),
        finished=views.rows(store.jobs(Listing(limit=1))),
        best=views.rows(best[:8]),
        champion=next(iter(views.rows([champion] if champion else [])), None),
        median=serving(session).predictor.card.median_error if champion else None,
        book_error=percent(views.BOOK[views.THE_BOOK]),
        steps=views.steps(
            experiments.names(),
            store.latest().keys(),
            book_done=any(map(_is_book, best)),
            beaten=any(_beats_book(job) for job in best),
        ),
    )


def _is_book(job: Job) -> bool:
    """Whether a job has the settings of the book's preset."""
    cls = experiments.get(views.THE_BOOK)
    return (
        cls is not None
        and job.name == views.THE_BOOK
        and any(
            preset.name == "book" and changes.same(cls, preset.values, job.experiment)
            for preset in cls.presets
        )
    )


def _beats_book(job: Job) -> bool:
    """Whether other settings than the book's are better than the book says it is."""
    return job.valid is not None and job.valid < views.BOOK[views.THE_BOOK] and not _is_book(job)
