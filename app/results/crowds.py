"""Curves of more runs than can be told apart: where most of them lie, and the best few."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from app.results.curves import QUANTILES, Values, quantiles
from app.results.lines import Line, Start, View
from app.results.palette import ROLES, TOLD_APART, Look, look
from app.results.repetitions import Setting, solved_at_once
from app.typography import measure_name, plural

FEW = 20  # repetitions that are drawn one by one, with a band from the lowest to the highest
SIDE_BY_SIDE = 60  # runs drawn one by one, of all settings together
LABELLED = 10  # of these have their names beside their ends
NAMED = 5  # settings with a curve of their own where all are too many to be told apart
BEHIND = Look("ink-3", width=1.2)
EDGE = Look("ink-3", "2px 3px", 1.0)


def band_of(setting: Setting, metric: str, after: int) -> tuple[Values, ...]:
    """Where the repetitions lie: from lowest to highest, of many from 10 to 90 %."""
    values = setting.metric(metric, after)
    if values.shape[1] < 2:
        return ()
    if values.shape[1] <= FEW:
        return values.min(1), values.max(1)
    return tuple(quantiles(values, (0.1, 0.9)))


def crowd(alike: Sequence[Setting], shown: Setting | None, of: str) -> list[Line]:
    """Where most settings lie, and the headline's among the best few of them."""
    sign = -1 if of else 1  # a share, such as accuracy, is better the higher
    means = [one.mean(f"valid{of}") for one in alike]
    ends = [
        sign * mean[-1] if np.isfinite(mean[-1]) and not one.dropped else np.inf
        for one, mean in zip(alike, means, strict=True)
    ]
    order = sorted(range(len(alike)), key=lambda i: (alike[i] is not shown, ends[i]))[:NAMED]
    order = [i for i in order if not alike[i].dropped] or order
    longest = max(map(len, means))
    table = np.stack([np.pad(m, (0, longest - len(m)), constant_values=np.nan) for m in means], 1)
    lowest, low, middle, high, highest = quantiles(table, QUANTILES)
    looks = _told_apart([alike[i].place for i in order])
    named = [
        Line(f"{one.name} {one.group.judged_on}", drawn, means[i], label=one.name)
        for i, drawn in zip(order, looks, strict=True)
        for one in [alike[i]]
    ]
    return [
        Line(f"median of {len(alike)} settings", BEHIND, middle, band=(low, high)),
        Line("lowest", EDGE, lowest),
        Line("highest", EDGE, highest),
        *named,
    ]


def _told_apart(places: Sequence[int]) -> list[Look]:
    """The look of each of a few settings, or the next one where another of them has it."""
    looks = list[Look]()
    for place in places:
        looks.append(next(one for i in range(TOLD_APART) if (one := look(place + i)) not in looks))
    return looks


def side_by_side(alike: Sequence[Setting], start: Start, share: str = "") -> View | None:
    """What each run is judged on, by the measure or by a share: in the colour of its setting; of
    very many, where they lie."""
    runs = sum(len(one.labels) for one in alike)
    if runs <= len(alike):  # each has one run, and its curve is in the main chart
        return None
    one, metric = alike[0], f"valid {share}".strip()
    axis = f"{one.group.judged_on} {share or measure_name(one.group.measure)}"
    words = f"{axis} of each of {plural(runs, 'run')}"
    if not one.others and runs > FEW:
        return View(words, axis, _quantiles(one, metric, start(one)), log=not share)
    if runs > SIDE_BY_SIDE or len(alike) > TOLD_APART:
        return None
    lines = [
        replace(line, level=solved_at_once(setting, alike))
        for setting in alike
        for line in _runs(setting, metric, start(setting), runs <= LABELLED)
    ]
    words += ", in the colour of its setting" if one.others else ""
    return View(words, axis, lines, log=not share)


def _runs(setting: Setting, metric: str, after: int, labelled: bool) -> Iterable[Line]:
    drawn = look(setting.place) if setting.others else ROLES["valid"].thin
    values = setting.metric(metric, after)
    for label, y in zip(setting.labels, values.T, strict=True):
        yield Line(label, Look(drawn.color, drawn.dash, 1.2), y, after, label=label * labelled)


def _quantiles(setting: Setting, metric: str, after: int) -> list[Line]:
    """Of what many repetitions are judged on."""
    values = setting.metric(metric, after)
    lowest, low, middle, high, highest = quantiles(values, QUANTILES)
    edge = Look("valid", "2px 3px", 1.0)
    return [
        Line("median", ROLES["valid"], middle, after, (low, high), "median"),
        Line("lowest", edge, lowest, after, label="lowest"),
        Line("highest", edge, highest, after, label="highest"),
    ]
