"""Predict: the price of one house, by the best predictor there is."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.dashboard import views
from app.dashboard.house_form import house_form
from app.dashboard.rendering import render
from app.serving import predictors
from app.store.jobs import RunStore
from app.store.sessions import ReadSession

router = APIRouter()


@router.get("/predict")
def predict(request: Request, session: ReadSession) -> Response:
    """Price a house, from a typical one onwards."""
    store = RunStore(session)
    champion = store.best()
    card = predictors.serving(session, champion.id).predictor.card if champion else None
    return render(
        request,
        "predict.html",
        bar=views.bar(store.counts()),
        job=champion,
        form=house_form(card.input_schema) if card else None,
        sold=card.sold.model_dump() if card else None,
        compares=bool(card and card.blend),
    )
