"""Rows that a file shows to be furthest off: by page, by a job's page, on a terminal."""

import csv
import io
import re
import shutil
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from typer.testing import CliRunner

from app.cli.commands import cli
from app.store import sessions
from app.store.tables import Tables
from ml.data import synthetic
from ml.data import tables as packing
from ml.experiments.table_ensemble import TableEnsemble
from tests.app import versions
from tests.app.pages.test_pages import Page, get
from tests.app.routes.test_retraining import as_csv, work

ROWS, LEARNT = 12, 150
FAR = (4, 9)  # of the rows that are sent: those whose rent is furthest from what is said
INPUTS = ("area", "district")
ASK = "/api/v1/predictions"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Path:
    """A store with one version, which has learnt rents."""
    from app.settings import settings

    with versions.store(tmp_path_factory.mktemp("worst"), template) as file:
        with sessions.writers().begin() as session:
            table = Tables(session).add(synthetic.flats(LEARNT, 3), "flats", target="rent")
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
def body(client: TestClient) -> str:
    """Flats whose rents are what the version says, times 1.01; of two, times 3 and a fifth."""
    flats = [dict(flat) for flat in synthetic.flats(LEARNT + ROWS, 3)[LEARNT:]]
    rows = [{name: flat[name] for name in INPUTS} for flat in flats]
    rows[FAR[1]].pop("district")
    said = client.post(ASK, json={"rows": rows, "keep": False}).json()["predictions"]
    for i, (row, one) in enumerate(zip(rows, said, strict=True)):
        row.setdefault("district", None)
        row["rent"] = one["price"] * {FAR[0]: 3, FAR[1]: 0.2}.get(i, 1.01)
        row["flat"] = f"flat no. {i}"
    return as_csv(rows)


def send(client: TestClient, body: str) -> Page:
    """A file as the page sends it, which shows it in itself."""
    files = {"file": ("flats of ours.csv", body)}
    answer = client.post("/predict", files=files, headers={"HX-Request": "true"})
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


def links(page: Page) -> list[str]:
    found = [str(a["href"]) for a in page.all("a")]
    return [href for href in found if href.startswith("/predict?")]


def held(client: TestClient, found: list[str], body: str) -> None:
    """Each link leads to the answer that stands beside the row, the worst first."""
    answers = [*csv.DictReader(io.StringIO(client.post(f"{ASK}.csv?keep=no", content=body).text))]
    assert len(found) == 10
    for place, href in zip(FAR[::-1], found[:2], strict=True):
        said = float(answers[place]["rent"])
        assert f"{said:,.0f}" if said >= 1000 else f"{said:.4g}" in get(client, href).words
    assert "district=&" in f"{found[0]}&", "what the row does not say is not taken for typical"


def test_a_page_shows_a_file_and_its_worst_rows(client: TestClient, body: str) -> None:
    page = send(client, body)
    words = " ".join(page.words.split())
    assert "12 rows answered by version 1." in words
    worst = words.partition("Furthest off")[2]
    assert re.search(r"flat no\. 9 11 \S+ \S+ \S+ \S+ .1\.609\d flat no\. 4 6 ", worst)
    held(client, links(page), body)
    (download,) = [a for a in page.all("a") if a.get("download")]
    assert download["download"] == "flats of ours-priced.csv"
    kind, _, text = str(download["href"]).partition(",")
    assert kind == "data:text/csv;base64"
    assert len([*csv.DictReader(io.StringIO(b64decode(text).decode()))]) == ROWS


def test_the_page_of_a_job_links_its_worst_rows(client: TestClient, body: str) -> None:
    job = client.post(f"{ASK}/jobs", content=body, params={"keep": False}).json()["id"]
    work(job)
    held(client, links(get(client, f"/jobs/{job}")), body)
    why = {"reason": "Its job is to be deleted."}
    assert client.delete("/api/v1/models/names/champion", params=why).is_success
    gone = client.delete("/api/v1/jobs/1")
    assert gone.status_code == 204, gone.text
    assert links(get(client, f"/jobs/{job}")) == [], "nobody answers there any more"


def test_rows_that_it_has_learnt_from_are_counted(client: TestClient, body: str) -> None:
    rows = [dict(flat) for flat in synthetic.flats(LEARNT, 3)[:7]]
    known = as_csv([{"flat": f"f{i}", **row} for i, row in enumerate(rows)])
    for text, met in ((known, 7), (body, 0)):
        found = client.post(f"{ASK}/table", content=text).json()
        assert found["score"]["met"] == met
    words = " ".join(send(client, known).words.split())
    assert "7 of 7: on others it errs more" in words
    assert "on others it errs more" not in send(client, body).words


def test_a_page_says_what_is_wrong_with_a_file_and_asks_which_column_is_which(
    client: TestClient,
) -> None:
    def post(text: str, **form: Any) -> Any:
        files = {"file": ("f.csv", text)}
        return client.post("/predict", data=form, files=files, headers={"HX-Request": "true"})

    wrong = post("area,distric\n50,Park\n-,Park\nwide,Park\n")
    assert wrong.status_code == 422
    page = Page(wrong.text)
    assert "2 errors in the rows." in page.words
    assert "Line 4: area is &#39;wide&#39;" in wrong.text
    options = [option["value"] for option in page.all("option")]
    assert options == ["distric=", "distric=district"]
    right = post("area,distric\n50,Park\n", map="distric=district")
    assert "1 row answered by version 1." in " ".join(Page(right.text).words.split())


def test_a_terminal_shows_them(client: TestClient, body: str, tmp_path: Path) -> None:
    file = tmp_path / "flats.csv"
    file.write_text(body, encoding="utf-8")
    found = CliRunner().invoke(cli, ["predict", str(file), "-o", str(tmp_path / "out.csv")])
    assert found.exit_code == 0, found.output
    (first, *_) = re.findall(r"flat no\. \d+.*", found.stderr)
    assert [word.strip() for word in re.split("[│┃|]", first)][:2] == ["flat no. 9", "11"]
    told = client.post(f"{ASK}/table", content=body).json()["score"]["worst"]
    assert [one["line"] for one in told[:2]] == [11, 6]
    assert told[0]["row"].keys() == {"area"}, "and no district, which it does not say"
