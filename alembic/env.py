"""Alembic's environment: all migrations of a call run in one transaction."""

from alembic import context
from sqlalchemy import Connection

from app.store.models import Base
from app.store.sessions import engine

LOCK = 7_435_463  # any number, as long as all who migrate agree on it


def migrate(connection: Connection) -> None:
    """Run the migrations that the command asks for."""
    dialect = connection.dialect.name
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=dialect == "sqlite",  # which alters a table by copying it
        transactional_ddl=True,  # SQLite, too: app.store.sessions begins each transaction itself
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        if dialect == "postgresql":  # on SQLite BEGIN IMMEDIATE makes the second one wait
            connection.exec_driver_sql(f"select pg_advisory_xact_lock({LOCK})")
        context.run_migrations()
        if dialect == "sqlite" and connection.exec_driver_sql("pragma foreign_key_check").first():
            raise RuntimeError("A migration left rows that refer to nothing; it was undone.")


given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    with engine().connect() as own:
        migrate(own)
