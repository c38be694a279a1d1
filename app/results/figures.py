"""Figures as Plotly has them: a job's curves, and what its experiment drew."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from app.results.charts import measured
from app.results.crowds import FEW
from app.results.curves import MOST, QUANTILES, Group, Item, epochs, quantiles, thin
from app.results.lines import Line
from app.results.palette import ROLES, Look, Palette, look
from app.results.pictures import graph, heat_map, mosaic
from app.results.reading import Reading
from app.results.repetitions import names_of, settings_of
from app.results.traces import Figure, band, bars, floats, line, named, plot, points
from app.typography import measure_name, typeset

ALL_POINTS = 36_000  # of a figure of many lines
LEAST = 12  # points of one of them
CLOUD = 5_000  # points without a line: each is there for itself
PICTURES: dict[str, Callable[[Item, Item], Figure]] = {
    "heat_map": heat_map,
    "images": mosaic,
    "graph": graph,
}


def titles(reading: Reading) -> dict[str, str]:
    """Every figure of a job by name, not drawn: its curves, and those the experiment yielded."""
    of_groups = {
        f"{kind}-{key}": _title(kind, key) for key in reading.groups for kind in OF_A_GROUP
    }
    return of_groups | {name: item["title"] for name, item in reading.figures.items()}


def draw(reading: Reading, name: str) -> Figure:
    """One of these figures. Raises KeyError where there is no such name."""
    if item := reading.figures.get(name):
        return figure(item, palette(reading))
    kind, _, key = name.partition("-")
    return OF_A_GROUP[kind](reading.groups[key], reading.groups.values())


def by_name(reading: Reading) -> dict[str, Figure]:
    """All of these figures."""
    return {name: draw(reading, name) for name in titles(reading)}


def palette(reading: Reading) -> Palette:
    """The colours of all figures of a job."""
    started = [group.started for group in reading.groups.values()]
    return Palette(started, [*reading.figures.values()])


def _title(kind: str, key: str) -> str:
    return f"{'Train and valid' if kind == 'curves' else 'Valid'} of {key}"


def curves_figure(group: Group, groups: Iterable[Group]) -> Figure:
    """The curves of each setting of a group: means over its repetitions, with their bands."""
    settings, nothing = settings_of([group], names_of(groups)), np.empty(0)
    lines = (
        measured(settings).lines
        if settings
        else [Line(name, ROLES[name], nothing) for name in ("train", "valid")]
    )
    return _by_epoch("curves", group, lines)


def lanes_figure(group: Group, groups: Iterable[Group]) -> Figure:
    """What every lane of a group is judged on; of many that repeat one setting the quantiles."""
    values, names = group.metric("valid").astype(np.float64), names_of(groups)
    if len(names) == 1 and values.shape[1] > FEW:
        lines = [
            Line(f"quantile {q:g}", ROLES["valid"], y)
            for q, y in zip(QUANTILES, quantiles(values, QUANTILES), strict=True)
        ]
        return _by_epoch("lanes", group, lines)
    looks = [look(names.index(name)) for name in group.settings]
    labels = group.started["labels"]
    lines = [
        Line(label, ROLES["valid"] if len(names) == 1 else drawn, y)
        for label, drawn, y in zip(labels, looks, values.T, strict=True)
    ]
    return _by_epoch("lanes", group, lines)


OF_A_GROUP = {"curves": curves_figure, "lanes": lanes_figure}
"""What is drawn of every group of lanes; "curves-KEY" is the name of such a figure."""


def _by_epoch(kind: str, group: Group, lines: Sequence[Line]) -> Figure:
    most, data = max(LEAST, min(MOST, ALL_POINTS // max(1, len(lines)))), list[Figure]()
    for one in lines:
        x = epochs(one.y)
        keep = thin(x, one.y, *one.band, most=most)
        if one.band:
            data += band(one.name, x[keep], [end[keep] for end in one.band], one.look)
        data.append(line(one.name, x[keep], one.y[keep], one.look))
    axis = measure_name(group.measure)
    return plot(data, _title(kind, group.key), "epoch", axis, y_scale="log")


def figure(item: Item, palette: Palette) -> Figure:
    """A figure that an experiment yielded, in the colours of its job."""
    for kind, picture in PICTURES.items():
        if item.get(kind) is not None:
            return picture(item, item[kind])
    data = list[Figure]()
    for series, drawn in zip(item["series"], palette.looks(item["series"]), strict=True):
        data += _traces(series, drawn)
    plotted = plot(
        data,
        item["title"],
        item["x_label"],
        measure_name(item["y_label"]),
        x_scale=item["x_scale"],
        y_scale=item["y_scale"],
    )
    if names := item.get("x_names"):
        plotted["layout"]["xaxis"] |= named(names) | {"range": [-0.5, len(names) - 0.5]}
    plotted["layout"]["meta"] = {"finding": typeset(item["finding"]), "kind": "series"}
    return plotted


def _traces(series: Item, drawn: Look) -> list[Figure]:
    """One line, set of points or bars; behind a line the band around it, at a point its bar."""
    label, x, y = series["label"], floats(series["x"]), floats(series["y"])
    if series["mode"] == "bars":
        return [bars(label, x, y, drawn)]
    ends = [floats(series[end]) for end in ("low", "high") if series.get(end) is not None]
    keep = thin(x, y, *ends, most=CLOUD if series["mode"] == "markers" else MOST)
    x, y, ends = x[keep], y[keep], [end[keep] for end in ends]
    if series["mode"] == "markers":
        hollow = series["role"] in {"valid", "book"}
        return [points(label, x, y, drawn, ends=ends, hollow=hollow)]
    behind = band(label, x, ends, drawn) if ends else []
    return [*behind, line(label, x, y, drawn)]
