"""Somebody's submission.csv: what Kaggle would look at, and how far it is from our own prices."""

from fastapi import APIRouter, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from app.bodies import Preflighted
from app.dashboard import views
from app.dashboard.rendering import render
from app.errors import Invalid
from app.serving.predictors import champion
from app.serving.submissions import LARGEST, looked_at
from app.store.jobs import RunStore
from app.store.sessions import ReadSession

router = APIRouter()


@router.get("/submission")
def ask(request: Request, session: ReadSession) -> Response:
    """A form that takes a file."""
    return _page(request, session)


@router.post("/submission")
def check(request: Request, session: ReadSession, file: UploadFile | None = None) -> Response:
    """The file, checked as it is."""
    body = file.file.read(LARGEST + 1) if file else b""
    if not file or not file.filename:
        return _page(request, session, fault="Choose a file.")
    try:
        found = looked_at(body, champion(session))
    except Invalid as error:
        return _page(request, session, fault=error.message)
    return _page(request, session, found, name=file.filename if file else "")


def _page(
    request: Request,
    session: ReadSession,
    found: Preflighted | None = None,
    *,
    name: str | None = "",
    fault: str = "",
) -> Response:
    return render(
        request,
        "preflight.html",
        status=422 if fault else 200,
        bar=views.bar(RunStore(session).counts()),
        found=found,
        name=(name or "the file")[:80],
        fault=fault,
        held=sum(check.passed for check in found.checks) if found else 0,
    )
