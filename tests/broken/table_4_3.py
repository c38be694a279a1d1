"""4.3: broken optimisers, a choice of the worst, settings under a wrong name."""

from typing import Any

import numpy as np

from ml import scratch
from ml.events import Floats
from ml.experiments.mlp_concise import BETTER
from ml.experiments.mlp_sweeps import FEW, VARIED
from ml.fashion import FashionChoice, FashionExperiment
from ml.lanes import Lane
from ml.optim import SGD, Adam
from tests.broken.breaks import Break, identity, still

TINY = {"num_images": 200, "num_epochs": 1, "num_seeds": 2}


def mixed(self: FashionChoice, label: str, **others: Any) -> Lane:
    """A lane that is chosen by images it has learnt from."""
    rows = {"valid": self.data.train, "test": self.data.test}
    return FashionExperiment.lane(self, label, **rows | others)


def worst(held_out: Floats) -> int:
    """The place of the smallest accuracy."""
    return int(np.nanargmin(held_out))


def exchanged(vary: str, one: str, other: str) -> dict[str, Any]:
    """The settings of a sweep, two of them under each other's name."""
    return VARIED[vary] | {one: VARIED[vary][other], other: VARIED[vary][one]}


BREAKS = [
    Break(
        name="mlp_concise",
        owner=scratch,
        line="relu",
        wrong=identity,
        red=("ml.nn and ml.optim", "torch.nn and torch.optim"),
        values={"num_images": 2000, "num_epochs": 1, "lr": 0.5},
    ),
    Break(
        name="mlp_concise",
        owner=SGD,
        line="update",
        wrong=still,
        red=("the book's settings", "ml.nn and ml.optim"),
    ),
    Break(
        name="mlp_concise",
        owner=Adam,
        line="update",
        wrong=still,
        red=("our settings",),
        values=BETTER,
    ),
    # ---- what chooses
    *(
        Break(
            name=name,
            owner=FashionChoice,
            line="lane",
            wrong=mixed,
            red=("images in two of",),
            values=TINY,
        )
        for name in ("mlp_search", "mlp_sweeps")
    ),
    Break(name="mlp_search", line="choose", wrong=worst, red=("held-out accuracy of the choice",)),
    Break(
        name="mlp_sweeps",
        line="choose",
        wrong=worst,
        red=("test accuracy lost by choosing",),
        values={"vary": "activation", "num_images": FEW},
    ),
    *(
        Break(
            name="mlp_sweeps",
            line="varied",
            key=vary,
            wrong=exchanged(vary, one, other),
            red=red,
            values={"vary": vary, "num_images": FEW},
        )
        for vary, one, other, red in (
            ("width", "4", "16", ("test accuracy, gained from 4 to 16",)),
            (
                "depth",
                "0 hidden",
                "3 hidden",
                ("test accuracy, no hidden", "test accuracy, 1 hidden"),
            ),
            ("lr", "0.1", "30", ("test accuracy, lr 0.1 minus", "runs at lr 30")),
            ("activation", "tanh", "sigmoid", ("test accuracy, relu", "test accuracy, tanh")),
            ("start", "all zero", "N(0, 0.1²)", ("test accuracy, N(0, 0.1²)", "all weights zero")),
        )
    ),
]
