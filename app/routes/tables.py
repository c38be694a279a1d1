"""Tables of sales of one's own: what a job may learn from in place of the competition's houses."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from app import bodies
from app.errors import responses
from app.routes.predictions import TABLE, Mapping, read_table
from app.serving.sales import sales_of
from app.store.sessions import DbSession, ReadSession
from app.store.tables import Tables

router = APIRouter(prefix="/tables", tags=["tables"])
Name = Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="Of a table.")]
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
) -> bodies.NewTable:
    """Keep sales to learn from: a CSV of houses, each with its SalePrice.

    Train on it by its name: `{"experiment": {"name": "house_ensemble", "sales": "<table>"}}`.
    """
    found = sales_of(body, mapping)
    table = Tables(session).add(found.rows, about.strip() or "uploaded")
    kept = bodies.Table.of(table, Tables(session).jobs().get(table.name, []))
    return bodies.NewTable(**kept.model_dump(), remarks=found.remarks)


@router.delete("/{name}", status_code=204, responses=responses(404, 409, 422))
def delete_table(name: Name, session: DbSession) -> None:
    """Forget a table that no job learns from."""
    Tables(session).delete(name)
