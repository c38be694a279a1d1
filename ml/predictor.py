"""A trained model that answers: encoder and net, with its input schema carried as data."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors
from torch import nn

from ml.encoder import Encoder, Target
from ml.houses import submission
from ml.nn import ACTIVATIONS, Linear
from ml.schema import InputSchema

Vector = NDArray[np.float64]
FUNCTIONS: dict[str, Callable[[Vector], Vector]] = {
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "sigmoid": lambda x: 0.5 * (1 + np.tanh(x / 2)),
}
assert FUNCTIONS.keys() == ACTIVATIONS.keys()


class Histogram(BaseModel):
    """Counts between edges: len(edges) is len(counts) + 1."""

    model_config = ConfigDict(frozen=True)

    edges: tuple[float, ...]
    counts: tuple[int, ...]

    @classmethod
    def of(cls, prices: Vector, edges: Sequence[float]) -> "Histogram":
        """Count prices between edges; those outside fall into the first and last."""
        counts, _ = np.histogram(np.clip(prices, edges[0], edges[-1]), bins=np.asarray(edges))
        return cls(edges=tuple(edges), counts=tuple(counts.tolist()))

    @property
    def shares(self) -> list[float]:
        """What part of all is in each."""
        total = max(1, sum(self.counts))
        return [count / total for count in self.counts]


class Card(BaseModel):
    """All of a predictor that is no tensor: JSON in the header of its file, which has no NaN."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    experiment: dict[str, Any]
    input_schema: InputSchema
    encoder: Encoder
    target: Target
    activation: str = "relu"
    measured: str = Field(description="Name of the measure of `folds`.")
    folds: tuple[float, ...] = Field(description="That measure on each fold's validation rows.")
    interval: tuple[float, float] = Field(
        description="5 % and 95 % quantiles of log(sold / predicted) over houses of other folds."
    )
    median_error: float | None = Field(
        None,
        description="Median of |predicted - sold| / sold over those houses; None in a file that is"
        " older than this number.",
    )
    sold: Histogram = Field(description="Prices of the training rows.")


@dataclass(frozen=True, slots=True)
class Predictions:
    """Prices in dollars with the bounds that 9 of 10 houses of other folds stayed within: (n,)."""

    price: Vector
    low: Vector
    high: Vector


@dataclass(frozen=True, slots=True)
class Predictor:
    """`card` and layers; `ids` and `prices` are of the houses that nobody has told the price of."""

    card: Card
    layers: tuple[tuple[Vector, Vector], ...] = field(repr=False)  # weight (in, out), bias (1, out)
    ids: NDArray[np.int64] = field(repr=False)
    prices: Vector = field(repr=False)

    @classmethod
    def of(
        cls, card: Card, net: nn.Module, rows: Sequence[Mapping[str, object]], ids: Sequence[int]
    ) -> "Predictor":
        """Take the one lane of a trained net, and price the rows of the competition."""
        layers = tuple(
            tuple(p[0].detach().cpu().double().numpy() for p in module.parameters())
            for module in net.modules()
            if isinstance(module, Linear)
        )
        empty = cls(card, layers, np.zeros(0, np.int64), np.zeros(0))  # type: ignore[arg-type]  # pairs
        return cls(card, empty.layers, np.asarray(ids, np.int64), empty.predict(rows).price)

    def predict(self, rows: Sequence[Mapping[str, object]]) -> Predictions:
        """Price n checked rows; in float64, so that one row alone and in a batch agree to 1e-12."""
        price = self.card.target.prices(self.outputs(rows))
        low, high = (price * np.exp(q) for q in self.card.interval)
        return Predictions(price, low, high)

    def outputs(self, rows: Sequence[Mapping[str, object]]) -> Vector:
        """What the net says of n rows: (n,)."""
        function = FUNCTIONS[self.card.activation]
        X = self.card.encoder.encode(rows).astype(np.float64)
        for weight, bias in self.layers[:-1]:
            X = function(X @ weight + bias)
        weight, bias = self.layers[-1]
        return (X @ weight + bias)[:, 0]

    def submission(self) -> str:
        """`submission.csv` (4.10.8)."""
        return submission.write(self.ids.tolist(), self.prices)

    def to_bytes(self) -> bytes:
        """One safetensors file; the card is JSON in its header. Never a pickle."""
        tensors: dict[str, NDArray[Any]] = {"ids": self.ids, "prices": self.prices}
        for i, (weight, bias) in enumerate(self.layers):
            tensors |= {
                f"{i}.weight": weight.astype(np.float32),
                f"{i}.bias": bias.astype(np.float32),
            }
        return save_tensors(tensors, {"card": self.card.model_dump_json()})

    @classmethod
    def from_bytes(cls, payload: bytes) -> "Predictor":
        """What `to_bytes` wrote.

        Raises:
            ValueError: where these bytes are no predictor.
        """
        size = int.from_bytes(payload[:8], "little")
        try:
            card = Card.model_validate_json(_header(payload[8 : 8 + size]))
            tensors = load_tensors(payload)
        except Exception as error:
            raise ValueError(f"This is no predictor of Ridgeline: {error}") from error
        count = sum(name.endswith(".weight") for name in tensors)
        layers = tuple(
            (tensors[f"{i}.weight"].astype(np.float64), tensors[f"{i}.bias"].astype(np.float64))
            for i in range(count)
        )
        return cls(card, layers, tensors["ids"], tensors["prices"])

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        part = path.with_name(path.name + ".part")
        part.write_bytes(self.to_bytes())
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Predictor":
        """Read a file that `save` wrote."""
        return cls.from_bytes(path.read_bytes())


def _header(raw: bytes) -> str:
    """The card in a safetensors header: {"__metadata__": {"card": ...}, ...}."""
    card: str = json.loads(raw)["__metadata__"]["card"]
    return card
