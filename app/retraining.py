"""Learning from what was paid: a version's own sales and the prices that came since, as a job."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from sqlalchemy.orm import Session

from app import lifecycle
from app.bodies import Monitor, Terms
from app.errors import Conflict
from app.serving import log
from app.serving.predictors import serving
from app.serving.sales import LEAST, news
from app.settings import settings
from app.store.answers import Answers
from app.store.jobs import SERVED
from app.store.models import Job
from app.store.registry import CHAMPION
from app.store.tables import Tables
from ml.experiments import parse


def retrain(session: Session, model: str = CHAMPION, terms: Terms | None = None) -> Job:
    """Queue an ensemble that learns what a version has learnt, and from each price that came.

    Raises:
        NotFound: where there is no such version.
        Conflict: where it remembers no sales, too few prices came that it does not know, or a job
            learns from the same already.
    """
    log.flush()
    served = serving(session, model)
    if not served.predictor.sales:
        raise Conflict(f"Version {served.version} remembers no sales: train it anew.")
    found = news(served.predictor, Answers(session).priced())
    if found.reason:
        raise Conflict(found.reason)
    rows, tables = [*served.predictor.sales, *found.sales], Tables(session)
    table = tables.add(
        rows,
        f"{len(served.predictor.sales):,} sales of version {served.version} and"
        f" {len(found.sales):,} prices that came",
        version=served.version,
        added=len(found.sales),
    )
    if job := tables.job_of(table.name):
        raise Conflict(f"Job {job} learns from these prices already.")
    experiment = _like(served.predictor.card.experiment, table.name)
    return lifecycle.submit(session, parse(experiment), terms)


def needed(session: Session, found: Monitor) -> Job | None:
    """The same by itself, where a look finds answers worse than promised, the operator wants it,
    and enough prices came since the last time; else None."""
    if settings().retrain != "worse" or found.verdict != "worse" or found.learn.reason:
        return None
    if found.learn.prices - Tables(session).added_to(found.version) < LEAST:
        return None
    return retrain(session, str(found.version))


def _like(asked: Mapping[str, Any], table: str) -> dict[str, Any]:
    """The ensemble as it was asked for, on a table; as it is by default where it was another."""
    usual = {"name": SERVED[0], "sales": table}
    same = {**asked, "sales": table}
    if asked.get("name") != SERVED[0]:
        return usual
    try:
        return parse(same).model_dump(mode="json")
    except ValidationError:  # an older version's
        return usual
