"""A job's stream in the run store: one chunk a tick, and a few large ones of what is past."""

from collections.abc import Iterator, Sequence

import numpy as np
from sqlalchemy import Row, Select, delete, insert, select, update
from sqlalchemy.orm import Session

from app.store import payloads
from app.store.models import Chunk, Job
from app.store.payloads import Item
from ml.events import Stored

MERGED = 240  # chunks that become one while a job runs: a minute of ticks
LARGE = 2**20  # bytes beyond which a chunk is merged with no other: the stream sends it at once

Stretch = Row[int | None, int, bytes]


def append(session: Session, job_id: int, *items: Stored | Item) -> None:
    """Add one chunk to a job's stream: events of ml, or changes of status as mappings."""
    seq = session.scalar(
        update(Job).where(Job.id == job_id).values(seq=Job.seq + 1).returning(Job.seq)
    )
    payload = payloads.pack(items)
    session.execute(insert(Chunk).values(job_id=job_id, seq=seq, payload=payload))
    if seq and seq % MERGED == 0:
        merge(session, job_id, after=seq - MERGED)


def after(
    session: Session, job_id: int, seq: int, limit: int | None = None
) -> list[tuple[int, bytes]]:
    """Number and payload of the chunks after chunk `seq`; a merged one holds no more than that."""
    return [
        (row.seq, payloads.trim(row.payload, seq) if (row.first or row.seq) <= seq else row.payload)
        for row in session.execute(_after(job_id, seq).limit(limit))
    ]


def merge(session: Session, job_id: int, after: int = 0) -> None:
    """Make one chunk of those after chunk `after`, or a few where they are large.

    Whoever follows the stream sees no difference: `after` above gives the rest of a merged chunk.
    """
    for rows in _parts(session.execute(_after(job_id, after)).all()):
        if len(rows) == 1:
            continue
        first, last = rows[0], rows[-1]
        within = Chunk.job_id == job_id, Chunk.seq >= first.seq, Chunk.seq <= last.seq
        session.execute(delete(Chunk).where(*within))
        payload = payloads.merge((row.seq, row.payload) for row in rows)
        session.execute(
            insert(Chunk).values(
                job_id=job_id, first=first.first or first.seq, seq=last.seq, payload=payload
            )
        )


def _after(job_id: int, seq: int) -> Select[int | None, int, bytes]:
    query = select(Chunk.first, Chunk.seq, Chunk.payload)
    return query.where(Chunk.job_id == job_id, Chunk.seq > seq).order_by(Chunk.seq)


def _parts(rows: Sequence[Stretch]) -> Iterator[list[Stretch]]:
    """The rows in their order, in parts of no more than LARGE bytes, or of one row."""
    part: list[Stretch] = []
    size = 0
    for row in rows:
        if part and size + len(row.payload) > LARGE:
            yield part
            part, size = [], 0
        part.append(row)
        size += len(row.payload)
    if part:
        yield part


def thin(points: Sequence[Sequence[float | None]], most: int = 48) -> list[Sequence[float | None]]:
    """At most `most` of these points, evenly spaced in their first number; both ends stay.

    So a curve that is thinned again and again while it grows does not lose its beginning.
    """
    if len(points) <= most:
        return list(points)
    x = np.array([point[0] for point in points], dtype=np.float64)
    wanted = np.linspace(x[0], x[-1], most)
    after = np.searchsorted(x, wanted).clip(1, len(x) - 1)
    nearer = wanted - x[after - 1] < x[after] - wanted
    return [points[i] for i in np.unique(np.where(nearer, after - 1, after))]
