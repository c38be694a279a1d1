"""Why a price is so, over HTTP: sales and reasons add up to it, and a what-if goes through it."""

from math import exp, log
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.dashboard.house_form import LABELS
from app.store import sessions
from app.store.registry import CHAMPION, Registry
from app.store.states import Act
from ml.events import Trained
from ml.experiments.house_ensemble import HouseEnsemble
from tests.app import versions
from tests.app.conftest import HOUSE
from tests.app.routes.test_api import problem

COMPARABLES, PREDICTIONS = "/api/v1/comparables", "/api/v1/predictions"
REASONS, WHAT_IF, SALES = "/api/v1/reasons", "/api/v1/what-if", "/api/v1/sales"
ASK_FIRST = "/api/v1/ask-first"
AREAS = {"GrLivArea": 1710, "1stFlrSF": 856, "2ndFlrSF": 854}
SHORT = HouseEnsemble(k=2, num_seeds=1, num_epochs=1)


@pytest.fixture(scope="module")
def payload() -> bytes:
    """A predictor that has hardly learnt."""
    (trained,) = [event for event in SHORT.run() if isinstance(event, Trained)]
    return trained.payload


@pytest.fixture
def job(client: TestClient, payload: bytes) -> int:
    """A job of the ensemble that has succeeded and whose version answers."""
    number = versions.keep(SHORT, payload)
    with sessions.writers().begin() as session:
        version = Registry(session).of_job(number)
        assert version is not None
        Registry(session).point(CHAMPION, version.id, Act.promoted, who="a test")
    return number


def version_of(job: int) -> int:
    with sessions.readers()() as session:
        version = Registry(session).of_job(job)
    assert version is not None
    return version.id


def test_the_best_answers_with_the_sales_that_its_price_rests_on(
    client: TestClient, job: int
) -> None:
    house = {"Neighborhood": "CollgCr", "GrLivArea": 1710, "OverallQual": 7, "YearBuilt": 2003}
    found = client.post(COMPARABLES, json={"house": house, "count": 5}).json()
    assert found["job"] == job
    assert len(found["sales"]) == 5
    weights = [sale["weight"] for sale in found["sales"]]
    assert weights == sorted(weights, reverse=True)
    says = sum(sale["weight"] * log(sale["says"]) for sale in found["sales"])
    says += found["rest"]["weight"] * log(found["rest"]["says"])
    assert exp(says) == pytest.approx(found["members"]["comparables"])
    (priced,) = client.post(PREDICTIONS, json={"houses": [house]}).json()["predictions"]
    assert found["price"] == pytest.approx(priced["price"])
    assert priced["low"] < priced["price"] < priced["high"]


def test_the_page_shows_them_where_there_are_any(client: TestClient, job: int) -> None:
    assert "Comparable sales" in client.get("/predict").text


def test_its_card_says_how_right_it_is_where_less_is_known(client: TestClient, job: int) -> None:
    version = version_of(job)
    card = client.get(f"/api/v1/models/{version}/card").json()
    every, form, half = card["known"]
    assert [round(part["fields"]) for part in card["known"]] == [79, 16, 39]
    assert (every["n"], form["n"], half["n"]) == (1460, 730, 730)
    assert every["inside"] == card["covers"]
    assert every["least"] == min(part["inside"] for part in card["fifths"])
    assert all(0 <= part["least"] <= part["inside"] <= 1 for part in card["known"])
    text = client.get(f"/api/v1/models/{version}/card.md").text
    assert f"| {form['what']} | 16 | 730 | {form['rmse']:.4f} | {form['inside']:.1%} |" in text
    page = client.get(f"/models/{version}").text
    assert "How much must be known?" in page
    assert f"{100 * form['inside']:.1f}" in page
    asked = client.get("/predict").text
    assert "Of 730 houses that it had not met, asked about with these 16 fields alone" in asked


def test_of_one_net_only_the_whole_row_was_asked_about(client: TestClient) -> None:
    card = client.get(f"/api/v1/models/{version_of(HOUSE)}/card").json()
    assert [part["what"] for part in card["known"]] == ["all of it"]
    assert "How much must be known?" not in client.get(f"/models/{version_of(HOUSE)}").text
    assert "that it had not met" not in client.get("/predict").text
    assert {*card["groups"]} == {"Neighborhood", "YearBuilt"}  # it remembers its sales, too


def test_a_predictor_that_compares_nothing_says_so(client: TestClient) -> None:
    said = problem(client.post(COMPARABLES, json={"house": AREAS}), 409)
    assert said["detail"] == (f"Version {version_of(HOUSE)} compares no sales; an ensemble's does.")
    assert "Comparable sales" not in client.get("/predict").text


def test_a_wrong_house_is_refused_as_elsewhere(client: TestClient, job: int) -> None:
    said = problem(client.post(COMPARABLES, json={"house": {"OverallQual": 11}}), 422)
    assert said["errors"][0]["loc"][-1] == "OverallQual"
    said = problem(client.post(COMPARABLES, json={"house": AREAS, "count": 0}), 422)
    assert said["errors"][0]["loc"] == ["body", "count"]


def price_of(client: TestClient, house: dict[str, Any]) -> dict[str, float]:
    (priced,) = client.post(PREDICTIONS, json={"houses": [house]}).json()["predictions"]
    return {name: priced[name] for name in ("price", "low", "high")}


def test_a_sale_tells_how_far_it_is_and_what_differs(client: TestClient, job: int) -> None:
    found = client.post(COMPARABLES, json={"house": {"OverallQual": 7}, "count": 50}).json()
    for sale in found["sales"]:
        assert sale["distance"] > 0
        for difference in sale["differs"]:
            assert difference["there"] == sale["house"][difference["attribute"]]
            assert difference["here"] == {"OverallQual": 7}.get(difference["attribute"])


@pytest.mark.parametrize("which", ["ensemble", "one net"])
def test_reasons_lead_from_the_typical_house_to_the_price(
    client: TestClient, job: int, which: str
) -> None:
    asked = version_of(job if which == "ensemble" else HOUSE)
    schema = client.get("/api/v1/predictor", params={"model": asked}).json()["schema"]
    typical = {field["name"]: field["typical"] for field in schema["fields"]}
    house = typical | {"OverallQual": 8, "GarageCars": 0, "Neighborhood": "NoRidge"}
    found = client.post(REASONS, json={"house": house, "model": asked}).json()
    priced = client.post(PREDICTIONS, json={"houses": [typical, house], "model": asked}).json()
    first, last = (each["price"] for each in priced["predictions"])
    assert (found["typical"], found["price"]) == (pytest.approx(first), pytest.approx(last))
    assert {each["group"]: each["differs"] for each in found["reasons"]} == {
        "quality": ["OverallQual"], "garage": ["GarageCars"], "place": ["Neighborhood"],
    }  # fmt: skip
    dollars = [each["dollars"] for each in found["reasons"]]
    assert first + sum(dollars) == pytest.approx(last, rel=1e-9)
    assert sorted(map(abs, dollars), reverse=True) == [*map(abs, dollars)]


def test_the_typical_house_needs_no_reasons(client: TestClient, job: int) -> None:
    schema = client.get("/api/v1/predictor").json()["schema"]
    typical = {field["name"]: field["typical"] for field in schema["fields"]}
    found = client.post(REASONS, json={"house": typical}).json()
    assert found["reasons"] == []
    assert found["typical"] == found["price"]


def test_a_what_if_goes_through_the_price_and_moves_what_must_move(
    client: TestClient, job: int
) -> None:
    found = client.post(WHAT_IF, json={"house": AREAS, "attribute": "GrLivArea"}).json()
    own = found["values"].index(1710)
    for way in ("alone", "together"):
        assert found[way][own] == pytest.approx(price_of(client, AREAS))
    assert found["values"] == sorted(set(found["values"]))
    assert len(found["values"]) == 26
    first, last = found["values"][0], found["values"][-1]
    assert found["alone"][-1] == pytest.approx(price_of(client, {**AREAS, "GrLivArea": last}))
    moved = {name: values[0] for name, values in found["moves"].items()}
    assert moved["1stFlrSF"] + moved["2ndFlrSF"] == pytest.approx(first, abs=1)
    house = {**AREAS, **moved, "GrLivArea": first}
    assert found["together"][0] == pytest.approx(price_of(client, house))
    assert found["together"][0]["price"] != pytest.approx(found["alone"][0]["price"])


def test_a_what_if_of_what_has_no_parts_is_the_same_alone_and_together(client: TestClient) -> None:
    asked = {"house": AREAS, "attribute": "OverallQual", "model": version_of(HOUSE)}
    found = client.post(WHAT_IF, json=asked).json()
    assert found["values"] == [*range(3, 11)]  # what but one in a hundred at either end has
    assert found["alone"] == found["together"]
    assert found["moves"] == {}


@pytest.mark.parametrize(
    ("asked", "loc", "words"),
    [
        ({"attribute": "KitchenQual"}, ["body", "attribute"], "no numbers"),
        ({"attribute": "Kitchen"}, ["body", "attribute"], "There is no attribute 'Kitchen'."),
        ({"attribute": "OverallQual", "values": [11]}, ["body", "values", 0, "OverallQual"], "10"),
        ({"attribute": "OverallQual", "values": []}, ["body", "values"], "1"),
    ],
)
def test_a_what_if_that_cannot_be_is_refused(
    client: TestClient, job: int, asked: dict[str, Any], loc: list[str | int], words: str
) -> None:
    said = problem(client.post(WHAT_IF, json={"house": AREAS, **asked}), 422)
    assert said["errors"][0]["loc"] == loc
    assert words in said["errors"][0]["message"]


def test_the_sales_are_those_of_the_file(client: TestClient, job: int) -> None:
    from ml.houses.files import read

    train = read().train
    found = client.get(SALES, params={"attribute": ["GrLivArea", "Neighborhood"]}).json()
    assert found["ids"] == train["Id"].tolist()
    assert found["sold"] == train["SalePrice"].tolist()
    for name in ("GrLivArea", "Neighborhood"):
        assert found["attributes"][name] == train[name].tolist()
    problem(client.get(SALES, params={"attribute": "Price"}), 422)
    other = client.get(SALES, params={"model": version_of(HOUSE)}).json()
    assert (other["ids"], other["sold"]) == (found["ids"], found["sold"])


# ---- what to ask first


def test_what_to_ask_first_is_told_by_rest_and_drawn_by_the_server(client: TestClient) -> None:
    version = version_of(HOUSE)
    house: dict[str, Any] = {"GrLivArea": 1710, "Neighborhood": "CollgCr"}
    asked = {"house": house, "model": version, "count": 3}
    found = client.post(ASK_FIRST, json=asked).json()
    priced = price_of(client, house)
    half = (priced["high"] / priced["low"]) ** 0.5 - 1
    assert found["within"] == pytest.approx(half)
    withins = [each["within"] for each in found["ask_first"]]
    assert sorted(withins) == withins
    assert max(withins) < half
    assert found["all_known"] < found["form_known"] < half
    best = found["ask_first"][0]
    assert found["sentence"] == (
        f"Tell {best['attribute']} first: it would narrow the range from ±{100 * half:.0f} % to"
        f" ±{100 * best['within']:.0f} %, on average over houses alike."
    )
    page = client.get("/predict").text
    assert f'hx-get="/predict/asks?model={version}"' in page
    form = house | {"OverallQual": "", "model": version}  # as a form sends what is not known
    part = client.get("/predict/asks", params=form).text
    label = LABELS[best["attribute"]]
    assert f"Tell {label} first: it would narrow the range from ±{100 * half:.0f} %" in part
    assert f"everything ±{100 * found['all_known']:.0f} %." in part
    for wrong in ({"GrLivArea": "wide"}, {}):
        assert "range" not in client.get("/predict/asks", params=wrong).text


def test_of_a_house_of_which_all_is_known_nothing_is_asked(client: TestClient) -> None:
    schema = client.get("/api/v1/predictor").json()["schema"]
    typical = {f["name"]: f["typical"] or (f["levels"] or [0])[0] for f in schema["fields"]}
    found = client.post(ASK_FIRST, json={"house": typical}).json()
    assert found["ask_first"] == []
    assert found["sentence"] == f"All is known, and the range is ±{100 * found['within']:.0f} %."
    said = problem(client.post(ASK_FIRST, json={"house": {"OverallQual": 11}}), 422)
    assert said["errors"][0]["loc"][-1] == "OverallQual"
