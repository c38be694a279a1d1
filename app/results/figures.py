"""Figures as Plotly has them: a job's curves, and what its experiment drew."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.results.curves import (
    FEW,
    QUANTILES,
    Group,
    Item,
    Values,
    epochs,
    numbers,
    quantiles,
    thin,
)
from app.results.reading import Reading
from app.typography import typeset

MOST_IMAGES = 64
WRITTEN = 144  # cells of a matrix whose numbers stand in it

# What a figure looks like outside the dashboard; inside, theme.js reads tokens.css by the role.
COLORS = {
    "train": "#1f66ad", "valid": "#c2470b", "book": "#75509f", "ink": "#16201d",
    "c1": "#1f66ad", "c2": "#c2470b", "c3": "#008c45", "c4": "#66276d",
    "c5": "#dc7b00", "c6": "#159dd9", "c7": "#4f5652", "c8": "#ae718d",
}  # fmt: skip
LOW_TO_HIGH = ["#eef4f3", "#82b6ba", "#367b8a", "#0d2b3c"]  # --q0, --q3, --q5, --q8
AROUND_ZERO = ["#124a86", "#85afd9", "#f3f3f1", "#ea9d73", "#8f3206"]  # --d0, 2, 4, 6, 8
DASHES = {
    "valid": "dash", "book": "dot", "c2": "dash", "c3": "dot", "c4": "dashdot",
    "c5": "longdash", "c6": "longdashdot",
}  # fmt: skip

Figure = dict[str, Any]


def titles(reading: Reading) -> dict[str, str]:
    """Every figure of a job by name, not drawn: its curves, and those the experiment yielded."""
    of_groups = {
        f"{kind}-{key}": _title(kind, key) for key in reading.groups for kind in OF_A_GROUP
    }
    return of_groups | {name: item["title"] for name, item in reading.figures.items()}


def draw(reading: Reading, name: str) -> Figure:
    """One of these figures. Raises KeyError where there is no such name."""
    if item := reading.figures.get(name):
        return figure(item)
    kind, _, key = name.partition("-")
    return OF_A_GROUP[kind](reading.groups[key])


def by_name(reading: Reading) -> dict[str, Figure]:
    """All of these figures."""
    return {name: draw(reading, name) for name in titles(reading)}


def _title(kind: str, key: str) -> str:
    return f"{'Train and valid' if kind == 'curves' else 'Valid'} of {key}"


def curves_figure(group: Group) -> Figure:
    """Train and valid of a group on one axis, the mean over its lanes."""
    train, valid = (group.middle(name) for name in ("train", "valid"))
    x = epochs(train)
    keep = thin(x, train, valid)
    data = [
        _line("train", x[keep], train[keep], "train"),
        _line("valid", x[keep], valid[keep], "valid"),
    ]
    return _plot(data, _title("curves", group.key), "epoch", group.measure, y_scale="log")


def lanes_figure(group: Group) -> Figure:
    """Valid of every lane of a group; of many lanes the quantiles."""
    values = group.metric("valid").astype(np.float64)
    if values.shape[1] <= FEW:
        named = zip(group.started["labels"], values.T, strict=True)
    else:
        names = [f"quantile {q:g}" for q in QUANTILES]
        named = zip(names, quantiles(values, QUANTILES), strict=True)
    data = []
    for name, y in named:
        x = epochs(y)
        keep = thin(x, y)
        data.append(_line(name, x[keep], y[keep], "valid"))
    return _plot(data, _title("lanes", group.key), "epoch", group.measure, y_scale="log")


OF_A_GROUP = {"curves": curves_figure, "lanes": lanes_figure}
"""What is drawn of every group of lanes; "curves-KEY" is the name of such a figure."""


def figure(item: Item) -> Figure:
    """A figure that an experiment yielded, as plain data."""
    for kind, picture in (("heat_map", heat_map), ("images", mosaic), ("graph", graph)):
        if item.get(kind) is not None:
            return picture(item, item[kind])
    data = []
    for series in item["series"]:
        x, y = _floats(series["x"]), _floats(series["y"])
        keep = np.arange(len(x)) if series["mode"] == "bars" else thin(x, y)
        make = _bars if series["mode"] == "bars" else _line
        trace = make(series["label"], x[keep], y[keep], series["role"])
        data.append(trace if series["mode"] != "markers" else _points(trace))
    plot = _plot(
        data, item["title"], item["x_label"], item["y_label"],
        x_scale=item["x_scale"], y_scale=item["y_scale"],
    )  # fmt: skip
    if names := item.get("x_names"):
        plot["layout"]["xaxis"] |= _named(names) | {"range": [-0.5, len(names) - 0.5]}
    plot["layout"]["meta"] = {"finding": typeset(item["finding"]), "kind": "series"}
    return plot


# ---- what is no curve -------------------------------------------------------------------------


def heat_map(item: Item, given: Item) -> Figure:
    """A matrix as colours, first row on top; a small one has its numbers written in."""
    z = np.array([_floats(row) for row in given["z"]]).reshape(len(given["y"]), len(given["x"]))
    trace: Figure = {
        "type": "heatmap", "z": [numbers(row) for row in z], "xgap": 1, "ygap": 1,
        "colorscale": _scale(AROUND_ZERO if given["diverging"] else LOW_TO_HIGH),
        "meta": {"role": "diverging" if given["diverging"] else "sequential"},
    }  # fmt: skip
    if given["diverging"]:
        trace["zmid"] = 0
    if z.size <= WRITTEN:
        trace["text"] = [[_brief(value) for value in row] for row in z.tolist()]
        trace["texttemplate"] = "%{text}"
    plot = _plot([trace], item["title"], item["x_label"], item["y_label"])
    plot["layout"]["xaxis"] |= _named(given["x"])
    plot["layout"]["yaxis"] |= _named(given["y"]) | {"autorange": "reversed"}
    names = {"rows": given["y"], "columns": given["x"]}  # all of them, for the table of numbers
    plot["layout"]["meta"] = {"finding": typeset(item["finding"]), "kind": "heat_map", **names}
    return plot


def mosaic(item: Item, given: Item) -> Figure:
    """Grey images side by side as one picture, each above its caption; at most 64 of them."""
    pixels = np.array(given["pixels"][:MOST_IMAGES], dtype=np.float64)
    count, height, width = pixels.shape if pixels.size else (0, 1, 1)
    captions = list(given["captions"][:count])
    columns = max(1, min(given["columns"], count))
    step = (height + (max(3, height // 3) if any(captions) else 1), width + max(1, width // 14))
    z = np.full((-(-count // columns) * step[0], columns * step[1]), np.nan)
    places = [(i // columns * step[0], i % columns * step[1]) for i in range(count)]
    for image, (top, left) in zip(pixels, places, strict=True):
        z[top : top + height, left : left + width] = image
    trace = {
        "type": "heatmap", "z": [numbers(row) for row in z], "zmin": 0, "zmax": 255,
        "colorscale": _scale(["#000000", "#ffffff"]), "showscale": False, "hoverinfo": "skip",
        "meta": {"role": "grey"},
    }  # fmt: skip
    plot = _plot([trace], item["title"], "", "")
    plot["layout"]["xaxis"] |= {"visible": False}
    plot["layout"]["yaxis"] |= {"visible": False, "autorange": "reversed", "scaleanchor": "x"}
    plot["layout"]["annotations"] = [
        {"x": left + (width - 1) / 2, "y": top + height - 0.5, "yanchor": "top", "text": caption}
        | {"showarrow": False}
        for caption, (top, left) in zip(captions, places, strict=False)
    ]
    shape = {"count": count, "height": height, "width": width, "columns": columns, "step": step}
    meta = {"kind": "images", "captions": captions, **shape}
    plot["layout"]["meta"] = {"finding": typeset(item["finding"]), **meta}
    return plot


def graph(item: Item, given: Item) -> Figure:
    """Nodes as labelled markers, and an arrow for each edge."""
    nodes, edges = given["nodes"], given["edges"]
    x, y = (_floats(node[axis] for node in nodes) for axis in (1, 2))
    labels = [node[0] for node in nodes]
    trace = {
        "type": "scatter", "mode": "markers+text", "name": "nodes", "hoverinfo": "text",
        "x": numbers(x), "y": numbers(y), "text": labels, "textposition": "top center",
        "marker": {"size": 12, "color": COLORS["ink"]}, "meta": {"role": "ink"},
    }  # fmt: skip
    plot = _plot([trace], item["title"], "", "")
    plot["layout"]["xaxis"] |= {"visible": False}
    plot["layout"]["yaxis"] |= {"visible": False}
    plot["layout"]["annotations"] = [
        {
            "ax": x[start], "ay": y[start], "x": x[end], "y": y[end], "axref": "x", "ayref": "y",
            "text": "", "showarrow": True, "arrowhead": 2, "arrowwidth": 1.5,
            "standoff": 8, "startstandoff": 8,
        }
        for start, end in edges
    ]  # fmt: skip
    named = [[labels[start], labels[end]] for start, end in edges]
    plot["layout"]["meta"] = {"finding": typeset(item["finding"]), "kind": "graph", "edges": named}
    return plot


def _scale(colors: Sequence[str]) -> list[list[float | str]]:
    return [[at, color] for at, color in zip(np.linspace(0, 1, len(colors)), colors, strict=True)]


def _named(labels: Sequence[str], most: int = 32) -> Figure:
    """Ticks by place, since labels may repeat; of many labels every so manyth."""
    every = range(0, len(labels), -(-len(labels) // most) or 1)
    return {"tickmode": "array", "tickvals": [*every], "ticktext": [labels[i] for i in every]}


def _brief(value: float) -> str:
    """A number that fits into a cell."""
    if not np.isfinite(value):
        return ""
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e5 else f"{value:.3g}"


def _line(label: str, x: Values, y: Values, role: str) -> Figure:
    line = {"color": COLORS[role], "width": 2, "dash": DASHES.get(role, "solid")}
    return {
        "type": "scatter", "mode": "lines", "name": label, "meta": {"role": role},
        "x": numbers(x), "y": numbers(y), "line": line,
    }  # fmt: skip


def _points(trace: Figure) -> Figure:
    color = trace.pop("line")["color"]
    hollow = trace["meta"]["role"] in {"valid", "book"}
    symbol = "circle-open" if hollow else "circle"
    return trace | {"mode": "markers", "marker": {"color": color, "size": 6, "symbol": symbol}}


def _bars(label: str, x: Values, y: Values, role: str) -> Figure:
    return {
        "type": "bar", "name": label, "meta": {"role": role},
        "x": numbers(x), "y": numbers(y), "marker": {"color": COLORS[role]},
    }  # fmt: skip


def _plot(
    data: list[Figure], title: str, x_label: str, y_label: str, *,
    x_scale: str = "linear", y_scale: str = "linear",
) -> Figure:  # fmt: skip
    return {
        "data": data,
        "layout": {
            "title": {"text": title},
            "xaxis": {"title": {"text": x_label}, "type": x_scale},
            "yaxis": {"title": {"text": y_label}, "type": y_scale},
        },
    }


def _floats(values: Iterable[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
