"""What pip installs works in an empty folder: migrations, pages and all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, unpacked as pip does it, without what it depends on."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", folder, ROOT], check=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", folder / "site", wheel], check=True)
    return folder / "site"


def test_a_wheel_makes_its_run_store_and_trains(site: Path, tmp_path: Path) -> None:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RIDGELINE_")}
    for command in (["db", "upgrade"], ["train", "weight_decay", "--num-epochs", "2"]):
        done = subprocess.run(
            [sys.executable, "-m", "app", *command],
            check=False,
            cwd=tmp_path,
            env=clean | {"PYTHONPATH": str(site)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "var" / "ridgeline.db").exists()


def test_a_wheel_holds_all_that_lies_in_app_and_ml(site: Path) -> None:
    files = subprocess.run(
        ["git", "ls-files", "app", "ml"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    assert [file for file in files if not (site / file).exists()] == []
