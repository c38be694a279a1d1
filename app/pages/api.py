"""The REST interface for people: Swagger UI over openapi.json, from files of our own server."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.dashboard import views
from app.dashboard.rendering import render
from app.store.jobs import RunStore
from app.store.sessions import ReadSession

router = APIRouter()


@router.get("/api")
def show_api(request: Request, session: ReadSession) -> Response:
    """Every address with its fields, to read and to try."""
    return render(request, "api.html", bar=views.bar(RunStore(session).counts()))
