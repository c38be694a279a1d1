"""Tables of one's own: what there is, a file to bring, and what could be learnt from one."""

import json
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.dashboard import views
from app.dashboard.rendering import render
from app.dashboard.table_page import ROLES, drawn
from app.errors import Conflict, Invalid
from app.serving.competition import differences, like
from app.serving.own import Looked, look, own_of
from app.serving.sales import sales_of
from app.store.jobs import RunStore
from app.store.sessions import DbSession, ReadSession
from app.store.tables import Tables
from ml.schema import ORDERS

router = APIRouter()
LARGEST = 32 * 2**20  # bytes of a file


@router.get("/tables")
def list_tables(request: Request, session: ReadSession) -> Response:
    """What there is, and a form that takes a file."""
    return _page(request, session)


@router.post("/tables")
def add(
    request: Request,
    session: DbSession,
    file: UploadFile | None = None,
    of: str = Form("any"),
    test: UploadFile | None = None,
) -> Response:
    """Keep a file's rows, with those of a test table beside them, and look at them."""
    if not file or not file.filename:
        return _page(request, session, fault="Choose a file.")
    body, beside = file.file.read(LARGEST + 1), test and test.filename and test.file
    try:
        found = sales_of(body) if of == "sales" else own_of(body)
        if beside and found.target is None:
            raise Invalid("House sales have the competition's test table: leave yours out.")
        rows = beside and like(found.rows, beside.read(LARGEST + 1), found.target or "")[0]
    except Invalid as error:
        return _page(request, session, fault=error.message, faults=error)
    table = Tables(session).add(found.rows, file.filename, target=found.target)
    if rows:
        Tables(session).keep_test(table, rows)
    if found.target is None:
        return RedirectResponse(f"/jobs/new?experiment=house_ensemble&sales={table.name}", 303)
    return RedirectResponse(f"/tables/{table.name}", 303)


@router.post("/tables/delete")
def delete(session: DbSession, name: Annotated[str, Form(max_length=16)]) -> Response:
    """Forget a table that no job learns from, and show those that are left."""
    Tables(session).delete(name)
    return RedirectResponse("/tables", 303)


@router.get("/tables/{name}")
def table(request: Request, name: str, session: ReadSession) -> Response:
    """A look at one."""
    kept = Tables(session).get(name)
    if kept.target is None:
        raise Conflict(f"Table {name} is of house sales: train house_ensemble on it.")
    fault = ""
    try:
        found = _asked(name, kept.target, request.query_params)
    except Invalid as error:
        fault, found = error.message, look(name)
    return render(
        request,
        "table.html",
        status=422 if fault else 200,
        bar=views.bar(RunStore(session).counts()),
        table=kept,
        jobs=Tables(session).jobs().get(name, []),
        found=found,
        drawn=drawn(found),
        scale=request.query_params.get("scale", "auto"),
        fault=fault,
        unlike=differences(name, kept.test_name) if kept.test_name else (),
    )


@router.get("/tables/{name}/train")
def train(request: Request, name: str, session: ReadSession) -> Response:
    """The form of a job that learns from it as was asked."""
    kept = Tables(session).get(name)
    found = _asked(name, kept.target or "", request.query_params)
    if found.fit is None:
        raise Invalid(found.reason)
    asked = {"experiment": "table_ensemble", "table": name, "target": found.told.target}
    if any(key.startswith("r.") for key in request.query_params):
        asked["inputs"] = json.dumps([*found.chosen], ensure_ascii=False)
    if found.dates:
        asked["dates"] = json.dumps([*found.dates], ensure_ascii=False)
    if found.identifier:
        asked["identifier"] = found.identifier
    if (scale := request.query_params.get("scale", "auto")) != "auto":
        asked["scale"] = scale
    return RedirectResponse(f"/jobs/new?{urlencode(asked)}", 303)


def _asked(name: str, target: str, query: Mapping[str, str]) -> Looked:
    """A look by the roles of columns that a form gives, the i-th of the file as `r.i`."""
    scale = query.get("scale", "auto")
    if scale not in {"auto", "log", "plain"}:
        raise Invalid(f"scale is {scale[:20]!r}; it must be auto, log or plain.")
    usual = look(name, target, scale=scale)
    if not any(key.startswith("r.") for key in query):
        return usual
    asked = {column: query.get(f"r.{i}", "o") for i, column in enumerate(usual.names)}
    dates = [f"{column}={role}" for column, role in asked.items() if role in ORDERS]
    roles = {
        column: "input" if role in ORDERS else ROLES.get(role, "left out")
        for column, role in asked.items()
    }
    targets, named, inputs = (
        [column for column, role in roles.items() if role == wanted]
        for wanted in ("target", "name", "input")
    )
    if len(targets) != 1:
        raise Invalid("One column is the target: choose it, and no other.")
    if len(named) > 1:
        raise Invalid("One column at most is the name of a row: choose which.")
    if not inputs:
        raise Invalid("No column is an input: choose at least one.")
    return look(name, targets[0], inputs, "".join(named), scale, dates)


def _page(
    request: Request, session: ReadSession, *, fault: str = "", faults: Invalid | None = None
) -> Response:
    tables = Tables(session)
    return render(
        request,
        "tables.html",
        status=422 if fault else 200,
        bar=views.bar(RunStore(session).counts()),
        tables=tables.all(),
        jobs=tables.jobs(),
        fault=fault,
        faults=faults.errors if faults else [],
    )
