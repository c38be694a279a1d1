"""Compare: jobs beside each other, and whether one is better."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.comparisons import MOST, Found, compare
from app.dashboard import views
from app.dashboard.comparison import drawn
from app.dashboard.rendering import render
from app.errors import Invalid
from app.serving.predictors import told
from app.store.jobs import RunStore
from app.store.sessions import ReadSession

router = APIRouter()


@router.get("/compare")
def compare_jobs(request: Request, session: ReadSession) -> Response:
    """The jobs of the address: `jobs=1,4,7`, or once each, as the boxes of the list send them."""
    bar = views.bar(RunStore(session).counts())
    given = request.query_params.getlist("jobs")
    numbers = [number for text in given for number in text.split(",") if number]
    try:
        found = compare(session, numbers)
    except Invalid as error:
        return render(
            request, "compare.html", status=422, bar=bar, told=None, why=error.message, most=MOST
        )
    address = "/compare?jobs=" + ",".join(str(one.job) for one in _as_asked(found, numbers))
    return render(
        request,
        "compare.html",
        bar=bar,
        told=found.told,
        address=address,
        turned="/compare?jobs=" + ",".join(str(one.job) for one in reversed(found.told.jobs)),
        by_job={one.job: one for one in found.told.jobs},
        words=_words(found),
        most=MOST,
        **drawn(found),
    )


def _as_asked(found: Found, numbers: list[str]) -> list[Any]:
    """In the order of the address, which a look that comes again keeps."""
    order = [int(number) for number in numbers]
    return sorted(found.told.jobs, key=lambda one: order.index(one.job))


def _words(found: Found) -> Any:
    """How values of rows are written, where some are told."""
    version = found.told.jobs[0].version
    return told(version)[0].words if found.told.rows and version else None
