"""How right prices are where less is known than a row can say: asked of rows of other folds."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.events import Event, Table
from ml.experiment import Experiment
from ml.predictor import Judged, Predictor
from ml.predictor.card import Known
from ml.schema import InputSchema
from ml.tabular.subject import Words

FLOATS = np.finfo(np.float64)
FORM, HALF = "what a form asks first", "half of the fields, by chance"
House = Mapping[str, Any]
Rows = NDArray[np.int64]
Logs = NDArray[np.float64]


def known(folds: Sequence[tuple[Predictor, Rows]], sold: Sequence[House], seed: int) -> list[Known]:
    """Of some rows of each fold, by a predictor that has not learnt from them; `sold` are all."""
    card = folds[0][0].card
    column = card.input_schema.target_column
    y = card.target.measured([sold[row][column] for _, rows in folds for row in rows.tolist()])
    found = []
    for what in (FORM, HALF):
        said, fields = list[Logs](), list[int]()
        for predictor, rows in folds:
            schema = predictor.card.input_schema
            asked = [_part(what, schema, sold[row], seed + row) for row in rows.tolist()]
            priced = predictor.predict(asked)
            ends = np.array([priced.price, priced.low, priced.high])
            least = FLOATS.tiny if card.target.relative else -FLOATS.max
            said.append(card.target.measured(np.clip(ends, least, FLOATS.max)))  # wrong, yet told
            fields += map(len, asked)
        judged = Judged.of(y, [np.arange(len(y))], 1, *np.concatenate(said, axis=1))
        found.append(Known.of(what, float(np.mean(fields)), judged))
    return found


def _part(what: str, schema: InputSchema, house: House, seed: int) -> dict[str, Any]:
    """What is told of a house, so that nothing else of it is known."""
    names = [field.name for field in schema.fields]
    if what == FORM:
        told = [field.name for field in schema.fields if field.first]
    else:
        told = np.random.default_rng(seed).permutation(names)[: len(names) // 2].tolist()
    return {name: house[name] for name in told}


def by_known(parts: Sequence[Known], words: Words) -> Table:
    """How far off prices are, and how often intervals hold, by what is known."""
    rows = [
        (part.what, round(part.fields), part.n, part.rmse, 100 * part.inside, 100 * part.least)
        for part in parts
    ]
    return Table(
        "known",
        f"Where less is known of a {words.row}",
        ("known", "fields", words.rows, words.measure, "inside, %", "worst fifth, %"),
        tuple(rows),
        f"What is not known is as in {words.rows} alike, of those that the asked one's fold learns"
        f" from. Every other {words.row} of each fold; fifths of the {words.values}.",
    )


def claims(
    run: Experiment, parts: Sequence[Known], words: Words, chance: float = 1.0
) -> Iterator[Event]:
    """That intervals hold there, too: within what so few rows allow, `chance` times that of the
    competition's houses."""
    for part, off in zip(parts, (0.04, 0.05), strict=True):
        name = f"{part.what}: share of {words.values} within their interval"
        yield run.near(name, 0.9, part.inside, off * chance)
