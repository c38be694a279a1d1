"""Predict: the price of one house, by the version that answers or the one that is asked for."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.bodies import ModelName
from app.dashboard import views
from app.dashboard.house_form import house_form
from app.dashboard.rendering import render
from app.serving import predictors
from app.store.jobs import RunStore
from app.store.registry import CHAMPION, Registry
from app.store.sessions import ReadSession

router = APIRouter()


@router.get("/predict")
def predict(
    request: Request, session: ReadSession, model: Annotated[ModelName, Query()] = CHAMPION
) -> Response:
    """Price a house, from a typical one onwards."""
    registry = Registry(session)
    asked = registry.champion() if model == CHAMPION else registry.get(str(model))
    version, job = asked or (None, None)
    card = predictors.serving(session, version.id).predictor.card if version else None
    return render(
        request,
        "predict.html",
        bar=views.bar(RunStore(session).counts()),
        asked=model,
        model=version,
        any_version=registry.count() > 0,
        names=registry.names_of(version.id) if version else (),
        job=job,
        form=house_form(card.input_schema) if card else None,
        sold=card.sold.model_dump() if card else None,
        compares=bool(card and card.blend),
        partly=card.known[0] if card and card.known else None,
    )
