"""What answers within a predictor: one net's layers, or an ensemble with the houses it knows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ml.data import tables
from ml.ensemble import MEMBERS, Ensemble, blend
from ml.features import Row
from ml.nn import ACTIVATIONS, Linear
from ml.predictor.card import Card, Vector
from ml.predictor.sales import Comparable, Comparables, Worths

FUNCTIONS: dict[str, Callable[[Vector], Vector]] = {
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "sigmoid": lambda x: 0.5 * (1 + np.tanh(x / 2)),
}
assert FUNCTIONS.keys() == ACTIVATIONS.keys()


House = dict[str, Any]


class Model(Protocol):
    """What answers: rows to what is predicted of them."""

    @property
    def houses(self) -> Sequence[House]:
        """Rows that it has learnt from, with id and target; none in a file that is older."""
        ...

    def answer(self, rows: Sequence[Row], card: Card) -> tuple[Vector, Vector]:
        """Of n rows that say all: what is predicted, as errors are measured, and the size of the
        error expected, (n,) each."""
        ...

    def tensors(self) -> dict[str, NDArray[Any]]:
        """All that the card does not hold."""
        ...


@dataclass(frozen=True, slots=True)
class Layers:
    """A net of linear maps with bends between: weight (in, out) and bias (1, out) of each.

    Each of the `houses` that it has learnt from has its id and its target.
    """

    layers: tuple[tuple[Vector, Vector], ...]
    houses: list[House]

    @classmethod
    def of(cls, net: nn.Module, houses: list[House]) -> "Layers":
        """Those of the one lane of a trained net."""
        pairs = (
            [parameter[0].detach().cpu().double().numpy() for parameter in module.parameters()]
            for module in net.modules()
            if isinstance(module, Linear)
        )
        return cls(tuple((weight, bias) for weight, bias in pairs), houses)

    def answer(self, rows: Sequence[Row], card: Card) -> tuple[Vector, Vector]:
        """What the net says; errors of all are expected alike."""
        function, X = FUNCTIONS[card.activation], card.encoder.encode(rows).astype(np.float64)
        for weight, bias in self.layers[:-1]:
            X = function(X @ weight + bias)
        weight, bias = self.layers[-1]
        out = (X @ weight + bias)[:, 0]
        return card.target.said(out), np.ones(len(out))

    def tensors(self) -> dict[str, NDArray[Any]]:
        """0.weight, 0.bias, 1.weight, ..., and the houses."""
        return packed(self.houses) | {
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
            ),
            unpacked(tensors),
        )


@dataclass(frozen=True, eq=False)
class Blended:
    """An ensemble and the houses that it has learnt from; errors are told row by row.

    Each of `houses` has its id, and its target.
    """

    ensemble: Ensemble
    houses: list[House]
    _worths: list[Worths] = field(default_factory=list, repr=False)

    def answer(self, rows: Sequence[Row], card: Card) -> tuple[Vector, Vector]:
        """The members' blend."""
        assert card.spread is not None
        X = card.encoder.encode(rows).astype(np.float64)
        limit = card.limit / card.target.std
        out = blend(self.ensemble.answers(X), card.blend, limit)
        return card.target.said(out), card.target.std * card.spread.expected(X, out)

    def comparables(
        self, row: Row, whole: Sequence[Row], likely: Vector, card: Card, count: int
    ) -> Comparables:
        """The rows that count most for one row, which may be these whole rows (m,), so likely."""
        schema = card.input_schema
        names, target = [field.name for field in schema.fields], schema.target_column
        X = card.encoder.encode(whole).astype(np.float64)
        found = self.ensemble.comparables.says(X, likely)
        weight, says = found.weight, found.says
        first = np.argsort(-weight, kind="stable")[:count]
        others = np.delete(np.arange(len(weight)), first)
        left = float(weight[others].sum())
        rest = float(weight[others] @ says[others] / left) if left > 0 else float(says.mean())
        dollars = card.target.prices
        answers = dollars(self.ensemble.answers(X) @ likely)
        return Comparables(
            sales=tuple(
                Comparable(
                    id=self.houses[i][schema.id_column],
                    house={name: self.houses[i].get(name) for name in names},
                    sold=float(self.houses[i][target]),
                    says=float(dollars(says[i])),
                    weight=float(weight[i]),
                    distance=float(found.distance[i]),
                    differs=self.worths(card).differences(row, self.houses[i], schema),
                )
                for i in first.tolist()
            ),
            rest=(float(dollars(np.array(rest))), left),
            members=dict(zip(MEMBERS, answers.tolist(), strict=True)),
            blend=card.blend,
            limit=card.limit,
        )

    def worths(self, card: Card) -> Worths:
        """What values of a column sold for; learnt once."""
        if not self._worths:
            sold = [house[card.input_schema.target_column] for house in self.houses]
            self._worths.append(
                Worths.learn(card.input_schema, self.houses, card.target.measured(sold))
            )
        return self._worths[0]

    def tensors(self) -> dict[str, NDArray[Any]]:
        """The ensemble's, and the houses."""
        return self.ensemble.tensors() | packed(self.houses)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]]) -> "Blended":
        """What `tensors` gave."""
        return cls(Ensemble.from_tensors(tensors), unpacked(tensors))


def packed(houses: list[House]) -> dict[str, NDArray[Any]]:
    """Houses as a table that is made small."""
    return {"rows.houses": np.frombuffer(tables.packed(houses), np.uint8)}


def unpacked(tensors: Mapping[str, NDArray[Any]]) -> list[House]:
    """What `packed` gave; none of a file that is older."""
    if "rows.houses" not in tensors:
        return []
    return tables.unpacked(tensors["rows.houses"].tobytes())
