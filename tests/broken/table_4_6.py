"""4.6: dropout that drops wrongly, too early or for ever; a ridge without penalty; true labels."""

from typing import Any

import numpy as np
from torch import Tensor
from torch.nn import Identity, Sequential

from ml import affine, scratch
from ml.events import Floats
from ml.fashion import FashionChoice, FashionExperiment
from ml.lanes import Lane, Lanes
from ml.nn import ACTIVATIONS, Dropout
from ml.noise import FEWER, BookDropout
from ml.optim import Adam
from tests.broken.breaks import Break, identity, still

_forward, _layer = Dropout.forward, scratch.dropout_layer
SMALL = {"num_images": 4000, "num_epochs": 3, "num_hiddens": 64, "batch_size": 32, "lr": 0.2}
TINY = {"num_images": 200, "num_epochs": 1, "num_seeds": 2}
NOISE = (0.5, 2.0)


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
    return _layer(X, p, u[..., :1])


def always(self: Dropout, X: Tensor) -> Tensor:
    """Dropout that goes on when evaluated."""
    was, self.training = self.training, True
    outputs = _forward(self, X)
    self.training = was
    return outputs


def never(_self: Dropout, X: Tensor) -> Tensor:
    """Dropout with its masks off."""
    return X


def one_mask(self: Dropout, X: Tensor) -> Tensor:
    """Dropout with the mask of the first example for all of a minibatch."""
    mask = _forward(self, X[:, :1].new_ones(X[:, :1].shape))
    return X * mask


def unpenalised(X: Floats, y: Floats, _decay: float) -> Floats:
    """Ridge without the penalty."""
    weights = np.linalg.lstsq(X, y, rcond=None)[0]
    return np.asarray(weights, dtype=np.float64)


def with_relu(self: BookDropout, lanes: Lanes) -> Sequential:
    """The net as it is meant."""
    return self.net(lanes)


def mixed(self: FashionChoice, label: str, **others: Any) -> Lane:
    """A lane that is chosen by images it has learnt from."""
    rows = {"valid": self.data.train, "test": self.data.test}
    return FashionExperiment.lane(self, label, **rows | others)


def worst(held_out: Floats) -> int:
    """The place of the smallest accuracy."""
    return int(np.nanargmin(held_out))


LAYER: list[tuple[float, Any, tuple[str, ...]]] = [
    (0.0, sieve, ("p = 0 is the identity", "E[h'] = h", "Var[h'] = 0")),
    (1.0, sieve, ("p = 1 gives",)),
    *(
        (p, wrong, red)
        for p in (0.5, 0.2)
        for wrong, red in (
            (forgetful, ("values are 0", "E[h'] = h", "Var[h']")),
            (identity, ("units h1 to h5",)),
            (upside_down, ("units h1 to h5",)),
            (together, ("largest |correlation|",)),
        )
    ),
]
BREAKS = [
    *(
        Break(
            name="dropout_layer",
            owner=scratch,
            line="dropout_layer",
            wrong=wrong,
            red=red,
            values={"p": p},
        )
        for p, wrong, red in LAYER
    ),
    *(
        Break(name="dropout", owner=Dropout, line="forward", wrong=wrong, red=red, values=SMALL)
        for wrong, red in (
            (always, ("evaluated twice",)),
            (never, ("two steps of training",)),
            (one_mask, ("one image twice",)),
        )
    ),
    # ---- by hand
    Break(
        name="dropout_scratch",
        owner=scratch,
        line="dropout_layer",
        wrong=forgetful,
        red=("scratch and concise",),
        values=SMALL,
    ),
    *(
        Break(
            name="dropout_scratch",
            owner=Dropout,
            line="forward",
            wrong=wrong,
            red=("scratch and concise",),
            values=SMALL,
        )
        for wrong in (never, one_mask)
    ),
    Break(
        name="dropout_scratch",
        owner=ACTIVATIONS,
        line="relu",
        wrong=Identity,
        red=("with ReLU",),
        values=SMALL,
    ),
    Break(
        name="dropout_scratch",
        line="without_relu",
        wrong=with_relu,
        red=("printed without ReLU",),
        values=SMALL | {"literal": True},
    ),
    # ---- comparisons
    *(
        Break(
            name=f"dropout_{name}",
            owner=FashionChoice,
            line="lane",
            wrong=mixed,
            red=("images",),
            values=TINY,
        )
        for name in ("swap", "variants", "decay", "epochs")
    ),
    *(
        Break(
            name=f"dropout_{name}",
            line="choose",
            wrong=worst,
            red=("test accuracy lost by choosing",),
            values=FEWER,
        )
        for name in ("swap", "variants")
    ),
    Break(
        name="dropout_epochs",
        owner=Dropout,
        line="forward",
        wrong=never,
        red=("gap of accuracy",),
        values=FEWER,
    ),
    Break(
        name="dropout_uncertainty",
        owner=Dropout,
        line="forward",
        wrong=never,
        red=("spread of a probability",),
        values=FEWER,
    ),
    Break(
        name="dropout_uncertainty",
        owner=Adam,
        line="update",
        wrong=still,
        red=("accuracy of the tenth",),
        values=FEWER,
    ),
    # ---- noise on the inputs, random labels
    *(
        Break(
            name="input_noise",
            owner=affine,
            line="ridge",
            wrong=unpenalised,
            red=(f"noise ±{sigma:g}", f"Gaussian noise {sigma:g}"),
            values={"sigma": sigma},
        )
        for sigma in NOISE
    ),
    Break(
        name="random_labels",
        line="relabelled",
        wrong=lambda y, _seed: y,
        red=("random labels, held-out",),
        values={"num_epochs": 5, "num_seeds": 1},
    ),
    Break(
        name="random_labels",
        owner=Adam,
        line="update",
        wrong=still,
        red=("random labels, least training accuracy",),
        values={"num_seeds": 1},
    ),
]
