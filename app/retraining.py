"""Learning anew, as a job: from a version's own rows and what was paid since, or by weights."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ValidationError
from sqlalchemy.orm import Session

from app import lifecycle
from app.bodies import Monitor, Terms
from app.errors import Conflict
from app.monitor import LATEST, untaught, watch
from app.serving import log
from app.serving.predictors import Served, serving
from app.serving.sales import LEAST, News, news
from app.settings import settings
from app.store.answers import Answers
from app.store.jobs import SERVED
from app.store.models import Job
from app.store.registry import CHAMPION
from app.store.sessions import readers
from app.store.tables import QUESTIONS, Tables, named
from ml.experiment import Experiment
from ml.experiments import parse
from ml.predictor import Card, Predictor

Way = Literal["prices", "weights"]


def retrain(
    session: Session, model: str = CHAMPION, terms: Terms | None = None, *, way: Way = "prices"
) -> Job:
    """Queue an ensemble that learns what a version has learnt: and from each price that came, or
    by weights towards what it was asked.

    Raises:
        NotFound: where there is no such version.
        Conflict: where it remembers no rows, or made-up ones, too few prices came that it does not
            know, weights cannot help, or a job learns from the same already.
    """
    log.flush()
    if way == "weights":
        _refuse_weights(model)
    served = serving(session, model)
    if why := untaught(served):
        raise Conflict(f"Version {served.version} {why}")
    asked = _with_weights if way == "weights" else _with_prices
    return lifecycle.submit(session, asked(Tables(session), served), terms)


def _refuse_weights(model: str) -> None:
    """Where a look says that they cannot help; it may take seconds, in which nobody is held up."""
    with readers()() as session:
        if why := watch(session, model).weigh.reason:
            raise Conflict(why)


def _with_prices(tables: Tables, served: Served) -> Experiment:
    """What learns from a version's rows and the prices that came. Raises Conflict."""
    predictor, words = served.predictor, served.predictor.card.words
    found = news(predictor, Answers(tables.session).priced())
    if found.reason:
        raise Conflict(found.reason)
    own = _of_own(predictor.card)
    table = tables.add(
        _rows(predictor, found),
        f"{len(predictor.sales):,} {words.rows if own else 'sales'} of version {served.version} and"
        f" {len(found.sales):,} {words.values} that came",
        target=predictor.card.input_schema.target_column if own else None,
        version=served.version,
        added=len(found.sales),
    )
    experiment = (_own if own else _like)(predictor.card, table.name)
    if job := tables.job_of(table.name, getattr(experiment, QUESTIONS)):
        raise Conflict(f"Job {job} learns from these {words.values} already.")
    return experiment


def _with_weights(tables: Tables, served: Served) -> Experiment:
    """What learns from a version's rows alone, as they are among the latest questions to it.
    Raises Conflict."""
    schema, learnt = served.predictor.card.input_schema, named(served.predictor.card.experiment)
    answers = Answers(tables.session).latest(served.version, LATEST)
    rows = [
        {schema.id_column: answer.key}
        | dict.fromkeys(field.name for field in schema.fields)
        | schema.known(answer.house)
        for answer in answers
    ]
    about = f"{len(rows):,} questions to version {served.version}"
    table = tables.add(rows, about, target="", version=served.version)
    if job := tables.job_of(learnt, table.name):
        raise Conflict(f"Job {job} learns by weights towards these questions already.")
    return _same(served.predictor.card, learnt, {QUESTIONS: table.name})


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


def _same(card: Card, table: str, more: Mapping[str, str]) -> Experiment:
    """The experiment as it was asked for, on the table that it has learnt from, and more."""
    if not _of_own(card):
        return _like(card, table, more)
    usual = {name: card.experiment[name] for name in ("name", "table", "target")}
    return _as_asked({**card.experiment, **more}, {**usual, **more})


def _like(card: Card, table: str, more: Mapping[str, str] = {}) -> Experiment:
    """The ensemble as it was asked for, on a table of sales; as it is by default where it was
    another."""
    usual = {"name": SERVED[0], "sales": table, **more}
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
