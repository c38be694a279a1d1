"""Losses and measures over lanes: (L, n, out), (L, n, out), weights (L, n) -> (L,)."""

from collections.abc import Callable
from functools import cache

from torch import Tensor, nn

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """sum(w l) / sum(w) of each lane: (L, n), (L, n) -> (L,); NaN where a lane has no weight."""
    return (values * weight).sum(1) / weight.sum(1)


def squared_loss(y_hat: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    """Halved squared error, as the book writes it: mean of 1/2 (y_hat - y)^2."""
    return weighted_mean(((y_hat - y) ** 2).sum(2) / 2, weight)


@cache
def smooth_l1(beta: float) -> Loss:
    """Squared near 0 and absolute from beta on (Girshick, 2015): outliers pull less.

    The same function for the same beta, so that trainings with it can be one program.
    """

    def loss(y_hat: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        losses = nn.functional.smooth_l1_loss(y_hat, y, beta=beta, reduction="none")
        return weighted_mean(losses.sum(2), weight)

    return loss


def log_rmse(y_hat: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    """Root mean squared difference of logarithms of prices, predictions clipped at 1 (4.10.2)."""
    return weighted_mean((y_hat.clamp(min=1).log() - y.log())[..., 0] ** 2, weight).sqrt()


def rmse(y_hat: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    """Root mean squared error; of standardised logarithms times a lane's scale, the log RMSE."""
    return weighted_mean(((y_hat - y) ** 2)[..., 0], weight).sqrt()


def cross_entropy(y_hat: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    """Softmax cross-entropy (3.4.7) of logits (L, n, classes) and labels (L, n, 1) of integers."""
    losses = y_hat.logsumexp(2) - y_hat.gather(2, y)[..., 0]
    return weighted_mean(losses, weight)


def accuracy(y_hat: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    """Share of rows whose largest logit is their label's: (L, n, classes), (L, n, 1) -> (L,)."""
    return weighted_mean((y_hat.argmax(2) == y[..., 0]).float(), weight)
