"""Jobs: all of them, sorted and searched."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.dashboard import views
from app.dashboard.listing import PAGE, Query
from app.dashboard.rendering import render
from app.store.jobs import SERVED, RunStore
from app.store.sessions import ReadSession

router = APIRouter()


@router.get("/jobs")
def list_jobs(request: Request, session: ReadSession) -> Response:
    """All jobs, sorted and searched as the address says."""
    store = RunStore(session)
    measures, counts = store.measures(), store.counts()
    query, complaints = Query.of(request.query_params, measures)
    total = sum(counts.values())
    page = store.jobs(query.listing(PAGE + 1))
    champion = store.best(SERVED)
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
        next=query.following(page[:PAGE]) if len(page) > PAGE else "",
        page_size=PAGE,
        found=store.count(query.listing()) if query.narrows else total,
        total=total,
        champion_id=champion and champion.id,
    )
