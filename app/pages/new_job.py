"""The form for a new job: drawn from the schema, checked while it is typed."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from app import lifecycle
from app.catalogue import experiments, forms
from app.catalogue.presets import presets
from app.dashboard import views
from app.dashboard.rendering import render
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
    name = earlier.name if earlier else asked.get("experiment") or SERVED[0]
    cls = experiments.find(name)
    values = earlier.experiment if earlier else _preset(cls, asked.get("preset", ""))
    form = forms.fill(cls, values, {key: asked[key] for key in asked.keys() - OURS})
    return _page(request, store, cls, form, from_job=earlier.id if earlier else None)


@router.post("/jobs/new")
def create(request: Request, typed: Posted, session: DbSession) -> Response:
    """Queue the job and show it; or show the form again, with what is wrong beside each field."""
    cls = experiments.find(typed.get("experiment", ""))
    form, store = forms.fill(cls, {}, typed), RunStore(session)
    if form.experiment is None:
        return _page(request, store, cls, form, status=422)
    job = lifecycle.submit(session, form.experiment)
    return RedirectResponse(f"/jobs/{job.id}", 303)


@router.post("/jobs/new/check")
def check(typed: Posted) -> Response:
    """What the page says while somebody types."""
    cls = experiments.find(typed.get("experiment", ""))
    form = forms.fill(cls, {}, typed)
    return JSONResponse(
        {
            "errors": form.errors,
            "changed": form.changed,
            "label": _label(form),
            "body": _body(cls, form),
        }
    )


@router.post("/jobs/new/result")
def result(request: Request, typed: Posted) -> Response:
    """What an instant experiment gives, drawn beside its form."""
    cls = experiments.find(typed.get("experiment", ""))
    form = forms.fill(cls, {}, typed)
    return render(request, "_result.html", result=answer(form.experiment))


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
    return form.experiment.label if form.experiment else "not yet a whole experiment"


def _body(cls: type[Experiment], form: forms.Form) -> str:
    """The request that does the same; where something is wrong, with what was typed."""
    experiment = {"name": cls.model_fields["name"].default} | form.request
    text = json.dumps({"experiment": experiment}, indent=2, ensure_ascii=False)
    return f"POST /api/v1/jobs\n{text}"
