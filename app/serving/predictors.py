"""The predictors that answer: loaded once from the store, and kept while they are asked."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy.orm import Session

from app.errors import Conflict, NotFound
from app.store.jobs import SERVED, RunStore
from app.store.sessions import readers
from ml.predictor import Predictor


@dataclass(frozen=True, slots=True)
class Served:
    """A predictor and the job it came from; `row` is the JSON schema of what it reads."""

    job_id: int
    predictor: Predictor
    row: dict[str, Any]


def serving(session: Session, job_id: int | None = None) -> Served:
    """The predictor of that job, or of the best: lowest mean validation error at the last epoch.

    Raises:
        NotFound: where none has been trained.
        Conflict: where that job has none.
    """
    if job_id is None:
        best = RunStore(session).best()
        if best is None:
            raise NotFound(
                f"Nothing has been trained yet. Train a model: ridgeline train {SERVED[0]}, or make"
                f' run, or POST /api/v1/jobs {{"experiment": {{"name": "{SERVED[0]}"}}}}.'
            )
        job_id = best.id
    elif RunStore(session).artifact(RunStore(session).get(job_id).id) is None:
        raise Conflict(f"Job {job_id} has no predictor; a {SERVED[0]} that has succeeded has one.")
    return _load(job_id)


@lru_cache(maxsize=8)
def _load(job_id: int) -> Served:
    """A session of its own, so that the cache holds what any request may use."""
    with readers()() as session:
        payload = RunStore(session).predictor(job_id)
    if payload is None:
        raise NotFound(f"Job {job_id} has no predictor.")
    predictor = Predictor.from_bytes(payload)
    return Served(
        job_id, predictor, predictor.card.input_schema.row_model("House").model_json_schema()
    )


def forget() -> None:
    """Empty the cache: another database."""
    _load.cache_clear()
