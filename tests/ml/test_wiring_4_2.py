"""4.2 and 4.3: each number is of the rows, the lane and the epoch that it names."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load
from torch import Tensor

from ml.data import fashion_mnist
from ml.data.fashion_mnist import FashionMNIST
from ml.events import Checkpoint, Epoch, Event, Figure, Floats, Started, Table
from ml.experiments.mlp_concise import MLPConcise
from ml.experiments.mlp_scratch import MLPScratch
from ml.experiments.mlp_search import MLPSearch
from ml.experiments.mlp_sweeps import MLPSweeps
from ml.fashion import HELD_OUT, FashionChoice
from ml.programs import Fits, fit_all
from ml.train import Progress
from ml.trains import TrainingExperiment

LEARNT, TESTED = 300, 500  # images
SCRATCH = MLPScratch(num_images=LEARNT, num_epochs=3, batch_size=64, num_hiddens=8, std=0.1)
CONCISE = MLPConcise(num_images=LEARNT, num_epochs=2, batch_size=64, num_hiddens=8, start="torch")
SWEEP = MLPSweeps(num_images=LEARNT, num_epochs=2, num_seeds=2, vary="activation", batch_size=64)
SEARCH = MLPSearch(num_images=LEARNT, num_epochs=2, num_seeds=2, num_trials=4, batch_size=64)

_read = fashion_mnist.read


def reads(change: Callable[[Tensor], None] = lambda _: None) -> Callable[[int], FashionMNIST]:
    """Fashion-MNIST with fewer test images, its answers (n,) changed in place."""

    def read(num_train: int) -> FashionMNIST:
        data = _read(num_train, TESTED)
        change(data.y[:, 0])
        return data

    return read


def shuffle(rows: slice) -> Callable[[Tensor], None]:
    """Give these images each other's answers."""

    def change(y: Tensor) -> None:
        there = y[rows]
        y[rows] = there[torch.randperm(len(there), generator=torch.Generator().manual_seed(1))]

    return change


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Event]]:
    def events(experiment: TrainingExperiment, *changed: slice) -> list[Event]:
        change = shuffle(*changed) if changed else lambda _: None
        monkeypatch.setattr(fashion_mnist, "read", reads(change))
        again = type(experiment)(**experiment.model_dump(exclude={"name"}))  # it reads its own
        return list(again.run())

    return events


def of(kind: type[Any], events: list[Event] | Iterator[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def curves(events: list[Event]) -> dict[str, Floats]:
    """Every metric of every group by epoch: (E, L), by "group: metric"."""
    names = {group.key: group.metrics for group in of(Started, events)}
    parts = dict[str, list[Any]]()
    for epoch in of(Epoch, events):
        for i, name in enumerate(names[epoch.key]):
            parts.setdefault(f"{epoch.key}: {name}", []).append(epoch.values[:, i])
    return {name: np.concatenate(values) for name, values in parts.items()}


def changed(before: list[Event], after: list[Event]) -> set[str]:
    """The metrics that are not the same to the last bit, whatever their group."""
    old, new = curves(before), curves(after)
    assert old.keys() == new.keys()
    apart = {name for name in old if not np.array_equal(old[name], new[name])}
    return {name.rpartition(": ")[2] for name in apart}


# ---- what must not matter does not


@pytest.mark.parametrize("experiment", [SCRATCH, CONCISE], ids=lambda e: e.name)
def test_answers_of_test_images_move_test_numbers_and_nothing_else(
    run: Callable[..., list[Event]], experiment: TrainingExperiment
) -> None:
    plain, wrong = run(experiment), run(experiment, slice(LEARNT, None))
    assert changed(plain, wrong) == {"valid", "valid accuracy"}  # which are judged on test images
    assert {group.judged_on for group in of(Started, plain)} == {"test"}
    states = [load(of(Checkpoint, events)[-1].state) for events in (plain, wrong)]
    for name in states[0].keys() - {f"{group.key}/curve" for group in of(Started, plain)}:
        assert torch.equal(states[0][name], states[1][name])


@pytest.mark.parametrize("experiment", [SWEEP, SEARCH], ids=lambda e: e.name)
def test_test_images_choose_nothing(
    run: Callable[..., list[Event]], experiment: TrainingExperiment
) -> None:
    plain, wrong = run(experiment), run(experiment, slice(LEARNT + HELD_OUT, None))
    assert changed(plain, wrong) == {"test", "test accuracy"}
    chosen = [[_choice(event) for event in events if _choice(event)] for events in (plain, wrong)]
    assert chosen[0] == chosen[1]


def _choice(event: Event) -> str:
    """What an event says of the choice and of the numbers that it was made by."""
    match event:
        case Figure("sweep", _, finding):
            return finding.partition(";")[0]
        case Table("sweep"):
            return repr([row[:3] for row in event.rows])
        case Figure("search" | "best_so_far") | Table("search") | Started():
            return repr(event)
        case Figure("chosen", _, finding):
            return finding.partition(" is right")[0]
        case _:
            return ""


@pytest.mark.parametrize("experiment", [SWEEP, SEARCH], ids=lambda e: e.name)
def test_nothing_is_learnt_from_held_out_images(
    run: Callable[..., list[Event]], experiment: TrainingExperiment
) -> None:
    held_out = slice(LEARNT, LEARNT + HELD_OUT)
    first = [
        [event for event in run(experiment, *rows) if getattr(event, "key", "") not in SECOND]
        for rows in ((), (held_out,))
    ]
    assert changed(*first) == {"valid", "valid accuracy"}


SECOND = {"chosen", "book"}  # what is trained once the choice is made


# ---- what is reported is what it is called


def shares(net: torch.nn.Module, data: FashionMNIST, rows: Tensor) -> Floats:
    """Of these images, how many each lane gets right: (L,), an image at a time."""
    with torch.no_grad():
        lanes = len(next(net.parameters()))
        y_hat = net(data.X[rows].expand(lanes, -1, -1)).argmax(2)
    return (y_hat == data.y[rows, 0]).double().mean(1).numpy()


def fitted(experiment: TrainingExperiment) -> Fits:
    steps = fit_all([*experiment.trainings()], Progress(None))
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def test_by_hand_is_the_shared_loop_over_all_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fashion_mnist, "read", reads())
    experiment = replace_data(SCRATCH)
    by_hand, (shared,) = curves(list(experiment.run())), fitted(experiment)
    for name in shared.training.metrics:
        np.testing.assert_allclose(by_hand[f"scratch: {name}"], shared.metric(name), rtol=1e-4)
    assert len(shared.curve) == 3


def replace_data(experiment: Any) -> Any:
    """The same value; what it has read is not kept."""
    return type(experiment)(**experiment.model_dump(exclude={"name"}))
