"""Features as data: steps from a row of any table to the inputs of a net, learnt from some rows."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from ml.features.blocks import AnyBlock, OneHot, Plain, Robust
from ml.features.columns import Columns, Numbers, Row, columns_of
from ml.features.program import Program
from ml.features.steps import (
    Above,
    AnyStep,
    Is,
    Log,
    Median,
    Ordinal,
    Otherwise,
    Product,
    Ratio,
    Relative,
    Sum,
    TargetMean,
    Zero,
)
from ml.frozen import Frozen

__all__ = [
    "Above",
    "AnyStep", "Features", "Is", "Log", "Median", "OneHot", "Ordinal", "Otherwise", "Plain",
    "Product", "Ratio", "Relative", "Robust", "Row", "Sum", "TargetMean", "Zero",
]  # fmt: skip

FLOOR, POWER = 0.02, 0.5  # of what a column is worth by its correlation with the target


class Features(Frozen):
    """Columns, steps, blocks, and a weight for each of the d inputs: JSON, and all of it learnt.

    `learn` gives what training rows see of themselves beside the encoder, for a target encoding
    hides from each its own target; `encode` is what any other row is seen as.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    numbers: tuple[str, ...]
    levels: tuple[str, ...]
    steps: tuple[AnyStep, ...]
    blocks: tuple[AnyBlock, ...]
    weights: tuple[float, ...] = ()

    def named(self, rows: Sequence[Row]) -> "Features":
        """The same with the levels that these rows have, so that folds of them have equal inputs.

        Of the rows nothing else is looked at.
        """
        columns = columns_of(rows, (), self.levels)
        blocks = tuple(
            block.model_copy(update={"levels": block.learn(columns).levels})
            if isinstance(block, OneHot)
            else block
            for block in self.blocks
        )
        return self.model_copy(update={"blocks": blocks})

    def learn(self, rows: Sequence[Row], target: Numbers) -> tuple["Features", NDArray[np.float32]]:
        """What n rows and their targets (n,) teach, and these rows as inputs (n, d).

        Raises ValueError without rows.
        """
        if not rows:
            raise ValueError("Features are learnt from at least one row; there was none.")
        columns = self._columns(rows)
        steps = tuple(step.fit(columns, target) for step in self.steps)
        blocks = tuple(block.learn(columns) for block in self.blocks)
        X = np.hstack([block.encode(columns) for block in blocks])
        weights = worth(X, target)
        update = {"steps": steps, "blocks": blocks, "weights": tuple(weights.tolist())}
        return self.model_copy(update=update), (X * weights).astype(np.float32)

    def encode(self, rows: Sequence[Row]) -> NDArray[np.float32]:
        """What a net reads of rows that it has not learnt from: (n, d)."""
        return (self.program.run(rows) * self._weights).astype(np.float32)

    @cached_property
    def program(self) -> Program:
        """Steps and blocks, all at once."""
        return Program.of(self.levels, self.steps, self.blocks)

    @cached_property
    def _weights(self) -> Numbers:
        return np.array(self.weights)

    @property
    def names(self) -> tuple[str, ...]:
        """Of each of the d inputs."""
        return tuple(name for block in self.blocks for name in block.names)

    def _columns(self, rows: Sequence[Row]) -> Columns:
        return columns_of(rows, self.numbers, self.levels)


def worth(X: Numbers, target: Numbers) -> Numbers:
    """(|ρ| + .02)^½ of each column of X (n, d), ρ its correlation with the target (n,): (d,).

    All are scaled alike, so that the inputs' variances are 1 on average.
    """
    away, y = X - X.mean(axis=0), target - target.mean()
    rho = np.abs(away.T @ y) / np.sqrt(np.square(away).sum(axis=0) * (y @ y) + 1e-9)
    weights = (rho + FLOOR) ** POWER
    variance = (np.square(weights) * X.var(axis=0)).sum()
    return np.asarray(weights * np.sqrt(X.shape[1] / variance) if variance > 0 else weights)
