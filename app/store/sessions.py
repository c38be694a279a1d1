"""One engine by URL, and the sessions of a request: SQLite with its discipline, or Postgres."""

import threading
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy import Engine, Float, create_engine, event
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.sql.functions import FunctionElement

from app.errors import Complaint
from app.settings import settings

PRAGMAS = (
    "busy_timeout=10000",
    "foreign_keys=on",
    "synchronous=normal",
    "journal_size_limit=4194304",  # a log that one large write made long is cut to what is usual
)
"""What every connection to SQLite says first."""


class now(FunctionElement[float]):
    """Seconds since 1970 on the database's clock, for the clocks of workers may differ.

    Milliseconds, so that a moment is the same number again after it was a datetime.
    """

    type = Float(53)
    inherit_cache = True


@compiles(now, "sqlite")
def _sqlite_now(*_: object, **__: object) -> str:
    return "round((julianday('now') - 2440587.5) * 86400.0, 3)"


@compiles(now, "postgresql")
def _postgres_now(*_: object, **__: object) -> str:
    # now() would be the start of the transaction
    return "round(extract(epoch from clock_timestamp()), 3)::float8"


def open_engine(url: str) -> Engine:
    """An engine whose transactions write at once on SQLite, unless they are marked read-only.

    WAL and a busy timeout alone do not stop "database is locked": a transaction that reads and then
    writes fails without waiting. So each one begins IMMEDIATE, but for those of `ReadSession`.
    """
    engine = _supported(url)
    if engine.dialect.name == "sqlite":
        database = make_url(url).database
        if database:
            Path(database).parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "connect", _connect)
        event.listen(engine, "begin", _begin)
    return engine


def _supported(url: str) -> Engine:
    """Raises Complaint, without the URL: it may hold a password."""
    try:
        engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
        if engine.dialect.name in {"sqlite", "postgresql"}:
            return engine
    except (ArgumentError, ImportError, ValueError):  # no URL, no driver, no number for a port
        pass
    raise Complaint(
        "RIDGELINE_DATABASE_URL names no run store that can be used. Supported are SQLite, "
        "sqlite:////folder/file.db, which is the default, and PostgreSQL, "
        "postgresql+psycopg://user:password@host/name, the latter after pip install '.[postgres]'.",
        2,
    )


def _connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself: `_begin` does
    for pragma in PRAGMAS:
        connection.execute(f"pragma {pragma}")
    if not connection.execute("pragma page_count").fetchone()[0]:
        # only heard before the first table, and it would wait for the write lock each time
        connection.execute("pragma auto_vacuum=incremental")
    connection.execute("pragma journal_mode=wal")


def _begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get("read_only")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


@lru_cache
def engine() -> Engine:
    """The engine of this process."""
    return open_engine(settings().url)


@lru_cache
def writers() -> sessionmaker[Session]:
    """Sessions that may write."""
    return sessionmaker(engine(), expire_on_commit=False)


@lru_cache
def readers() -> sessionmaker[Session]:
    """Sessions that only read, and so never wait for the write lock."""
    return sessionmaker(engine().execution_options(read_only=True), expire_on_commit=False)


def get_session() -> Iterator[Session]:
    """Commit when the request succeeds, roll back when it raises."""
    with writers().begin() as session:
        yield session


def get_read_session() -> Iterator[Session]:
    """A snapshot to read from."""
    with readers()() as session:
        yield session


def state() -> int | None:
    """A number that is another one after anybody has written to the store: from the same number on
    all that was read is as it was. None where the database does not say that as cheaply: on
    PostgreSQL.
    """
    if engine().dialect.name != "sqlite":
        return None
    with _asked:  # a connection answers one at a time
        ((found,),) = _listener().execute("pragma data_version").fetchall()
    return int(found)


_asked = threading.Lock()


@lru_cache
def _listener() -> Any:
    """A connection that only ever asks for that: the number is told of others' writes."""
    pooled = engine().raw_connection()
    connection = pooled.driver_connection
    pooled.detach()  # it is never given back
    return connection


def forget() -> None:
    """Close what is open: another database."""
    if _listener.cache_info().currsize:
        _listener().close()
    if engine.cache_info().currsize:
        engine().dispose()
    for made in (engine, writers, readers, _listener):
        made.cache_clear()


# scope="function" commits before the response leaves: a client never misses what it just made
DbSession = Annotated[Session, Depends(get_session, scope="function")]
ReadSession = Annotated[Session, Depends(get_read_session, scope="function")]
