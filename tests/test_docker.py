"""The image and the services: valid by the Compose specification, closed to the outside, pinned."""

import json
import re
import shlex
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[1]
DOCKER = ROOT / "docker"
LONG_RUNNING = ["web", "worker", "worker-gpu"]


def compose() -> dict[str, Any]:
    """The services as Compose reads them, anchors merged."""
    value: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yml").read_text())
    return value


def stages() -> list[list[tuple[str, str]]]:
    """Each stage's instructions: (name, arguments), continued lines joined."""
    text = re.sub(r"\\\n", " ", (DOCKER / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found: list[list[tuple[str, str]]] = []
    for line in lines:
        name, _, arguments = line.partition(" ")
        if name == "FROM":
            found.append([])
        found[-1].append((name, arguments.strip()))
    return found


def last(name: str) -> str:
    """What the final image says under this instruction."""
    return next(value for key, value in reversed(stages()[-1]) if key == name)


def pins() -> dict[str, str]:
    """Package -> version of the constraints file, names normalised."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {normal(name): version for name, version in pairs}


def normal(name: str) -> str:
    """A package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


# ---- compose -------------------------------------------------------------------------------------


def test_compose_follows_the_specification() -> None:
    package = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    schema = json.loads(package.read_text())

    jsonschema.validate(compose(), schema)
    with pytest.raises(jsonschema.ValidationError, match="'portz' was unexpected"):
        jsonschema.validate({"services": {"web": {"portz": []}}}, schema)


def test_only_the_web_is_published_and_only_on_loopback() -> None:
    published = {name: service.get("ports", []) for name, service in compose()["services"].items()}

    assert published == {
        "migrate": [],
        "web": ["127.0.0.1:${RIDGELINE_PORT:-8000}:8000"],
        "worker": [],
        "worker-gpu": [],
    }


def test_the_database_is_migrated_once_before_anything_starts() -> None:
    services = compose()["services"]

    assert services["migrate"]["command"] == ["db", "upgrade"]
    for name in LONG_RUNNING:
        conditions = services[name]["depends_on"]
        assert conditions == {"migrate": {"condition": "service_completed_successfully"}}, name
        assert services[name]["restart"] == "unless-stopped", name


@pytest.mark.parametrize("name", ["migrate", *LONG_RUNNING])
def test_a_service_can_write_nothing_but_its_data(name: str) -> None:
    service = compose()["services"][name]

    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]
    assert service["volumes"] == ["data:/data"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["cap_drop"] == ["ALL"]
    assert service["environment"]["RIDGELINE_DATA_DIR"] == "/data"


def test_a_gpu_is_reserved_under_its_profile_only() -> None:
    services = compose()["services"]
    (device,) = services["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]

    assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
    assert [name for name, service in services.items() if "profiles" in service] == ["worker-gpu"]


def test_compose_builds_the_dockerfile_with_its_argument() -> None:
    build = compose()["services"]["web"]["build"]

    assert (DOCKER / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]) == DOCKER / "Dockerfile"
    assert set(build["args"]) == {"PIP_ARGS"}


# ---- image ---------------------------------------------------------------------------------------


def test_the_image_runs_as_a_fixed_user_that_is_not_root() -> None:
    uid, _, gid = last("USER").partition(":")

    assert int(uid) >= 1000
    assert int(gid) >= 1000


def test_the_image_says_how_it_is() -> None:
    assert "/healthz" in last("HEALTHCHECK")
    assert json.loads(last("ENTRYPOINT")) == ["ridgeline"]
    assert json.loads(last("CMD")) == ["up"]
    assert last("VOLUME") == "/data"
    assert last("EXPOSE") == "8000"


def test_the_health_check_is_a_program() -> None:
    program, flag, code = json.loads(last("HEALTHCHECK").partition("CMD ")[2])

    assert (program, flag) == ("python", "-c")
    compile(code, "HEALTHCHECK", "exec")


def test_the_operator_chooses_where_torch_comes_from() -> None:
    builder = stages()[0]
    (install,) = [value for name, value in builder if name == "RUN" and "pip install" in value]

    assert ("ARG", 'PIP_ARGS=""') in builder
    assert "pip install $PIP_ARGS -c constraints.txt" in install


def test_both_stages_start_from_the_same_small_base() -> None:
    bases = [stage[0][1].split()[0] for stage in stages()]

    assert bases == ["python:3.11-slim-bookworm"] * 2


def test_what_is_copied_exists_and_is_let_in() -> None:
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    copies = [
        shlex.split(value)[:-1]
        for stage in stages()
        for name, value in stage
        if name == "COPY" and not value.startswith("--from")
    ]

    for name in {name for copy in copies for name in copy}:
        assert (ROOT / name).exists(), name
        assert f"!{name}" in ignore, name


# ---- pins ----------------------------------------------------------------------------------------


def test_torch_is_pinned_without_a_build() -> None:
    assert pins()["torch"] == "2.13.0"
    assert not [name for name in pins() if name.startswith(("nvidia-", "cuda-", "triton"))]


def test_every_dependency_is_bounded_on_both_sides_and_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]

    for whole in [*project["dependencies"], *extras["postgres"], *extras["dev"]]:
        line = whole.partition(";")[0]  # what follows says for which machines it is
        name = normal(re.split(r"[\[<>=]", line)[0])
        if name != "ridgeline":
            assert re.search(r">=[\d.]+,<[\d.]+$", line), line
            assert name in pins(), line


def test_image_and_package_have_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert f'image.version="{project["version"]}"' in last("LABEL")
