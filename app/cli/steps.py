"""The steps that commands share."""

import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import DownloadColumn, Progress

from app.bodies import JobOut, Preflighted
from app.cli.files import check_writable, write_whole
from app.cli.progress import follow, report
from app.cli.up import Service, job_of
from app.errors import Complaint
from app.results.reading import Reading
from app.settings import settings
from app.store.jobs import SERVED, RunStore
from app.store.models import Job
from app.store.sessions import readers
from app.store.states import JobStatus
from ml.data import hub


def consoles(*, quiet: bool = False) -> tuple[Console, Console]:
    """Where results go, and where all else goes: nothing but a result may stand on stdout."""
    return Console(quiet=quiet), Console(stderr=True, quiet=quiet and not sys.stderr.isatty())


def fetch(name: str, console: Console) -> None:
    """Have the data that the hub names after an experiment, verified, before anything starts.

    Raises:
        hub.DataUnavailable: where it is not to be had.
    """
    with Progress(*Progress.get_default_columns(), DownloadColumn(), console=console) as bar:
        for file in (file for file in hub.HUB if file.startswith(f"{name}_")):
            task = bar.add_task(file, total=hub.HUB[file].bytes, visible=False)

            def show(_name: str, done: int, total: int, task: Any = task) -> None:
                bar.update(task, completed=done, total=total or None, visible=True)

            hub.download(file, settings().cache_dir, show)


def as_json(job: Job, reading: Reading) -> str:
    """A job as the API has it, with its tables, checks and findings."""
    results = reading.results()
    with readers()() as session:
        columns = JobOut.of(job, RunStore(session).workers()).model_dump(mode="json")
    return json.dumps(
        columns | {name: results[name] for name in ("tables", "checks", "findings")}, indent=1
    )


def ended_well(job_id: int) -> None:
    """Raises Complaint where it did not."""
    with readers()() as session:
        job = RunStore(session).find(job_id)
    if job is None:
        raise Complaint(f"Job {job_id} was deleted.")
    if job.status == JobStatus.cancelled:
        raise Complaint(f"Job {job_id} was cancelled.", 130)
    if job.status != JobStatus.succeeded:
        raise Complaint(f"Job {job_id} {job.status.replace('_', ' ')}: {job.error}")


def check_submission(name: str | None, path: Path) -> None:
    """Raises Complaint where training `name` could not end with this file: before it begins."""
    if name not in SERVED:
        only = " or ".join(SERVED)
        raise Complaint(f"A submission comes of training {only}, and of nothing else.", 2)
    check_writable(path)


def write_submission(job_id: int, path: Path) -> None:
    """Write a job's submission.csv.

    Raises:
        AppError: where there is no such job, it has made no predictor, or there are no test rows.
        Complaint: where the file cannot be written.
    """
    from app.serving.competition import export  # here is where torch is loaded

    with readers()() as session:
        text = export(session, job_id)
    write_whole(path, [text.encode()])


def train_once(
    service: Service, name: str, submission: Path | None, out: Console, err: Console
) -> None:
    """Follow the job that trains `name`, unless one is done already; write its submission."""
    with readers()() as session:
        earlier = RunStore(session).done(service.defaults(name))
    job_id, done = (earlier.id, True) if earlier else job_of(service, name)
    with readers()() as session:
        store = RunStore(session)
        job, first = store.find(job_id), next(iter(store.queue(1)), None)
    assert job is not None
    page = f"{service.address}/jobs/{job_id}"
    out.print(f"{name} was trained by {page}" if done else f"Watch it at {page}", highlight=False)
    if first and first.id != job_id and not done:
        err.print(f"Job {job_id} is waiting for job {first.id}.", highlight=False)
    if not done:
        report(follow(job, err, service.check), out)
        ended_well(job_id)
    if submission:
        write_whole(submission, [service.fetch(f"/api/v1/jobs/{job_id}/submission.csv")])
        out.print(f"submission.csv written: {submission}", highlight=False)


def preflighted(found: Preflighted) -> str:
    """A submission that was looked at, in lines."""
    lines = [
        f"{'holds' if check.passed else 'fails'}  {check.name.removeprefix('submission: ')}:"
        f" {check.got}" + ("" if check.passed else f", not {check.expected}")
        for check in found.checks
    ]
    lines += [f"{remark} Kaggle reads plain CSV." for remark in found.remarks]
    if beside := found.beside:
        far = f"; furthest: house {beside.furthest[0].id}" if beside.furthest else ""
        lines.append(
            f"{beside.n:,} prices are {beside.rmse:.3f} in log RMSE from those of version"
            f" {beside.version}{far}."
        )
    return "\n".join([*lines, "Ready to upload." if found.ready else "Not ready."])
