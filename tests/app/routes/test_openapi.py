"""The API against its own description: 25 made-up requests an operation, every check there is."""

import subprocess
import sys
from pathlib import Path

import pytest
from starlette.testclient import TestClient

CONFIG = Path(__file__).parents[2] / "data" / "schemathesis.toml"
ENDLESS = "events$"  # a stream ends with its job; tests of its own look at it


@pytest.mark.timeout(300)
def test_schemathesis_finds_nothing(server: str, tmp_path: Path) -> None:
    options = ["--checks", "all", "--max-examples", "25", "--seed", "1", "--no-color"]
    found = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIG),
            "run", f"{server}/api/v1/openapi.json", *options, "--exclude-path-regex", ENDLESS,
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout[-8000:]


def test_operations_have_stable_names_and_examples(client: TestClient) -> None:
    schema = client.get("/api/v1/openapi.json").json()
    assert schema["openapi"].startswith("3.1")
    names = [
        operation["operationId"] for path in schema["paths"].values() for operation in path.values()
    ]
    assert len(names) == len(set(names))
    assert {"create_job", "list_jobs", "stream_events", "predict", "predict_table"} <= set(names)
    for name in ("JobIn", "HousesIn"):
        assert schema["components"]["schemas"][name]["examples"]
