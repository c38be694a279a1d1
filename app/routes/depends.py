"""What routes depend on, as nouns: a route that takes `CurrentJob` cannot forget its 404."""

from typing import Annotated

from fastapi import Depends, Header, Path, Query, Request
from fastapi.dependencies.models import Dependant

from app import bodies
from app.errors import Invalid, instead, short
from app.store.jobs import RunStore
from app.store.models import LARGEST, Job
from app.store.registry import CHAMPION
from app.store.sessions import DbSession, ReadSession

JobId = Annotated[int, Path(ge=1, le=LARGEST, description="Number of the job.")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern=r"^[!-~]{1,200}$",
        description="The same key with the same request makes one job, however often it is sent.",
    ),
]


def find_job(job_id: JobId, session: ReadSession) -> Job:
    """The job of the path."""
    return RunStore(session).get(job_id)


def find_job_to_change(job_id: JobId, session: DbSession) -> Job:
    """The same, within the transaction of the request: no other snapshot is in its way."""
    return RunStore(session).get(job_id)


CurrentJob = Annotated[Job, Depends(find_job)]
JobToChange = Annotated[Job, Depends(find_job_to_change)]


AlsoModel = Annotated[
    bodies.ModelName | None, Query(description="Who answers, where the body does not say.")
]
"""The model of a request whose body may name it, too."""


def named(body: bodies.ByModel, model: str | int | None) -> str:
    """Who is to answer: named in the body, in the query, or in both alike; else the champion.

    Raises:
        Invalid: where the two differ.
    """
    inside = str(body.model) if "model" in body.model_fields_set else None
    if model is not None and inside is not None and str(model) != inside:
        raise Invalid(
            f"query → model: The query says model {short(str(model), 40)!r} and the body"
            f" {short(inside, 40)!r}: say one."
        )
    return inside or (CHAMPION if model is None else str(model))


async def known_parameters(request: Request) -> None:
    """Refuse parameters of the query that nobody reads: their answer would be of something else.

    Raises:
        Invalid: with those that there are.
    """
    asked = request.query_params.keys()
    if not asked:
        return
    known = sorted(_parameters(request.scope["route"].dependant))
    for name in asked:
        if name not in known:
            there = instead(name, known) if known else " It takes none."
            raise Invalid(f"query: There is no parameter {short(name, 40)!r} here.{there}")


def _parameters(dependant: Dependant) -> set[str]:
    """The parameters of a route's query, and of what it depends on."""
    own = {field.alias for field in dependant.query_params}
    return own.union(*map(_parameters, dependant.dependencies))
