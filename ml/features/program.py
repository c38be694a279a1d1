"""The steps of an encoder as a program: those that do not wait for one another are done at once.

A step takes some microseconds whether it is of one row or of a hundred, and there are a hundred
steps. In a program a number is a line of one table (lines, n), what levels say is looked up first,
and the rest is a few operations, each on many lines. A step is written down once: on its own, as it
learns, or in a program it gives the same numbers, to the last bit.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ml.features.blocks import AnyBlock, OneHot, Robust
from ml.features.columns import ABSENT, Columns, Numbers, Row, keys_of, looked_up, numbers_of

Value = int  # one of those that steps have made, by its place
Kind = Callable[..., Any]


# ---- what can be done with lines: (k, n) each, and numbers of a step: (k, 1) each


def filled(own: Numbers, other: Numbers) -> Numbers:
    """The first, or the second where that is missing."""
    return np.where(np.isnan(own), other, own)


def missing(own: Numbers) -> Numbers:
    """1 where it is missing, 0 elsewhere."""
    return np.isnan(own).astype(np.float64)


def within(own: Numbers, other: Numbers, most: Numbers) -> Numbers:
    """The first, or the second where that is missing or above a bound."""
    return np.where(own <= most, own, other)


def weighted_sum(*given: Numbers) -> Numbers:
    """Of lines, then as many weights, then what it is not below; added one after another."""
    count = len(given) // 2
    total = given[count] * given[0]
    for line, weight in zip(given[1:count], given[count + 1 : -1], strict=True):
        total += weight * line
    return np.maximum(total, given[-1])


def product(first: Numbers, second: Numbers) -> Numbers:
    """One times another."""
    return first * second


def ratio(above: Numbers, below: Numbers) -> Numbers:
    """One over another, which counts as 1 at least."""
    return above / np.maximum(below, 1)


def log(own: Numbers) -> Numbers:
    """log(1 + x), of which nothing below 0 counts."""
    return np.log1p(np.maximum(own, 0))


def over(own: Numbers, bound: Numbers) -> Numbers:
    """1 where it is above a bound, 0 elsewhere."""
    return (own > bound).astype(np.float64)


# ---- steps, written down


class Lookup(NamedTuple):
    """What levels of a row say together."""

    columns: tuple[str, ...]
    table: Mapping[str, float]
    otherwise: float


class Operation(NamedTuple):
    """One value out of others, and of numbers that the step knows."""

    kind: Kind
    of: tuple[Value, ...]
    numbers: tuple[float, ...]


@dataclass(eq=False)
class Writing:
    """What steps make of columns, in their order; `columns` are the values that have these names
    by now."""

    made: list[str | float | Lookup | Operation] = field(default_factory=list)
    depth: list[int] = field(default_factory=list)  # how many others must be done before
    columns: dict[str, Value] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Value:
        """A column of numbers; one that no step has made is the row's own."""
        if name not in self.columns:
            self.columns[name] = self._add(name)
        return self.columns[name]

    def __setitem__(self, name: str, value: Value) -> None:
        self.columns[name] = value

    def lookup(self, columns: Sequence[str], table: Mapping[str, float], otherwise: float) -> Value:
        """What a table says of the levels of some columns."""
        return self._add(Lookup(tuple(columns), table, otherwise))

    def constant(self, number: float) -> Value:
        """The same for every row."""
        return self._add(float(number))

    def do(self, kind: Kind, of: Iterable[Value], numbers: Iterable[float] = ()) -> Value:
        """An operation on values."""
        of = tuple(of)
        depth = 1 + max(self.depth[each] for each in of)
        return self._add(Operation(kind, of, tuple(map(float, numbers))), depth)

    def _add(self, what: str | float | Lookup | Operation, depth: int = 0) -> Value:
        self.made.append(what)
        self.depth.append(depth)
        return len(self.made) - 1

    def on(self, columns: Columns, value: Value) -> Numbers:
        """What a value is of columns that are there: (n,)."""
        match self.made[value]:
            case str(name):
                return columns[name]
            case Lookup(names, table, otherwise):
                return looked_up(keys_of(columns, names), table, otherwise)
            case Operation(kind, of, numbers):
                lines = [np.atleast_2d(self.on(columns, each)) for each in of]
                return np.asarray(kind(*lines, *np.reshape(numbers, (-1, 1, 1)))[0])
            case number:
                return np.full(len(next(iter(columns.values()))), number)


class Written(Protocol):
    """A step that can be written down."""

    def write(self, made: Writing) -> None:
        """Say what it makes of which columns."""
        ...


# ---- and run


class Call(NamedTuple):
    """Operations of a kind that do not wait for one another, all at once."""

    kind: Kind
    out: slice
    of: tuple[NDArray[np.intp], ...]  # lines (k,) each
    numbers: tuple[Numbers, ...]  # (k, 1) each


@dataclass(frozen=True, eq=False)
class Program:
    """From rows to inputs; its lines are the rows' numbers, lookups, constants, operations."""

    numbers: tuple[str, ...]
    levels: tuple[str, ...]
    lookups: tuple[tuple[tuple[int, ...], Mapping[str, float], float], ...]  # places of levels, ...
    constants: Numbers  # (c, 1)
    calls: tuple[Call, ...]
    height: int  # of the table
    blocks: tuple[tuple[AnyBlock, Any], ...]  # with their lines, or with places of levels

    @classmethod
    def of(
        cls, levels: Sequence[str], steps: Iterable[Written], blocks: Sequence[AnyBlock]
    ) -> "Program":
        """Of steps and blocks that have learnt."""
        made = Writing()
        for step in steps:
            step.write(made)
        read = [
            None if isinstance(block, OneHot) else [made[name] for name in block.columns]
            for block in blocks
        ]
        line, calls = _placed(made)
        place = {name: i for i, name in enumerate(levels)}
        return cls(
            numbers=tuple(one for one in made.made if isinstance(one, str)),
            levels=tuple(levels),
            lookups=tuple(
                (tuple(place[name] for name in one.columns), one.table, one.otherwise)
                for one in made.made
                if isinstance(one, Lookup)
            ),
            constants=np.array([[one] for one in made.made if isinstance(one, float)]),
            calls=calls,
            height=len(line),
            blocks=tuple(
                (block, _ones(block, place) if isinstance(block, OneHot) else line[own])
                for block, own in zip(blocks, read, strict=True)
            ),
        )

    def run(self, rows: Sequence[Row]) -> Numbers:
        """Inputs of n rows, not yet weighed: (n, d)."""
        words = [
            [ABSENT if (value := row.get(name)) is None else str(value) for name in self.levels]
            for row in rows
        ]
        T = self._given(rows, words)
        for kind, out, of, numbers in self.calls:
            T[out] = kind(*(T[lines] for lines in of), *numbers)
        return np.hstack([_inputs(block, of, T, words) for block, of in self.blocks])

    def _given(self, rows: Sequence[Row], words: Sequence[Sequence[str]]) -> Numbers:
        """The table as it is before anything is done: (lines, n)."""
        T, m = np.empty((self.height, len(rows))), len(self.numbers)
        T[:m] = numbers_of(rows, self.numbers).T
        looked = m + len(self.lookups)
        for i, said in enumerate(words):
            T[m:looked, i] = [
                table.get(said[at[0]] if len(at) == 1 else " & ".join(said[j] for j in at), other)
                for at, table, other in self.lookups
            ]
        if len(self.constants):
            T[looked : looked + len(self.constants)] = self.constants
        return T


def _placed(made: Writing) -> tuple[NDArray[np.intp], tuple[Call, ...]]:
    """The line of each value, and the calls that make those that are made."""

    def order(value: Value) -> tuple[Any, ...]:
        one = made.made[value]
        if isinstance(one, Operation):
            alike = one.kind.__name__, len(one.of), len(one.numbers)
            return 3, made.depth[value], *alike
        return (0 if isinstance(one, str) else 1 if isinstance(one, Lookup) else 2,)

    values = sorted(range(len(made.made)), key=order)
    line = np.empty(len(values), np.intp)
    line[values] = np.arange(len(values))
    groups = dict[tuple[Any, ...], list[Value]]()
    for value in values:
        groups.setdefault(order(value), []).append(value)
    calls = list[Call]()
    for group in groups.values():
        operations = [one for value in group if isinstance(one := made.made[value], Operation)]
        if operations:
            start = int(line[group[0]])
            calls.append(
                Call(
                    operations[0].kind,
                    slice(start, start + len(group)),
                    tuple(line[[*of]] for of in zip(*(one.of for one in operations), strict=True)),
                    tuple(
                        np.array(own)[:, None]
                        for own in zip(*(one.numbers for one in operations), strict=True)
                    ),
                )
            )
    return line, tuple(calls)


def _ones(block: OneHot, place: Mapping[str, int]) -> list[tuple[int, dict[str, int]]]:
    """Of each column of levels its place, and which input is 1 for which of them."""
    return [(place[name], own) for name, own in zip(block.columns, block.indicators, strict=True)]


def _inputs(block: AnyBlock, of: Any, T: Numbers, words: Sequence[Sequence[str]]) -> Numbers:
    """A block of inputs: (n, k)."""
    if not isinstance(block, OneHot):
        X = np.ascontiguousarray(T[of].T)
        return block.scaled(X) if isinstance(block, Robust) else X
    out = np.zeros((len(words), len(block.names)))
    for i, said in enumerate(words):
        out[i, [own[said[at]] for at, own in of if said[at] in own]] = 1
    return out
