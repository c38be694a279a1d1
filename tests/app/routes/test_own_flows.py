"""Anybody's table, from a file to a served answer: by REST, by pages without a script, by CLI."""

import csv
import io
import json
import re
import shutil
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from app.cli.commands import cli
from ml.data import hub, synthetic
from ml.tabular.own import OwnTable
from tests.app.routes.test_api import problem
from tests.app.routes.test_retraining import as_csv, work

TABLES, JOBS, ASK = "/api/v1/tables", "/api/v1/jobs", "/api/v1/predictions"
QUICK = {"k": 2, "num_seeds": 1, "num_epochs": 1}
Rows = list[dict[str, Any]]


def films() -> tuple[bytes, Rows, str]:
    """Films, as the package has them; what they made is asked."""
    try:
        body = hub.download("films").read_bytes()
    except hub.DataUnavailable:
        if shutil.which("npm"):
            raise
        pytest.skip("the films come by npm, which this system has not")
    return body, json.loads(body), "Worldwide Gross"


def diabetes() -> tuple[bytes, Rows, str]:
    """442 patients, all numbers, of which the target is measured as it is."""
    from sklearn.datasets import load_diabetes

    rows = load_diabetes(as_frame=True).frame.to_dict("records")
    return as_csv(rows).encode(), rows, "target"


def flats() -> tuple[bytes, Rows, str]:
    """Made-up flats: what noise leaves of their rent is known."""
    rows = synthetic.flats(300, 5)
    return as_csv(rows).replace("NA", "").encode(), [*rows], "rent"


TAKEN: dict[str, tuple[Callable[[], tuple[bytes, Rows, str]], list[str], list[str]]] = {
    "films": (films, ["US Gross"], ["Title", "US Gross"]),
    "diabetes": (diabetes, [], []),
    "flats": (flats, ["deposit"], ["deposit", "flat"]),
}


@pytest.mark.parametrize("name", TAKEN)
def test_a_table_goes_from_a_file_to_a_served_answer(client: TestClient, name: str) -> None:
    bring, given_away, left_out = TAKEN[name]
    body, rows, target = bring()
    kept = client.post(f"{TABLES}?target={target}&about={name}", content=body)
    assert kept.status_code == 201, kept.text
    table = kept.json()["table"]
    assert (kept.json()["rows"], kept.json()["target"]) == (len(rows), target)

    seen = client.get(f"{TABLES}/{table}/profile").json()
    columns = {column["name"]: column for column in seen["profile"]["columns"]}
    assert columns.keys() == rows[0].keys()
    stops = [name for name, column in columns.items()
             if any(a["level"] == "stop" for a in column["attention"])]  # fmt: skip
    assert stops == given_away
    assert {*columns} - {*seen["inputs"], target} == {*left_out}
    assert 0.3 < seen["fit"]["explained"] < 0.97

    asked = QUICK | {"name": "table_ensemble", "table": table, "target": target}
    job = client.post(JOBS, json={"experiment": asked}).json()["id"]
    work(job)
    version = client.get("/api/v1/models").json()["models"][0]["version"]
    card = client.get(f"/api/v1/models/{version}/card").json()
    measured = [row[target] for row in rows if row[target] and row[target] > 0]
    assert card["rows"] == len(measured)
    assert card["target"] == pytest.approx([min(measured), max(measured)], rel=1e-5)

    row = {name: rows[7][name] for name in seen["inputs"]}
    (said,) = client.post(ASK, json={"rows": [row], "model": version}).json()["predictions"]
    assert said["low"] < said["price"] < said["high"]
    answered = client.post(
        f"{ASK}.csv?model={version}", content=as_csv([rows[7] | {"note": "mine"}])
    )
    (line,) = csv.DictReader(io.StringIO(answered.text))
    assert float(line[target]) == pytest.approx(said["price"])
    assert (line["note"], line["version"]) == ("mine", str(version))
    assert float(line["actual"]) == rows[7][target]


def test_what_it_learns_from_is_what_the_file_says(client: TestClient) -> None:
    """The rows of the file, in their order, and not some others: by an own reading of it."""
    body, rows, target = flats()
    table = client.post(f"{TABLES}?target={target}", content=body).json()["table"]
    one = OwnTable.of(rows, target, inputs=("area", "district"))
    seen = client.get(
        f"{TABLES}/{table}/profile",
        params={"inputs": ["area", "district"], "identifier": "flat", "scale": "log"},
    ).json()
    assert (seen["inputs"], seen["fit"]["n"]) == (["area", "district"], len(rows))
    np.testing.assert_allclose(seen["fit"]["sd"], np.std(np.log(one.price)))
    plain = client.get(f"{TABLES}/{table}/profile?scale=plain").json()
    np.testing.assert_allclose(plain["fit"]["sd"], np.std(one.price))


def test_a_file_is_brought_looked_at_and_trained_on_without_a_script(client: TestClient) -> None:
    body, rows, target = flats()
    sent = client.post("/tables", files={"file": ("flats.csv", body)}, data={"of": "any"})
    assert sent.status_code == 200, sent.text
    table = sent.url.path.rpartition("/")[2]
    assert f"/tables/{table}" in client.get("/tables").text
    roles = {f"r.{i}": "i" if name in {"area", "district"} else "o"
             for i, name in enumerate(rows[0])}  # fmt: skip
    at = [*rows[0]].index(target)
    page = client.get(f"/tables/{table}", params=roles | {f"r.{at}": "t", "r.0": "n"})
    assert "2 columns" in page.text
    assert page.status_code == 200
    told = client.get(
        f"/tables/{table}/train",
        params=roles | {f"r.{at}": "t", "r.0": "n", "scale": "log"},
        follow_redirects=False,
    )
    query = dict(parse_qsl(urlsplit(told.headers["location"]).query))
    assert query == {
        "experiment": "table_ensemble", "table": table, "target": target, "identifier": "flat",
        "inputs": '["area", "district"]', "scale": "log",
    }  # fmt: skip
    form = query | {name: str(value) for name, value in QUICK.items()}
    queued = client.post("/jobs/new", data=form, follow_redirects=False)
    assert queued.status_code == 303, queued.text
    job = int(queued.headers["location"].rpartition("/")[2])
    work(job)

    version = client.get("/api/v1/models").json()["models"][0]["version"]
    answer = client.get(f"/predict?model={version}&area=50&district=Park")
    assert "Predict rent" in answer.text
    assert "$" not in re.sub(r"<script.*?</script>", "", answer.text, flags=re.DOTALL)
    row = {"area": 50, "district": "Park"}
    said = client.post(ASK, json={"rows": [row], "model": version}).json()
    assert f"{said['predictions'][0]['price']:.4g}" in answer.text
    wrong = client.get(f"/predict?model={version}&area=wide&district=Park")
    assert "must be" in wrong.text
    assert "No answer" in wrong.text
    priced = client.post("/predict", data={"model": version}, files={"file": ("f.csv", body)})
    assert priced.headers["content-type"].startswith("text/csv")
    assert len(priced.text.splitlines()) == len(rows) + 1
    nothing = {"file": ("f.csv", b"a,b\n1,2")}
    bad = client.post("/predict", data={"model": version}, files=nothing)
    assert bad.status_code == 422
    assert "names no column" in bad.text


@pytest.mark.parametrize(
    ("body", "query", "said"),
    [
        ("a,b\n1,2\n", "target=c", "There is no column 'c'. There are: a, b."),
        ("a,b\nx,2\n", "target=a", "a is no column of numbers: it cannot be predicted."),
        ("a,b\nx,y\n", "target=", "no column of numbers"),
        ("a,a\n1,2\n", "target=a", "twice"),
        ("", "target=a", "empty"),
        ("a,b\n" + "1,2\n" * 25 + "x,2\n", "target=b", "Line 27: a is 'x'; it is no number."),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_a_sentence(
    client: TestClient, body: str, query: str, said: str
) -> None:
    answer = client.post(f"{TABLES}?{query}", content=body)
    assert said in problem(answer, 422)["detail"]
    if "twice" in said or "Line 27" in said:
        page = client.post("/tables", files={"file": ("bad.csv", body)})
        assert (page.status_code, said.replace("'", "&#39;") in page.text) == (422, True)


def test_what_cannot_be_learnt_from_is_told_before_and_by_the_job(client: TestClient) -> None:
    few = as_csv([{"x": i, "y": i * 2.5} for i in range(30)])
    table = client.post(f"{TABLES}?target=y", content=few).json()["table"]
    seen = client.get(f"{TABLES}/{table}/profile").json()
    assert seen["fit"] is None
    assert "100" in seen["reason"]
    assert "100" in client.get(f"/tables/{table}").text
    no = client.post(JOBS, json={"experiment": {"name": "table_ensemble", "table": table}})
    assert "target" in problem(no, 422)["detail"]
    nothing = {"name": "table_ensemble", "table": "0" * 16, "target": "y"}
    assert "no table" in problem(client.post(JOBS, json={"experiment": nothing}), 422)["detail"]


def test_tables_of_sales_are_not_looked_at_as_anything(client: TestClient) -> None:
    body, _, target = flats()
    table = client.post(f"{TABLES}?target={target}", content=body).json()["table"]
    again = client.post(f"{TABLES}?target=area&about=again", content=body).json()
    assert (again["table"], again["target"], again["about"]) == (table, "area", "again")
    assert client.get(f"{TABLES}/{table}/profile").json()["profile"]["target"] == "area"
    assert "no column" in problem(client.get(f"{TABLES}/{table}/profile?target=q"), 422)["detail"]
    assert problem(client.get(f"{TABLES}/{'0' * 16}/profile"), 404)


def test_the_command_line_does_the_same(client: TestClient, tmp_path: Any) -> None:
    body, _, target = flats()
    file = tmp_path / "flats.csv"
    file.write_bytes(body)
    run = CliRunner()
    added = run.invoke(cli, ["tables", "add", str(file), "--target", target])
    assert added.exit_code == 0, added.output
    table = added.output.partition(":")[0]
    assert f"--table {table} --target {target}" in added.output
    shown = run.invoke(cli, ["tables", "show", table])
    assert "deposit" in shown.output
    assert "left out" in shown.output
    assert (
        json.loads(run.invoke(cli, ["tables", "show", table, "--json"]).output)["fit"]["n"] == 300
    )
    assert f"300 rows with {target}" in run.invoke(cli, ["tables", "list"]).output
    queued = run.invoke(
        cli,
        ["submit", "table_ensemble", "--table", table, "--target", target, "--k", "2",
         "--num-seeds", "1", "--num-epochs", "1"],
    )  # fmt: skip
    assert queued.exit_code == 0, queued.output
    work(client.get(JOBS).json()["items"][0]["id"])
    version = str(client.get("/api/v1/models").json()["models"][0]["version"])
    prices = tmp_path / "rents.csv"
    priced = run.invoke(cli, ["predict", str(file), "-o", str(prices), "--model", version])
    assert priced.exit_code == 0, priced.output
    (first, *_) = csv.DictReader(io.StringIO(prices.read_text("utf-8")))
    assert float(first["low"]) < float(first[target]) < float(first["high"])


def test_the_page_of_a_job_is_there_also_where_no_column_has_levels(client: TestClient) -> None:
    """The table of groups is then not told at all."""
    body, _, target = diabetes()
    table = client.post(f"{TABLES}?target={target}", content=body).json()["table"]
    asked = QUICK | {"name": "table_ensemble", "table": table, "target": target}
    job = client.post(JOBS, json={"experiment": asked}).json()["id"]
    work(job)
    page = client.get(f"/jobs/{job}")
    assert page.status_code == 200
    assert "Where it is off" not in page.text
    worst = page.text.partition('data-table="worst"')[2].partition("</table>")[0]
    assert worst.count("<tr") == 11
    assert not re.search(r"0\.\d{9}", worst), "numbers as long as the file has them"
    assert client.get("/").status_code == 200


def learnt(client: TestClient, rows: Rows, target: str, **asked: Any) -> tuple[int, int]:
    """A job on these rows, and its version."""
    sent = client.post(f"{TABLES}?target={target}", content=json.dumps(rows))
    assert sent.status_code == 201, sent.text
    table = sent.json()["table"]
    asked = QUICK | {"name": "table_ensemble", "table": table, "target": target} | asked
    queued = client.post(JOBS, json={"experiment": asked})
    assert queued.status_code == 202, queued.text
    work(queued.json()["id"])
    return queued.json()["id"], client.get("/api/v1/models").json()["models"][0]["version"]


def test_levels_alone_names_that_are_words_and_tiny_targets(client: TestClient) -> None:
    """Inputs without a number; an identifier of text, at times missing; a target of 1e-8."""
    rng = np.random.default_rng(0)
    rows = [
        {"name": None if i % 50 == 0 else f"film {i}", "kind": kind, "place": place,
         "y": 5e-8 * (1 + (kind == "b")) + 1e-9 * rng.normal()}
        for i, (kind, place) in enumerate(
            zip(rng.choice(["a", "b"], 150), rng.choice(["p", "q", "r"], 150), strict=True)
        )
    ]  # fmt: skip
    job, version = learnt(
        client, rows, "y", identifier="name", inputs=["kind", "place"], scale="plain"
    )
    asked = {"row": {"kind": "b"}, "model": version}
    found = client.post("/api/v1/comparables", json=asked)
    assert found.status_code == 200, found.text
    names = {sale["id"] for sale in found.json()["sales"]}
    assert names <= {row["name"] or i + 1 for i, row in enumerate(rows)}
    sales = client.get(f"/api/v1/sales?attribute=kind&model={version}").json()
    assert sales["ids"][:3] == [1, "film 1", "film 2"]
    answers = client.post(f"{ASK}.csv?model={version}", content="kind,place\nb,p\na,q\n").text
    (high, low) = csv.DictReader(io.StringIO(answers))
    assert float(high["y"]) == pytest.approx(1e-7, rel=0.2)
    assert float(low["y"]) == pytest.approx(5e-8, rel=0.2)
    for path, words in (
        (f"/jobs/{job}/submission", "predicts y and no houses"),
        (f"{JOBS}/{job}/submission.csv", "There is no test table beside"),
    ):
        said = client.get(path)
        assert (said.status_code, words in said.text) == (409, True)


def test_many_rows_that_say_the_same_are_no_one_thing(client: TestClient) -> None:
    rng = np.random.default_rng(1)
    drawn = rng.integers(0, (3, 2), (160, 2)).tolist()
    rows: Rows = [{"a": a, "b": b} for a, b in drawn]
    for row in rows:
        row["y"] = row["a"] + 2 * row["b"] + float(rng.normal())
    learnt(client, rows, "y", inputs=["a", "b"], k=5)
    few = [dict(row) for row in rows]
    for i, row in enumerate(few):
        row["a"] = 100 * i if i > 60 else 7  # 60 of 160 are alike, in one fold
    learnt(client, few, "y", inputs=["a"], k=4, scale="plain")


def test_columns_of_an_answer_have_names_of_their_own(client: TestClient) -> None:
    rng = np.random.default_rng(2)
    rows = [{"answer": i, "model": float(rng.normal()), "=x": float(rng.normal())}
            for i in range(140)]  # fmt: skip
    for row in rows:
        row["actual"] = 3 * row["model"] + row["=x"] + 0.1 * float(rng.normal())
    inputs = ["model", "=x"]
    _, version = learnt(client, rows, "actual", identifier="answer", inputs=inputs, scale="plain")
    text = as_csv([row | {"low": "=1+1", "note": "-1,5"} for row in rows[:5]])
    said = client.post(f"{ASK}.csv?model={version}", content=text).text
    header = said.splitlines()[0].split(",")
    assert len({*header}) == len(header), header
    assert header[:3] == ["answer (id)", "actual (predicted)", "low"]
    (first, *_) = csv.DictReader(io.StringIO(said))
    assert (first["low (own)"], first["note"]) == ("'=1+1", "-1,5")
    assert float(first["actual"]) == rows[0]["actual"]
    page = client.get(f"/predict?model={version}&model.=1.5&%3Dx=0")
    assert page.status_code == 200
    assert 'name="model."' in page.text
    row = {"model": 1.5, "=x": 0}
    (told,) = client.post(ASK, json={"rows": [row], "model": version}).json()["predictions"]
    assert f"{told['price']:.4g}" in page.text
    odd = "model,=x,actual\n1,2,+7\n1,2,-.5\n1,2,(12)\n"
    scored = client.post(f"{ASK}/table?model={version}", content=odd).json()
    assert scored["score"]["n"] == 2
    assert "1 value of actual can be none, and count for nothing." in scored["remarks"]


def test_what_a_job_asks_of_a_table_must_be_there(client: TestClient) -> None:
    table = client.post(f"{TABLES}?target=rent", content=flats()[0]).json()["table"]
    for asked, said in (
        ({"target": "rnt"}, "no column 'rnt'"),
        ({"target": "rent", "inputs": ["area", "aera"]}, "no column 'aera'"),
        ({"target": "rent", "identifier": "nr"}, "no column 'nr'"),
    ):
        body = {"experiment": {"name": "table_ensemble", "table": table} | asked}
        assert said in problem(client.post(JOBS, json=body), 422)["detail"]
    for query, said in (
        ("r.11=t", "No column is an input"),
        ("r.0=n&r.1=n&r.2=i&r.11=t", "One column at most"),
        ("r.3=t&r.1=i", "number"),
    ):
        sent = client.get(f"/tables/{table}/train?{query}", follow_redirects=False)
        assert (sent.status_code, said in sent.text) == (422, True), sent.text


def test_points_in_a_file_of_decimal_commas_are_doubted(client: TestClient) -> None:
    text = "size;price\n" + "".join(f"1,{i};{i}.500\n" for i in range(1, 120))
    said = problem(client.post(f"{TABLES}?target=price", content=text), 422)["detail"]
    assert said.startswith("price is '1.500', which may be 1500 where commas are decimal points")


def test_strangers_answers_teach_nobody(client: TestClient) -> None:
    """Another table may have a target of the same name: its columns are others."""
    rng = np.random.default_rng(3)
    one, other = ([{name: float(rng.normal()) for name in names} for _ in range(120)]
                  for names in (("a", "y"), ("z", "y")))  # fmt: skip
    _, first = learnt(client, one, "y", inputs=["a"], scale="plain")
    _, second = learnt(client, other, "y", inputs=["z"], scale="plain")
    asked = client.post(ASK, json={"rows": [{"a": 0.1}] * 40, "model": first}).json()
    told = [{"id": one["id"], "paid": 0.5} for one in asked["predictions"]]
    assert client.post("/api/v1/actuals", json={"actuals": told}).json()["kept"] == 40
    learn = client.get(f"/api/v1/monitor?model={second}").json()["learn"]
    assert (learn["prices"], learn["thin"]) == (0, 0)
    beside = client.get(f"/api/v1/models/{second}/against/{first}").json()
    assert beside["rows"] == 0 if "rows" in beside else not beside.get("comparable")
