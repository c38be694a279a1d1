"""Migrations: bring a run store to the newest schema, and tell whether it is there."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, event

from app.errors import Complaint, sentence
from app.settings import settings
from app.store.sessions import engine, open_engine

HERE = Path(__file__).parent
# in a wheel it lies beside this file, in a checkout at the top
FOLDER = next((f for f in (HERE / "alembic", HERE.parents[1] / "alembic") if f.is_dir()), HERE)


def upgrade(url: str, revision: str = "head") -> None:
    """Create the tables where there are none, and migrate older ones; several may ask at once.

    Raises:
        Complaint: where the run store has a revision that is none of ours.
    """
    with migrating(url) as connection:
        try:
            command.upgrade(config(connection), revision)
        except CommandError as error:
            raise Complaint(
                "The run store was made by another version of Ridgeline, most likely a newer one "
                f"({sentence(error).rstrip('.')}). Use that version, or let RIDGELINE_DATA_DIR or "
                "RIDGELINE_DATABASE_URL name another run store."
            ) from None


def bring_to_head() -> None:
    """Make the run store of this process where there is none, and migrate an older one.

    Raises:
        Complaint: where a newer version made it.
    """
    if not at_head(engine()):  # it is seldom, and would have to wait for whoever writes
        upgrade(settings().url)


def downgrade(url: str, revision: str) -> None:
    """Go back to an earlier schema; "base" drops every table."""
    with migrating(url) as connection:
        command.downgrade(config(connection), revision)


def at_head(store: Engine) -> bool:
    """Whether the run store has the schema that this program was written for."""
    with store.execution_options(read_only=True).connect() as connection:
        return set(MigrationContext.configure(connection).get_current_heads()) == heads()


@lru_cache
def heads() -> frozenset[str]:
    """The newest revision, as the folder of migrations has it."""
    return frozenset(ScriptDirectory(str(FOLDER)).get_heads())


def config(connection: Connection | None = None) -> Config:
    """Alembic's settings; its commands run on `connection`, or on the engine of this process."""
    settings = Config()
    settings.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    settings.attributes["connection"] = connection
    return settings


@contextmanager
def migrating(url: str) -> Iterator[Connection]:
    """A connection to migrate on: foreign keys are not enforced on SQLite.

    SQLite changes a table by copying and dropping it; enforced, the drop would delete what refers
    to it. The pragma is only heard outside a transaction, so it is said on connecting.
    """
    own = open_engine(url)
    if own.dialect.name == "sqlite":
        event.listen(own, "connect", _do_not_enforce)
    try:
        with own.connect() as connection:
            yield connection
    finally:
        own.dispose()


def _do_not_enforce(connection: Any, _record: object) -> None:
    connection.execute("pragma foreign_keys=off")
