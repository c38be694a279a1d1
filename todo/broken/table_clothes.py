"""4.2, 4.3 and 4.6: broken MLPs and broken dropout."""

from typing import Any

import numpy as np
from torch import Tensor
from torch.nn import Identity

from ml import scratch
from ml.data import fashion_mnist
from ml.data.fashion_mnist import FashionMNIST
from ml.experiments import (
    dropout,
    input_noise,
    mlp_concise,
    random_labels,
)
from ml.nn import ACTIVATIONS, Dropout
from ml.optim import SGD, Adam
from tests.broken.breaks import Break, Wrong, identity, still

_read, _parameters, _forward = fashion_mnist.read, scratch.parameters, Dropout.forward
_dropped = scratch.dropout_layer
SCRATCH = {"num_images": 1000, "num_epochs": 1, "lr": 0.5}
DROPOUT = {"num_images": 4000, "num_epochs": 7, "num_hiddens": 64}
NOISE = (0.5, 2.0)


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
        found = (param.detach() for param in _parameters(*given))
        return [param * std if param.dim() == 2 else param + bias for param in found]

    return wrong


def forgetful(X: Tensor, p: float, u: Tensor) -> Tensor:
    """Dropout that does not divide by 1 - p."""
    return (u >= p) * X


def upside_down(X: Tensor, p: float, u: Tensor) -> Tensor:
    """Dropout that drops what it should keep."""
    return (u < p) * X / (1 - p)


def sieve(X: Tensor, _p: float, u: Tensor) -> Tensor:
    """Dropout at 1/2, whatever p."""
    return (u >= 0.5) * X


def together(X: Tensor, p: float, u: Tensor) -> Tensor:
    """Dropout with one mask for all units of a draw."""
    return _dropped(X, p, u[..., :1])


def always(self: Dropout, X: Tensor) -> Tensor:
    """Dropout that goes on when evaluated."""
    was, self.training = self.training, True
    found = _forward(self, X)
    self.training = was
    return found


def unpenalised(X: Any, y: Any, _decay: float) -> Any:
    """Ridge without the penalty."""
    return np.linalg.lstsq(X.reshape(-1, X.shape[-1]), y.reshape(-1), rcond=None)[0]


BREAKS = [
    *(
        Break(
            name="mlp_scratch", owner=fashion_mnist, line="read", wrong=wrong,
            red=(red,), early=True,
        )
        for wrong, red in (
            (fewer(train=1), "training images"), (fewer(test=1), "test images"),
            (fewer(pixels=1), "pixels of an image"), (fewer(classes=1), "classes"),
        )
    ),
    *(
        Break(
            name="mlp_scratch", owner=scratch, line="parameters", wrong=wrong, red=(red,),
            early=True,
        )
        for wrong, red in (
            (started(std=1.02), "standard deviation of W1"),
            (started(std=1.1), "standard deviation of W2"), (started(bias=1e-6), "largest bias"),
            (lambda _, *rest: _parameters((784, 255, 10), *rest), "parameters"),
        )
    ),
    Break(
        name="mlp_scratch", owner=scratch, line="relu", wrong=identity, red=("with ReLU",),
        values=SCRATCH,
    ),
    Break(
        name="mlp_scratch", owner=scratch, line="sgd", wrong=lambda *_: None,
        red=("test accuracy",),
    ),
    Break(
        name="mlp_concise", owner=scratch, line="relu", wrong=identity,
        red=("ml.nn and ml.optim", "torch.nn and torch.optim"),
        values={"num_images": 2000, "num_epochs": 1, "lr": 0.5},
    ),
    Break(
        name="mlp_concise", owner=SGD, line="update", wrong=still,
        red=("the book's settings", "ml.nn and ml.optim"),
    ),
    Break(
        name="mlp_concise", owner=Adam, line="update", wrong=still, red=("our settings",),
        values=mlp_concise.BETTER,
    ),
    # ---- 4.6
    Break(
        name="dropout", owner=scratch, line="dropout_layer", wrong=forgetful,
        red=("scratch and concise",), values=DROPOUT,
    ),
    Break(
        name="dropout", owner=Dropout, line="forward", wrong=always, red=("evaluated twice",),
        values=DROPOUT,
    ),
    Break(
        name="dropout", owner=Dropout, line="forward", wrong=lambda _self, X: X,
        red=("two steps of training", "scratch and concise"), values=DROPOUT,
    ),
    Break(
        name="dropout", owner=ACTIVATIONS, line="relu", wrong=Identity,
        red=("with ReLU",),
        values=DROPOUT | {"lr": 0.1, "batch_size": 64, "num_epochs": 8},
    ),
    Break(
        name="dropout", owner=dropout, line="without_relu", wrong=identity,
        red=("printed without ReLU",), values=DROPOUT | {"literal": True, "lr": 0.1},
    ),
    *(
        Break(
            name="dropout_layer", owner=scratch, line="dropout_layer", wrong=wrong, red=red,
            values={"p": p},
        )
        for p in (0.5, 0.2)
        for wrong, red in (
            (forgetful, ("values are 0", "E[h'] = h", "Var[h']")),
            (identity, ("units h1 to h5",)), (upside_down, ("units h1 to h5",)),
            (together, ("largest |correlation|",)),
        )
    ),
    *(
        Break(
            name="dropout_layer", owner=scratch, line="dropout_layer", wrong=sieve, red=red,
            values={"p": p},
        )
        for p, red in (
            (0.0, ("p = 0 is the identity", "E[h'] = h", "Var[h'] = 0")), (1.0, ("p = 1 gives",)),
        )
    ),
    *(
        Break(
            name="input_noise", owner=input_noise, line="ridge", wrong=unpenalised,
            red=(f"noise ±{sigma:g}", f"Gaussian noise {sigma:g}"), values={"sigma": sigma},
        )
        for sigma in NOISE
    ),
    Break(
        name="random_labels", owner=random_labels, line="relabelled", wrong=lambda y, _seed: y,
        red=("random labels, held-out",), values={"num_epochs": 5, "num_seeds": 1},
    ),
    Break(
        name="random_labels", owner=Adam, line="update", wrong=still,
        red=("random labels, least training accuracy",), values={"num_seeds": 1},
    ),
]  # fmt: skip
