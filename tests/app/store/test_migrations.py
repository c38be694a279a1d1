"""Migrations: they make what the models say, and no row is lost on the way."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, Table, create_engine, insert, select
from sqlalchemy.engine import Engine

from app.store import sessions
from app.store.migrations import FOLDER, at_head, config, downgrade, upgrade
from app.store.models import Base

REVISIONS = [script.revision for script in ScriptDirectory(str(FOLDER)).walk_revisions()][::-1]
BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
Rows = dict[str, list[dict[str, Any]]]


@BOTH
def test_models_and_migrations_agree(database: str) -> None:
    with sessions.engine().connect() as connection:
        command.check(config(connection))


@BOTH
def test_the_schema_is_known_to_be_at_head(database: str) -> None:
    assert at_head(sessions.engine())
    downgrade(database, "base")
    assert not at_head(sessions.engine())


@BOTH
def test_upgrading_twice_changes_nothing(database: str) -> None:
    filled = fill(sessions.engine())
    upgrade(database)
    assert at_head(sessions.engine())
    assert rows(sessions.engine()) == filled


@BOTH
@pytest.mark.parametrize("at", range(len(REVISIONS)), ids=REVISIONS)
def test_rows_of_every_revision_survive_the_way_to_head_and_back(database: str, at: int) -> None:
    downgrade(database, "base")
    upgrade(database, REVISIONS[at])
    before = fill(sessions.engine())

    upgrade(database)
    assert_kept(before, rows(sessions.engine()))

    downgrade(database, REVISIONS[at])
    assert_kept(before, rows(sessions.engine()))
    assert not broken_references(sessions.engine())


@BOTH
def test_base_leaves_nothing(database: str) -> None:
    downgrade(database, "base")
    assert set(reflect(sessions.engine()).tables) <= {"alembic_version"}


def test_a_new_file_gives_space_back_and_lets_readers_be(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'ridgeline.db'}"
    upgrade(url)
    engine = create_engine(url)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("pragma auto_vacuum").scalar() == 2
        assert connection.exec_driver_sql("pragma journal_mode").scalar() == "wal"
    engine.dispose()


def test_numbers_of_deleted_jobs_are_not_used_again(database: str) -> None:
    with sessions.engine().connect() as connection:
        made = connection.exec_driver_sql("select sql from sqlite_master where name = 'jobs'")
        assert "AUTOINCREMENT" in str(made.scalar())


def test_a_migration_that_copies_jobs_keeps_what_refers_to_them(database: str) -> None:
    """On SQLite a batch drops the old table: were foreign keys enforced, the runs would go."""
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    from app.store.migrations import migrating

    before = fill(sessions.engine())
    sessions.engine().dispose()
    with migrating(database) as connection, connection.begin():
        operations = Operations(MigrationContext.configure(connection))
        with operations.batch_alter_table("jobs", recreate="always") as batch:
            batch.alter_column("label", existing_nullable=False, nullable=True)
    assert rows(sessions.engine()) == before


def fill(engine: Engine) -> Rows:
    """One row in every table of the schema as it stands: it knows the tables, not the models."""
    tables = reflect(engine).sorted_tables
    with engine.begin() as connection:
        for table in tables:
            if table.name != "alembic_version":
                connection.execute(insert(table).values(sample(table)))
    return rows(engine)


def sample(table: Table) -> dict[str, Any]:
    """A value for each column that must have one, and for those that say something."""
    by_type = {str: "queued", bool: True, int: 1, float: 1.5, bytes: b"\x00\xff", dict: {"a": [1]}}
    values: dict[str, Any] = {}
    for column in table.columns:
        kind = dict if "JSON" in str(column.type) else column.type.python_type
        values[column.name] = by_type[kind]
    return values


def rows(engine: Engine) -> Rows:
    """All that is in the run store, table by table."""
    with engine.connect() as connection:
        return {
            table.name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for table in reflect(engine).tables.values()
        }


def reflect(engine: Engine) -> MetaData:
    metadata = MetaData()
    metadata.reflect(engine)
    return metadata


def assert_kept(before: Rows, after: Rows) -> None:
    """Every row is there, with every column that still exists as it was."""
    for table in before.keys() - {"alembic_version"}:
        now = after.get(table) or after["versions" if table == "predictors" else table]
        assert len(now) == len(before[table])
        for old, new in zip(before[table], now, strict=True):
            assert {k: v for k, v in old.items() if k in new} == {
                k: new[k] for k in old if k in new
            }


def broken_references(engine: Engine) -> Sequence[Any]:
    if engine.dialect.name != "sqlite":
        return []  # PostgreSQL enforces them during a migration, too
    with engine.connect() as connection:
        return connection.exec_driver_sql("pragma foreign_key_check").all()


def test_every_table_of_the_models_is_filled(database: str) -> None:
    """The tests above would prove little of an empty table."""
    filled = fill(sessions.engine())
    assert all(filled[table] for table in Base.metadata.tables)
