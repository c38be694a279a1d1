"""The form for a new job: drawn from the schema, checked while it is typed."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from app import lifecycle
from app.catalogue import experiments, forms, sweeps
from app.catalogue.presets import presets
from app.dashboard import views
from app.dashboard.rendering import render
from app.errors import NotFound
from app.results.answers import answer
from app.store.jobs import SERVED, RunStore
from app.store.search import Listing
from app.store.sessions import DbSession, ReadSession
from app.store.states import JobStatus
from ml.experiment import Experiment

OURS = {"experiment", "preset", "from"}  # what an address may hold beside fields

router = APIRouter()


async def read_posted(request: Request) -> dict[str, str]:
    """The fields of a posted form."""
    form = await request.form()
    return {name: value for name, value in form.items() if isinstance(value, str)}


Posted = Annotated[dict[str, str], Depends(read_posted)]


@router.get("/jobs/new")
def new(request: Request, session: ReadSession) -> Response:
    """The form: defaults, a preset or an earlier job, and over them the fields of the address."""
    asked = dict(request.query_params)
    store = RunStore(session)
    earlier = store.get(asked["from"]) if asked.get("from") else None
    name, values, ranges = asked.get("experiment") or SERVED[0], None, dict[str, str]()
    if earlier:
        name, values, ranges = sweeps.start(earlier.experiment | {"name": earlier.name})
    cls = _class(name)
    values = _preset(cls, asked.get("preset", "")) if values is None else values
    typed = ranges | {key: asked[key] for key in asked.keys() - OURS}
    form = sweeps.fill(cls, values, typed)
    return _page(request, store, cls, form, from_job=earlier.id if earlier else None)


@router.post("/jobs/new")
def create(request: Request, typed: Posted, session: DbSession) -> Response:
    """Queue the job and show it; or show the form again, with what is wrong beside each field."""
    store = RunStore(session)
    cls, form = _filled(store, typed)
    if form.experiment is None:
        return _page(request, store, cls, form, status=422)
    job = lifecycle.submit(session, form.experiment)
    return RedirectResponse(f"/jobs/{job.id}", 303)


@router.post("/jobs/new/check")
def check(typed: Posted, session: ReadSession) -> Response:
    """What the page says while somebody types."""
    cls, form = _filled(RunStore(session), typed)
    return JSONResponse(
        {
            "errors": form.errors,
            "changed": form.changed,
            "label": _label(form),
            "body": _body(cls, form),
        }
    )


@router.post("/jobs/new/sweep")
def sweep(request: Request, typed: Posted, session: ReadSession) -> Response:
    """The fields of the sweep that the form has become, and what its button does."""
    cls, form = _filled(RunStore(session), typed)
    trials = sweeps.count(form)
    return render(
        request, "_sweep.html", form=form, trials=trials, instant=cls.instant, part="both"
    )


@router.post("/jobs/new/result")
def result(request: Request, typed: Posted) -> Response:
    """What an instant experiment gives, drawn beside its form."""
    cls = _class(typed.get("experiment", ""))
    form = forms.fill(cls, {}, typed)
    return render(request, "_result.html", result=answer(form.experiment))


def _class(name: str) -> type[Experiment]:
    """The experiment of that name; a sweep is no form of its own, but one of what it varies."""
    if name == sweeps.NAME:
        raise experiments.unknown(name, experiments.names())
    return experiments.find(name)


def _filled(store: RunStore, typed: Mapping[str, str]) -> tuple[type[Experiment], forms.Form]:
    """The form as it was posted; what varies begins with the job or preset that it came from."""
    cls = _class(typed.get("experiment", ""))
    values = _preset(cls, typed.get("preset", ""))
    if typed.get("from"):
        with suppress(NotFound):  # it was deleted meanwhile
            earlier = store.get(typed["from"])
            name, of, _ = sweeps.start(earlier.experiment | {"name": earlier.name})
            values = of if name == typed.get("experiment") else values
    return cls, sweeps.fill(cls, values, typed)


def _preset(cls: type[Experiment], name: str) -> Mapping[str, Any]:
    return next((preset.values for preset in cls.presets if preset.name == name), {})


def _page(
    request: Request, store: RunStore, cls: type[Experiment], form: forms.Form, *,
    status: int = 200, from_job: int | None = None,
) -> Response:  # fmt: skip
    name = str(cls.model_fields["name"].default)
    counts = store.counts()
    last = next(iter(store.jobs(Listing(name=name, status=JobStatus.succeeded, limit=1))), None)
    return render(
        request,
        "new.html",
        status=status,
        bar=views.bar(counts),
        name=name,
        section=cls.section,
        summary=cls.summary(),
        experiments=_by_section(),
        presets=presets(cls, form),
        form=form,
        from_job=from_job,
        preset=request.query_params.get("preset", ""),
        trials=sweeps.count(form),
        may_vary=sweeps.may_vary(cls),
        label=_label(form),
        body=_body(cls, form),
        ahead=counts.get(JobStatus.queued, 0) + counts.get(JobStatus.running, 0),
        workers=store.workers(),
        last=last,
        last_took=views.took(last) if last else None,
        instant=cls.instant,
        result=answer(form.experiment),
    )


def _by_section() -> dict[str, list[str]]:
    """Names of the experiments, in the order of the chapter."""
    found: dict[str, list[str]] = {}
    for cls in experiments.ordered():
        found.setdefault(cls.section, []).append(str(cls.model_fields["name"].default))
    return found


def _label(form: forms.Form) -> str:
    if sweeps.count(form):
        return f"a sweep of {sweeps.words(form)}"
    return form.experiment.label if form.experiment else "not yet a whole experiment"


def _body(cls: type[Experiment], form: forms.Form) -> str:
    """The request that does the same; where something is wrong, with what was typed."""
    fields = {key: value for key, value in form.request.items() if key not in sweeps.POSTED}
    experiment = {"name": cls.model_fields["name"].default} | fields
    text = json.dumps({"experiment": experiment}, indent=2, ensure_ascii=False)
    return f"POST /api/v1/jobs\n{text}"
