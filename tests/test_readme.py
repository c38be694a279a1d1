"""README cannot lie: its tables, its commands, its tree, and the experiment it shows."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.settings import Settings
from benchmarks.chapter import HEAD, table
from ml.experiments import EXPERIMENTS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def rows(*, columns: int) -> list[tuple[str, ...]]:
    """Cells of all table rows with so many columns."""
    found = []
    for line in README.splitlines():
        cells = tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1])
        if line.startswith("|") and len(cells) == columns:
            found.append(cells)
    return found


def test_the_table_of_experiments_is_the_registry() -> None:
    said = [line for line in README.splitlines() if re.match(r"\| 4\.\d+ \|", line)]
    made = [*table(lambda _: " (1 s)")][len(HEAD) :]
    assert [re.sub(r"\(\d+(\.\d)? s\)", "(1 s)", line) for line in said] == made


def test_no_bar_cuts_a_row_of_the_table_of_experiments() -> None:
    assert any("|" in cls.summary() for cls in EXPERIMENTS.values())  # or this shows nothing
    for line in table(lambda _: ""):
        assert len(re.findall(r"(?<!\\)\|", line)) == 3, line


def test_the_table_of_settings_is_all_of_them() -> None:
    said = {row[0]: row[1:] for row in rows(columns=3) if row[0].startswith("`RIDGELINE_")}
    known = {
        f"`RIDGELINE_{name.upper()}`": (
            f"`{field.default}`" if str(field.default) else "",
            field.description,
        )
        for name, field in Settings.model_fields.items()
    }
    assert said == known


def test_every_command_is_one() -> None:
    said = set(re.findall(r"^ridgeline (\w+)", README, re.MULTILINE))
    helped = subprocess.run(
        [sys.executable, "-m", "app", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    known = set(re.findall(r"^│ (\w+)  ", helped, re.MULTILINE))
    assert said == known
    targets = set(re.findall(r"^(\w+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`?make (\w+)", README)) <= targets


def test_the_tree_is_the_tree() -> None:
    block = README.partition("## Layout")[2].split("```")[1]
    folder = Path()
    seen = set()
    for line in block.splitlines():
        name, _, words = line.strip().partition(" ")
        if not line.strip():
            continue
        if not line.startswith(" "):
            folder = Path(name)
            assert (ROOT / folder).is_dir(), name
        elif name:
            assert words.strip(), f"{name} has no words"
            for part in name.split(","):
                assert (ROOT / folder / part).exists(), f"{folder / part}"
                seen.add(folder / part)
    for package in ("app", "ml"):
        there = {path.relative_to(ROOT) for path in (ROOT / package).glob("[a-z]*")}
        assert there - {path for path in seen if path.parts[0] == package} == set()


def test_contributing_names_files_and_targets_that_there_are() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    paths = set(re.findall(r"`((?:alembic|app|ml|tests)/[a-z0-9_/.]+)`", text))
    missing = {path for path in paths if not (ROOT / path).exists()}
    assert missing <= {"ml/experiments/xor.py"}  # README's example, until somebody has saved it
    targets = set(re.findall(r"^(\w+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make (\w+)", text)) <= targets


def test_links_and_pictures_are_there() -> None:
    for target in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / target).is_file(), target


EXAMPLE = re.search(r'```python\n("""4\..*?)```', README, re.DOTALL)
TRY = """
import sys
from starlette.testclient import TestClient
from app.cli import commands
from app.store import sessions, migrations
from app.main import create_app
from app.engine.runners import Processes
from app.settings import settings
from app.engine.worker import Worker

if __name__ == "__main__":
    migrations.upgrade(settings().url)
    client = TestClient(create_app())
    assert "xor" in [item["name"] for item in client.get("/api/v1/experiments").json()]
    asked = {"experiment": {"name": "xor", "num_epochs": 300}}
    number = client.post("/api/v1/jobs", json=asked).json()["id"]
    Worker(sessions.writers(), Processes(), only=number).work()
    job = client.get(f"/api/v1/jobs/{number}").json()
    assert (job["status"], job["num_runs"], job["epochs_done"]) == ("succeeded", 5, 300), job
    (check,) = client.get(f"/api/v1/jobs/{number}/checks").json()
    assert check["passed"], check
    wrong = client.post("/api/v1/jobs", json={"experiment": {"name": "xor", "num_hiddens": 0}})
    assert wrong.json()["errors"][0]["loc"] == ["body", "experiment", "xor", "num_hiddens"]
    form = client.get("/jobs/new?experiment=xor").text
    assert 'name="num_hiddens"' in form and "Units of each hidden layer." in form
    assert "xor" in client.get(f"/jobs/{number}").text
    for words in (["train", "xor", "--num-epochs", "300", "--json"], ["verify", "xor"]):
        sys.argv = ["ridgeline", *words]
        try:
            commands.main()
        except SystemExit as left:
            assert not left.code, words
"""


@pytest.fixture
def copy(tmp_path: Path, data_dir: Path) -> Path:
    """The tree with README's experiment in it."""
    assert EXAMPLE is not None
    for folder in ("app", "ml", "alembic"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / "tree" / folder, ignore=ignored)
    (tmp_path / "tree/ml/experiments/xor.py").write_text(EXAMPLE[1])
    return tmp_path / "tree"


def test_its_experiment_is_one_short_file_that_runs_everywhere(copy: Path) -> None:
    assert EXAMPLE is not None
    assert len(EXAMPLE[1].splitlines()) <= 40
    (copy / "try.py").write_text(TRY)
    done = subprocess.run(
        [sys.executable, "try.py"],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    trained, end = json.JSONDecoder().raw_decode(done.stdout)
    assert trained["name"] == "xor"
    assert "least loss" in done.stdout[end:]  # of verify
