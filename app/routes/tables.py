"""Tables of one's own: sales of houses, or rows of anything, that a job may learn from."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query

from app import bodies
from app.errors import responses
from app.routes.predictions import TABLE, Mapping, read_table
from app.serving import competition
from app.serving.own import look, own_of
from app.serving.sales import sales_of
from app.store.sessions import DbSession, ReadSession
from app.store.tables import Tables

router = APIRouter(prefix="/tables", tags=["tables"])
Name = Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="Of a table.")]
Target = Annotated[
    str | None, Query(max_length=200, description="The column to be predicted, of numbers.")
]
TextColumns = Annotated[
    list[str] | None,
    Query(
        alias="text",
        max_length=200,
        description="Columns that are text though they look like numbers.",
    ),
]
Body = Annotated[bytes, Depends(read_table)]


@router.get("")
def list_tables(session: ReadSession) -> bodies.TableList:
    """All tables, the latest first, and the jobs that learn from each."""
    tables = Tables(session)
    jobs = tables.jobs()
    return bodies.TableList(
        tables=[bodies.Table.of(table, jobs.get(table.name, [])) for table in tables.all()]
    )


@router.post(
    "",
    status_code=201,
    responses=responses(400, 409, 413, 422),
    openapi_extra={"requestBody": {"required": True, "content": {"text/csv": TABLE}}},
)
def add_table(
    body: Body,
    mapping: Mapping,
    session: DbSession,
    about: Annotated[
        str, Query(max_length=200, description="Where they come from, in words.")
    ] = "",
    target: Target = None,
    text: TextColumns = None,
) -> bodies.NewTable:
    """Keep rows to learn from: without `target` sales of houses, each with its SalePrice; with it
    rows of anything, up to 100,000 of 200 columns. An empty `target` lets one be proposed.

    Train on it by its name: `{"experiment": {"name": "house_ensemble", "sales": "<table>"}}`, or
    `{"experiment": {"name": "table_ensemble", "table": "<table>", "target": "<column>"}}`.
    """
    tables, about = Tables(session), about.strip() or "uploaded"
    if target is None:
        found = sales_of(body, mapping)
        table, remarks = tables.add(found.rows, about), found.remarks
    else:
        own = own_of(body, target, text or ())
        table, remarks = tables.add(own.rows, about, target=own.target), own.remarks
    kept = bodies.Table.of(table, tables.jobs().get(table.name, []))
    return bodies.NewTable(**kept.model_dump(), remarks=remarks)


@router.put(
    "/{name}/test",
    responses=responses(400, 404, 409, 413, 422),
    openapi_extra={"requestBody": {"required": True, "content": {"text/csv": TABLE}}},
)
def keep_test(
    name: Name, body: Body, session: DbSession, text: TextColumns = None
) -> bodies.NewTable:
    """Keep a test table beside a table of anything, in the place of one before: rows of the same
    columns, with the target or without. A job that has learnt from the table then predicts them:
    GET /jobs/{job_id}/submission.csv."""
    remarks, _ = competition.keep(session, name, body, text or ())
    tables = Tables(session)
    kept = bodies.Table.of(tables.get(name), tables.jobs().get(name, []))
    return bodies.NewTable(**kept.model_dump(), remarks=remarks)


@router.get("/{name}/profile", responses=responses(404, 409, 422))
def profile_table(
    name: Name,
    target: Target = None,
    inputs: Annotated[
        list[str] | None, Query(max_length=200, description="In place of those proposed.")
    ] = None,
    identifier: Annotated[str, Query(max_length=200, description="Column that names a row.")] = "",
    dates: Annotated[
        list[str] | None,
        Query(
            max_length=200,
            description="What comes first in dates such as 03/01/2024, where the column does not"
            " tell: column=dmy, column=mdy or column=ymd.",
        ),
    ] = None,
    scale: Annotated[
        Literal["auto", "log", "plain"], Query(description="How errors are measured.")
    ] = "auto",
) -> bodies.TableProfile:
    """A look at a table of anything: its columns, what needs a person, and a first fit."""
    found = look(name, target or "", inputs or (), identifier, scale, dates or ())
    return bodies.TableProfile.of(name, found.told, found.chosen, found.fit, found.reason)


@router.delete("/{name}", status_code=204, responses=responses(404, 409, 422))
def delete_table(name: Name, session: DbSession) -> None:
    """Forget a table that no job learns from."""
    Tables(session).delete(name)
