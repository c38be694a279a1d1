"""4.2: broken data, parameters, ReLU and SGD by hand."""

from typing import Any

from torch import Tensor

from ml import scratch
from ml.data import fashion_mnist
from ml.data.fashion_mnist import FashionMNIST
from tests.broken.breaks import Break, Wrong, identity

_read, _parameters = fashion_mnist.read, scratch.parameters


def fewer(train: int = 0, test: int = 0, pixels: int = 0, classes: int = 0) -> Wrong:
    """Fashion-MNIST with so much cut off."""

    def cut(num_train: int) -> FashionMNIST:
        data = _read(num_train - train)
        end = len(data.X) - test
        X = data.X[:end, : data.X.shape[1] - pixels]
        return FashionMNIST(X, data.y[:end].clamp(max=9 - classes), data.num_train)

    return cut


def started(std: float = 1.0, bias: float = 0.0) -> Wrong:
    """Parameters that start elsewhere."""

    def wrong(*given: Any) -> list[Tensor]:
        params = (param.detach() for param in _parameters(*given))
        return [param * std if param.dim() == 2 else param + bias for param in params]

    return wrong


def narrower(_: Any, *rest: Any) -> scratch.Parameters:
    """Parameters of a net with one hidden unit less."""
    return _parameters((784, 255, 10), *rest)


BEFORE_TRAINING: list[tuple[Any, str, Wrong, str]] = [
    (fashion_mnist, "read", fewer(train=1), "training images"),
    (fashion_mnist, "read", fewer(test=1), "test images"),
    (fashion_mnist, "read", fewer(pixels=1), "pixels of an image"),
    (fashion_mnist, "read", fewer(classes=1), "classes"),
    (scratch, "parameters", started(std=1.02), "standard deviation of W1"),
    (scratch, "parameters", started(std=1.1), "standard deviation of W2"),
    (scratch, "parameters", started(bias=1e-6), "largest bias"),
    (scratch, "parameters", narrower, "parameters"),
]
BREAKS = [
    *(
        Break(name="mlp_scratch", owner=owner, line=line, wrong=wrong, red=(red,), early=True)
        for owner, line, wrong, red in BEFORE_TRAINING
    ),
    Break(
        name="mlp_scratch",
        owner=scratch,
        line="relu",
        wrong=identity,
        red=("with ReLU",),
        values={"num_images": 1000, "num_epochs": 1, "lr": 0.5},
    ),
    Break(
        name="mlp_scratch",
        owner=scratch,
        line="sgd",
        wrong=lambda *_: None,
        red=("test accuracy",),
    ),
]
