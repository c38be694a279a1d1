"""The versions that price: who answers, what is known of each, and how a name moves."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Response
from pydantic import Field, StringConstraints

from app import bodies, promotions
from app.bodies import JobOut
from app.cards import card_of, described, markdown
from app.errors import responses
from app.retraining import Way, retrain
from app.serving.predictors import gate
from app.store.answers import Answers
from app.store.jobs import RunStore
from app.store.models import LARGEST
from app.store.registry import NAME, Registry
from app.store.sessions import DbSession, ReadSession

router = APIRouter(prefix="/models", tags=["models"])
Model = Annotated[
    str,
    Path(
        pattern=r"^([1-9][0-9]{0,9}|[a-z][a-z0-9-]{0,39})$",
        description="A version's number, or a name that points at one.",
    ),
]
Alias = Annotated[str, Path(pattern=f"^{NAME.pattern}$", description="A name.")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)]


class MoveIn(bodies.Asked):
    """Who moves a name, and why."""

    who: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)] = (
        Field("API", description="Whose decision it is; it stays in the history.")
    )
    reason: Text = Field("", description="Why; it stays in the history.")


class RollbackIn(MoveIn):
    """The same, of the champion's name."""

    instead_of: int | None = Field(
        None, ge=1, le=LARGEST, description="The champion that was judged; refused if it changed."
    )


class PromoteIn(RollbackIn):
    """The same, and whether the gate is to be passed by."""

    force: bool = Field(
        False,
        description="Whatever the gate says; the reason then has at least"
        f" {promotions.LEAST_REASON} characters.",
    )


class NameIn(MoveIn):
    """Where a name is to point."""

    model: bodies.ModelName


@router.get("", responses=responses(422))
def list_models(
    session: ReadSession,
    before: Annotated[int, Query(ge=1, le=LARGEST, description="Versions before this one.")] = (
        LARGEST
    ),
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> bodies.Models:
    """All versions, the latest first, each beside the champion; and what each is called."""
    registry = Registry(session)
    champion, rows = registry.champion(), registry.versions(limit, before)
    names, lately = registry.names(), Answers(session).lately()
    return bodies.Models(
        champion=champion[0].id if champion else None,
        names=names,
        models=[described(version, job, names, champion, lately) for version, job in rows],
    )


@router.get("/history", responses=responses(422))
def get_history(
    session: ReadSession, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> bodies.History:
    """Who moved which name from where to where, when and why; the latest first."""
    moves = Registry(session).history(limit)
    return bodies.History(moves=[bodies.Move.model_validate(move) for move in moves])


@router.post("/champion/rollback", responses=responses(400, 409, 422))
def roll_back(asked: Annotated[RollbackIn, Body()], session: DbSession) -> bodies.Move:
    """Let the version answer again that did so before the champion."""
    return bodies.Move.model_validate(promotions.roll_back(session, **asked.model_dump()))


@router.put("/names/{name}", responses=responses(400, 404, 409, 422))
def name_model(name: Alias, asked: Annotated[NameIn, Body()], session: DbSession) -> bodies.Move:
    """Let a name of one's own point at a version: `challenger`, or any other but `champion`."""
    terms = asked.model_dump() | {"model": str(asked.model)}
    return bodies.Move.model_validate(promotions.name(session, name, **terms))


@router.delete("/names/{name}", responses=responses(409, 422))
def remove_name(
    name: Alias,
    session: DbSession,
    who: Annotated[str, Query(min_length=1, max_length=100)] = "API",
    reason: Annotated[str, Query(max_length=1000)] = "",
) -> bodies.Move:
    """Take a name away; the version stays. Without a champion nobody answers: that takes a reason
    of 20 characters, which is kept, and whoever is promoted next has its gate beside the last."""
    return bodies.Move.model_validate(promotions.remove(session, name, who=who, reason=reason))


@router.get("/{model}", responses=responses(404, 422))
def get_model(model: Model, session: ReadSession) -> bodies.Model:
    """One version: its job, its errors by fold, and how it stands beside the champion."""
    registry = Registry(session)
    version, job = registry.get(model)
    lately = Answers(session).lately()
    return described(version, job, registry.names(), registry.champion(), lately)


@router.get("/{model}/card", responses=responses(404, 409, 422))
def get_card(model: Model, session: ReadSession) -> bodies.ModelCard:
    """Its card: what it learnt from, how far off it is of whom, and what it is not for."""
    return card_of(session, model)


@router.get(
    "/{model}/card.md",
    response_class=Response,
    responses=responses(404, 409, 422)
    | {200: {"content": {"text/markdown": {"schema": {"type": "string"}}}, "description": "Text."}},
)
def get_card_text(model: Model, session: ReadSession) -> Response:
    """The same card as Markdown, to be kept beside what the model is used in."""
    return Response(markdown(card_of(session, model)), media_type="text/markdown")


@router.get("/{model}/against/{other}", responses=responses(404, 409, 422))
def get_against(model: Model, other: Model, session: ReadSession) -> bodies.Against:
    """One version beside another, fold by fold, and whether it may take its place."""
    registry = Registry(session)
    return bodies.Against.of(gate(registry.get(model)[0].id, registry.get(other)[0].id))


@router.post("/{model}/retrain", status_code=202, responses=responses(404, 409, 422))
def retrain_model(
    model: Model,
    session: DbSession,
    response: Response,
    way: Annotated[
        Way,
        Query(
            description="From the prices that came, too, or by weights towards what was asked:"
            " these are refused where the monitor says that they cannot help."
        ),
    ] = "prices",
) -> JobOut:
    """Learn what a version has learnt, and from each price that came since, or as its rows are
    among the questions: a job.

    It leaves a version of its own, which answers nobody until it is promoted.
    """
    job = retrain(session, model, way=way)
    response.headers["Location"] = f"/api/v1/jobs/{job.id}"
    return JobOut.of(job, RunStore(session).workers())


@router.post("/{model}/promote", responses=responses(400, 404, 409, 422))
def promote(model: Model, asked: Annotated[PromoteIn, Body()], session: DbSession) -> bodies.Move:
    """Let a version answer in the champion's place, where the gate lets it, or a reason does."""
    return bodies.Move.model_validate(promotions.promote(session, model, **asked.model_dump()))
