"""Each column of a table beside its target: what it tells of it, and what a person must see."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ml.schema.dates import Order
from ml.tabular.columns import (
    ADDED,
    BINS,
    FREQUENT,
    MANY_LEVELS,
    Cells,
    Floats,
    Integers,
    Kind,
    beside,
    explained,
    folds_of,
    histogram,
    medians,
    quantiles,
    skewness,
)

Level = Literal["stop", "look", "note"]
Role = Literal["input", "target", "name", "left out"]

PARTS = 8  # of a column by rank, or its most frequent levels
SKEWED = 1.0  # a column that is told to be so; a target of which the logarithm is measured
POSITIVE = 0.95  # of the targets; the others are left out where the logarithm is measured
GIVEN_AWAY = 0.99  # of a target's variance by one column: it is made of the target, or this of it
STRONG = 0.8  # of it by one column: seldom known before the target is, but it may be
PART_OF = 0.2  # of the rows; who equals the target so often and is never above it is a part of it
PART_VALUES = 10  # more different values than that are equal: zeros alone make no part
GAPS = 0.5  # of a column
EXAMPLES, SHOWN = 3, 60  # of a column; letters of one
SERIAL = re.compile(r"((.*[\s_.-])?(id|index|nr|no|key|rowid)|unnamed: ?\d+|#)", re.IGNORECASE)
CAMEL = re.compile(r".*[a-z](Id|ID)")
TRIVIAL = ("constant", "empty")


class Attention(BaseModel):
    """What a person should know of a column, and whether learning should wait for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: Level
    text: str


class Column(BaseModel):
    """One column: what it holds, what of the target it tells alone, and what it should be.

    `histogram` has 16 equal bins from `minimum` to `maximum`, of the logarithm where `log_axis`, or
    the counts of the most frequent levels. `target_by_part` has the median of the measured target
    in each eighth of the column by rank, None where it has no row, or of each of `part_names`, the
    most frequent levels, the lowest first. Of dates low, high, minimum and maximum are ISO text;
    `order` is what comes first of those that are all numbers, None where that cannot be told, and
    `orders` what may.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    kind: Kind
    missing: int
    distinct: int
    low: float | str | None = None  # 5 % are below
    high: float | str | None = None  # 5 % are above
    minimum: float | str | None = None
    maximum: float | str | None = None
    examples: tuple[str, ...] = ()
    histogram: tuple[int, ...] = ()
    log_axis: bool = False
    target_by_part: tuple[float | None, ...] = ()
    part_names: tuple[str, ...] = ()
    alone: float | None = None
    role: Role
    attention: tuple[Attention, ...] = ()
    order: Order | None = ""
    orders: tuple[Order, ...] = ()


# ---- the target


@dataclass(frozen=True, eq=False)
class Target:
    """The target, the m rows in which it counts, and how it is measured there."""

    cells: Cells
    log: bool
    counted: NDArray[np.bool_]  # (n,)
    y: Floats  # (m,) as it is measured
    folds: Integers  # (m,)

    @classmethod
    def of(cls, cells: Cells, log: bool | None, seed: int) -> "Target":
        """Its logarithm where `log` says so; without a word, where it is skewed and above 0."""
        if log is None:
            positive = (cells.known > 0).mean() if len(cells.known) else 0.0
            log = not cells.text and bool(positive >= POSITIVE) and skewness(cells.known) > SKEWED
        counted = ~np.isnan(cells.numbers)
        if log:
            counted &= np.nan_to_num(cells.numbers) > 0
        y = cells.numbers[counted]
        return cls(cells, log, counted, np.log(y) if log else y, folds_of(len(y), seed))

    @property
    def is_number(self) -> bool:
        """Whether any row has one."""
        return not self.cells.text and len(self.cells.known) > 0

    @property
    def varies(self) -> bool:
        """Whether it differs between the rows that count."""
        return len(self.y) > 1 and bool(self.y.min() < self.y.max())

    @cached_property
    def ranks(self) -> Floats:
        """Of the targets, where a few of them have most of the variance; else none."""
        if not self.varies or abs(skewness(self.y)) <= SKEWED:
            return np.zeros(0)
        cells = Cells.of("", self.y.tolist())
        return cells.ranks[cells.codes]

    def alone(self, cells: Cells) -> float | None:
        """What a column explains of it by itself; None where that says nothing."""
        if not self.varies or cells.kind in TRIVIAL or cells.is_undecided:
            return None
        return self._explained(cells, self.y)

    def by_rank(self, cells: Cells) -> float:
        """What a column explains of the ranks, where a long tail hides it; 0 without a tail."""
        return self._explained(cells, self.ranks) if len(self.ranks) else 0.0

    def left_open(self, cells: Cells) -> float:
        """The share of its variance, or of its ranks', that a column leaves open among rows that
        are next to each other in it: of what is made of it next to nothing, whatever the curve."""
        if not self.varies or cells.kind in TRIVIAL or cells.is_undecided:
            return 1.0
        codes = cells.codes[self.counted]
        left = [beside(codes, y, text=cells.text) for y in (self.y, self.ranks) if len(y)]
        return min(left)

    def _explained(self, cells: Cells, y: Floats) -> float:
        added = ADDED["levels" if cells.text else "bins"]
        return explained(cells.bins()[self.counted], y, self.folds, added)

    def by_part(self, cells: Cells) -> tuple[tuple[float | None, ...], tuple[str, ...]]:
        """Its median in each part of a column, and the names of these parts where they are levels.

        A level that no row with a target has is left out.
        """
        if not len(self.y) or cells.kind in (*TRIVIAL, "words") or cells.is_undecided:
            return (), ()
        if not cells.text:
            return tuple(medians(cells.parts(PARTS)[self.counted], self.y, PARTS)), ()
        most = cells.by_count[:PARTS]
        place = np.full(len(cells.values) + 1, -1)
        place[most] = np.arange(len(most))
        middle = medians(place[cells.codes][self.counted], self.y, len(most))
        pairs = [(m, _shown(cells.values[at])) for m, at in zip(middle, most, strict=True)]
        known = sorted((m, name) for m, name in pairs if m is not None)
        return tuple(m for m, _ in known), tuple(name for _, name in known)

    def share(self, cells: Cells) -> Attention | None:
        """Whether a number is a part of it, or it is a part of the number."""
        both = ~np.isnan(cells.numbers) & ~np.isnan(self.cells.numbers)
        x, y = cells.numbers[both], self.cells.numbers[both]
        equal = x == y
        enough = equal.sum() >= PART_OF * len(x) and len(np.unique(x[equal])) > PART_VALUES
        above, below = bool((x > y).any()), bool((x < y).any())
        if not enough or (above and below):
            return None
        if not (above or below):
            return Attention(level="stop", text=f"The target itself, in {len(x):,} rows.")
        what, never = (
            ("The target and more", "below") if above else ("A part of the target", "above")
        )
        text = f"{what}: equal to it in {equal.sum():,} rows, never {never} it."
        return Attention(level="stop", text=text)

    def column(self) -> Column:
        """The target among the columns."""
        missing, outside = (~self.cells.there).sum(), self.cells.there.sum() - len(self.y)
        attention = [Attention(level="note", text=_left_out(missing, "none"))] if missing else []
        if outside and not self.cells.text:
            text = _left_out(outside, "0 or less, which has no logarithm")
            attention.insert(0, Attention(level="look", text=text))
        return _described(self.cells, role="target", attention=tuple(attention))


def _left_out(count: int, what: str) -> str:
    have, are = ("row has", "it is") if count == 1 else ("rows have", "they are")
    return f"{count:,} {have} {what}: {are} left out."


# ---- the other columns


@dataclass(frozen=True, eq=False)
class Look:
    """What a column is beside the others."""

    cells: Cells
    target: Target
    alone: float | None
    twin: str  # an earlier column that says the same
    serial: str  # the first column that numbers the rows, if this one does

    def column(self) -> Column:
        """As it is told."""
        by_part, names = self.target.by_part(self.cells)
        attention = tuple(self._attention())
        return _described(
            self.cells,
            role=self._role(attention),
            attention=attention,
            alone=self.alone,
            target_by_part=by_part,
            part_names=names,
        )

    def _role(self, attention: Sequence[Attention]) -> Role:
        if self.serial:
            return "name" if self.serial == self.cells.name else "left out"
        unusable = self.twin or self.cells.kind in (*TRIVIAL, "words") or self.cells.is_undecided
        stopped = any(one.level == "stop" for one in attention)
        return "left out" if unusable or stopped else "input"

    def _attention(self) -> Iterator[Attention]:
        """What needs a person first."""
        yield from self._of_telling()
        if self.twin:
            yield Attention(level="look", text=f"It says the same as {self.twin} in all rows.")
        yield from self._of_kind()

    def _of_telling(self) -> Iterator[Attention]:
        """That it tells nearly all of the target, or so much that somebody should ask why."""
        name = self.target.cells.name
        if part := self.target.share(self.cells):
            yield part
        known = 0.0 if self.alone is None else max(self.alone, self.target.by_rank(self.cells))
        if (left := min(1 - known, self.target.left_open(self.cells))) <= 1 - GIVEN_AWAY:
            text = f"It gives the answer away: it leaves {100 * left:.2g} % of its variance open."
            yield Attention(level="stop", text=text)
        elif known >= STRONG and not part:
            text = f"Alone it explains {_percent(known)} of {name}: is it known before {name} is?"
            yield Attention(level="look", text=text)

    def _of_kind(self) -> Iterator[Attention]:
        """What every column of its kind has to tell."""
        present, distinct = int(self.cells.there.sum()), len(self.cells.values)
        match self.cells.kind:
            case "empty":
                yield Attention(
                    level="note", text=f"It is empty in all {len(self.cells.codes):,} rows."
                )
            case "constant":
                text = f"All {present:,} rows say {_shown(self.cells.first)}."
                yield Attention(level="note", text=text)
            case "words":
                text = f"Rather a name: {distinct:,} of {present:,} differ."
                yield Attention(level="note", text=text)
            case "date":
                yield from self._of_dates()
            case "levels":
                yield from self._of_levels()
            case "number" | "integer":
                yield from self._of_numbers()

    def _of_levels(self) -> Iterator[Attention]:
        counts, missing = self.cells.counts, (~self.cells.there).mean()
        if len(counts) > MANY_LEVELS:
            lacking = f", {_percent(missing)} are missing" * bool(missing)
            text = f"{len(counts):,} levels, {_occur((counts == 1).sum())} once{lacking}."
            yield Attention(level="look", text=text)
            return
        yield from self._of_gaps()
        if rare := (counts < FREQUENT).sum():
            of = f" of {len(counts):,} levels"
            text = f"{_occur(rare, of)} in fewer than {FREQUENT} rows."
            yield Attention(level="note", text=text)

    def _of_numbers(self) -> Iterator[Attention]:
        if self.serial:
            also = "" if self.serial == self.cells.name else f", as {self.serial} does"
            low, high = self.cells.values[0], self.cells.values[-1]
            text = f"It numbers the rows from {low:.16g} to {high:.16g}{also}."
            yield Attention(level="note", text=text)
            return
        yield from self._of_gaps()
        if abs(skew := skewness(self.cells.known)) > SKEWED:
            side, share = ("above", 0.95) if skew > 0 else ("below", 0.05)
            middle, end = map(_figure, quantiles(self.cells.known, (0.5, share)))
            text = f"Skewed ({skew:.1f}): half are {side} {middle}, 5 % {side} {end}."
            yield Attention(level="note", text=text)

    def _of_dates(self) -> Iterator[Attention]:
        dates = self.cells.dates
        for text in dates.doubts if dates else ():
            yield Attention(level="look", text=text)
        yield from self._of_gaps()
        if dates and dates.order_told:
            yield Attention(level="note", text=dates.order_told)

    def _of_gaps(self) -> Iterator[Attention]:
        if (missing := (~self.cells.there).mean()) >= GAPS:
            yield Attention(level="look", text=f"{_percent(missing)} are missing.")


def looks(columns: Sequence[Cells], target: Target) -> list[Look]:
    """A look at each column, in their order."""
    first: dict[object, str] = {}  # column by what it says
    serials = [cells.name for cells in columns if _numbers_rows(cells)]
    found = []
    for cells in columns:
        earlier = first.setdefault(cells.says, cells.name)
        found.append(
            Look(
                cells,
                target,
                target.alone(cells),
                twin=earlier if earlier != cells.name and cells.kind not in TRIVIAL else "",
                serial=serials[0] if cells.name in serials else "",
            )
        )
    return found


def _numbers_rows(cells: Cells) -> bool:
    """Whether a column of whole numbers is but the place of a row, or its name."""
    if cells.kind != "integer" or len(cells.values) < len(cells.codes):
        return False
    rising = bool((np.diff(cells.numbers) == 1).all())
    return rising or bool(SERIAL.fullmatch(cells.name) or CAMEL.fullmatch(cells.name))


def _described(
    cells: Cells,
    *,
    role: Role,
    attention: tuple[Attention, ...],
    alone: float | None = None,
    target_by_part: tuple[float | None, ...] = (),
    part_names: tuple[str, ...] = (),
) -> Column:
    """A column with what can be told of it by itself."""
    bounds, bars, log_axis = dict[str, float | str](), tuple[int, ...](), False
    if cells.is_measured:
        low, high = (cells.told(end, exact=False) for end in quantiles(cells.known, (0.05, 0.95)))
        least, most = float(cells.known.min()), float(cells.known.max())
        bounds = {"low": low, "high": high}
        bounds |= {"minimum": cells.told(least), "maximum": cells.told(most)}
        log_axis = cells.kind != "date" and least > 0 and skewness(cells.known) > SKEWED
        bars = histogram(cells.known, BINS, log=log_axis)
    elif cells.kind == "levels":
        bars = tuple(cells.counts[cells.by_count[:BINS]].tolist())
    order = cells.by_count if cells.kind == "levels" else range(len(cells.values))
    said = [cells.values[place] for place in order[:EXAMPLES]] if cells.text else []
    examples = [*map(_shown, [*cells.dates.counts][:EXAMPLES] if cells.dates else said)]
    return Column(
        name=cells.name,
        kind=cells.kind,
        missing=int((~cells.there).sum()),
        distinct=len(cells.values),
        examples=tuple(examples),
        histogram=bars,
        log_axis=log_axis,
        target_by_part=target_by_part,
        part_names=part_names,
        alone=alone,
        role=role,
        attention=attention,
        order=cells.dates.order if cells.dates else "",
        orders=cells.dates.orders if cells.dates else (),
        **bounds,
    )


def _shown(value: float | str) -> str:
    """A value as it is told, and never long."""
    text = value if isinstance(value, str) else f"{value:.10g}"
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _figure(number: float) -> str:
    """Four figures, or the whole ones of a larger number."""
    return f"{number:,.0f}" if 1e4 <= abs(number) < 1e15 else f"{number:.4g}"


def _occur(count: int, of: str = "") -> str:
    return f"{count:,}{of} {'occurs' if count == 1 else 'occur'}"
