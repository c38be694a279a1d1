"""The monitor: whether the world has moved, and what was paid for houses that were asked about."""

from typing import Annotated

from fastapi import APIRouter, Body, Query
from pydantic import Field

from app import bodies
from app.errors import responses
from app.monitor import LATEST, watch
from app.serving import log
from app.store.answers import Answers
from app.store.registry import CHAMPION
from app.store.sessions import DbSession, ReadSession
from ml.predictor import LEAST

router = APIRouter(tags=["monitor"])


class ActualIn(bodies.Asked):
    """What was paid."""

    id: str = Field(pattern="^[0-9a-f]{16}$", description="Of the answer, as it told.")
    paid: float = Field(gt=0, le=1e12, description="Dollars.")


class ActualsIn(bodies.Asked):
    """What was paid for houses that were asked about; what is told last counts."""

    actuals: list[ActualIn] = Field(min_length=1, max_length=10_000)


@router.get("/monitor", responses=responses(404, 409, 422))
def monitor(
    session: ReadSession,
    model: Annotated[bodies.ModelName, Query()] = CHAMPION,
    latest: Annotated[
        int, Query(ge=LEAST, le=20_000, description="Answers that are looked at.")
    ] = LATEST,
) -> bodies.Monitor:
    """The last answers of a version beside the rows that it learnt from.

    Columns are ranked by how far they moved; where prices came, the error is beside the promised.
    """
    return watch(session, model, latest)


@router.post("/actuals", responses=responses(400, 413, 422))
def tell_actuals(asked: Annotated[ActualsIn, Body()], session: DbSession) -> bodies.Told:
    """Tell what was paid, by the id that an answer told. Ids that are not kept are listed."""
    log.flush()
    unknown = Answers(session).pay({each.id: each.paid for each in asked.actuals})
    return bodies.Told(
        kept=len({each.id for each in asked.actuals}) - len(unknown), unknown=unknown
    )
