"""Predictions: one house, many, or a CSV file; checked against the schema the predictor carries."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Body, Depends, Query, Request, Response
from pydantic import ConfigDict, Field
from starlette.datastructures import UploadFile

from app import bodies
from app.errors import Fault, Invalid, responses
from app.routes.depends import LARGEST
from app.serving.predictors import Served, serving
from app.store.jobs import RunStore
from app.store.sessions import ReadSession
from ml import predictor as predictors
from ml.schema import BadTable, Checked, InvalidRows, Parsed

router = APIRouter(tags=["predictions"])
MOST = 10_000  # houses a request
LEAST = 1.0  # dollars: the book clips there (4.10.5), and no house sells below
COLUMNS = ("SalePrice", "low", "high", "imputed", "warnings")
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
    found, artifact = (
        RunStore(session).find(served.job_id),
        RunStore(session).artifact(served.job_id),
    )
    return bodies.PredictorOut(
        job=served.job_id,
        label=found.label if found else "",
        measure=card.measured,
        valid=found.valid if found else None,
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


def decode(body: bytes) -> str:
    """The text of a CSV file. Raises Invalid."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(f"The file is not UTF-8 text: byte {error.start} is no character.") from None


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
    served = serving(session, job)
    try:
        parsed = served.predictor.card.input_schema.parse_csv(text, MOST)
    except BadTable as error:
        raise Invalid(str(error)) from None
    if not parsed.rows:
        raise Invalid("The file has a header and no rows.")
    checked = check(served, parsed.rows, ["body"], strict=strict, lines=parsed.lines)
    priced = price(served, checked)
    headers = {"Content-Disposition": 'attachment; filename="predictions.csv"'}
    written = write_table(parsed, checked, priced)
    return Response(written, headers=headers, media_type="text/csv")


def check(
    served: Served,
    rows: Sequence[Mapping[str, Any]],
    loc: list[str | int],
    *,
    strict: bool,
    lines: Sequence[int] = (),
) -> Checked:
    """The rows, ready to encode; or a 422 with every row, column, value and what is allowed.

    The rows of a file are named by its `lines`, in words as in `loc`.
    """
    try:
        return served.predictor.card.input_schema.check(rows, strict=strict, lines=lines)
    except InvalidRows as error:
        faults = [
            Fault(
                loc=[*loc, lines[item.row] if lines else item.row, item.column],
                message=f"{item.place}: {item.message}" if lines else item.message,
                input=item.value,
                allowed=item.allowed,
            )
            for item in error.errors
        ]
        raise Invalid(str(error), faults) from None


def price(served: Served, checked: Checked) -> predictors.Predictions:
    """Prices of checked rows; never one that no house can have."""
    priced = served.predictor.predict(checked.values)
    finite = np.isfinite(priced.high) & np.isfinite(priced.low)
    lost = np.flatnonzero(~finite | (priced.price <= LEAST))
    if len(lost):
        row = checked.rows[lost[0]]
        why = " ".join(item.message for item in row.warnings)
        worth = f"not above ${LEAST:g}" if finite[lost[0]] else "no finite number"
        raise Invalid(
            f"{row.place} is so far from all that training has seen that its price is {worth}."
            + (f" Its warnings without that: {why}" if why else "")
        )
    return priced


def columns(priced: predictors.Predictions) -> tuple[list[float], list[float], list[float]]:
    """Prices and bounds as plain numbers."""
    return priced.price.tolist(), priced.low.tolist(), priced.high.tolist()


def write_table(parsed: Parsed, checked: Checked, priced: predictors.Predictions) -> str:
    """The answer as CSV: Id (or the line in the file), price, bounds, what was guessed."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("Id" if parsed.ids else "line", *COLUMNS))
    names = parsed.ids or parsed.lines
    for name, row, *prices in zip(names, checked.rows, *columns(priced), strict=True):
        warnings = " ".join(item.message for item in row.warnings)
        writer.writerow((name, *(f"{x:.4f}" for x in prices), " ".join(row.imputed), warnings))
    return out.getvalue()
