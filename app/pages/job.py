"""A job: everything it has said, its submission, and what can be done with it."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Depends, Form
from fastapi import Query as Param
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import lifecycle
from app.catalogue import changes, experiments, reproduce, sweeps
from app.dashboard import views
from app.dashboard.rendering import render
from app.dashboard.table_job import table_of
from app.dashboard.value_page import row_page
from app.errors import Conflict, NotFound
from app.results import log
from app.results.charts import charts, legend
from app.results.headline import headline_of
from app.results.reading import Reading, read
from app.results.repetitions import settings_of
from app.serving.predictors import competing, gate, told
from app.store.answers import Answers
from app.store.jobs import PRICED, RunStore
from app.store.models import LARGEST, Job, Version
from app.store.registry import Registry
from app.store.requirements import waiting_for
from app.store.sessions import DbSession, ReadSession
from app.store.states import JobStatus
from app.store.tables import Tables, named
from app.typography import measure_name

RUNS = 100  # rows of a page of runs
ROWS = 1000  # of a table
OF_A_SWEEP = 40  # of either, where there are both: a page stays small
FRESH = {"Cache-Control": "no-cache"}

router = APIRouter()


def find_job(job_id: str, session: ReadSession) -> Job:
    """The job of this address."""
    return RunStore(session).get(job_id)


def find_job_to_change(job_id: str, session: DbSession) -> Job:
    """The same, within the transaction of the request: no other snapshot is in its way."""
    return RunStore(session).get(job_id)


CurrentJob = Annotated[Job, Depends(find_job)]
JobToChange = Annotated[Job, Depends(find_job_to_change)]


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
    pace = log.pace(job, reading)
    version, workers = Registry(session).of_job(job.id), store.workers()
    most = OF_A_SWEEP if job.name == sweeps.NAME else RUNS
    runs = store.runs(job.id, after=runs_after, limit=most + 1)
    results = reading.results()
    return render(
        request,
        "job.html",
        **_words(job),
        **_curves(reading),
        **_asked(job, reading, str(request.base_url)),
        bar=views.bar(store.counts()),
        job=job,
        seq=reading.seq,
        place=_place(store, job),
        workers=workers,
        waiting_for=waiting_for(job, workers),
        model=version,
        test_rows=_test_rows(session, job),
        priced=Answers(session).kept(version.id).paid if version else 0,
        **_beside_the_champion(session, version),
        others=_comparable(session, job),
        median=told(version.id)[0].median_error if version else None,
        **results,
        links=_links(session, job, results["tables"]),
        next_steps=_next_steps(job, results["findings"]),
        panels=views.classes(results["tables"], results["figures"]),
        doubt=views.state(job) == "diverged" or _has_diverged(reading),
        pace=views.pace_words(job, pace),
        log=log.lines(reading),
        runs=runs[:most],
        most=OF_A_SWEEP if job.name == sweeps.NAME else ROWS,
        runs_after=runs_after,
        runs_next=runs[most - 1].id if len(runs) > most else 0,
    )


def _asked(job: Job, reading: Reading, base_url: str) -> dict[str, Any]:
    """What was asked for, and how to ask for it again; `table` is of a job that answers one."""
    if job.name == PRICED:
        table = table_of(job, base_url)
        return {
            "table": table, "trains": False, "config": table.config, "problem": "",
            "reproduce": table.again,
        }  # fmt: skip
    cls = experiments.get(job.name)
    shortest = changes.shortest(cls, job.experiment)
    return {
        "table": None,
        "trains": bool(reading.groups) or (views.is_active(job) and not (cls and cls.instant)),
        "config": changes.settings(cls, job.experiment),
        "problem": changes.problem(cls, job.experiment),
        "reproduce": reproduce.commands(shortest, base_url),
    }


def _links(session: Session, job: Job, tables: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """By the name of a table, the pages of its rows: where a version can be asked about them."""
    of_rows = {table["name"]: about for table in tables if (about := table.get("about"))}
    if not of_rows or job.name != PRICED:
        return {}
    version = job.experiment["version"]
    try:
        Registry(session).get(str(version))
        schema = told(version)[0].input_schema
    except (NotFound, Conflict):  # deleted since, or damaged: what it said stays
        return {}
    return {
        name: [row_page(schema, version, row) for row in rows] for name, rows in of_rows.items()
    }


def _test_rows(session: Session, job: Job) -> int:
    """How many rows are beside the table that it learns from, to be predicted."""
    name = named(job.experiment)
    table = Tables(session).find(name) if name else None
    return (table.test_rows or 0) if table else 0


def _next_steps(job: Job, findings: list[dict[str, Any]]) -> dict[str, str]:
    """Where the best trial of a sweep is taken on to, by words: nothing of another job."""
    best = next((item["setting"] for item in findings if item.get("setting")), "")
    if job.name != sweeps.NAME or not best or changes.problem(experiments.get(job.name),
                                                              job.experiment):  # fmt: skip
        return {}
    of = {"experiment": job.experiment["of"]["name"]}
    ways = {"Train this one in full": sweeps.in_full, "Sweep around it": sweeps.around}
    return {
        text: f"/jobs/new?{urlencode(of | way(job.experiment, best))}" for text, way in ways.items()
    }


def _has_diverged(reading: Reading) -> bool:
    """Whether the verdict says so, though the job came to its end."""
    return any(item["verdict"] == "diverged" for item in reading.results()["findings"])


def _curves(reading: Reading) -> dict[str, Any]:
    """What the page says of the curves before its script draws them."""
    groups = [*reading.groups.values()]
    settings = settings_of(groups)
    headline = headline_of(groups, settings)
    alike = headline.alike if headline else settings
    runs = sum(len(one.labels) for one in alike)
    measures = {measure_name(group.measure) for group in groups}
    return {
        "headline": headline,
        "legend": legend(alike),
        "measure": measures.pop() if len(measures) == 1 else "",
        "side_by_side": runs if runs > len(alike) else 0,
        "blank": not any(group.is_known for group in groups),
    }


def _words(job: Job) -> dict[str, Any]:
    return {
        "title": job.label or "defaults",
        "state": views.state(job),
        "active": views.is_active(job),
        "took": views.took(job),
        "progress": views.progress_words(job),
        "book": views.BOOK.get(job.name),
    }


def _place(store: RunStore, job: Job) -> int:
    """Where a queued job stands, from 1; 0 where it does not wait, or too far behind to count."""
    if job.status != JobStatus.queued:
        return 0
    waiting = [row.id for row in store.queue(1000) if row.status == JobStatus.queued]
    return waiting.index(job.id) + 1 if job.id in waiting else 0


@router.get("/jobs/{job_id}/curves.json")
def curves_json(
    job: CurrentJob,
    session: ReadSession,
    after: Annotated[str, Param(pattern=r"^(\d{1,9}(,\d{1,9})*)?$")] = "",
) -> Response:
    """What the page of a job draws: all of it, or what came after these epochs of its groups."""
    reading = read(session, job.id)
    groups = [*reading.groups.values()]
    settings = settings_of(groups)
    headline, pace = headline_of(groups, settings), log.pace(job, reading)
    came = [int(epoch) for epoch in after.split(",") if epoch]
    content = charts(groups, settings, headline.setting if headline else None, came) | {
        "seq": reading.seq,
        "sentence": headline.so_far if headline else "",
        "numbers": [one.value for one in headline.numbers] if headline else [],
        "progress": [pace.epochs, pace.total],
        "pace": views.pace_words(job, pace),
    }
    return Response(orjson.dumps(content), media_type="application/json", headers=FRESH)


def _beside_the_champion(session: Session, version: Version | None) -> dict[str, Any]:
    """What a job's version is called, and whether it is better than the one that answers."""
    if version is None:
        return {"names": (), "standing": ""}
    registry = Registry(session)
    champion = registry.champion()
    if champion is None or champion[0].id == version.id:
        return {"names": registry.names_of(version.id), "standing": ""}
    return {
        "names": registry.names_of(version.id),
        "standing": gate(version.id, champion[0].id).sentence,
    }


def _comparable(session: Session, job: Job) -> dict[int, str]:
    """The jobs to set it beside first, by what they are to it, if they have the same measure."""
    champion = Registry(session).champion()
    others = {champion[1].id: "The job of the model that answers"} if champion else {}
    if job.retry_of:
        others.setdefault(job.retry_of, "The job that it repeats")
    found = {number: RunStore(session).find(number) for number in others if number != job.id}
    return {
        number: others[number]
        for number, other in found.items()
        if other and other.measure and other.measure == job.measure
    }


@router.get("/jobs/{job_id}/submission")
def submission(request: Request, job: CurrentJob, session: ReadSession) -> Response:
    """The last look at submission.csv before somebody uploads it."""
    store = RunStore(session)
    version = Registry(session).of_job(job.id)
    if version:
        competing(session, job.id)
    return render(
        request,
        "submission.html",
        **_words(job),
        bar=views.bar(store.counts()),
        job=job,
        ready=version is not None,
        folds=told(version.id)[0].folds if version else views.folds(job),
    )


@router.post("/jobs/{job_id}/cancel")
def cancel(job: JobToChange, session: DbSession) -> Response:
    """Ask the job to stop, and show it."""
    return _go(lifecycle.cancel(session, job))


@router.post("/jobs/{job_id}/retry")
def retry(job: JobToChange, session: DbSession) -> Response:
    """Queue the same experiment again, and show the new job."""
    return _go(lifecycle.retry(session, job))


@router.post("/jobs/{job_id}/delete")
def delete(
    job: JobToChange, session: DbSession, prices: Annotated[int, Form(ge=0)] = 0
) -> Response:
    """Forget the job, and show those that are left; of prices that were told, as many as were
    named."""
    freed = lifecycle.delete(session, job, prices)
    return RedirectResponse(f"/jobs?deleted={job.id}&freed={freed}", 303)


def _go(job: Job) -> Response:
    return RedirectResponse(f"/jobs/{job.id}", 303)
