"""Stored chunks become figures: nothing invented, nothing lost that a reader would see."""

import re
from typing import Any

import numpy as np
import orjson
import pytest
from numpy.typing import NDArray
from plotly import graph_objects

from app.dashboard import assets
from app.results import curves, figures
from app.results.reading import Reading
from app.store import chunks
from ml.events import Epoch, Figure, Graph, HeatMap, Images, Series, Started


def group(values: NDArray[np.float32], key: str = "folds") -> Reading:
    """A job with one group whose curve is (E, 2, L)."""
    labels = tuple(f"fold {lane + 1}" for lane in range(values.shape[2]))
    return Reading.of([Started(key, labels, len(values), "log_rmse", "cpu"), Epoch(key, 1, values)])


def random(epochs: int, lanes: int) -> NDArray[np.float32]:
    """Curves (E, 2, L)."""
    return np.random.default_rng(0).uniform(0.1, 1, (epochs, 2, lanes)).astype(np.float32)


def test_thin_keeps_ends_and_extremes_in_at_most_600_points() -> None:
    x, y = np.arange(10_000.0), np.random.default_rng(0).normal(size=10_000)
    y[[1234, 7777]] = [-50, 50]
    keep = curves.thin(x, y)
    assert len(keep) <= 600
    assert {0, 9_999, 1234, 7777} <= set(keep.tolist())
    assert (np.diff(keep) > 0).all()


@pytest.mark.parametrize("n", [0, 1, 600])
def test_thin_leaves_short_curves_alone(n: int) -> None:
    assert curves.thin(np.arange(float(n)), np.ones(n)).tolist() == list(range(n))


def test_thin_leaves_a_break_where_nothing_is_known() -> None:
    y = np.ones(6_000)
    y[2_000:4_000] = np.nan
    assert np.isnan(y[curves.thin(np.arange(6_000.0), y)]).any()


def test_the_middle_of_few_lanes_is_their_mean_and_breaks_with_one_of_them() -> None:
    values = random(10, 5)
    values[4, 1, 2] = np.nan
    (drawn,) = curves.live(group(values).groups.values())
    x, train, valid = drawn["middle"]
    assert x == list(range(1, 11))
    np.testing.assert_allclose(train, values[:, 0].mean(1), rtol=1e-6)
    assert valid[4] is None
    np.testing.assert_allclose(valid[:4], values[:4, 1].mean(1), rtol=1e-6)
    np.testing.assert_allclose(drawn["each"][2][1][:4], values[:4, 1, 2], rtol=1e-6)


def test_many_lanes_become_quantiles_of_those_that_are_known() -> None:
    values = random(30, 100)
    values[:, :, 7] = np.nan
    (drawn,) = curves.live(group(values).groups.values())
    assert "each" not in drawn
    assert len(drawn["labels"]) == curves.FEW
    assert drawn["lanes"] == 100
    known = np.delete(values[:, 1], 7, axis=1)
    np.testing.assert_allclose(
        drawn["band"][1:], np.quantile(known, curves.QUANTILES, axis=1), rtol=1e-5
    )
    np.testing.assert_allclose(drawn["middle"][2], np.median(known, axis=1), rtol=1e-5)


def test_a_group_that_has_only_begun_has_no_points() -> None:
    reading = Reading.of([Started("refit", ("all rows",), 9, "log_rmse", "cpu")])
    (drawn,) = curves.live(reading.groups.values())
    assert drawn["epoch"] == 0
    assert drawn["middle"] == [[], [], []]


def test_an_epoch_in_which_every_lane_is_lost_is_a_break() -> None:
    values = random(3, 50)
    values[1] = np.nan
    (drawn,) = curves.live(group(values).groups.values())
    assert [row[1] for row in drawn["band"][1:]] == [None] * 5


@pytest.mark.parametrize("lanes", [1, 5, 21])
def test_a_group_has_two_figures_that_plotly_takes(lanes: int) -> None:
    drawn = figures.by_name(group(random(2_000, lanes)))
    assert list(drawn) == ["curves-folds", "lanes-folds"]
    for figure in drawn.values():
        orjson.dumps(figure)
        assert all(len(trace.x) <= 600 for trace in graph_objects.Figure(figure).data)
    assert [trace["name"] for trace in drawn["curves-folds"]["data"]] == ["train", "valid"]
    assert len(drawn["lanes-folds"]["data"]) == (lanes if lanes <= curves.FEW else 5)


def test_a_figure_keeps_its_series_roles_scales_and_sentence() -> None:
    x = np.linspace(1, 2, 2_000)
    series = (
        Series("fit", x, np.where(x > 1.5, np.nan, x), "valid"),
        Series("points", x[:50], x[:50], "train", "markers"),
        Series("counts", x[:4], x[:4], "c3", "bars"),
    )
    item = Figure("fit", "A fit", "It fits.", series, x_label="x", y_label="y", x_scale="log")
    drawn = figures.draw(Reading.of([item]), "fit")
    line, points, bars = drawn["data"]
    assert (line["mode"], points["mode"], bars["type"]) == ("lines", "markers", "bar")
    assert [trace["meta"]["role"] for trace in drawn["data"]] == ["valid", "train", "c3"]
    assert len(line["x"]) <= 600
    assert None in line["y"]
    assert drawn["layout"]["xaxis"]["type"] == "log"
    assert drawn["layout"]["meta"] == {"finding": "It fits.", "kind": "series"}
    graph_objects.Figure(drawn)


def drawn(**kind: Any) -> dict[str, Any]:
    """The Plotly figure of one that holds no series; Plotly must take it."""
    made = figures.draw(
        Reading.of([Figure("picture", "A picture", "It shows.", **kind)]), "picture"
    )
    orjson.dumps(made, option=orjson.OPT_SERIALIZE_NUMPY)
    graph_objects.Figure(made)
    assert made["layout"]["meta"]["finding"] == "It shows."
    return made


def test_a_heat_map_keeps_its_numbers_labels_and_gaps() -> None:
    z = np.array([[1.0, -0.25, np.nan], [0.0, 12345.678, 3.0]])
    made = drawn(heat_map=HeatMap(("a", "b", "b"), ("r", "s"), z, diverging=True))
    (trace,) = made["data"]
    assert trace["z"] == [[1, -0.25, None], [0, 12345.68, 3]]
    assert trace["text"] == [["1", "-0.25", ""], ["0", "1.23e+04", "3"]]
    assert (trace["zmid"], trace["meta"]) == (0, {"role": "diverging"})
    assert made["layout"]["xaxis"]["ticktext"] == ["a", "b", "b"]
    assert made["layout"]["yaxis"]["autorange"] == "reversed"
    assert made["layout"]["meta"]["rows"] == ["r", "s"]


def test_a_matrix_may_lie_in_memory_as_it_likes() -> None:
    z = np.arange(12.0).reshape(3, 4).T[::2]
    made = drawn(heat_map=HeatMap(("a", "b", "c"), ("r", "s"), z))
    assert made["data"][0]["z"] == z.tolist()


def test_a_large_heat_map_has_no_numbers_in_it_and_not_every_tick() -> None:
    names = tuple(map(str, range(100)))
    made = drawn(heat_map=HeatMap(names, names, np.zeros((100, 100))))
    assert "text" not in made["data"][0]
    assert "zmid" not in made["data"][0]
    assert len(made["layout"]["xaxis"]["tickvals"]) <= 32


@pytest.mark.parametrize("count", [0, 1, 5, 100])
def test_images_are_one_mosaic_with_captions(count: int) -> None:
    pixels = np.arange(count * 12, dtype=np.uint8).reshape(count, 4, 3)
    captions = tuple(f"image {i}" for i in range(count))
    made = drawn(images=Images(pixels, captions, columns=4))
    shown, meta = min(count, figures.MOST_IMAGES), made["layout"]["meta"]
    assert (meta["count"], meta["captions"]) == (shown, list(captions[:shown]))
    z, (down, right) = made["data"][0]["z"], meta["step"]
    for i in range(shown):
        top, left = i // 4 * down, i % 4 * right
        assert [row[left : left + 3] for row in z[top : top + 4]] == pixels[i].tolist()
    assert len(made["layout"]["annotations"]) == shown


def test_a_graph_has_an_arrow_for_each_edge_and_a_marker_for_each_node() -> None:
    nodes, edges = (("x", 0.0, 0.0), ("W1", 0.0, 1.0), ("z", 1.0, 0.0)), ((0, 2), (1, 2))
    made = drawn(graph=Graph(nodes, edges))
    (trace,) = made["data"]
    assert (trace["text"], trace["x"]) == (["x", "W1", "z"], [0, 0, 1])
    arrows = [(a["ax"], a["ay"], a["x"], a["y"]) for a in made["layout"]["annotations"]]
    assert arrows == [(0, 0, 1, 0), (0, 1, 1, 0)]
    assert made["layout"]["meta"]["edges"] == [["x", "z"], ["W1", "z"]]


def test_a_figure_of_an_earlier_version_is_still_drawn() -> None:
    figure = Figure("fit", "A fit", "", (Series("a", np.ones(2), np.ones(2)),))
    item = Reading.of([figure]).figures["fit"]
    for kind in ("heat_map", "images", "graph"):
        del item[kind]
    assert figures.figure(item)["data"][0]["name"] == "a"


def test_colours_are_those_of_the_light_theme() -> None:
    tokens = assets.files()["tokens.css"].plain.decode()
    light = dict(re.findall(r"--([\w-]+): +(#[0-9a-f]{6})", tokens.partition("data-theme")[0]))
    assert {role: light[role] for role in figures.COLORS} == figures.COLORS
    assert [light[name] for name in ("q0", "q3", "q5", "q8")] == figures.LOW_TO_HIGH
    assert [light[name] for name in ("d0", "d2", "d4", "d6", "d8")] == figures.AROUND_ZERO


def test_a_growing_curve_that_is_thinned_again_and_again_stays_even() -> None:
    points: list[Any] = []
    for epoch in range(1, 2_001):
        points = chunks.thin([*points, [epoch, 0.0, 0.0]])
    x = np.array([point[0] for point in points])
    assert (x[0], x[-1]) == (1, 2_000)
    assert len(x) <= 48
    assert np.diff(x).max() < 3 * 2_000 / 48
