"""Losses and measures over lanes against torch's own, and bytes against what the file holds."""

import numpy as np
import torch
from torch.nn import functional

from ml.data import fashion_mnist
from ml.losses import accuracy, cross_entropy, log_rmse, squared_loss

L, N, CLASSES = 3, 7, 10


def test_losses_are_torchs_lane_by_lane_and_padding_counts_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(L, N, CLASSES, generator=generator)
    labels = torch.randint(CLASSES, (L, N, 1), generator=generator)
    weight = torch.ones(L, N)
    weight[1, 5:] = 0
    for lane, count in enumerate((7, 5, 7)):
        mine, theirs = logits[lane, :count], labels[lane, :count, 0]
        expected = functional.cross_entropy(mine, theirs)
        torch.testing.assert_close(cross_entropy(logits, labels, weight)[lane], expected)
        right = (mine.argmax(1) == theirs).float().mean()
        torch.testing.assert_close(accuracy(logits, labels, weight)[lane], right)
    y_hat, y = logits[..., :1], logits[..., 1:2]
    half = functional.mse_loss(y_hat[1, :5], y[1, :5]) / 2
    torch.testing.assert_close(squared_loss(y_hat, y, weight)[1], half)


def test_cross_entropy_stays_finite_at_huge_logits() -> None:
    logits = torch.tensor([[[1e4, -1e4]]])
    loss = cross_entropy(logits, torch.tensor([[[1]]]), torch.ones(1, 1))
    torch.testing.assert_close(loss, torch.tensor([2e4]))


def test_log_rmse_clips_predictions_at_one() -> None:
    y = torch.full((1, 2, 1), float(np.e))
    torch.testing.assert_close(log_rmse(-y, y, torch.ones(1, 2)), torch.ones(1))


def test_fashion_mnist_is_bytes_with_ten_even_classes() -> None:
    data = fashion_mnist.read()
    assert (data.X.shape, data.X.dtype) == ((70_000, 784), torch.uint8)
    assert data.y[data.train].unique(return_counts=True)[1].tolist() == [6000] * 10
    assert data.y[data.test].unique(return_counts=True)[1].tolist() == [1000] * 10
    assert data.y[:5, 0].tolist() == [9, 0, 0, 3, 0]
    small = fashion_mnist.read(100, 10)
    assert torch.equal(small.X[small.test], data.X[data.test[:10]])
