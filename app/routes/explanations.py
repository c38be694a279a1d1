"""Why a price is what it is: the sales it rests on, reasons, what if, and what to ask first."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from pydantic import ConfigDict, Field, model_validator

from app import bodies
from app.errors import responses
from app.routes.depends import AlsoModel, named
from app.routes.predictions import ModelQuery
from app.serving import explanations
from app.serving.predictors import Served, serving
from app.serving.prices import check
from app.serving.what_if import VALUES
from app.store.registry import CHAMPION
from app.store.sessions import ReadSession
from ml.schema import Checked

router = APIRouter(tags=["predictions"])


class HouseIn(bodies.ByModel):
    """A house to explain the price of."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"house": {"OverallQual": 7, "GrLivArea": 1710}}]}
    )

    house: dict[str, Any] = Field(
        description="Any attribute may be left out, but not all. `row` is another word for it.",
    )

    @model_validator(mode="before")
    @classmethod
    def _or_row(cls, value: object) -> object:
        return bodies.renamed(value, "row", "house")


class ComparedIn(HouseIn):
    """The same, and how many sales are to be shown."""

    count: int = Field(8, ge=1, le=50, description="How many sales.")


class AskFirstIn(HouseIn):
    """The same, and how many fields are to be told."""

    count: int = Field(5, ge=1, le=20, description="How many fields, at most.")


class WhatIfIn(HouseIn):
    """The same, and what is to change."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"house": {"GrLivArea": 1710}, "attribute": "GrLivArea"}]}
    )

    attribute: str = Field(max_length=100, description="One with numbers, or dates.")
    values: list[float | Annotated[str, Field(max_length=100)]] | None = Field(
        None,
        min_length=1,
        max_length=100,
        description=f"{VALUES} where null, from what few houses have less of to what few have more"
        " of.",
    )


@router.post("/comparables", responses=responses(400, 404, 409, 422))
def compare(
    asked: Annotated[ComparedIn, Body()], session: ReadSession, model: AlsoModel = None
) -> bodies.Comparables:
    """The sales that a price rests on, what each says of the house, and how much it counts."""
    return explanations.compared(*_checked(asked, session, model), asked.count)


@router.post("/reasons", responses=responses(400, 404, 409, 422))
def explain(
    asked: Annotated[HouseIn, Body()], session: ReadSession, model: AlsoModel = None
) -> bodies.Reasons:
    """What each group of attributes adds to the price of a typical house, in dollars."""
    return explanations.explained(*_checked(asked, session, model))


@router.post("/ask-first", responses=responses(400, 404, 409, 422))
def ask_first(
    asked: Annotated[AskFirstIn, Body()], session: ReadSession, model: AlsoModel = None
) -> bodies.AskFirst:
    """What is not known of a house, by how much knowing it would narrow the interval."""
    return explanations.asked_first(*_checked(asked, session, model), asked.count)


@router.post("/what-if", responses=responses(400, 404, 409, 422))
def ask_what_if(
    asked: Annotated[WhatIfIn, Body()], session: ReadSession, model: AlsoModel = None
) -> bodies.WhatIf:
    """Prices as one attribute changes, alone or together with what must move with it."""
    return explanations.turned(*_checked(asked, session, model), asked.attribute, asked.values)


@router.get("/sales", responses=responses(404, 409, 422))
def get_sales(
    session: ReadSession,
    attribute: Annotated[
        list[str] | None, Query(max_length=10, description="What is told of each beside its price.")
    ] = None,
    model: ModelQuery = CHAMPION,
) -> bodies.Sales:
    """The sales that a predictor has learnt from and remembers."""
    return explanations.remembered(serving(session, model), attribute or ())


def _checked(
    asked: HouseIn, session: ReadSession, model: str | int | None
) -> tuple[Served, Checked]:
    served = serving(session, named(asked, model))
    return served, check(served, [asked.house], ["body", "house"], strict=False)
