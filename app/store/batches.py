"""What an attempt yielded since the last tick: sorted by what becomes of it, and written."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from app.store import summaries
from app.store.models import Job, Run, Saved, Version
from ml.events import (
    Answered,
    Check,
    Checkpoint,
    Dropped,
    Epoch,
    Event,
    Progress,
    Started,
    Stored,
    Trained,
)

Summary = dict[str, Any]


class Batch:
    """Events sorted, without groups already opened and epochs already stored.

    `epochs` says of each group how many epochs the run store has.
    """

    def __init__(self, epochs: Mapping[str, int], events: Iterable[Event]) -> None:
        self.epochs = dict(epochs)
        self.stored: list[Stored] = []  # what the job's stream is to hold
        self.opened: list[Started] = []
        self.curves: dict[str, list[Epoch]] = {}  # by group
        self.checkpoint: Checkpoint | None = None  # the last one
        self.trained: Trained | None = None
        self.answered: list[Answered] = []
        self.progress: Progress | None = None  # the last one: those before it say nothing more
        for event in events:
            self._add(event)
        self.stored += [self.progress] if self.progress else []
        self.checks = [event for event in self.stored if isinstance(event, Check)]
        self.dropped = [event for event in self.stored if isinstance(event, Dropped)]

    def _add(self, event: Event) -> None:
        match event:
            case Started():
                self._open(event)
            case Epoch():
                self._lengthen(event)
            case Checkpoint():
                self.checkpoint = event
            case Trained():
                self.trained = event
            case Answered():
                self.answered.append(event)
            case Progress():
                self.progress = event
            case _:
                self.stored.append(event)  # mypy says so where an event is none that is stored

    def _open(self, event: Started) -> None:
        if event.key not in self.epochs:
            self.epochs[event.key] = 0
            self.opened.append(event)
            self.stored.append(event)

    def _lengthen(self, event: Epoch) -> None:
        new = event.after(self.epochs[event.key])
        if len(new.values):
            self.epochs[event.key] = new.last
            self.curves.setdefault(event.key, []).append(new)
            self.stored.append(new)


def write(session: Session, job_id: int, summary: Summary, batch: Batch) -> None:
    """Open runs, move each run's last and best, and what the lists show of the job."""
    for started in batch.opened:
        summary = _open(session, job_id, summary, started)
    if batch.checks:
        _count(session, job_id, batch.checks)
    for dropped in batch.dropped:
        summary = _drop(session, job_id, summary, dropped)
    for key, epochs in batch.curves.items():
        values = np.concatenate([event.values for event in epochs])
        summary = _advance(session, job_id, summary, key, epochs[0].first, values)
    if batch.trained:
        _keep(session, job_id, batch.trained)
    if batch.progress:
        so_far = {"epochs_done": batch.progress.done, "epochs_total": batch.progress.total}
        session.execute(update(Job).where(Job.id == job_id).values(so_far))


def _count(session: Session, job_id: int, checks: Sequence[Check]) -> None:
    book = [check for check in checks if check.claim != "ours"]
    session.execute(
        update(Job).where(Job.id == job_id).values(
            checks_total=Job.checks_total + len(checks),
            checks_held=Job.checks_held + sum(bool(check.passed) for check in checks),
            book_total=Job.book_total + len(book),
            book_held=Job.book_held + sum(bool(check.passed) for check in book),
        )
    )  # fmt: skip


def _open(session: Session, job_id: int, summary: Summary, event: Started) -> Summary:
    """Open the runs of a group; gives the job's new summary."""
    settings = event.settings or [""] * len(event.labels)
    session.execute(
        insert(Run),
        [
            {"job_id": job_id, "key": event.key, "lane": lane, "label": label,
             "setting": settings[lane],
             "num_epochs": event.num_epochs, "num_parameters": event.num_parameters}
            for lane, label in enumerate(event.labels)
        ],
    )  # fmt: skip
    new = summaries.opened(summary, event)
    session.execute(
        update(Job).where(Job.id == job_id).values(
            measure=func.coalesce(Job.measure, event.measure), device=event.device,
            num_runs=Job.num_runs + len(event.labels),
            epochs_total=Job.epochs_total + event.num_epochs, summary=new,
        )
    )  # fmt: skip
    return new


def _drop(session: Session, job_id: int, summary: Summary, event: Dropped) -> Summary:
    """End the runs that are behind; gives the job's new summary. Said twice, it says no more."""
    group = Run.job_id == job_id, Run.key == event.key
    runs = session.execute(select(Run.lane, Run.setting, Run.num_epochs).where(*group)).all()
    before = max(run.num_epochs for run in runs)
    session.execute(
        update(Run).where(*group, Run.lane.in_(event.lanes)).values(num_epochs=event.epoch)
    )
    lanes = {*event.lanes}
    after = max(event.epoch if run.lane in lanes else run.num_epochs for run in runs)
    new = summaries.dropped(summary, [run.setting for run in runs if run.lane in lanes])
    session.execute(
        update(Job).where(Job.id == job_id).values(
            summary=new, epochs_total=Job.epochs_total - (before - after)
        )
    )  # fmt: skip
    return new


def _advance(
    session: Session, job_id: int, summary: Summary, key: str, first: int, values: summaries.Values
) -> Summary:
    """Move the runs of a group on by (E, M, L) values; gives the job's new summary."""
    group = {"job": job_id, "group": key}
    runs = session.execute(summaries.RUNS, group).all()
    ends = [run.num_epochs for run in runs]
    if rows := summaries.lanes(job_id, key, first, values, ends):
        session.connection().execute(summaries.ADVANCE, rows)
    if runs[0].setting is None:
        columns = summaries.of_first_group(summary, key, first, values)
    else:
        columns = summaries.columns(summaries.advanced(summary, key, first, values, runs))
    columns["epochs_done"] = Job.epochs_done + len(values)
    session.execute(update(Job).where(Job.id == job_id).values(**columns))
    new: Summary = columns.get("summary", summary)
    return new


def save(session: Session, job_id: int, checkpoint: Checkpoint) -> None:
    """Keep this checkpoint instead of the last; it forgives the crashes before it."""
    session.execute(delete(Saved).where(Saved.job_id == job_id))
    session.execute(insert(Saved).values(job_id=job_id, state=checkpoint.state))
    session.execute(update(Job).where(Job.id == job_id).values(crashes=0, lost=0))


def _keep(session: Session, job_id: int, trained: Trained) -> None:
    """Keep this predictor instead of what an earlier attempt made."""
    payload = trained.payload
    digest = hashlib.sha256(payload).hexdigest()
    session.execute(delete(Version).where(Version.job_id == job_id))
    session.execute(
        insert(Version).values(job_id=job_id, size=len(payload), digest=digest, payload=payload)
    )
