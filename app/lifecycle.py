"""The rules of a job's life: submit, cancel, retry, delete."""

from typing import Any

from pydantic import ValidationError
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.bodies import Terms
from app.errors import Conflict, Invalid, NotFound, instead, short
from app.serving.own import columns
from app.settings import settings
from app.store.answers import Answers
from app.store.jobs import PRICED, RunStore
from app.store.models import Job
from app.store.registry import CHAMPION, Registry
from app.store.states import FINAL, JobStatus
from app.store.tables import Tables, all_named, named
from ml.experiment import Experiment
from ml.experiments import parse
from ml.pricing import Place, key_of

ACCELERATORS = {"cuda", "mps"}
CALLED = 60  # letters of what a table is called in the label of a job


def submit(
    session: Session,
    experiment: Experiment,
    terms: Terms | None = None,
    *,
    idempotency_key: str | None = None,
    retry_of: int | None = None,
) -> Job:
    """Queue an experiment; the same key with the same request gives the job it made before.

    Raises:
        Conflict: where the key was used for another request.
        Invalid: where it requires another device than its experiment asks for, or learns from a
            table that is not there.
    """
    _learnt_from(session, experiment)
    store = RunStore(session)
    asked = (terms or Terms()).model_dump(include=set(Terms.model_fields), exclude={"requires"})
    asked["experiment"] = experiment.model_dump(mode="json")
    asked["requires"] = _requirements(experiment, terms) or None
    made = store.find_by_key(idempotency_key) if idempotency_key else None
    if made is None:
        job = Job(
            name=experiment.name,
            label=_label(session, experiment)[:200],
            idempotency_key=idempotency_key,
            retry_of=retry_of,
            **asked,
        )
        return store.enqueue(job)
    if any(getattr(made, name) != value for name, value in asked.items()):
        raise Conflict(f"This Idempotency-Key made job {made.id} from another request.")
    return made


def _requirements(experiment: Experiment, terms: Terms | None) -> dict[str, Any]:
    """What was asked for, and the device that the experiment names by itself."""
    requires = terms.requires if terms else None
    asked = requires.model_dump(exclude_none=True) if requires else {}
    of = getattr(experiment, "of", experiment)  # what a sweep varies
    device = getattr(of, "device", None)  # a field of those that train
    if device not in ACCELERATORS:
        return asked
    if asked.get("device", device) != device:
        raise Invalid(f"It requires {asked['device']}, but its experiment asks for {device}.")
    return asked | {"device": device}


def _learnt_from(session: Session, experiment: Experiment) -> None:
    asked = getattr(experiment, "of", experiment).model_dump(mode="json")
    try:
        known = {name: columns(session, name) for name in all_named(asked)}
    except NotFound as error:
        raise Invalid(error.message) from None
    if not (table := named(asked)):
        return
    there = known[table]
    wanted = [asked.get("target"), asked.get("identifier"), *(asked.get("inputs") or ())]
    for name in filter(None, wanted):
        if name not in there:
            raise Invalid(f"Table {table} has no column {name!r}.{instead(name, there)}")


def _label(session: Session, experiment: Experiment) -> str:
    """Its own, with tables by what people call them, where they do."""
    text = experiment.label
    for name in all_named(experiment.model_dump(mode="json")):
        table = Tables(session).find(name)
        if table and table.about:
            text = text.replace(name, short(table.about, CALLED))
    return text


def cancel(session: Session, job: Job) -> Job:
    """Stop it, now if it waits, within a tick of its worker if it runs."""
    if job.status in FINAL:
        raise Conflict(f"Job {job.id} has already {ended(job.status)}.")
    store = RunStore(session)
    store.cancel(job.id)
    return store.find(job.id) or job


def retry(session: Session, job: Job) -> Job:
    """Ask for the same again, as a new job."""
    if job.status not in FINAL:
        raise Conflict(
            f"Job {job.id} is {job.status}; only a job that has ended can be tried again."
        )
    try:
        experiment, terms = parse(job.experiment), Terms.model_validate(job, from_attributes=True)
    except ValidationError:
        raise Conflict(
            f"Job {job.id} was made by another version: its experiment is no longer valid here."
        ) from None
    return submit(session, experiment, terms, retry_of=job.id)


def delete(session: Session, job: Job, prices: int = 0) -> int:
    """Forget it with all it made; gives the bytes that are free again.

    Answers of its version go with it: of those whose price was told at most `prices`.

    Raises:
        Conflict: where it has not ended, a name points at the version that it made, or more prices
            would go than somebody knows of.
    """
    if job.status not in FINAL:
        raise Conflict(f"Job {job.id} is {job.status}; cancel it before you delete it.")
    registry = Registry(session)
    registry.lock()
    version = registry.of_job(job.id)
    names = registry.names_of(version.id) if version else []
    if version and names:
        how = "promote another, or take the name away," if CHAMPION in names else "take that away"
        raise Conflict(
            f"Job {job.id} has made version {version.id}, which is called {' and '.join(names)}:"
            f" {how} before you delete it."
        )
    paid = Answers(session).kept(version.id).paid if version else 0
    if version and paid > prices:
        told = "price was" if paid == 1 else "prices were"
        raise Conflict(
            f"{paid:,} {told} told of answers of version {version.id}, which job {job.id} has made:"
            f" they would go with it, and nothing could learn from them. Say prices={paid} if they"
            " may."
        )
    return _without_files(session, job) + RunStore(session).delete(job.id)


def place(job: Job) -> Place:
    """Where the files of a job that answers a table lie."""
    return Place(key_of(job.experiment), settings().data_dir.absolute())


def _without_files(session: Session, job: Job) -> int:
    """Remove the files of a table that it answers once it is gone, unless another job has the same;
    gives their bytes."""
    if job.name != PRICED:
        return 0
    mine = place(job)
    if any(place(other) == mine for other in RunStore(session).of(PRICED) if other.id != job.id):
        return 0
    event.listen(session, "after_commit", lambda _: mine.remove(), once=True)
    return mine.size


def ended(status: JobStatus) -> str:
    """The status as the end of a sentence: "has already ..."."""
    return {JobStatus.cancelled: "been cancelled", JobStatus.timed_out: "timed out"}.get(
        status, status
    )
