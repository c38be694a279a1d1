"""What a job gave: curves, figures, checks, live events, predictor, submission."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import numpy as np
import orjson
from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import FileResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from app import pricing
from app.bodies import CheckOut, FigureRef, Metrics, Preflight
from app.errors import NotFound, responses, short
from app.results import figures
from app.results.reading import read
from app.routes.depends import CurrentJob
from app.serving.competition import export
from app.serving.predictors import competing, made_by
from app.serving.predictors import read as read_version
from app.store import payloads
from app.store.jobs import RunStore
from app.store.models import LARGEST
from app.store.sessions import ReadSession, readers
from app.store.states import FINAL, JobStatus
from ml.houses.submission import preflight
from ml.predictor import Histogram

router = APIRouter(prefix="/jobs/{job_id}", tags=["results"])
LOOK = 0.1  # seconds between two looks for news of a job
PAGE = 200  # chunks sent before the next look
CSV = {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "The file."}


@router.get("/metrics", response_model=Metrics, responses=responses(404, 422))
def get_metrics(job: CurrentJob, session: ReadSession) -> Response:
    """Every point of every curve, by group of runs."""
    reading = read(session, job.id)
    content = {
        "seq": reading.seq,
        "groups": [
            {
                "key": group.key,
                "labels": group.started["labels"],
                "measure": group.measure,
                "metrics": group.started["metrics"],
                "values": np.ascontiguousarray(group.values.transpose(1, 0, 2)),
            }
            for group in reading.groups.values()
        ],
    }
    return Response(
        orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json"
    )


@router.get("/figures", response_model=list[FigureRef], responses=responses(404, 422))
def list_figures(job: CurrentJob, session: ReadSession) -> list[FigureRef]:
    """The figures of a job: its curves, and those the experiment drew."""
    return [
        FigureRef(name=name, title=title, url=f"/api/v1/jobs/{job.id}/figures/{name}")
        for name, title in figures.titles(read(session, job.id)).items()
    ]


@router.get(
    "/figures/{name}",
    response_model=dict[str, Any],
    responses=responses(404, 422),
)
def get_figure(job: CurrentJob, name: str, session: ReadSession) -> Response:
    """A figure as Plotly's JSON, at most 600 points a trace."""
    reading = read(session, job.id)
    titles = figures.titles(reading)
    if name not in titles:
        names = ", ".join(titles) or "none yet"
        raise NotFound(f"Job {job.id} has no figure {short(name)!r}. It has: {names}.")
    return Response(
        orjson.dumps(figures.draw(reading, name), option=orjson.OPT_SERIALIZE_NUMPY),
        media_type="application/json",
    )


@router.get("/checks", response_model=list[CheckOut], responses=responses(404, 422))
def list_checks(job: CurrentJob, session: ReadSession) -> list[dict[str, Any]]:
    """The claims of the book that this job tested."""
    return read(session, job.id).checks


def news(job_id: int, after: int) -> tuple[list[tuple[int, bytes]], JobStatus | None]:
    """The chunks after `after`, and the status once they are the last."""
    with readers()() as session:
        store = RunStore(session)
        state, stored = store.state(job_id), store.chunks(job_id, after, PAGE)
    if state is None:
        return [], JobStatus.cancelled
    status, last = state
    at = stored[-1][0] if stored else after
    return stored, status if at >= last else None


@router.get("/events", response_class=EventSourceResponse, responses=responses(404, 422))
async def stream_events(
    job: CurrentJob,
    after: Annotated[
        int, Query(ge=0, le=LARGEST, description="Number of the last chunk seen.")
    ] = 0,
    last_event_id: Annotated[int, Header(ge=0, le=LARGEST)] = 0,
) -> AsyncIterator[ServerSentEvent]:
    """What the job says, as it says it; `Last-Event-ID` resumes without gap or repeat; one
    of a chunk that is yet to come means the last there is.

    Each message is a chunk: {"seq", "at", "events": [...]}; an event of type "epoch" carries
    values[epoch][metric][lane]. What is past comes as messages of many chunks: `seq` is that of the
    last, and each event has a `seq` and an `at` of its own. After the job's end comes one message
    named "end".
    """
    seen = min(max(after, last_event_id), job.seq)  # beyond the present end is that end
    while True:
        fresh, status = await run_in_threadpool(news, job.id, seen)
        for seen, payload in fresh:
            yield ServerSentEvent(id=str(seen), raw_data=payloads.message(seen, payload).decode())
        if status in FINAL:
            yield ServerSentEvent(event="end", data={"status": status})
            return
        if not fresh:
            await asyncio.sleep(LOOK)


@router.get("/predictor", responses=responses(404, 409, 422) | {200: {
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    "description": "One safetensors file; its header carries the rest as JSON.",
}}, response_class=Response)  # fmt: skip
def download_predictor(job: CurrentJob, session: ReadSession) -> Response:
    """The trained predictor as a file."""
    payload = read_version(made_by(session, job.id).id).payload
    headers = {"Content-Disposition": f'attachment; filename="job-{job.id}.safetensors"'}
    return Response(payload, headers=headers, media_type="application/octet-stream")


@router.get(
    "/submission.csv", responses=responses(404, 409, 422) | {200: CSV}, response_class=Response
)
def get_submission_file(job: CurrentJob, session: ReadSession) -> Response:
    """The file to submit: id and target of each row of the test table beside what the job has
    learnt from, in its order; of houses Id,SalePrice of the 1,459 without a price."""
    text = export(session, job.id)
    headers = {"Content-Disposition": 'attachment; filename="submission.csv"'}
    return Response(text, headers=headers, media_type="text/csv")


@router.get(
    "/predictions.csv", responses=responses(404, 409, 422) | {200: CSV}, response_class=FileResponse
)
def get_predictions_file(job: CurrentJob) -> FileResponse:
    """The answers to the table that a job was sent, row by row; its job has succeeded then."""
    path = pricing.answers(job)
    headers = {"Ridgeline-Version": str(job.experiment["version"])}
    return FileResponse(path, media_type="text/csv", filename="predictions.csv", headers=headers)


@router.get("/submission", response_model=Preflight, responses=responses(404, 409, 422))
def get_submission(job: CurrentJob, session: ReadSession) -> dict[str, Any]:
    """The same file checked, and its prices beside those of the training rows."""
    predictor = competing(session, job.id).predictor
    text, sold = predictor.submission(), predictor.card.sold
    predicted = Histogram.of(predictor.prices, sold.edges)
    checks = preflight(text)
    return {
        "job": job.id,
        "checks": [CheckOut.model_validate(check, from_attributes=True) for check in checks],
        "ready": all(check.passed for check in checks),
        "rows": len(predictor.ids),
        "bytes": len(text.encode()),
        "head": text.splitlines()[:8],
        "histogram": {"edges": sold.edges, "sold": sold.shares, "predicted": predicted.shares},
    }
