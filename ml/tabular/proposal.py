"""An encoder and a schema for any table, as they are proposed: what its own columns ask for."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from ml.features import AnyStep, Features, Median, OneHot, Robust, Row, TargetMean
from ml.features.columns import ABSENT, Columns, Numbers, columns_of
from ml.schema import InputSchema
from ml.schema.dates import Order
from ml.tabular.columns import FREQUENT

CLIP = 6.0  # a table of people may have a tail that tells: three spreads would cut it
MOST_LEVELS = 50  # of a column that are inputs, the most frequent
TOLD_BY_ONE_HOT = 2  # levels: of more, what the rows of a level sold for is an input, too
MOST_GROUPS = 8
ALIKE = 0.5  # |Spearman| of columns of one group
MOST_FIRST = 16  # fields that are asked first


def features(rows: Sequence[Row], inputs: Sequence[str], dates: Collection[str] = ()) -> Features:
    """Steps and blocks for these inputs, not yet learnt, with the levels that these rows have.

    Numbers, and `dates` as decimal years, are filled by their median, with a flag where any is
    missing, and texts are levels: of more than two also by the mean of the target. Folds of the
    rows have the same inputs.

    Raises:
        ValueError: where a column is none of the rows', or there is nothing to encode.
    """
    numbers, levels = _kinds(rows, inputs, dates)
    columns = columns_of(rows, numbers, levels)
    counts = {name: Counter(columns[name].tolist()) for name in levels}
    taken = {*inputs}
    flags = {
        name: _free(f"{name} unknown", taken) for name in numbers if np.isnan(columns[name]).any()
    }
    means = {
        name: _free(f"target of {name}", taken)
        for name in levels
        if len(counts[name].keys() - {ABSENT}) > TOLD_BY_ONE_HOT
    }
    frequent = {name: own for name in levels if (own := _frequent(counts[name]))}
    known = tuple(name for name in numbers if name not in flags)
    steps: list[AnyStep] = [Median(columns=known)] if known else []
    steps += [Median(columns=(name,), flag=flag) for name, flag in flags.items()]
    steps += [TargetMean(name=mean, columns=(name,)) for name, mean in means.items()]
    scaled = (*numbers, *flags.values(), *means.values())
    one_hot = OneHot(columns=tuple(frequent), levels=tuple(frequent.values()))
    blocks = (*([Robust(columns=scaled, clip=CLIP)] if scaled else ()),
              *([one_hot] if frequent else ()))  # fmt: skip
    if not blocks:
        raise ValueError("No input can be encoded: name one that some rows have in common.")
    return Features(numbers=numbers, levels=levels, steps=tuple(steps), blocks=blocks)


def schema(
    rows: Sequence[Row],
    inputs: Sequence[str],
    *,
    noun: str,
    id_column: str,
    target_column: str,
    first: Sequence[str] = (),
    dates: Mapping[str, Order] | None = None,
) -> InputSchema:
    """The fields of these inputs, as the rows have them; `first` are the most telling, in order,
    `dates` those of dates with what comes first in them.

    Each is a group of its own where they are few. Of many, those are one group that correlate, by
    the name of its most telling field, and what is in no large one is among the others.

    Raises:
        ValueError: without rows, where a column is none of theirs, or mixes numbers with text.
    """
    known = dates or {}
    _, levels = _kinds(rows, inputs, known)
    return InputSchema.learn(
        [{name: row.get(name) for name in inputs} for row in rows],
        {name: (group, name) for name, group in groups(rows, inputs, first, known).items()},
        noun=noun,
        id_column=id_column,
        target_column=target_column,
        first=[name for name in first if name in inputs][:MOST_FIRST],
        texts=levels,
        dates=known,
    )


def groups(
    rows: Sequence[Row],
    inputs: Sequence[str],
    first: Sequence[str] = (),
    dates: Collection[str] = (),
) -> dict[str, str]:
    """The group of each input: at most eight, the largest first, then what is told first."""
    if len(inputs) <= MOST_GROUPS:
        return {name: name for name in inputs}
    order = [name for name in dict.fromkeys((*first, *inputs)) if name in inputs]
    numbers, _ = _kinds(rows, order, dates)
    alike = _alike(columns_of(rows, numbers, ()))
    members = sorted(_linked(order, alike), key=len, reverse=True)
    named = members if len(members) <= MOST_GROUPS else members[: MOST_GROUPS - 1]
    group = {name: each[0] for each in named for name in each}
    return {name: group.get(name, "other") for name in inputs}


def _alike(columns: Columns) -> dict[str, set[str]]:
    """Which other columns each column of numbers correlates with, by rank."""
    names = [*columns]
    Z = np.array([_standard_ranks(column) for column in columns.values()])  # (k, n)
    rho = np.abs(Z @ Z.T) / Z.shape[1] if names else np.zeros((0, 0))
    return {
        name: {other for other, value in zip(names, own, strict=True) if value > ALIKE}
        for name, own in zip(names, rho, strict=True)
    }


def _standard_ranks(x: Numbers) -> Numbers:
    """Ranks of mean 0 and variance 1, of equal values alike; 0 where missing or all are: (n,)."""
    known, ranks = ~np.isnan(x), np.zeros(len(x))
    _, place, counts = np.unique(x[known], return_inverse=True, return_counts=True)
    ranks[known] = (np.cumsum(counts) - counts / 2)[place] - known.sum() / 2
    spread = ranks.std()
    return ranks / spread if spread > 0 else ranks


def _linked(names: Sequence[str], alike: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of names, each alike another of its group (single linkage), in their order."""
    found, left = list[list[str]](), [*names]
    while left:
        group = reached = {left[0]}
        while reached:
            reached = set().union(*(alike.get(name, set()) for name in reached)) - group
            group = group | reached
        found.append([name for name in left if name in group])
        left = [name for name in left if name not in group]
    return found


def _kinds(
    rows: Sequence[Row], inputs: Sequence[str], dates: Collection[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Which inputs are numbers, dates among them, and which are levels."""
    known = {name for row in rows for name in row}
    if missing := [name for name in inputs if name not in known]:
        raise ValueError(f"There is no column {missing[0]!r}.")
    texts = [name for name in inputs if any(isinstance(row.get(name), str) for row in rows)]
    levels = tuple(name for name in texts if name not in dates)
    return tuple(name for name in inputs if name not in levels), levels


def _free(name: str, taken: set[str]) -> str:
    """A name that no column has, which is taken now."""
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _frequent(counts: Counter[str]) -> tuple[str, ...]:
    """Levels of enough rows, at most so many, in the order of their letters."""
    often = [(-count, level) for level, count in counts.items() if count >= FREQUENT]
    return tuple(sorted(level for _, level in sorted(often)[:MOST_LEVELS]))
