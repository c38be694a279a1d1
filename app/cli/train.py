"""`ridgeline train`: one job, worked on in this process under a lease like any other."""

from threading import Thread

from rich.console import Console

from app import lifecycle
from app.bodies import Terms
from app.cli.progress import follow
from app.engine.runners import Runner
from app.engine.worker import Worker
from app.errors import Complaint
from app.results.reading import Reading, read
from app.store.jobs import RunStore
from app.store.leases import Leases
from app.store.models import Job
from app.store.sessions import readers, writers
from ml.experiment import Experiment


def train_here(
    experiment: Experiment, runner: Runner, console: Console, *, timeout: float | None = None
) -> tuple[Job, Reading]:
    """Queue it, claim it in the same transaction, work on it; gives the job and all it said.

    Ctrl-C cancels the job.

    Raises:
        Complaint: where it requires what this machine does not have; then there is no job.
    """
    worker = Worker(writers(), runner, slots=1)
    while not worker.warm_up():
        pass
    with writers().begin() as session:
        job = lifecycle.submit(session, experiment, Terms(timeout=timeout))
        # before another worker can see it
        claim = Leases(session).claim(worker.name, job.id, worker.equipment)
        if claim is None:
            asked, has = (job.requires or {}).get("device"), runner.device
            raise Complaint(f"This machine has no {asked} device. It has: {has}.")
    worker.only = job.id
    watcher = Thread(target=follow, args=(job, console), daemon=True)
    watcher.start()
    worker.heed_signals()
    worker.start(claim)
    worker.work()
    with writers().begin() as session:
        RunStore(session).cancel(job.id)  # if it was interrupted; nothing where it is final
    watcher.join()
    with readers()() as session:
        return RunStore(session).find(job.id) or job, read(session, job.id)
