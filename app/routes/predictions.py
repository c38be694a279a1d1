"""Predictions: one house, many, or a CSV file; checked against the schema the predictor carries."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query, Request, Response
from pydantic import ConfigDict, Field
from starlette.datastructures import UploadFile

from app import bodies
from app.errors import Invalid, responses
from app.serving.predictors import serving
from app.serving.prices import check, columns, price
from app.serving.tables import MOST, decode, price_table
from app.store.jobs import RunStore
from app.store.models import LARGEST
from app.store.sessions import ReadSession

router = APIRouter(tags=["predictions"])
TABLE = {
    "schema": {
        "type": "string",
        "description": "Kaggle's column names, in any order; Id and SalePrice may be there.",
        "example": "Id,LotArea,OverallQual\n1461,11622,5\n",
    }
}
PRICED = {
    "schema": {
        "type": "string",
        "description": "Id, or the line of the house in the file without one; SalePrice, low, ...",
    }
}


class HousesIn(bodies.Asked):
    """Houses to price; what an attribute may be stands in GET /api/v1/predictor."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"houses": [{"OverallQual": 7, "GrLivArea": 1710, "1stFlrSF": 856}]}]
        }
    )

    houses: list[dict[str, Any]] = Field(
        min_length=1, max_length=MOST, description="Every attribute may be left out."
    )
    job: int | None = Field(
        None, ge=1, le=LARGEST, description="Whose predictor answers; the best one where null."
    )
    strict: bool = Field(False, description="Refuse what training has not seen.")


JobQuery = Annotated[
    int | None, Query(ge=1, le=LARGEST, description="Whose predictor answers; else the best one.")
]


@router.get("/predictor", responses=responses(404, 409, 422))
def get_predictor(session: ReadSession, job: JobQuery = None) -> bodies.PredictorOut:
    """The predictor that answers, and the schema of what it reads."""
    served = serving(session, job)
    card = served.predictor.card
    source, artifact = (
        RunStore(session).find(served.job_id),
        RunStore(session).artifact(served.job_id),
    )
    return bodies.PredictorOut(
        job=served.job_id,
        label=source.label if source else "",
        measure=card.measured,
        valid=source.valid if source else None,
        folds=list(card.folds),
        interval=list(card.interval),
        size=artifact.size if artifact else 0,
        schema=card.input_schema.model_dump(mode="json"),
        json_schema=served.row,
    )


@router.post("/predictions", responses=responses(400, 404, 409, 413, 422))
def predict(asked: Annotated[HousesIn, Body()], session: ReadSession) -> bodies.Predictions:
    """Price houses. A value training has not seen is encoded as in training, and listed."""
    served = serving(session, asked.job)
    checked = check(served, asked.houses, ["body", "houses"], strict=asked.strict)
    priced = price(served, checked)
    return bodies.Predictions(
        job=served.job_id,
        predictions=[
            bodies.Prediction(
                price=price, low=low, high=high, imputed=row.imputed,
                warnings=[bodies.HouseWarning.model_validate(item) for item in row.warnings],
            )
            for row, price, low, high in zip(checked.rows, *columns(priced), strict=True)
        ],
    )  # fmt: skip


async def read_table(request: Request) -> str:
    """The CSV text of the body: as it is, or as the field `file` of a form."""
    body: bytes = await request.body()
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with request.form() as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise Invalid("The form has no file. Send the CSV as its field 'file'.")
            body = await file.read()
    return decode(body)


@router.post(
    "/predictions.csv",
    response_class=Response,
    responses=responses(404, 409, 413, 422)
    | {200: {"content": {"text/csv": PRICED}, "description": "Prices."}},
    openapi_extra={"requestBody": {"required": True, "content": {"text/csv": TABLE}}},
)
def predict_table(
    text: Annotated[str, Depends(read_table)],
    session: ReadSession,
    job: JobQuery = None,
    strict: Annotated[bool, Query(description="Refuse what training has not seen.")] = False,
) -> Response:
    """Price the rows of a CSV file with Kaggle's column names; Id and SalePrice may be there."""
    priced = price_table(serving(session, job), text, strict=strict)
    headers = {"Content-Disposition": 'attachment; filename="predictions.csv"'}
    return Response(priced, headers=headers, media_type="text/csv")
