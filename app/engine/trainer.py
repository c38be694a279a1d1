"""What runs in an attempt's own process: no database, only a pipe to talk into."""

import os
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.engine.orphans import die_with_parent, watch_worker
from app.errors import sentence, sentences
from app.store.states import Reason
from ml.data import hub
from ml.events import Checkpoint, Event, Note
from ml.experiment import Diverged, Experiment


@dataclass(frozen=True, slots=True)
class Order:
    """What to run and how, as plain values."""

    experiment: dict[str, Any]  # as it is stored: parsed here, and nowhere before
    resume: bytes | None = None  # state of a checkpoint
    threads: int = 1  # resuming is exact to the last bit only at the same number
    registry: str = "ml.experiments"  # a module with parse()
    cache: Path | None = None  # folder of downloaded data


@dataclass(frozen=True, slots=True)
class Finished:
    """Last word of an attempt that came to its end."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Last word of an attempt that would fail again if it were tried again."""

    reason: Reason
    error: str


Message = Event | Finished | Failed


def train(pipe: Connection, order: Order) -> None:
    """Run the order and say into the pipe what happens; main function of the process."""
    die_with_parent()
    watch_worker()
    os.setpgid(0, 0)  # a Ctrl-C is the worker's business, and its kill() takes our children too
    with suppress(BrokenPipeError):  # nobody listens any more: the job is somebody else's now
        for message in messages(order):
            pipe.send(message)


def messages(order: Order) -> Iterator[Message]:
    """The experiment's events and a last word."""
    try:
        experiment: Experiment = import_module(order.registry).parse(order.experiment)
    except ValidationError as error:
        yield Failed(Reason.invalid, f"The experiment is not valid (any more): {sentences(error)}")
        return
    settle(order.threads)
    hub.store_in(order.cache)
    try:
        yield from experiment.run(None if order.resume is None else Checkpoint(order.resume))
        yield Finished()
    except Diverged as error:
        yield Failed(Reason.diverged, sentence(error))
    except Exception as error:  # noqa: BLE001  (whatever it is, it is the answer)
        if type(error).__module__.startswith("ml."):  # ml foresaw it, and has a sentence for it
            yield Failed(Reason.error, str(error))
            return
        yield Note(traceback.format_exc(), warning=True)
        yield Failed(Reason.error, f"{type(error).__name__}: {sentence(error)}")


def settle(threads: int) -> None:
    """Set what the last bit of a result hangs on."""
    import torch

    torch.set_num_threads(threads)
    torch.set_flush_denormal(False)


def device() -> str:
    """What this machine trains on: asked in a process of its own, since CUDA cannot be forked."""
    import torch

    if torch.cuda.is_available():
        return f"cuda: {torch.cuda.get_device_name(0)}"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def answer(pipe: Connection) -> None:
    """Main function of the process that warms the fork server up: it answers with the device."""
    pipe.send(device())
