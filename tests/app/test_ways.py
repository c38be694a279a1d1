"""Page, REST and command do the same: docs/ways.md against the pages, the API and the commands."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.cli.commands import cli
from app.dashboard import assets
from app.pages import compare, model, models, monitor, predict, promote, submission, tables
from app.settings import settings
from app.store import sessions
from app.store.registry import Registry
from app.store.tables import Tables
from ml.data import synthetic
from ml.data import tables as packing
from ml.experiments.kaggle_house import KaggleHouse
from ml.experiments.table_ensemble import TableEnsemble
from tests.app import versions
from tests.app.conftest import HOUSE
from tests.app.pages.test_pages import Page, get
from tests.app.routes.test_retraining import as_csv

TEXT = (Path(__file__).parents[2] / "docs" / "ways.md").read_text()
TAGS = {"compare", "models", "predictions", "monitor", "tables"}
COMMANDS = {  # besides the groups
    "compare", "predict", "preflight", "submission", "why", "monitor", "actuals",
}  # fmt: skip
GROUPS = {"models", "tables"}
FORM = {"--help", "--json"}  # how it is told, of options
PLACES = {  # what stands in an address of a page
    r"/(models)/\d+": r"/\1/{model}", r"/(jobs)/\d+": r"/\1/{job_id}",
    r"/(tables)/[0-9a-f]{16}": r"/\1/{name}",
}  # fmt: skip


class Way(NamedTuple):
    """A row."""

    to: str
    page: str
    there: str
    rest: str
    command: str


def ways() -> list[Way]:
    lines = [line for line in TEXT.splitlines() if line.startswith("| ")][1:]
    return [Way(*(cell.strip() for cell in line.strip("|").split("|"))) for line in lines]


def quoted(cell: str) -> str:
    """What stands in backquotes."""
    (text,) = re.findall(r"`([^`]+)`", cell)
    return str(text)


def place(address: str) -> str:
    """An address as the table has it."""
    address = re.split("[?#]", address)[0]
    for found, name in PLACES.items():
        address = re.sub(found, name, address)
    return address


# ---- pages


@pytest.fixture
def addresses(client: TestClient) -> list[str]:
    """Pages that show all they can: versions that were promoted, rows of other tables, prices."""
    with sessions.readers()() as session:
        champion = Registry(session).champion()
        assert champion is not None
        house = Registry(session).with_payload(champion[0].id)
    assert house is not None
    versions.keep(KaggleHouse(num_epochs=5), versions.better(house.payload))
    assert client.post("/models/2/promote", data={"instead_of": 1}).status_code == 200
    client.post("/models/names", data={"alias": "challenger", "model": "1"})
    flats = synthetic.flats(175, 3)
    sent = client.post("/api/v1/tables?target=rent", content=as_csv(flats[:130]))
    table, inputs = sent.json()["table"], ("area", "district")
    with sessions.readers()() as session:
        packing.keep(Tables(session).payload(table) or b"", settings().cache_dir)
    client.post("/api/v1/tables?target=area", content=as_csv(flats[:120]))  # no job learns from it
    asked = TableEnsemble(
        table=table, target="rent", inputs=inputs, k=2, num_seeds=1, num_epochs=1
    )  # fmt: skip
    versions.keep(asked, versions.trained(asked))
    rows = [{name: flat[name] for name in inputs} for flat in flats[130:]]
    said = client.post("/api/v1/predictions", json={"rows": rows, "model": 3}).json()["predictions"]
    paid = [
        {"id": one["id"], "paid": flat["rent"]} for one, flat in zip(said, flats[130:], strict=True)
    ]
    assert client.post("/api/v1/actuals", json={"actuals": paid}).json()["kept"] == 45
    return [
        "/models", "/models/1", "/models/1/promote", "/predict", "/predict?model=3",
        "/monitor?model=challenger", "/monitor?model=3", "/tables", f"/tables/{table}",
        "/compare?jobs=1,2", "/submission", f"/jobs/{HOUSE}", f"/jobs/{HOUSE}/submission",
        "/jobs/new",
    ]  # fmt: skip


def forms(page: Page, own: str) -> set[str]:
    """What its forms and what is asked by itself send where."""
    found = {
        f"{(form.get('method') or 'get').upper()} {place(str(form.get('action') or own))}"
        for form in page.all("form")
        if form.get("method") != "dialog" and "id" not in form  # a script sends that of a house
    }
    for _, attributes in page.elements:
        if "formaction" in attributes:
            found.add(f"GET {place(str(attributes['formaction']))}")
        if str(attributes.get("hx-get", "")).startswith(f"{own}/"):
            found.add(f"GET {place(str(attributes['hx-get']))}")
    return found


def test_every_page_has_its_form_and_every_form_its_row(
    client: TestClient, addresses: list[str]
) -> None:
    sent, links, scripts = dict[str, set[str]](), dict[str, set[str]](), dict[str, str]()
    for address in addresses:
        page, own = get(client, address), place(address)
        sent.setdefault(own, set()).update(forms(page, own))
        links.setdefault(own, set()).update(place(str(a.get("href"))) for a in page.all("a"))
        names = [str(script.get("src")).rpartition("/")[2] for script in page.all("script")]
        scripts[own] = scripts.get(own, "") + "".join(
            asset.plain.decode() for name in names if (asset := assets.find(name))
        )
    told = {quoted(way.there) for way in ways() if way.there.startswith("form")}
    for way in ways():
        page_, kind = quoted(way.page), way.there.partition(" ")[0]
        assert page_ in sent, way
        if kind == "form":
            assert quoted(way.there) in sent[page_], way
        elif kind == "link":
            assert quoted(way.there) in links[page_], way
        elif kind == "script":
            assert re.search(rf"[\"`/]{quoted(way.there)}[\"`?]", scripts[page_]), way
    others = {"POST /jobs/{job_id}/retry"}  # what is done to a job, and not to its version
    assert set().union(*sent.values()) - others == told


def test_every_address_of_these_pages_has_its_row() -> None:
    routes = {
        f"{method} {route.path}": route.path
        for page in (compare, model, models, monitor, predict, promote, submission, tables)
        for route in page.router.routes
        for method in route.methods
    }
    told = {quoted(way.there) for way in ways() if way.there.startswith("form")}
    told |= {f"GET {quoted(way.page)}" for way in ways()}
    assert routes.keys() - told == set()


# ---- REST


def test_every_call_is_there_and_none_is_left_out(application: FastAPI) -> None:
    there: dict[str, Any] = {
        f"{method.upper()} {path.removeprefix('/api/v1')}": operation
        for path, operations in application.openapi()["paths"].items()
        for method, operation in operations.items()
    }
    told = {quoted(way.rest) for way in ways()}
    assert told - there.keys() == set()
    tagged = {call for call, operation in there.items() if TAGS & {*operation["tags"]}}
    assert tagged - told == set()


# ---- commands


def command(words: str) -> Any:
    """The command of that name, in its group."""
    found: Any = typer.main.get_command(cli)
    for word in words.split():
        found = found.commands[word]
    return found


def options(one: Any) -> set[str]:
    """What one may say to it: of several spellings the longest."""
    return {
        max(each.opts, key=len)
        for each in one.params
        if each.param_type_name == "option" and not each.hidden
    } - FORM


def test_every_command_takes_these_options_and_none_is_left_out() -> None:
    told = dict[str, set[str]]()
    for way in ways():
        name, *taken = re.split(r" (?=--)", quoted(way.command))
        told.setdefault(name, set()).update(taken)
    for name, said in told.items():
        if name != "train":  # its other options are the fields of an experiment
            assert options(command(name)) == said, name
    groups = {f"{group} {name}" for group in GROUPS for name in command(group).commands}
    assert (groups | COMMANDS) - told.keys() == set()
