"""A trained model that answers: encoder and net, with its input schema carried as data."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from ml.encoder import Target
from ml.features import Row
from ml.houses import submission
from ml.houses.together import Together
from ml.intervals import apart, interval, repetitions_needed
from ml.predictor.asks import Ask, Asks, asks
from ml.predictor.card import Card, Histogram, Known, Vector
from ml.predictor.donors import Donors
from ml.predictor.gate import Gate, Group, Later, Question, share_inside, spread
from ml.predictor.judged import Compared, Judged, NotComparableError, Part, compare
from ml.predictor.mixture import Errors, Mixture
from ml.predictor.models import Blended, Layers, Model
from ml.predictor.reasons import Reason, Reasons, reasons
from ml.predictor.sales import Comparable, Comparables, Difference
from ml.schema import InvalidRows
from ml.shift.watch import LEAST, Look, Paid, look
from ml.tabular.subject import Words, band_of

__all__ = [
    "LEAST",
    "Ask",
    "Asks",
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
    "Known",
    "Later",
    "Layers",
    "Look",
    "NotComparableError",
    "Paid",
    "Part",
    "Predictions",
    "Predictor",
    "Question",
    "Reason",
    "Reasons",
    "Target",
    "Words",
    "apart",
    "compare",
    "interval",
    "later",
    "repetitions_needed",
    "share_inside",
    "spread",
]  # fmt: skip


ENDS = (0.05, 0.95)  # what 9 of 10 lie between
AT_ONCE = 128  # whole rows that a model answers together


@dataclass(frozen=True, slots=True)
class Predictions:
    """Prices, whatever is predicted, with the bounds that 9 of 10 rows of other folds stayed
    within: (n,). `likely` are prices that each row may have, as likely as one another and rising:
    (n, count), where they are asked for."""

    price: Vector
    low: Vector
    high: Vector
    likely: Vector = field(default_factory=lambda: np.empty((0, 0)))


@dataclass(frozen=True, eq=False)
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
        made = cls(card, model, np.asarray(ids, np.int64), np.zeros(len(ids)), judged)
        return replace(made, prices=made.predict(rows).price)

    def predict(self, rows: Sequence[Row], likely: int = 0) -> Predictions:
        """Price n checked rows; in float64, so that one row alone and in a batch agree to 1e-12.

        What a row does not say is as in sales like it: the price is the mean of what each of these
        makes of it, in logarithms, and the interval holds 9 of 10 of what they may sell for.
        """
        dots = ((np.arange(likely) + 0.5) / likely).tolist() if likely else ()
        price, low, high, *rest = self.card.target.priced(self.measured(rows, (*ENDS, *dots)))
        return Predictions(price, low, high, np.reshape(rest, (likely, len(rows))).T)

    def measured(self, rows: Sequence[Row], levels: Sequence[float]) -> Vector:
        """Middles of n checked rows and quantiles, as errors are measured: (1 + q, n)."""
        parts = [(one.middle, *one.quantiles(levels, self.errors)) for one in self.answers(rows)]
        return np.concatenate(parts, axis=1) if parts else np.empty((1 + len(levels), 0))

    def answers(self, rows: Sequence[Row]) -> Iterator[Mixture]:
        """What n rows may be worth, some rows after others, so that memory does not grow with n."""
        whole, weights = list[Row](), list[Vector]()
        for i, row in enumerate(rows):
            made, weight = self.whole(row)
            whole += made
            weights.append(weight)
            if len(whole) >= AT_ONCE or i == len(rows) - 1:
                start = np.cumsum([0, *map(len, weights[:-1])])
                yield Mixture(*self.model.answer(whole, self.card), np.concatenate(weights), start)
                whole, weights = [], []

    def whole(self, row: Row) -> tuple[Sequence[Row], Vector]:
        """Rows that say all, that one may be, and how likely each is: itself, where it says all."""
        known = self.card.input_schema.known(row)
        if self.donors is None or len(known) == len(self.card.input_schema.fields):
            return [row], np.ones(1)
        return self.donors.filled(known)

    @cached_property
    def donors(self) -> Donors | None:
        """Sales that lend what a row does not say; None where it remembers none."""
        if not self.sales or self.judged is None:
            return None
        schema = self.card.input_schema
        prices = [sale[schema.target_column] for sale in self.sales]
        return Donors.learn(schema, self.sales, self.card.target.measured(prices))

    @cached_property
    def errors(self) -> Errors:
        """How errors are spread, of rows that no model had learnt from."""
        card, judged = self.card, self.judged
        ends = (card.spread.low, card.spread.high) if card.spread else card.interval
        scores = judged.scores(ends[1] - ends[0]) if judged else np.zeros(0)
        return Errors.learn(scores, [*zip(ENDS, ends, strict=True)])

    def prepare(self) -> None:
        """Make what is made once, so that nobody who asks waits for it."""
        self.predict([{}])

    def asks(self, row: Row, count: int) -> Asks:
        """What is not known of one checked row, what would narrow its interval most first."""
        whole, likely = self.whole(row)
        if self.donors is None or len(whole) == 1:
            width = float(self.spans([row])[1][0])
            return Asks(width, (), width, width)
        known = self.card.input_schema.known(row)
        return asks(known, whole, likely, self.donors, self.spans, count)

    def spans(self, rows: Sequence[Row]) -> tuple[Vector, Vector]:
        """Middles of n checked rows, and widths of their intervals, as errors are measured."""
        middle, low, high = self.measured(rows, ENDS)
        return middle, high - low

    def comparables(self, row: Row, count: int) -> Comparables | None:
        """The sales that count most for one checked row; None where it compares none."""
        if isinstance(self.model, Blended):
            return self.model.comparables(row, *self.whole(row), self.card, count)
        return None

    @property
    def sales(self) -> Sequence[dict[str, Any]]:
        """The houses that it has learnt from and remembers, with Id and SalePrice."""
        return self.model.houses

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
            column: np.array([band_of(sale[column], width) for sale in self.sales])
            for column, width in self.card.told_by.items()
            if self.sales
        }

    def reasons(self, row: Row) -> Reasons:
        """What each group of columns adds to the price of a typical row, for one checked row.

        Where it does not say all, they are those of the likeliest of the rows that it may be: the
        one whose price is nearest to its own. What is between the two they leave untold.
        """
        whole, _ = self.whole(row)
        price = self.predict([row]).price[0]
        measured = self.card.target.measured
        apart = np.abs(measured(self.predict(whole).price) - measured(price))
        told = whole[int(apart.argmin())]
        schema = self.card.input_schema
        found = reasons(told, schema, lambda rows: self.predict(rows).price)
        return replace(found, price=float(price))

    def moved(self, row: Row, column: str, values: Sequence[float | str]) -> list[dict[str, Any]]:
        """One checked row with each of these values in a column, and with what must move, too."""
        return [self.together.moved(row, column, value) for value in values]

    @cached_property
    def together(self) -> Together:
        """What moves with what."""
        if self.donors:
            return self.donors.together
        return Together.learn(self.card.input_schema, self.sales)

    def met(self, rows: Sequence[Row]) -> NDArray[np.bool_]:
        """Which checked rows say just what a row says that it has learnt from: (n,)."""
        return np.array([self.values(row) in self._learnt for row in rows], bool)

    @cached_property
    def _learnt(self) -> frozenset[frozenset[tuple[str, Any]]]:
        return frozenset(self.values(sale) for sale in self.sales)

    def values(self, row: Row) -> frozenset[tuple[str, Any]]:
        """All that a checked row says there is: rows of the same values are of one house."""
        known = self.card.input_schema.known(row)
        return frozenset((name, value) for name, value in known.items() if value is not None)

    def reads(self, row: Row) -> bool:
        """Whether a row that another model has read is one for this, too: of the same kinds."""
        try:
            self.card.input_schema.check([row])
        except InvalidRows:
            return False
        return True

    def unlearnt(self, rows: Sequence[Row]) -> tuple[Predictions, NDArray[np.bool_]]:
        """Prices of checked rows as if it had learnt from none of them, and from which it has.

        Of these it says what a fold without them has said; NaN where none was judged on them.
        """
        told = self.predict(rows)
        learnt = {self.values(sale): i for i, sale in enumerate(self.sales)}
        at = [learnt.get(self.values(row), -1) for row in rows]
        met = np.array(at, np.int64) >= 0
        parts = [told.price.copy(), told.low.copy(), told.high.copy()]
        judged = self.judged
        if judged is None or len(self.sales) != len(judged.target):
            for part in parts:
                part[met] = np.nan
            return Predictions(*parts), met
        for part, by_fold in zip(parts, (judged.said, judged.low, judged.high), strict=True):
            own = judged.each(by_fold.astype(np.float64))[np.array(at)[met]]
            part[met] = self.card.target.priced(own)
        return Predictions(*parts), met

    def look(
        self,
        rows: Sequence[Row],
        said: Predictions | None = None,
        paid: Sequence[float | None] = (),
        *,
        seed: int = 0,
    ) -> Look:
        """Checked rows that were asked about (m), beside those that it has learnt from.

        `said` are its answers to them, `paid` what was paid, None where that is not known yet;
        of a house that it has learnt from that says nothing, and does not count.

        Raises:
            ValueError: where it remembers no rows or errors of them, or too few were asked about.
        """
        if self.judged is None or len(self.sales) != len(self.judged.target):
            raise ValueError("It remembers no rows that it has learnt from: train it anew.")
        met = self.met(rows)
        at = np.array(
            [i for i, price in enumerate(paid) if price is not None and not met[i]], np.intp
        )
        off, inside = np.zeros(0), np.zeros(0, bool)
        if said is not None and len(at):
            price = np.array([paid[i] for i in at], np.float64)
            measured = self.card.target.measured
            off = measured(price) - measured(said.price[at])
            inside = (said.low[at] <= price) & (price <= said.high[at])
        schema, losses = self.card.input_schema, self.judged.square
        found = look(schema, self.sales, rows, losses, (off, inside), seed=seed)
        return replace(found, met=met)

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


def later(
    named: tuple[str, str],
    one: Predictor,
    other: Predictor,
    rows: Sequence[Row],
    paid: Vector,
    names: Sequence[str] = (),
) -> Later:
    """Two models of one target beside each other on checked rows and what was paid for them (n,).

    Each answers without having learnt from a row; where one cannot, the row does not count.
    """
    if not rows:
        nothing = Judged.of(np.zeros(0), [np.arange(0)], 1, *np.zeros((3, 0)))
        return Later(*named, nothing, nothing)
    (mine, by_fold), (its, its_fold) = one.unlearnt(rows), other.unlearnt(rows)
    measured = one.card.target.measured
    said = measured([mine.price, mine.low, mine.high, its.price, its.low, its.high])
    there = np.isfinite(said).all(axis=0)
    target, n = measured(paid[there]), int(there.sum())
    first, second = (
        Judged.of(target, [np.arange(n)], 1, *ends) for ends in np.split(said[:, there], 2)
    )
    covers = share_inside(one.judged) if one.judged else float("nan")
    called = tuple(names[i] for i in np.flatnonzero(there).tolist()) if names else ()
    return Later(
        *named, first, second, learnt=(by_fold | its_fold)[there], names=called, covers=covers
    )


def _read(payload: bytes) -> tuple[Card, dict[str, NDArray[Any]]]:
    """The card, which is in the header as {"__metadata__": {"card": ...}, ...}, and all tensors."""
    size = int.from_bytes(payload[:8], "little")
    header = json.loads(payload[8 : 8 + size])["__metadata__"]
    return Card.model_validate_json(header["card"]), load_tensors(payload)
