"""Jobs whose events are made by hand: settings, repetitions and curves as a test needs them."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app import lifecycle
from app.store.leases import Claim, Leases, Outcome
from app.store.models import Job
from ml.events import Epoch, Event, Started
from ml.experiments import parse

Curve = NDArray[np.float32]
NAN = float("nan")


def group(key: str, lanes: Sequence[str], epochs: int = 4, **said: Any) -> Started:
    """A group whose lanes are "SETTING, seed 1" and so on; "" is a setting, too."""
    counts = [lanes[: i + 1].count(name) for i, name in enumerate(lanes)]
    labels = tuple(
        f"{name}, seed {n}" if name else f"seed {n}" for name, n in zip(lanes, counts, strict=True)
    )
    usual: dict[str, Any] = {"measure": "squared_loss", "device": "cpu", "settings": tuple(lanes)}
    return Started(key, labels, epochs, **usual | said)


def curves(started: Started, ends: Sequence[float], seed: int = 0) -> Curve:
    """Curves (E, M, L) that fall to these ends of valid; train is a little below, accuracies are
    what is left of 1. NaN is a lane that is lost in its last epoch."""
    shape = started.num_epochs, len(started.labels)
    wobble = np.random.default_rng(seed).uniform(0.9, 1.1, shape)
    steps = np.linspace(2, 0, started.num_epochs)[:, None]
    valid = np.asarray(ends) * (1 + steps * wobble)
    train = 0.8 * valid
    by_name = {"train": train, "valid": valid, "test": 1.1 * valid}
    shares = {"accuracy": 1.0, "top-2 accuracy": 0.5}
    by_name |= {
        f"{part} {share}": 1 / (1 + slope * y)
        for part, y in by_name.items()
        for share, slope in shares.items()
    }
    known = np.stack([by_name[name] for name in started.metrics], 1).astype(np.float32)
    known[-1][:, np.isnan(ends)] = np.nan
    known[:-1][:, :, np.isnan(ends)] = 1.0
    return known


def parts(key: str, values: Curve, *after: int) -> list[Epoch]:
    """The curve in parts, cut after these epochs."""
    cuts = [0, *after, len(values)]
    return [Epoch(key, first + 1, values[first:last]) for first, last in pairwise(cuts)]


def queue(session: Session, name: str = "weight_decay", label: str = "made") -> int:
    """A queued job that no worker will take."""
    job = lifecycle.submit(session, parse({"name": name}))
    job.label = label
    session.flush()
    return job.id


def claim(session: Session, job_id: int, seconds: float = 600.0) -> Claim:
    """Take it as a worker would, for so long."""
    taken = Leases(session).claim("a worker", job_id=job_id)
    assert taken is not None
    session.flush()
    job = session.get_one(Job, job_id)
    job.lease_until = (job.lease_until or 0.0) + seconds
    session.flush()
    return taken


def write(session: Session, *batches: Sequence[Event], outcome: Outcome | None = None) -> Job:
    """A job that said this, one batch a tick of its worker."""
    taken = claim(session, queue(session))
    for batch in batches:
        Leases(session).append(taken.token, batch)
    if outcome:
        Leases(session).close(taken.token, outcome)
    session.commit()
    session.expire_all()
    return session.get_one(Job, taken.job_id)
