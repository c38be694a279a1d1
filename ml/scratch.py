"""4.2, 4.5 and 4.6 by hand: matrices, ReLU, dropout, losses, SGD; no torch.nn, no optim.

Gradients are autograd's; everything else of these sections is written out here, once.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from ml import draws

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
