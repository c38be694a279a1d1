"""REST from the outside: what a client sees, and what it is told when it asks for nonsense."""

import csv
import io
import json
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Thread, Timer
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from app.engine.runners import Processes
from app.engine.worker import Worker
from app.settings import settings
from app.store import chunks, sessions
from app.store.jobs import RunStore
from app.store.leases import Leases, Outcome
from app.store.states import JobStatus
from ml.events import Epoch, Event, Note, Started
from ml.houses import files
from ml.predictor import Predictor
from tests.conftest import CACHE

HOUSE, POLYNOMIAL = 1, 2
NEW = {"experiment": {"name": "polynomial", "num_epochs": 3, "num_seeds": 2}}
ONE = {"GrLivArea": 1710, "OverallQual": 7}


def ask(client: TestClient, body: object = NEW, **headers: str) -> dict[str, Any]:
    response = client.post("/api/v1/jobs", json=body, headers=headers)
    assert response.status_code == 202, response.text
    made: dict[str, Any] = response.json()
    assert response.headers["location"] == f"/api/v1/jobs/{made['id']}"
    return made


def problem(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    said: dict[str, Any] = response.json()
    assert {"type", "title", "status", "detail"} <= said.keys()
    assert said["status"] == status
    assert said["detail"].endswith((".", "}")) or ":" in said["detail"]
    return said


# ---- a job's life -------------------------------------------------------------------------------


def test_post_run_get(client: TestClient) -> None:
    made = ask(client)
    assert made["status"] == "queued"
    assert made["experiment"]["lr"] == 0.01  # all fields, so that it can be repeated later
    Worker(sessions.writers(), Processes(), only=made["id"]).work()
    job = client.get(f"/api/v1/jobs/{made['id']}").json()
    assert (job["status"], job["epochs_done"], job["num_runs"]) == ("succeeded", 3, 2)
    assert job["created_at"].endswith("Z")
    metrics = client.get(f"/api/v1/jobs/{made['id']}/metrics").json()
    (group,) = metrics["groups"]
    assert np.shape(group["values"]) == (2, 3, 2)
    assert job["train"] == pytest.approx(np.mean(group["values"][0][-1]), rel=1e-6)
    assert job["valid"] == pytest.approx(np.mean(group["values"][1][-1]), rel=1e-6)
    runs = client.get(f"/api/v1/jobs/{made['id']}/runs?limit=1").json()
    assert runs["items"][0]["valid"] == pytest.approx(group["values"][1][-1][0])
    rest = client.get(f"/api/v1/jobs/{made['id']}/runs?after={runs['next']}").json()
    assert [run["label"] for run in rest["items"]] == ["data set 2"]


def test_the_same_key_makes_one_job(client: TestClient) -> None:
    first = ask(client, **{"Idempotency-Key": "k1"})
    assert ask(client, **{"Idempotency-Key": "k1"})["id"] == first["id"]
    other = {"experiment": {"name": "polynomial", "num_epochs": 4}}
    said = problem(client.post("/api/v1/jobs", json=other, headers={"Idempotency-Key": "k1"}), 409)
    assert f"job {first['id']}" in said["detail"]


def test_what_a_job_requires_is_stored_and_said_while_it_waits(client: TestClient) -> None:
    experiment = NEW["experiment"] | {"device": "cuda"}
    by_itself = ask(client, {"experiment": experiment})
    assert by_itself["requires"] == {"device": "cuda"}
    assert by_itself["waiting_for"] == "No live worker has cuda: it waits until one comes."
    asked = ask(client, NEW | {"requires": {"device": "mps", "memory_gib": 2}})
    assert asked["requires"] == {"device": "mps", "memory_gib": 2}
    plain = ask(client)
    assert (plain["requires"], plain["waiting_for"]) == (None, None)
    listed = client.get("/api/v1/jobs?limit=3").json()["items"]
    assert listed == [plain, asked, by_itself]
    with sessions.writers().begin() as session:
        Leases(session).beat("w", slots=1, busy=0, device="cuda: NVIDIA H100")
    address = f"/api/v1/jobs/{by_itself['id']}"
    assert client.get(address).json()["waiting_for"] is None
    client.post(f"/api/v1/jobs/{asked['id']}/cancel")
    again = client.post(f"/api/v1/jobs/{asked['id']}/retry").json()
    assert again["requires"] == asked["requires"]
    assert "No live worker has mps" in again["waiting_for"]


@pytest.mark.parametrize(
    ("requires", "words"),
    [
        ({"device": "tpu"}, "'cuda' or 'mps'"),
        ({"memory_gib": 0}, "greater than 0"),
        ({"memory_gib": 1e9}, "65536"),
        ({"disk": 3}, "disk"),
        ({"device": "mps"}, "It requires mps, but its experiment asks for cuda."),
    ],
)
def test_requirements_that_no_worker_could_meet_are_refused(
    client: TestClient, requires: object, words: str
) -> None:
    experiment = NEW["experiment"] | {"device": "cuda"}
    body = {"experiment": experiment, "requires": requires}
    said = problem(client.post("/api/v1/jobs", json=body), 422)
    assert words in json.dumps(said)


def test_the_same_key_with_other_requirements_is_refused(client: TestClient) -> None:
    key = {"Idempotency-Key": "k2"}
    body = NEW | {"requires": {"memory_gib": 1}}
    assert ask(client, body, **key) == ask(client, body, **key)
    problem(client.post("/api/v1/jobs", json=NEW, headers=key), 409)


def test_cancel_retry_delete(client: TestClient) -> None:
    made = ask(client)
    address = f"/api/v1/jobs/{made['id']}"
    problem(client.delete(address), 409)
    problem(client.post(f"{address}/retry"), 409)
    assert client.post(f"{address}/cancel").json()["status"] == "cancelled"
    assert "already been cancelled" in problem(client.post(f"{address}/cancel"), 409)["detail"]
    again = client.post(f"{address}/retry").json()
    assert (again["retry_of"], again["experiment"]) == (made["id"], made["experiment"])
    response = client.delete(address)
    assert (response.status_code, response.content) == (204, b"")
    assert int(response.headers["freed-bytes"]) >= 0
    problem(client.get(address), 404)
    assert client.get(f"/api/v1/jobs/{again['id']}").json()["retry_of"] is None


@pytest.mark.parametrize("address", ["DELETE /api/v1/jobs/{}", "POST /jobs/{}/delete"])
def test_a_deleted_job_leaves_the_disk_with_the_answer(client: TestClient, address: str) -> None:
    said = problem(client.delete(f"/api/v1/jobs/{HOUSE}"), 409)
    assert said["detail"] == (
        f"Job {HOUSE} has made version 1, which is called champion: promote another, or take the"
        " name away, before you delete it."
    )
    client.delete(
        "/api/v1/models/names/champion", params={"reason": "It is not to answer any more."}
    )
    file = settings().data_dir / "ridgeline.db"
    before = file.stat().st_size
    method, path = address.format(HOUSE).split()
    response = client.request(method, path, follow_redirects=False)
    freed = (
        response.headers.get("freed-bytes") or response.headers["location"].partition("freed=")[2]
    )
    assert before - file.stat().st_size == int(freed) > before / 4
    assert file.with_name("ridgeline.db-wal").stat().st_size == 0


def test_a_list_is_paged_without_gap_or_repeat_in_every_order(client: TestClient) -> None:
    for _ in range(5):
        ask(client)
    for sort in ("id", "-id", "valid", "-valid", "name", "-created_at", "status"):
        seen: list[int] = []
        cursor: str | None = ""
        while cursor is not None:
            query = {"sort": sort, "limit": 3, "cursor": cursor}
            page = client.get("/api/v1/jobs", params=query).json()
            assert page["total"] == 8
            seen += [job["id"] for job in page["items"]]
            cursor = page["next"]
        assert sorted(seen) == list(range(1, 9)), sort
    problem(client.get("/api/v1/jobs?cursor=abc"), 422)


def test_a_list_can_be_filtered(client: TestClient) -> None:
    ask(client, NEW | {"tags": ["mine"]})

    def ids(**query: str) -> list[int]:
        return [job["id"] for job in client.get("/api/v1/jobs", params=query).json()["items"]]

    assert ids(status="queued") == [4]
    assert ids(name="kaggle_house") == [HOUSE]
    assert ids(tag="mine") == [4]
    assert ids(q="num_epochs=3") == [4]
    assert ids(q="#2") == [2]
    assert ids(q="weight_decay=2") == ids(q="num_hiddens=64") == [HOUSE]
    assert ids(q="MLP log") == [HOUSE]
    assert ids(q="100%") == []
    assert ids(name="\0") == ids(tag="\0") == ids(q="\0") == []


# ---- what it gave -------------------------------------------------------------------------------


def test_figures_checks_and_files(client: TestClient) -> None:
    names = {item["name"] for item in client.get(f"/api/v1/jobs/{POLYNOMIAL}/figures").json()}
    assert {"fit", "curves-sgd"} <= names
    figure = client.get(f"/api/v1/jobs/{POLYNOMIAL}/figures/fit").json()
    assert {"data", "layout"} <= figure.keys()
    assert all(len(trace["x"]) <= 600 for trace in figure["data"])
    problem(client.get(f"/api/v1/jobs/{POLYNOMIAL}/figures/nope"), 404)
    checks = client.get(f"/api/v1/jobs/{HOUSE}/checks").json()
    assert {check["section"] for check in checks} == {"4.10"}
    payload = client.get(f"/api/v1/jobs/{HOUSE}/predictor").content
    predictor = Predictor.from_bytes(payload)
    assert predictor.submission() == client.get(f"/api/v1/jobs/{HOUSE}/submission.csv").text
    flight = client.get(f"/api/v1/jobs/{HOUSE}/submission").json()
    assert flight["ready"]
    edges, inner = np.array(flight["histogram"]["edges"]), slice(1, -1)  # what is outside is not
    for name, prices in (
        ("predicted", predictor.prices),
        ("sold", files.read(CACHE).prices.ravel()),
    ):
        shares = np.histogram(prices, edges)[0] / len(prices)
        np.testing.assert_allclose(flight["histogram"][name][inner], shares[inner])
        assert sum(flight["histogram"][name]) == pytest.approx(1)
    problem(client.get(f"/api/v1/jobs/{POLYNOMIAL}/submission.csv"), 409)


def say(made: int, batches: Sequence[Sequence[Event]], pause: float = 0.0) -> None:
    """Do this job as a worker would that writes a batch each tick; the last one ends it."""
    with sessions.writers().begin() as session:
        claim = Leases(session).claim("me", made)
    assert claim is not None
    for batch in batches:
        with sessions.writers().begin() as session:
            done = Outcome(JobStatus.succeeded) if batch is batches[-1] else None
            Leases(session).append(claim.token, batch, done)
        time.sleep(pause)


def test_events_resume_without_gap_or_repeat(client: TestClient) -> None:
    """Also within a chunk that was merged, as the one of a job that has ended is."""
    made = ask(client)["id"]
    values = np.arange(20, dtype=np.float32).reshape(10, 2, 1)
    ticks = [[Epoch("sgd", at + 1, values[at : at + 2])] for at in range(0, 10, 2)]
    say(made, [[Started("sgd", ("one",), 10, "mse", "cpu")], *ticks, [Note("Done.")]])
    address = f"/api/v1/jobs/{made}/events"
    ((last, whole),) = messages(client.get(address).text)
    curves, others = parts(whole)
    np.testing.assert_array_equal(curves["sgd"], values)
    left = []
    for seen in range(1, last):
        response = client.get(f"{address}?after={seen}")
        header = client.get(address, headers={"Last-Event-ID": str(seen)})
        assert response.text == header.text
        ((number, rest),) = messages(response.text)
        assert number == rest["seq"] == last
        tails, later = parts(rest)
        assert later == [item for item in others if item["seq"] > seen]
        assert all(tail == curves[key][-len(tail) :] for key, tail in tails.items())
        left.append(sum(map(len, tails.values())))
    assert left == [10, 10, 10, 8, 6, 4, 2, 0]  # queued, claimed, started, five ticks
    assert messages(client.get(f"{address}?after={last}").text) == []
    problem(client.get(address, headers={"Last-Event-ID": "x"}), 422)


def parts(message: dict[str, Any]) -> tuple[dict[str, list[Any]], list[Any]]:
    """The curves in a message, which must be whole from where they start, and all else."""
    curves: dict[str, list[Any]] = {}
    for item in message["events"]:
        if item["type"] == "epoch":
            curve = curves.setdefault(item["key"], [])
            assert not curve
            curve += item["values"]
    return curves, [item for item in message["events"] if item["type"] != "epoch"]


def test_who_follows_a_job_that_is_merged_meanwhile_hears_all_of_it_once(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "MERGED", 4)
    made = ask(client)["id"]

    batches: list[list[Event]] = [
        [Note(str(epoch)), Epoch("sgd", epoch, np.full((1, 2, 1), epoch, np.float32))]
        for epoch in range(1, 31)
    ]
    batches[0].insert(0, Started("sgd", ("one",), 30, "mse", "cpu"))
    worker = Thread(target=say, args=(made, batches, 0.02))
    worker.start()
    heard = messages(client.get(f"/api/v1/jobs/{made}/events").text)
    worker.join()
    numbers = [number for number, _ in heard]
    assert numbers == sorted(set(numbers))
    assert (len(heard) > 3, numbers[-1]) == (True, 32)
    items = [item for _, message in heard for item in message["events"]]
    assert [item["text"] for item in items if item["type"] == "note"] == [*map(str, range(1, 31))]
    epochs = [item for item in items if item["type"] == "epoch"]
    assert (
        [item["first"] + i for item in epochs for i in range(len(item["values"]))]
        == [row[0][0] for item in epochs for row in item["values"]]
        == [*range(1, 31)]
    )


def test_a_stream_that_resumes_beyond_its_end_says_what_comes_next(client: TestClient) -> None:
    made = ask(client)["id"]

    def cancel() -> None:
        with sessions.writers().begin() as session:
            RunStore(session).cancel(made)

    later = Timer(0.5, cancel)
    later.start()
    address = f"/api/v1/jobs/{made}/events"
    said = messages(client.get(address, headers={"Last-Event-ID": "999"}).text)
    later.join()
    assert [number for number, _ in said] == [2]
    assert said[0][1]["events"][0]["status"] == "cancelled"


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/jobs", "/api/v1/jobs/1/events"])
def test_head_is_get_without_a_body(client: TestClient, path: str) -> None:
    head, whole = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == whole.headers["content-type"]
    assert head.headers.get("content-length") == whole.headers.get("content-length")
    assert client.head("/api/v1/jobs/999").status_code == 404
    assert client.head("/api/v1/answers").status_code == 405


def messages(text: str) -> list[tuple[int, dict[str, Any]]]:
    """(id, data) of each message of a stream that has ended as it should."""
    *said, end, rest = text.replace("\r\n", "\n").split("\n\n")
    assert "event: end" in end
    assert rest == ""
    found = []
    for message in said:
        fields = dict(line.split(": ", 1) for line in message.splitlines())
        found.append((int(fields["id"]), json.loads(fields["data"])))
    return found


def activations(**fields: float) -> dict[str, Any]:
    return {"experiment": {"name": "activations", **fields}}


def test_an_instant_experiment_answers(client: TestClient) -> None:
    answer = client.post("/api/v1/answers", json=activations(alpha=0.5)).json()
    assert {"values", "derivatives"} == answer["figures"].keys()
    assert all(check["passed"] for check in answer["checks"])
    problem(client.post("/api/v1/answers", json=activations(alpha=2)), 422)
    problem(client.post("/api/v1/answers", json=NEW), 422)


# ---- predictions --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def test_file() -> Path:
    return CACHE / "kaggle_house_pred_test.csv"


def test_kaggles_file_gives_the_submissions_prices(client: TestClient, test_file: Path) -> None:
    lines = client.get(f"/api/v1/jobs/{HOUSE}/submission.csv").text.splitlines()[1:]
    wanted = np.array([float(line.split(",")[1]) for line in lines])
    rows = files.records(files.read(test_file.parent).test)
    answers = list[dict[str, float]]()
    for some in (rows[:1000], rows[1000:]):
        response = client.post("/api/v1/predictions", json={"houses": some})
        assert response.is_success, response.text[:500]
        answers += response.json()["predictions"]
    prices = np.array([item["price"] for item in answers])
    np.testing.assert_allclose(prices, wanted, rtol=1e-6)
    assert all(item["low"] < item["price"] < item["high"] for item in answers)
    body = test_file.read_text()
    for response in (
        client.post("/api/v1/predictions.csv", content=body, headers={"content-type": "text/csv"}),
        client.post("/api/v1/predictions.csv", files={"file": ("test.csv", body, "text/csv")}),
    ):
        table = list(csv.DictReader(io.StringIO(response.text)))
        assert [row["Id"] for row in table] == [str(i) for i in range(1461, 2920)]
        got = np.array([float(row["SalePrice"]) for row in table])
        np.testing.assert_allclose(got, wanted, rtol=1e-6)


def test_missing_fields_are_imputed_and_listed(client: TestClient) -> None:
    houses = [{"GrLivArea": 1710, "1stFlrSF": 856}, {"GrLivArea": 1710, "Alley": None, "Fence": ""}]
    said = client.post("/api/v1/predictions", json={"houses": houses, "likely": 20}).json()
    two, three = said["predictions"]
    assert len(two["imputed"]) == 77
    assert len(three["imputed"]) == 76  # no alley and no fence is something to know
    assert two["low"] < two["price"] < two["high"]
    assert two["likely"] == sorted(two["likely"])
    assert [two["low"] < price < two["high"] for price in two["likely"]] == [
        0 < i < 19 for i in range(20)
    ]
    (plain,) = client.post("/api/v1/predictions", json={"houses": houses[:1]}).json()["predictions"]
    assert plain == {**two, "likely": [], "id": plain["id"]}


@pytest.mark.parametrize("house", [{}, {"LotFrontage": None}, {"Id": 7, "OverallQual": "NA"}])
def test_where_nothing_is_known_there_is_no_price(client: TestClient, house: object) -> None:
    body = {"houses": [{"GrLivArea": 1710}, house]}
    said = problem(client.post("/api/v1/predictions", json=body), 422)
    assert said["detail"] == (
        "Row 1: Nothing is known, so there is no answer. Tell one field at least, such as"
        " Neighborhood."
    )
    for path, more in (("comparables", {}), ("reasons", {}), ("what-if", {"attribute": "LotArea"})):
        said = problem(client.post(f"/api/v1/{path}", json={"house": house, **more}), 422)
        assert "Nothing is known" in said["detail"]
    table = "Id,GrLivArea,OverallQual\n7,1710,\n8,NA,\n"
    said = problem(client.post("/api/v1/predictions.csv", content=table), 422)
    assert said["detail"].startswith("Line 3: Nothing is known")


def test_what_training_has_not_seen_is_listed_or_refused(client: TestClient) -> None:
    body = {"houses": [{"GarageCars": 9, "MSZoning": "XX"}]}
    (item,) = client.post("/api/v1/predictions", json=body).json()["predictions"]
    assert [warning["column"] for warning in item["warnings"]] == ["MSZoning", "GarageCars"]
    said = problem(client.post("/api/v1/predictions", json=body | {"strict": True}), 422)
    assert len(said["errors"]) == 2


@pytest.mark.parametrize(
    ("house", "column", "words"),
    [
        ({"LotArea": -5}, "LotArea", "-5"),
        ({"LotArea": "big"}, "LotArea", "big"),
        ({"FullBath": -1.5}, "FullBath", "-1.5"),
        ({"MoSold": 13}, "MoSold", "13"),
        ({"LotAria": 5}, "LotAria", "LotArea"),
        ({"MSZoning": 5}, "MSZoning", "5"),
    ],
)
def test_impossible_houses(client: TestClient, house: object, column: str, words: str) -> None:
    said = problem(
        client.post("/api/v1/predictions", json={"houses": [{"LotArea": 9000}, house]}), 422
    )
    (error,) = said["errors"]
    assert error["loc"] == ["body", "houses", 1, column]
    assert words in error["message"]


@pytest.mark.parametrize(
    "body",
    ["", "Id\n1\n", "LotArea;Street\n1\n", "LotArea,LotArea\n1,2\n", "LotArea\nbig\n", "\xff"],
)
def test_tables_that_are_none(client: TestClient, body: str) -> None:
    raw = body.encode("latin-1")
    headers = {"content-type": "text/csv"}
    problem(client.post("/api/v1/predictions.csv", content=raw, headers=headers), 422)


def test_a_price_that_is_no_number_is_refused(client: TestClient) -> None:
    house = {"LotArea": 10**15, "GrLivArea": 10**15, "TotalBsmtSF": 10**15}
    said = problem(client.post("/api/v1/predictions", json={"houses": [house]}), 422)
    assert "no finite" in said["detail"]
    assert "LotArea" in said["detail"]


def test_a_store_that_cannot_be_written_is_said_so(client: TestClient) -> None:
    with sessions.engine().connect() as connection:
        connection.exec_driver_sql("pragma query_only = on")
    said = problem(client.post("/api/v1/jobs", json=NEW), 503)
    assert "RIDGELINE_DATA_DIR" in said["detail"]


def test_the_predictor_says_what_it_reads(client: TestClient) -> None:
    said = client.get("/api/v1/predictor").json()
    assert said["job"] == HOUSE
    assert len(said["schema"]["fields"]) == 79
    assert said["json_schema"]["properties"]["1stFlrSF"]
    typed = client.get("/api/v1/openapi.json").json()["components"]["schemas"]["House"]
    assert typed == said["json_schema"]


def test_without_a_model_there_is_a_sentence(client: TestClient) -> None:
    client.delete(
        "/api/v1/models/names/champion", params={"reason": "It is not to answer any more."}
    )
    said = problem(client.post("/api/v1/predictions", json={"houses": [ONE]}), 404)
    assert "Nobody answers" in said["detail"]
    assert client.post("/api/v1/predictions", json={"houses": [ONE], "model": 1}).status_code == 200
    client.delete(f"/api/v1/jobs/{HOUSE}")
    said = problem(client.post("/api/v1/predictions", json={"houses": [ONE]}), 404)
    assert "Train a model" in said["detail"]


# ---- bad requests -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("experiment", "loc"),
    [
        ({"name": "kaggle_house", "lr": -1}, ["kaggle_house", "lr"]),
        ({"name": "kaggle_house", "lr": "0.1"}, ["kaggle_house", "lr"]),
        ({"name": "kaggle_house", "num_hiddens": [0]}, ["kaggle_house", "num_hiddens", 0]),
        ({"name": "kaggle_house", "num_epochs": 10**9}, ["kaggle_house", "num_epochs"]),
        ({"name": "polynomial", "num_features": 500}, ["polynomial", "num_features"]),
        ({"name": "kaggle_house", "lrr": 1}, ["kaggle_house", "lrr"]),
        ({"name": "nope"}, []),
        ({}, []),
    ],
)
def test_bad_fields_are_named(client: TestClient, experiment: object, loc: list[str | int]) -> None:
    said = problem(client.post("/api/v1/jobs", json={"experiment": experiment}), 422)
    assert said["errors"][0]["loc"] == ["body", "experiment", *loc]


def test_whole_numbers_may_be_written_as_floats(client: TestClient) -> None:
    made = ask(client, {"experiment": {"name": "polynomial", "num_epochs": 3.0}})
    assert made["experiment"]["num_epochs"] == 3


def test_errors_are_problems_everywhere(client: TestClient) -> None:
    problem(client.get("/api/v1/jobs/999"), 404)
    problem(client.get("/api/v1/jobs/0"), 422)
    problem(client.get("/api/v1/nope"), 404)
    response = client.put("/api/v1/jobs/1")
    problem(response, 405)
    assert response.headers["allow"] == "DELETE, GET, HEAD"
    headers = {"content-type": "application/json"}
    problem(client.post("/api/v1/jobs", content=b"\xff{", headers=headers), 400)
    page = client.get("/nope", headers={"accept": "text/html"})
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")


def test_what_we_did_not_foresee_is_a_problem_too(client: TestClient) -> None:
    with sessions.writers().begin() as session:
        session.connection().exec_driver_sql("drop table chunks")
    said = problem(client.get(f"/api/v1/jobs/{HOUSE}/metrics"), 500)
    assert "sqlite" not in said["detail"].lower()


def test_foreign_pages_may_not_change_anything(client: TestClient) -> None:
    for headers in (
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"host": "evil.example"},
    ):
        problem(client.post("/api/v1/jobs", json=NEW, headers=headers), 403)
    problem(client.get("/api/v1/jobs", headers={"host": "evil.example"}), 403)
    assert client.get("/api/v1/jobs", headers={"origin": "http://evil.example"}).is_success
    ask(client, NEW, origin="http://testserver")


def test_a_body_has_an_end(client: TestClient) -> None:
    def endless() -> Any:
        for _ in range(40):
            yield b"x" * 2**20

    headers = {"content-type": "text/csv"}
    problem(client.post("/api/v1/predictions/table", content=endless(), headers=headers), 413)
    for path, most in (("predictions/table", "32"), ("predictions.csv", "1,024")):
        said = client.post(f"/api/v1/{path}", headers=headers | {"content-length": str(2**40)})
        assert problem(said, 413)["detail"] == f"A body may have {most} MiB at most."


def test_probes(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["worker"].endswith("ridgeline worker")
    with sessions.writers().begin() as session:
        Leases(session).beat("w", slots=1, busy=0, device="cpu")
    assert client.get("/readyz").json()["status"] == "ready"
    with sessions.writers().begin() as session:
        session.connection().exec_driver_sql("update alembic_version set version_num = 'old'")
    assert "ridgeline db upgrade" in client.get("/readyz").json()["checks"]["database"]


def test_pages_carry_the_headers_that_guard_them(client: TestClient) -> None:
    headers = client.get("/").headers
    assert "script-src" not in headers["content-security-policy"]  # default-src 'self' covers it
    assert headers["x-content-type-options"] == "nosniff"


def test_a_job_of_another_version_is_still_listed(client: TestClient) -> None:
    with sessions.writers().begin() as session:
        session.connection().exec_driver_sql(
            "update jobs set experiment = '{\"name\": \"gone\"}', name = 'gone' where id = 1"
        )
    assert client.get("/api/v1/jobs/1").json()["experiment"] == {"name": "gone"}
    assert client.get("/jobs/1").status_code == 200
    assert "no longer valid" in problem(client.post("/api/v1/jobs/1/retry"), 409)["detail"]


def test_statuses_are_those_of_the_store() -> None:
    assert {str(status) for status in JobStatus} == {
        "queued", "running", "succeeded", "failed", "cancelled", "timed_out",
    }  # fmt: skip
