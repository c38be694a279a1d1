"""Anybody's submission: checked as it is, and set beside the prices of who answers."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from app.cli.commands import cli
from app.serving.predictors import serving
from app.store import sessions
from tests.app.conftest import HOUSE
from tests.app.pages.test_pages import Page, get
from tests.app.routes.test_api import problem

CHECK = "/api/v1/submissions/preflight"


@pytest.fixture
def ours(client: TestClient) -> str:
    """What the champion would send."""
    return client.get(f"/api/v1/jobs/{HOUSE}/submission.csv").text


def other(text: str) -> str:
    """The same, but each price 10 % higher, and one of them doubled."""
    header, *rows = text.splitlines()
    cells = [row.split(",") for row in rows]
    told = [f"{i},{float(price) * (2 if i == '1470' else 1.1)}" for i, price in cells]
    return "\n".join([header, *told, ""])


def test_a_good_file_is_ready_and_beside_the_champion(client: TestClient, ours: str) -> None:
    same = client.post(CHECK, content=ours).json()
    assert (same["ready"], same["rows"], same["bytes"]) == (True, 1459, len(ours))
    assert all(check["passed"] for check in same["checks"])
    assert same["beside"]["rmse"] == pytest.approx(0, abs=1e-6)
    assert same["beside"]["furthest"] == []
    found = client.post(CHECK, content=other(ours)).json()
    off = np.full(1459, np.log(1.1))
    off[9] = np.log(2)
    beside = found["beside"]
    assert (beside["version"], beside["n"]) == (1, 1459)
    assert beside["rmse"] == pytest.approx(np.sqrt(np.square(off).mean()), rel=1e-5)
    assert beside["bias"] == pytest.approx(off.mean(), rel=1e-5)
    (first, *rest) = beside["furthest"]
    assert (first["id"], len(rest)) == (1470, 4)
    with sessions.readers()() as session:
        predictor = serving(session).predictor
    assert first["ours"] == pytest.approx(predictor.prices[9], abs=1e-3)
    assert first["price"] == pytest.approx(2 * predictor.prices[9], rel=1e-5)


@pytest.mark.parametrize(
    ("broken", "failed"),
    [
        (lambda text: text.replace("SalePrice", "price"), {"header"}),
        (lambda text: "\n".join(text.splitlines()[:-1]), {"rows", "ids", "finite prices"}),
        (lambda text: text.replace("\n1461,", "\n1461,-"), {"lowest price"}),
        (lambda text: text.replace("\n1461,", "\n1461,nan"), {"finite prices", "lowest price"}),
        (lambda text: text[:5], {"header", "rows", "ids", "finite prices", "lowest price"}),
    ],
)
def test_a_bad_file_is_not(client: TestClient, ours: str, broken: object, failed: set[str]) -> None:
    assert callable(broken)
    found = client.post(CHECK, content=broken(ours)).json()
    names = {c["name"].removeprefix("submission: ") for c in found["checks"] if not c["passed"]}
    assert (names, found["ready"]) == (failed, False)


def test_what_is_packed_is_read_but_not_ready(client: TestClient, ours: str) -> None:
    found = client.post(CHECK, content=gzip.compress(ours.encode())).json()
    assert all(check["passed"] for check in found["checks"])
    assert not found["ready"]
    assert found["remarks"][0].startswith("Unpacked by gzip")


def test_what_is_no_submission_is_a_sentence(client: TestClient) -> None:
    said = problem(client.post(CHECK, content="x" * 2_000_001), 422)
    assert said["detail"] == "The file has 2,000,001 bytes; a submission has about 30,000."
    for empty in (b"", b" \n"):
        assert problem(client.post(CHECK, content=empty), 422)["detail"] == "The file is empty."
    said = problem(client.post(CHECK, content="a," + "x" * 200_000), 422)
    assert said["detail"].startswith("The file is no CSV")


def sent(client: TestClient, body: str) -> str:
    """The words of the page."""
    file = {"file": ("mine.csv", body, "text/csv")}
    page = Page(client.post("/submission", files=file, headers={"accept": "text/html"}).text)
    return " ".join(page.words.split())


def test_the_page_says_the_same(client: TestClient, ours: str) -> None:
    assert "Check a submission" in get(client, "/submission").words
    words = sent(client, other(ours))
    assert "Ready to upload: mine.csv has all that Kaggle looks at." in words
    assert "on average 9.6 % higher." in words
    assert "1470" in words
    words = sent(client, ours.replace("SalePrice", "price"))
    assert "Not ready: 1 of 5 checks of mine.csv fail" in words
    assert "Id,price, not Id,SalePrice" in words
    assert "The file is empty." in sent(client, "")
    none = client.post("/submission", headers={"accept": "text/html"})
    assert (none.status_code, "Choose a file." in Page(none.text).words) == (422, True)


def test_the_command_says_the_same(client: TestClient, ours: str, tmp_path: Path) -> None:
    file = tmp_path / "submission.csv"
    file.write_text(ours)
    said = CliRunner().invoke(cli, ["preflight", str(file)])
    assert said.exit_code == 0
    assert said.output.endswith("Ready to upload.\n")
    file.write_text(ours.replace("SalePrice", "price"))
    said = CliRunner().invoke(cli, ["preflight", str(file)])
    assert said.exit_code == 4
    assert "fails  header: Id,price, not Id,SalePrice" in said.output
