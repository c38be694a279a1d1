"""What the experiments on Fashion-MNIST share: lanes over images, a gallery, a confusion matrix."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from ml.data.fashion_mnist import LABELS, SIDE, FashionMNIST
from ml.events import Event, Figure, HeatMap, Images, Role, Series
from ml.experiment import Diverged
from ml.lanes import Lane, Lanes
from ml.losses import accuracy, cross_entropy
from ml.nn import DropConnect, Dropout, GaussianNoise, Linear, Pixels, mlp
from ml.optim import SGD, Optimizer
from ml.train import CHUNK, Progress, Training, fit, train_epoch

NUM_INPUTS, NUM_OUTPUTS = SIDE * SIDE, len(LABELS)
ACCURACY = 3  # the row of an epoch that has the accuracy on the images it is judged on
STUDENT = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
)  # fmt: skip
"""The 97.5 % point of Student's t by degrees of freedom, from 1; the last serves for all above."""


def lane(data: FashionMNIST, label: str, lr: float, seed: int, weight_decay: float = 0.0) -> Lane:
    """A model that learns from all training images and is judged on all test images."""
    return Lane(
        label=label, train=data.train, valid=data.test, lr=lr, seed=seed, weight_decay=weight_decay
    )


def training(
    data: FashionMNIST,
    key: str,
    lanes: Sequence[Lane],
    net: Callable[[Lanes], nn.Module],
    *,
    num_epochs: int,
    batch_size: int = 256,
    optimizer: Callable[[nn.Module, Lanes], Optimizer] = SGD,
    device: torch.device,
) -> Training:
    """One group of classifiers: `net` maps pixels in [0, 1], (L, n, 784), to logits."""
    return Training(
        key=key, lanes=Lanes.of(lanes), X=data.X, y=data.y,
        net=lambda given: nn.Sequential(Pixels(), net(given)),
        loss=cross_entropy, measure=cross_entropy, measured="cross_entropy",
        also={"accuracy": accuracy}, optimizer=optimizer,
        num_epochs=num_epochs, batch_size=batch_size, device=device,
    )  # fmt: skip


def noisy(lanes: Lanes, kind: str, p: Tensor) -> nn.Sequential:
    """784-256-256-10 with noise of that kind: p (L, 2) for what follows each hidden layer."""
    layers, last = list[nn.Module](), None
    for layer in mlp(lanes, (NUM_INPUTS, 256, 256, NUM_OUTPUTS), dropouts=[*p.T]):
        if isinstance(layer, Dropout) and kind != "dropout":
            last = (layer.p, layer.seeds, layer.layer)
            if kind == "Gaussian":  # DropConnect drops the weights of the next map, not its inputs
                layers.append(GaussianNoise(*last))
        elif isinstance(layer, Linear) and last and kind == "DropConnect":
            layers.append(DropConnect(*last, layer))
            last = None  # the map after that has its own strength, or none
        else:
            layers.append(layer)
    return nn.Sequential(*layers)


def ended(
    training: Training, progress: Progress, *, lost: float = np.inf
) -> Generator[Event, None, NDArray[np.float64]]:
    """Train a group of which only the last accuracies matter: (L,), NaN where a lane diverged.

    A lane has diverged where its training loss is no number, or not below `lost`. A group in which
    all diverge ends here as well, and a checkpoint keeps no net of a group that has ended: a search
    would carry all of its nets.
    """
    key = f"ended/{training.key}"
    if key not in progress.tensors:
        last = np.full((ACCURACY + 1, len(training.lanes)), np.nan, dtype=np.float32)
        with suppress(Diverged):
            last = (yield from fit(training, progress)).curve[-1]
        for name in progress.get(training.key):
            del progress.tensors[f"{training.key}/{name}"]
        found = np.where(last[0] < lost, last[ACCURACY], np.nan).astype(np.float64)
        progress.tensors[key] = torch.from_numpy(found)
    return progress.tensors[key].numpy()


class _Enough(Exception):
    """The first minibatches have been heard."""


def first_losses(training: Training, steps: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Losses (steps, L) of the first minibatches of the shared loop, which begins anew."""
    losses = list[Tensor]()

    def heard(y_hat: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        loss = training.loss(y_hat, y, weight)
        losses.append(loss.detach())
        if len(losses) == steps:
            raise _Enough
        return loss

    lanes, net = training.lanes, training.net(training.lanes).to(dtype)
    optimizer, hearing = training.optimizer(net, lanes), replace(training, loss=heard)
    with suppress(_Enough):
        train_epoch(net, training.X, training.y, lanes, optimizer, hearing, 1)
    return torch.stack(losses)


@torch.no_grad()
def logits(net: nn.Module, X: Tensor) -> Tensor:
    """What each lane says of the same images, in parts that fit: bytes (n, 784) -> (L, n, 10)."""
    start = next(net.parameters())
    most = max(1, CHUNK // (len(start) * X.shape[1]))
    parts = X.to(start.device).split(most)
    return torch.cat([net(part.expand(len(start), -1, -1)) for part in parts], dim=1).cpu()


def bend(net: Callable[[Tensor], Tensor], data: FashionMNIST) -> float:
    """How far half-way outputs are from half-way between outputs, in their spread: 0 if affine."""
    a, b = data.X[data.test[:512]].float(), data.X[data.test[-512:]].float()
    ends, middle = (net(a), net(b)), net((a + b) / 2)
    return float((middle - (ends[0] + ends[1]) / 2).abs().max() / torch.cat(ends).std())


def gallery(data: FashionMNIST, y_hat: Tensor, count: int = 24) -> Figure:
    """The first test images with what they are and what y_hat (n,) takes them for."""
    y = data.y[data.test, 0]
    found, true = y_hat[:count].tolist(), y[:count].tolist()
    right = sum(a == b for a, b in zip(found, true, strict=True))
    return Figure(
        "gallery", "Test images: true and predicted",
        f"{right} of these {len(true)} are right; of all {len(y):,} test images"
        f" {float((y_hat == y).float().mean()):.1%}.",
        images=Images(
            data.X[data.test[:count]].view(-1, SIDE, SIDE).numpy(),
            tuple(
                LABELS[b] if a == b else f"{LABELS[b]}, taken for {LABELS[a]}"
                for a, b in zip(found, true, strict=True)
            ),
        ),
    )  # fmt: skip


def confusion(data: FashionMNIST, y_hat: Tensor) -> Figure:
    """How often each true class (a row) is taken for each class (a column), in per cent."""
    y = data.y[data.test, 0]
    counts = torch.bincount(y * NUM_OUTPUTS + y_hat, minlength=NUM_OUTPUTS**2).double()
    table = counts.view(NUM_OUTPUTS, NUM_OUTPUTS).numpy()
    share = 100 * table / np.maximum(table.sum(1, keepdims=True), 1)
    true, taken = divmod(int((share - np.diag(np.diag(share))).argmax()), NUM_OUTPUTS)
    hard = int(np.diag(share).argmin())
    return Figure(
        "confusion", "What is taken for what",
        f"Hardest is {LABELS[hard]}, right in {share[hard, hard]:.0f} % of its images; the most"
        f" frequent mistake: {share[true, taken]:.0f} % of {LABELS[true]} are taken for"
        f" {LABELS[taken]}.",
        heat_map=HeatMap(LABELS, LABELS, share), x_label="predicted", y_label="true",
    )  # fmt: skip


def interval(values: ArrayLike) -> tuple[float, float]:
    """Mean of values (n,) and half the width of Student's 95 % interval; NaN where n is 1."""
    sample = np.asarray(values, dtype=np.float64)
    n = len(sample)
    if n < 2:
        return float(sample.mean()), float("nan")
    half = STUDENT[min(n - 1, len(STUDENT)) - 1] * sample.std(ddof=1) / np.sqrt(n)
    return float(sample.mean()), float(half)


def spread(values: ArrayLike) -> tuple[float | None, float | None]:
    """The same for a table: what is not a number is an empty cell."""
    mean, half = (value if np.isfinite(value) else None for value in interval(values))
    return mean, half


def percent(label: str, apart: ArrayLike) -> str:
    """A difference of accuracies in percentage points, with its interval."""
    mean, half = interval(apart)
    return f"{label} {100 * mean:+.1f} ± {100 * half:.1f} points"


def band(label: str, x: NDArray[np.float64], values: ArrayLike, role: Role) -> tuple[Series, ...]:
    """Mean over the seeds of values (n, S), and the two ends of its 95 % interval."""
    mean, half = np.array([interval(row) for row in np.asarray(values)]).T
    return (
        Series(label, x, mean, role),
        Series(f"{label}, low", x, mean - half, role),
        Series(f"{label}, high", x, mean + half, role),
    )


def gains(curve: NDArray[np.float64]) -> Iterator[Event]:
    """Gap and difference of test accuracy without and with dropout: (E, M, 2, S)."""
    epochs = np.arange(1.0, len(curve) + 1)
    gap, test = curve[:, ACCURACY - 1] - curve[:, ACCURACY], curve[:, ACCURACY]
    yield Figure(
        "gap", "Training minus test accuracy, by epoch",
        f"After {len(curve)} epochs the gap is {gap[-1, 0].mean():.1%} without dropout and"
        f" {gap[-1, 1].mean():.1%} with it.",
        (
            *band("none", epochs, gap[:, 0], "c4"),
            *band("dropout", epochs, gap[:, 1], "c3"),
        ),
        x_label="epoch", y_label="train − test accuracy",
    )  # fmt: skip
    apart = test[:, 1] - test[:, 0]
    yield Figure(
        "gained", "What dropout gains on test images, by epoch",
        f"{percent('Dropout changes test accuracy by', apart[0])} after the first epoch"
        f" and {percent('by', apart[-1])} after the last.",
        band("with minus without", epochs, apart, "c3"),
        x_label="epoch", y_label="difference of test accuracy",
    )  # fmt: skip


@torch.no_grad()
def variances(net: nn.Module, data: FashionMNIST) -> Tensor:
    """Variance over test images and units of what each ReLU gives: (2, L)."""
    found = list[Tensor]()
    weight, X = next(net.parameters()), data.X[data.test[:2000]]
    H = X.to(weight.device).expand(len(weight), -1, -1)
    for layer in (layer for layer in net.modules() if not isinstance(layer, nn.Sequential)):
        H = layer(H)
        if isinstance(layer, nn.ReLU):
            found.append(H.flatten(1).var(1))
    return torch.stack(found).double().cpu()
