"""Predictions: one house, many, or a CSV file; checked against the schema the predictor carries."""

from collections.abc import AsyncIterator, Iterator
from itertools import islice, zip_longest
from tempfile import SpooledTemporaryFile
from typing import IO, Annotated, Any

from fastapi import APIRouter, Body, Depends, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import ConfigDict, Field, model_validator
from starlette.datastructures import UploadFile

from app import bodies, pricing
from app.errors import Invalid, responses
from app.routes.depends import AlsoModel, IdempotencyKey, named
from app.serving import log, tables
from app.serving.predictors import Served, at_hand, champion, serving, who
from app.serving.prices import check, price
from app.serving.submissions import looked_at
from app.serving.tables import PricedTable, opened
from app.store.jobs import RunStore
from app.store.registry import CHAMPION, Registry
from app.store.sessions import ReadSession, readers
from ml.pricing import columns
from ml.schema import Opened, TooManyRows

router = APIRouter(tags=["predictions"])
AT_ONCE = 1000  # houses of a JSON request; a file may have more
FEW = 2  # houses that others may wait for: a few milliseconds
MOST = 10_000  # rows of a table that is told in words
FIRST = 100  # of these, which are told beside its CSV
AT_HAND = 2**20  # bytes of a table that are not put on disk
ANY_LENGTH = "POST /api/v1/predictions.csv and `ridgeline predict` take any number."
TABLE = {
    "schema": {
        "type": "string",
        "minLength": 1,
        "description": "The columns that the version has learnt from, in any order; its id and its"
        " target may be there. Of houses they are Kaggle's, Id and SalePrice.",
        "example": "Id,LotArea,OverallQual\n1461,11622,5\n",
    }
}
PRICED = {
    "schema": {
        "type": "string",
        "description": "Id, or the line of the row in the file without one; the target, low, high,"
        " the version that answered, ...",
    }
}


class HousesIn(bodies.ByModel):
    """Houses to price, or `rows` of what the version has learnt; what an attribute may be stands in
    GET /api/v1/predictor."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"houses": [{"OverallQual": 7, "GrLivArea": 1710, "1stFlrSF": 856}]}]
        }
    )

    houses: list[dict[str, Any]] = Field(
        min_length=1,
        max_length=AT_ONCE,
        description="Any attribute may be left out, but not all. What is none is told.",
    )
    likely: int = Field(
        0, ge=0, le=100, description="How many equally likely prices to tell of each house."
    )
    strict: bool = Field(False, description="Refuse what training has not seen.")
    keep: bool = Field(True, description="Keep the answers, for the monitor.")

    @model_validator(mode="before")
    @classmethod
    def _or_rows(cls, value: object) -> object:
        return bodies.renamed(value, "rows", "houses")


ModelQuery = Annotated[bodies.ModelName, Query()]


@router.get(
    "/predictor",
    response_model=bodies.PredictorOut,
    responses=responses(404, 422) | {304: {"description": "The same model as before."}},
)
def get_predictor(
    session: ReadSession,
    response: Response,
    model: ModelQuery = CHAMPION,
    if_none_match: Annotated[str | None, Header()] = None,
) -> bodies.PredictorOut | Response:
    """The model that answers, and the schema of what it reads; its ETag is that of its file."""
    served = serving(session, model)
    tag, card = f'"{served.digest}"', served.predictor.card
    if tag in (if_none_match or ""):
        return Response(status_code=304, headers={"ETag": tag})
    registry = Registry(session)
    version, job = registry.get(str(served.version))
    response.headers["ETag"] = tag
    return bodies.PredictorOut(
        **served.whose,
        names=registry.names_of(version.id),
        label=job.label,
        measure=card.measured,
        valid=job.valid,
        folds=list(card.folds),
        interval=list(card.interval),
        size=version.size,
        schema=card.input_schema.model_dump(mode="json"),
        json_schema=served.row,
    )


@router.post("/predictions", responses=responses(400, 404, 409, 413, 422))
async def predict(
    asked: Annotated[HousesIn, Body()], model: AlsoModel = None
) -> bodies.Predictions:
    """Price houses. A value training has not seen is encoded as in training, and listed."""
    whose = named(asked, model)
    served = at_hand(whose)
    if served and len(asked.houses) <= FEW:  # sooner done than handed to a thread
        return _answered(served, asked)
    return await run_in_threadpool(lambda: _answered(who(whose), asked))


def _answered(served: Served, asked: HousesIn) -> bodies.Predictions:
    checked = check(served, asked.houses, ["body", "houses"], strict=asked.strict, own=True)
    priced = price(served, checked, asked.likely)
    keys = log.keep(served, checked.values, priced) if asked.keep else None
    return bodies.Predictions(
        **served.whose,
        remarks=checked.remarks,
        predictions=[
            bodies.Prediction(
                id=key, price=price, low=low, high=high, likely=dots, imputed=row.imputed,
                warnings=[bodies.HouseWarning.model_validate(item) for item in row.warnings],
            )
            for (row, price, low, high, dots), key in zip_longest(
                zip(checked.rows, *columns(priced), priced.likely.tolist(), strict=True), keys or ()
            )
        ],
    )  # fmt: skip


SUBMISSION = {
    "schema": {"type": "string", "minLength": 1, "example": "Id,SalePrice\n1461,169000.5\n"}
}


async def open_table(request: Request) -> AsyncIterator[IO[bytes]]:
    """The table in the body: as it is, or as the field `file` of a form. A large one is on disk."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with request.form() as form:
            sent = form.get("file")
            if not isinstance(sent, UploadFile):
                raise Invalid("The form has no file. Send the CSV as its field 'file'.")
            yield sent.file
        return
    with SpooledTemporaryFile(AT_HAND) as file:
        async for piece in request.stream():
            await run_in_threadpool(file.write, piece)
        yield file


def read_text(file: "OpenTable") -> Iterator[Opened]:
    """The same as text."""
    with opened(file) as text:
        yield text


def read_table(file: "OpenTable") -> bytes:
    """The same, where it is small."""
    file.seek(0)
    return file.read()


def read_mapping(
    given: Annotated[
        list[str] | None,
        Query(
            alias="map",
            max_length=200,
            description="Column=field, once for each column whose name is none of a field's;"
            " Column= keeps it beside.",
        ),
    ] = None,
) -> dict[str, str]:
    """Which column is which field, as somebody says."""
    return tables.read_mapping(given)


OpenTable = Annotated[IO[bytes], Depends(open_table)]
Text = Annotated[Opened, Depends(read_text)]
Table = Annotated[bytes, Depends(read_table)]
Mapping = Annotated[dict[str, str], Depends(read_mapping)]
Strict = Annotated[bool, Query(description="Refuse what training has not seen, and own columns.")]
Keep = Annotated[bool, Query(description="Keep the answers, and what was paid, for the monitor.")]


@router.post(
    "/predictions.csv",
    response_class=Response,
    responses=responses(404, 409, 413, 422)
    | {200: {"content": {"text/csv": PRICED}, "description": "Prices."}},
    openapi_extra={"requestBody": {"required": True, "content": {"text/csv": TABLE}}},
)
def predict_table(
    text: Text,
    mapping: Mapping,
    session: ReadSession,
    model: ModelQuery = CHAMPION,
    strict: Strict = False,
    keep: Keep = True,
) -> Response:
    """Price the rows of a table, as CSV: columns by Kaggle's names in any spelling; Id, SalePrice
    and own columns may be there, which come back beside the prices. Whatever separates cells,
    UTF-8, UTF-16 or Latin-1, packed by gzip or not; .xlsx and Parquet where their libraries are.

    Of any length: all rows are checked first, then the prices come as they are made. A row whose
    price no house can have stands without one, and its warnings say why."""
    served = serving(session, model)
    table = PricedTable(served, text, strict=strict, mapping=mapping, keep=keep)
    headers = {
        "Content-Disposition": 'attachment; filename="predictions.csv"',
        "Ridgeline-Version": str(served.version),
    }
    lines = (part.csv for part in table.parts())
    return StreamingResponse(lines, headers=headers, media_type="text/csv")


@router.post(
    "/predictions/table",
    responses=responses(404, 413, 422),
    openapi_extra={"requestBody": {"required": True, "content": {"text/csv": TABLE}}},
)
def predict_table_in_words(
    text: Text,
    mapping: Mapping,
    session: ReadSession,
    model: ModelQuery = CHAMPION,
    strict: Strict = False,
    keep: Keep = True,
) -> bodies.PricedTable:
    """The same of at most 10,000 rows, and how the table was read: what was changed, what is no
    field, how right it is."""
    served = serving(session, model)
    try:
        table = PricedTable(served, text, strict=strict, mapping=mapping, keep=keep, most=MOST)
    except TooManyRows as error:
        raise Invalid(f"{error} {ANY_LENGTH}") from None
    found = table.whole()
    rows = zip(found.names, found.rows, *columns(found.priced), strict=True)
    return bodies.PricedTable(
        **served.whose,
        rows=table.count,
        remarks=table.remarks,
        unknown=table.unknown,
        score=bodies.Score.model_validate(table.score) if table.score else None,
        first=[
            bodies.PricedRow(
                name=str(name), price=price, low=low, high=high, imputed=len(row.imputed),
                warnings=[warning.message for warning in row.warnings],
            )
            for name, row, price, low, high in islice(rows, FIRST)
        ],
        csv=found.csv,
    )  # fmt: skip


@router.post(
    "/predictions/jobs",
    status_code=202,
    responses=responses(400, 404, 409, 413, 422),
    openapi_extra={"requestBody": {"required": True, "content": {"text/csv": TABLE}}},
)
def predict_table_by_job(
    file: OpenTable,
    mapping: Mapping,
    response: Response,
    model: ModelQuery = CHAMPION,
    strict: Strict = False,
    keep: Keep = True,
    about: Annotated[str, Query(max_length=200, description="What the file is called.")] = "",
    idempotency_key: IdempotencyKey = None,
) -> bodies.JobOut:
    """Price the rows of a table, of any length, by a job: it survives what a connection does not.

    The version that would answer now answers all of it. How many rows are done stands in the job's
    `epochs_done`; what is wrong with the table in its `error`. The same lines as of
    POST /predictions.csv are GET /jobs/{job_id}/predictions.csv once it has succeeded."""
    job = pricing.send(
        file, about=about, model=model, strict=strict, mapping=mapping, keep=keep,
        idempotency_key=idempotency_key,
    )  # fmt: skip
    response.headers["Location"] = f"/api/v1/jobs/{job.id}"
    with readers()() as session:
        return bodies.JobOut.of(job, RunStore(session).workers())


@router.post(
    "/submissions/preflight",
    responses=responses(400, 413, 422),
    openapi_extra={"requestBody": {"required": True, "content": {"text/csv": SUBMISSION}}},
)
def preflight(body: Table, session: ReadSession) -> bodies.Preflighted:
    """Check somebody's submission.csv as it is, and set it beside the prices of who answers."""
    return looked_at(body, champion(session))
