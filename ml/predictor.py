"""A trained model that answers: encoder and net, with its input schema carried as data."""

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors
from torch import nn

from ml.encoder import Encoder, Target
from ml.ensemble import MEMBERS, Ensemble, Spread, blend
from ml.features import Features, Row
from ml.houses import submission
from ml.houses.files import ID, TARGET
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
    encoder: Encoder | Features
    target: Target
    activation: str = "relu"
    blend: dict[str, float] = Field({}, description="What each member of an ensemble counts for.")
    spread: Spread | None = Field(None, description="How far off each answer is expected to be.")
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


class Model(Protocol):
    """What answers: rows to standardised outputs."""

    def answer(self, rows: Sequence[Row], card: Card) -> tuple[Vector, Vector, Vector]:
        """Of n checked rows: outputs, and the ends of their intervals, (n,) each."""
        ...

    def tensors(self) -> dict[str, NDArray[Any]]:
        """All that the card does not hold."""
        ...


@dataclass(frozen=True, slots=True)
class Layers:
    """A net of linear maps with bends between: weight (in, out) and bias (1, out) of each."""

    layers: tuple[tuple[Vector, Vector], ...]

    @classmethod
    def of(cls, net: nn.Module) -> "Layers":
        """Those of the one lane of a trained net."""
        pairs = (
            [parameter[0].detach().cpu().double().numpy() for parameter in module.parameters()]
            for module in net.modules()
            if isinstance(module, Linear)
        )
        return cls(tuple((weight, bias) for weight, bias in pairs))

    def answer(self, rows: Sequence[Row], card: Card) -> tuple[Vector, Vector, Vector]:
        """What the net says; an interval is as wide as any other, in logarithms."""
        function, X = FUNCTIONS[card.activation], card.encoder.encode(rows).astype(np.float64)
        for weight, bias in self.layers[:-1]:
            X = function(X @ weight + bias)
        weight, bias = self.layers[-1]
        out = (X @ weight + bias)[:, 0]
        price = card.target.prices(out)
        low, high = (price * np.exp(q) for q in card.interval)
        return price, low, high

    def tensors(self) -> dict[str, NDArray[Any]]:
        """0.weight, 0.bias, 1.weight, ..."""
        named = {
            f"{i}.{name}": value.astype(np.float32)
            for i, pair in enumerate(self.layers)
            for name, value in zip(("weight", "bias"), pair, strict=True)
        }
        return {**named}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]]) -> "Layers":
        """What `tensors` gave."""
        count = sum(name.endswith(".weight") for name in tensors)
        return cls(
            tuple(
                (tensors[f"{i}.weight"].astype(np.float64), tensors[f"{i}.bias"].astype(np.float64))
                for i in range(count)
            )
        )


@dataclass(frozen=True, slots=True)
class Comparable:
    """A sale that a price rests on: the house, what it sold for and what that says of another."""

    id: int
    house: dict[str, Any]
    sold: float  # dollars
    says: float  # dollars: its price, adjusted by what differs
    weight: float  # of all sales together 1


@dataclass(frozen=True, slots=True)
class Comparables:
    """The sales that count most for a house, what all the others say, and what each member does.

    log of what the member "comparables" says is Σ weight · log says over sales and rest.
    """

    sales: tuple[Comparable, ...]  # the heaviest first
    rest: tuple[float, float]  # dollars that all other sales say, and their weight
    members: dict[str, float]  # dollars
    blend: dict[str, float]  # what each member counts for


@dataclass(frozen=True, slots=True)
class Blended:
    """An ensemble and the houses that it has learnt from; an interval is as wide as a row deserves.

    Each of `houses` has its Id, and its SalePrice.
    """

    ensemble: Ensemble
    houses: list[dict[str, Any]]

    def answer(self, rows: Sequence[Row], card: Card) -> tuple[Vector, Vector, Vector]:
        """The members' blend."""
        assert card.spread is not None
        X = card.encoder.encode(rows).astype(np.float64)
        out = blend(self.ensemble.answers(X), card.blend)
        below, above = card.spread.bounds(X, out)
        price, low, high = (card.target.prices(out + by) for by in (0, below, above))
        return price, low, high

    def comparables(self, row: Row, card: Card, count: int) -> Comparables:
        """The sales that count most for one checked row."""
        x = card.encoder.encode([row])[0].astype(np.float64)
        weight, says = self.ensemble.comparables.says(x)
        first = np.argsort(-weight, kind="stable")[:count]
        others = np.delete(np.arange(len(weight)), first)
        left = float(weight[others].sum())
        rest = float(weight[others] @ says[others] / left) if left > 0 else float(says.mean())
        dollars = card.target.prices
        answers = dollars(self.ensemble.answers(x[None])[:, 0])
        return Comparables(
            sales=tuple(
                Comparable(
                    self.houses[i][ID],
                    {name: v for name, v in self.houses[i].items() if name not in {ID, TARGET}},
                    float(self.houses[i][TARGET]),
                    float(dollars(says[i])),
                    float(weight[i]),
                )
                for i in first.tolist()
            ),
            rest=(float(dollars(np.array(rest))), left),
            members=dict(zip(MEMBERS, answers.tolist(), strict=True)),
            blend=card.blend,
        )

    def tensors(self) -> dict[str, NDArray[Any]]:
        """The ensemble's, and the houses as JSON, packed."""
        packed = zlib.compress(json.dumps(self.houses).encode(), level=9)
        return self.ensemble.tensors() | {"rows.houses": np.frombuffer(packed, np.uint8)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]]) -> "Blended":
        """What `tensors` gave."""
        houses = json.loads(zlib.decompress(tensors["rows.houses"].tobytes()))
        return cls(Ensemble.from_tensors(tensors), houses)


@dataclass(frozen=True, slots=True)
class Predictor:
    """`card` and model; `ids` and `prices` are of the houses that nobody has told the price of."""

    card: Card
    model: Model = field(repr=False)
    ids: NDArray[np.int64] = field(repr=False)
    prices: Vector = field(repr=False)

    @classmethod
    def of(cls, card: Card, model: Model, rows: Sequence[Row], ids: Sequence[int]) -> "Predictor":
        """Price the rows of the competition, and keep that."""
        price, _, _ = model.answer(rows, card)
        return cls(card, model, np.asarray(ids, np.int64), price)

    def predict(self, rows: Sequence[Row]) -> Predictions:
        """Price n checked rows; in float64, so that one row alone and in a batch agree to 1e-12."""
        return Predictions(*self.model.answer(rows, self.card))

    def comparables(self, row: Row, count: int) -> Comparables | None:
        """The sales that count most for one checked row; None where it compares none."""
        if isinstance(self.model, Blended):
            return self.model.comparables(row, self.card, count)
        return None

    def submission(self) -> str:
        """`submission.csv` (4.10.8)."""
        return submission.write(self.ids.tolist(), self.prices)

    def to_bytes(self) -> bytes:
        """One safetensors file; the card is JSON in its header. Never a pickle."""
        tensors = {"ids": self.ids, "prices": self.prices, **self.model.tensors()}
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
            ids, prices = tensors.pop("ids"), tensors.pop("prices")
            model: Model = (
                Blended.from_tensors(tensors) if card.blend else Layers.from_tensors(tensors)
            )
        except Exception as error:
            raise ValueError(f"This is no predictor of Ridgeline: {error}") from error
        return cls(card, model, ids, prices)

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
