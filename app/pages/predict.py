"""Predict: one house, or one row of another table, by the version that is asked for."""

import io
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, Header, Query, UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import pricing
from app.bodies import ModelName
from app.dashboard import priced_file, views
from app.dashboard.house_form import LABELS, house_form
from app.dashboard.priced_file import PricedFile
from app.dashboard.rendering import render
from app.dashboard.value_page import ASKS, value_page
from app.errors import Invalid
from app.serving import predictors
from app.serving.explanations import asked_first
from app.serving.predictors import Served
from app.serving.prices import check
from app.serving.tables import PricedTable, opened, read_mapping
from app.store.jobs import RunStore
from app.store.models import Job
from app.store.registry import CHAMPION, Registry
from app.store.sessions import ReadSession
from ml.schema import TooManyRows

router = APIRouter()
MOST = 10_000  # rows of a file that a page answers: seconds of houses
LONG = 4_000_000  # bytes of one, as predict.js says; what is longer is answered by a job


@router.get("/predict")
def predict(
    request: Request, session: ReadSession, model: Annotated[ModelName, Query()] = CHAMPION
) -> Response:
    """Price a house, from a typical one onwards; or a row of what the version has learnt."""
    return _page(request, session, model)


@router.post("/predict")
def predict_file(
    request: Request,
    session: ReadSession,
    model: Annotated[ModelName, Form()] = CHAMPION,
    file: UploadFile | None = None,
    match: Annotated[list[str] | None, Form(alias="map", max_length=200)] = None,
    hx_request: Annotated[str, Header()] = "",
) -> Response:
    """The answers to a file: as CSV, or as a part of the page that asks for one; those to a long
    one as a job; or the page, with what is wrong."""
    if not file or not file.filename:
        return _page(request, session, model, "Choose a file.")
    served = predictors.serving(session, model)
    body, mapping = file.file.read(LONG + 1), read_mapping(match)
    try:
        if len(body) > LONG:
            return _by_job(file, served, mapping, hx_request)
        with opened(io.BytesIO(body)) as text:
            table = PricedTable(served, text, mapping=mapping, most=MOST)
            part = table.whole()
    except TooManyRows:
        return _by_job(file, served, mapping, hx_request)
    except Invalid as error:
        if hx_request:
            return _part(request, served, priced_file.refused(file.filename, served, error))
        return _page(request, session, model, error.message)
    if hx_request:
        return _part(request, served, priced_file.answered(file.filename, served, table, part))
    name = {"Content-Disposition": 'attachment; filename="predictions.csv"'}
    return Response(part.csv, headers=name, media_type="text/csv")


def _part(request: Request, served: Served, file: PricedFile) -> Response:
    """A file in the page that has sent it."""
    status, words = 422 if file.fault else 200, served.predictor.card.words
    return render(request, "_priced.html", status=status, file=file, words=words)


def _by_job(
    file: UploadFile, served: Served, mapping: Mapping[str, str], hx_request: str
) -> Response:
    """The page of a job that answers a file."""
    about = file.filename or ""
    job = pricing.send(file.file, about=about, model=served.version, mapping=mapping)
    to = f"/jobs/{job.id}"
    return Response(headers={"HX-Redirect": to}) if hx_request else RedirectResponse(to, 303)


def _page(request: Request, session: ReadSession, model: ModelName, fault: str = "") -> Response:
    """The form; `fault` is what is wrong with a file."""
    registry = Registry(session)
    asked = registry.champion() if model == CHAMPION else registry.get(str(model))
    version, job = asked or (None, None)
    served = predictors.serving(session, version.id) if version else None
    if served and job and not served.of_houses:
        return _row(request, session, model, served, job, fault)
    card = served.predictor.card if served else None
    return render(
        request,
        "predict.html",
        status=422 if fault else 200,
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
        fault=fault,
    )


@router.get("/predict/asks")
def asks(
    request: Request, session: ReadSession, model: Annotated[ModelName, Query()] = CHAMPION
) -> Response:
    """What to ask first about the house of the form, a part of its page."""
    served = predictors.serving(session, model)
    fields = {field.name for field in served.predictor.card.input_schema.fields}
    house = {name: text for name, text in request.query_params.items() if name in fields and text}
    try:
        found = asked_first(served, check(served, [house], ["query"], strict=False), ASKS, LABELS)
    except Invalid:
        found = None  # the form says what is wrong
    return render(request, "_asks.html", asks=found, words=served.predictor.card.words)


def _row(
    request: Request, session: ReadSession, model: Any, served: Served, job: Job, fault: str = ""
) -> Response:
    """The page of a row that is no house; `fault` is what is wrong with a file."""
    return render(
        request,
        "value.html",
        status=422 if fault else 200,
        bar=views.bar(RunStore(session).counts()),
        asked=model,
        model=served.version,
        names=Registry(session).names_of(served.version),
        job=job,
        words=served.predictor.card.words,
        page=value_page(served, request.query_params),
        fault=fault,
    )
