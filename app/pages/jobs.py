"""Jobs: all of them, sorted and searched."""

from typing import Annotated

from fastapi import APIRouter
from fastapi import Query as Param
from starlette.requests import Request
from starlette.responses import Response

from app.comparisons import MOST
from app.dashboard import views
from app.dashboard.listing import PAGE, Query
from app.dashboard.rendering import render
from app.store.jobs import RunStore
from app.store.registry import Registry
from app.store.sessions import ReadSession

Number = Annotated[int, Param(ge=0, lt=2**53)]

router = APIRouter()


@router.get("/jobs")
def list_jobs(
    request: Request, session: ReadSession, deleted: Number = 0, freed: Number = 0
) -> Response:
    """All jobs, sorted and searched as the address says, and what was just deleted."""
    store = RunStore(session)
    measures, counts = store.measures(), store.counts()
    query, complaints = Query.of(request.query_params, measures)
    total = sum(counts.values())
    listing = query.listing(PAGE + 1)
    page = store.jobs(listing)
    champion = Registry(session).champion()
    rows = views.rows(page[:PAGE])
    return render(
        request,
        "jobs.html",
        bar=views.bar(counts),
        query=query,
        complaints=complaints,
        measures=measures,
        rows=rows,
        lowest=rows[0] if query.ranks and rows and rows[0].job.valid is not None else None,
        next=listing.cursor(page[PAGE - 1]) if len(page) > PAGE else "",
        page_size=PAGE,
        found=store.count(listing) if query.narrows else total,
        total=total,
        champion_id=champion and champion[1].id,
        deleted=deleted,
        freed=freed,
        most=MOST,
    )
