"""The form for a new job: drawn from the schema, checked while it is typed."""

from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from app import lifecycle
from app.catalogue import changes, forms
from app.dashboard import rendering, views
from app.errors import NotFound
from app.results import curves
from app.store import chunks
from app.store.jobs import Listing, RunStore
from app.store.models import Job, JobStatus
from app.store.sessions import DbSession, ReadSession
from ml.experiment import Experiment, Preset
from ml.experiments import EXPERIMENTS

ALIVE = 15.0
FIRST = "kaggle_house"
OURS = {"experiment", "preset", "from"}  # what an address may hold beside fields

router = APIRouter(include_in_schema=False)


async def read_posted(request: Request) -> dict[str, str]:
    """The fields of a posted form."""
    form = await request.form()
    return {name: value for name, value in form.items() if isinstance(value, str)}


Posted = Annotated[dict[str, str], Depends(read_posted)]


def experiment_named(name: str) -> type[Experiment]:
    """The experiment's class."""
    if name not in EXPERIMENTS:
        raise NotFound(f"There is no experiment {name[:80]!r}.")
    return EXPERIMENTS[name]


@router.get("/jobs/new")
def new(request: Request, session: ReadSession) -> Response:
    """The form: defaults, a preset or an earlier job, and over them the fields of the address."""
    asked = dict(request.query_params)
    store = RunStore(session)
    earlier = _earlier(store, asked.get("from", ""))
    name = earlier.name if earlier else asked.get("experiment") or FIRST
    cls = experiment_named(name)
    values = earlier.experiment if earlier else _preset(cls, asked.get("preset", ""))
    form = forms.fill(cls, values, {key: asked[key] for key in asked.keys() - OURS})
    return _page(request, store, cls, form, from_job=earlier.id if earlier else None)


@router.post("/jobs/new")
def create(request: Request, typed: Posted, session: DbSession) -> Response:
    """Queue the job and show it; or show the form again, with what is wrong beside each field."""
    cls = experiment_named(typed.get("experiment", ""))
    form, store = forms.fill(cls, {}, typed), RunStore(session)
    if form.experiment is None:
        return _page(request, store, cls, form, status=422)
    job = lifecycle.submit(session, form.experiment)
    return RedirectResponse(f"/jobs/{job.id}", 303)


@router.post("/jobs/new/check")
def check(typed: Posted) -> Response:
    """What the page says while somebody types."""
    cls = experiment_named(typed.get("experiment", ""))
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
    cls = experiment_named(typed.get("experiment", ""))
    return rendering.render(request, "_result.html", result=answer(cls, forms.fill(cls, {}, typed)))


def _earlier(store: RunStore, number: str) -> Job | None:
    if not number:
        return None
    known = number.isascii() and number.isdecimal() and len(number) < 19
    job = store.find(int(number)) if known else None
    if job is None:
        raise NotFound(f"There is no job {number[:40]} to start from.")
    return job


def _preset(cls: type[Experiment], name: str) -> Mapping[str, Any]:
    return next((preset.values for preset in cls.presets if preset.name == name), {})


def _page(
    request: Request, store: RunStore, cls: type[Experiment], form: forms.Form, *,
    status: int = 200, from_job: int | None = None,
) -> Response:  # fmt: skip
    name = str(cls.model_fields["name"].default)
    counts = store.counts()
    last = next(iter(store.jobs(Listing(name=name, status=JobStatus.succeeded, limit=1))), None)
    return rendering.render(
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
        workers=store.workers(ALIVE),
        last=last,
        last_took=views.took(last) if last else None,
        instant=cls.instant,
        result=answer(cls, form) if cls.instant else None,
    )


def _by_section() -> dict[str, list[str]]:
    """Names of the experiments, in the order of the chapter."""
    found: dict[str, list[str]] = {}
    for name, kind in EXPERIMENTS.items():
        found.setdefault(kind.section, []).append(name)
    return dict(sorted(found.items(), key=lambda item: [*map(int, item[0].split("."))]))


def presets(cls: type[Experiment], form: forms.Form) -> list[dict[str, Any]]:
    """The default and the experiment's own, and which of them the form holds."""
    if not cls.presets:
        return []
    default = Preset("", "Default", cls.model_validate({}).label, {})
    held = form.request
    return [
        {
            "name": preset.name,
            "title": preset.title,
            "text": preset.text,
            "typed": {key: forms.written(value) for key, value in preset.values.items()},
            "current": held is not None and changes.same(cls, preset.values, held),
        }
        for preset in (default, *cls.presets)
    ]


def _label(form: forms.Form) -> str:
    return form.experiment.label if form.experiment else "not yet a whole experiment"


def _body(cls: type[Experiment], form: forms.Form) -> str:
    """The request that does the same; where something is wrong, with what was typed."""
    experiment: dict[str, Any] = form.request or {
        "name": cls.model_fields["name"].default,
        **{field.shape.name: field.value for field in form.fields if field.changed},
    }
    text = orjson.dumps({"experiment": experiment}, option=orjson.OPT_INDENT_2).decode()
    return f"POST /api/v1/jobs\n{text}"


def answer(cls: type[Experiment], form: forms.Form) -> dict[str, Any] | None:
    """Run an instant experiment here and now; it takes milliseconds, and its inputs are bounded."""
    if not cls.instant or form.experiment is None:
        return None
    items = list(chunks.unpack([chunks.pack(form.experiment.run())]))
    figures = [item | {"plot": curves.figure(item)} for item in chunks.latest(items, "figure")]
    return {
        "findings": chunks.latest(items, "finding"),
        "figures": figures,
        "tables": chunks.latest(items, "table"),
        "checks": chunks.latest(items, "check"),
    }
