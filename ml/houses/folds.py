"""4.10.6 Houses side by side: folds and seeds, each net with its own view of the houses."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, product
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic_core import PydanticCustomError

from ml import draws, fields
from ml.events import Floats
from ml.houses.tables import HouseTable, HouseTables
from ml.lanes import Lane, k_fold
from ml.losses import log_rmse, rmse
from ml.nn import MLP
from ml.optim import OPTIMIZERS
from ml.programs import Fits
from ml.train import Training
from ml.trains import TrainingExperiment

NUM_INPUTS = 331  # columns of the book's encoding
ALLOWED = 50_000_000  # parameters of all lanes; each is held four times, with moments and gradient

View = Callable[[NDArray[np.int64], int], HouseTable]
"""All houses as a net sees them that learns from these rows, in the i-th repetition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a net learns the houses, by the names and with the defaults of `kaggle_house`."""

    k: int = 5
    num_hiddens: tuple[int, ...] = (64,)
    dropout: float = 0.3
    optimizer: str = "adamw"
    lr: float = 0.005
    weight_decay: float = 2.0
    batch_size: int = 128


class HouseExperiment(TrainingExperiment):
    """One that learns the houses on k folds with several seeds: they repeat each setting."""

    num_seeds: Annotated[fields.NumSeeds, Field(le=10)] = 1

    @cached_property
    def data(self) -> HouseTables:
        """Both files of the competition."""
        return HouseTables.read()

    def with_values(self, values: dict[str, Any]) -> Self:
        """The same with other values, over the same houses: views of them are made once."""
        other = super().with_values(values)
        vars(other)["data"] = self.data
        return other

    def folds(
        self, setting: str, recipe: Recipe, view: View, *, drop_remainder: bool = False
    ) -> Iterator[Training]:
        """One net for each seed and fold, folds fastest; each draws a start of its own (4.10.6)."""
        rows = [*k_fold(len(self.data.train), recipe.k, drop_remainder=drop_remainder)]
        cells = product(range(self.num_seeds), enumerate(rows))
        seeds = draws.each(self.seed, self.num_seeds * recipe.k)
        for seed, (i, (fold, (train, valid))) in zip(seeds, cells, strict=True):
            parts = setting, f"fold {fold + 1}", f"seed {i + 1}" if self.num_seeds > 1 else ""
            yield self.house_training(
                "folds",
                recipe,
                view(train.numpy(), i),
                label=", ".join(filter(None, parts)),
                setting=setting,
                train=train,
                valid=valid,
                seed=seed,
            )

    def house_training(self, key: str, recipe: Recipe, table: HouseTable, **lane: Any) -> Training:
        """One net over one view of the houses; `lane` names it, its rows and its seed."""
        rates = {name: getattr(recipe, name) for name in ("lr", "weight_decay", "dropout")}
        return self.training(
            key,
            table.X,
            table.y,
            [Lane(scale=table.target.std, **rates, **lane)],
            MLP((table.X.shape[1], *recipe.num_hiddens, 1)),
            measure=rmse if table.target.log else log_rmse,
            measured="log_rmse",
            optimizer=OPTIMIZERS[recipe.optimizer],
            batch_size=recipe.batch_size,
        )


class HouseComparison(HouseExperiment):
    """One that sets settings side by side, each over at least two seeds."""

    curves_only: ClassVar[bool] = True

    num_seeds: Annotated[fields.NumSeeds, Field(ge=2, le=10)] = 3
    num_epochs: Annotated[fields.NumEpochs, Field(le=500)] = 50

    def means(self, fits: Fits, settings: Iterable[str]) -> Floats:
        """Valid log RMSE of each setting with each seed, the folds averaged: (V, seeds)."""
        return np.stack(
            [
                fits.at(setting).last("valid").reshape(self.num_seeds, -1).mean(1)
                for setting in settings
            ]
        )

    @property
    def note(self) -> str:
        """What its table has means over."""
        return (
            f"Means over the folds, {self.num_epochs} epochs. ± is over {self.num_seeds} seeds and"
            " says nothing of other houses; the best of several flatters itself."
        )


def affordable(num_hiddens: Sequence[int], runs: int) -> None:
    """Refuse nets too large to train. Raises pydantic's ValueError, with what is allowed."""
    sizes = [NUM_INPUTS, *num_hiddens, 1]
    parameters = sum((a + 1) * b for a, b in pairwise(sizes))
    if runs * parameters > ALLOWED:
        raise PydanticCustomError(
            "too_many_parameters",
            "{runs} runs of this network have {have} parameters; {allowed} are allowed."
            " Take fewer or narrower hidden layers, fewer folds or fewer seeds.",
            {"runs": runs, "have": f"{runs * parameters:,}", "allowed": f"{ALLOWED:,}"},
        )
