"""An experiment that misbehaves on demand, and the registry that the trainers of tests read."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from ml.events import Checkpoint, Epoch, Event, Note, Started, Table, Trained
from ml.experiment import Diverged, Experiment

Deed = Literal["nothing", "raise", "diverge", "exit", "kill", "hang", "shout", "unstorable", "late"]


class Trouble(Experiment):
    """Two lanes whose metrics are known beforehand; something happens after epoch `at`."""

    section: ClassVar[str] = "0"
    name: Literal["trouble"] = "trouble"
    do: Deed = Field("nothing", description="What happens.")
    at: int = Field(3, ge=0, description="After which epoch.")
    once: str = Field(
        "", description="A file that is made when it happens; then it never does again."
    )
    num_epochs: int = Field(6, ge=1, description="Epochs.")
    leaves: str = Field("", description="A file that it says it has trained.")
    saves: bool = Field(True, description="Whether each second epoch is followed by a checkpoint.")

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:
        """Say what was expected, and stumble where asked to."""
        yield Started("trouble", ("a", "b"), self.num_epochs, "mse", "cpu", 7)
        first = int(resume.state) + 1 if resume else 1
        yield Note(f"begins at epoch {first} in process {os.getpid()}")
        for epoch in range(first, self.num_epochs + 1):
            yield Epoch("trouble", epoch, metrics(epoch))
            if self.saves and epoch % 2 == 0:
                yield Checkpoint(b"%d" % epoch)
            if epoch == self.at and not (self.once and Path(self.once).exists()):
                yield from self.stumble()
        if self.leaves:
            yield Trained(Path(self.leaves).read_bytes())
        if self.do == "late":
            explode()

    def stumble(self) -> Iterator[Event]:
        """What `do` says."""
        if self.once:
            Path(self.once).touch()
        if self.do == "unstorable":
            yield Table("t", "t", ("a",), ((object(),),))  # type: ignore[arg-type]
        if self.do == "shout":
            for _ in range(40):
                yield Note("a" * 100_000)
                time.sleep(0.05)
        DEEDS.get(self.do, int)()


def diverge() -> None:
    """The loss is lost."""
    raise Diverged("Training diverged at epoch 3: lr was 5.\nA second line.")


def explode() -> None:
    """A mistake in an experiment."""
    raise ZeroDivisionError("seven by zero")


DEEDS: dict[str, Callable[[], object]] = {
    "raise": explode,
    "diverge": diverge,
    "exit": lambda: os._exit(3),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "hang": lambda: sum(range(10**15)),  # one long call in C, which no signal handler interrupts
}


def metrics(epoch: int) -> np.ndarray:
    """What an epoch gives: (1, 2, 2), known to the tests."""
    return np.array([[[1 / epoch, 2 / epoch], [3 / epoch, 4 / epoch]]], dtype=np.float32)


def parse(given: object) -> Experiment:
    """As `ml.experiments.parse`."""
    return Trouble.model_validate(given)


def tell_modules(pipe: Connection) -> None:
    """Main function of a process that says what it finds loaded."""
    pipe.send({*sys.modules})
