"""4.10.6 Houses side by side: each lane learns from rows of its own table."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import torch
from pydantic_core import PydanticCustomError

from ml.houses.tables import HouseTable
from ml.lanes import Lane, Lanes
from ml.losses import log_rmse, rmse, squared_loss
from ml.nn import MLP
from ml.optim import OPTIMIZERS
from ml.train import Training

NUM_INPUTS = 331  # columns of the book's encoding
ALLOWED = 50_000_000  # parameters of all lanes; each is held four times, with moments and gradient


def training(
    key: str,
    table: HouseTable,
    lane: Lane,
    *,
    num_hiddens: Sequence[int],
    optimizer: str,
    num_epochs: int,
    batch_size: int,
    device: torch.device,
) -> Training:
    """A net on one lane's view of the houses; those of one shape are one program (ml.programs)."""
    log = table.target.log
    return Training(
        key=key,
        lanes=Lanes.of([replace(lane, scale=table.target.std if log else 1.0)]),
        X=torch.from_numpy(table.X),
        y=torch.from_numpy(table.y),
        net=MLP((table.X.shape[1], *num_hiddens, 1)),
        loss=squared_loss,
        measure=rmse if log else log_rmse,
        measured="log_rmse",
        optimizer=OPTIMIZERS[optimizer],
        num_epochs=num_epochs,
        batch_size=batch_size,
        device=device,
    )


def affordable(num_hiddens: Sequence[int], runs: int) -> None:
    """Refuse nets too large to train. Raises pydantic's ValueError, with what is allowed."""
    sizes = [NUM_INPUTS, *num_hiddens, 1]
    parameters = sum((a + 1) * b for a, b in pairwise(sizes))
    if runs * parameters > ALLOWED:
        raise PydanticCustomError(
            "too_many_parameters",
            "{runs} runs of this network have {have} parameters; {allowed} are allowed."
            " Take fewer or narrower hidden layers, or fewer folds.",
            {"runs": runs, "have": f"{runs * parameters:,}", "allowed": f"{ALLOWED:,}"},
        )
