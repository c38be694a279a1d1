"""Versions over HTTP: who answers, who may take the place, and what is kept of it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.store import sessions
from app.store.registry import Registry
from ml.data.hub import HUB
from ml.experiments.kaggle_house import KaggleHouse
from ml.predictor import Predictor
from tests.app import versions
from tests.app.routes.test_api import problem

MODELS, HOUSES = "/api/v1/models", {"houses": [{"OverallQual": 7, "GrLivArea": 1710}]}
WHY = "The agents asked for it, in writing."
SHORT: dict[str, Any] = {"num_epochs": 5}  # as version 1


@pytest.fixture(scope="module")
def payloads() -> dict[str, bytes]:
    """Better than version 1 on the same folds, as good, one that leaked, one of other folds."""
    return {
        "better": better(versions.trained(KaggleHouse(**SHORT))),
        "alike": versions.trained(KaggleHouse(**SHORT, seed=1)),
        "leaked": versions.trained(KaggleHouse(**SHORT, preprocessing="book")),
        "other": versions.trained(KaggleHouse(**SHORT, k=4)),
    }


def better(payload: bytes) -> bytes:
    """A predictor, as if each of its answers out of fold had been nearer by a fifth."""
    predictor = Predictor.from_bytes(payload)
    judged = predictor.judged
    assert judged is not None
    nearer = {
        name: judged.target + 0.8 * (getattr(judged, name) - judged.target)
        for name in ("said", "low", "high")
    }
    return replace(predictor, judged=replace(judged, **nearer)).to_bytes()


@pytest.fixture
def keep(client: TestClient, payloads: dict[str, bytes]) -> Callable[[str], int]:
    """Adds one of them; gives its version's number."""

    def keep(name: str) -> int:
        job = versions.keep(KaggleHouse(**SHORT), payloads[name])
        with sessions.readers()() as session:
            version = Registry(session).of_job(job)
        assert version is not None
        return version.id

    return keep


def promote(client: TestClient, model: int | str, **asked: Any) -> Any:
    return client.post(f"{MODELS}/{model}/promote", json={"who": "Ada", **asked})


def answering(client: TestClient, **asked: Any) -> int:
    return int(client.post("/api/v1/predictions", json=HOUSES | asked).json()["version"])


def test_a_better_version_answers_once_it_is_promoted(
    client: TestClient, keep: Callable[[str], int]
) -> None:
    new = keep("better")
    assert answering(client) == 1  # nothing is promoted by itself
    against = client.get(f"{MODELS}/{new}/against/champion").json()
    assert against["better"]
    assert against["difference"] == pytest.approx(
        sum(against["errors"]) / 5 - sum(against["others"]) / 5
    )
    moved = promote(client, new, reason="Better.").json()
    assert (moved["act"], moved["before"], moved["after"]) == ("promoted", 1, new)
    assert (moved["who"], moved["reason"], moved["forced"]) == ("Ada", "Better.", False)
    assert moved["evidence"] == against["sentence"]
    assert answering(client) == new
    assert answering(client, model=1) == 1
    assert answering(client, model="1") == 1
    back = client.post(f"{MODELS}/champion/rollback", json={"who": "Bob"}).json()
    assert (back["act"], back["before"], back["after"]) == ("rolled back", new, 1)
    assert answering(client) == 1
    said = problem(client.post(f"{MODELS}/champion/rollback", json={}), 409)
    assert said["detail"] == "There is no earlier champion to go back to."
    acts = [move["act"] for move in client.get(f"{MODELS}/history").json()["moves"]]
    assert acts == ["rolled back", "promoted", "first"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("alike", "cannot be told apart"),
        ("leaked", "knew of the rows that it is judged on"),
        ("other", "Their folds differ"),
    ],
)
def test_the_gate_is_passed_by_only_for_a_reason_that_is_kept(
    client: TestClient, keep: Callable[[str], int], name: str, words: str
) -> None:
    new = keep(name)
    said = problem(promote(client, new), 409)
    assert words in said["detail"]
    assert said["detail"].endswith("It is not promoted; force it with a reason if it shall be.")
    said = problem(promote(client, new, force=True, reason="because"), 422)
    assert "at least 20 characters" in said["detail"]
    assert answering(client) == 1
    moved = promote(client, new, force=True, reason=WHY).json()
    assert (moved["forced"], moved["reason"]) == (True, WHY)
    assert words in moved["evidence"]
    assert answering(client) == new


def test_nobody_is_promoted_against_a_champion_that_is_no_longer_there(
    client: TestClient, keep: Callable[[str], int]
) -> None:
    first, second = keep("better"), keep("better")
    assert promote(client, first, instead_of=1).status_code == 200
    said = problem(promote(client, second, instead_of=1), 409)
    assert said["detail"] == (
        f"Version {first} is the champion by now, by Ada, and no longer version 1: look again."
    )
    assert "champion already" in problem(promote(client, first), 409)["detail"]
    problem(promote(client, 99), 404)


def test_names_are_given_taken_and_asked(client: TestClient, keep: Callable[[str], int]) -> None:
    new = keep("better")
    moved = client.put(f"{MODELS}/names/challenger", json={"model": new, "who": "Ada"}).json()
    assert moved["evidence"].startswith(f"Version {new} is better than version 1")
    assert answering(client, model="challenger") == new
    assert client.get(f"{MODELS}/challenger").json()["names"] == ["challenger"]
    assert client.get(MODELS).json()["names"] == {"champion": 1, "challenger": new}
    said = problem(client.put(f"{MODELS}/names/challenger", json={"model": new}), 409)
    assert said["detail"] == f"challenger is version {new} already."
    for name, status in (("champion", 409), ("history", 422), ("UP", 422), ("a-", 422), ("a", 422)):
        problem(client.put(f"{MODELS}/names/{name}", json={"model": new}), status)
    job = client.get(f"{MODELS}/{new}").json()["job"]
    said = problem(client.delete(f"/api/v1/jobs/{job}"), 409)
    assert f"version {new}, which is called challenger: take that away" in said["detail"]
    assert client.delete(f"{MODELS}/names/challenger").json()["after"] is None
    problem(client.delete(f"{MODELS}/names/challenger"), 409)
    assert client.delete(f"/api/v1/jobs/{job}").status_code == 204
    problem(client.get(f"{MODELS}/{new}"), 404)


def test_versions_are_listed_beside_the_champion(
    client: TestClient, keep: Callable[[str], int]
) -> None:
    new, leaked = keep("better"), keep("leaked")
    said = client.get(MODELS).json()
    assert said["champion"] == 1
    assert [model["version"] for model in said["models"]] == [leaked, new, 1]
    first, second, champion = said["models"]
    assert champion["beside"] is None
    assert champion["names"] == ["champion"]
    assert not first["beside"]["comparable"]
    assert first["leaks"]
    assert second["beside"]["better"]
    assert second["valid"] == pytest.approx(sum(second["folds"][0]) / 5)
    assert second["beside"]["difference"] == pytest.approx(second["valid"] - champion["valid"])
    assert 0.85 < champion["covers"] < 0.95
    page = client.get(MODELS, params={"before": leaked, "limit": 1}).json()["models"]
    assert [model["version"] for model in page] == [new]


def test_every_answer_names_its_version(client: TestClient, keep: Callable[[str], int]) -> None:
    new = keep("better")
    table = "Id,OverallQual\n7,5\n"
    for model, number in (("champion", 1), (str(new), new)):
        said = client.post(f"/api/v1/predictions.csv?model={model}", content=table)
        assert said.headers["Ridgeline-Version"] == str(number)
        header, row = (line.split(",") for line in said.text.splitlines())
        assert row[header.index("version")] == str(number)
        about = client.get(f"/api/v1/predictor?model={model}")
        assert about.json()["version"] == number
        same = {"If-None-Match": about.headers["ETag"]}
        assert client.get(f"/api/v1/predictor?model={model}", headers=same).status_code == 304
    assert client.get("/api/v1/predictor", headers=same).status_code == 200  # of the other
    for wrong in (0, -1, "UP", "", "nobody", 10**10):
        asked = HOUSES | {"model": wrong}
        assert client.post("/api/v1/predictions", json=asked).status_code in (404, 422)


def test_a_card_says_what_it_is_good_for(client: TestClient, keep: Callable[[str], int]) -> None:
    card = client.get(f"{MODELS}/champion/card").json()
    assert [part["n"] for part in card["fifths"]] == [292] * 5
    assert sum(part["rmse"] ** 2 for part in card["fifths"]) / 5 == pytest.approx(
        sum(error**2 for error in card["folds"][0]) / 5, rel=1e-3
    )
    assert card["made_of"]["kaggle_house_train.csv"] == HUB["kaggle_house_train"].sha256
    assert card["target"] == pytest.approx((34_900, 755_000), rel=1e-4)
    assert card["not_for"]
    text = client.get(f"{MODELS}/champion/card.md")
    assert text.headers["content-type"].startswith("text/markdown")
    assert text.text.startswith("# Version 1: MLP 64, log price (champion)\n")
    assert f"SHA-256 {card['digest']}" in text.text
    leaked = keep("leaked")
    assert "scaler sees validation and test rows" in client.get(f"{MODELS}/{leaked}/card.md").text


def test_a_damaged_file_is_said_so_and_rolled_back_from(
    client: TestClient, keep: Callable[[str], int]
) -> None:
    new = keep("better")
    promote(client, new)
    with sessions.engine().begin() as connection:
        connection.exec_driver_sql(
            f"update versions set payload = substr(payload, 2) where id = {new}"
        )
    from app.serving import predictors

    predictors.forget()
    said = problem(client.post("/api/v1/predictions", json=HOUSES), 409)
    assert f"The file of version {new} is damaged" in said["detail"]
    first, _ = client.get(MODELS).json()["models"]
    assert f"The file of version {new} is damaged" in first["fault"]
    assert f"The file of version {new} is damaged" in problem(promote(client, 1), 409)["detail"]
    assert promote(client, 1, force=True, reason=WHY).status_code == 200
    assert answering(client) == 1
