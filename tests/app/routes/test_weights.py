"""From questions that lie elsewhere to a version that has learnt by weights towards them."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from app.store import sessions
from app.store.tables import Tables
from ml.data import synthetic
from ml.data import tables as packing
from tests.app.pages.test_pages import get
from tests.app.routes.test_api import problem
from tests.app.routes.test_retraining import as_csv, work

TABLES, JOBS, MODELS = "/api/v1/tables", "/api/v1/jobs", "/api/v1/models"
MONITOR, RETRAIN = "/api/v1/monitor", "/api/v1/models/champion/retrain"
QUICK = {"k": 2, "num_seeds": 1, "num_epochs": 1}
LEARNT, ASKED = 240, 60


def learnt(client: TestClient) -> tuple[int, dict[str, Any]]:
    """The champion, which has learnt from rows of one's own; and its job."""
    rows = synthetic.places(LEARNT, 7, asked=False, turns=True)
    table = client.post(f"{TABLES}?target=answer", content=as_csv(rows)).json()["table"]
    asked = QUICK | {"name": "table_ensemble", "table": table, "target": "answer"}
    job = client.post(JOBS, json={"experiment": asked}).json()
    work(job["id"])
    version = client.get(MODELS).json()["models"][0]["version"]
    why = {"who": "Ada", "force": True, "reason": "It is the only one that knows our places."}
    moved = client.post(f"{MODELS}/{version}/promote", json=why)
    assert moved.status_code == 200, moved.text
    return version, job


def ask(client: TestClient, rows: list[dict[str, Any]]) -> list[str]:
    asked = [{name: value for name, value in row.items() if name != "answer"} for row in rows]
    said = client.post("/api/v1/predictions", json={"rows": asked}).json()["predictions"]
    return [one["id"] for one in said]


def test_questions_elsewhere_become_a_version_that_weighs_what_it_learns(
    client: TestClient,
) -> None:
    version, first = learnt(client)
    few = problem(client.post(f"{RETRAIN}?way=weights"), 409)["detail"]
    assert few == "A look needs 30 answers; none is kept yet."
    questions = synthetic.places(ASKED, 8, asked=True, turns=True)
    ids = ask(client, questions)
    found = client.get(MONITOR).json()
    assert found["weigh"] == {"reason": "", "jobs": []}
    assert found["look"]["weights"].startswith("Correcting can help")
    assert '<button class="btn" >Retrain with weights' in client.get("/monitor").text
    made = client.post(f"{RETRAIN}?way=weights")
    assert made.status_code == 202, made.text
    job = made.json()

    asked, before = job["experiment"], first["experiment"]
    changed = {name for name, value in asked.items() if value != before[name]}
    assert changed == {"questions"}
    with sessions.readers()() as session:
        table = Tables(session).get(asked["questions"])
        assert (table.target, table.rows, table.version_id) == ("", ASKED, version)
        rows = packing.unpacked(Tables(session).payload(table.name) or b"")
    by_id = {row["row"]: row for row in rows}
    assert {*by_id} == {*ids}
    for key, row in zip(ids, questions, strict=True):
        assert {name: by_id[key][name] for name in ("place", "e")} == pytest.approx(
            {name: row[name] for name in ("place", "e")}
        )
    again = problem(client.post(f"{RETRAIN}?way=weights"), 409)["detail"]
    assert again == f"Job {job['id']} learns by weights towards these questions already."
    assert f"Job {job['id']} learns by weights." in get(client, "/monitor").words
    gone = problem(client.delete(f"{TABLES}/{table.name}"), 409)["detail"]
    assert gone.startswith(f"Job {job['id']} learns from table {table.name}")
    work(job["id"])

    newest = client.get(MODELS).json()["models"][0]
    assert newest["job"] == job["id"]
    card = client.get(f"{MODELS}/{newest['version']}/card").json()
    about = f"{ASKED} questions to version {version}"
    assert (card["questions"]["table"], card["questions"]["about"]) == (table.name, about)
    assert card["table"]["table"] == before["table"]
    assert f"weighted towards: {about}" in client.get(f"{MODELS}/{newest['version']}/card.md").text
    assert about in get(client, f"/models/{newest['version']}").words
    assert "nothing: questions" in get(client, "/tables").words
    (one,) = client.get(MONITOR).json()["weigh"]["jobs"]
    assert (one["job"], one["version"]) == (job["id"], newest["version"])
    assert one["gained"] == card["made_of"]["questions"]
    assert one["gained"].startswith(f"Of {LEARNT} rows out of fold, worth ")
    assert " than the same without weights on the same folds." in one["gained"]
    assert one["gained"] in get(client, "/monitor").words

    paid = [{"id": key, "paid": row["answer"]} for key, row in zip(ids, questions, strict=True)]
    assert client.post("/api/v1/actuals", json={"actuals": paid}).json()["kept"] == ASKED
    (instead,) = client.get(MONITOR).json()["look"]["instead"]
    assert (instead["version"], instead["n"], instead["learnt"]) == (newest["version"], ASKED, 0)
    known = client.post(f"{MODELS}/champion/retrain")  # prices are another way
    assert known.status_code == 202, known.text
    assert known.json()["experiment"]["questions"] == ""


def test_where_weights_cannot_help_they_are_refused_and_the_button_is_off(
    client: TestClient,
) -> None:
    learnt(client)
    ask(client, synthetic.places(ASKED, 9, asked=False, turns=True))
    reason = client.get(MONITOR).json()["weigh"]["reason"]
    assert reason.startswith("Correcting need not be done: no classifier tells questions from rows")
    assert problem(client.post(f"{RETRAIN}?way=weights"), 409)["detail"] == reason
    assert reason in get(client, "/monitor").words
    assert '<button class="btn" disabled>Retrain with weights' in client.get("/monitor").text
    sent = client.post("/monitor/retrain", data={"way": "weights"})
    assert sent.status_code == 409
    assert reason in sent.text
    problem(client.post(f"{RETRAIN}?way=luck"), 422)


def test_a_job_names_questions_that_are_there(client: TestClient) -> None:
    asked = {"name": "house_ensemble", "questions": "0123456789abcdef"}
    said = problem(client.post(JOBS, json={"experiment": asked}), 422)["detail"]
    assert said == "There is no table '0123456789abcdef'; there is none."
