"""Why a price is what it is: the sales it rests on, reasons in dollars, and what if."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from pydantic import ConfigDict, Field, model_validator

from app import bodies
from app.errors import Conflict, responses
from app.routes.predictions import ModelQuery
from app.serving.predictors import Served, serving
from app.serving.prices import check, columns, price
from app.serving.what_if import VALUES, named, what_if
from app.store.registry import CHAMPION
from app.store.sessions import ReadSession
from ml.predictor import Comparables, Predictions
from ml.schema import Checked

router = APIRouter(tags=["predictions"])


class HouseIn(bodies.Asked):
    """A house to explain the price of."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"house": {"OverallQual": 7, "GrLivArea": 1710}}]}
    )

    house: dict[str, Any] = Field(
        description="Any attribute may be left out, but not all. `row` is another word for it.",
    )
    model: bodies.ModelName = CHAMPION

    @model_validator(mode="before")
    @classmethod
    def _or_row(cls, value: object) -> object:
        return bodies.renamed(value, "row", "house")


class ComparedIn(HouseIn):
    """The same, and how many sales are to be shown."""

    count: int = Field(8, ge=1, le=50, description="How many sales.")


class WhatIfIn(HouseIn):
    """The same, and what is to change."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"house": {"GrLivArea": 1710}, "attribute": "GrLivArea"}]}
    )

    attribute: str = Field(max_length=100, description="One with numbers.")
    values: list[float] | None = Field(
        None,
        min_length=1,
        max_length=100,
        description=f"{VALUES} where null, from what few houses have less of to what few have more"
        " of.",
    )


@router.post("/comparables", responses=responses(400, 404, 409, 422))
def compare(asked: Annotated[ComparedIn, Body()], session: ReadSession) -> bodies.Comparables:
    """The sales that a price rests on, what each says of the house, and how much it counts."""
    served, checked = _checked(asked, session)
    priced = price(served, checked)
    found = served.predictor.comparables(checked.values[0], asked.count)
    if found is None:
        raise _compares_none(served)
    return _compared(served, float(priced.price[0]), found)


def _compared(served: Served, priced: float, found: Comparables) -> bodies.Comparables:
    says, weight = found.rest
    return bodies.Comparables(
        **served.whose,
        price=priced,
        members=found.members,
        blend=found.blend,
        limit=found.limit,
        sales=[bodies.Comparable.model_validate(sale) for sale in found.sales],
        rest=bodies.Rest(says=says, weight=weight),
    )


def _compares_none(served: Served) -> Conflict:
    return Conflict(f"Version {served.version} compares no sales; an ensemble's does.")


@router.post("/reasons", responses=responses(400, 404, 409, 422))
def explain(asked: Annotated[HouseIn, Body()], session: ReadSession) -> bodies.Reasons:
    """What each group of attributes adds to the price of a typical house, in dollars."""
    served, checked = _checked(asked, session)
    price(served, checked)
    found = served.predictor.reasons(checked.values[0])
    return bodies.Reasons(
        **served.whose,
        typical=found.typical,
        price=found.price,
        reasons=[bodies.Reason.model_validate(reason) for reason in found.reasons],
        error=found.error,
    )


@router.post("/what-if", responses=responses(400, 404, 409, 422))
def ask_what_if(asked: Annotated[WhatIfIn, Body()], session: ReadSession) -> bodies.WhatIf:
    """Prices as one attribute changes, alone or together with what must move with it."""
    served, checked = _checked(asked, session)
    found = what_if(served, checked.values[0], asked.attribute, asked.values)
    return bodies.WhatIf(
        **served.whose,
        attribute=asked.attribute,
        values=found.values,
        alone=_bounded(found.alone),
        together=_bounded(found.together),
        moves=found.moves,
    )


@router.get("/sales", responses=responses(404, 409, 422))
def get_sales(
    session: ReadSession,
    attribute: Annotated[
        list[str] | None, Query(max_length=10, description="What is told of each beside its price.")
    ] = None,
    model: ModelQuery = CHAMPION,
) -> bodies.Sales:
    """The sales that a predictor has learnt from and remembers."""
    served = serving(session, model)
    sales = served.predictor.sales
    if not sales:
        raise Conflict(f"The file of version {served.version} is older: it remembers no sales.")
    names = [named(served, name, ["query", "attribute"]).name for name in attribute or ()]
    schema = served.predictor.card.input_schema
    return bodies.Sales(
        **served.whose,
        ids=[house[schema.id_column] for house in sales],
        sold=[float(house[schema.target_column]) for house in sales],
        attributes={name: [house[name] for house in sales] for name in names},
    )


def _checked(asked: HouseIn, session: ReadSession) -> tuple[Served, Checked]:
    served = serving(session, asked.model)
    return served, check(served, [asked.house], ["body", "house"], strict=False)


def _bounded(priced: Predictions) -> list[bodies.Bounded]:
    return [
        bodies.Bounded(price=middle, low=low, high=high)
        for middle, low, high in zip(*columns(priced), strict=True)
    ]
