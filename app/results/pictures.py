"""Figures that are no curves, as Plotly has them: a matrix, a grid of images, a graph."""

from collections.abc import Sequence

import numpy as np

from app.results.curves import Item, numbers
from app.results.palette import COLORS
from app.results.traces import Figure, floats, named, plot
from app.typography import typeset

MOST_IMAGES = 64
WRITTEN = 144  # cells of a matrix whose numbers stand in it
LOW_TO_HIGH = ["#eef4f3", "#82b6ba", "#367b8a", "#0d2b3c"]  # --q0, --q3, --q5, --q8
AROUND_ZERO = ["#124a86", "#85afd9", "#f3f3f1", "#ea9d73", "#8f3206"]  # --d0, 2, 4, 6, 8


def heat_map(item: Item, given: Item) -> Figure:
    """A matrix as colours, first row on top; a small one has its numbers written in."""
    z = np.array([floats(row) for row in given["z"]]).reshape(len(given["y"]), len(given["x"]))
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
    plotted = plot([trace], item["title"], item["x_label"], item["y_label"])
    plotted["layout"]["xaxis"] |= named(given["x"])
    plotted["layout"]["yaxis"] |= named(given["y"]) | {"autorange": "reversed"}
    names = {"rows": given["y"], "columns": given["x"]}  # all of them, for the table of numbers
    plotted["layout"]["meta"] = {"finding": typeset(item["finding"]), "kind": "heat_map", **names}
    return plotted


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
    plotted = plot([trace], item["title"], "", "")
    plotted["layout"]["xaxis"] |= {"visible": False}
    plotted["layout"]["yaxis"] |= {"visible": False, "autorange": "reversed", "scaleanchor": "x"}
    plotted["layout"]["annotations"] = [
        {"x": left + (width - 1) / 2, "y": top + height - 0.5, "yanchor": "top", "text": caption}
        | {"showarrow": False}
        for caption, (top, left) in zip(captions, places, strict=False)
    ]
    shape = {"count": count, "height": height, "width": width, "columns": columns, "step": step}
    meta = {"kind": "images", "captions": captions, **shape}
    plotted["layout"]["meta"] = {"finding": typeset(item["finding"]), **meta}
    return plotted


def graph(item: Item, given: Item) -> Figure:
    """Nodes as labelled markers, and an arrow for each edge."""
    nodes, edges = given["nodes"], given["edges"]
    x, y = (floats(node[axis] for node in nodes) for axis in (1, 2))
    labels = [node[0] for node in nodes]
    trace = {
        "type": "scatter", "mode": "markers+text", "name": "nodes", "hoverinfo": "text",
        "x": numbers(x), "y": numbers(y), "text": labels, "textposition": "top center",
        "marker": {"size": 12, "color": COLORS["ink"]}, "meta": {"role": "ink"},
    }  # fmt: skip
    plotted = plot([trace], item["title"], "", "")
    plotted["layout"]["xaxis"] |= {"visible": False}
    plotted["layout"]["yaxis"] |= {"visible": False}
    plotted["layout"]["annotations"] = [
        {
            "ax": x[start], "ay": y[start], "x": x[end], "y": y[end], "axref": "x", "ayref": "y",
            "text": "", "showarrow": True, "arrowhead": 2, "arrowwidth": 1.5,
            "standoff": 8, "startstandoff": 8,
        }
        for start, end in edges
    ]  # fmt: skip
    names = [[labels[start], labels[end]] for start, end in edges]
    plotted["layout"]["meta"] = {
        "finding": typeset(item["finding"]),
        "kind": "graph",
        "edges": names,
    }
    return plotted


def _scale(colors: Sequence[str]) -> list[list[float | str]]:
    return [[at, color] for at, color in zip(np.linspace(0, 1, len(colors)), colors, strict=True)]


def _brief(value: float) -> str:
    """A number that fits into a cell."""
    if not np.isfinite(value):
        return ""
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e5 else f"{value:.3g}"
