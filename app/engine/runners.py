"""Where an attempt runs: in a process forked from a server that has torch loaded."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.forkserver import ensure_running, set_forkserver_preload
from multiprocessing.process import BaseProcess
from typing import Protocol

from app.engine.trainer import Message, Order, answer, train

PRELOAD = (
    "app.engine.forkserver_preload",
    "torch",
    "torch._dynamo",
    "app.engine.trainer",
    "ml.experiments",
)
AT_MOST = 2000  # messages taken at a time, so that one loud trainer does not hold up the others


class Crashed(Exception):
    """An attempt ended without its last word."""


class Attempt(Protocol):
    """One try at an experiment, somewhere."""

    def take(self) -> list[Message]:
        """What it sent since, without waiting.

        Raises:
            Crashed: where it ended and has no more to say.
        """

    def kill(self) -> None:
        """End it, whatever it does."""


class Runner(Protocol):
    """A place where attempts run."""

    device: str  # known once it is warm
    registry: str  # the module whose parse() reads an experiment

    def warm_up(self) -> None:
        """Return when the next start will not take long: a lease runs meanwhile.

        Raises:
            OSError, EOFError: where it could not be done; try again.
        """

    def start(self, order: Order) -> Attempt:
        """Begin."""


class Processes:
    """Attempts in processes of this machine.

    Make it, and start attempts, in one thread that lives as long: the kernel takes the end of the
    thread that forked the server for the death of the parent.
    """

    def __init__(self, registry: str = "ml.experiments") -> None:
        self.registry, self.device = registry, "cpu"
        self.context = get_context("forkserver")
        set_forkserver_preload([*PRELOAD, registry])  # a module that fails to import is passed over
        with _without_main():
            ensure_running()

    def warm_up(self) -> None:
        """Fork a process that only names the device: it can begin when the server is ready."""
        ours, theirs = self.context.Pipe(duplex=False)
        with ours:
            process = self.fork(answer, theirs)
            self.device = ours.recv()
        process.join()

    def start(self, order: Order) -> "ProcessAttempt":
        """Fork a trainer."""
        ours, theirs = self.context.Pipe(duplex=False)
        return ProcessAttempt(self.fork(train, theirs, order), ours)

    def fork(self, main: Callable[..., None], pipe: Connection, *order: object) -> BaseProcess:
        """A process of its own that talks into this end of a pipe; it stays open nowhere else."""
        process = self.context.Process(target=main, args=(pipe, *order), daemon=True)
        with pipe, _without_main():
            process.start()
        return process


class ProcessAttempt:
    """A trainer and our end of its pipe."""

    def __init__(self, process: BaseProcess, pipe: Connection) -> None:
        self.process, self.pipe = process, pipe

    def take(self) -> list[Message]:
        """What came through the pipe."""
        messages: list[Message] = []
        try:
            while len(messages) < AT_MOST and self.pipe.poll():
                messages.append(self.pipe.recv())
        except (EOFError, OSError):
            if not messages:
                raise Crashed(self._obituary()) from None
        return messages

    def kill(self) -> None:
        """SIGKILL to its process group: it has nothing to clean up, no database and no files."""
        assert self.process.pid is not None
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.join(1)
        self.pipe.close()

    def _obituary(self) -> str:
        self.process.join(1)
        code = self.process.exitcode
        if code == -signal.SIGKILL:
            return "Its process was killed, perhaps because the machine ran out of memory."
        if code is not None and code < 0:
            return f"Its process died of {signal.Signals(-code).name}."
        return f"Its process ended with exit code {code}."


@contextmanager
def _without_main() -> Iterator[None]:
    """Pose as `python -m app`: each trainer would import again whatever else we run as."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    main.__spec__ = find_spec("app.__main__")
    try:
        yield
    finally:
        main.__spec__ = spec
