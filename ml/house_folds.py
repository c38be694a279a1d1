"""4.10.6 Houses side by side: each lane learns from rows of its own table."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from pydantic_core import PydanticCustomError

from ml.data.house_tables import HouseTable
from ml.lanes import Lane, Lanes
from ml.losses import log_rmse, scaled_rmse, squared_loss
from ml.nn import mlp
from ml.optim import OPTIMIZERS
from ml.train import Training

NUM_INPUTS = 331  # columns of the book's encoding
ALLOWED = 50_000_000  # parameters of all lanes; each is held four times, with moments and gradient


def training(
    key: str,
    given: Sequence[tuple[HouseTable, Lane]],
    *,
    num_hiddens: Sequence[int],
    optimizer: str,
    num_epochs: int,
    batch_size: int,
    device: torch.device,
) -> Training:
    """Lanes with their tables, which are of one kind and stacked, each once however many share it.

    The rows of a lane are given as rows of its table.
    """
    tables = list({id(table): table for table, _ in given}.values())
    offsets = {id(table): place * len(table.X) for place, table in enumerate(tables)}
    lanes = [
        replace(lane, train=lane.train + offsets[id(table)], valid=lane.valid + offsets[id(table)])
        for table, lane in given
    ]
    std = torch.tensor([table.target.std for table, _ in given], dtype=torch.float32)
    sizes = [tables[0].X.shape[1], *num_hiddens, 1]
    return Training(
        key=key,
        lanes=Lanes.of(lanes),
        X=torch.from_numpy(np.concatenate([table.X for table in tables])),
        y=torch.from_numpy(np.concatenate([table.y for table in tables])),
        net=lambda stacked: mlp(stacked, sizes),
        loss=squared_loss,
        measure=scaled_rmse(std) if tables[0].target.log else log_rmse,
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
