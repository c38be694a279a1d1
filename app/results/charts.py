"""The curves of a job as its page draws them while it learns: few lines, each of one setting.

A page holds how far each group has come, and gets only what is new: `after` holds these epochs, in
the order of the groups.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from app.results.crowds import FEW, band_of, crowd, side_by_side
from app.results.curves import MOST, Group
from app.results.lines import Line, Start, View
from app.results.palette import ROLES, TOLD_APART, Look, look
from app.results.repetitions import Setting, solved_at_once
from app.typography import brief, measure_name

BANDS = 3  # settings up to which train has a band, too
PAIRS = 6  # settings up to which train is drawn at all
RUNS_AWAY = 10  # times the median of all settings: a curve above it is left out of the frame
COARSE = 200  # points of a line that is sent whole, again and again
BOOKS = "accuracy"  # the share that the book draws on the axis of its loss


def charts(
    groups: Sequence[Group],
    settings: Sequence[Setting],
    shown: Setting | None,
    after: Sequence[int] = (),
) -> dict[str, Any]:
    """All that the page of a job draws: views of its settings, each with its runs side by side."""
    first = shown.group if shown else groups[0] if groups else None
    measure = first.measure if first else ""
    held = dict(zip((group.key for group in groups), after, strict=False))

    def start(setting: Setting) -> int:
        """Epochs that the page has of a mean: those of all groups that it is over."""
        return min(held.get(group.key, 0) for group, _ in setting.lanes)

    measures = dict.fromkeys([measure, *(one.group.measure for one in settings)])
    by_measure = [[one for one in settings if one.group.measure == name] for name in measures]
    drawn = [view for alike in by_measure if alike for view in _views(alike, shown, start)]
    return {
        "epochs": [len(group.values) for group in groups],
        "last": max((one.group.started["num_epochs"] for one in settings), default=1),
        "views": [view.plain() for view in drawn],
    }


@dataclass(frozen=True, slots=True)
class Legend:
    """What stands beside the main chart: how each setting is drawn, and what thin and bands are."""

    settings: Sequence[tuple[str, Look]]
    words: str


def legend(alike: Sequence[Setting]) -> Legend:
    """Of the settings of one measure; of a single one its curves have their names beside them."""
    if not alike or not alike[0].others:
        return Legend((), "")
    if len(alike) > TOLD_APART:
        words = f"band: 10 to 90 % of {len(alike)} settings, dots: lowest and highest, best named"
        return Legend((), words)
    repeated = {one.repeated for one in alike}
    band = "lowest to highest" if max(len(one.labels) for one in alike) <= FEW else "10 to 90 %"
    of = f" of {repeated.pop()}" if len(repeated) == 1 else ""
    band = f", band {band}{of}" if any(len(one.labels) > 1 for one in alike) else ""
    thin = "thin train, thick " if len(alike) <= PAIRS else ""
    words = f"{thin}{alike[0].group.judged_on}{band}"
    _, beyond = frame(alike)
    drawn = [(one.title, look(one.place)) for one in alike]
    return Legend(drawn, "; ".join(filter(None, (words, beyond))))


def _views(alike: Sequence[Setting], shown: Setting | None, start: Start) -> list[View]:
    """Of the settings of one measure: its curves, and those of each share that all of them have.

    First comes what the settings are compared by, which the headline speaks of, too.
    """
    one, best = alike[0], alike[0].group.best_share
    views = {"": measured(alike, shown, start)}
    for name in one.group.shares:
        if not one.others and name == BOOKS:
            views = {BOOKS: _as_the_book(one, start(one))} | views
        elif all(name in other.group.shares for other in alike):
            lines = _of_share(alike, shown, start, name)
            views[name] = View(name, name, lines, log=False, most=_most(alike))
    first = sorted(views, key=lambda share: bool(best) and share != best)
    return [replace(views[name], fan=_fan(alike, start, name, views[name].top)) for name in first]


def _fan(alike: Sequence[Setting], start: Start, share: str, top: float | None) -> View | None:
    """Each run, in the frame of the means."""
    fan = side_by_side(alike, start, share)
    return fan and replace(fan, top=top, axis=_axis(fan.axis, top))


def _of_share(
    alike: Sequence[Setting], shown: Setting | None, start: Start, name: str
) -> list[Line]:
    if alike[0].others:
        return _each(alike, shown, start, of=f" {name}")
    return _pair(alike[0], start(alike[0]), of=f" {name}")


def measured(
    alike: Sequence[Setting], shown: Setting | None = None, start: Start = lambda _: 0
) -> View:
    """The curves of the settings of one measure."""
    axis = measure_name(alike[0].group.measure)
    if not alike[0].others:
        return View(axis, axis, _pair(alike[0], start(alike[0])), shaded=True)
    top, _ = frame(alike)
    return View(axis, _axis(axis, top), _each(alike, shown, start), most=_most(alike), top=top)


def _axis(name: str, top: float | None) -> str:
    return f"{name} up to {brief(top)}" if top else name


def frame(alike: Sequence[Setting]) -> tuple[float | None, str]:
    """Where the frame ends, and what leaves it: one setting that runs away flattens all others."""
    curves = [one.mean("valid") for one in alike] if len(alike) > BANDS else []
    if not curves:
        return None, ""
    highest = np.array([y[np.isfinite(y)].max(initial=-np.inf) for y in curves])
    top = RUNS_AWAY * float(np.median(highest))
    away = [one.name for one, y in zip(alike, highest, strict=True) if y > top]
    if not away or not np.isfinite(top):
        return None, ""
    names = ", ".join(away[:BANDS]) + (f" and {len(away) - BANDS} more" if away[BANDS:] else "")
    measure = measure_name(alike[0].group.measure)
    return top, f"{names}: {measure} up to {brief(float(highest.max()))}, beyond the frame"


def _most(settings: Sequence[Setting]) -> int:
    return MOST if len(settings) <= TOLD_APART else COARSE


def _pair(setting: Setting, after: int, of: str = "") -> list[Line]:
    """Train and what the setting is judged on, in the colours of their roles."""
    judged = setting.group.judged_on
    return [
        Line(f"{name}{of}", ROLES[part], setting.mean(f"{part}{of}", after), after, label=name)
        for name, part in (("train", "train"), (judged, "valid"))
    ]


def _as_the_book(setting: Setting, after: int) -> View:
    """Training loss, training accuracy and the accuracy on other rows, on one axis."""
    judged = setting.group.judged_on
    lines = [
        Line(name, drawn, setting.mean(metric, after), after, label=name)
        for name, metric, drawn in (
            ("train loss", "train", ROLES["train"].thin),
            ("train accuracy", "train accuracy", ROLES["train"]),
            (f"{judged} accuracy", "valid accuracy", ROLES["valid"]),
        )
    ]
    return View("one axis, as the book", "loss and accuracy, one axis", lines, log=False)


def _each(
    alike: Sequence[Setting], shown: Setting | None, start: Start, of: str = ""
) -> list[Line]:
    """Two curves of each setting, train thin and what it is judged on patterned, with bands."""
    if len(alike) > TOLD_APART:
        return crowd(alike, shown, of)
    few, lines = len(alike) <= BANDS, list[Line]()
    for setting in alike:
        after, drawn = start(setting), look(setting.place)
        train, judged = f"{setting.name} train", f"{setting.name} {setting.group.judged_on}"
        level = solved_at_once(setting, alike)
        if len(alike) <= PAIRS and not level:
            y = setting.mean(f"train{of}", after)
            band = band_of(setting, f"train{of}", after) if few else ()
            lines.append(Line(train, drawn.thin, y, after, band, label=train if few else ""))
        y = setting.mean(f"valid{of}", after)
        band = () if level else band_of(setting, f"valid{of}", after)
        label = judged if few else setting.name
        lines.append(Line(judged, drawn, y, after, band, label, level))
    return lines
