"""A GPU beside the CPU: folds of the houses times seeds as one program, and the MLP on clothes."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from ml.experiments.kaggle_house import KaggleHouse
from ml.experiments.mlp_concise import MLPConcise
from ml.lanes import Lanes
from ml.programs import stack
from ml.train import Progress, Training, fit

LANES = (5, 50, 500, 5000)
EPOCHS = 10
ROUNDS = 3


def measure() -> Iterator[str]:
    """Lines of a table: wall seconds an epoch, the best of a few, and lane epochs a second."""
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    for device in devices[1:]:
        yield f"{device}: {torch.cuda.get_device_name(0)}"
        yield ""
    yield "| what | " + " | ".join(f"{device}, s an epoch" for device in devices) + " | ratio |"
    yield "|---" * (len(devices) + 2) + "|"
    folds = [one for one in KaggleHouse(num_epochs=EPOCHS).trainings() if one.key == "folds"]
    for count in LANES:
        yield row(f"houses, MLP 64, {count:,} lanes", repeated(folds, count), devices)
    (clothes,) = MLPConcise(num_epochs=EPOCHS).trainings()
    yield row("Fashion-MNIST, 784-256-10, batch 256, 1 lane", clothes, devices)
    yield row("the same, 20 lanes", repeated([clothes], 20), devices)


def repeated(trainings: Sequence[Training], lanes: int) -> Training:
    """These trainings with ever new seeds, stacked to so many lanes of one program."""
    many = [
        replace(one, lanes=Lanes.of([replace(lane, seed=seed) for lane in one.lanes]))
        for seed in range(lanes // len(trainings))
        for one in trainings
    ]
    return stack("benchmark", many)


def row(what: str, training: Training, devices: Sequence[str]) -> str:
    """One line: seconds an epoch on each device, and the CPU's over the last one's."""
    took = [an_epoch(replace(training, device=torch.device(device))) for device in devices]
    ratio = f"{took[0] / took[-1]:.1f}" if len(took) > 1 else ""
    return f"| {what} | " + " | ".join(f"{seconds:.4f}" for seconds in took) + f" | {ratio} |"


def an_epoch(training: Training) -> float:
    """Wall seconds of an epoch, evaluation included: the best round, after one that warms up."""
    short = replace(training, num_epochs=2)
    for _ in fit(short, Progress(None)):
        pass
    rounds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in fit(training, Progress(None)):
            pass
        if training.device.type == "cuda":
            torch.cuda.synchronize()
        rounds.append((time.perf_counter() - start) / training.num_epochs)
        if rounds[0] * training.num_epochs > 30:  # one round of what is slow is enough
            break
    return min(rounds)
