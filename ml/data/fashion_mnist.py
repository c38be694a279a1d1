"""4.2 Fashion-MNIST: images of clothes as bytes, decoded once, never an object an image."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ml.data import hub

LABELS = (
    "t-shirt", "trouser", "pullover", "dress", "coat",
    "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip
SIDE = 28  # pixels
TRAIN, TEST = 60_000, 10_000  # images


@dataclass(frozen=True, slots=True)
class FashionMNIST:
    """Training images first, then test images: X (n, 784) of uint8, y (n, 1) of int64."""

    X: Tensor
    y: Tensor
    num_train: int

    @property
    def train(self) -> Tensor:
        """Rows to learn from."""
        return torch.arange(self.num_train)

    @property
    def test(self) -> Tensor:
        """Rows to be tested on."""
        return torch.arange(self.num_train, len(self.X))


def read(num_train: int = TRAIN, num_test: int = TEST, cache: Path | None = None) -> FashionMNIST:
    """The first images of both parts, downloaded if need be. Raises hub.DataUnavailable."""
    parts = []
    for part, count in (("train", num_train), ("test", num_test)):
        images = _idx(hub.download(f"fashion_mnist_{part}_images", cache), 16)
        labels = _idx(hub.download(f"fashion_mnist_{part}_labels", cache), 8)
        parts.append((images.view(-1, SIDE * SIDE)[:count], labels[:count]))
    X, y = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
    return FashionMNIST(X, y.long()[:, None], len(parts[0][0]))


def _idx(file: Path, header: int) -> Tensor:
    """The bytes after the header of an idx file: (n,) of uint8."""
    return torch.from_numpy(np.fromfile(file, dtype=np.uint8, offset=header))
