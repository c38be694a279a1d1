"""A run store that an older version filled answers as it did then, and no row of it is lost."""

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, create_engine, select
from starlette.testclient import TestClient

from app.engine.runners import Processes
from app.engine.worker import Worker
from app.store import sessions
from app.store.migrations import downgrade, upgrade
from tests.app import old_store
from tests.app.old_store import ENDED_JOBS, HOUSE_JOB, JOBS, RUNNING_JOB, STORE, get, links, read

ANSWERS = json.loads((old_store.DATA / "answers_0001.json").read_text("utf-8"))
"""What `old_store.answers` gave while that version ran."""
SPLIT = [
    n for n, job in JOBS.items() if job["name"] in {"dropout", "decay_path", "backpropagation"}
]


@pytest.fixture
def store(database: str, data_dir: Path) -> Path:
    """The old store, brought to the newest schema: `client` is the application on it."""
    old_store.fill(database)
    upgrade(database)
    return data_dir


@pytest.mark.parametrize("number", JOBS)
def test_a_job_answers_as_before(client: TestClient, number: int) -> None:
    before = ANSWERS["jobs"][str(number)]
    live = dict([*before["live"].items()][:1])  # a page shows no refit that nothing judges
    assert old_store.job_answers(client, number) == before | {"live": live}


def test_the_predictor_answers_as_before(client: TestClient) -> None:
    assert old_store.house_answers(client) == ANSWERS["houses"]
    [row] = STORE["predictors"]
    file = client.get(f"/api/v1/jobs/{HOUSE_JOB}/predictor").content
    assert file == old_store.binary(row)["payload"]


def test_lists_are_as_before(client: TestClient) -> None:
    assert old_store.listing_answers(client) == ANSWERS["listings"]


def test_pages_lead_where_they_led(client: TestClient) -> None:
    """Learn alone leads to no job of then: it would not say whose its claims are."""
    for path, before in ANSWERS["pages"].items():
        learn = path.startswith("/learn")
        wanted = {link for link in before if not (learn and link.startswith("/jobs/"))}
        assert wanted <= links(read(client, path)), path


@pytest.mark.parametrize("number", JOBS)
def test_the_page_of_a_job_shows_all_that_the_job_said(client: TestClient, number: int) -> None:
    page = read(client, f"/jobs/{number}")
    names = [event["name"] for event in events(number) if event["type"] == "figure"]
    assert {f"/api/v1/jobs/{number}/figures/{name}" for name in names} <= links(page)
    words = letters(re.sub(r"<[^>]*>", " ", page))
    for text in texts(number):
        assert letters(text) in words, text


@pytest.mark.parametrize("number", ENDED_JOBS)
def test_what_has_ended_can_be_asked_for_again(client: TestClient, number: int) -> None:
    """With the fields that it had; but for experiments that several questions were split into."""
    response = client.post(f"/api/v1/jobs/{number}/retry")
    if number in SPLIT:
        assert response.status_code == 409
        assert "its experiment is no longer valid here" in response.json()["detail"]
        return
    assert response.status_code == 202, response.text
    assert JOBS[number]["experiment"].items() <= response.json()["experiment"].items()
    assert response.json()["id"] == max(JOBS) + 1


def test_runs_are_as_they_were_stored(client: TestClient) -> None:
    for number in JOBS:
        runs = get(client, f"/api/v1/jobs/{number}/runs")["items"]
        stored = [row for row in STORE["runs"] if row["job_id"] == number]
        assert {run.pop("setting") for run in runs} <= {None}  # it was not kept then
        assert [run | {"job_id": number} for run in runs] == stored


def test_a_worker_ends_the_job_that_an_older_one_left(client: TestClient) -> None:
    """It goes on from the old checkpoint, so what is stored of the curves stays as it is."""
    before = get(client, f"/api/v1/jobs/{RUNNING_JOB}/metrics")["groups"]
    Worker(sessions.writers(), Processes(), only=RUNNING_JOB).work()
    job = get(client, f"/api/v1/jobs/{RUNNING_JOB}")
    assert (job["status"], job["error"], job["attempt"]) == ("succeeded", None, 2)
    assert job["epochs_done"] == JOBS[RUNNING_JOB]["epochs_total"]
    after = get(client, f"/api/v1/jobs/{RUNNING_JOB}/metrics")["groups"]
    for old, new in zip(before, after, strict=True):
        assert (old["key"], old["labels"]) == (new["key"], new["labels"])
        for name, values in zip(old["metrics"], old["values"], strict=True):
            assert new["values"][new["metrics"].index(name)][: len(values)] == values


@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
def test_no_row_changes_on_the_way_to_head_and_back(database: str) -> None:
    old_store.fill(database)
    before = rows(database)
    assert all(len(before[table]) == len(STORE[table]) for table in ("jobs", "runs", "chunks"))
    for _ in range(2):
        upgrade(database)
        downgrade(database, old_store.REVISION)
        assert rows(database) == before


def events(number: int) -> list[dict[str, Any]]:
    """What the chunks of a job hold."""
    payloads = [row["payload"] for row in STORE["chunks"] if row["job_id"] == number]
    return [event for payload in payloads for event in json.loads(payload)["events"]]


def texts(number: int) -> list[str]:
    """A job in words: notes, findings, titles of figures and tables, cells, an error."""
    job = JOBS[number]
    words = [job["name"], job["label"], *job["tags"], job["error"] or ""]
    for event in events(number):
        match event["type"]:
            case "note" | "finding":
                words.append(event["text"])
            case "figure":
                words += [event["title"], event["finding"]]
            case "table":
                cells = [cell for row in event["rows"] for cell in row if isinstance(cell, str)]
                words += [event["title"], event["note"], *event["columns"], *cells]
    return words


def letters(text: str) -> str:
    """The words of a text without its numbers, which a page typesets: 2e-05 as 2×10⁻⁵."""
    plain = re.sub(r"\d[\d.,]*(e[-+]?\d+)?", " ", unescape(text))
    return " ".join("".join(s if s.isalpha() else " " for s in plain).lower().split())


def rows(database: str) -> dict[str, list[dict[str, Any]]]:
    """All rows by table; no checkpoint of a job that has ended, which nobody needs any more."""
    engine, metadata = create_engine(database), MetaData()
    metadata.reflect(engine)
    with engine.connect() as connection:
        by_table = {
            table.name: [
                dict(row)
                for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()
            ]
            for table in metadata.sorted_tables
        }
    engine.dispose()
    checkpoints = by_table["checkpoints"]
    by_table["checkpoints"] = [row for row in checkpoints if row["job_id"] not in ENDED_JOBS]
    return by_table
