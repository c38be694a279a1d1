"""On a GPU: nets learn what they learn on the CPU, and the chapter's claims hold there, too."""

from typing import Any

import numpy as np
import pytest
import torch

from ml.data import fashion_mnist
from ml.events import Check, Epoch, Event
from ml.experiments import EXPERIMENTS
from ml.trains import TrainingExperiment
from tests.ml.test_claims import CASES
from tests.ml.test_experiments import DIVERGES, tiny

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device"),
]
TRAIN = {name: cls for name, cls in EXPERIMENTS.items() if issubclass(cls, TrainingExperiment)}
EARLY = 1  # epochs: later, what differs in the last bit has been multiplied by the steps between


@pytest.mark.parametrize("name", TRAIN)
def test_curves_begin_as_on_the_cpu(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read = fashion_mnist.read
    monkeypatch.setattr(fashion_mnist, "read", lambda learnt, tested=2500: read(learnt, tested))
    here, there = (_begun([*tiny(TRAIN[name], device=on).run()]) for on in ("cpu", "cuda"))
    assert here.keys() == there.keys()
    for key, values in here.items():
        if name not in DIVERGES:
            np.testing.assert_allclose(there[key], values, rtol=0.01, atol=1e-5, err_msg=key)


def _begun(said: list[Event]) -> dict[str, Any]:
    """The first epochs of each group: (epochs, metrics, lanes)."""
    epochs = [event for event in said if isinstance(event, Epoch) and event.first == 1]
    return {event.key: event.values[:EARLY] for event in epochs}


@pytest.mark.parametrize(("name", "values"), [case for case in CASES if case[0] in TRAIN], ids=str)
def test_the_claims_hold(name: str, values: dict[str, Any]) -> None:
    said = TRAIN[name](**values, device="cuda").run()
    found = [event for event in said if isinstance(event, Check)]
    assert [check for check in found if not check.passed] == []
