"""What `up --train` asks of a service that runs: nothing twice, and it says what it waits for."""

import io
from threading import Timer
from urllib.parse import urlsplit

import pytest
from rich.console import Console

from app import lifecycle
from app.cli import steps
from app.cli.up import Service
from app.errors import Complaint
from app.store import sessions
from app.store.jobs import RunStore
from ml.experiments import EXPERIMENTS, parse
from tests.app.conftest import ACTIVATIONS


class Told(Console):
    """A console that remembers."""

    def __init__(self) -> None:
        super().__init__(file=io.StringIO(), width=160)

    @property
    def text(self) -> str:
        """All of it."""
        assert isinstance(self.file, io.StringIO)
        return self.file.getvalue()


@pytest.fixture
def service(server: str) -> Service:
    address = urlsplit(server)
    found = Service(str(address.hostname), int(address.port or 0))
    for name, cls in EXPERIMENTS.items():  # what it takes for the defaults are the defaults
        assert found.defaults(name) == cls.model_validate({}).model_dump(mode="json")
    return found


def test_a_job_that_somebody_else_made_is_not_made_again(service: Service) -> None:
    out, err = Told(), Told()
    steps.train_once(service, "activations", None, out, err)
    assert out.text == f"activations was trained by {service.address}/jobs/{ACTIVATIONS}\n"


def test_one_of_other_settings_is_and_says_what_it_waits_for(service: Service) -> None:
    with sessions.writers().begin() as session:
        first = lifecycle.submit(session, parse({"name": "coin"})).id

    def cancel() -> None:
        with sessions.writers().begin() as session:
            for job_id in (first, first + 1):
                RunStore(session).cancel(job_id)

    later, err = Timer(2, cancel), Told()
    later.start()
    with pytest.raises(Complaint, match=f"Job {first + 1} was cancelled"):
        steps.train_once(service, "polynomial", None, Told(), err)
    later.join()
    assert f"Job {first + 1} is waiting for job {first}." in err.text
