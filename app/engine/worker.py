"""The worker: claims jobs, lets a runner run them, writes down what they say; one tick for all."""

import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import psutil
import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from app.engine.runners import Attempt, Crashed, Runner
from app.engine.trainer import Failed, Finished, Message, Order
from app.errors import AppError
from app.settings import settings
from app.store.failures import store_failed
from app.store.jobs import RunStore
from app.store.leases import Claim, Fenced, Leases, Outcome
from app.store.registry import Registry
from app.store.requirements import Equipment
from app.store.states import FINAL, JobStatus, Reason
from app.store.tables import Tables, all_named
from ml.data import tables
from ml.events import Event

log = structlog.get_logger()

T = TypeVar("T")

BEAT = 2.0  # seconds between two signs of life
LISTEN = 0.02  # seconds between two looks into the pipes: a full one holds its trainer up
PAUSE = 5.0  # seconds without a claim after the run store failed us
GOES_ON = "goes on"
TIMED_OUT = "It ran for longer than its time-out allows; try it again with a longer one."


@dataclass
class Slot:
    """A job that is ours, the attempt at it, and what it yielded since the last tick."""

    claim: Claim
    attempt: Attempt
    events: list[Event] = field(default_factory=list)
    outcome: Outcome | None = None
    crash: str | None = None

    def listen(self) -> None:
        """Take what it says, down to its last word or its end without one."""
        if self.is_over:
            return
        try:
            for message in self.attempt.take():
                self._sort(message)
        except Crashed as crash:
            self.crash = str(crash)

    @property
    def is_over(self) -> bool:
        """Whether there is no more to hear."""
        return bool(self.outcome or self.crash)

    def _sort(self, message: Message) -> None:
        match message:
            case Finished():
                self.outcome = Outcome(JobStatus.succeeded)
            case Failed(reason, error):
                self.outcome = Outcome(JobStatus.failed, reason, error)
            case _:
                self.events.append(message)

    def write(self, leases: Leases) -> str:
        """Say it to the run store, and how the attempt ends if it does: all in one transaction."""
        token = self.claim.token
        orders = leases.append(token, self.events, self.outcome)
        if self.outcome:
            return self.outcome.status
        if orders.cancel:
            leases.close(token, Outcome(JobStatus.cancelled))
            return JobStatus.cancelled
        if orders.overdue:
            leases.close(token, Outcome(JobStatus.timed_out, Reason.timed_out, TIMED_OUT))
            return JobStatus.timed_out
        if self.crash:
            leases.give_back(token, self.crash)
            return "crashed"
        return GOES_ON

    def give_back(self, leases: Leases) -> str:
        """Say it, and queue the job again if it goes on."""
        if (ending := self.write(leases)) == GOES_ON:
            leases.give_back(self.claim.token)
            return "given back"
        return ending


class Worker:
    """Works until it is stopped, or until the job `only` is final."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        runner: Runner,
        *,
        slots: int | None = None,
        only: int | None = None,
    ) -> None:
        self.sessions, self.runner, self.only = sessions, runner, only
        self.slots = slots or settings().slots
        self.name = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:6]}"
        self.busy: list[Slot] = []
        self.stopping = False
        self.cold = True  # the fork server is not up yet, or may have died with an attempt
        self.beat_at = self.claim_at = 0.0  # not before, on the clock of this process

    def stop(self, *_: object) -> None:
        """Give the jobs back at the next tick and leave."""
        self.stopping = True

    def heed_signals(self) -> None:
        """Stop in good order on SIGTERM and on Ctrl-C."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)

    def work(self) -> None:
        """Tick until there is no more to do, and leave in good order."""
        while not self.stopping:
            self.tick()
            self.stopping |= self.only is not None and self._is_final(self.only)
        for slot in self.busy:
            self._tend(slot, slot.give_back)
        self._say(lambda leases: leases.gone(self.name))

    def tick(self) -> None:
        """Claim what fits, listen for a while, write down what was said."""
        if self.warm_up():
            self._beat()
            self._hire()
        self._listen(settings().tick)
        self.busy = [slot for slot in self.busy if self._tend(slot, slot.write)]

    def warm_up(self) -> bool:
        """Whether a start would be quick: a claim before that would let its lease run out."""
        if self.cold:
            try:
                self.runner.warm_up()
            except (OSError, EOFError) as error:  # the fork server died while we were at it
                log.warning("The fork server did not answer; trying again.", error=repr(error))
            else:
                self.cold = False
        return not self.cold

    def start(self, claim: Claim) -> None:
        """Begin an attempt at a job that is ours."""
        log.info("Job claimed.", job=claim.job_id, attempt=claim.attempt)
        cache = settings().cache_dir.absolute()
        try:
            self._lay(all_named(claim.experiment), cache)
            order = Order(
                claim.experiment,
                claim.resume,
                settings().threads,
                self.runner.registry,
                cache,
            )
            self.busy.append(Slot(claim, self.runner.start(order)))
        except (OSError, EOFError, DBAPIError) as error:  # no more processes, or no fork server
            self.cold, why = True, f"It could not be started: {error!r}."
            log.warning("Job not started.", job=claim.job_id, error=why)
            self._say(lambda leases: leases.give_back(claim.token, why))

    def _lay(self, names: Sequence[str], cache: Path) -> None:
        """Put the tables that a job names where its process reads; that says what is missing.

        Raises OSError where it cannot be written.
        """
        for name in names:
            with self.sessions() as session:
                payload = Tables(session).payload(name)
            if payload is not None:
                tables.keep(payload, cache)

    @property
    def equipment(self) -> Equipment:
        """What we have now that a job may require; the device is known once we are warm."""
        return Equipment(self.runner.device, psutil.virtual_memory().available / 2**30)

    def _beat(self) -> None:
        if time.monotonic() < self.beat_at:
            return
        self.beat_at = time.monotonic() + BEAT
        busy, device = len(self.busy), self.runner.device
        self._say(lambda leases: leases.beat(self.name, slots=self.slots, busy=busy, device=device))

    def _hire(self) -> None:
        """Claim jobs into the free slots."""
        while not self.cold and len(self.busy) < self.slots and time.monotonic() >= self.claim_at:
            claim = self._say(lambda leases: leases.claim(self.name, self.only, self.equipment))
            if claim is None:
                return
            self.start(claim)

    def _listen(self, seconds: float) -> None:
        """Wait for the next tick, during which no trainer shall have to wait for us."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not any(s.is_over for s in self.busy):
            time.sleep(min(left, LISTEN) if self.busy else left)
            for slot in self.busy:
                slot.listen()

    def _tend(self, slot: Slot, write: Callable[[Leases], str]) -> bool:
        """Write down what an attempt said; false when it is over.

        An error of the database ends the attempt, too: whether the commit happened is unknown, and
        the lease brings the job back, to be resumed from what the store knows.
        """
        try:
            ending = self._say(write) or "dropped"
        except Exception as error:  # it said what cannot be stored, and would say it again
            log.exception("What a job said cannot be stored.", job=slot.claim.job_id)
            why = f"What it said cannot be stored: {error!r}."
            outcome, ending = Outcome(JobStatus.failed, Reason.error, why), JobStatus.failed
            self._say(lambda leases: leases.close(slot.claim.token, outcome))
        slot.events.clear()
        if ending == GOES_ON:
            return True
        slot.attempt.kill()
        self.cold |= slot.crash is not None
        log.info("Job left.", job=slot.claim.job_id, ending=slot.crash or str(ending))
        if ending == JobStatus.succeeded and settings().promote == "better":
            self._promote(slot.claim.job_id)
        return False

    def _promote(self, job_id: int) -> None:
        """Let the job's version answer, where the operator lets the gate decide, and it does."""
        from app import promotions  # it loads torch, which a worker needs for nothing else

        try:
            with self.sessions.begin() as session:
                version = Registry(session).of_job(job_id)
                if version is not None:
                    why = "RIDGELINE_PROMOTE is better."
                    promotions.promote(session, str(version.id), who="Ridgeline", reason=why)
                    log.info("Version promoted.", version=version.id)
        except AppError as error:
            log.info("Version not promoted.", job=job_id, why=error.message)
        except DBAPIError as error:
            log.error(store_failed(error))

    def _say(self, verb: Callable[[Leases], T]) -> T | None:
        """One transaction; none where the job is no longer ours or the run store failed."""
        try:
            with self.sessions.begin() as session:
                return verb(Leases(session))
        except Fenced:
            log.warning("Too late: the job is somebody else's now, or nobody's.")
        except DBAPIError as error:
            self.claim_at = time.monotonic() + PAUSE
            log.error(store_failed(error))
        return None

    def _is_final(self, job_id: int) -> bool:
        if self.busy:
            return False
        state = None
        try:
            with self.sessions() as session:
                state = RunStore(session).state(job_id)
        except DBAPIError as error:
            log.error(store_failed(error))
            return False
        return state is None or state[0] in FINAL
