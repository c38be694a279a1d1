"""Tables that are priced part by part: the same as at once, refused before any answer, bounded."""

import csv
import errno
import gzip
import io
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from app import security
from app.cli import files
from app.errors import Complaint
from app.routes import predictions
from app.serving import log
from app.serving.predictors import Served
from app.serving.tables import PricedTable, opened
from app.settings import settings
from app.store import sessions
from app.store.models import Answer
from ml.data.hub import download
from ml.predictor import Predictions
from ml.pricing import Part
from ml.pricing import table as tables
from tests.app.routes.test_api import problem

FILE, IN_WORDS = "/api/v1/predictions.csv", "/api/v1/predictions/table"


@pytest.fixture(scope="module")
def sold() -> bytes:
    """Forty houses with what was paid, a note, and levels in small letters in the later half."""
    lines = [*csv.reader(io.StringIO(download("kaggle_house_train").read_text()))][:41]
    zone = lines[0].index("MSZoning")
    for i, line in enumerate(lines):
        line[zone] = line[zone].lower() if i > 20 else line[zone]
        line.append("Note" if i == 0 else f"house {i}, sold")
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(lines)
    return out.getvalue().encode()


def rows(text: str) -> list[dict[str, str]]:
    """Without the keys of answers."""
    return [{**row, "answer": ""} for row in csv.DictReader(io.StringIO(text))]


def test_parts_are_priced_like_the_whole(
    client: TestClient, sold: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = client.post(IN_WORDS, content=sold, params={"keep": False}).json()
    monkeypatch.setattr(tables, "PART", 7)
    answer = client.post(FILE, content=gzip.compress(sold))
    assert answer.is_success, answer.text
    assert answer.headers["ridgeline-version"] == str(whole["version"])
    assert "content-length" not in answer.headers
    assert rows(answer.text) == rows(whole["csv"])
    assert [row["Id"] for row in rows(answer.text)] == [str(i) for i in range(1, 41)]
    assert answer.text.count("SalePrice") == 1  # one header

    found = made(client, sold)
    parts = [*found.parts()]
    assert [len(part.names) for part in parts] == [7, 7, 7, 7, 7, 5]
    assert found.remarks == whole["remarks"]
    assert "MSZoning: 20 values read as a level of the same letters ('rl')." in found.remarks
    score = found.score
    assert score is not None
    for name in ("n", "rmse", "bias", "inside"):
        assert getattr(score, name) == pytest.approx(whole["score"][name], rel=1e-12)
    off = beside(parts)
    assert score.rmse == pytest.approx(np.sqrt(np.square(off).mean()))
    order = np.argsort(-np.abs(off))[:10] + 1  # ids are 1, 2, ...
    assert [miss.name for miss in score.worst] == [str(i) for i in order]
    assert [miss.name for miss in score.worst] == [one["name"] for one in whole["score"]["worst"]]


def made(client: TestClient, body: bytes, **how: Any) -> PricedTable:
    """The table of a body, beside a server whose model it takes."""
    from app.serving.predictors import serving

    with sessions.readers()() as session:
        served: Served = serving(session)
    with opened(io.BytesIO(body)) as (text, told):
        held = io.StringIO(text.read(), newline="")
    return PricedTable(served, (held, told), keep=False, **how)


def beside(parts: list[Part]) -> np.ndarray:
    """What was paid beside what was said, in logarithms, from the lines that come out."""
    found = rows("".join(part.csv for part in parts))
    return np.log([float(row["actual"]) / float(row["SalePrice"]) for row in found])


def test_faults_of_all_parts_are_told_before_any_price(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "PART", 2)
    body = "LotArea,Own\n1,a\n-2,b\n3,c\n4,d\n5,e\nsix,f\n"
    said = problem(client.post(FILE, content=body), 422)
    assert said["detail"].startswith("2 errors in the rows. Line 3: LotArea is -2;")
    assert "1 column is no field and is not read: 'Own'" in said["detail"]
    assert [fault["loc"] for fault in said["errors"]] == [
        ["body", 3, "LotArea"],
        ["body", 7, "LotArea"],
    ]
    short = problem(client.post(FILE, content="LotArea,Own\n" + "1,a\n" * 9 + "1\n"), 422)
    assert short["detail"] == "Line 11 has 1 cells; the header has 2."
    log.flush()
    assert kept() == 0


def kept() -> int:
    with sessions.readers()() as session:
        return session.scalar(select(func.count()).select_from(Answer)) or 0


def test_of_a_long_table_the_last_answers_are_kept(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "PART", 4)
    monkeypatch.setenv("RIDGELINE_KEEP_ANSWERS", "3")
    settings.cache_clear()
    waits = list[bool]()
    monkeypatch.setattr(log, "keep", _noting(waits))
    body = "LotArea,SalePrice\n" + "".join(f"{i},{i * 10}\n" for i in range(9000, 9010))
    answer = client.post(FILE, content=body)
    keys = [row["answer"] for row in csv.DictReader(io.StringIO(answer.text))]
    assert [bool(key) for key in keys] == [False] * 7 + [True] * 3
    assert waits == [True, True]
    log.flush()
    with sessions.readers()() as session:
        stored = session.scalars(select(Answer).order_by(Answer.id)).all()
        assert [(one.key, one.house, one.paid) for one in stored] == [
            (keys[i - 9000], {"LotArea": i}, i * 10) for i in (9007, 9008, 9009)
        ]


def _noting(waits: list[bool]) -> Any:
    """log.keep, which notes whether it was told to wait."""
    keep = log.keep

    def noted(*given: Any, wait: bool = False) -> Any:
        waits.append(wait)
        return keep(*given, wait=wait)

    return noted


def test_a_row_without_a_price_is_in_no_figure(client: TestClient) -> None:
    body = "YrSold,SalePrice\n2010,150000\n999999999999,160000\n2009,170000\n"
    said = "ridgeline_answers_total"
    before = _counted(client, said)
    answer = client.post(FILE, content=body)
    assert _counted(client, said) == before + 2
    assert [row["actual"] for row in rows(answer.text)] == ["150000", "160000", "170000"]
    log.flush()
    with sessions.readers()() as session:
        stored = session.scalars(select(Answer).order_by(Answer.id)).all()
        assert [(one.house, one.paid) for one in stored] == [
            ({"YrSold": 2010}, 150_000), ({"YrSold": 2009}, 170_000),
        ]  # fmt: skip
    found = made(client, body.encode())
    parts = [*found.parts()]
    assert found.remarks[-1] == "1 row has no price; their warnings say why."
    assert found.score is not None
    assert found.score.n == 2
    assert np.isfinite(found.score.rmse)
    assert [*parts[0].lost] == [1]


def _counted(client: TestClient, name: str) -> float:
    lines = client.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(f"{name}{{"))


def test_what_a_first_part_alone_knows_is_in_all(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "PART", 2)
    body = "LotArea,SalePrice,low,actual\n9000,150000,1,a\n" + "9000,,2,b\n" * 4
    found = rows(client.post(FILE, content=body).text)
    assert [row["actual"] for row in found] == ["150000", "", "", "", ""]
    assert [row["low (own)"] for row in found] == ["1", "2", "2", "2", "2"]
    assert [row["actual (own)"] for row in found] == ["a", "b", "b", "b", "b"]
    assert all(float(row["low"]) > 1000 for row in found)


def test_a_full_disk_is_told(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def __init__(self, *_: object) -> None:
            super().__init__()

        def write(self, *_: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(predictions, "SpooledTemporaryFile", Full)
    said = problem(client.post(FILE, content="LotArea\n1\n"), 507)
    assert said["detail"].startswith("The disk is full: make room where")


def test_a_body_of_this_route_alone_may_be_long(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(security, "MAX_BODY", 100)
    monkeypatch.setattr(security, "STREAMED", {FILE: 1_000})

    def pieces(n: int) -> Any:
        yield b"LotArea\n"
        yield from [b"9000\n"] * n

    assert client.post(FILE, content=pieces(100)).is_success
    problem(client.post(FILE, content=pieces(300)), 413)
    problem(client.post(IN_WORDS, content=pieces(100)), 413)


def test_a_table_waits_until_answers_are_written(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, free, came = threading.Event(), threading.Event(), threading.Event()
    write = log.Log._store

    def slowly(self: log.Log, some: log.Rows) -> None:
        busy.set()
        assert free.wait(30)
        write(self, some)

    monkeypatch.setattr(log.Log, "_store", slowly)
    with sessions.readers()() as session:
        from app.serving.predictors import serving

        served = serving(session)
    own, ones = log.Log(), np.ones(log.PATIENT)
    said = Predictions(ones, ones, ones)
    houses: list[dict[str, Any]] = [{"LotArea": 1}] * len(ones)
    assert own.keep(served, houses, said, wait=True)
    assert busy.wait(30)

    def more() -> None:
        assert own.keep(served, houses, said, wait=True)
        came.set()

    waiting = threading.Thread(target=more)
    waiting.start()
    assert not came.wait(0.2)
    assert own.keep(served, houses[:1], Predictions(ones[:1], ones[:1], ones[:1]))  # one house: now
    free.set()
    assert came.wait(30)
    waiting.join()
    own.close()
    assert kept() == 2 * len(ones) + 1


def test_nobody_waits_twice_for_a_store_that_does_not_answer(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.serving.predictors import serving

    free, write = threading.Event(), log.Log._store

    def never(self: log.Log, some: log.Rows) -> None:
        assert free.wait(30)
        write(self, some)

    monkeypatch.setattr(log.Log, "_store", never)
    monkeypatch.setattr(log, "LONGEST_WAIT", 0.2)
    with sessions.readers()() as session:
        served = serving(session)
    own, ones = log.Log(), np.ones(log.PATIENT)
    houses: list[dict[str, Any]] = [{"LotArea": 1}] * len(ones)
    waited = list[float]()
    for _ in range(4):
        start = time.monotonic()
        assert own.keep(served, houses, Predictions(ones, ones, ones), wait=True)
        waited.append(time.monotonic() - start)
    assert waited[1] >= 0.2 > max(waited[0], *waited[2:])
    free.set()
    own.close()
    assert kept() == 4 * len(ones)


def test_a_file_that_fails_midway_leaves_none(tmp_path: Path) -> None:
    def some() -> Any:
        yield b"Id\n"
        raise Complaint("no more")

    (tmp_path / "x.csv").write_bytes(b"before")
    with pytest.raises(Complaint, match="no more"):
        files.write_whole(tmp_path / "x.csv", some())
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]
    assert (tmp_path / "x.csv").read_bytes() == b"before"
