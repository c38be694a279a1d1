"""Lists and pages stay quick: 5,000 runs in 1,000 jobs of 100 epochs, and a run of three hours."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.main import create_app
from app.results import reading
from app.store import sessions
from benchmarks import marathon
from benchmarks.crowd import MANY, fill
from tests import pace

MOST = 0.150  # seconds at the median, on 2 cores
SHORT = 0.100  # of a run of three hours
ASKED = 15
LISTS = ["/jobs", "/jobs?sort=valid&dir=asc", "/api/v1/jobs?limit=200", "/api/v1/jobs?sort=valid"]
JOB = ["/jobs/1000", "/api/v1/jobs/1000", "/api/v1/jobs/1000/runs", "/api/v1/jobs/1000/metrics",
       "/api/v1/jobs/1000/figures/curves-folds"]  # fmt: skip


@pytest.fixture(scope="module")
def crowd(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The application on a store of a thousand jobs."""
    with serving(template, tmp_path_factory.mktemp("crowd"), fill) as client:
        yield client


@pytest.fixture(scope="module")
def three_hours(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The application on a store of a job of 43,200 chunks, and of one that still runs."""

    def both(session: Session) -> None:
        for number in (marathon.ENDED, marathon.RUNNING):
            marathon.fill(session, number)

    with serving(template, tmp_path_factory.mktemp("three_hours"), both) as client:
        yield client


@contextmanager
def serving(
    template: Path, folder: Path, fill: Callable[[Session], object]
) -> Iterator[TestClient]:
    """The application on a store of its own, filled so."""
    from tests.conftest import forget

    shutil.copy(template, folder / "ridgeline.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RIDGELINE_DATA_DIR", str(folder))
        forget()
        with sessions.writers().begin() as session:
            fill(session)
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
    assert keeps(MOST, crowd, address)


@pytest.mark.timed
@pytest.mark.parametrize("number", [marathon.ENDED, marathon.RUNNING])
@pytest.mark.parametrize("address", marathon.ADDRESSES.values(), ids=marathon.ADDRESSES)
def test_a_run_of_three_hours_answers_in_time(
    three_hours: TestClient, address: str, number: int
) -> None:
    """Also when it is read for the first time in a process, as it is each time here."""
    assert keeps(SHORT, three_hours, address.format(number), before=reading.forget)
    assert keeps(SHORT, three_hours, address.format(number))


def keeps(
    promised: float, client: TestClient, address: str, before: Callable[[], object] = int
) -> bool:
    """Whether a request is answered in the seconds that were promised of a quick machine."""
    accept = {} if address.startswith("/api") else {"accept": "text/html"}

    def ask() -> None:
        before()
        assert client.get(address, headers=accept).is_success

    return pace.keeps(promised, ask, ASKED)


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
