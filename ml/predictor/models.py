"""What answers within a predictor: one net's layers, or an ensemble with the houses it knows."""

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ml.ensemble import MEMBERS, Ensemble, blend
from ml.features import Row
from ml.houses.files import ID, TARGET
from ml.nn import ACTIVATIONS, Linear
from ml.predictor.card import Card, Vector
from ml.predictor.sales import Comparable, Comparables, Worths

FUNCTIONS: dict[str, Callable[[Vector], Vector]] = {
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "sigmoid": lambda x: 0.5 * (1 + np.tanh(x / 2)),
}
assert FUNCTIONS.keys() == ACTIVATIONS.keys()


class Model(Protocol):
    """What answers: rows to dollars."""

    def answer(self, rows: Sequence[Row], card: Card) -> tuple[Vector, Vector, Vector]:
        """Of n checked rows: prices, and the ends of their intervals, (n,) each."""
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
        return {
            f"{i}.{name}": value.astype(np.float32)
            for i, pair in enumerate(self.layers)
            for name, value in zip(("weight", "bias"), pair, strict=True)
        }

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


@dataclass(frozen=True, eq=False)
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
        limit = card.limit / card.target.std
        out = blend(self.ensemble.answers(X), card.blend, limit)
        below, above = card.spread.bounds(X, out)
        price, low, high = (card.target.prices(out + by) for by in (0, below, above))
        return price, low, high

    def comparables(self, row: Row, card: Card, count: int) -> Comparables:
        """The sales that count most for one checked row."""
        x = card.encoder.encode([row])[0].astype(np.float64)
        found = self.ensemble.comparables.says(x)
        weight, says = found.weight, found.says
        first = np.argsort(-weight, kind="stable")[:count]
        others = np.delete(np.arange(len(weight)), first)
        left = float(weight[others].sum())
        rest = float(weight[others] @ says[others] / left) if left > 0 else float(says.mean())
        dollars = card.target.prices
        answers = dollars(self.ensemble.answers(x[None])[:, 0])
        return Comparables(
            sales=tuple(
                Comparable(
                    id=self.houses[i][ID],
                    house={k: v for k, v in self.houses[i].items() if k not in {ID, TARGET}},
                    sold=float(self.houses[i][TARGET]),
                    says=float(dollars(says[i])),
                    weight=float(weight[i]),
                    distance=float(found.distance[i]),
                    differs=self.worths.differences(row, self.houses[i], card.input_schema),
                )
                for i in first.tolist()
            ),
            rest=(float(dollars(np.array(rest))), left),
            members=dict(zip(MEMBERS, answers.tolist(), strict=True)),
            blend=card.blend,
            limit=card.limit,
        )

    @cached_property
    def worths(self) -> Worths:
        """What values of a column sold for."""
        return Worths.learn(self.houses)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """The ensemble's, and the houses as JSON by column, packed."""
        columns = {name: [house[name] for house in self.houses] for name in self.houses[0]}
        packed = zlib.compress(json.dumps(columns).encode(), level=9)
        return self.ensemble.tensors() | {"rows.houses": np.frombuffer(packed, np.uint8)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]]) -> "Blended":
        """What `tensors` gave."""
        columns = json.loads(zlib.decompress(tensors["rows.houses"].tobytes()))
        houses = [
            dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
        ]
        return cls(Ensemble.from_tensors(tensors), houses)
