"""Learning from what was paid, or came: a version's own rows and those since, as a job."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from sqlalchemy.orm import Session

from app import lifecycle
from app.bodies import Monitor, Terms
from app.errors import Conflict
from app.monitor import untaught
from app.serving import log
from app.serving.predictors import serving
from app.serving.sales import LEAST, News, news
from app.settings import settings
from app.store.answers import Answers
from app.store.jobs import SERVED
from app.store.models import Job
from app.store.registry import CHAMPION
from app.store.tables import Tables
from ml.experiment import Experiment
from ml.experiments import parse
from ml.predictor import Card, Predictor


def retrain(session: Session, model: str = CHAMPION, terms: Terms | None = None) -> Job:
    """Queue an ensemble that learns what a version has learnt, and from each price that came.

    Raises:
        NotFound: where there is no such version.
        Conflict: where it remembers no rows, or made-up ones, too few prices came that it does not
            know, or a job learns from the same already.
    """
    log.flush()
    served = serving(session, model)
    predictor, words = served.predictor, served.predictor.card.words
    if why := untaught(served):
        raise Conflict(f"Version {served.version} {why}")
    found = news(predictor, Answers(session).priced())
    if found.reason:
        raise Conflict(found.reason)
    own, tables = _of_own(predictor.card), Tables(session)
    table = tables.add(
        _rows(predictor, found),
        f"{len(predictor.sales):,} {words.rows if own else 'sales'} of version {served.version} and"
        f" {len(found.sales):,} {words.values} that came",
        target=predictor.card.input_schema.target_column if own else None,
        version=served.version,
        added=len(found.sales),
    )
    if job := tables.job_of(table.name):
        raise Conflict(f"Job {job} learns from these {words.values} already.")
    experiment = _own(predictor.card, table.name) if own else _like(predictor.card, table.name)
    return lifecycle.submit(session, experiment, terms)


def needed(session: Session, found: Monitor) -> Job | None:
    """The same by itself, where a look finds answers worse than promised, the operator wants it,
    and enough prices came since the last time; else None."""
    if settings().retrain != "worse" or found.verdict != "worse" or found.learn.reason:
        return None
    if found.learn.prices - Tables(session).added_to(found.version) < LEAST:
        return None
    return retrain(session, str(found.version))


def _of_own(card: Card) -> bool:
    """Whether a version has learnt from another table than one of sales."""
    return "table" in card.experiment


def _rows(predictor: Predictor, found: News) -> list[dict[str, Any]]:
    """What a version has learnt from, and the news; ids of these are texts where its own are."""
    name = predictor.card.input_schema.id_column
    texts = any(isinstance(sale[name], str) for sale in predictor.sales)
    new = [sale | {name: str(sale[name])} for sale in found.sales] if texts else found.sales
    return [*predictor.sales, *new]


def _like(card: Card, table: str) -> Experiment:
    """The ensemble as it was asked for, on a table of sales; as it is by default where it was
    another."""
    usual = {"name": SERVED[0], "sales": table}
    same = card.experiment.get("name") == SERVED[0]
    return _as_asked(card.experiment | usual if same else usual, usual)


def _own(card: Card, table: str) -> Experiment:
    """The experiment as it was asked for, on another table of the same columns: with the same
    inputs, dates read and errors measured as before, whatever a look would propose now."""
    schema = card.input_schema
    usual = {
        "name": card.experiment["name"],
        "table": table,
        "target": schema.target_column,
        "identifier": schema.id_column,
        "scale": "log" if card.target.relative else "plain",
        "unit": card.words.unit,
    }
    same = card.experiment | usual | {"inputs": [field.name for field in schema.fields]}
    same["dates"] = [f"{field.name}={field.order}" for field in schema.fields if field.order]
    return _as_asked(same, usual)


def _as_asked(same: Mapping[str, Any], usual: Mapping[str, Any]) -> Experiment:
    """The first, unless it is of an older version of this program."""
    try:
        return parse(same)
    except ValidationError:
        return parse(usual)
