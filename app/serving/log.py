"""Answers on their way to the store: a thread writes them, so that nobody who asks waits for it."""

import atexit
import math
import queue
import secrets
import threading
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app import metrics
from app.serving.predictors import Served
from app.settings import settings
from app.store.answers import Answers
from app.store.sessions import writers
from ml.predictor import Predictions

MOST = 50_000  # answers that may wait: what comes beyond is not kept, and counted
AT_ONCE = 5_000  # of a transaction
PATIENT = 1_000  # answers that may wait before a table does
SOON = 0.25  # seconds that answers are collected before they are written, all of them at once
LONGEST_WAIT = 60.0  # seconds that it waits for room
Rows = list[dict[str, Any]]


class Log:
    """A queue of answers and the thread that empties it into the store."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Rows | None] = queue.Queue()
        self._waiting, self._room = 0, threading.Condition()
        self._stuck = False  # the store does not answer: nobody waits for it again
        self._hurry = threading.Event()  # somebody waits for what is collected
        self._thread = threading.Thread(target=self._write, name="answers", daemon=True)
        self._thread.start()

    def keep(
        self,
        served: Served,
        houses: Sequence[dict[str, Any]],
        priced: Predictions,
        paid: Sequence[float] = (),
        *,
        wait: bool = False,
    ) -> list[str] | None:
        """A key for each answer, by which its price can be told later; None where none is kept.

        `houses` are what the rows say, `paid` what was paid already, NaN where it is not known. A
        part of a table can `wait` until few answers do, so that a long one fills no memory.
        """
        n = len(houses)
        with self._room:
            if wait and not self._stuck:
                if self._waiting >= PATIENT:
                    self._hurry.set()
                self._stuck = not self._room.wait_for(lambda: self._waiting < PATIENT, LONGEST_WAIT)
            if self._waiting + n > MOST:
                metrics.lost.inc(n)
                return None
            self._waiting += n
        at = round(time.time(), 3)
        rows: Rows = [
            {
                "key": secrets.token_hex(8), "version_id": served.version, "at": at,
                "house": house, "price": price, "low": low, "high": high, "paid": None,
                "paid_at": None,
            }
            for house, price, low, high in zip(
                houses, priced.price.tolist(), priced.low.tolist(), priced.high.tolist(),
                strict=True,
            )
        ]  # fmt: skip
        for row, price in zip(rows, paid, strict=False):
            if math.isfinite(price):
                row |= {"paid": price, "paid_at": at}
        self._queue.put(rows)
        return [row["key"] for row in rows]

    def flush(self) -> None:
        """Wait until all that was kept before is in the store."""
        self._hurry.set()
        self._queue.join()

    def close(self) -> None:
        """The same, and end the thread."""
        self._queue.put(None)
        self._hurry.set()
        self._thread.join()

    def _write(self) -> None:
        while True:
            taken = [self._queue.get()]
            self._hurry.wait(SOON)
            self._hurry.clear()  # first: whoever hurries from now on waits for what is left
            while sum(map(len, filter(None, taken))) < AT_ONCE:
                try:
                    taken.append(self._queue.get_nowait())
                except queue.Empty:
                    break
            rows = [row for some in taken for row in some or ()]
            if rows:
                self._store(rows)
            for _ in taken:
                self._queue.task_done()
            if None in taken:
                return

    def _store(self, rows: Rows) -> None:
        try:
            with writers().begin() as session:
                Answers(session).add(rows, settings().keep_answers)
            metrics.kept.inc(len(rows))
        except SQLAlchemyError as error:  # a store out of reach shall stop nobody from answering
            metrics.lost.inc(len(rows))
            structlog.get_logger().warning("answers lost", count=len(rows), error=str(error)[:200])
        finally:
            with self._room:
                self._waiting -= len(rows)
                self._stuck = False
                self._room.notify_all()


@lru_cache
def log() -> Log:
    """The log of this process."""
    made = Log()
    atexit.register(made.close)
    return made


def keep(
    served: Served,
    houses: Sequence[dict[str, Any]],
    priced: Predictions,
    paid: Sequence[float] = (),
    *,
    wait: bool = False,
) -> list[str] | None:
    """As Log.keep, where answers are kept at all."""
    if not settings().keep_answers:
        return None
    return log().keep(served, houses, priced, paid, wait=wait)


def flush() -> None:
    """Wait until all that was kept is in the store."""
    if log.cache_info().currsize:
        log().flush()


def forget() -> None:
    """End the thread: another database."""
    if log.cache_info().currsize:
        made = log()
        atexit.unregister(made.close)
        made.close()
        log.cache_clear()
