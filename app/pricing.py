"""A table that is answered by a job: sent, pinned to the version that answers now, and fetched."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from app import lifecycle
from app.errors import Conflict
from app.serving.predictors import read, serving
from app.serving.tables import refuse_other
from app.settings import settings
from app.store.jobs import PRICED, RunStore
from app.store.models import Job
from app.store.registry import CHAMPION
from app.store.sessions import readers, writers
from app.store.states import FINAL, JobStatus
from ml.pricing import Lost, Place, PricedFile, receive, sweep


def send(
    file: IO[bytes],
    *,
    about: str = "",
    model: str | int = CHAMPION,
    strict: bool = False,
    mapping: Mapping[str, str] | None = None,
    keep: bool = True,
    idempotency_key: str | None = None,
) -> Job:
    """Queue a job that answers each row of a file by the version which would answer now.

    Raises:
        NotFound: where there is no such version.
        Invalid: where its first lines show that it is no table of what the version reads.
        Conflict: where the key was used for another request, or the file has no place.
    """
    with readers()() as session:
        served = serving(session, model)
    refuse_other(served, file, mapping=mapping, strict=strict)
    data = settings().data_dir.absolute()
    try:  # before a transaction begins: nobody else may write meanwhile
        table, digest = receive(file, data)
        asked = PricedFile(
            about="".join(c if c.isprintable() else " " for c in about).strip()[:200],
            file=digest,
            version=served.version,
            model=served.digest,
            mapping=dict(mapping or {}),
            strict=strict,
            keep=settings().keep_answers if keep else 0,
        )
        answering, _ = receive(io.BytesIO(read(served.version).payload), data)
        Place(asked.key, data).lay(table, answering)
    except Lost as error:
        raise Conflict(str(error)) from None
    with readers()() as session:
        known = {lifecycle.place(job).key for job in RunStore(session).of(PRICED)}
    sweep(known | {asked.key}, data)
    with writers().begin() as session:
        return lifecycle.submit(session, asked, idempotency_key=idempotency_key)


def answers(job: Job) -> Path:
    """The file of a job's answers.

    Raises:
        Conflict: where it answers no table, has not succeeded, or its file is not what was written.
    """
    if job.name != PRICED:
        raise Conflict(f"Job {job.id} is {job.name}: it answers no table.")
    if job.status not in FINAL:
        raise Conflict(
            f"Job {job.id} is {job.status}: its answers are there once it has succeeded."
        )
    if job.status != JobStatus.succeeded:
        why = lifecycle.ended(job.status)
        raise Conflict(f"Job {job.id} has {why}: it has no answers. Try it again.")
    try:
        return lifecycle.place(job).answers()
    except Lost as error:
        raise Conflict(str(error)) from None
