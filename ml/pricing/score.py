"""Answers beside what a table itself says came of its rows: how right, and which rows are worst."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ml.events import Cell, Table
from ml.predictor import Predictions, Predictor
from ml.schema import CheckedRow
from ml.schema.fields import Value
from ml.tabular.subject import Words

WORST = 10  # rows that are told one by one


@dataclass(frozen=True, slots=True)
class Miss:
    """A row that was far off: what it said, what was answered, and what came of it.

    `off` is by how much, as errors are measured: log(paid / price), or paid - price.
    """

    name: str
    line: int  # of the file; an editor counts from 1
    paid: float
    price: float
    low: float
    high: float
    off: float
    row: Mapping[str, Value]  # fields that it does not say are not in it


@dataclass(frozen=True, slots=True)
class Score:
    """Prices beside what was paid, as errors are measured: RMSE, mean, share within intervals."""

    n: int
    rmse: float
    bias: float
    inside: float
    met: int  # of the n, which it has learnt from: their errors say nothing of others
    worst: list[Miss]  # those furthest off, the worst first

    def tables(self, words: Words) -> Iterator[Table]:
        """The score, then the rows furthest off; in the words of who answers."""
        figures = {
            f"{words.values} of the file": f"{self.n:,}",
            words.measure: words.error(self.rmse),
            "within the intervals": f"{self.inside:.0%}",
        }
        if self.met:
            learnt = f"{words.rows} that it has learnt from"
            figures[learnt] = f"{self.met:,} of {self.n:,}: on others it errs more"
        columns: dict[str, Sequence[Cell]] = {"of": [*figures], "is": [*figures.values()]}
        yield Table.of("score", "Beside the file's own", columns)
        yield self._furthest(words)

    def _furthest(self, words: Words) -> Table:
        worst, lines = self.worst, [str(miss.line) for miss in self.worst]
        names = [miss.name for miss in worst]
        columns: dict[str, Sequence[Cell]] = {} if names == lines else {words.row: names}
        columns |= {"line": lines}
        for title, values in (
            (words.actual, [miss.paid for miss in worst]),
            ("said", [miss.price for miss in worst]),
            ("low", [miss.low for miss in worst]),
            ("high", [miss.high for miss in worst]),
        ):
            columns[title] = [*map(words.written, values)]
        title = f"log({words.actual} / said)" if words.log else f"{words.actual} - said"
        columns[title] = [words.error(miss.off) for miss in worst]
        about = tuple(dict(miss.row) for miss in worst)
        return Table.of("furthest", "Furthest off", columns, about=about)


@dataclass
class Scoring:
    """The score so far, of a table whose prices come part by part: its worst rows, and sums."""

    predictor: Predictor
    n: int = 0
    met: int = 0
    total: float = 0.0
    squares: float = 0.0
    inside: int = 0
    worst: list[Miss] = field(default_factory=list)

    def add(
        self,
        paid: NDArray[np.float64],
        priced: Predictions,
        names: Sequence[int | str],
        lines: Sequence[int],
        rows: Sequence[CheckedRow],
    ) -> None:
        """The n rows of a part: what was paid (n,), NaN where that is not known, and what was
        said."""
        known = np.flatnonzero(np.isfinite(paid))
        said, low, high = (of[known] for of in (priced.price, priced.low, priced.high))
        target = self.predictor.card.target
        off = target.measured(paid[known]) - target.measured(said)
        told = [_told(rows[i]) for i in known.tolist()]
        self.met += int(self.predictor.met(told).sum())
        self.n += len(off)
        self.total += float(off.sum())
        self.squares += float(np.square(off).sum())
        self.inside += int(((low <= paid[known]) & (paid[known] <= high)).sum())
        far = np.argsort(-np.abs(off), kind="stable")[:WORST].tolist()
        self.worst += [
            Miss(
                name=str(names[i]), line=lines[i], paid=float(paid[i]), price=float(said[place]),
                low=float(low[place]), high=float(high[place]), off=float(off[place]),
                row=_told(rows[i]),
            )
            for place, i in zip(far, known[far].tolist(), strict=True)
        ]  # fmt: skip
        self.worst = sorted(self.worst, key=lambda miss: -abs(miss.off))[:WORST]

    def score(self) -> Score | None:
        """None where the file says nothing of two rows at least."""
        n = self.n
        if n < 2:
            return None
        return Score(
            n, (self.squares / n) ** 0.5, self.total / n, self.inside / n, self.met, self.worst
        )


def _told(row: CheckedRow) -> dict[str, Value]:
    return {name: value for name, value in row.values.items() if name not in row.imputed}
