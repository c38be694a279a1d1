"""4.10 What is said of prices out of fold: who is how far off, where, and how sure."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from ml.ensemble import MEMBERS
from ml.events import Event, Finding, Table, Verdict
from ml.experiment import Experiment
from ml.grid import by_category
from ml.houses import book
from ml.houses.errors import median_error
from ml.houses.scores import COVERAGE, DECIDING, ENSEMBLE, FIFTHS, LINEAR, OutOfFold, fifths, rms
from ml.intervals import interval, plus_minus


def reported(run: Experiment, found: OutOfFold) -> Iterator[Event]:
    """Who is how far off, where, and how often intervals hold."""
    yield verdict(found)
    yield by_fold(found)
    yield members(found)
    yield bands(found)
    yield groups(found)
    yield from claims(run, found)


def verdict(found: OutOfFold) -> Event:
    """How much better it is than the book's net and than a linear one, and what limits it."""
    mine, line = found.valid(ENSEMBLE), found.valid(LINEAR)
    gap, half = map(float, interval(line - mine))
    better: Verdict = "helps" if gap > half else "hurts" if gap < -half else "no clear difference"
    beside, square = book.MEANS["valid"], np.square(found.off(ENSEMBLE))
    worst = np.argsort(-square)[: len(square) // 100]
    cheap = fifths(found.y)[worst] == 0
    return Finding(
        better,
        f"Log RMSE {mine.mean():.4f} on houses that no model has learnt from: {beside:.3f} is the"
        f" book's, a linear model on the same inputs is {gap:.4f} ± {half:.4f} worse. What limits"
        f" it: {len(worst)} of {len(square):,} houses make {square[worst].sum() / square.sum():.0%}"
        f" of the squared error, and {cheap.sum()} of them are of the cheapest fifth.",
        "Means over the folds. It helps where the 95 % interval of the difference to the linear"
        " model, paired by fold, leaves out 0. The book's is of its own folds and its raw prices.",
        ENSEMBLE,
    )


def by_fold(found: OutOfFold) -> Event:
    """Errors of each fold, with the linear model's beside."""
    mine, line = found.valid(ENSEMBLE), found.valid(LINEAR)
    off = median_error(found.off(ENSEMBLE))
    return by_category(
        "folds",
        "Valid log RMSE of each fold",
        f"{mine.mean():.4f} on average of {len(mine)} folds, from {mine.min():.3f} to"
        f" {mine.max():.3f}; a linear model on the same inputs is {plus_minus(line - mine)} worse"
        f" (paired). Half of the prices are off by less than {off:.1%}.",
        {f"fold {fold + 1}": mine[fold : fold + 1] for fold in range(len(mine))},
        y_label="valid log RMSE",
    )


def members(found: OutOfFold) -> Event:
    """Each model alone, with and without the two houses that decide, and the blend's lead."""
    names = (ENSEMBLE, *MEMBERS, LINEAR)
    best = found.valid(ENSEMBLE)
    behind = [found.valid(name) - best for name in names]
    return Table.of(
        "members",
        "Alone and together",
        {
            "model": names,
            "log RMSE": [found.valid(name).mean() for name in names],
            "without 524 and 1299": [found.valid(name, DECIDING).mean() for name in names],
            "behind the ensemble": ["" if name == ENSEMBLE else plus_minus(gap)
                                    for name, gap in zip(names, behind, strict=True)],
        },
        "Means over the folds, of houses that no model has learnt from. Behind: paired by fold,"
        " with Student's 95 % interval. Houses 524 and 1299, large, unfinished and sold for half of"
        " what such houses cost, can decide a ranking alone.",
    )  # fmt: skip


def bands(found: OutOfFold) -> Event:
    """How often a price lies within its interval, by fifths of what houses sold for."""
    fifth = fifths(found.y)
    width = np.expm1(found.high - found.low)
    parts = [fifth == i for i in range(FIFTHS)]
    edges = np.exp(np.quantile(found.y, np.linspace(0, 1, FIFTHS + 1)))
    return Table.of(
        "intervals",
        f"{COVERAGE:.0%} intervals by what houses sold for",
        {
            "sold for": [f"${a:,.0f} to ${b:,.0f}" for a, b in pairwise(edges)] + ["all"],
            "houses": [float(part.sum()) for part in parts] + [float(len(fifth))],
            "inside, %": [100 * found.inside[part].mean() for part in parts]
            + [100 * found.inside.mean()],
            "log RMSE": [rms(found.off(ENSEMBLE)[part]) for part in parts]
            + [rms(found.off(ENSEMBLE))],
            "width, % of the lower end": [100 * np.median(width[part]) for part in parts]
            + [100 * np.median(width)],
        },
        "Each interval is learnt from errors of other folds. One width for all would be"
        f" {2 * found.constant:.3f} in log price; these are {(found.high - found.low).mean():.3f}"
        " on average. Widths are medians.",
    )


def groups(found: OutOfFold) -> Event:
    """Errors by neighbourhood and decade, the worst first."""
    off, rows = found.off(ENSEMBLE), list[tuple[str, str, int, float, float]]()
    places = [str(house["Neighborhood"]) for house in found.houses]
    decades = [f"{str(house['YearBuilt'])[:3]}0s" for house in found.houses]
    for column, names in (("neighbourhood", places), ("built in", decades)):
        keys = np.array(names)
        for key in np.unique(keys):
            part = keys == key
            rows.append((column, str(key), int(part.sum()), rms(off[part]),
                         100 * float(found.inside[part].mean())))  # fmt: skip
    rows.sort(key=lambda row: -row[3])
    columns = ("", "group", "houses", "log RMSE", "inside, %")
    return Table(
        "groups", "Where it is off", columns,
        tuple((a, b, float(c), d, e) for a, b, c, d, e in rows),
        "Of houses that no model has learnt from, the worst groups first; of few houses by chance.",
    )  # fmt: skip


def claims(run: Experiment, found: OutOfFold) -> Iterator[Event]:
    """That it is ahead of a line, and that intervals hold for dear and cheap houses."""
    lead = found.valid(LINEAR) - found.valid(ENSEMBLE)
    mean, half = map(float, interval(lead))
    yield run.above("lead over a linear model, less its 95 % interval", 0, mean - half)
    yield run.near(
        "share of prices within their interval", COVERAGE, float(found.inside.mean()), 0.02
    )
    least = min(float(found.inside[fifths(found.y) == i].mean()) for i in range(FIFTHS))
    yield run.at_least("the same, the worst fifth of prices", 0.84, least)
    width = float((found.high - found.low).mean())
    yield run.at_most("mean width over that of one for all", 1, width / (2 * found.constant))
