"""4.10 What is said of prices out of fold: who is how far off, where, and how sure."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ml.ensemble import MEMBERS
from ml.events import Cell, Event, Figure, Finding, Floats, Series, Table, Verdict
from ml.experiment import Experiment
from ml.grid import by_category
from ml.houses import book
from ml.houses.errors import median_error
from ml.houses.scores import (
    COVERAGE,
    ENSEMBLE,
    FIFTHS,
    LINEAR,
    MASKS,
    OutOfFold,
    rms,
)
from ml.intervals import share_interval
from ml.lanes import k_fold

WORST = 10  # houses that are told one by one
MANY = 30  # houses of a neighbourhood: of fewer a share says little
CAUSES = ("SaleCondition", "YearBuilt", "OverallQual", "MSZoning")
TOLD = {
    "neighbourhood": "Neighborhood", "built": "YearBuilt", "quality": "OverallQual",
    "area, ft²": "GrLivArea", "sale": "SaleCondition",
}  # fmt: skip


def reported(run: Experiment, found: OutOfFold) -> Iterator[Event]:
    """Who is how far off, where, and how often intervals hold."""
    yield verdict(found)
    yield by_fold(found)
    yield residuals(found)
    yield coverage(found)
    yield members(found)
    yield bands(found)
    yield worst(found)
    yield groups(found)
    yield from claims(run, found)


def verdict(found: OutOfFold) -> Finding:
    """How much better it is than the book's net and than a linear one, and what limits it."""
    mine, (gap, half) = found.valid(ENSEMBLE), found.ahead(LINEAR)
    better: Verdict = "helps" if gap > half else "hurts" if gap < -half else "no clear difference"
    beside, square = book.MEANS["valid"], found.each(np.square(found.off(ENSEMBLE)))
    folds = "the same" if on_the_books_folds(found) else "other"
    share = f"{mine.mean() / beside:.0%} of the {beside:.4f} of the book's net on {folds} folds"
    than = f": {share}, and" if found.competition else ";"
    worst = np.argsort(-square)[: len(square) // 100]
    cheap = found.fifth[worst] == 0
    return Finding(
        better,
        f"Log RMSE {mine.mean():.4f} on houses that no model has learnt from{than}"
        f" a linear model is {side(gap, half)}. {len(worst)} of {len(square):,} houses,"
        f" {cheap.sum()} of them of the cheapest fifth, make"
        f" {square[worst].sum() / square.sum():.0%} of the squared error.",
        "Means over the folds. It helps where the 95 % interval of the difference to a linear model"
        " on the same inputs, paired by house, leaves out 0."
        + " The book's net learns raw prices."
        * found.competition,
        ENSEMBLE,
    )


def side(gap: float, half: float) -> str:
    """By how much something is worse, or better: "0.0123 ± 0.0045 worse"."""
    return f"{abs(gap):.4f} ± {half:.4f} {'worse' if gap >= 0 else 'better'}"


def on_the_books_folds(found: OutOfFold) -> bool:
    """Whether each fold is judged on the rows that the book's is."""
    own = [*k_fold(found.n, len(book.FOLDS["valid"]))]
    return len(found.rows) == len(own) and all(
        np.array_equal(valid, other) for (_, valid), (_, other) in zip(found.rows, own, strict=True)
    )


def by_fold(found: OutOfFold) -> Event:
    """Errors of each fold, repetition by repetition, with the linear model's beside."""
    mine, (gap, half) = found.valid(ENSEMBLE), found.ahead(LINEAR)
    off, parts = median_error(found.off(ENSEMBLE)), mine.reshape(found.repeats, found.k)
    means = parts.mean(1)
    drawn = f"{found.repeats} times {found.k}" if found.repeats > 1 else f"{found.k}"
    again = f" The means of single shuffles are {means.min():.4f} to {means.max():.4f}."
    return by_category(
        "folds",
        "Valid log RMSE of each fold",
        f"{mine.mean():.4f} on average of {drawn} folds, from {mine.min():.3f} to"
        f" {mine.max():.3f}; a linear model on the same inputs is {side(gap, half)}"
        f" (paired by house). Half of the prices are off by less than {off:.1%}."
        + (again if found.repeats > 1 else ""),
        {f"fold {fold + 1}": part for fold, part in enumerate(parts.T)}
        if found.repeats == 1
        else {f"shuffle {i + 1}": part for i, part in enumerate(parts)},
        y_label="valid log RMSE",
    )


def members(found: OutOfFold) -> Event:
    """Each model alone, with and without the two houses that decide, and the blend's lead."""
    names, without = (ENSEMBLE, *MEMBERS, LINEAR), found.deciding
    alone = [found.valid(name, without).mean() for name in names]
    behind = [found.ahead(name) for name in names]
    return Table.of(
        "members",
        "Alone and together",
        {
            "model": names,
            "log RMSE": [found.valid(name).mean() for name in names],
        }
        | ({"without 524 and 1299": alone} if without else {})
        | {
            "behind the ensemble": ["" if name == ENSEMBLE else f"{gap:.4f} ± {half:.4f}"
                                    for name, (gap, half) in zip(names, behind, strict=True)],
        },
        "Means over the folds, of houses that no model has learnt from. Behind: with a 95 %"
        " interval, paired by house."
        + " Houses 524 and 1299, large, unfinished and sold for half of what such houses cost, can"
        " decide a ranking alone." * bool(found.deciding),
    )  # fmt: skip


def residuals(found: OutOfFold) -> Event:
    """Each house: what it was priced at and how far off that is; what the worst errors share."""
    off, priced = found.each(found.off(ENSEMBLE)), np.exp(found.each(found.of(ENSEMBLE)))
    inside = found.each(found.inside.astype(float)) > 0.5  # in most of the repetitions
    return Figure(
        "residuals",
        "Each house: sold over predicted",
        shared(found),
        tuple(
            Series(label, priced[part].round(), off[part].round(4), mode="markers")
            for label, part in (
                ("outside its interval", ~inside), ("within", inside),
            )
        ),
        x_label="predicted price, $",
        y_label="log(sold / predicted)",
        x_scale="log",
    )  # fmt: skip


def shared(found: OutOfFold) -> str:
    """Which traits have most of the squared error beside their share of houses."""
    square, has = np.square(found.off(ENSEMBLE)), traits(found)
    ranked = sorted(has, key=lambda name: -square[has[name]].mean())
    part = {name: square[has[name]].sum() / square.sum() for name in ranked}
    (first, second), share = ranked[:2], {name: has[name].mean() for name in ranked}
    return (
        f"{first[0].upper()}{first[1:]} are {share[first]:.0%} of houses and {part[first]:.0%} of"
        f" the squared error, {second} {share[second]:.0%} and {part[second]:.0%}."
        f" {(~found.inside).mean():.0%} of all sold outside their interval."
    )


def traits(found: OutOfFold) -> dict[str, NDArray[np.bool_]]:
    """What houses may have in common, at least one in fifty: (n,) each."""
    of = {name: np.array([str(house[name]) for house in found.houses]) for name in CAUSES}
    built, grade = (
        np.array(
            [house[name] if house[name] is not None else np.nan for house in found.houses], float
        )
        for name in ("YearBuilt", "OverallQual")
    )
    has = {
        "those sold unfinished": of["SaleCondition"] == "Partial",
        "those sold abnormally": of["SaleCondition"] == "Abnorml",
        "those built before 1940": built < 1940,
        "those of quality 4 or less": grade <= 4,
        "those of quality 9 or 10": grade >= 9,
        "those in other zones than RL": of["MSZoning"] != "RL",
        "the cheapest fifth": found.fifth == 0,
        "the dearest fifth": found.fifth == FIFTHS - 1,
    }
    return {name: part for name, part in has.items() if part.mean() >= 0.02}


def worst(found: OutOfFold) -> Event:
    """The ten houses that are furthest off, and by how much beyond their intervals."""
    off, priced = found.each(found.off(ENSEMBLE)), np.exp(found.each(found.of(ENSEMBLE)))
    rows = np.argsort(-np.abs(off), kind="stable")[:WORST]
    beyond = found.each(np.maximum(found.y - found.high, found.low - found.y)).clip(0)
    square = found.each(np.square(found.off(ENSEMBLE)))
    columns: dict[str, Sequence[Cell]] = {
        "house": [f"{row + 1}" for row in rows],
        "sold, $": np.exp(found.y)[rows].round().tolist(),
        "predicted, $": priced[rows].round().tolist(),
        "beyond its interval, %": (100 * np.expm1(beyond[rows])).round(1).tolist(),
    }
    for label, name in TOLD.items():
        columns[label] = [str(found.houses[row][name]) for row in rows]
    return Table.of(
        "worst",
        f"The {WORST} houses that are furthest off",
        columns,
        f"They make {square[rows].sum() / square.sum():.0%} of the squared error. Out of fold.",
    )


def coverage(found: OutOfFold) -> Event:
    """The share of prices within their intervals, by fifths and neighbourhoods, beside 90 %."""
    fifth = found.fifth
    places = np.array([str(house["Neighborhood"]) for house in found.houses])
    parts = {f"fifth {i + 1}": fifth == i for i in range(FIFTHS)}
    parts |= {
        place: places == place
        for place in sorted(set(places), key=lambda place: -int((places == place).sum()))
        if (places == place).sum() >= MANY * found.repeats
    }
    hits = np.array([found.inside[part].sum() / found.repeats for part in parts.values()])
    n = np.array([part.sum() / found.repeats for part in parts.values()])
    low, high = share_interval(hits, n)
    names, at = np.array([*parts]), np.arange(float(len(parts)))
    apart = high < COVERAGE, low > COVERAGE
    below, above = (", ".join(names[which]) or "none" for which in apart)
    return Figure(
        "coverage",
        f"Share of prices within their {COVERAGE:.0%} intervals",
        f"{found.inside.mean():.1%} of all. Below what chance allows: {below}; above: {above}."
        f" Chance alone would set about one in twenty of these {len(parts)} apart. Fifths of what"
        f" houses sold for, the cheapest first, and neighbourhoods of {MANY} houses or more.",
        (
            Series("inside", at, hits / n, mode="markers", low=low, high=high),
            Series("promised", at[[0, -1]], np.full(2, COVERAGE), "truth"),
        ),
        x_label="",
        y_label="share inside",
        x_names=tuple(parts),
    )


def bands(found: OutOfFold) -> Event:
    """How often a price lies within its interval, by fifths of what houses sold for; MC dropout."""
    fifth, off = found.fifth, found.off(ENSEMBLE)
    edges = np.exp(np.quantile(found.y, np.linspace(0, 1, FIFTHS + 1)))
    parts = {f"${a:,.0f} to ${b:,.0f}": fifth == i for i, (a, b) in enumerate(pairwise(edges))}
    parts["all"] = fifth >= 0
    rows = [
        band(label, found, off[part], part, found.low[part], found.high[part])
        for label, part in parts.items()
    ]
    masked, every = found.masked, parts["all"]
    rows.append(band("all, MC dropout", found, found.off("mlp"), every, *masked))
    return Table(
        "intervals",
        f"{COVERAGE:.0%} intervals by what houses sold for",
        ("sold for", "houses", "inside, %", "log RMSE", "width, % of the lower end"),
        tuple(rows),
        "Each interval is learnt from errors of other folds. One width for all would be"
        f" {2 * found.constant:.3f} in log price; these are {(found.high - found.low).mean():.3f}"
        f" on average. Widths are medians. MC dropout (4.6), from 5 % to 95 % of what the MLP's"
        f" nets say with {MASKS} masks each, leaves out how prices themselves scatter.",
    )


def band(
    label: str, found: OutOfFold, off: Floats, part: NDArray[np.bool_], low: Floats, high: Floats
) -> tuple[Cell, ...]:
    """How often a part's prices lie between two ends, and how far apart these are: log dollars."""
    y, width = found.y[part], np.expm1(high - low)
    inside, houses = (low <= y) & (y <= high), len(y) / found.repeats
    return label, houses, 100 * inside.mean(), rms(off), 100 * float(np.median(width))


def groups(found: OutOfFold) -> Event:
    """Errors by neighbourhood and decade, the worst first."""
    off, rows = found.off(ENSEMBLE), list[tuple[str, float, float, float]]()
    places = [str(house["Neighborhood"]) for house in found.houses]
    decades = [f"{str(house['YearBuilt'])[:3]}0s" for house in found.houses]
    for column, names in (("", places), ("built in the ", decades)):
        keys = np.array(names)
        for key in np.unique(keys):
            part = keys == key
            inside = 100 * float(found.inside[part].mean())
            rows.append((f"{column}{key}", part.sum() / found.repeats, rms(off[part]), inside))
    rows.sort(key=lambda row: -row[2])
    return Table(
        "groups", "Where it is off", ("group", "houses", "log RMSE", "inside, %"), tuple(rows),
        "Of houses that no model has learnt from, the worst groups first; of few houses by chance.",
    )  # fmt: skip


def claims(run: Experiment, found: OutOfFold) -> Iterator[Event]:
    """That it is ahead of a line, and that intervals hold for dear and cheap houses."""
    mean, half = found.ahead(LINEAR)
    yield run.above("lead over a linear model, less its 95 % interval", 0, mean - half)
    yield run.near(
        "share of prices within their interval",
        COVERAGE,
        float(found.inside.mean()),
        0.02 * found.chance,
    )
    least = min(float(found.inside[found.fifth == i].mean()) for i in range(FIFTHS))
    bound = COVERAGE - 0.06 * found.chance
    yield run.at_least("the same, the worst fifth of prices", bound, least)
    width = float((found.high - found.low).mean())
    yield run.at_most("mean width over that of one for all", 1, width / (2 * found.constant))
