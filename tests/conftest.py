"""What tests are given: a run store of their own, migrated by Alembic, on SQLite or PostgreSQL."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported: see app/__init__.py

import pytest
import torch
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app import monitor
from app.results import reading
from app.serving import log, predictors
from app.settings import Settings, settings
from app.store import sessions
from app.store.migrations import upgrade
from ml.data import hub

os.environ["RIDGELINE_ALLOWED_HOSTS"] = "testserver"  # what a TestClient calls itself
torch.set_num_threads(1)  # as a training process: tests that run side by side share the cores
CACHE = Settings().cache_dir.resolve()  # of the data hub: fetched once, used by every test
TEMPLATE = "template_of_tests"


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file at the newest schema, to be copied."""
    file = tmp_path_factory.mktemp("template") / "ridgeline.db"
    upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty RIDGELINE_DATA_DIR, but for the data cache that all share."""
    share_cache(tmp_path)
    monkeypatch.setenv("RIDGELINE_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("RIDGELINE_DATABASE_URL", raising=False)
    forget()
    yield tmp_path
    forget()


@pytest.fixture
def database(
    request: pytest.FixtureRequest, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The URL of an empty run store, which the settings of this process name, too.

    It is SQLite; `parametrize("database", ["sqlite", "postgresql"], indirect=True)` gives both.
    """
    if getattr(request, "param", "sqlite") == "sqlite":
        shutil.copy(request.getfixturevalue("template"), data_dir / "ridgeline.db")
        yield settings().url
        return
    server = request.getfixturevalue("postgres")
    with temporary(server, "test", template=TEMPLATE) as url:
        monkeypatch.setenv("RIDGELINE_DATABASE_URL", url)
        forget()
        yield url
        forget()


@pytest.fixture
def session(database: str) -> Iterator[Session]:
    """A session on the run store; commit to let others see what it wrote."""
    with sessions.writers()() as session:
        yield session


def share_cache(data_dir: Path) -> None:
    """Let a data folder use the cache that all share; it may not be there yet."""
    CACHE.mkdir(parents=True, exist_ok=True)
    (data_dir / "cache").symlink_to(CACHE)


def forget() -> None:
    """Close what is open; settings, engine and sessions are made anew when next asked for."""
    log.forget()
    monitor.forget()
    sessions.forget()
    settings.cache_clear()
    predictors.forget()
    hub.store_in(None)
    reading.forget()


# ---- PostgreSQL ----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL cluster of our own, behind a socket that only this machine sees."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        missing = (
            pytest.fail if os.environ.get("RIDGELINE_REQUIRE_POSTGRES") == "1" else pytest.skip
        )
        missing("PostgreSQL is not installed: no /usr/lib/postgresql/*/bin/initdb.")
    # not pytest's own folder: the server may not run as root, and who it runs as must reach it
    temporary_folder = tempfile.TemporaryDirectory(
        prefix="ridgeline-pg-", ignore_cleanup_errors=True
    )
    with temporary_folder as folder, _cluster(found[-1].parent, Path(folder)):
        server = f"postgresql+psycopg://ridgeline@/postgres?host={folder}"
        _until_it_answers(server)
        with temporary(server, TEMPLATE) as url:
            upgrade(url)
            yield server


@contextmanager
def temporary(server: str, name: str, template: str = "template0") -> Iterator[str]:
    """A database of that name while the block runs; gives its URL."""
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"create database {name} template {template}"))
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
        connection.execute(text(f"drop database {name} with (force)"))
    engine.dispose()


@contextmanager
def _cluster(binaries: Path, folder: Path) -> Iterator[None]:
    user = "postgres" if os.getuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    data = folder / "data"
    make: list[str | Path] = [
        binaries / "initdb",
        "-D",
        data,
        "-U",
        "ridgeline",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "-N",
    ]
    subprocess.run(make, check=True, stdout=subprocess.DEVNULL, user=user, cwd=folder)
    serve: list[str | Path] = [binaries / "postgres", "-D", data, "-k", folder, "-h", "", "-F"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(serve, user=user, cwd=folder, stdout=log, stderr=log)
    try:
        yield
    finally:
        server.terminate()
        server.wait(20)


def _until_it_answers(url: str, seconds: float = 20) -> None:
    engine, until = create_engine(url), time.monotonic() + seconds
    while True:
        try:
            engine.connect().close()
        except OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            engine.dispose()
            return
