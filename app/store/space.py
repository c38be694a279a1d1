"""Disk space: a job is deleted with all that refers to it, and the disk has it back."""

from functools import partial

from sqlalchemy import delete, event, func, select
from sqlalchemy.orm import Session

from app.store.models import Chunk, Job, Saved, Version

PAGES = 25_000  # given back at once (100 MB): 30 µs each, and nobody else may write meanwhile
WAIT = 200  # milliseconds that a checkpoint of the log waits for readers; writers wait with it


def delete_job(session: Session, job_id: int) -> int:
    """Delete a job; gives the bytes by which SQLite's file shrinks, or those of its rows.

    PostgreSQL keeps them for what is written next.
    """
    if session.get_bind().dialect.name != "sqlite":
        size = _size(session, job_id)
        session.execute(delete(Job).where(Job.id == job_id))
        return size
    before = _pragma(session, "page_count")
    session.execute(delete(Job).where(Job.id == job_id))
    free = _pragma(session, "freelist_count")
    connection = session.connection()
    for _ in range(min(free, PAGES)):  # Python's driver steps once, and a step frees one page
        connection.exec_driver_sql("pragma incremental_vacuum")
    # a new function each time: a session would not listen twice to the same
    event.listen(session, "after_commit", partial(_empty_log), once=True)
    return (before - _pragma(session, "page_count")) * _pragma(session, "page_size")


def _size(session: Session, job_id: int) -> int:
    """Bytes of what a job has stored, but for its columns of a few."""
    large = Chunk.payload, Saved.state, Version.payload
    queries = (
        select(func.coalesce(func.sum(func.length(column)), 0)).where(
            column.class_.job_id == job_id
        )
        for column in large
    )
    return sum(session.scalar(query) or 0 for query in queries)


def _pragma(session: Session, name: str) -> int:
    return int(session.connection().exec_driver_sql(f"pragma {name}").scalar_one())


def _empty_log(session: Session) -> None:
    """Move the write-ahead log into the file, which takes its new size then, and empty it.

    Where readers are in the way for long, the next checkpoint does what this one could not.
    """
    engine = session.get_bind().engine
    connection = engine.raw_connection()  # one that begins no transaction
    try:
        cursor = connection.cursor()
        (usual,) = cursor.execute("pragma busy_timeout").fetchone()
        cursor.execute(f"pragma busy_timeout={WAIT}")
        cursor.execute("pragma wal_checkpoint(truncate)")
        cursor.execute(f"pragma busy_timeout={usual}")
    finally:
        connection.close()
