"""Requests that are none: each is refused in a sentence of bounded length, never with a 500."""

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.app.routes.test_api import NEW, problem

JSON = {"content-type": "application/json"}
HALF = "\ud800"


def job(**fields: Any) -> dict[str, Any]:
    return {"experiment": {"name": "polynomial", **fields}}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("jobs", NEW | {"tags": [HALF]}),
        ("jobs", NEW | {HALF: 1}),
        ("jobs", {"experiment": {"name": HALF}}),
        ("jobs", job(lr=HALF)),
        ("jobs", job(**{HALF: 1})),
        ("answers", {"experiment": {"name": "activations", HALF: 1}}),
        ("predictions", {"houses": [{"MSZoning": HALF}]}),
        ("predictions", {"houses": [{HALF: 1}]}),
        ("predictions", {"houses": [{}], HALF: 1}),
        ("jobs", HALF),
        ("jobs", [HALF]),
    ],
)
def test_half_a_surrogate_pair_is_refused_wherever_it_stands(
    client: TestClient, path: str, body: object
) -> None:
    said = problem(client.post(f"/api/v1/{path}", content=json.dumps(body), headers=JSON), 422)
    assert "surrogate pair" in said["detail"] or isinstance(body, str | list)


def test_what_is_no_json_is_told_where(client: TestClient) -> None:
    said = problem(client.post("/api/v1/jobs", content="{", headers=JSON), 422)
    assert said["detail"].startswith("body: this is not JSON: Expecting property name")
    assert said["detail"].endswith(" at character 1.")
    assert said["errors"] == [{"loc": ["body"], "message": said["detail"].removeprefix("body: ")}]


@pytest.mark.parametrize("kind", ["", "application/x-www-form-urlencoded", "text/plain"])
def test_a_body_of_another_type_is_told_the_header(client: TestClient, kind: str) -> None:
    headers = {"content-type": kind} if kind else {}
    response = client.post("/api/v1/jobs", content=json.dumps(NEW), headers=headers)
    said = problem(response, 422)["detail"]
    assert said.endswith("Send the body as JSON, with the header Content-Type: application/json.")


@pytest.mark.parametrize(("depth", "status"), [(100, 422), (600, 422), (900, 422), (5000, 400)])
def test_a_deep_body_is_refused(client: TestClient, depth: int, status: int) -> None:
    for start, end in (('{"experiment": ', "}"), ('{"houses": [{"LotArea": ', "}]}")):
        path = "jobs" if "experiment" in start else "predictions"
        body = start + "[" * depth + "]" * depth + end
        problem(client.post(f"/api/v1/{path}", content=body, headers=JSON), status)


LONG = "x" * 1_000_000


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("jobs", {"experiment": {"name": LONG}}),
        ("jobs", NEW | {"tags": [LONG] * 20}),
        ("jobs", NEW | {LONG: LONG}),
        ("jobs", job(**{LONG: LONG})),
        ("jobs", job(lr=LONG)),
        ("predictions", {"houses": [{LONG: LONG}]}),
        ("predictions", {"houses": [{"LotArea": LONG, "MSZoning": [LONG]}]}),
        ("predictions", {"houses": [LONG] * 10}),
        ("predictions", {"houses": [1] * 1_000}),
    ],
)
def test_what_is_echoed_is_short(client: TestClient, path: str, body: object) -> None:
    response = client.post(f"/api/v1/{path}", json=body)
    problem(response, 422)
    assert len(response.content) < 30_000


def test_an_unknown_name_is_answered_with_those_there_are(client: TestClient) -> None:
    said = problem(client.post("/api/v1/jobs", json={"experiment": {"name": LONG}}), 422)
    assert "kaggle_house" in said["detail"]


@pytest.mark.parametrize(
    ("path", "name", "field", "meant"),
    [
        ("jobs", "kaggle_house", "learning_rate", "lr"),
        ("jobs", "kaggle_house", "Folds", "k"),
        ("jobs", "polynomial", "num_epoch", "num_epochs"),
        ("answers", "activations", "alhpa", "alpha"),
    ],
)
def test_a_misspelt_field_is_answered_with_the_right_one(
    client: TestClient, path: str, name: str, field: str, meant: str
) -> None:
    body = {"experiment": {"name": name, field: 1}}
    said = problem(client.post(f"/api/v1/{path}", json=body), 422)
    (error,) = said["errors"]
    assert error["loc"] == ["body", "experiment", name, field]
    start = f"{name} has no field {field!r}. Did you mean {meant}? There are: "
    assert error["message"].startswith(start)
    assert error["message"] in said["detail"]


def test_a_misspelt_experiment_is_answered_with_the_right_one(client: TestClient) -> None:
    body = {"experiment": {"name": "wieght_decay"}}
    said = problem(client.post("/api/v1/jobs", json=body), 422)
    start = "There is no 'wieght_decay' here. Did you mean weight_decay? There are: activations, "
    assert said["errors"][0]["message"].startswith(start)


def test_a_field_that_is_like_none_is_answered_with_those_there_are(client: TestClient) -> None:
    said = problem(client.post("/api/v1/jobs", json=job(zzzzzzz=1)), 422)
    assert "has no field 'zzzzzzz'. There are: " in said["detail"]
    assert "num_features" in said["detail"]
    beside = problem(client.post("/api/v1/jobs", json=NEW | {"tag": 1}), 422)
    assert beside["detail"] == "body → tag: There is no field 'tag' here."


@pytest.mark.parametrize(
    ("varied", "detail"),
    [
        ({"over": {"lr": "0.1..0.01"}}, "over → lr → range: 0.1 .. 0.01 is no range that rises."),
        ({"over": {"lr": [0.1, -1]}}, "over → lr: lr cannot be -1: Input should be greater than 0"),
        ({"over": {"rate": [1]}}, "over → rate: rate is no field of kaggle_house. It may vary"),
        ({"over": {"k": [3, 5]}}, "over → k: k says how a trial is judged"),
        ({"over": {"lr": 3}}, "over → lr → values: Input should be a valid list"),
        ({"over": {"lr": "1, 2"}, "etta": 3}, "etta: sweep has no field 'etta'. Did you mean eta?"),
        (
            {"of": {"name": "kaggle_house", "lrr": 1}, "over": {"lr": "1, 2"}},
            "of → kaggle_house → lrr: kaggle_house has no field 'lrr'. Did you mean lr?",
        ),
    ],
)
def test_what_is_wrong_with_a_sweep_is_told_where_in_one_sentence(
    client: TestClient, varied: dict[str, Any], detail: str
) -> None:
    asked = {"name": "sweep", "of": {"name": "kaggle_house"}, **varied}
    said = problem(client.post("/api/v1/jobs", json={"experiment": asked}), 422)
    assert said["detail"].startswith(f"body → experiment → sweep → {detail}")
    assert len(said["errors"]) == 1


def test_a_sweep_asks_for_the_device_and_the_tables_of_what_it_varies(client: TestClient) -> None:
    of = {"name": "kaggle_house", "device": "cuda"}
    asked = {"name": "sweep", "of": of, "over": {"lr": [0.1, 0.2]}}
    made = client.post("/api/v1/jobs", json={"experiment": asked})
    assert made.json()["requires"] == {"device": "cuda"}
    own = {"name": "table_ensemble", "table": "0" * 16, "target": "rent"}
    asked = {"name": "sweep", "of": own, "over": {"dropout": [0.1, 0.2]}}
    problem(client.post("/api/v1/jobs", json={"experiment": asked}), 422)
