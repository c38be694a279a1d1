"""`ridgeline predict`: a table answered here and now, or by a job that the workers run."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

import typer

from app import pricing
from app.cli.files import write_whole
from app.cli.progress import drawn, follow, report
from app.cli.steps import consoles, ended_well
from app.errors import Complaint
from app.serving.predictors import serving
from app.serving.tables import PricedTable, opened
from app.store.jobs import RunStore
from app.store.sessions import readers

PIECE = 2**20  # bytes read at a time


def price_here(
    file: Path,
    model: str,
    output: Path | None,
    *,
    strict: bool,
    mapping: Mapping[str, str],
    keep: bool,
) -> None:
    """Answer each row of a file, and say on stderr how it was read and how right that is."""
    with file.open("rb") as packed, opened(packed) as text:
        with readers()() as session:
            served = serving(session, model)
        table = PricedTable(served, text, strict=strict, mapping=mapping, keep=keep)
        _write(output, (part.csv.encode() for part in table.parts()))
    for remark in table.remarks:
        typer.echo(remark, err=True)
    _, err = consoles()
    for told in table.score.tables(served.predictor.card.words) if table.score else ():
        err.print(drawn(told), highlight=False)


def price_by_job(
    file: Path,
    model: str,
    output: Path | None,
    *,
    strict: bool,
    mapping: Mapping[str, str],
    keep: bool,
) -> None:
    """Send it, follow the job until it ends, and write its file: to stdout where none is named.

    Raises:
        Complaint: where the job did not succeed, or the file cannot be written.
    """
    with file.open("rb") as opened:
        job = pricing.send(
            opened, about=file.name, model=model, strict=strict, mapping=mapping, keep=keep
        )
    _, err = consoles()
    with readers()() as session:
        idle = not RunStore(session).workers()
    if idle:
        typer.echo(f"Job {job.id} waits: no worker is alive. Start one: ridgeline worker", err=True)
    try:
        reading = follow(job, err)
    except KeyboardInterrupt:
        raise Complaint(
            f"Job {job.id} goes on: its page is /jobs/{job.id}, its file"
            f" /api/v1/jobs/{job.id}/predictions.csv.",
            130,
        ) from None
    report(reading, err)
    ended_well(job.id)
    with readers()() as session:
        found = pricing.answers(RunStore(session).get(job.id))
    _write(output, _pieces(found))


def _write(output: Path | None, pieces: Iterable[bytes]) -> None:
    """To a file, or to stdout where none is named."""
    if output:
        write_whole(output, pieces)
        return
    for piece in pieces:
        typer.echo(piece, nl=False)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(partial(file.read, PIECE), b"")
