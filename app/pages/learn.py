"""Learn: the ten sections of the chapter, each with its laboratory."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import lifecycle
from app.bodies import InstantIn
from app.catalogue import badges, experiments, forms, lessons
from app.catalogue.lessons import Lesson
from app.catalogue.presets import presets
from app.dashboard import prose, views
from app.dashboard.rendering import fragment, render
from app.errors import NotFound
from app.pages.new_job import OURS
from app.results.answers import answer
from app.results.reading import read
from app.store.jobs import RunStore
from app.store.models import Job
from app.store.sessions import DbSession, ReadSession

OPEN = 6  # fields that stand open where a lesson names none

router = APIRouter(prefix="/learn")


def find_lesson(section: str) -> Lesson:
    """The lesson of this address."""
    known = lessons.lessons()
    if section not in known:
        raise NotFound(f"There is no section {section[:20]}. There are 4.1 to 4.10.")
    return known[section]


CurrentLesson = Annotated[Lesson, Depends(find_lesson)]


@router.get("")
def index(request: Request, session: ReadSession) -> Response:
    """The ten sections."""
    store = RunStore(session)
    chapter = badges.current(store)
    return render(
        request,
        "learn.html",
        bar=views.bar(store.counts()),
        chapter=chapter,
        summed=badges.summed(chapter),
    )


@router.post("/answer")
def answer_at_once(asked: InstantIn) -> Response:
    """What a laboratory shows of settings that need no job: its figures, and the rest as HTML."""
    result = answer(asked.experiment) or {"figures": []}
    drawn = {item["name"]: item["plot"] for item in result["figures"]}
    content = {"figures": drawn, "html": fragment("_answer.html", result=result, most=0)}
    return Response(
        orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json"
    )


@router.get("/{section}")
def show(request: Request, lesson: CurrentLesson, session: ReadSession) -> Response:
    """A section: what it claims, the figure, the controls."""
    store, asked = RunStore(session), dict(request.query_params)
    chapter = badges.current(store)
    return render(
        request,
        "lesson.html",
        bar=views.bar(store.counts()),
        chapter=chapter,
        lesson=lesson,
        claims=_claims(chapter, lesson),
        text=prose.blocks(lesson.text),
        notice=[prose.line(item) for item in lesson.notice],
        exercises=[(item, prose.line(item.text)) for item in lesson.exercises],
        workers=store.workers(),
        lab=_lab(store, lesson, asked),
    )


@router.post("/{section}/run")
def run(lesson: CurrentLesson, session: DbSession) -> Response:
    """Queue what `verify` trains of the section, but for what runs or waits already."""
    claims = _claims(badges.current(RunStore(session)), lesson)
    for verification in claims.trained:
        if not verification.doing:
            lifecycle.submit(session, verification.experiment)
    return RedirectResponse(f"/learn/{lesson.section}", 303)


def _claims(chapter: Sequence[badges.SectionClaims], lesson: Lesson) -> badges.SectionClaims:
    return next(item for item in chapter if item.lesson is lesson)


def _lab(store: RunStore, lesson: Lesson, asked: Mapping[str, str]) -> dict[str, Any]:
    """One experiment of the section: its controls, and what it gave."""
    known = lesson.experiments
    name = asked.get("experiment", next(iter(known)))
    if name not in known:
        raise experiments.unknown(name, known, f" in section {lesson.section}")
    cls = known[name]
    typed = {key: value for key, value in asked.items() if key not in OURS}
    form = forms.fill(cls, {}, typed)
    named = lesson.controls.get(name) or _open(form)
    was = asked.get("was", "")
    made = {
        "was": was if was.isdecimal() else "",
        "name": name,
        "cls": cls,
        "form": form,
        "presets": presets(cls, form),
    }
    made["open"] = [field for field in form.fields if field.shape.name in named]
    made["folded"] = [field for field in form.fields if field.shape.name not in named]
    if cls.instant:
        return made | {"result": answer(form.experiment), "job": None, "active": None}
    job = store.latest().get(name)
    active = next((item for item in store.queue(badges.ACTIVE) if item.name == name), None)
    return made | {"result": _result(store, job), "job": job, "active": active}


def _open(form: forms.Form) -> list[str]:
    """The first fields, but for those that say how it is run."""
    names = [field.shape.name for field in form.fields if field.shape.group != "Run"]
    return names[:OPEN]


def _result(store: RunStore, job: Job | None) -> dict[str, Any] | None:
    """What the last job of an experiment gave: figures by their address, checks, findings."""
    if job is None:
        return None
    reading = read(store.session, job.id)
    known = [group for group in reading.groups.values() if group.is_known]
    drawn = [
        {
            "name": f"curves-{group.key}",
            "title": f"Train and {group.judged_on}, {group.key}",
            "finding": "",
        }
        for group in known[:1]
    ]
    return reading.results() | {"figures": [*drawn, *reading.figures.values()]}
