"""4.2, 4.5 and 4.6 by hand: matrices, ReLU, dropout, losses, SGD; no torch.nn, no optim.

Gradients are autograd's; everything else of these sections is written out here, once.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ml import draws
from ml.events import Epoch, Event
from ml.train import Fitted, GroupDiverged, Progress, Training

Parameters = list[Tensor]  # W1 (in, h), b1 (h,), W2, b2, ...


def parameters(sizes: Sequence[int], std: float, seed: int) -> Parameters:
    """Weights N(0, std^2) and biases 0 for sizes (in, ..., out), as the shared nets start, too."""
    params: Parameters = []
    for layer, (num_inputs, num_outputs) in enumerate(pairwise(sizes)):
        W = torch.empty(num_inputs, num_outputs)
        W.normal_(0, std, generator=draws.generator(seed, layer))
        params += [W, torch.zeros(num_outputs)]
    return [param.requires_grad_() for param in params]


def relu(X: Tensor) -> Tensor:
    """The larger of x and 0, elementwise."""
    return torch.maximum(X, torch.zeros_like(X))


def dropout_layer(X: Tensor, p: float, u: Tensor) -> Tensor:
    """(4.6.1): where u, uniform in [0, 1) and shaped as X, is below p, 0, and elsewhere x/(1-p)."""
    if p == 1:
        return torch.zeros_like(X)
    return (u >= p) * X / (1 - p)


def net(X: Tensor, params: Parameters) -> Tensor:
    """A multilayer perceptron: bytes (n, in) -> logits (n, out)."""
    H = X.to(params[0].dtype) / 255
    for W, b in zip(params[:-2:2], params[1:-2:2], strict=True):
        H = relu(H @ W + b)
    return H @ params[-2] + params[-1]


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """-log softmax(logits)[y]: (n, classes), (n,) -> (n,); the largest logit is taken off first."""
    shifted = logits - logits.max(1, keepdim=True).values
    return shifted.exp().sum(1).log() - shifted[torch.arange(len(y)), y]


def l2_penalty(w: Tensor) -> Tensor:
    """Half the squared length of each lane's weights (4.5.3): (L, d, 1) -> (L,)."""
    return (w**2).sum(dim=(1, 2)) / 2


@torch.no_grad()
def sgd(params: Parameters, grads: Sequence[Tensor], lr: float | Tensor) -> None:
    """Move each parameter against its gradient, in place; lr is one, or one for each row."""
    for param, grad in zip(params, grads, strict=True):
        param.sub_(lr * grad)


def batches(rows: Tensor, batch_size: int, seed: int, epoch: int) -> Iterator[Tensor]:
    """The rows (n,) in this epoch's order, a minibatch at a time: the order of the shared loop."""
    key = draws.keys([seed], epoch, draws.ORDER).to(rows.device)
    order = draws.order(key, torch.ones(1, len(rows), device=rows.device))[0]
    yield from rows[order].split(batch_size)


def train(params: Parameters, X: Tensor, y: Tensor, order: Iterable[Tensor], lr: float) -> Tensor:
    """A step for each minibatch of rows of X (n, in), y (n,) -> the loss before each: (steps,)."""
    losses = []
    for rows in order:
        loss = cross_entropy(net(X[rows], params), y[rows]).mean()
        sgd(params, torch.autograd.grad(loss, params), lr)
        losses.append(loss.detach())
    return torch.stack(losses)


def fit(
    training: Training, params: Parameters, progress: Progress
) -> Generator[Event, None, Fitted]:
    """What the shared loop would do for this one lane, by hand: `params` learn in place.

    Raises:
        GroupDiverged: where the training loss is no number any more.
    """
    (lane,), key = training.lanes, training.key
    X, y = training.X.to(training.device), training.y[:, 0].to(training.device)
    train_rows, test_rows = lane.train.to(X.device), lane.valid.to(X.device)
    saved = progress.get(key)
    curve = [*saved.pop("curve").numpy()] if saved else list[NDArray[np.float32]]()
    for name, value in saved.items():
        params[int(name)].data.copy_(value)
    for epoch in range(len(curve) + 1, training.num_epochs + 1):
        order = batches(train_rows, training.batch_size, lane.seed, epoch)
        train(params, X, y, order, lane.lr)
        parts = [measured(training, params, X[rows], y[rows]) for rows in (train_rows, test_rows)]
        curve.append(np.array([*zip(*parts, strict=True)], dtype=np.float32).reshape(-1, 1))
        yield Epoch(key, epoch, curve[-1][None])
        if not np.isfinite(curve[-1][0, 0]):
            text = f"Training diverged at epoch {epoch}: try a smaller lr than {lane.lr:g}."
            raise GroupDiverged(text, np.stack(curve))
        state = {str(place): param.detach() for place, param in enumerate(params)}
        yield progress.put(key, state, np.stack(curve))
    return Fitted(training, np.stack(curve))


@torch.no_grad()
def measured(training: Training, params: Parameters, X: Tensor, y: Tensor) -> list[float]:
    """Mean cross-entropy over rows X (n, in), y (n,), and what else the training measures."""
    logits = torch.cat([net(part, params) for part in X.split(10_000)])
    lane, weight = (logits[None], y[None, :, None]), torch.ones_like(y, dtype=logits.dtype)[None]
    shares = [share(*lane, weight) for share in training.also.values()]
    return [float(number) for number in (cross_entropy(logits, y).mean(), *shares)]
