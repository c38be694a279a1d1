"""What a Prometheus scrapes: what was counted, what is in the store, and the last look."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from app import metrics
from app.monitor import remembered
from app.store.answers import Answers
from app.store.jobs import RunStore
from app.store.registry import CHAMPION, Registry
from app.store.sessions import ReadSession
from app.store.states import JobStatus

router = APIRouter(tags=["health"])
VERDICTS = ("quiet", "moved", "worse")


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def scrape(session: ReadSession) -> Response:
    """Counters of this process, jobs, workers, names, and the last look at the champion."""
    store = CollectorRegistry()
    _jobs(session, store)
    version = Registry(session).names().get(CHAMPION)
    if version:
        _gauge(store, "champion", "Version that answers.", version)
        kept = Answers(session).kept(version)
        _gauge(store, "champion_answers", "Answers of the champion in the store.", kept.answers)
        _gauge(store, "champion_paid", "Of these, whose price came.", kept.paid)
        _look(version, store)
    body = generate_latest(metrics.REGISTRY) + generate_latest(store)
    return Response(body, media_type=CONTENT_TYPE_LATEST)


def _gauge(store: CollectorRegistry, name: str, what: str, value: float) -> None:
    Gauge(f"ridgeline_{name}", what, registry=store).set(value)


def _jobs(session: ReadSession, store: CollectorRegistry) -> None:
    runs, jobs = (
        RunStore(session),
        Gauge("ridgeline_jobs", "By status.", ["status"], registry=store),
    )
    counts = runs.counts()
    for status in JobStatus:
        jobs.labels(status).set(counts.get(status, 0))
    _gauge(store, "workers", "Seen lately.", len(runs.workers()))


def _look(version: int, store: CollectorRegistry) -> None:
    """The last one, which /monitor or GET /api/v1/monitor took; nothing before that."""
    found = remembered(version)
    if found is None or found.look is None:
        return
    verdict = Gauge("ridgeline_look", "Verdict of the last look.", ["verdict"], registry=store)
    for name in VERDICTS:
        verdict.labels(name).set(name == found.verdict)
    look = found.look
    moved = len({one.name for one in look.columns if one.found})
    _gauge(store, "look_questions", "Questions looked at.", look.questions)
    _gauge(store, "look_auc", "How well they are told from rows learnt from.", look.classifier.auc)
    _gauge(store, "look_p", "Of that by chance.", look.classifier.p)
    _gauge(store, "look_columns_moved", "Columns that moved beyond chance.", moved)
    _gauge(store, "look_alone", "Share that is like nothing learnt from.", look.alone)
    _gauge(store, "look_promised", "Log RMSE that folds promised.", look.promised)
    if look.paid:
        _gauge(store, "look_error", "Log RMSE where prices came.", look.paid.rmse)
