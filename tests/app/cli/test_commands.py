"""The command line, as one would type it: what it prints, where, and with which exit code."""

import csv
import errno
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal
from urllib.request import urlopen

import numpy as np
import psutil
import pytest
import torch
from rich.console import Console
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.cli import commands, files, progress
from app.cli.exit_codes import explain
from app.errors import Complaint
from app.settings import settings
from app.store import chunks, sessions
from app.store.jobs import RunStore
from app.store.models import Job
from app.store.search import Listing
from app.store.states import JobStatus
from ml.data import hub
from ml.events import Checkpoint, Epoch, Event, Started
from ml.experiment import Experiment
from ml.experiments import EXPERIMENTS
from ml.experiments.kaggle_house import KaggleHouse
from tests.app import versions
from tests.conftest import forget

ROOT = Path(__file__).parents[3]


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
    with sessions.readers()() as session:
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
        (["train", "kaggle_house", "--learning-rate", "1"], "Did you mean --lr? There are: --dev"),
        (["train", "kaggle_house", "lr", "1"], "'lr' belongs to no flag"),
        (["train", "kaggle_house", "--k", "2.5"], "--k 2.5: Must be a whole number."),
        (["train", "kaggle_house", "--target", "logg"], "--target logg: Must be 'log' or 'raw'."),
        (["train", "kaggle_house", "--preset", "bok"], "no preset 'bok'. Did you mean book?"),
        (["submit", "kaggle_house", "--num-hiddens", "64,x"], "Item 2: Must be a whole number."),
        (["submit", "kaggle_house", "--num-hiddens", "64,,3"], "Item 2: Must not be empty."),
        (["verify", "--seeds", "0"], "See: ridgeline verify --help"),
        (["train", "kaggle_house", "--timeout", "x"], "See: ridgeline train --help"),
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


@pytest.mark.parametrize("command", ["worker", "serve", "up"])
def test_a_store_of_a_newer_version_is_refused_in_a_sentence(
    ridgeline: Run, session: Session, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RIDGELINE_PORT", "0")
    session.execute(text("update alembic_version set version_num = '9999'"))
    session.commit()
    result = ridgeline(command)
    assert "made by another version of Ridgeline, most likely a newer one" in result.err
    assert result.code == 1


def test_env_alone_moves_every_file(tmp_path: Path, data_dir: Path) -> None:
    """Also those of training, which has a process of its own."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / ".env").write_text(f"RIDGELINE_DATA_DIR={data_dir}\n")
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RIDGELINE_")}
    root = str(Path(__file__).parents[3])
    few = ["--num-images", "50", "--num-epochs", "1", "--num-seeds", "1"]
    subprocess.run(
        [sys.executable, "-m", "app", "train", "mlp_sweeps", *few],
        cwd=tmp_path / "here", env=clean | {"PYTHONPATH": root}, check=True, capture_output=True,
    )  # fmt: skip
    assert [path.name for path in (tmp_path / "here").iterdir()] == [".env"]
    assert (data_dir / "ridgeline.db").stat().st_size > 0


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


def test_a_sweep_is_queued_by_flags_of_several_values(ridgeline: Run) -> None:
    words = ("--lr", "0.001..0.1 log 3", "--dropout=0,0.3", "--num-epochs", "4", "--seed", "2")
    result = ridgeline("sweep", "kaggle_house", *words, "--eta", "2")
    assert (result.code, result.out) == (
        0, "Job 1 is queued: dropout, lr of kaggle_house, 7 trials, halving by 2.\n"
    )  # fmt: skip
    said = json.loads(ridgeline("sweep", "kaggle_house", "--json", *words, "--preset", "book").out)
    asked = said["experiment"]
    assert (asked["of"]["name"], asked["of"]["num_epochs"], asked["seed"]) == ("kaggle_house", 4, 2)
    assert asked["of"]["target"] == "raw"  # of the preset
    assert asked["over"] == {
        "lr": {"low": 0.001, "high": 0.1, "log": True, "points": 3}, "dropout": [0, 0.3]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("kaggle_house", "--lr", "0.1"), "Nothing varies: give a field several values, such as"),
        (("kaggle_house", "--lr", "0.1-0.5"), "--lr 0.1-0.5: Must be a number. A range is written"
         " 0.1..0.5."),
        (("kaggle_house", "--lr", "1,2", "--method", "all"), "--method all: Must be 'grid' or"),
        (("kaggle_house", "--k", "3,5"), "--k 3,5: Folds cannot vary within a sweep"),
        (("kaggle_house", "--rate", "3,5"), "There is no flag --rate."),
        (("activations", "--alpha", "0"), "activations trains nothing."),
    ],
)  # fmt: skip
def test_a_sweep_that_is_none_is_told_the_right_spelling(
    ridgeline: Run, words: tuple[str, ...], said: str
) -> None:
    result = ridgeline("sweep", *words)
    assert (result.code, result.out) == (2, "")
    assert said in result.err


def test_several_values_of_one_training_are_sent_to_the_sweep(ridgeline: Run) -> None:
    for command in ("train", "submit"):
        result = ridgeline(command, "kaggle_house", "--lr", "0.1, 0.2")
        assert (result.code, result.err) == (
            2, "Several values are a sweep: ridgeline sweep kaggle_house, with the same flags.\n"
        )  # fmt: skip


def test_submit_says_what_no_live_worker_has(ridgeline: Run) -> None:
    result = ridgeline("submit", "polynomial", "--device", "mps")
    assert (result.code, result.out) == (0, "Job 1 is queued.\n")
    assert result.err == "No live worker has mps: it waits until one comes.\n"
    said = json.loads(ridgeline("submit", "polynomial", "--device", "mps", "--json").out)
    assert said["waiting_for"] == result.err.strip()


def test_names_move_by_command(ridgeline: Run) -> None:
    assert ridgeline("models", "list").out.strip() == "No version yet: train house_ensemble."
    first = versions.trained(KaggleHouse(num_epochs=2, k=2))
    for payload in (first, versions.better(first), first):
        versions.keep(KaggleHouse(num_epochs=2, k=2), payload)
    listed = json.loads(ridgeline("models", "list", "--json").out)
    assert [row["version"] for row in listed] == [3, 2, 1]
    assert [row["names"] for row in listed] == [[], [], ["champion"]]
    assert "it answers" in ridgeline("models", "list").out

    refused = ridgeline("models", "promote", 3)
    assert refused.code == 1
    assert "cannot be told apart" in refused.err
    assert ridgeline("models", "promote", 3, "--force").code == 1
    forced = ridgeline("models", "promote", 3, "--force", "--reason", "It was asked for, twice.")
    assert re.match(r"champion promoted from 1 to 3 by \S+, forced: It was asked", forced.out)
    assert ridgeline("models", "rollback").out.startswith("champion rolled back from 3 to 1 by ")
    assert ridgeline("models", "name", "challenger", 2).code == 0
    moved = ridgeline("models", "promote", "challenger", "--reason", "Better.")
    assert "Version 2 is better than version 1 by " in moved.out
    shown = ridgeline("models", "show").out
    assert shown.startswith("# Version 2: MLP 64, log price (champion, challenger)\n")
    assert json.loads(ridgeline("models", "show", 1, "--json").out)["version"] == 1
    assert ridgeline("models", "name", "challenger").code == 0
    told = ridgeline("models", "history").out.splitlines()
    assert [line.split(" ", 2)[2].partition(" by ")[0] for line in told] == [
        "challenger removed from 2", "champion promoted from 1 to 2", "challenger named to 2",
        "champion rolled back from 3 to 1", "champion promoted from 1 to 3",
        "champion is 1, the first to answer",
    ]  # fmt: skip
    lost = ridgeline("models", "show", "nobody")
    assert lost.code == 1
    assert "There is no model 'nobody'. The last version is 3" in lost.err


def test_what_the_pages_tell_of_a_version_is_told_by_commands(ridgeline: Run) -> None:
    first = versions.trained(KaggleHouse(num_epochs=2, k=2))
    for payload in (first, versions.better(first)):
        versions.keep(KaggleHouse(num_epochs=2, k=2), payload)
    judged = ridgeline("models", "judge", 2)
    assert judged.out.startswith("Version 2 is better than version 1 by ")
    assert "holds  " in judged.out
    against = json.loads(ridgeline("models", "judge", 1, "--against", 2, "--json").out)
    assert (against["comparable"], against["passes"]) == (True, False)
    assert (judged.code, ridgeline("models", "judge", 1, "--against", 2).code) == (0, 4)
    alone = ridgeline("models", "judge", 2, "--against", 2)
    assert (alone.code, "not compared with itself" in alone.err) == (1, True)
    listed = ridgeline("models", "fields").out
    assert "GrLivArea: " in listed
    assert len(json.loads(ridgeline("models", "fields", "--json").out)["fields"]) == 79
    sales = [*csv.DictReader(ridgeline("models", "sales", "--attribute", "GrLivArea").out.split())]
    assert (len(sales), [*sales[0]]) == (1460, ["Id", "SalePrice", "GrLivArea"])

    seen = ridgeline("models", "promote", 2, "--instead-of", 2, "--who", "Ada")
    assert (seen.code, "no longer version 2" in seen.err) == (1, True)
    moved = ridgeline("models", "promote", 2, "--instead-of", 1, "--who", "Ada")
    assert moved.out.startswith("champion promoted from 1 to 2 by Ada")
    kept = ridgeline("models", "delete", 2)
    assert (kept.code, "which is called champion" in kept.err) == (1, True)
    assert ridgeline("models", "delete", 1).out == "Version 1 is deleted, and job 1 with it.\n"
    assert [job.id for job in jobs()] == [2]


def test_why_one_answer_is_so(ridgeline: Run) -> None:
    versions.keep(KaggleHouse(num_epochs=2, k=2), versions.trained(KaggleHouse(num_epochs=2, k=2)))
    known = ("GrLivArea=1710", "Neighborhood=CollgCr")
    found = json.loads(ridgeline("why", *known, "--what-if", "OverallQual", "--json").out)
    reasons = sum(one["dollars"] for one in found["reasons"]["reasons"])
    assert found["low"] < found["price"] < found["high"]
    assert found["reasons"]["typical"] + reasons + found["reasons"]["error"] == pytest.approx(
        found["price"]
    )
    (curve,) = found["what_if"]
    assert (curve["attribute"], len(curve["alone"])) == ("OverallQual", len(curve["values"]))
    assert found["comparables"] is None  # of one net
    told = ridgeline("why", *known, "--count", 2).out
    assert told.splitlines()[1] == found["ask_first"]["sentence"]
    assert told.count(" with ") == 4  # two fields, what is asked first, everything
    assert "From $" in told
    assert (ridgeline("why", "GrLivArea").code, ridgeline("why", "Area=9").code) == (2, 1)


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
    assert ridgeline("predict", "--model", 1, "-o", priced).code == 0
    prices = [[float(row["SalePrice"]) for row in rows(path)] for path in (first, priced)]
    assert prices[0] == pytest.approx(prices[1], rel=1e-6)
    assert len(prices[0]) == 1459

    result = ridgeline("submission", 1, tmp_path / "no" / "such.csv")
    assert result.code == 1
    assert "cannot be written. No such file or directory." in result.err


def test_prices_are_told_and_a_look_ends_with_4_where_something_moved(
    ridgeline: Run, tmp_path: Path
) -> None:
    assert ridgeline("train", "kaggle_house", "--num-epochs", 3).code == 0
    newer, priced = tmp_path / "newer.csv", tmp_path / "priced.csv"
    years = "".join(f"{1995 + i % 15},{1500 + 10 * i}\n" for i in range(40))
    newer.write_text("YearBuilt,GrLivArea\n" + years)
    assert ridgeline("predict", newer, "-o", priced).code == 0
    found = ridgeline("monitor")
    assert found.code == 4
    assert found.out.startswith("Version 1, 40 answers: What is asked about has moved: YearBuilt")
    assert "  YearBuilt: " in found.out
    said = ridgeline("actuals", priced)
    assert said.code == 2
    assert "it needs a column answer, and one of paid or actual; it has line, SalePrice" in said.err
    told = [row | {"paid": "$1,000,000"} for row in rows(priced)]
    told[0]["paid"], told[1]["answer"] = "-", "f" * 16
    with priced.open("w") as file:
        writer = csv.DictWriter(file, [*told[0]])
        writer.writeheader()
        writer.writerows(told)
    said = ridgeline("actuals", priced)
    assert said.out == "38 prices kept.\n"
    assert "1 row has no price above 0, or no answer." in said.err
    assert f"1 answer is not kept: {'f' * 16}" in said.err
    found = ridgeline("monitor")
    assert found.out.endswith(
        "Learn by weights towards what is asked: ridgeline models retrain 1 --way weights\n"
    )
    found = ridgeline("monitor", "--json")
    look = json.loads(found.out)
    assert (found.code, look["verdict"], look["look"]["paid"]["n"]) == (4, "worse", 38)


def test_without_a_predictor_there_is_nothing_to_write(ridgeline: Run, tmp_path: Path) -> None:
    result = ridgeline("submission", 77, tmp_path / "x.csv")
    assert (result.code, result.err.strip()) == (1, "There is no job 77.")
    assert ridgeline("train", "activations").code == 0
    assert "Job 1 has no predictor" in ridgeline("submission", 1, tmp_path / "x.csv").err
    assert "Nothing has been trained yet. Train a model: ridg" in ridgeline("predict").err


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
        yield self.near("one", expected=1, got=1 + self.seed, tolerance=0.5)


def test_verify_prints_objects_and_nothing_else(ridgeline: Run) -> None:
    result = ridgeline("verify", "4.7", "--json")
    verdicts = json.loads(result.out)
    assert result.code == 0
    keys = ["section", "experiment", "check", "claim", "expected", "got", "tolerance", "passed"]
    assert all(list(verdict) == keys for verdict in verdicts)
    assert {verdict["experiment"] for verdict in verdicts} == {
        "backpropagation",
        "computational_graph",
        "gradient_accumulation",
        "memory_of_training",
        "second_derivatives",
    }
    assert not jobs()


def test_verify_fails_where_a_check_does(ridgeline: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXPERIMENTS, "wrong", Wrong)
    right = ridgeline("verify", "wrong")
    assert right.code == 0
    assert re.search(r"^1 of 1 checks hold, in \d+ s\.$", right.out, re.MULTILINE)
    result = ridgeline("verify", "wrong", "--seeds", "2")
    assert result.code == 1
    assert re.search(r"one \(seed 1.*\).* 2\.000 .*1\.000 ± 0\.5 expected.*FAILS", result.out)
    assert result.out.count("holds") == 1
    assert "1 of 2 checks hold" in result.out


# ---- a machine that is not as it should be ------------------------------------------------------


def test_a_new_install_says_what_to_do_first(
    ridgeline: Run, data_dir: Path, tmp_path: Path
) -> None:
    (data_dir / "ridgeline.db").unlink()
    (tmp_path / "houses.csv").write_text("LotArea\n9000\n")
    said = ridgeline("predict", tmp_path / "houses.csv").err
    assert said.startswith("Nothing has been trained yet. Train a model: ridgeline train house_en")
    assert ridgeline("submission", 1, tmp_path / "x.csv").err == "There is no job 1.\n"


@pytest.mark.parametrize("url", ["garbage", "mysql://me@host/db", "postgresql://me:secret@host/d"])
def test_a_database_url_that_cannot_be_used_is_told_those_that_can(
    ridgeline: Run, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("RIDGELINE_DATABASE_URL", url)
    monkeypatch.setitem(sys.modules, "psycopg", None)  # as without '.[postgres]'
    forget()
    result = ridgeline("db", "upgrade")
    assert result.code == 2
    assert "postgresql+psycopg://user:password@host/name" in result.err
    assert "Traceback" not in result.err
    assert "secret" not in result.err


def test_a_store_of_a_newer_version_is_said_so(ridgeline: Run) -> None:
    with sessions.writers().begin() as session:
        session.connection().exec_driver_sql("update alembic_version set version_num = 'new'")
    said = ridgeline("db", "upgrade").err
    assert "made by another version of Ridgeline, most likely a newer one" in said
    assert "'new'" in said


def test_a_damaged_store_is_named_with_the_remedy(ridgeline: Run, data_dir: Path) -> None:
    file = data_dir / "ridgeline.db"
    file.write_bytes(b"no database" * 1000)
    forget()
    said = ridgeline("submit", "activations").err
    assert said == f"{file} is damaged, or no run store. Move it away: a new one is made.\n"


def test_a_data_folder_that_is_a_file(
    ridgeline: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "sub"):
        monkeypatch.setenv("RIDGELINE_DATA_DIR", str(path))
        settings.cache_clear()
        said = ridgeline("submit", "activations").err
        assert said == f"RIDGELINE_DATA_DIR is '{path}': {tmp_path}/file is a file, not a folder.\n"


def test_a_host_that_is_none_is_blamed_and_not_the_port(
    ridgeline: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for host in ("nowhere.invalid", "192.0.2.1"):
        monkeypatch.setenv("RIDGELINE_HOST", host)
        settings.cache_clear()
        said = ridgeline("serve").err
        assert said.startswith(f"RIDGELINE_HOST is '{host}': ")
        assert "stop what listens" not in said


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_device_that_is_not_there_is_said_once(ridgeline: Run) -> None:
    result = ridgeline("train", "polynomial", "--device", "cuda")
    assert result.code == 1
    assert "Traceback" not in result.err
    assert result.err.count("This machine has no cuda device.") == 1
    assert not jobs()  # refused before there is one


def test_a_warning_is_a_sentence(data_dir: Path) -> None:
    (data_dir / "cache").unlink()
    (data_dir / "cache").mkdir()
    wrong = data_dir / "cache" / hub.HUB["kaggle_house_train"].file
    wrong.write_bytes(b"wrong")
    code = """if True:
        from dataclasses import replace
        from app.cli import commands
        from ml.data import hub
        for name, remote in hub.HUB.items():
            hub.HUB[name] = replace(remote, url="http://127.0.0.1:1/x", fallback=None)
        commands.main()
    """
    command = [sys.executable, "-c", code, "train", "kaggle_house"]
    said = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT).stderr
    assert said.splitlines()[0].startswith(f"{wrong} is not kaggle_house_train: it has 5 bytes")
    assert "Warning" not in said
    assert "stacklevel" not in said


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (
            ["train", "kaggle_house", "--submission", "/nope/x.csv"],
            "/nope/x.csv cannot be written.",
        ),
        (["train", "kaggle_house", "--submission", "/"], "/ cannot be written. Is a directory."),
        (
            ["train", "polynomial", "--submission", "x.csv"],
            "comes of training house_ensemble or kaggle_house",
        ),
        (
            ["up", "--train", "polynomial", "--submission", "x.csv"],
            "comes of training house_ensemble or kaggle_house",
        ),
        (["up", "--train", "kaggle_house", "--submission", "/nope/x.csv"], "cannot be written."),
    ],
)
def test_a_submission_that_cannot_be_written_is_refused_before_training(
    ridgeline: Run, words: list[str], why: str
) -> None:
    result = ridgeline(*words)
    assert result.code in {1, 2}
    assert why in result.err
    assert not jobs()


def test_a_full_disk_is_that_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(Complaint, match=f"make room where {tmp_path} is"):
        files.write_whole(tmp_path / "x.csv", [b""])


def test_a_run_that_diverges_beside_others_is_named(ridgeline: Run) -> None:
    values = np.ones((3, 2, 2), np.float32)
    values[1:, :, 1] = np.nan
    with sessions.writers().begin() as session:
        store = RunStore(session)
        store.enqueue(Job(id=1, experiment={}, name="polynomial", label=""))
        chunks.append(session, 1, Started("sgd", ("data set 1", "data set 2"), 6, "mse", "cpu"))
        chunks.append(session, 1, Epoch("sgd", 1, values), Epoch("sgd", 4, values[1:]))
        store.cancel(1)
    (job,) = jobs()
    out = io.StringIO()
    progress.follow(job, Console(file=out, width=160, force_terminal=True))
    assert out.getvalue().count("data set 2 diverged at epoch 2.") == 1
    assert "data set 1 diverged" not in out.getvalue()
    assert "train –, valid – MSE" in out.getvalue()  # no mean of the others


# ---- up ------------------------------------------------------------------------------------------


@pytest.fixture
def up(data_dir: Path, tmp_path: Path) -> Iterator[Callable[..., "Up"]]:
    """Starts `ridgeline up` as a user would, on a free port."""
    started: list[Up] = []

    def start(train: str = "") -> Up:
        started.append(Up(tmp_path, train))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()


class Up:
    """A running `ridgeline up`; if asked for with `--train NAME --submission submission.csv`."""

    def __init__(self, folder: Path, train: str = "") -> None:
        self.submission, self.log = folder / "submission.csv", folder / "up.log"
        once = ["--train", train, "--submission", self.submission] if train else []
        command = ["-m", "app", "up", *once]
        environment = os.environ | {"RIDGELINE_PORT": "0", "COLUMNS": "160"}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *map(str, command)],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
            )

    def wait_for(self, text: str, times: int = 1, within: float = 90) -> str:
        """The log, once it holds this."""
        until = time.monotonic() + within
        while (said := self.log.read_text()).count(text) < times:
            assert self.process.poll() is None, said
            assert time.monotonic() < until, said
            time.sleep(0.1)
        return said

    def kill(self, command: str) -> None:
        """Kill a child as the kernel would for want of memory; it is there, or soon."""
        until = time.monotonic() + 20
        while time.monotonic() < until:
            for child in psutil.Process(self.process.pid).children():
                with suppress(psutil.Error):
                    if command in child.cmdline():
                        child.kill()
                        return
            time.sleep(0.02)
        raise AssertionError(command)

    def get(self, path: str) -> Any:
        """JSON of the API."""
        address = re.search(r"http://127.0.0.1:\d+", self.log.read_text())
        assert address is not None
        with urlopen(address.group() + path, timeout=10) as answer:
            return json.load(answer)


def test_up_starts_again_what_was_killed_until_it_is_too_much(up: Callable[..., Up]) -> None:
    service = up()
    service.wait_for("Ridgeline is at")
    service.kill("serve")
    service.wait_for("The server has ended, killed by SIGKILL; it is started again.")
    for times in (1, 2):
        service.kill("worker")
        service.wait_for("The worker has ended, killed by SIGKILL; it is started again.", times)
    family = psutil.Process(service.process.pid).children(recursive=True)
    service.kill("worker")
    assert service.process.wait(20) == 1
    assert "`ridgeline worker` has ended 3 times within a minute" in service.log.read_text()
    gone(family)


@pytest.mark.timeout(300)  # two starts with a training, on a busy machine, too
def test_up_trains_once_writes_the_submission_and_leaves_nothing(up: Callable[..., Up]) -> None:
    first = up("kaggle_house")
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

    second = up("kaggle_house")
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
