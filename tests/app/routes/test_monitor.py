"""What was answered is kept, prices come later, and a look says what has moved."""

import csv
import io
import json
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text
from starlette.testclient import TestClient

from app.alarm import Watchman
from app.main import create_app
from app.monitor import remembered
from app.serving import log
from app.settings import settings
from app.store import sessions
from app.store.answers import Answers
from app.store.models import Answer
from app.store.registry import Registry
from ml.experiments.kaggle_house import KaggleHouse
from ml.houses.tables import HouseTables
from ml.predictor import LEAST
from tests.app import versions
from tests.app.pages.test_pages import get
from tests.app.routes.test_api import problem

HOUSE = {"OverallQual": 7, "GrLivArea": 1710, "PoolQC": None}
ASK, TABLE = "/api/v1/predictions", "/api/v1/predictions.csv"
MONITOR, ACTUALS = "/api/v1/monitor", "/api/v1/actuals"


@pytest.fixture(scope="module")
def data() -> HouseTables:
    return HouseTables.read()


@pytest.fixture
def other(client: TestClient) -> int:
    """A second version; gives its number."""
    job = versions.keep(KaggleHouse(num_epochs=5), versions.trained(KaggleHouse(num_epochs=6)))
    with sessions.readers()() as session:
        version = Registry(session).of_job(job)
    assert version is not None
    return version.id


def ask(client: TestClient, *houses: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    asked = {"houses": [*houses] or [HOUSE], **more}
    found: list[dict[str, Any]] = client.post(ASK, json=asked).json()["predictions"]
    return found


def kept(client: TestClient) -> list[Answer]:
    """What is in the store once all is written."""
    client.get(MONITOR)
    with sessions.readers()() as session:
        return Answers(session).latest(1, 10**6)


def table(rows: list[dict[str, Any]], **columns: list[Any]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([*rows[0], *columns])
    for i, row in enumerate(rows):
        told = ["NA" if value is None else value for value in row.values()]
        writer.writerow([*told, *(column[i] for column in columns.values())])
    return out.getvalue()


def price(client: TestClient, body: str) -> list[dict[str, str]]:
    sent = client.post(TABLE, content=body, headers={"content-type": "text/csv"})
    assert sent.status_code == 200
    return [*csv.DictReader(io.StringIO(sent.text))]


def test_an_answer_is_kept_under_the_id_that_it_tells(client: TestClient) -> None:
    first, second = ask(client, HOUSE, {"LotArea": 9000})
    one, other = kept(client)
    assert (one.key, other.key) == (first["id"], second["id"])
    assert (one.house, other.house) == (HOUSE, {"LotArea": 9000})
    assert (one.price, one.low, one.high) == (first["price"], first["low"], first["high"])
    assert (one.version_id, one.paid) == (1, None)
    since = datetime.fromisoformat(client.get(MONITOR).json()["since"])
    assert abs((since - one.at).total_seconds()) < 0.002


def test_what_is_not_to_be_kept_is_not(client: TestClient) -> None:
    (said,) = ask(client, keep=False)
    assert said["id"] is None
    assert not kept(client)
    sent = client.post(f"{TABLE}?keep=false", content="LotArea\n9000\n")
    (row,) = csv.DictReader(io.StringIO(sent.text))
    assert row["answer"] == ""
    assert not kept(client)


def test_the_switch_is_off_where_none_are_to_be_kept(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RIDGELINE_KEEP_ANSWERS", "0")
    settings.cache_clear()
    (said,) = ask(client)
    assert said["id"] is None
    found = client.get(MONITOR).json()
    assert (found["verdict"], found["answers"]) == ("few", 0)
    assert found["sentence"] == "No answers are kept: RIDGELINE_KEEP_ANSWERS is 0."


def test_only_the_latest_are_kept(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RIDGELINE_KEEP_ANSWERS", "5")
    settings.cache_clear()
    for _ in range(3):
        last = ask(client, *[HOUSE] * 4)
        client.get(MONITOR)
    found = kept(client)
    assert len(found) == 5
    assert [answer.key for answer in found[-4:]] == [said["id"] for said in last]


def test_prices_come_later_and_the_last_one_counts(client: TestClient) -> None:
    first, second = ask(client, HOUSE, {"LotArea": 9000})
    told = [{"id": first["id"], "paid": 100_000}, {"id": "f" * 16, "paid": 1}]
    assert client.post(ACTUALS, json={"actuals": told}).json() == {
        "kept": 1, "unknown": ["f" * 16],
    }  # fmt: skip
    again = {"actuals": [{"id": first["id"], "paid": 120_000}]}
    assert client.post(ACTUALS, json=again).json()["kept"] == 1
    assert [answer.paid for answer in kept(client)] == [120_000, None]
    found = client.get(MONITOR).json()
    assert (found["answers"], found["paid"]) == (2, 1)
    (model,) = client.get("/api/v1/models").json()["models"]
    assert model["answers"] == 2
    with sessions.writers().begin() as session:
        session.execute(text("update answers set at = at - 8 * 86400 where paid is null"))
    assert client.get("/api/v1/models/1").json()["answers"] == 1
    assert second["id"] != first["id"]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"id": "f" * 16, "paid": -2e12}, "greater than or equal to"),
        ({"id": "f" * 16, "paid": "much"}, "number"),
        ({"id": "no", "paid": 1}, "pattern"),
        ({"id": "f" * 16}, "paid"),
    ],
)
def test_a_price_that_is_none_is_refused(
    client: TestClient, told: dict[str, Any], words: str
) -> None:
    said = problem(client.post(ACTUALS, json={"actuals": [told]}), 422)
    assert words in str(said)


def test_no_price_is_nought_and_one_such_spoils_the_request(client: TestClient) -> None:
    first, second = ask(client, HOUSE, {"LotArea": 9000})
    told = [{"id": first["id"], "paid": 2e5}, {"id": second["id"], "paid": 0}]
    said = problem(client.post(ACTUALS, json={"actuals": told}), 422)
    assert said["detail"].startswith(f"Answer {second['id']} cannot have come to 0: version 1")
    assert [answer.paid for answer in kept(client)] == [None, None]


def test_too_few_answers_say_so(client: TestClient) -> None:
    empty = client.get(MONITOR).json()
    assert (empty["verdict"], empty["look"]) == ("few", None)
    assert empty["sentence"] == f"A look needs {LEAST} answers; none is kept yet."
    ask(client)
    assert client.get(MONITOR).json()["sentence"].endswith("1 is kept.")
    words = " ".join(get(client, "/monitor").words.split())
    assert "Too little was asked" in words
    problem(client.get(MONITOR, params={"model": "nobody"}), 404)
    problem(client.get(MONITOR, params={"latest": LEAST - 1}), 422)


def test_newer_houses_are_told_by_page_and_json_with_what_was_paid(
    client: TestClient, data: HouseTables
) -> None:
    """A file of newer houses, a little unlike those learnt from, that sold for a third more."""
    newer = [i for i, row in enumerate(data.train) if int(str(row["YearBuilt"])) >= 1990][:120]
    rows = [data.train[i] | {"LotArea": int(str(data.train[i]["LotArea"])) + 7} for i in newer]
    paid = [round(1.33 * float(data.price[i])) for i in newer]
    priced = price(client, table(rows, SalePrice=paid))
    assert [answer.key for answer in kept(client)] == [row["answer"] for row in priced]
    found = client.get(MONITOR).json()
    look = found["look"]
    assert found["verdict"] == "worse"
    assert look["columns"][0]["name"] == "YearBuilt"
    off = np.log(np.array(paid) / np.array([float(row["SalePrice"]) for row in priced]))
    assert look["paid"]["n"] == 120
    assert look["paid"]["rmse"] == pytest.approx(float(np.sqrt(np.square(off).mean())), abs=1e-4)
    held = [float(r["low"]) <= p <= float(r["high"]) for r, p in zip(priced, paid, strict=True)]
    assert look["paid"]["inside"] == pytest.approx(np.mean(held))
    assert [month["n"] for month in look["months"]] == [120]
    assert look["met"] == 0
    mended = [{"id": row["answer"], "paid": float(row["SalePrice"])} for row in priced]
    assert client.post(ACTUALS, json={"actuals": mended}).json()["kept"] == 120
    right = client.get(MONITOR).json()  # as many prices, and others
    assert right["look"]["paid"]["rmse"] == pytest.approx(0, abs=1e-6)
    assert right["verdict"] == "moved"
    back = [{"id": row["answer"], "paid": sold} for row, sold in zip(priced, paid, strict=True)]
    client.post(ACTUALS, json={"actuals": back})
    page = get(client, "/monitor")
    words = " ".join(page.words.split())
    assert found["sentence"] in words
    assert f"{look['paid']['rmse']:.3f}" in words
    assert "YearBuilt" in words
    assert len(page.all("circle")) > 199  # each shuffle is a dot
    more = " ".join(get(client, "/monitor?columns=all").words.split())
    assert len(more) > len(words)


def test_kaggles_own_file_raises_nothing(client: TestClient, data: HouseTables) -> None:
    price(client, table(data.test))
    found = client.get(MONITOR).json()
    assert (found["verdict"], found["sentence"]) == ("quiet", "Nothing has moved beyond chance.")
    assert found["look"]["questions"] == len(data.test)
    assert "as learnt" in get(client, "/monitor").words


def test_a_prometheus_reads_what_was_counted(client: TestClient, data: HouseTables) -> None:
    before = scraped(client)
    assert before["ridgeline_jobs", "succeeded"] == 3
    assert before["ridgeline_champion", ""] == 1
    assert ("ridgeline_look_auc", "") not in before
    price(client, table(data.test[:60]))
    ask(client, keep=False)
    client.get(MONITOR)
    after = scraped(client)

    def more(*name: str) -> float:
        return after[name[0], name[1]] - before.get((name[0], name[1]), 0)

    assert more("ridgeline_answers_total", "1") == 61
    assert more("ridgeline_answers_kept_total", "") == 60
    assert more("ridgeline_answers_lost_total", "") == 0
    assert more("ridgeline_pricing_seconds_count", "") == 2
    assert after["ridgeline_champion_answers", ""] == 60
    found = client.get(MONITOR).json()
    assert after["ridgeline_look_auc", ""] == found["look"]["classifier"]["auc"]
    assert after["ridgeline_look_questions", ""] == 60
    assert after["ridgeline_look", found["verdict"]] == 1
    assert sum(after["ridgeline_look", one] for one in ("quiet", "moved", "worse")) == 1


def scraped(client: TestClient) -> dict[tuple[str, str], float]:
    """Values by name and the first label."""
    sent = client.get("/metrics")
    assert sent.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(sent.text)
        for sample in family.samples
    }


def test_what_cannot_be_written_is_counted_and_nobody_is_refused(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = scraped(client)["ridgeline_answers_lost_total", ""]
    with sessions.writers().begin() as session:
        session.execute(text("alter table answers rename to elsewhere"))
    (said,) = ask(client)
    assert said["price"] > 0
    log.flush()
    with sessions.writers().begin() as session:
        session.execute(text("alter table elsewhere rename to answers"))
    assert scraped(client)["ridgeline_answers_lost_total", ""] == before + 1
    monkeypatch.setattr(log, "MOST", 1)  # so many may wait
    assert [one["id"] for one in ask(client, HOUSE, HOUSE)] == [None, None]
    assert scraped(client)["ridgeline_answers_lost_total", ""] == before + 3
    ask(client)
    assert len(kept(client)) == 1


class Ear(BaseHTTPRequestHandler):
    """A webhook that keeps what it is told."""

    heard: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.heard.append(json.loads(body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What a webhook on this machine hears."""
    Ear.heard.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Ear) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("RIDGELINE_WEBHOOK", f"http://127.0.0.1:{server.server_port}/hook")
        settings.cache_clear()
        yield Ear.heard
        server.shutdown()
        thread.join()


def test_a_webhook_is_called_once_where_something_moved(
    client: TestClient, ear: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    man = Watchman(1)
    found = man.look()
    assert found is not None
    assert found.verdict == "few"
    assert not ear
    newer = [{"YearBuilt": 1995 + i % 15, "GrLivArea": 1500 + 10 * i} for i in range(40)]
    said = ask(client, *newer)
    hook = settings().webhook
    monkeypatch.setenv("RIDGELINE_WEBHOOK", "http://127.0.0.1:9/nobody")  # the port of discard
    settings.cache_clear()
    man.look()
    monkeypatch.setenv("RIDGELINE_WEBHOOK", hook)
    settings.cache_clear()
    man.look()  # again, as it was not heard
    man.look()
    (told,) = ear
    assert (told["version"], told["verdict"], told["answers"]) == (1, "moved", 40)
    assert told["text"] == f"Ridgeline, version 1: {client.get(MONITOR).json()['sentence']}"
    paid = [{"id": one["id"], "paid": 9 * one["price"]} for one in said]
    client.post(ACTUALS, json={"actuals": paid})
    man.look()
    assert [told["verdict"] for told in ear] == ["moved", "worse"]
    client.delete(
        "/api/v1/models/names/champion", params={"reason": "It is not to answer any more."}
    )
    assert man.look() is None


def test_a_watchman_looks_by_himself(data_dir: Path, client: TestClient) -> None:
    man = Watchman(0.05 / 3600)
    man.start()
    until = time.monotonic() + 60
    while remembered(1) is None and time.monotonic() < until:
        time.sleep(0.01)
    man.stop()
    assert remembered(1) is not None
    assert not man.is_alive()


def test_a_watchman_is_there_while_the_application_runs(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def watchmen() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name == "watchman"]

    assert not watchmen()
    monkeypatch.setenv("RIDGELINE_WATCH_HOURS", "1")
    settings.cache_clear()
    with TestClient(create_app()):
        assert watchmen() == ["watchman"]
    assert not watchmen()


def test_another_version_is_measured_where_prices_are_known(
    client: TestClient, data: HouseTables, other: int
) -> None:
    named = client.put("/api/v1/models/names/challenger", json={"model": str(other), "who": "Ada"})
    assert named.status_code == 200, named.text
    rows = [row | {"LotArea": int(str(row["LotArea"])) + 7} for row in data.train[:60]]
    body = table(rows, SalePrice=[float(price) for price in data.price[:60]])
    mine, its = (
        np.array([float(row["SalePrice"]) for row in price(client, body)]),
        np.array([said["price"] for said in ask(client, *rows, model=other, keep=False)]),
    )
    (beside,) = client.get(MONITOR).json()["look"]["instead"]
    assert (beside["version"], beside["names"]) == (other, ["challenger"])
    paid = data.price[:60]
    after, before = (np.sqrt(np.square(np.log(paid / said)).mean()) for said in (its, mine))
    assert (beside["n"], beside["learnt"]) == (60, 0)
    assert (beside["rmse"], beside["before"]) == pytest.approx((after, before), abs=1e-5)
    assert beside["difference"] == pytest.approx(after - before, abs=1e-5)
    assert f"Let version {other} answer" in get(client, "/monitor").words


def test_answers_go_with_their_version(client: TestClient, other: int) -> None:
    ask(client, model=other)
    found = client.get(MONITOR, params={"model": other}).json()
    assert found["answers"] == 1
    said = ask(client, HOUSE, {"LotArea": 9000}, model=other)
    client.post(ACTUALS, json={"actuals": [{"id": one["id"], "paid": 9e4} for one in said]})
    words = " ".join(get(client, f"/jobs/{found['job']}").words.split())
    assert "log go with it, and 2 prices that were told of its answers" in words
    gone = f"/api/v1/jobs/{found['job']}"
    for prices in ("", "?prices=1"):
        told = problem(client.delete(gone + prices), 409)["detail"]
        assert told.startswith(f"2 prices were told of answers of version {other}")
    assert client.delete(f"{gone}?prices=2").is_success
    with sessions.readers()() as session:
        assert not Answers(session).latest(other, 10)
