"""A trained model that answers: encoder and net, with its input schema carried as data."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from ml.features import Row
from ml.houses import submission
from ml.houses.together import moved
from ml.predictor.card import Card, Histogram, Vector
from ml.predictor.gate import Gate, Group, Question, share_inside, spread
from ml.predictor.judged import Compared, Judged, NotComparableError, Part, compare
from ml.predictor.models import Blended, Layers, Model
from ml.predictor.reasons import Reason, Reasons, reasons
from ml.predictor.sales import Comparable, Comparables, Difference

__all__ = [
    "Blended",
    "Card",
    "Comparable",
    "Comparables",
    "Compared",
    "Difference",
    "Gate",
    "Group",
    "Histogram",
    "Judged",
    "Layers",
    "NotComparableError",
    "Part",
    "Predictions",
    "Predictor",
    "Question",
    "Reason",
    "Reasons",
    "compare",
    "share_inside",
    "spread",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Predictions:
    """Prices in dollars with the bounds that 9 of 10 houses of other folds stayed within: (n,)."""

    price: Vector
    low: Vector
    high: Vector


@dataclass(frozen=True, slots=True)
class Predictor:
    """`card` and model; `ids` and `prices` are of the houses that nobody has told the price of."""

    card: Card
    model: Model = field(repr=False)
    ids: NDArray[np.int64] = field(repr=False)
    prices: Vector = field(repr=False)
    judged: Judged | None = field(repr=False)  # None in a file that is older

    @classmethod
    def of(
        cls, card: Card, model: Model, judged: Judged, rows: Sequence[Row], ids: Sequence[int]
    ) -> "Predictor":
        """Price the rows of the competition, and keep that."""
        price, _, _ = model.answer(rows, card)
        return cls(card, model, np.asarray(ids, np.int64), price, judged)

    def predict(self, rows: Sequence[Row]) -> Predictions:
        """Price n checked rows; in float64, so that one row alone and in a batch agree to 1e-12."""
        return Predictions(*self.model.answer(rows, self.card))

    def comparables(self, row: Row, count: int) -> Comparables | None:
        """The sales that count most for one checked row; None where it compares none."""
        if isinstance(self.model, Blended):
            return self.model.comparables(row, self.card, count)
        return None

    @property
    def sales(self) -> Sequence[dict[str, Any]]:
        """The houses that it has learnt from and remembers, with Id and SalePrice."""
        return self.model.houses if isinstance(self.model, Blended) else ()

    def groups(self) -> dict[str, list[Part]]:
        """How far off it is by the columns that errors are told by, the worst first."""
        if self.judged is None or len(self.sales) != len(self.judged.target):
            return {}
        judged, found = self.judged, dict[str, list[Part]]()
        for column, labels in self.labels().items():
            parts = [judged.of_part(name, labels == name) for name in np.unique(labels).tolist()]
            found[column] = sorted(parts, key=lambda part: -part.rmse)
        return found

    def labels(self) -> dict[str, NDArray[np.str_]]:
        """What each sale that it remembers is of, by the columns that errors are told by: (n,)."""
        return {
            column: np.array([_band(sale[column], width) for sale in self.sales])
            for column, width in self.card.told_by.items()
            if self.sales
        }

    def reasons(self, row: Row) -> Reasons:
        """What each group of columns adds to the price of a typical row, for one checked row."""
        return reasons(row, self.card.input_schema, lambda rows: self.predict(rows).price)

    def moved(self, row: Row, column: str, values: Sequence[float]) -> list[dict[str, Any]]:
        """One checked row with each of these values in a column, and with what must move, too."""
        schema = self.card.input_schema
        return [moved(row, column, value, schema, self.sales) for value in values]

    def submission(self) -> str:
        """`submission.csv` (4.10.8)."""
        return submission.write(self.ids.tolist(), self.prices)

    def to_bytes(self) -> bytes:
        """One safetensors file; the card is JSON in its header. Never a pickle."""
        judged = self.judged.tensors() if self.judged else {}
        tensors = {"ids": self.ids, "prices": self.prices, **judged, **self.model.tensors()}
        return save_tensors(tensors, {"card": self.card.model_dump_json()})

    @classmethod
    def from_bytes(cls, payload: bytes) -> "Predictor":
        """What `to_bytes` wrote.

        Raises:
            ValueError: where these bytes are no predictor.
        """
        try:
            card, tensors = _read(payload)
            ids, prices = tensors.pop("ids"), tensors.pop("prices")
            judged = Judged.from_tensors(tensors)
            model: Model = (
                Blended.from_tensors(tensors) if card.blend else Layers.from_tensors(tensors)
            )
        except Exception as error:
            raise ValueError(f"This is no predictor of Ridgeline: {error}") from error
        return cls(card, model, ids, prices, judged)

    @classmethod
    def told_of(cls, payload: bytes) -> tuple[Card, Judged | None]:
        """Card, and what it is judged by, of such a file: all but what answers, in a tenth of the
        time. Raises ValueError."""
        try:
            card, tensors = _read(payload)
            return card, Judged.from_tensors(tensors)
        except Exception as error:
            raise ValueError(f"This is no predictor of Ridgeline: {error}") from error

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        part = path.with_name(path.name + ".part")
        part.write_bytes(self.to_bytes())
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Predictor":
        """Read a file that `save` wrote."""
        return cls.from_bytes(path.read_bytes())


def _band(value: object, width: float) -> str:
    """A level, or the band of a number: "1990 to 1999"."""
    if not width or not isinstance(value, int | float):
        return "none" if value is None else str(value)
    low = value // width * width
    return f"{low:g} to {low + width - 1:g}"


def _read(payload: bytes) -> tuple[Card, dict[str, NDArray[Any]]]:
    """The card, which is in the header as {"__metadata__": {"card": ...}, ...}, and all tensors."""
    size = int.from_bytes(payload[:8], "little")
    header = json.loads(payload[8 : 8 + size])["__metadata__"]
    return Card.model_validate_json(header["card"]), load_tensors(payload)
