"""Jobs beside each other: which is better, and how sure that is."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.bodies import Comparison
from app.comparisons import compare
from app.errors import responses
from app.store.sessions import ReadSession

router = APIRouter(prefix="/compare", tags=["compare"])


@router.get("", responses=responses(404, 422))
def compare_jobs(
    session: ReadSession,
    jobs: Annotated[
        str,
        Query(
            max_length=400,
            pattern=r"^[1-9][0-9]{0,9}(,[1-9][0-9]{0,9})*$",
            description="Numbers of up to 20 jobs with commas: 1,4,7.",
        ),
    ],
) -> Comparison:
    """Jobs beside each other, in pairs of folds or seeds where these are judged by the same rows.

    What is not told apart by an interval is not called better, however its mean lies. Jobs whose
    measures differ are listed, and not compared.
    """
    return compare(session, jobs.split(",")).told
