"""What the experiments on Fashion-MNIST share: lanes over images, a gallery, a confusion matrix."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from ml.data.fashion_mnist import LABELS, SIDE, FashionMNIST
from ml.events import Figure, HeatMap, Images
from ml.lanes import Lane, Lanes
from ml.losses import accuracy, cross_entropy
from ml.nn import Pixels
from ml.optim import SGD, Optimizer
from ml.train import CHUNK, Training

NUM_INPUTS, NUM_OUTPUTS = SIDE * SIDE, len(LABELS)
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
