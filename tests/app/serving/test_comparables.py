"""Comparable sales over HTTP: they add up to the price, and a predictor without any says so."""

from math import exp, log

import pytest
from starlette.testclient import TestClient

from app import lifecycle
from app.store import sessions
from app.store.models import Artifact, Job
from app.store.states import JobStatus
from ml.events import Trained
from ml.experiments import parse
from ml.experiments.house_ensemble import HouseEnsemble
from tests.app.conftest import HOUSE
from tests.app.routes.test_api import problem

COMPARABLES, PREDICTIONS = "/api/v1/comparables", "/api/v1/predictions"
SHORT = HouseEnsemble(k=2, num_seeds=1, num_epochs=1)


@pytest.fixture(scope="module")
def payload() -> bytes:
    """A predictor that has hardly learnt."""
    (trained,) = [event for event in SHORT.run() if isinstance(event, Trained)]
    return trained.payload


@pytest.fixture
def job(client: TestClient, payload: bytes) -> int:
    """A job of the ensemble that has succeeded and is the best."""
    with sessions.writers().begin() as session:
        job = lifecycle.submit(session, parse(SHORT.model_dump(mode="json")))
        number = job.id
        session.add(Artifact(job_id=number, size=len(payload), payload=payload))
        row = session.get(Job, number)
        assert row is not None
        row.status, row.valid = JobStatus.succeeded, 0.05
    return number


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


def test_a_predictor_that_compares_nothing_says_so(client: TestClient) -> None:
    said = problem(client.post(COMPARABLES, json={"house": {}}), 409)
    assert said["detail"] == (
        f"The predictor of job {HOUSE} compares no sales; that of a house_ensemble does."
    )
    assert "Comparable sales" not in client.get("/predict").text


def test_a_wrong_house_is_refused_as_elsewhere(client: TestClient, job: int) -> None:
    said = problem(client.post(COMPARABLES, json={"house": {"OverallQual": 11}}), 422)
    assert said["errors"][0]["loc"][-1] == "OverallQual"
    said = problem(client.post(COMPARABLES, json={"house": {}, "count": 0}), 422)
    assert said["errors"][0]["loc"] == ["body", "count"]
