"""A table of anybody's, to learn from: which rows count, which columns are told, in what units."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.encoder import Target
from ml.features import Features
from ml.schema import InputSchema
from ml.schema.dates import ORDERS, Order, known_day
from ml.tabular import proposal
from ml.tabular.learnt import Learnable, Rows
from ml.tabular.profile import Column, Profile, profile
from ml.tabular.subject import Subject, Words

MOST = 10_000  # rows that are learnt from: nets compare each with all others
BINS = 40  # of a histogram of targets
GROUPS = 3  # columns that errors are told by
TELLING = 0.01  # of the variance: of a column that errors are told by
FEW, MANY = 2, 40  # levels of a column that errors are told by
ALIKE = 0.5  # of the rows differ at least, where those that say the same are of one thing
ROW = "row"  # what a row is called where no column names it
NOT_FOR = (
    "Rows of other places, kinds and times than those of its table: it knows no others.",
    "Telling causes: what moves the answer need not move the world.",
    "Decisions about people: nobody has looked whether it is fair.",
)


class Unlearnable(ValueError):
    """A table that nothing can be learnt from as it was asked; the message says why."""


@dataclass(frozen=True, eq=False)
class OwnTable(Learnable):
    """n rows that have a target, by the inputs that were asked for; `told` is what was seen."""

    about: str
    told: Profile
    id_column: str
    inputs: tuple[str, ...]
    unit: str
    train: list[dict[str, Any]]
    price: NDArray[np.float64]
    names: list[int | str]
    dates: dict[str, Order]  # inputs that are, as ISO text, and what comes first in them
    test: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        rows: Sequence[Mapping[str, Any]],
        target: str,
        *,
        about: str = "",
        inputs: Sequence[str] = (),
        identifier: str = "",
        log: bool | None = None,
        unit: str = "",
        dates: Sequence[str] = (),
        seed: int = 0,
    ) -> "OwnTable":
        """Rows of a table with a target; of more than MOST so many, drawn by the seed.

        Without `inputs` those that the profile proposes, without `log` as it proposes; `dates` as
        `orders` takes them. Rows without a target, or with none above 0 where its logarithm is
        learnt, are left out.

        Raises:
            Unlearnable: for columns that there are not, or where nothing can be learnt.
        """
        asked = orders(dates)
        try:
            told = profile(rows, target, log=log, seed=seed, dates=asked)
        except ValueError as error:
            raise Unlearnable(str(error)) from None
        names = [column.name for column in told.columns]
        for name in (*inputs, *asked, *filter(None, [identifier])):
            if name not in names:
                raise Unlearnable(f"There is no column {name!r}; there are {', '.join(names)}.")
        if {target, identifier} & {*inputs}:
            raise Unlearnable("Target and identifier cannot be inputs.")
        if stops := [why for why in told.stops if not (inputs and why == told.nothing_left)]:
            raise Unlearnable(" ".join(stops))
        proposed = [column.name for column in told.columns if column.role == "input"]
        chosen = [name for name in rows[0] if name in {*(inputs or proposed)} - {identifier}]
        known = _decided([one for one in told.columns if one.name in chosen], asked)
        good = [i for i, row in enumerate(rows) if _counts(row[target], told.log)]
        if len(good) > MOST:
            drawn = np.random.default_rng(seed).permutation(len(good))[:MOST]
            good = [good[i] for i in sorted(drawn.tolist())]
        return cls(
            about=about,
            told=told,
            id_column=identifier or _free(ROW, names),
            inputs=tuple(chosen),
            unit=unit,
            train=_dated([{name: rows[i][name] for name in chosen} for i in good], known),
            price=np.array([rows[i][target] for i in good], np.float64),
            names=[_name(rows[i].get(identifier), i + 1) for i in good],
            dates=known,
        )

    @cached_property
    def subject(self) -> Subject:
        """Rows, and their target by its own name."""
        name = self.told.target
        return Subject(
            Words(value=name, values=f"values of {name}", unit=self.unit, log=self.told.log),
            told={column: column for column in self.first[:4]},
            groups=dict.fromkeys(self.grouping, 0.0),
            parts=next(iter(self.grouping), ""),
        )

    @cached_property
    def first(self) -> list[str]:
        """The inputs, what tells most alone first."""
        alone = {column.name: column.alone or 0.0 for column in self.told.columns}
        return sorted(self.inputs, key=lambda name: -alone[name])

    @cached_property
    def grouping(self) -> list[str]:
        """Columns of some levels, what tells most first: errors are told by these."""
        levels = {
            column.name
            for column in self.told.columns
            if column.kind == "levels" and FEW <= column.distinct <= MANY
            if (column.alone or 0.0) >= TELLING
        }
        return [name for name in self.first if name in levels][:GROUPS]

    @cached_property
    def steps(self) -> Features:
        """As proposed."""
        return proposal.features(self.train, self.inputs, self.dates)

    @cached_property
    def schema(self) -> InputSchema:
        """As proposed, the sixteen that tell most first."""
        return proposal.schema(
            self.train,
            self.inputs,
            noun="rows",
            id_column=self.id_column,
            target_column=self.told.target,
            first=self.first,
            dates=self.dates,
        )

    def target(self, rows: Rows) -> Target:
        """Standardised, as errors are measured."""
        return Target.own(self.price[rows], log=self.told.log)

    @cached_property
    def sold(self) -> list[dict[str, Any]]:
        """Each row with its id and its target."""
        rows = zip(self.names, self.train, self.price.tolist(), strict=True)
        return [{self.id_column: i} | row | {self.told.target: value} for i, row, value in rows]

    @cached_property
    def edges(self) -> list[float]:
        """From the least target to the largest, as errors are measured."""
        ends = np.linspace(self.measured.min(), self.measured.max(), BINS + 1)
        edges: list[float] = self.subject.words.priced(ends).tolist()
        return edges

    @property
    def ids(self) -> tuple[int, ...]:
        """Of no rows: all of them have a target."""
        return ()

    @property
    def files_read(self) -> tuple[str, ...]:
        """None of the data hub."""
        return ()

    @property
    def read_from(self) -> dict[str, str]:
        """The table."""
        return {"table": self.about} if self.about else {}

    @property
    def not_for(self) -> tuple[str, ...]:
        """Other rows; causes; people."""
        return NOT_FOR

    @property
    def deciding(self) -> tuple[int, ...]:
        """None are known."""
        return ()


def orders(said: Sequence[str]) -> dict[str, Order]:
    """What comes first in dates that are all numbers, by column: of "sold=dmy" the day.

    Raises:
        Unlearnable: for what is none of dmy, mdy and ymd.
    """
    found = dict[str, Order]()
    for pair in said:
        name, _, order = pair.rpartition("=")
        known = next((one for one in ORDERS if one == order), None)
        if not name or known is None:
            raise Unlearnable(
                f"{pair[:80]!r} must be a column of dates and what comes first in them, such as"
                f" {name[:40] or 'sold'}=dmy; it may be {', '.join(ORDERS)}."
            )
        found[name] = known
    return found


def _decided(columns: Sequence[Column], asked: Collection[str]) -> dict[str, Order]:
    """Those of dates, with what comes first. Raises Unlearnable where that cannot be told, or is
    asked of a column of something else."""
    dates = [column for column in columns if column.kind == "date"]
    for one in columns:
        if one.order is None:
            why = " ".join(each.text for each in one.attention)
            raise Unlearnable(f"{one.name}: {why} In a request: dates={one.name}=dmy.")
        if one.name in asked and one.kind not in {"date", "constant", "empty"}:
            raise Unlearnable(f"{one.name} is no column of dates: nothing comes first in them.")
    return {one.name: one.order or "" for one in dates}


def _dated(rows: list[dict[str, Any]], orders: Mapping[str, Order]) -> list[dict[str, Any]]:
    """Rows with their dates as ISO text, None for what is no date."""
    for name, order in orders.items():
        day = cache(partial(known_day, order=order))
        for row in rows:
            row[name] = None if row[name] is None else day(str(row[name]))
    return rows


def one_of(alike: list[Rows], n: int) -> list[Rows]:
    """Rows of one thing each: those that say the same, or single ones where so many are alike that
    this means little."""
    return alike if len(alike) >= ALIKE * n else [*np.arange(n)[:, None]]


def _counts(value: Any, log: bool) -> bool:
    """Whether a row with this target is learnt from."""
    return isinstance(value, int | float) and (value > 0 if log else True)


def _name(value: Any, row: int) -> int | str:
    """What a row is called: as its identifier says, or by its place in the file."""
    return row if value is None else value if isinstance(value, int | str) else f"{value:g}"


def _free(name: str, taken: Sequence[str]) -> str:
    """A name that no column has."""
    while name in taken:
        name += "_"
    return name
