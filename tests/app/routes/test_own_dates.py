"""Columns of dates, from a file to a served answer: by REST, and by pages without a script."""

import csv
import html
import io
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from starlette.testclient import TestClient

from app.store import sessions
from app.store.tables import Tables
from ml.data import tables as packing
from ml.schema.dates import measured
from tests.app.routes.test_api import problem
from tests.app.routes.test_own_flows import ASK, JOBS, QUICK, TABLES
from tests.app.routes.test_retraining import as_csv, work
from tests.ml.test_dates import sold

Rows = list[dict[str, Any]]
ROWS = sold(200, "%m/%d/%Y")
UNCLEAR = [row for row in sold(400, "%m/%d/%Y") if int(row["sold"][3:5]) <= 12]


@pytest.fixture
def version(client: TestClient) -> int:
    """Of rents by the date, in which the month comes first."""
    table = client.post(f"{TABLES}?target=rent", content=as_csv(ROWS)).json()["table"]
    asked = QUICK | {"name": "table_ensemble", "table": table, "target": "rent"}
    asked |= {"identifier": "flat"}
    work(client.post(JOBS, json={"experiment": asked}).json()["id"])
    found: int = client.get("/api/v1/models").json()["models"][0]["version"]
    return found


def page(client: TestClient, path: str) -> str:
    return html.unescape(" ".join(client.get(path).text.split()))


def test_a_date_goes_from_a_file_to_a_served_answer(client: TestClient, version: int) -> None:
    (told,) = [field for field in client.get(f"/api/v1/predictor?model={version}").json()[
        "schema"]["fields"] if field["name"] == "sold"]  # fmt: skip
    assert (told["kind"], told["order"]) == ("date", "mdy")
    days = ["2006-02-01", "2020-02-01"]
    rows = [{"sold": day, "area": 70} for day in days]
    early, late = client.post(ASK, json={"rows": rows, "model": version}).json()["predictions"]
    assert early["price"] < late["price"]
    assert early["imputed"] == []
    same = [{"sold": text, "area": 70} for text in ("02/01/2020", "1 Feb 2020", "Feb 1st, 2020")]
    again = client.post(ASK, json={"rows": same, "model": version, "keep": False}).json()
    prices = [one["price"] for one in again["predictions"]]
    assert prices == pytest.approx([late["price"]] * 3, rel=1e-12)
    future = client.post(ASK, json={"rows": [{"sold": "2091-01-01", "area": 70}], "model": version})
    (warning,) = future.json()["predictions"][0]["warnings"]
    assert warning["message"].startswith("sold is 2091-01-01; the training rows have 2004-0")
    (unknown,) = client.post(ASK, json={"rows": [{"area": 70}], "model": version}).json()[
        "predictions"]  # fmt: skip
    assert unknown["imputed"] == ["sold"]
    schema = client.get(f"/api/v1/predictor?model={version}").json()["json_schema"]
    assert {"type": "string", "format": "date"} in schema["properties"]["sold"]["anyOf"]


def test_a_file_of_dates_is_answered_and_its_slips_are_told(
    client: TestClient, version: int
) -> None:
    answered = client.post(
        f"{ASK}.csv?model={version}",
        content="flat,sold,area,moved\n7,02/01/2020,70,03/04/2020\n8,,70,x\n9,2020-02-01,70,\n",
    )
    lines = [*csv.DictReader(io.StringIO(answered.text))]
    assert [line["moved"] for line in lines] == ["03/04/2020", "x", ""]
    assert [line["imputed"] for line in lines] == ["", "sold", ""]
    assert lines[0]["rent"] == lines[2]["rent"]
    bad = "flat,sold,area\n7,02/01/2020,70\n8,25/12/2020,70\n9,2020-02-30,70\n"
    told = problem(client.post(f"{ASK}.csv?model={version}", content=bad), 422)
    assert [error["message"] for error in told["errors"]] == [
        "Line 3: sold is '25/12/2020'; the month comes first here, and so there is no such day. It"
        " must be a date, such as 2024-12-31 or, with the month first, 12/31/2024.",
        "Line 4: sold is '2020-02-30'; there is no such day. It must be a date, such as 2024-12-31"
        " or, with the month first, 12/31/2024.",
    ]
    assert [error["loc"][1:] for error in told["errors"]] == [[3, "sold"], [4, "sold"]]


def test_why_an_answer_is_so_is_told_in_dates(client: TestClient, version: int) -> None:
    asked = {"row": {"sold": "02/01/2020", "area": 70}, "model": version}
    days = {row["flat"]: row["sold"] for row in ROWS}
    sales = client.post("/api/v1/comparables", json=asked).json()["sales"]
    for sale in sales:
        month, day, year = days[sale["id"]].split("/")
        assert sale["house"]["sold"] == f"{year}-{month}-{day}"
    differs = [one for sale in sales for one in sale["differs"] if one["attribute"] == "sold"]
    assert {one["here"] for one in differs} == {"2020-02-01"}
    reasons = client.post("/api/v1/reasons", json=asked).json()["reasons"]
    assert ["sold"] in [reason["differs"] for reason in reasons]
    curve = client.post("/api/v1/what-if", json=asked | {"attribute": "sold"}).json()
    assert "2020-02-01" in curve["values"]
    assert curve["values"] == sorted(curve["values"])
    assert len(curve["values"]) == 26
    prices = [one["price"] for one in curve["alone"]]
    assert prices[0] < prices[-1]
    some = asked | {"attribute": "sold", "values": ["1 May 2010", "2012-05-01"]}
    found = client.post("/api/v1/what-if", json=some).json()
    assert (found["values"], found["moves"]) == (["2010-05-01", "2012-05-01"], {})
    wrong = client.post("/api/v1/what-if", json=some | {"values": [2010]})
    assert "sold is 2010.0" in problem(wrong, 422)["detail"] or "2010" in wrong.text
    told = client.get(f"/api/v1/sales?attribute=sold&model={version}").json()["attributes"]["sold"]
    assert told[0][4] == "-"


def test_the_form_of_a_row_takes_a_date(client: TestClient, version: int) -> None:
    first = page(client, f"/predict?model={version}")
    assert 'name="sold" type="date" value="20' in first
    assert "Seen: 2004-0" in first
    answer = page(client, f"/predict?model={version}&sold=2020-02-01&area=70")
    assert 'type="date" value="2020-02-01"' in answer
    row = {"sold": "2020-02-01", "area": 70}
    (said,) = client.post(ASK, json={"rows": [row], "model": version}).json()["predictions"]
    assert f">{said['price']:,.0f}<" in answer
    assert "sold 20" in answer  # of comparable rows
    wrong = page(client, f"/predict?model={version}&sold=25/12/2020&area=70")
    assert 'type="text" value="25/12/2020"' in wrong  # as it was typed
    assert "sold is '25/12/2020'; the month comes first here" in wrong


def test_rows_of_dates_that_came_are_learnt_from(client: TestClient, version: int) -> None:
    new = sold(230, "%d %b %Y")[200:]
    asked = [{name: row[name] for name in ("sold", "area")} for row in new]
    said = client.post(ASK, json={"rows": asked, "model": version}).json()["predictions"]
    came = [{"id": one["id"], "paid": row["rent"]} for one, row in zip(said, new, strict=True)]
    assert client.post("/api/v1/actuals", json={"actuals": came}).json()["kept"] == 30
    look = client.get(f"/api/v1/monitor?model={version}").json()
    assert look["look"]["paid"]["n"] == 30
    (moved,) = [one for one in look["look"]["columns"] if one["name"] == "sold"]
    assert moved["of"] == "dates"
    assert client.get(f"/monitor?model={version}&columns=all").status_code == 200
    made = client.post(f"/api/v1/models/{version}/retrain")
    assert made.status_code == 202, made.text
    experiment = made.json()["experiment"]
    assert experiment["dates"] == ["sold=mdy"]
    with sessions.readers()() as session:
        payload = Tables(session).payload(experiment["table"])
    assert payload is not None
    rows = packing.unpacked(payload)
    assert len(rows) == 230
    assert all(2004 <= measured(row["sold"]) < 2025 for row in rows)
    work(made.json()["id"])
    newest = client.get("/api/v1/models").json()["models"][0]
    assert newest["rows"] == 230
    row = {"sold": "02/01/2020", "area": 70}  # as its clients have always written it
    assert client.post(ASK, json={"rows": [row], "model": newest["version"]}).status_code == 200
    against = client.get(f"/api/v1/models/{newest['version']}/against/{version}").json()
    assert (against["comparable"], against["pairs"]) == (True, 30)


def test_what_comes_first_is_asked_for_where_a_column_does_not_tell(client: TestClient) -> None:
    sent = client.post("/tables", files={"file": ("sold.csv", as_csv(UNCLEAR))}, data={"of": "any"})
    path = sent.url.path
    asks = page(client, path)
    assert "Left out until somebody says whether the day or the month comes first" in asks
    assert '<option value="dmy" > input, day first' in asks
    roles = {"r.0": "n", "r.2": "i", "r.3": "t"}
    looked = page(client, f"{path}?r.0=n&r.1=mdy&r.2=i&r.3=t")
    assert "Read with the month first, as was said." in looked
    assert '<option value="mdy" selected' in looked
    told = client.get(f"{path}/train", params=roles | {"r.1": "mdy"}, follow_redirects=False)
    query = dict(parse_qsl(urlsplit(told.headers["location"]).query))
    assert (query["inputs"], query["dates"]) == ('["sold", "area"]', '["sold=mdy"]')
    assert '"sold=mdy"' in page(client, f"/jobs/new?{urlsplit(told.headers['location']).query}")

    name = path.rpartition("/")[2]
    seen = client.get(f"{TABLES}/{name}/profile?inputs=sold&inputs=area").json()
    assert seen["fit"] is None
    assert "comes first" in seen["reason"]
    seen = client.get(f"{TABLES}/{name}/profile?dates=sold=mdy").json()
    assert "sold" in seen["inputs"]
    said = problem(client.get(f"{TABLES}/{name}/profile?dates=sold"), 422)["detail"]
    assert said.startswith("'sold' must be a column of dates and what comes first in them")
