"""The monitor: whether the world has moved, and what came of rows that were asked about."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Body, Query
from pydantic import Field

from app import bodies
from app.errors import Fault, Invalid, responses
from app.monitor import LATEST, impossible, watch
from app.serving import log
from app.store.answers import Answers
from app.store.registry import CHAMPION
from app.store.sessions import DbSession, ReadSession
from ml.predictor import LEAST
from ml.pricing import LARGEST

router = APIRouter(tags=["monitor"])
FAULTS = 20  # of a request that are told


class ActualIn(bodies.Asked):
    """What was paid."""

    id: str = Field(pattern="^[0-9a-f]{16}$", description="Of the answer, as it told.")
    paid: float = Field(
        ge=-LARGEST,
        le=LARGEST,
        description="In dollars, or the unit of what was predicted; above 0 where the version that"
        " answered measures errors of logarithms, as of all prices.",
    )


class ActualsIn(bodies.Asked):
    """What was paid for houses, or came of other rows, that were asked about; what is told last
    counts."""

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
    _refuse(session, asked.actuals)
    unknown = Answers(session).pay({each.id: each.paid for each in asked.actuals})
    return bodies.Told(
        kept=len({each.id for each in asked.actuals}) - len(unknown), unknown=unknown
    )


def _refuse(session: DbSession, actuals: Sequence[ActualIn]) -> None:
    """Raises Invalid where a value cannot have come."""
    low = {each.id: each.paid for each in actuals if each.paid <= 0}
    lost = impossible(session, low)
    faults = [
        Fault(
            loc=["body", "actuals", i, "paid"],
            message=f"Answer {each.id} cannot have come to {each.paid:g}: version {lost[each.id]}"
            " measures errors of logarithms, so it must be above 0.",
            input=each.paid,
            allowed="above 0",
        )
        for i, each in enumerate(actuals)
        if each.paid <= 0 and each.id in lost
    ]
    if faults:
        raise Invalid(faults[0].message, faults[:FAULTS])
