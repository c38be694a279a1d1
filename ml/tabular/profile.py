"""What is to be known of a table before anything is learnt from it, and what a person must see."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches

from pydantic import BaseModel, ConfigDict

from ml.schema.dates import Order
from ml.tabular.columns import Cells, columns_of, different, histogram, quantiles, skewness
from ml.tabular.looks import POSITIVE, Level, Target, looks
from ml.tabular.looks import Attention as Attention
from ml.tabular.looks import Column as Column

LEAST_ROWS = 100  # with a target
TARGET_BINS = 24
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
RANK: Mapping[Level, int] = {"stop": 0, "look": 1, "note": 2}


class Profile(BaseModel):
    """A table and its target: the columns, what needs a person first, and whether it can be learnt.

    `known` rows have a target; `outside` of them are left out where its logarithm is measured.
    `histogram` has 24 bins of the measured target; `quantiles` are of the target as it stands, from
    the least to the greatest, at 5, 25, 50, 75 and 95 %. With `stops` nothing can be learnt.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rows: int
    target: str
    columns: tuple[Column, ...]
    duplicates: int
    known: int
    outside: int
    log: bool
    skew: float
    quantiles: tuple[float, ...]
    histogram: tuple[int, ...]
    stops: tuple[str, ...]

    @property
    def given_away(self) -> list[str]:
        """Columns that tell the target by being made of it."""
        stop = [one for one in self.columns if any(a.level == "stop" for a in one.attention)]
        return [one.name for one in stop if one.name != self.target]

    @property
    def nothing_left(self) -> str:
        """That no column is proposed as an input, which somebody may know better."""
        return nothing_left(self.target)


def nothing_left(target: str) -> str:
    """That no column is proposed as an input."""
    return f"No column is left to learn {target} from."


def profile(
    rows: Sequence[Mapping[str, object]],
    target: str,
    *,
    log: bool | None = None,
    seed: int = 0,
    dates: Mapping[str, Order] | None = None,
) -> Profile:
    """What n rows say of a target and of all that may be told before it.

    The target is measured as its logarithm where nearly all are above 0 and it is skewed, unless
    `log` says otherwise. The seed draws the folds. `dates` says of columns what comes first in
    their dates.

    Raises:
        ValueError: for a target that is no column.
    """
    said = columns_of(rows)
    if target not in said:
        near = get_close_matches(target, said)
        hint = f" Did you mean {', '.join(map(repr, near))}?" if near else ""
        raise ValueError(f"There is no column {target!r}.{hint}")
    orders: dict[str, Order | None] = {**(dates or {}), target: None}
    cells = [Cells.of(name, values, orders.get(name, "")) for name, values in said.items()]
    own = next(each for each in cells if each.name == target)
    measured = Target.of(own, log, seed)
    others = looks([each for each in cells if each is not own], measured)
    columns = sorted((*(look.column() for look in others), measured.column()), key=_order)
    known = measured.cells.known
    return Profile(
        rows=len(rows),
        target=target,
        columns=tuple(columns),
        duplicates=len(rows) - different(cells),
        known=int(measured.cells.there.sum()),
        outside=int(measured.cells.there.sum() - measured.counted.sum()),
        log=measured.log,
        skew=skewness(known) if measured.is_number else 0.0,
        quantiles=tuple(quantiles(known, QUANTILES)) if measured.is_number else (),
        histogram=histogram(measured.y, TARGET_BINS, log=False) if len(measured.y) else (),
        stops=tuple(_stops(measured, columns)),
    )


def _order(column: Column) -> tuple[int, float]:
    """What needs a person first, then what tells most."""
    return min((RANK[one.level] for one in column.attention), default=3), -(column.alone or 0.0)


def _stops(target: Target, columns: Sequence[Column]) -> Iterator[str]:
    name, count = target.cells.name, len(target.y)
    if target.cells.text:
        yield f"{name} is text: only a number can be learnt."
    elif count < LEAST_ROWS:
        above = " above 0" if target.log else ""
        have = "row has" if count == 1 else "rows have"
        yield f"{count:,} {have} a {name}{above}; {LEAST_ROWS} are the fewest."
    elif (known := int(target.cells.there.sum())) * POSITIVE > count and target.log:
        yield (
            f"{known - count:,} of {known:,} rows have a {name} of 0 or less, which has no"
            " logarithm: learn it as it is, by the scale plain, or leave these rows out of the"
            " table."
        )
    elif not target.varies:
        yield f"{name} is the same in all rows: there is nothing to learn."
    if not any(column.role == "input" for column in columns):
        yield nothing_left(name)
