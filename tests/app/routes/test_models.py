"""Versions over HTTP: who answers, who may take the place, and what is kept of it."""

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from statistics import stdev
from typing import Any

import httpx2
import numpy as np
import pytest
from sqlalchemy import event, select
from starlette.testclient import TestClient

from app.serving import log
from app.settings import settings
from app.store import sessions
from app.store.answers import Answers
from app.store.models import Answer
from app.store.registry import Registry
from ml.data.hub import HUB
from ml.experiments.house_ensemble import HouseEnsemble
from ml.experiments.kaggle_house import KaggleHouse
from ml.predictor import Predictor
from tests.app import versions
from tests.app.pages.test_pages import get
from tests.app.routes.test_api import problem

MODELS, HOUSES = "/api/v1/models", {"houses": [{"OverallQual": 7, "GrLivArea": 1710}]}
WHY = "The agents asked for it, in writing."
SHORT: dict[str, Any] = {"num_epochs": 5}  # as version 1


@pytest.fixture(scope="module")
def payloads() -> dict[str, bytes]:
    """Better than version 1 on the same folds, as good, one that leaked, one of other folds."""
    return {
        "better": versions.better(versions.trained(KaggleHouse(**SHORT))),
        "alike": versions.trained(KaggleHouse(**SHORT, seed=1)),
        "leaked": versions.trained(KaggleHouse(**SHORT, preprocessing="book")),
        "other": versions.trained(KaggleHouse(**SHORT, k=4)),
    }


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


def test_a_reason_is_text_that_can_be_kept(client: TestClient, keep: Callable[[str], int]) -> None:
    new = keep("better")
    for reason in (" " * 25, "\x00" * 25):
        problem(promote(client, new, force=True, reason=reason), 422)
    moved = promote(client, new, who="A\x00\x1bda ", reason="So\x07 be\nit.").json()
    assert (moved["who"], moved["reason"]) == ("A  da", "So  be it.")
    said = client.post("/models/rollback", data={"reason": "x" * 1001})
    assert said.status_code == 422
    gone = client.delete(f"{MODELS}/names/champion", params={"who": " \x00", "reason": WHY})
    assert gone.json()["who"] == "nobody named"


def test_forcing_what_passes_is_no_forcing(client: TestClient, keep: Callable[[str], int]) -> None:
    moved = promote(client, keep("better"), force=True, reason=WHY).json()
    assert not moved["forced"]


@pytest.mark.parametrize("door", ["api", "page"])
def test_nobody_moves_a_champion_that_they_have_not_seen(
    client: TestClient, keep: Callable[[str], int], door: str
) -> None:
    first, second = keep("better"), keep("better")
    promote(client, first)
    if door == "api":
        answers = [
            client.post(f"{MODELS}/champion/rollback", json={"instead_of": 1}),
            promote(client, second, instead_of=1),
        ]
    else:
        stale = {"instead_of": "1"}
        answers = [
            client.post("/models/rollback", data=stale),
            client.post(f"/models/{second}/promote", data=stale),
        ]
    for answer in answers:
        assert answer.status_code == 409
        assert f"Version {first} is the champion by now" in answer.text
    client.delete(f"{MODELS}/names/champion", params={"reason": WHY})
    said = problem(promote(client, second, instead_of=first), 409)
    assert said["detail"].startswith("Nobody is the champion by now")


def test_what_is_better_and_held_back_says_so(
    client: TestClient, payloads: dict[str, bytes], keep: Callable[[str], int]
) -> None:
    """Its intervals are far too wide."""
    predictor = Predictor.from_bytes(payloads["better"])
    judged = predictor.judged
    assert judged is not None
    wide = replace(judged, low=judged.low - 1, high=judged.high + 1)
    payloads["wide"] = replace(predictor, judged=wide).to_bytes()
    new = keep("wide")
    beside = client.get(f"{MODELS}/{new}").json()["beside"]
    assert (beside["better"], beside["passes"]) == (True, False)
    words = page(client, "/models")
    assert "held back by the gate" in words
    assert ", and is better, but the gate holds it back." in words
    problem(promote(client, new), 409)


def test_a_file_that_is_no_predictor_takes_no_page_with_it(
    client: TestClient, payloads: dict[str, bytes], keep: Callable[[str], int]
) -> None:
    payloads["garbage"] = b"garbage"
    new = keep("garbage")
    first, _ = client.get(MODELS).json()["models"]
    assert first["fault"].startswith(f"Version {new} cannot be read.")
    assert "cannot be read" in page(client, "/models")
    for path in (f"/models/{new}/promote", "/models"):
        assert client.get(path).status_code == 200
    problem(client.get(f"{MODELS}/{new}/card"), 409)
    problem(client.post("/api/v1/predictions", json=HOUSES | {"model": new}), 409)


def test_the_book_s_rows_in_no_fold_leave_no_hole_in_a_card(
    client: TestClient, payloads: dict[str, bytes], keep: Callable[[str], int]
) -> None:
    payloads["dropped"] = versions.trained(KaggleHouse(**SHORT, k=3, preprocessing="book"))
    new = keep("dropped")
    card = client.get(f"{MODELS}/{new}/card").json()
    assert sum(part["n"] for part in card["fifths"]) == 1458
    assert all(part["rmse"] > 0 for part in card["fifths"])
    assert "nan" not in client.get(f"{MODELS}/{new}/card.md").text.replace("nan.", "")
    assert "nan %" not in page(client, f"/models/{new}")


def test_beyond_a_page_of_versions_the_champion_is_still_named(
    client: TestClient, payloads: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.pages.models.PAGE", 2)
    for _ in range(3):
        versions.keep(KaggleHouse(**SHORT), payloads["alike"])
    words = page(client, "/models")
    assert "Version 1 answers." in words
    assert "2 of 4" in words
    (older,) = [a for a in get(client, "/models").all("a") if "before=" in str(a["href"])]
    assert older["href"] == "/models?before=3"
    assert "job 1," in page(client, "/models?before=3")


def test_an_ensemble_s_pages_tell_by_neighbourhood_and_decade(
    client: TestClient, keep: Callable[[str], int], payloads: dict[str, bytes]
) -> None:
    payloads["sales"] = versions.trained(HouseEnsemble(k=2, num_seeds=1, num_epochs=1))
    payloads["again"] = versions.better(payloads["sales"])
    first, second = keep("sales"), keep("again")
    promote(client, first, force=True, reason=WHY)
    card = client.get(f"{MODELS}/{first}/card").json()
    places = {part["name"]: part for part in card["groups"]["Neighborhood"]}
    assert (places["NAmes"]["n"], places["Blueste"]["n"]) == (225, 2)
    assert sum(part["n"] for part in card["groups"]["YearBuilt"]) == 1460
    assert places["Blueste"]["half"] is not None
    (one,) = [part for part in card["groups"]["YearBuilt"] if part["name"] == "2010 to 2019"]
    assert (one["n"], one["half"]) == (1, None)
    words = page(client, f"/models/{second}/promote")
    for name in ("NAmes", "1950 to 1959", "below $124k"):
        assert name in words
        assert name in page(client, f"/models/{first}")
    assert "Blueste" not in words  # two houses
    assert "100 % come nearer to what was paid, 0 % go farther" in words


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
    assert second["spread"] == pytest.approx(stdev(second["folds"][0]))
    assert (second["beside"]["ahead"], second["beside"]["pairs"]) == (5, 5)
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


def test_who_answers_is_known_until_somebody_writes(
    client: TestClient, keep: Callable[[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A price asks the store nothing where nobody has written to it; another process's promotion
    is heeded by the next."""
    monkeypatch.setenv("RIDGELINE_KEEP_ANSWERS", "0")  # or each answer would be written
    settings.cache_clear()
    new, asked = keep("better"), list[str]()
    assert answering(client) == 1

    def note(_: object, __: object, statement: str, *___: object) -> None:
        asked.append(statement)

    event.listen(sessions.engine(), "before_cursor_execute", note)
    try:
        assert answering(client) == 1
        assert asked == []
        with sqlite3.connect(settings().data_dir / "ridgeline.db") as other:
            other.execute("update aliases set version_id = ? where name = 'champion'", (new,))
        assert answering(client) == new
        assert asked
    finally:
        event.remove(sessions.engine(), "before_cursor_execute", note)


def test_answers_are_written_together_and_at_once_where_somebody_waits(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "SOON", 600.0)
    begun = list[object]()

    def note(connection: object) -> None:
        begun.append(connection)

    event.listen(sessions.engine(), "commit", note)
    try:
        for _ in range(5):
            answering(client)
        assert not begun
        log.flush()  # or the test ends by its time
    finally:
        event.remove(sessions.engine(), "commit", note)
    assert len(begun) == 1
    with sessions.readers()() as session:
        assert Answers(session).kept(1).answers == 5


def test_nobody_is_dropped_while_names_move(server: str, payloads: dict[str, bytes]) -> None:
    """200 predictions at once during ten promotions and rollbacks; each is that of its version."""
    job = versions.keep(KaggleHouse(**SHORT), payloads["alike"])
    with sessions.readers()() as session:
        version = Registry(session).of_job(job)
    assert version is not None
    new = version.id
    with httpx2.Client(base_url=server, timeout=60) as client:
        right = {
            number: client.post("/api/v1/predictions", json=HOUSES | {"model": number}).json()
            for number in (1, new)
        }
        assert right[1]["predictions"][0]["price"] != right[new]["predictions"][0]["price"]
        with ThreadPoolExecutor(8) as pool:
            asked = [
                pool.submit(client.post, "/api/v1/predictions", json=HOUSES) for _ in range(200)
            ]
            for _ in range(5):
                terms = {"force": True, "reason": WHY}
                assert client.post(f"{MODELS}/{new}/promote", json=terms).status_code == 200
                assert client.post(f"{MODELS}/champion/rollback", json={}).status_code == 200
            said = [one.result() for one in asked]
    assert [one.status_code for one in said] == [200] * 200
    seen = {one.json()["version"] for one in said}
    assert seen <= {1, new}
    keys = dict[str, int]()
    for one in said:
        found = one.json()
        (told,), (alone,) = found["predictions"], right[found["version"]]["predictions"]
        assert told | {"id": alone["id"]} == alone
        keys[told["id"]] = found["version"]
    with httpx2.Client(base_url=server, timeout=60) as client:  # which waits until all is kept
        client.get("/api/v1/monitor", params={"model": 1})
    with sessions.readers()() as session:
        answers = session.scalars(select(Answer).where(Answer.key.in_(keys))).all()
    assert {answer.key: answer.version_id for answer in answers} == keys
    assert len(keys) == 200


# ---- pages, without scripts


def page(client: TestClient, path: str) -> str:
    """Its words."""
    return " ".join(get(client, path).words.split())


def test_the_page_of_models_says_who_answers_and_what_is_better(
    client: TestClient, keep: Callable[[str], int]
) -> None:
    assert "has the lowest mean error" not in page(client, "/models")
    new = keep("better")
    words = page(client, "/models")
    assert "Version 1 answers." in words
    assert f"Version {new} has the lowest mean error" in words
    assert ", and would pass the gate." in words
    client.post("/models/names", data={"alias": "challenger", "model": str(new), "who": "Ada"})
    words = page(client, "/models")
    assert f"Version {new} is better than version 1 by" in words
    assert "5 of 5 folds ahead" in words
    assert "passes the gate" in words
    assert f"named {new} becomes challenger by Ada" in words
    client.post("/models/names/remove", data={"alias": "challenger"})
    assert "removed challenger" in page(client, "/models")


def test_a_version_is_promoted_on_its_page_and_rolled_back(
    client: TestClient, keep: Callable[[str], int]
) -> None:
    new = keep("better")
    words = page(client, f"/models/{new}/promote")
    assert f"Version {new} in place of version 1?" in words
    assert "5 of 5 folds agree." in words
    assert f"Promote version {new}" in words
    assert "Nobody clearly" in words
    sent = client.post(
        f"/models/{new}/promote", data={"instead_of": "1", "who": "Ada"}, follow_redirects=False
    )
    assert (sent.status_code, sent.headers["location"]) == (303, "/models")
    assert answering(client) == new
    assert "It is the champion already" in page(client, f"/models/{new}/promote")
    client.post("/models/rollback", data={"instead_of": str(new), "who": "Ada", "reason": "No."})
    assert answering(client) == 1
    assert f"rolled back from {new} to 1 by Ada" in page(client, "/models")


def test_past_the_gate_the_page_wants_a_reason(
    client: TestClient, keep: Callable[[str], int]
) -> None:
    new = keep("leaked")
    found = get(client, f"/models/{new}/promote")
    assert f"Promote version {new} all the same" in found.words
    (area,) = found.all("textarea")
    assert area["minlength"] == "20"
    assert "required" in area
    data = {"instead_of": "1", "force": "true", "reason": WHY}
    assert (
        client.post(f"/models/{new}/promote", data=data, follow_redirects=False).status_code == 303
    )
    assert answering(client) == new


def test_the_page_without_the_rows_that_decide_shows_other_numbers(
    client: TestClient, keep: Callable[[str], int]
) -> None:
    new = keep("better")
    both = [page(client, f"/models/{new}/promote{query}") for query in ("", "?without=1")]
    against = client.get(f"{MODELS}/{new}/against/1").json()
    means = against["difference"], against["without"][0]
    for words, mean in zip(both, means, strict=True):
        assert "without 524, 1299" in words
        assert f"the two versions by {abs(mean):.4f}" in words
    assert means[0] != pytest.approx(means[1], abs=1e-4)


def test_a_card_s_page_says_how_often_intervals_hold(client: TestClient) -> None:
    card = client.get(f"{MODELS}/1/card").json()
    words = page(client, "/models/1")
    assert f"holds for {100 * card['covers']:.1f} %" in words
    for part in card["fifths"]:
        assert f"{round(100 * part['inside'])} of 100" in words
    assert f"{card['valid']:.4f}" in words
    assert '"model": 1' in words
    with sessions.readers()() as session:
        whole = Registry(session).with_payload(1)
    assert whole is not None
    judged = Predictor.from_bytes(whole.payload).judged
    assert judged is not None
    square = (judged.target.astype(float) - judged.said[0]) ** 2
    share = square[[523, 1298]].sum() / square.sum()
    assert f"Rows 524 and 1299 make {100 * share:.0f} % of the squared error." in words
    square[[523, 1298]] = np.nan
    rest = np.mean([np.sqrt(np.nanmean(square[judged.fold[0] == i])) for i in range(5)])
    assert f"without {rest:.4f}" in words


@pytest.mark.parametrize("path", ["predictions", "reasons", "ask-first", "what-if"])
def test_the_query_names_a_model_as_the_body_does(
    client: TestClient, keep: Callable[[str], int], path: str
) -> None:
    new = keep("better")
    house = HOUSES["houses"][0]
    one: dict[str, Any] = {
        "predictions": {"houses": [house]},
        "what-if": {"house": house, "attribute": "LotArea"},
    }
    body, url = one.get(path, {"house": house}), f"/api/v1/{path}"
    for query, inside, version in (
        ("", {}, 1),
        (f"?model={new}", {}, new),
        ("", {"model": new}, new),
    ):
        assert client.post(url + query, json=body | inside).json()["version"] == version
    assert client.post(f"{url}?model={new}", json=body | {"model": new}).status_code == 200
    said = problem(client.post(f"{url}?model={new}", json=body | {"model": 1}), 422)
    assert f"The query says model '{new}' and the body '1': say one." in said["detail"]
    said = problem(client.post(f"{url}?modle={new}", json=body), 422)
    assert "There is no parameter 'modle' here. Did you mean model?" in said["detail"]


def test_who_answers_is_taken_away_for_a_kept_reason_only(
    client: TestClient, keep: Callable[[str], int]
) -> None:
    """And whoever comes next has its gate beside the last one that answered."""
    worse = keep("alike")
    said = problem(client.delete(f"{MODELS}/names/champion"), 422)
    assert "needs a reason of at least 20 characters" in said["detail"]
    assert client.get(MODELS).json()["champion"] == 1
    gone = client.delete(f"{MODELS}/names/champion", params={"reason": WHY}).json()
    assert gone["forced"]
    assert gone["reason"] == WHY
    said = problem(promote(client, worse), 409)
    assert "It is not promoted; force it with a reason" in said["detail"]
    keep("better")  # nor does the next job's version answer by itself
    assert client.get(MODELS).json()["champion"] is None
    assert promote(client, worse, force=True, reason=WHY).json()["forced"]


def test_a_version_is_not_set_beside_itself(client: TestClient) -> None:
    said = problem(client.get(f"{MODELS}/1/against/champion"), 409)
    assert said["detail"] == "Version 1 is not compared with itself: name another."
