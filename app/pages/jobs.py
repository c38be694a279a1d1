"""Jobs: all of them, sorted and searched."""

from typing import Annotated

from fastapi import APIRouter
from fastapi import Query as Param
from starlette.requests import Request
from starlette.responses import Response

from app.dashboard import views
from app.dashboard.listing import PAGE, Query
from app.dashboard.rendering import render
from app.store.jobs import SERVED, RunStore
from app.store.sessions import ReadSession

Number = Annotated[int, Param(ge=0, lt=2**53)]

router = APIRouter()


@router.get("/jobs")
def list_jobs(
    request: Request, session: ReadSession, deleted: Number = 0, freed: Number = 0
) -> Response:
    """All jobs, sorted and searched as the address says, and what was just deleted."""
    store, query = RunStore(session), Query.of(request.query_params)
    counts = store.counts()
    total = sum(counts.values())
    listing = query.listing(PAGE + 1)
    page = store.jobs(listing)
    champion = store.best(SERVED)
    return render(
        request,
        "jobs.html",
        bar=views.bar(counts),
        query=query,
        rows=views.rows(page[:PAGE]),
        next=listing.cursor(page[PAGE - 1]) if len(page) > PAGE else "",
        page_size=PAGE,
        found=store.count(listing) if query.q or query.status else total,
        total=total,
        champion_id=champion and champion.id,
        deleted=deleted,
        freed=freed,
    )
