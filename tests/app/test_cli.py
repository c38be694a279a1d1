"""The command line, as one would type it: what it prints, where, and with which exit code."""

import csv
import errno
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal
from urllib.request import urlopen

import psutil
import pytest

from app import db
from app.cli import commands
from app.cli.complaints import explain
from app.models import Job, JobStatus
from app.settings import settings
from app.store import Listing, RunStore
from ml.data import hub
from ml.events import Check, Checkpoint, Event
from ml.experiment import Experiment
from ml.experiments import EXPERIMENTS

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Result:
    """What a command left."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def ridgeline(
    database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """Runs a command in this process, on a run store of its own."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.setenv("COLUMNS", "160")

    def run(*words: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["ridgeline", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            commands.main()
        said = capsys.readouterr()
        return Result(int(left.value.code or 0), said.out, said.err)

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


def jobs() -> list[Job]:
    with db.readers()() as session:
        return [*RunStore(session).jobs(Listing())]


# ---- what is wrong is said -----------------------------------------------------------------------


def test_help_waits_for_no_library() -> None:
    code = "import sys, app.cli; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT)
    heavy = {"torch", "pandas", "numpy", "sqlalchemy", "fastapi", "pydantic", "rich"}
    assert not heavy & set(loaded.split())


def test_an_old_python_is_told_so() -> None:
    code = "import sys; sys.version_info = (3, 10, 1, 'final', 0); import app.cli.commands"
    left = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, cwd=ROOT
    )
    assert left.returncode == 1
    assert left.stderr.startswith("Ridgeline needs Python 3.11 or later; this is")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["train", "kagle_house"], "no experiment 'kagle_house'. Did you mean kaggle_house?"),
        (["train"], "Which experiment? There are: activations"),
        (["up", "--train", "nothing"], "no experiment 'nothing'"),
        (["train", "kaggle_house", "--lr", "-1"], "--lr -1: Must be above 0. lr: "),
        (["train", "kaggle_house", "--lr"], "--lr needs a value."),
        (["train", "kaggle_house", "--lrr", "1"], "no flag --lrr. Did you mean --lr?"),
        (["train", "kaggle_house", "lr", "1"], "'lr' belongs to no flag"),
        (["train", "kaggle_house", "--k", "2.5"], "--k 2.5: Must be a whole number."),
        (["train", "kaggle_house", "--target", "logg"], "--target logg: Must be 'log' or 'raw'."),
        (["train", "kaggle_house", "--preset", "bok"], "no preset 'bok'. Did you mean book?"),
        (["submit", "kaggle_house", "--num-hiddens", "64,x"], "Item 2: Must be a whole number."),
        (["submission", "one", "x.csv"], "Invalid value for 'job'"),
        (["verify", "9.9"], "Nothing to verify is called '9.9'."),
        (["predict", "/nowhere.csv"], "/nowhere.csv: No such file or directory."),
        (["nothing"], "No such command 'nothing'."),
    ],
)
def test_bad_input_is_a_sentence_and_exit_code_2(
    ridgeline: Run, words: list[str], sentence: str
) -> None:
    result = ridgeline(*words)
    assert (result.code, result.out) == (2, "")
    assert sentence in result.err
    assert "Traceback" not in result.err
    assert not jobs()


def test_a_range_is_named(ridgeline: Run) -> None:
    said = ridgeline("train", "kaggle_house", "--k", "99").err
    assert "--k 99: Must be at most 20." in said
    assert "2 to 20" in said


def test_bad_settings_name_the_variable(ridgeline: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RIDGELINE_PORT", "many")
    settings.cache_clear()
    result = ridgeline("serve")
    assert result.code == 2
    assert "RIDGELINE_PORT is 'many'" in result.err


def test_a_port_in_use_is_named_with_the_way_out(
    ridgeline: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setenv("RIDGELINE_PORT", str(port))
        settings.cache_clear()
        for command in ("serve", "up"):
            result = ridgeline(command)
            assert result.code == 1
            assert f"Port {port} of 127.0.0.1 cannot be used" in result.err
            assert "RIDGELINE_PORT=" in result.err


def test_no_network_says_all_that_was_tried(
    ridgeline: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").unlink()
    for name in ("kaggle_house_train", "kaggle_house_test"):
        nowhere = replace(hub.HUB[name], url="http://127.0.0.1:1/x.csv", fallback=None)
        monkeypatch.setitem(hub.HUB, name, nowhere)
    result = ridgeline("train", "kaggle_house")
    assert (result.code, result.out) == (1, "")
    assert "kaggle_house_train could not be had. Tried, in this order:" in result.err
    assert "To help by hand, save the file as" in result.err


def test_a_full_disk_is_a_sentence() -> None:
    text, code = explain(OSError(errno.ENOSPC, "No space left on device"))
    assert text.startswith("The disk is full: make room")
    assert code == 1


def test_what_nobody_foresaw_stays_a_traceback() -> None:
    assert explain(RuntimeError("a mistake of ours"))[0] == ""


def test_a_worker_wants_a_migrated_store(
    ridgeline: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RIDGELINE_DATABASE_URL", f"sqlite:///{tmp_path / 'new.db'}")
    settings.cache_clear()
    db.engine.cache_clear()
    assert "Run: ridgeline db upgrade" in ridgeline("worker").err
    assert "is at revision" in ridgeline("db", "upgrade").out


# ---- training ------------------------------------------------------------------------------------


def test_the_fields_of_an_experiment_are_its_flags(ridgeline: Run) -> None:
    result = ridgeline("train", "kaggle_house", "--help")
    assert result.code == 0
    for field in EXPERIMENTS["kaggle_house"].model_fields.keys() - {"name"}:
        assert f"--{field.replace('_', '-')}" in result.out
    assert "--preset book" in result.out


def test_train_is_recorded_like_any_job(ridgeline: Run) -> None:
    result = ridgeline("train", "polynomial", "--num-epochs", "20", "--lr=0.02")
    assert result.code == 0
    assert "Weights, first data set" in result.out
    assert "20/20 epochs" in result.err
    (job,) = jobs()
    assert (job.status, job.name, job.attempt) == (JobStatus.succeeded, "polynomial", 1)
    assert job.experiment["lr"] == 0.02


def test_json_is_all_that_stands_on_stdout(ridgeline: Run) -> None:
    result = ridgeline("train", "activations", "--json")
    said = json.loads(result.out)
    assert (said["status"], said["name"]) == ("succeeded", "activations")
    assert all(check["passed"] for check in said["checks"])
    queued = json.loads(ridgeline("submit", "activations", "--alpha", "0.1", "--json").out)
    assert (queued["status"], queued["experiment"]["alpha"]) == ("queued", 0.1)


def test_a_failure_is_the_jobs_own_sentence(ridgeline: Run) -> None:
    result = ridgeline("train", "polynomial", "--lr", "10", "--num-epochs", "30")
    assert result.code == 1
    assert "Job 1 failed: Training diverged at epoch" in result.err


def test_submit_only_queues(ridgeline: Run) -> None:
    assert ridgeline("submit", "kaggle_house", "--preset", "book").out == "Job 1 is queued.\n"
    (job,) = jobs()
    assert (job.status, job.experiment["lr"]) == (JobStatus.queued, 5)


def test_houses_from_the_folds_to_the_prices(ridgeline: Run, tmp_path: Path) -> None:
    """4.10: train, write the submission, price the competition's file: the same prices."""
    first, second, priced = (tmp_path / name for name in ("a.csv", "b.csv", "c.csv"))
    quick = ("--k", 2, "--num-epochs", 2, "--num-hiddens", "8,8")
    result = ridgeline("train", "kaggle-house", *quick, "--submission", first)
    assert result.code == 0
    assert f"submission.csv written: {first}" in result.out
    assert "fold" in result.out

    assert ridgeline("submission", 1, second).code == 0
    assert first.read_bytes() == second.read_bytes()
    assert ridgeline("predict", "--job", 1, "-o", priced).code == 0
    prices = [[float(row["SalePrice"]) for row in rows(path)] for path in (first, priced)]
    assert prices[0] == pytest.approx(prices[1], rel=1e-6)
    assert len(prices[0]) == 1459

    result = ridgeline("submission", 1, tmp_path / "no" / "such.csv")
    assert result.code == 1
    assert "cannot be written. No such file or directory." in result.err


def test_without_a_predictor_there_is_nothing_to_write(ridgeline: Run, tmp_path: Path) -> None:
    result = ridgeline("submission", 77, tmp_path / "x.csv")
    assert (result.code, result.err.strip()) == (
        1,
        "Job 77 has no predictor; a succeeded kaggle_house has one.",
    )
    assert "No model has been trained yet" in ridgeline("predict").err


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


# ---- verify --------------------------------------------------------------------------------------


class Wrong(Experiment):
    """A claim that does not hold."""

    section: ClassVar[str] = "9.9"
    name: Literal["wrong"] = "wrong"

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:
        """Claim it."""
        yield Check.near(self.section, "one", expected=1, got=1 + self.seed, tolerance=0.5)


def test_verify_prints_objects_and_nothing_else(ridgeline: Run) -> None:
    result = ridgeline("verify", "4.7", "--json")
    verdicts = json.loads(result.out)
    assert result.code == 0
    keys = ["section", "experiment", "check", "expected", "got", "tolerance", "passed"]
    assert all(list(verdict) == keys for verdict in verdicts)
    assert {verdict["experiment"] for verdict in verdicts} == {
        "backpropagation",
        "memory_of_training",
    }
    assert not jobs()


def test_verify_fails_where_a_check_does(ridgeline: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXPERIMENTS, "wrong", Wrong)
    assert ridgeline("verify", "wrong").code == 0
    result = ridgeline("verify", "wrong", "--seeds", "2")
    assert result.code == 1
    assert re.search(r"one \(seed 1.*\).* 2 .*FAILS", result.out)
    assert result.out.count("holds") == 1


# ---- up ------------------------------------------------------------------------------------------


@pytest.fixture
def up(data_dir: Path, tmp_path: Path) -> Iterator[Callable[[], "Up"]]:
    """Starts `ridgeline up` as a user would, on a free port."""
    started: list[Up] = []

    def start() -> Up:
        started.append(Up(tmp_path))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()


class Up:
    """A running `ridgeline up --train kaggle_house --submission submission.csv`."""

    def __init__(self, folder: Path) -> None:
        self.submission, self.log = folder / "submission.csv", folder / "up.log"
        command = ["-m", "app", "up", "--train", "kaggle_house", "--submission", self.submission]
        environment = os.environ | {"RIDGELINE_PORT": "0", "COLUMNS": "160"}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *map(str, command)],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
            )

    def wait_for(self, text: str, within: float = 90) -> str:
        """The log, once it holds this."""
        until = time.monotonic() + within
        while text not in (said := self.log.read_text()):
            assert self.process.poll() is None, said
            assert time.monotonic() < until, said
            time.sleep(0.1)
        return said

    def get(self, path: str) -> Any:
        """JSON of the API."""
        address = re.search(r"http://127.0.0.1:\d+", self.log.read_text())
        assert address is not None
        with urlopen(address.group() + path, timeout=10) as answer:
            return json.load(answer)


def test_up_trains_once_writes_the_submission_and_leaves_nothing(up: Callable[[], Up]) -> None:
    first = up()
    said = first.wait_for("submission.csv written")
    assert "Beside the book" in said
    assert len(rows(first.submission)) == 1459
    assert first.get("/readyz")["status"] == "ready"
    assert first.get("/api/v1/jobs")["total"] == 1
    family = psutil.Process(first.process.pid).children(recursive=True)
    assert len(family) >= 3  # web, worker, fork server
    first.process.send_signal(signal.SIGINT)
    assert first.process.wait(20) == 0
    gone(family)

    second = up()
    said = second.wait_for("submission.csv written")
    assert "was trained by" in said
    assert second.get("/api/v1/jobs")["total"] == 1
    family = psutil.Process(second.process.pid).children(recursive=True)
    second.process.kill()  # it cannot say goodbye; its children notice
    gone(family)


def gone(family: list[psutil.Process], within: float = 20) -> None:
    """Wait until these processes have ended; a zombie has."""
    until = time.monotonic() + within
    while any(
        process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in family
    ):
        assert time.monotonic() < until, family
        time.sleep(0.05)
