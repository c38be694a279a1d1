"""Looks that nobody asks for: every so many hours at the champion; a call where it has moved."""

import json
import threading
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.client import HTTPException

import structlog
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError

from app import bodies
from app.errors import AppError
from app.monitor import watch
from app.retraining import needed
from app.settings import settings
from app.store.sessions import readers, writers

PATIENCE = 10.0  # seconds that whoever is called may take
QUIET = ("few", "quiet")
log = structlog.get_logger()


class Watchman(threading.Thread):
    """Looks until it is stopped; calls once where a verdict becomes "moved" or "worse"."""

    def __init__(self, hours: float) -> None:
        super().__init__(name="watchman", daemon=True)
        self.seconds = 3600 * hours
        self.called: tuple[int, str] | None = None  # version and verdict
        self._stop_asked = threading.Event()

    def run(self) -> None:
        """Look, and look again."""
        while not self._stop_asked.wait(self.seconds):
            self.look()

    def stop(self) -> None:
        """End after the look that is being taken."""
        self._stop_asked.set()
        self.join()

    def look(self) -> bodies.Monitor | None:
        """One look at who answers, a call where it is news; None where none could be taken."""
        try:
            with readers()() as session:
                found = watch(session)
        except (AppError, SQLAlchemyError) as error:  # nobody answers, or the store does not
            log.warning("no look", error=str(error)[:200])
            return None
        log.info("look", version=found.version, verdict=found.verdict, sentence=found.sentence)
        self.retrain(found)
        news = found.version, found.verdict
        if found.verdict in QUIET:
            self.called = None
        elif news != self.called and call(found):
            self.called = news
        return found

    @staticmethod
    def retrain(found: bodies.Monitor) -> None:
        """Learn from the prices that came, where the operator lets a look decide."""
        try:
            with writers().begin() as session:
                job = needed(session, found)
                if job is not None:
                    log.info("retraining", version=found.version, job=job.id)
        except (AppError, SQLAlchemyError) as error:
            log.warning("no retraining", error=str(error)[:200])


def call(found: bodies.Monitor) -> bool:
    """Tell the webhook of a look, where there is one; False where it was not reached."""
    url = settings().webhook
    if not url:
        return True
    told = {
        "text": f"Ridgeline, version {found.version}: {found.sentence}",  # which chats show
        "version": found.version,
        "verdict": found.verdict,
        "answers": found.answers,
        "paid": found.paid,
    }
    request = urllib.request.Request(
        url, json.dumps(told).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE):
            return True
    except (OSError, HTTPException) as error:
        log.warning("webhook not reached", error=str(error)[:200])
        return False


@asynccontextmanager
async def watched(_: FastAPI) -> AsyncIterator[None]:
    """A watchman while the web application runs, where one is asked for."""
    man = Watchman(settings().watch_hours) if settings().watch_hours else None
    if man:
        man.start()
    yield
    if man:
        man.stop()
