"""Probes: alive, and able to work."""

import shutil

from fastapi import APIRouter, Response
from sqlalchemy.exc import SQLAlchemyError

from app.bodies import Health, Readiness
from app.settings import settings
from app.store import migrations
from app.store.jobs import ALIVE, RunStore
from app.store.sessions import ReadSession, engine

router = APIRouter(tags=["health"])
SPACE = 200 * 2**20  # bytes that should be free
OK = "ok"


@router.get("/healthz")
def healthz() -> Health:
    """The web server answers."""
    return Health()


@router.get("/readyz", responses={503: {"model": Readiness}})
def readyz(session: ReadSession, response: Response) -> Readiness:
    """The database is at head, a worker is alive, and there is space on the disk."""
    checks = {"database": _database(), "worker": _worker(session), "disk": _disk()}
    ready = all(found == OK for found in checks.values())
    response.status_code = 200 if ready else 503
    return Readiness(status="ready" if ready else "not ready", checks=checks)


def _database() -> str:
    try:
        return OK if migrations.at_head(engine()) else "Not at head. Run: ridgeline db upgrade"
    except SQLAlchemyError as error:
        return f"It does not answer: {type(error).__name__}."


def _worker(session: ReadSession) -> str:
    try:
        alive = RunStore(session).workers()
    except SQLAlchemyError:
        return "Not known: the database does not answer."
    return OK if alive else f"None was seen in {ALIVE:g} s. Start one: ridgeline worker"


def _disk() -> str:
    folder = settings().data_dir
    free = shutil.disk_usage(folder if folder.exists() else ".").free
    few = f"Only {free // 2**20} MiB are free in {folder}; it needs {SPACE // 2**20}. Make room."
    return OK if free >= SPACE else few
