"""5,000 runs in 1,000 jobs of 100 epochs: lists and pages stay quick, and read no metric points."""

import shutil
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event
from starlette.testclient import TestClient

from app.main import create_app
from app.store import sessions
from benchmarks.crowd import MANY, fill

MOST = 0.150  # seconds at the median, on 2 cores
ASKED = 15
LISTS = ["/jobs", "/jobs?sort=valid&dir=asc", "/api/v1/jobs?limit=200", "/api/v1/jobs?sort=valid"]
JOB = ["/jobs/1000", "/api/v1/jobs/1000", "/api/v1/jobs/1000/runs", "/api/v1/jobs/1000/metrics",
       "/api/v1/jobs/1000/figures/curves-folds"]  # fmt: skip


@pytest.fixture(scope="module")
def crowd(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The application on such a store."""
    from tests.conftest import forget

    folder = tmp_path_factory.mktemp("crowd")
    shutil.copy(template, folder / "ridgeline.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RIDGELINE_DATA_DIR", str(folder))
        forget()
        with sessions.writers().begin() as session:
            assert fill(session) == 1000
        with TestClient(create_app()) as client:
            yield client
        forget()


def test_there_are_as_many_as_we_say(crowd: TestClient) -> None:
    assert crowd.get("/api/v1/jobs").json()["total"] == 1000
    with sessions.readers()() as session:
        runs = session.connection().exec_driver_sql("select count(*) from runs").scalar_one()
    assert runs == 999 * 4 + MANY


@pytest.mark.timed
@pytest.mark.parametrize("address", [*LISTS, *JOB])
def test_it_answers_in_time(crowd: TestClient, address: str) -> None:
    accept = {} if address.startswith("/api") else {"accept": "text/html"}
    took = []
    for _ in range(ASKED):
        start = time.perf_counter()
        response = crowd.get(address, headers=accept)
        took.append(time.perf_counter() - start)
        assert response.is_success
    print(f"{address}: {statistics.median(took) * 1e3:.0f} ms, {len(response.content)} bytes")  # noqa: T201
    assert statistics.median(took) < MOST


@pytest.mark.parametrize("address", LISTS)
def test_lists_touch_no_metric_points(crowd: TestClient, address: str) -> None:
    asked: list[str] = []

    def note(*arguments: object) -> None:
        asked.append(str(arguments[2]))

    event.listen(sessions.engine(), "before_cursor_execute", note)
    try:
        assert crowd.get(address).is_success
    finally:
        event.remove(sessions.engine(), "before_cursor_execute", note)
    assert any("FROM jobs" in statement for statement in asked)
    assert not any(f"FROM {t}" in statement for statement in asked for t in ("chunks", "runs"))
