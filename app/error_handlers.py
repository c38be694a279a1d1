"""How an error is told: an RFC 9457 problem for a program, a page for a person."""

from http import HTTPStatus
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from app.catalogue import experiments
from app.catalogue.suggestions import no_field
from app.dashboard import rendering
from app.errors import MEDIA_TYPE, AppError, Fault, Problem, disk_full, fault, is_full, problem
from app.store.failures import store_refused

log = structlog.get_logger()
MOST = 100  # faults told one by one
SPOKEN = {
    400: "The body could not be read as JSON.",
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
}


def install(app: FastAPI) -> None:
    """Render whatever is raised."""
    app.add_exception_handler(AppError, _app_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(DBAPIError, _store)
    app.add_exception_handler(RecursionError, _deep)
    app.add_exception_handler(OSError, _system)
    app.add_exception_handler(Exception, _unforeseen)


def render(request: Request, said: Problem, headers: dict[str, str] | None = None) -> Response:
    """A page for a browser, JSON for everyone else."""
    wants_page = "text/html" in request.headers.get("accept", "")
    if wants_page and not request.url.path.startswith("/api/"):
        return rendering.render(
            request, "error.html", status=said.status, title=said.title, detail=said.detail
        )
    content = said.model_dump_json(exclude_none=True)
    return Response(content, said.status, headers, media_type=MEDIA_TYPE)


async def _app_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AppError)
    return render(request, problem(error.status_code, error.message, error.errors, error.unknown))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(sorted(_methods(request)))
    phrase = HTTPStatus(error.status_code).phrase
    ours = error.status_code == 400 or error.detail == phrase
    detail = SPOKEN.get(error.status_code, error.detail) if ours else error.detail
    return render(request, problem(error.status_code, detail), headers)


async def _system(request: Request, error: Exception) -> Response:
    """A body that finds no room on the disk where it waits."""
    assert isinstance(error, OSError)
    if is_full(error):
        return render(request, problem(507, disk_full(Path(gettempdir()))))
    raise error


def _methods(request: Request) -> set[str]:
    """Every method of this address: each route alone only knows its own."""
    known = {
        method
        for method in ("GET", "POST", "PUT", "DELETE")
        for route in request.app.routes
        if route.matches({**request.scope, "method": method})[0] is Match.FULL
    }
    return known | {"HEAD"} if "GET" in known else known


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [_fault(item) for item in error.errors()[:MOST]]
    where = " → ".join(map(str, faults[0].loc)) if faults else "the request"
    detail = f"{where}: {faults[0].message}" if faults else "The request is not valid."
    return render(request, problem(422, detail, faults))


def _fault(item: dict[str, Any]) -> Fault:
    """A fault; of a field that an experiment has not, with the one that may have been meant."""
    wrong = fault(item)
    match item:
        case {
            "type": "extra_forbidden",
            "loc": ("body", "experiment", name, str(field))
            | ("body", "experiment", "sweep", "of", name, str(field)),
        }:
            wrong.message = no_field(experiments.find(name), field)
    return wrong


async def _store(request: Request, error: Exception) -> Response:
    assert isinstance(error, DBAPIError)
    why = store_refused(error)
    if not why:
        return await _unforeseen(request, error)
    log.error(why, path=request.url.path)
    return render(request, problem(503, why))


async def _deep(request: Request, _: Exception) -> Response:
    """Only a body can be so deep: whoever walks it gives up."""
    return render(request, problem(422, "The body is nested too deeply."))


async def _unforeseen(request: Request, error: Exception) -> Response:
    log.exception("request failed", path=request.url.path, exc_info=error)
    detail = "Something failed here that we did not foresee. It is in the log; nothing was changed."
    return render(request, problem(500, detail))
