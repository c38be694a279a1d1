"""What is said of answers out of fold: who is how far off, where, and how sure (4.10)."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ml.ensemble import MEMBERS
from ml.events import Cell, Event, Figure, Finding, Floats, Series, Table, Verdict
from ml.experiment import Experiment
from ml.grid import by_category
from ml.intervals import share_interval
from ml.lanes import k_fold
from ml.shift.weighing import Weighed
from ml.tabular.scores import (
    COVERAGE,
    ENSEMBLE,
    FIFTHS,
    LINEAR,
    MASKS,
    OutOfFold,
    rms,
)
from ml.tabular.subject import Words, band_of

WORST = 10  # rows that are told one by one
MANY = 30  # rows of a level: of fewer a share says little
FEW = 0.02  # of all rows: of fewer a trait says little


def reported(run: Experiment, found: OutOfFold) -> Iterator[Event]:
    """Who is how far off, where, and how often intervals hold."""
    yield verdict(found)
    yield by_fold(found)
    yield residuals(found)
    yield coverage(found)
    yield members(found)
    yield bands(found)
    yield worst(found)
    if found.subject.groups:
        yield groups(found)
    yield from claims(run, found)


def verdict(found: OutOfFold) -> Finding:
    """How much better it is than somebody else's net and a linear one, and what limits it."""
    words = found.words
    mine, (gap, half) = found.valid(ENSEMBLE), found.ahead(LINEAR)
    better: Verdict = "helps" if gap > half else "hurts" if gap < -half else "no clear difference"
    square, than, note = found.each(np.square(found.off(ENSEMBLE))), ";", ""
    if (other := found.subject.beside) and found.n == other.rows:
        folds = "the same" if on_contiguous_folds(found, other.folds) else "other"
        share = f"{mine.mean() / other.error:.0%} of the {other.error:.4f} of {other.name}"
        than, note = f": {share} on {folds} folds, and", f" {other.note}"
    worst = np.argsort(-square)[: len(square) // 100]
    cheap = found.fifth[worst] == 0
    return Finding(
        better,
        f"{words.Measure} {words.error(mine.mean())} on {words.rows} that no model has learnt"
        f" from{than} a linear model is {side(found, gap, half)}. {len(worst)} of {len(square):,}"
        f" {words.rows}, {cheap.sum()} of them of the {words.ends[0]} fifth, make"
        f" {square[worst].sum() / square.sum():.0%} of the squared error.",
        "Means over the folds. It helps where the 95 % interval of the difference to a linear model"
        f" on the same inputs, paired by {words.row}, leaves out 0.{note}",
        ENSEMBLE,
    )


def side(found: OutOfFold, gap: float, half: float) -> str:
    """By how much something is worse, or better: "0.0123 ± 0.0045 worse"."""
    error = found.words.error
    return f"{error(abs(gap))} ± {error(half)} {'worse' if gap >= 0 else 'better'}"


def on_contiguous_folds(found: OutOfFold, k: int) -> bool:
    """Whether each fold is judged on a slice of the file, as each of the book's is."""
    own = [*k_fold(found.n, k)]
    return len(found.rows) == len(own) and all(
        np.array_equal(valid, other) for (_, valid), (_, other) in zip(found.rows, own, strict=True)
    )


def by_fold(found: OutOfFold) -> Event:
    """Errors of each fold, repetition by repetition, with the linear model's beside."""
    mine, (gap, half) = found.valid(ENSEMBLE), found.ahead(LINEAR)
    words, parts = found.words, mine.reshape(found.repeats, found.k)
    error = words.error
    means = parts.mean(1)
    drawn = f"{found.repeats} times {found.k}" if found.repeats > 1 else f"{found.k}"
    again = f" The means of single shuffles are {error(means.min())} to {error(means.max())}."
    return by_category(
        "folds",
        f"Valid {words.measure} of each fold",
        f"{error(mine.mean())} on average of {drawn} folds, from {error(mine.min(), 3)} to"
        f" {error(mine.max(), 3)}; a linear model on the same inputs is"
        f" {side(found, gap, half)} (paired by {words.row}). Half of the {words.values} are off by"
        f" less than {words.typical(found.off(ENSEMBLE))}." + (again if found.repeats > 1 else ""),
        {f"fold {fold + 1}": part for fold, part in enumerate(parts.T)}
        if found.repeats == 1
        else {f"shuffle {i + 1}": part for i, part in enumerate(parts)},
        y_label=f"valid {words.measure}",
    )


def members(found: OutOfFold) -> Event:
    """Each model alone, with and without the two houses that decide, and the blend's lead."""
    names, without, words = (ENSEMBLE, *MEMBERS, LINEAR), found.deciding, found.words
    alone = [found.valid(name, without).mean() for name in names]
    behind = [found.ahead(name) for name in names]
    return Table.of(
        "members",
        "Alone and together",
        {
            "model": names,
            words.measure: [found.valid(name).mean() for name in names],
        }
        | ({f"without {found.subject.deciding}": alone} if without else {})
        | {
            "behind the ensemble": [
                "" if name == ENSEMBLE else f"{words.error(gap)} ± {words.error(half)}"
                for name, (gap, half) in zip(names, behind, strict=True)
            ],
        },
        f"Means over the folds, of {words.rows} that no model has learnt from. Behind: with a"
        f" 95 % interval, paired by {words.row}."
        + f" {found.subject.about_deciding}" * bool(found.deciding),
    )  # fmt: skip


def residuals(found: OutOfFold) -> Event:
    """Each row: what was predicted and how far off that is; what the worst errors share."""
    words = found.words
    off, priced = found.each(found.off(ENSEMBLE)), words.priced(found.each(found.of(ENSEMBLE)))
    inside = found.each(found.inside.astype(float)) > 0.5  # in most of the repetitions
    return Figure(
        "residuals",
        f"Each {words.row}: {words.actual} {'over' if words.log else 'less'} predicted",
        shared(found),
        tuple(
            Series(label, rounded(priced[part]), rounded(off[part]), mode="markers")
            for label, part in (
                ("outside its interval", ~inside), ("within", inside),
            )
        ),
        x_label=f"predicted {words.value}{words.in_unit}",
        y_label=f"log({words.actual} / predicted)" if words.log else "actual - predicted",
        x_scale="log" if words.log else "linear",
    )  # fmt: skip


def shared(found: OutOfFold) -> str:
    """Which traits have most of the squared error beside their share of houses."""
    square, has = np.square(found.off(ENSEMBLE)), traits(found)
    ranked = sorted(has, key=lambda name: -square[has[name]].mean())
    part = {name: square[has[name]].sum() / square.sum() for name in ranked}
    (first, second), share = ranked[:2], {name: has[name].mean() for name in ranked}
    return (
        f"{first[0].upper()}{first[1:]} are {share[first]:.0%} of {found.words.rows} and"
        f" {part[first]:.0%} of the squared error, {second} {share[second]:.0%} and"
        f" {part[second]:.0%}. {(~found.inside).mean():.0%} of all {found.words.were} outside their"
        " interval."
    )


def traits(found: OutOfFold) -> dict[str, NDArray[np.bool_]]:
    """What rows may have in common, where it is not too few: (m,) each; both ends always are."""
    words, has = found.words, dict[str, NDArray[np.bool_]]()
    for trait in found.subject.traits:
        values = [house.get(trait.column) for house in found.houses]
        part = np.array([value is not None and trait.has(value) for value in values])
        has |= {trait.name: part} if part.mean() >= FEW else {}
    low, high = (f"the {end} fifth" for end in words.ends)
    return has | {low: found.fifth == 0, high: found.fifth == FIFTHS - 1}


def worst(found: OutOfFold) -> Event:
    """The ten rows that are furthest off, and by how much beyond their intervals."""
    words = found.words
    off, priced = found.each(found.off(ENSEMBLE)), words.priced(found.each(found.of(ENSEMBLE)))
    rows = np.argsort(-np.abs(off), kind="stable")[:WORST]
    beyond = found.each(np.maximum(found.y - found.high, found.low - found.y)).clip(0)
    square = found.each(np.square(found.off(ENSEMBLE)))
    columns: dict[str, Sequence[Cell]] = {
        words.row: [f"{row + 1}" for row in rows],
        f"{words.actual}{words.in_unit}": rounded(words.priced(found.y)[rows]).tolist(),
        f"predicted{words.in_unit}": rounded(priced[rows]).tolist(),
        f"beyond its interval{', %' * words.log}": rounded(words.apart(beyond[rows])).tolist(),
    }
    for label, name in found.subject.told.items():
        said = [found.houses[row].get(name) for row in rows]
        title = f"{label}, as told" if label in columns else label
        columns[title] = [f"{x:.5g}" if isinstance(x, float) else str(x) for x in said]
    return Table.of(
        "worst",
        f"The {WORST} {words.rows} that are furthest off",
        columns,
        f"They make {square[rows].sum() / square.sum():.0%} of the squared error. Out of fold.",
    )


def coverage(found: OutOfFold) -> Event:
    """The share of targets within their intervals, by fifths and levels, beside 90 %."""
    fifth, words, column = found.fifth, found.words, found.subject.parts
    places = np.array([str(house.get(column)) for house in found.houses])
    parts = {f"fifth {i + 1}": fifth == i for i in range(FIFTHS)}
    parts |= {
        place: places == place
        for place in sorted(set(places), key=lambda place: -int((places == place).sum()))
        if column and (places == place).sum() >= MANY * found.repeats
    }
    hits = np.array([found.inside[part].sum() / found.repeats for part in parts.values()])
    n = np.array([part.sum() / found.repeats for part in parts.values()])
    low, high = share_interval(hits, n)
    names, at = np.array([*parts]), np.arange(float(len(parts)))
    apart = high < COVERAGE, low > COVERAGE
    below, above = (", ".join(names[which]) or "none" for which in apart)
    return Figure(
        "coverage",
        f"Share of {words.values} within their {COVERAGE:.0%} intervals",
        f"{found.inside.mean():.1%} of all. Below what chance allows: {below}; above: {above}."
        f" Chance alone would set about one in twenty of these {len(parts)} apart. Fifths of the"
        f" {words.values}, the {words.ends[0]} first"
        + (f", and each {column} of {MANY} {words.rows} or more." if column else "."),
        (
            Series("inside", at, hits / n, mode="markers", low=low, high=high),
            Series("promised", at[[0, -1]], np.full(2, COVERAGE), "truth"),
        ),
        x_label="",
        y_label="share inside",
        x_names=tuple(parts),
    )


def bands(found: OutOfFold) -> Event:
    """How often a target lies within its interval, by fifths of the targets; MC dropout."""
    fifth, off, words = found.fifth, found.off(ENSEMBLE), found.words
    edges = [words.written(x) for x in words.priced(np.quantile(found.y, np.linspace(0, 1, 6)))]
    parts = {f"{a} to {b}": fifth == i for i, (a, b) in enumerate(pairwise(edges))}
    parts["all"] = fifth >= 0
    rows = [
        band(label, found, off[part], part, found.low[part], found.high[part])
        for label, part in parts.items()
    ]
    masked, every = found.masked, parts["all"]
    rows.append(band("all, MC dropout", found, found.off("mlp"), every, *masked))
    return Table(
        "intervals",
        f"{COVERAGE:.0%} intervals by {words.value}",
        (
            words.value,
            words.rows,
            "inside, %",
            words.measure,
            f"width, {'% of the lower end' if words.log else words.unit or 'in its unit'}",
        ),
        tuple(rows),
        "Each interval is learnt from errors of other folds. One width for all would be"
        f" {words.error(2 * found.constant, 3)} {words.log * 'in log ' + words.value}; these"
        f" are {words.error((found.high - found.low).mean(), 3)} on average. Widths are medians. MC"
        f" dropout (4.6), from 5 % to 95 % of what the MLP's nets say with {MASKS} masks each,"
        f" leaves out how {words.values} themselves scatter.",
    )


def band(
    label: str, found: OutOfFold, off: Floats, part: NDArray[np.bool_], low: Floats, high: Floats
) -> tuple[Cell, ...]:
    """How often a part's targets lie between two ends, and how far apart these are."""
    y, width = found.y[part], found.words.apart(high - low)
    inside, houses = (low <= y) & (y <= high), len(y) / found.repeats
    return label, houses, 100 * inside.mean(), rms(off), float(np.median(width))


def groups(found: OutOfFold) -> Event:
    """Errors by what rows are of, the worst first."""
    off, rows, words = found.off(ENSEMBLE), list[tuple[str, float, float, float]](), found.words
    for column, width in found.subject.groups.items():
        keys = np.array([band_of(house.get(column), width) for house in found.houses])
        for key in np.unique(keys):
            part = keys == key
            inside = 100 * float(found.inside[part].mean())
            rows.append((f"{column} {key}", part.sum() / found.repeats, rms(off[part]), inside))
    rows.sort(key=lambda row: -row[2])
    return Table(
        "groups", "Where it is off", ("group", words.rows, words.measure, "inside, %"), tuple(rows),
        f"Of {words.rows} that no model has learnt from, the worst groups first; of few by chance.",
    )  # fmt: skip


def gained(weighed: Weighed, words: Words) -> Table:
    """What weights towards questions have changed: the model beside the same without."""
    return Table(
        "weights",
        "With and without weights",
        ("model", f"{words.measure} of {words.rows} as the questions are"),
        (("weighted", weighed.weighted), ("without weights", weighed.plain)),
        in_words(weighed, words),
    )


def in_words(weighed: Weighed, words: Words) -> str:
    """The same as a sentence, with its interval."""
    side = "less" if weighed.gained >= 0 else "more"
    return (
        f"Of {weighed.n:,} {words.rows} out of fold, worth {weighed.effective:.0f} when weighted"
        f" towards the questions, it is {words.error(weighed.weighted)} off,"
        f" {words.error(abs(weighed.gained))} ± {words.error(weighed.half)} {side} than the same"
        f" without weights on the same folds. {weighed.verdict}"
    )


def rounded(values: Floats) -> Floats:
    """To five figures, or to whole ones where these are more."""
    whole = np.abs(values) >= 10_000
    return np.where(whole, np.round(values), [float(f"{value:.5g}") for value in values.tolist()])


def claims(run: Experiment, found: OutOfFold) -> Iterator[Event]:
    """That intervals hold for targets high and low."""
    yield run.near(
        f"share of {found.words.values} within their interval",
        COVERAGE,
        found.covered(found.fifth >= 0),
        0.02 * found.chance,
    )
    least = min(found.covered(found.fifth == i) for i in range(FIFTHS))
    bound = COVERAGE - 0.06 * found.chance
    yield run.at_least(f"the same, the worst fifth of {found.words.values}", bound, least)


def ahead(run: Experiment, found: OutOfFold) -> Iterator[Event]:
    """That it is ahead of a line, and its intervals narrower than one width for all would be."""
    mean, half = found.ahead(LINEAR)
    yield run.above("lead over a linear model, less its 95 % interval", 0, mean - half)
    width = float((found.high - found.low).mean())
    yield run.at_most("mean width over that of one for all", 1, width / (2 * found.constant))
