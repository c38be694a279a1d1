"""Tables that are answered by a job: the same lines as streamed, whatever is killed meanwhile."""

import csv
import gzip
import io
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.cli import commands
from app.engine.runners import ProcessAttempt, Processes
from app.engine.worker import Worker
from app.pages import predict
from app.results.log import pace
from app.results.reading import Reading, read
from app.settings import settings
from app.store import payloads, sessions
from app.store.jobs import RunStore
from app.store.models import Answer, Job
from app.store.registry import Registry
from app.store.states import Act, JobStatus
from ml.data.hub import download
from ml.events import Progress
from ml.experiments.kaggle_house import KaggleHouse
from ml.pricing import sweep
from ml.schema import beginning
from tests.app import versions
from tests.app.made_jobs import claim, queue
from tests.app.routes.test_api import problem

STREAMED, JOBS = "/api/v1/predictions.csv", "/api/v1/predictions/jobs"
TABLE = (
    "Lot Area,Note,MSZoning,SalePrice\n"
    '9000,"first, of all",rl,150000\n8000,second,RL,\n7000,=1+1,RM,170000\n'
)


def lines(rows: int, note: str = "") -> str:
    """A table of so many houses."""
    return "LotArea,YrSold,Note\n" + "".join(
        f"{9000 + i % 500},{2006 + i % 5},{note}\n" for i in range(rows)
    )


@pytest.fixture
def worker(client: TestClient) -> Iterator[Worker]:
    """A worker that a test moves on, tick by tick."""
    made = Worker(sessions.writers(), Processes())
    yield made
    for slot in made.busy:
        slot.attempt.kill()


def send(client: TestClient, body: str | bytes, **query: Any) -> int:
    answer = client.post(JOBS, content=body, params=query)
    assert answer.status_code == 202, answer.text
    number = int(answer.json()["id"])
    assert answer.headers["location"] == f"/api/v1/jobs/{number}"
    return number


def job(number: int) -> Job:
    with sessions.readers()() as session:
        return RunStore(session).get(number)


def until(worker: Worker, true: Callable[[], bool], within: float = 60) -> None:
    end = time.monotonic() + within
    while not true():
        assert time.monotonic() < end
        worker.tick()


def finish(worker: Worker, number: int) -> Job:
    until(worker, lambda: job(number).finished_at is not None)
    return job(number)


def is_halfway(number: int) -> bool:
    found = job(number)
    assert found.finished_at is None
    return 0 < found.epochs_done < found.epochs_total


def trainer(worker: Worker) -> psutil.Process:
    (slot,) = worker.busy
    assert isinstance(slot.attempt, ProcessAttempt)
    return psutil.Process(slot.attempt.process.pid)


def fetched(client: TestClient, number: int) -> str:
    answer = client.get(f"/api/v1/jobs/{number}/predictions.csv")
    assert answer.status_code == 200, answer.text
    return answer.text


def page(client: TestClient, path: str, status: int = 200) -> str:
    answer = client.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == status, answer.text
    return str(answer.text)


def without_keys(text: str) -> list[list[str]]:
    """The cells of a file of answers, but for the keys under which these are kept."""
    header, *rows = csv.reader(io.StringIO(text))
    place = header.index("answer")
    return [row[:place] + row[place + 1 :] for row in (header, *rows)]


def kept() -> list[Answer]:
    with sessions.readers()() as session:
        return [*session.scalars(select(Answer).order_by(Answer.id))]


def folders() -> list[Path]:
    return [*(settings().data_dir / "predictions").glob("*")]


# ---- what comes of it ----------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [str.encode, lambda text: gzip.compress(text.encode())])
def test_a_job_gives_what_is_streamed(
    client: TestClient, worker: Worker, pack: Callable[[str], bytes]
) -> None:
    body = pack(TABLE)
    streamed = client.post(STREAMED, content=body, params={"map": "Note=", "keep": False})
    number = send(client, body, map="Note=", about="three.csv")
    assert finish(worker, number).error is None
    answer = client.get(f"/api/v1/jobs/{number}/predictions.csv")
    assert without_keys(answer.text) == without_keys(streamed.text)
    for header in ("ridgeline-version", "content-disposition"):
        assert answer.headers[header] == streamed.headers[header]

    keys = [row["answer"] for row in csv.DictReader(io.StringIO(answer.text))]
    assert [(one.key, one.version_id, one.paid) for one in kept()] == [
        (keys[0], 1, 150_000), (keys[1], 1, None), (keys[2], 1, 170_000),
    ]  # fmt: skip
    assert kept()[0].house == {"LotArea": 9000, "MSZoning": "RL"}

    said = client.get(f"/api/v1/jobs/{number}").json()
    assert (said["name"], said["label"]) == ("predictions", "three.csv by version 1")
    assert (said["epochs_done"], said["epochs_total"]) == (3, 3)
    shown = page(client, f"/jobs/{number}")
    for words in (
        "three.csv",
        "3 rows",
        f"/api/v1/jobs/{number}/predictions.csv",
        "MSZoning: 1 value read as a level of the same letters",
        "Columns that are no field",
        "log RMSE",
        "Furthest off",
        "ridgeline predict three.csv",
    ):
        assert words in shown, words


def test_without_keep_nothing_is_kept_and_lines_are_the_same(
    client: TestClient, worker: Worker
) -> None:
    streamed = client.post(STREAMED, content=TABLE, params={"keep": False})
    number = send(client, TABLE, keep=False)
    finish(worker, number)
    assert fetched(client, number) == streamed.text
    assert not kept()


def test_the_version_is_the_one_that_answered_when_it_was_sent(
    client: TestClient, worker: Worker
) -> None:
    number = send(client, TABLE)
    versions.keep(KaggleHouse(num_epochs=1), versions.trained(KaggleHouse(num_epochs=1)))
    with sessions.writers().begin() as session:
        Registry(session).point("champion", 2, Act.promoted, who="a test")
    finish(worker, number)
    assert [row["version"] for row in csv.DictReader(io.StringIO(fetched(client, number)))] == [
        "1"
    ] * 3


def test_a_key_makes_one_job_of_one_request(client: TestClient) -> None:
    asked: dict[str, Any] = {"url": JOBS, "content": TABLE, "headers": {"Idempotency-Key": "k"}}
    first, again = client.post(**asked), client.post(**asked)
    assert (first.status_code, first.json()["id"]) == (202, again.json()["id"])
    said = problem(client.post(**asked | {"content": TABLE + "1,,,\n"}), 409)
    assert "This Idempotency-Key made job" in said["detail"]


def test_it_is_no_lesson(client: TestClient, worker: Worker) -> None:
    names = {one["name"] for one in client.get("/api/v1/experiments").json()}
    assert "polynomial" in names
    assert "predictions" not in names
    fields = {"name": "predictions", "file": "a" * 64, "version": 1, "model": "b" * 64}
    said = problem(client.post("/api/v1/jobs", json={"experiment": fields}), 422)
    assert "There is no 'predictions' here." in said["detail"]
    number = send(client, TABLE)
    for path in ("/jobs", "/", f"/jobs/{number}"):
        assert f"/jobs/{number}" in page(client, path)
    assert page(client, f"/jobs/new?from={number}", status=404)


# ---- what goes wrong -----------------------------------------------------------------------------


def test_a_wrong_table_fails_in_words(client: TestClient, worker: Worker) -> None:
    number = send(client, "LotArea,Own\n1,a\n-2,b\n3,c\nsix,d\n")
    found = finish(worker, number)
    assert (found.status, found.reason) == (JobStatus.failed, "error")
    assert str(found.error).startswith("2 errors in the rows. Line 3: LotArea is -2;")
    assert "1 column is no field and is not read: 'Own'" in str(found.error)
    shown = page(client, f"/jobs/{number}")
    assert "What is wrong" in shown
    assert "LotArea is &#39;six&#39;" in shown
    said = problem(client.get(f"/api/v1/jobs/{number}/predictions.csv"), 409)
    assert said["detail"] == f"Job {number} has failed: it has no answers. Try it again."
    assert "a header and no rows" in str(finish(worker, send(client, "LotArea\n")).error)
    assert not kept()


PACKED = gzip.compress(b"LotArea\n9000\n", mtime=0)
LONG_LOT = ("LotArea\n" + "9000\n" * 300_000).encode()  # more than is looked at


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "The file is empty"),
        (b"area,rent\n50,600\n", "names no column of this table: is the header missing? It has M"),
        (b"area,rent\n" + b"5,6\n" * 400_000, "names no column"),
        (b"LotArea\n9\x00\n", "it holds bytes of 0"),
        (
            gzip.compress(gzip.compress(b"LotArea\n9000\n", mtime=0), mtime=0),
            "packed by gzip twice",
        ),
        (gzip.compress(b"LotArea\n9000\n", mtime=0)[:-9], "damaged gzip"),
        (b"Lot Area,LotArea\n1,2\n", "'Lot Area' and 'LotArea' are both LotArea"),
    ],
)
def test_what_the_first_lines_show_is_refused_at_once(
    client: TestClient, body: bytes, why: str
) -> None:
    said = problem(client.post(JOBS, content=body), 422)
    assert why in said["detail"]
    with sessions.readers()() as session:
        assert not RunStore(session).of("predictions")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_long_file_is_not_refused_by_its_first_lines(
    client: TestClient, pack: Callable[[bytes], bytes]
) -> None:
    assert client.post(JOBS, content=pack(LONG_LOT)).status_code == 202
    begin = beginning(io.BytesIO(pack(LONG_LOT)))
    assert begin
    assert LONG_LOT.startswith(begin.read())
    assert begin.seek(-1, io.SEEK_END) < 2**20  # a piece of it
    assert begin.read() == b"\n"
    assert client.post(JOBS, content=LONG_LOT.decode().encode("utf-16")).status_code == 202


def test_what_is_not_there_yet_is_a_conflict(client: TestClient, worker: Worker) -> None:
    number = send(client, lines(1_000))
    path = f"/api/v1/jobs/{number}/predictions.csv"
    said = problem(client.get(path), 409)
    assert said["detail"] == (
        f"Job {number} is queued: its answers are there once it has succeeded."
    )
    until(worker, lambda: is_halfway(number))
    assert "is running" in problem(client.get(path), 409)["detail"]
    shown = page(client, f"/jobs/{number}")
    assert "of 1,000 rows" in shown
    said = problem(client.get("/api/v1/jobs/1/predictions.csv"), 409)
    assert said["detail"] == "Job 1 is kaggle_house: it answers no table."


def test_killed_trainers_and_silent_workers_cost_nothing_but_time(
    client: TestClient, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RIDGELINE_LEASE", "0.5")
    monkeypatch.setenv("RIDGELINE_KEEP_ANSWERS", "900")
    settings.cache_clear()
    body = lines(1_000)
    streamed = client.post(STREAMED, content=body, params={"keep": False})
    number = send(client, body)
    until(worker, lambda: is_halfway(number) and len(kept()) > 0)
    os.kill(trainer(worker).pid, signal.SIGKILL)
    until(worker, lambda: job(number).attempt == 2 and is_halfway(number))
    silent = trainer(worker)
    time.sleep(0.6)  # its lease runs out; its trainer goes on

    found = finish(Worker(sessions.writers(), worker.runner), number)
    assert (found.status, found.attempt) == (JobStatus.succeeded, 3)
    worker.tick()
    assert not silent.is_running()
    text = fetched(client, number)
    assert without_keys(text) == without_keys(streamed.text)
    keys = [row["answer"] for row in csv.DictReader(io.StringIO(text))]
    assert keys[:100] == [""] * 100
    assert sorted(one.key for one in kept()) == sorted(keys[100:])
    (folder,) = folders()
    assert {path.suffix for path in folder.iterdir()} == {"", ".csv"}  # no part is left


def test_a_cancelled_job_ends_within_a_second(client: TestClient, worker: Worker) -> None:
    number = send(client, lines(1_000))
    until(worker, lambda: is_halfway(number))
    running, start = trainer(worker), time.monotonic()
    client.post(f"/api/v1/jobs/{number}/cancel")
    finish(worker, number)
    assert time.monotonic() - start < 1
    assert not running.is_running()
    said = problem(client.get(f"/api/v1/jobs/{number}/predictions.csv"), 409)
    assert "has been cancelled: it has no answers" in said["detail"]
    again = client.post(f"/api/v1/jobs/{number}/retry").json()["id"]
    assert finish(worker, again).status == JobStatus.succeeded
    assert len(fetched(client, again).splitlines()) == 1_001


def test_a_damaged_or_missing_file_is_said_so(client: TestClient, worker: Worker) -> None:
    number = send(client, TABLE)
    finish(worker, number)
    path = f"/api/v1/jobs/{number}/predictions.csv"
    (file,) = folders()[0].glob("*.csv")
    file.write_bytes(file.read_bytes().replace(b"first", b"fIrst"))
    assert "is damaged" in problem(client.get(path), 409)["detail"]
    file.unlink()
    assert "cannot be read (No such file" in problem(client.get(path), 409)["detail"]
    assert "no longer there" in page(client, f"/jobs/{number}")

    for name, what in (("table", "The table of this job"), ("model", "The model of this job")):
        damaged = send(client, TABLE + f"{len(name)}000,,,\n", about=name)
        (folder,) = {*folders()} - {file.parent}
        (folder / name).write_bytes(b"something else")
        found = finish(worker, damaged)
        assert str(found.error).startswith(f"{what} is damaged:"), found.error
        assert client.delete(f"/api/v1/jobs/{damaged}").status_code == 204


# ---- where it lies -------------------------------------------------------------------------------


def test_files_go_with_the_last_job_that_has_them(client: TestClient, worker: Worker) -> None:
    number = send(client, TABLE)
    finish(worker, number)
    again = client.post(f"/api/v1/jobs/{number}/retry").json()["id"]
    finish(worker, again)
    (folder,) = folders()
    assert client.delete(f"/api/v1/jobs/{number}").headers["freed-bytes"].isdecimal()
    assert fetched(client, again)
    size = sum(file.stat().st_size for file in folder.iterdir())
    gone = client.delete(f"/api/v1/jobs/{again}")
    assert int(gone.headers["freed-bytes"]) >= size > 0
    assert not folders()


def test_what_was_left_behind_is_swept(client: TestClient) -> None:
    number = send(client, TABLE)
    (mine,) = folders()
    (mine / "7.part").write_text("of a killed trainer")
    (mine.parent / "x.part").write_text("of a killed server")
    (mine.parent / "of-no-job").mkdir()
    sweep({mine.name}, settings().data_dir)
    assert len(folders()) == 3  # what is young may be on its way
    for path in (*mine.iterdir(), *folders()):
        os.utime(path, (0, 0))
    send(client, TABLE, keep=False)
    assert mine in folders()
    assert {path.name for path in mine.iterdir()} == {"table", "model"}
    assert not {"x.part", "of-no-job"} & {path.name for path in folders()}
    assert job(number).status == JobStatus.queued


def test_memory_does_not_grow_with_the_table(client: TestClient, worker: Worker) -> None:
    header, house, *_ = download("kaggle_house_train").read_text().splitlines()
    peaks = []
    for rows in (600, 1_800):
        body = f"{header},Note\n" + f"{house},{'x' * 20_000}\n" * rows
        number, peak = send(client, body, keep=False), 0
        while job(number).finished_at is None:
            worker.tick()
            for slot in worker.busy:
                assert isinstance(slot.attempt, ProcessAttempt)
                peak = max(peak, resident(slot.attempt.process.pid or 0))
        assert job(number).status == JobStatus.succeeded
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 12e6 < 1_200 * 20_000


def resident(pid: int) -> int:
    """Bytes that a process has held at most."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:  # it has ended
        return 0
    return next(
        (int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")),
        0,
    )


# ---- how it is asked for -------------------------------------------------------------------------


def test_a_page_sends_a_long_file_as_a_job(
    client: TestClient, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def post(body: str | bytes) -> Any:
        files = {"file": ("houses.csv", body)}
        headers = {"Accept": "text/html"}
        return client.post("/predict", files=files, headers=headers, follow_redirects=False)

    form = page(client, "/predict")
    assert re.search(r'action="/predict"\s+enctype="multipart/form-data"', form)
    monkeypatch.setattr(predict, "MOST", 5)
    at_once = post(lines(5))
    assert at_once.headers["content-type"].startswith("text/csv")
    assert len(at_once.text.splitlines()) == 6
    wrong = post("LotArea\n-1\n")
    assert wrong.status_code == 422
    assert "Line 2: LotArea is -1" in wrong.text
    assert "Choose a file." in client.post("/predict").text

    for body in (lines(6), gzip.compress(lines(6).encode())):
        sent = post(body)
        assert sent.status_code == 303
        assert "houses.csv by version 1" in page(client, sent.headers["location"])
        number = int(sent.headers["location"].rpartition("/")[2])
        assert finish(worker, number).status == JobStatus.succeeded
        assert len(fetched(client, number).splitlines()) == 7
    monkeypatch.setattr(predict, "LONG", 20)
    assert post(lines(2)).status_code == 303


def test_a_command_sends_it_follows_and_writes(
    client: TestClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file, out = tmp_path / "houses.csv", tmp_path / "priced.csv"
    file.write_text(TABLE)
    streamed = client.post(STREAMED, content=TABLE, params={"keep": False})
    workers: list[Worker] = []

    def work() -> None:  # fork server and attempts in the thread that lives as long
        workers.append(Worker(sessions.writers(), Processes()))
        workers[0].work()

    thread = threading.Thread(target=work)
    thread.start()

    def ridgeline(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["ridgeline", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            commands.main()
        return (int(left.value.code or 0), *capsys.readouterr())

    try:
        code, said, err = ridgeline("predict", file, "--job", "-o", out)
        assert (code, said) == (0, ""), err
        assert without_keys(out.read_text()) == without_keys(streamed.text)
        assert "read as a level of the same letters" in err
        file.write_text("LotArea\n-1\n")
        code, said, err = ridgeline("predict", file, "--job")
        assert (code, said) == (1, "")
        assert "failed: Line 2: LotArea is -1" in err
        file.write_text(TABLE)
        code, said, err = ridgeline("predict", file, "--job")
        assert without_keys(said) == without_keys(streamed.text)
    finally:
        workers[0].stop()
        thread.join()


# ---- how far it has come -------------------------------------------------------------------------


def test_progress_is_rows_of_all_and_how_long_they_take(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.store.leases import Leases

    ticks = iter(range(1000, 2000, 2))
    clock = SimpleNamespace(time=lambda: float(next(ticks)))
    monkeypatch.setattr(payloads, "time", clock)
    with sessions.writers().begin() as session:
        taken = claim(session, queue(session))
        for said in ((100, 0), (300, 0), (50, 300), (150, 300), (250, 300)):
            what = "rows" if said[1] else "rows checked"
            earlier = Progress(said[0] - 10, said[1], what)
            Leases(session).append(taken.token, [earlier, Progress(*said, what)])
    with sessions.readers()() as session:
        found = RunStore(session).get(taken.job_id)
        reading = read(session, found.id)
        stored = RunStore(session).chunks(found.id)
    assert (found.epochs_done, found.epochs_total) == (250, 300)
    at = pace(found, reading)
    assert (at.what, at.per_second, at.left) == ("rows", 50.0, 1.0)
    merged = Reading().after([(stored[-1][0], payloads.merge(stored))])
    assert (merged.progress, merged.clock) == (reading.progress, reading.clock)
    counted = [i for i in payloads.unpack(1, payloads.merge(stored)) if i["type"] == "progress"]
    assert [item["done"] for item in counted] == [100, 300, 50, 250]
