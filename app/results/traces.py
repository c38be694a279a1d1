"""What figures are made of: traces and axes as Plotly has them, their colours by name."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.results.curves import Values, numbers
from app.results.palette import COLORS, Look

Figure = dict[str, Any]
BAND = 0.16  # how much of its colour a band has
FEW = 400  # points; a cloud of more is of smaller ones


def line(label: str, x: Values, y: Values, drawn: Look) -> Figure:
    """A line; the page takes its colour from tokens.css by the name in `meta`."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": label,
        "meta": {"role": drawn.color},
        "x": numbers(x),
        "y": numbers(y),
        "line": {"color": COLORS[drawn.color], "width": drawn.width, "dash": drawn.dash},
    }


def band(label: str, x: Values, ends: Sequence[Values], drawn: Look) -> list[Figure]:
    """The area between two lines, from low to high: behind the line that it belongs to."""
    edges = [
        line(f"{label}, {name}", x, y, Look(drawn.color, width=0.0)) | {"hoverinfo": "skip"}
        for name, y in zip(("low", "high"), ends, strict=True)
    ]
    for edge in edges:
        edge |= {"showlegend": False, "meta": {"role": drawn.color, "band": True}}
    red, green, blue = (int(COLORS[drawn.color][i : i + 2], 16) for i in (1, 3, 5))
    edges[1] |= {"fill": "tonexty", "fillcolor": f"rgba({red},{green},{blue},{BAND})"}
    return edges


def points(
    label: str,
    x: Values,
    y: Values,
    drawn: Look,
    *,
    ends: Sequence[Values] = (),
    hollow: bool = False,
) -> Figure:
    """Points, each with a bar from low to high where `ends` has these; what is judged on, and the
    book, have open ones."""
    trace = line(label, x, y, drawn)
    del trace["line"]
    symbol = "circle-open" if hollow else "circle"
    color = COLORS[drawn.color]
    size = 6 if len(x) <= FEW else 4
    trace |= {"mode": "markers", "marker": {"color": color, "size": size, "symbol": symbol}}
    if not ends:
        return trace
    low, high = ends
    reach = {"array": numbers(high - y), "arrayminus": numbers(y - low)}
    bar = {"type": "data", "symmetric": False, "color": color, "thickness": 1.5, "width": 5}
    trace["marker"]["size"] = 9
    return trace | {"error_y": bar | reach}


def bars(label: str, x: Values, y: Values, drawn: Look) -> Figure:
    """Bars."""
    return {
        "type": "bar",
        "name": label,
        "meta": {"role": drawn.color},
        "x": numbers(x),
        "y": numbers(y),
        "marker": {"color": COLORS[drawn.color]},
    }


def plot(
    data: list[Figure],
    title: str,
    x_label: str,
    y_label: str,
    *,
    x_scale: str = "linear",
    y_scale: str = "linear",
) -> Figure:
    """Traces on axes."""
    return {
        "data": data,
        "layout": {
            "title": {"text": title},
            "xaxis": {"title": {"text": x_label}, "type": x_scale},
            "yaxis": {"title": {"text": y_label}, "type": y_scale},
        },
    }


def named(labels: Sequence[str], most: int = 32) -> Figure:
    """Ticks by place, since labels may repeat; of many labels every so manyth."""
    every = range(0, len(labels), -(-len(labels) // most) or 1)
    return {"tickmode": "array", "tickvals": [*every], "ticktext": [labels[i] for i in every]}


def floats(values: Iterable[float | None]) -> NDArray[np.float64]:
    """Numbers of a stored item, (n,); what it has not is NaN."""
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
