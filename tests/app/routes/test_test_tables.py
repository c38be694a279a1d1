"""A test table beside a train table: what is taken, how it differs, and what is written of it."""

import csv
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from typer.testing import CliRunner

from app.cli.commands import cli
from app.settings import settings
from app.store import sessions
from app.store.tables import Tables
from ml.data import synthetic
from ml.data import tables as packing
from ml.experiments.table_ensemble import TableEnsemble
from tests.app import versions
from tests.app.pages.test_pages import get
from tests.app.routes.test_api import problem
from tests.app.routes.test_retraining import as_csv

LEARNT, ASKED = 150, 260  # rows: of the second more than are predicted at once
INPUTS = ("area", "district")
TABLES, SUBMISSION, JOB = "/api/v1/tables", "/api/v1/jobs/1/submission.csv", "/jobs/1"
Row = dict[str, Any]


@pytest.fixture(scope="module")
def flats() -> list[Row]:
    """Rents; those after LEARNT are asked about, the last of them first."""
    rows = synthetic.flats(LEARNT + ASKED, 3)
    return [*rows[:LEARNT], *rows[:LEARNT:-1], rows[LEARNT]]


@pytest.fixture(scope="module")
def asked(flats: list[Row]) -> list[Row]:
    """The same without their rent, and columns in another order."""
    names = ("district", "flat", "year", "area", "rooms")
    return [{name: row[name] for name in names} for row in flats[LEARNT:]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, template: Path, flats: list[Row]) -> Path:
    """A store with a table, and a version that has learnt from it."""
    with versions.store(tmp_path_factory.mktemp("competition"), template) as file:
        with sessions.writers().begin() as session:
            table = Tables(session).add(flats[:LEARNT], "flats", target="rent")
            packing.keep(table.payload, settings().cache_dir)
            asked = TableEnsemble(
                table=table.name, target="rent", identifier="flat", inputs=INPUTS,
                num_epochs=1, num_seeds=1, k=2,
            )  # fmt: skip
        versions.keep(asked, versions.trained(asked))
    return file


@pytest.fixture
def client(application: FastAPI, data_dir: Path, trained: Path) -> Iterator[TestClient]:
    shutil.copy(trained, data_dir / "ridgeline.db")
    with TestClient(application, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def table(client: TestClient) -> str:
    (found,) = client.get(TABLES).json()["tables"]
    assert found["test_rows"] is None
    return str(found["table"])


def keep(client: TestClient, table: str, rows: list[Row] | str, **query: Any) -> Any:
    body = rows if isinstance(rows, str) else as_csv(rows)
    return client.put(f"{TABLES}/{table}/test", content=body, params=query)


def submitted(text: str, asked: list[Row], client: TestClient) -> None:
    """Each row of the file with what the version says of it, in the file's order."""
    header, *lines = csv.reader(io.StringIO(text))
    assert header == ["flat", "rent"]
    assert [line[0] for line in lines] == [str(row["flat"]) for row in asked]
    rows = [{name: row[name] for name in INPUTS} for row in asked]
    said = client.post("/api/v1/predictions", json={"rows": rows, "keep": False}).json()
    prices = [one["price"] for one in said["predictions"]]
    assert [float(line[1]) for line in lines] == pytest.approx(prices, rel=1e-5)
    assert len({*prices}) > ASKED / 2, "rows that are told apart"


def test_rows_are_kept_and_predicted_in_their_order(
    client: TestClient, table: str, asked: list[Row]
) -> None:
    before = problem(client.get(SUBMISSION), 409)["detail"]
    assert "There is no test table beside what job 1 has learnt from" in before
    assert "submission.csv" not in [a.get("href") for a in get(client, JOB).all("a")]
    kept = keep(client, table, asked)
    assert kept.status_code == 200, kept.text
    told = kept.json()
    assert (told["table"], told["rows"], told["test_rows"]) == (table, LEARNT, ASKED)
    missing = [*synthetic.flats(1, 3)[0].keys() - asked[0].keys() - {"rent"}]
    assert all(name in told["remarks"][-1] for name in missing)
    answer = client.get(SUBMISSION)
    assert answer.headers["content-disposition"] == 'attachment; filename="submission.csv"'
    submitted(answer.text, asked, client)
    assert SUBMISSION in [a.get("href") for a in get(client, JOB).all("a")]

    with_rent = [row | {"rent": 7, "note": "x"} for row in asked[:3]]
    assert keep(client, table, with_rent).json()["remarks"][-1].startswith("The train table does")
    assert len(client.get(SUBMISSION).text.splitlines()) == 4, "in the place of those before"


def test_a_row_without_an_id_is_called_by_its_place(
    client: TestClient, table: str, asked: list[Row]
) -> None:
    rows = [{name: row[name] for name in INPUTS} for row in asked[:3]]
    keep(client, table, rows)
    assert [line.split(",")[0] for line in client.get(SUBMISSION).text.splitlines()] == [
        "flat", "1", "2", "3",
    ]  # fmt: skip
    nothing = [rows[0], {"area": None, "district": None}]
    assert keep(client, table, as_csv([row | {"year": 1999} for row in nothing])).is_success
    said = problem(client.get(SUBMISSION), 409)["detail"]
    assert said.startswith("Row 2 of the test table: Nothing is known")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("a,b\n1,2\n", "The test table has no column of the train table's: it needs "),
        ("rent,b\n1,2\n", "The test table has no column of the train table's: it needs "),
        (
            "area,district\nwide,Park\nlong,Park\n",
            "area is a column of numbers in the train table, and of words in the test table, such"
            " as 'wide'.",
        ),
        ("area,district\n", "no row"),
        ("", "empty"),
    ],
)
def test_what_is_no_such_table_is_refused(
    client: TestClient, table: str, body: str, said: str
) -> None:
    assert said in problem(keep(client, table, body), 422)["detail"]
    assert client.get(TABLES).json()["tables"][0]["test_rows"] is None


def test_a_column_of_words_stays_one_though_the_test_table_has_numbers(
    client: TestClient, table: str
) -> None:
    assert keep(client, table, "area,district\n50,7\n60,Park\n").is_success
    assert keep(client, table, "area,district\n50,7\n60,8\n").is_success
    with sessions.readers()() as session:
        rows = packing.unpacked(Tables(session).test_payload(table) or b"")
    assert rows == [{"area": 50, "district": "7"}, {"area": 60, "district": "8"}]


def test_the_page_says_in_what_it_is_unlike(
    client: TestClient, table: str, flats: list[Row]
) -> None:
    most = max(row["area"] for row in flats[:LEARNT])
    rows = [{name: row[name] for name in ("area", "district")} for row in flats[:20]]
    keep(client, table, rows)
    assert "No input is missing more often there" in get(client, f"/tables/{table}").words
    rows[0]["area"], rows[1]["area"], rows[2]["district"] = most + 500, most + 5, "Moon"
    for row in rows[10:]:
        row["area"] = None
    keep(client, table, rows)
    words = " ".join(get(client, f"/tables/{table}").words.split())
    assert "area: 2 of 20 rows are beyond" in words
    assert f"as far as {most + 500:,.6g}" in words
    assert "district: 1 of 20 rows is of levels that no train row has (Moon)." in words
    assert "area: missing in 50% of the rows, in 0% of the train rows." in words


def test_it_goes_with_its_table_and_beside_no_sales(
    client: TestClient, table: str, asked: list[Row]
) -> None:
    assert problem(keep(client, "0" * 16, asked), 404)
    other = client.post(f"{TABLES}?target=area", content=as_csv(synthetic.flats(130, 4))).json()
    assert keep(client, other["table"], asked).is_success
    assert client.delete(f"{TABLES}/{other['table']}").status_code == 204
    assert problem(keep(client, other["table"], asked), 404)


def test_pages_and_commands_do_the_same(
    client: TestClient, flats: list[Row], asked: list[Row], tmp_path: Path
) -> None:
    train, test, out = (tmp_path / name for name in ("train.csv", "test.csv", "out.csv"))
    train.write_text(as_csv(flats[:LEARNT]))
    test.write_text(as_csv(asked))
    sent = client.post(
        "/tables",
        files={"file": ("t.csv", train.read_bytes()), "test": ("u.csv", b"area\nwide\nlong\n")},
    )
    assert sent.status_code == 422
    assert "of words in the test table" in sent.text
    seven = as_csv(asked[:7]).encode()
    files = {"file": ("t.csv", train.read_bytes()), "test": ("u.csv", seven)}
    sent = client.post("/tables", files=files, follow_redirects=False)
    assert sent.status_code == 303
    assert "7 rows" in " ".join(get(client, sent.headers["location"]).words.split())
    assert "7 to predict" in get(client, "/tables").words

    words = ["tables", "add", str(train), "--target", "rent", "--test", str(test)]
    told = CliRunner().invoke(cli, words)
    assert told.exit_code == 0, told.output
    assert f"{LEARNT} rows, {ASKED} to predict." in told.stdout
    assert f"{ASKED} to predict" in CliRunner().invoke(cli, ["tables", "list"]).stdout
    told = CliRunner().invoke(cli, ["submission", "1", str(out)])
    assert told.exit_code == 0, told.output
    submitted(out.read_text(), asked, client)
