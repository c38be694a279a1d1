"""What an experiment yielded becomes figures: nothing invented, each setting in its colour."""

import re
from typing import Any

import numpy as np
import orjson
import pytest
from numpy.typing import NDArray
from plotly import graph_objects

from app.dashboard import assets
from app.results import crowds, figures, palette, pictures
from app.results.palette import Palette
from app.results.reading import Reading
from ml.events import Epoch, Event, Figure, Graph, HeatMap, Images, Series, Started
from tests.app.made_jobs import curves, group

X = np.linspace(1, 2, 20)


def of_folds(values: NDArray[np.float32]) -> Reading:
    """A job with one group whose curve is (E, 2, L)."""
    labels = tuple(f"fold {lane + 1}" for lane in range(values.shape[2]))
    said = Started("folds", labels, len(values), "log_rmse", "cpu"), Epoch("folds", 1, values)
    return Reading.of(said)


def random(epochs: int, lanes: int) -> NDArray[np.float32]:
    """Curves (E, 2, L)."""
    return np.random.default_rng(0).uniform(0.1, 1, (epochs, 2, lanes)).astype(np.float32)


@pytest.mark.parametrize("lanes", [1, 5, 21])
def test_a_group_has_two_figures_that_plotly_takes(lanes: int) -> None:
    drawn = figures.by_name(of_folds(random(2_000, lanes)))
    assert list(drawn) == ["curves-folds", "lanes-folds"]
    for figure in drawn.values():
        orjson.dumps(figure)
        assert all(len(trace.x) <= 600 for trace in graph_objects.Figure(figure).data)
    assert [trace["name"] for trace in drawn["curves-folds"]["data"]] == ["train", "valid"]
    assert len(drawn["lanes-folds"]["data"]) == (lanes if lanes <= crowds.FEW else 5)


def test_a_figure_keeps_its_series_roles_scales_and_sentence() -> None:
    x = np.linspace(1, 2, 2_000)
    series = (
        Series("fit", x, np.where(x > 1.5, np.nan, x), "valid"),
        Series("points", x[:50], x[:50], "train", "markers"),
        Series("counts", x[:4], x[:4], mode="bars"),
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
    shown, meta = min(count, pictures.MOST_IMAGES), made["layout"]["meta"]
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
    assert figures.figure(item, Palette((), [item]))["data"][0]["name"] == "a"


def test_colours_are_those_of_the_light_theme() -> None:
    tokens = assets.files()["tokens.css"].plain.decode()
    light = dict(re.findall(r"--([\w-]+): +(#[0-9a-f]{6})", tokens.partition("data-theme")[0]))
    assert {name: light[name] for name in palette.COLORS} == palette.COLORS
    assert [light[name] for name in ("q0", "q3", "q5", "q8")] == pictures.LOW_TO_HIGH
    assert [light[name] for name in ("d0", "d2", "d4", "d6", "d8")] == pictures.AROUND_ZERO


# ---- colours -------------------------------------------------------------------------------------


def colors(figure: dict[str, Any]) -> dict[str, str]:
    """The colour of each line by its name, but for bands."""
    lines = [trace for trace in figure["data"] if not trace["meta"].get("band")]
    return {trace["name"]: trace["meta"]["role"] for trace in lines}


def test_a_setting_has_one_colour_in_every_figure_of_a_job() -> None:
    started = group("decay", ["λ 0", "λ 0", "λ 3"], asked="λ 3")
    ends = Figure.lines("ends", "Ends", "", X, {"λ 3": X, "λ 0": X})
    path = Figure("path", "Path", "", (Series("norm", X, X, setting="λ 3"), Series("mean", X, X)))
    both = Figure(
        "both",
        "Both",
        "",
        (Series("a", X, X, "train", setting="λ 0"), Series("b", X, X, "valid", setting="λ 0")),
    )
    said: list[Event] = [
        started,
        Epoch("decay", 1, curves(started, [80.0, 90.0, 0.1])),
        path,
        ends,
        both,
    ]
    drawn = figures.by_name(Reading.of(said))
    first, second = "c3", "c4"
    assert colors(drawn["curves-decay"]) == {
        "λ 0 train": first, "λ 0 valid": first, "λ 3 train": second, "λ 3 valid": second,
    }  # fmt: skip
    assert [trace["meta"]["role"] for trace in drawn["lanes-decay"]["data"]] == [first] * 2 + [
        second
    ]
    assert colors(drawn["ends"]) == {"λ 0": first, "λ 3": second}
    assert colors(drawn["path"]) == {"norm": second, "mean": "ink"}
    assert colors(drawn["both"]) == {"a": first, "b": first}
    train, valid = drawn["both"]["data"]
    assert (train["line"]["dash"], train["line"]["width"] < valid["line"]["width"]) == (
        "solid",
        True,
    )


def test_twelve_settings_are_told_apart_by_colour_and_pattern() -> None:
    looks = [palette.look(place) for place in range(palette.TOLD_APART)]
    assert len(set(looks)) == palette.TOLD_APART == 12
    assert {look.color for look in looks}.isdisjoint({"c1", "c2"})  # those of train and valid
    for place in range(5):
        assert looks[place].dash != looks[place + 1].dash


def test_without_settings_a_label_keeps_its_colour() -> None:
    one = Figure.lines("one", "One", "", X, {"ReLU": X, "tanh": X})
    two = Figure.lines("two", "Two", "", X, {"tanh": X, "sigmoid": X, "truth": X})
    drawn = figures.by_name(Reading.of([one, two]))
    assert colors(drawn["one"]) == {"ReLU": "c3", "tanh": "c4"}
    assert colors(drawn["two"]) == {"tanh": "c4", "sigmoid": "c5", "truth": "ink"}


def test_a_band_lies_around_its_line() -> None:
    lines = (Series("mean", X, X, low=X - 1, high=X + 1),)
    drawn = figures.draw(Reading.of([Figure("f", "F", "", lines)]), "f")
    low, high, mean = drawn["data"]
    assert (low["y"][0], mean["y"][0], high["y"][0]) == (0, 1, 2)
    assert high["fill"] == "tonexty"
    graph_objects.Figure(drawn)


def test_a_point_has_a_bar_from_low_to_high() -> None:
    points = (Series("mean", X, X, mode="markers", low=X - 1, high=X + 2),)
    (mean,) = figures.draw(Reading.of([Figure("f", "F", "", points)]), "f")["data"]
    assert (mean["error_y"]["arrayminus"][0], mean["error_y"]["array"][0]) == (1, 2)
    assert mean["mode"] == "markers"


def test_the_colours_that_old_figures_named_are_still_drawn() -> None:
    reading = Reading.of([Figure.lines("f", "F", "", X, {"a": X, "b": X, "c": X})])
    item = reading.figures["f"]
    for series, role in zip(item["series"], ("c3", "c8", "ink"), strict=True):
        series["role"] = role
        del series["setting"], series["low"], series["high"]
    drawn = figures.draw(reading, "f")
    assert colors(drawn) == {"a": "c3", "b": "c8", "c": "ink"}
    assert drawn["data"][0]["line"]["dash"] == "solid"  # the first one is no book's


def test_many_lanes_of_unlike_settings_are_no_quantiles() -> None:
    names = [f"s {i % 30}" for i in range(90)]
    started = group("g", names, 700, asked=None)
    values = curves(started, [1.0 + i for i in range(90)])
    drawn = figures.draw(Reading.of([started, Epoch("g", 1, values)]), "lanes-g")
    assert [trace["name"] for trace in drawn["data"]] == [*started.labels]
    assert sum(len(trace["x"]) for trace in drawn["data"]) < 40_000


# ---- numbers -------------------------------------------------------------------------------------


def test_a_lane_is_drawn_under_its_own_label_as_it_is_judged() -> None:
    started = group("decay", ["λ 0", "λ 3", "λ 0", "λ 3", "λ 3"], asked="λ 3")
    values = curves(started, [80.0, 0.1, 90.0, 0.2, 0.3])
    made = figures.by_name(Reading.of([started, Epoch("decay", 1, values)]))
    roles = {"λ 0": "c3", "λ 3": "c4"}
    for i, trace in enumerate(made["lanes-decay"]["data"]):
        assert trace["name"] == started.labels[i]
        assert trace["meta"]["role"] == roles[started.settings[i]]
        np.testing.assert_allclose(trace["y"], values[:, 1, i], rtol=1e-6)
    lines = {
        trace["name"]: trace["y"]
        for trace in made["curves-decay"]["data"]
        if not trace["meta"].get("band")
    }
    for setting, lanes in (("λ 0", [0, 2]), ("λ 3", [1, 3, 4])):
        for part, name in enumerate(("train", "valid")):
            mean = values[:, part, lanes].astype(np.float64).mean(1)
            np.testing.assert_allclose(lines[f"{setting} {name}"], mean, rtol=1e-6)
