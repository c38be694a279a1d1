"""Five folds of the houses: the book's way of training beside ours, interleaved."""

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from ml.experiments.kaggle_house import KaggleHouse
from ml.houses.book import BOOK
from ml.programs import stack
from ml.train import Progress, Training, fit

ROUNDS, EPOCHS = 3, 20


def measure() -> Iterator[str]:
    """Lines of a table: process CPU seconds of both, medians, and the median ratio."""
    torch.set_num_threads(1)
    yield f"| 5 folds, {EPOCHS} epochs, 1 thread | fold after fold | side by side | ratio |"
    yield "|---|---|---|---|"
    for name, values in {
        "linear, the book's settings": BOOK.values,
        "MLP 64": {"batch_size": 64, "num_hiddens": (64,)},
        "MLP 128-64": {"batch_size": 64, "num_hiddens": (128, 64)},
    }.items():
        few = {"num_epochs": EPOCHS, "num_seeds": 1, "device": "cpu"}
        experiment = KaggleHouse(**values | few)
        folds = [training for training in experiment.trainings() if training.key == "folds"]
        training = stack("folds", folds)
        rounds = []
        for _ in range(ROUNDS + 1):  # the first warms up
            theirs = timed(partial(one_by_one, experiment, training))
            ours = timed(partial(side_by_side, training))
            rounds.append((theirs, ours, theirs / ours))
        theirs, ours, ratio = (
            statistics.median(column) for column in zip(*rounds[1:], strict=True)
        )
        yield f"| {name} | {theirs:.2f} s | {ours:.2f} s | {ratio:.1f} |"


def timed(work: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def side_by_side(training: Training) -> None:
    """Ours."""
    for _ in fit(training, Progress(None)):
        pass


def one_by_one(experiment: KaggleHouse, training: Training) -> None:
    """What the text of 4.10 does: a DataLoader and an optimiser a fold, measured every epoch."""
    X, y = training.X, training.y
    for train, valid in zip(training.lanes.train, training.lanes.valid, strict=True):
        net = build(X.shape[1], experiment.num_hiddens, experiment.dropout)
        optimizer = torch.optim.Adam(net.parameters(), lr=experiment.lr)
        loader = DataLoader(TensorDataset(X[train], y[train]), experiment.batch_size, shuffle=True)
        for _ in range(experiment.num_epochs):
            net.train()
            for features, labels in loader:
                optimizer.zero_grad()
                nn.functional.mse_loss(net(features), labels).backward()
                optimizer.step()
            net.eval()
            with torch.no_grad():
                for rows in (train, valid):
                    nn.functional.mse_loss(net(X[rows]), y[rows]).sqrt().item()


def build(num_inputs: int, num_hiddens: tuple[int, ...], dropout: float) -> nn.Sequential:
    """torch's own layers."""
    layers: list[nn.Module] = []
    for units in num_hiddens:
        layers += [nn.Linear(num_inputs, units), nn.ReLU(), nn.Dropout(dropout)]
        num_inputs = units
    return nn.Sequential(*layers, nn.Linear(num_inputs, 1))
