"""What the page of a job draws while it learns: whole or in parts, few runs or a thousand."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pytest

from app.results.charts import charts, legend
from app.results.headline import headline_of
from app.results.reading import Reading
from app.results.repetitions import settings_of
from ml.events import Epoch, Started
from tests.app.made_jobs import NAN, Curve, curves, group

SHARES = (
    *("train", "valid", "train accuracy", "valid accuracy"),
    *("train top-2 accuracy", "valid top-2 accuracy"),
)
PAIR = group("decay", ["λ 0"] * 3 + ["λ 3"] * 3, 9, asked="λ 3", judged_on="test")
ENDS = [80.0, 90.0, 85.0, 0.1, 0.2, 0.3]


def drawn(*events: Any, after: Sequence[int] = ()) -> dict[str, Any]:
    groups = [*Reading.of(events).groups.values()]
    settings = settings_of(groups)
    shown = headline_of(groups, settings)
    content = charts(groups, settings, shown.setting if shown else None, after)
    orjson.dumps(content)
    return content


def main(content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The lines of the first view by their names."""
    return {line["name"]: line for line in content["views"][0]["lines"]}


def lanes(number: int, epochs: int = 9) -> tuple[Started, Curve]:
    started = group("g", [""] * number, epochs)
    ends = np.random.default_rng(1).uniform(0.1, 1, number).tolist()
    return started, curves(started, ends)


def test_each_setting_has_its_means_with_a_band_over_its_repetitions() -> None:
    values = curves(PAIR, ENDS)
    lines = main(drawn(PAIR, Epoch("decay", 1, values)))
    assert [*lines] == ["λ 0 train", "λ 0 test", "λ 3 train", "λ 3 test"]
    for name, metric, own in (("λ 0 train", 0, slice(3)), ("λ 3 test", 1, slice(3, 6))):
        of_setting = values[:, metric, own].astype(np.float64)
        np.testing.assert_allclose(lines[name]["y"], of_setting.mean(1), rtol=1e-6)
        low, high = lines[name]["band"]
        np.testing.assert_allclose(low, of_setting.min(1), rtol=1e-6)
        np.testing.assert_allclose(high, of_setting.max(1), rtol=1e-6)
    assert lines["λ 0 test"]["color"] == lines["λ 0 train"]["color"] != lines["λ 3 test"]["color"]
    assert lines["λ 0 train"]["dash"] == "solid" != lines["λ 0 test"]["dash"]


def test_what_is_solved_at_once_is_a_level_of_what_it_is_judged_on() -> None:
    solved, learnt = group("wide", ["wide"] * 3, 1), group("mlp", ["mlp"] * 3, 9)
    once = curves(solved, [0.2, 0.3, 0.4])
    said = [Epoch("wide", 1, once), Epoch("mlp", 1, curves(learnt, [0.5, 0.6, 0.7]))]
    content = drawn(solved, learnt, *said)
    lines, fan = main(content), content["views"][0]["fan"]["lines"]
    assert [*lines] == ["wide valid", "mlp train", "mlp valid"]
    assert [line["level"] for line in lines.values()] == [True, False, False]
    assert lines["wide valid"]["y"] == pytest.approx([once[0, 1].mean()])
    assert [line["level"] for line in fan] == [True] * 3 + [False] * 3  # and each of its runs
    assert not main(drawn(solved, said[0]))["valid"]["level"]  # alone its one epoch is its curve


def test_runs_side_by_side_have_the_colour_of_their_setting() -> None:
    content = drawn(PAIR, Epoch("decay", 1, curves(PAIR, ENDS)))
    colors = {line["name"]: line["color"] for line in content["views"][0]["fan"]["lines"]}
    of_setting = main(content)
    assert [*colors] == [*PAIR.labels]
    for label, name in zip(PAIR.labels, PAIR.settings, strict=True):
        assert colors[label] == of_setting[f"{name} test"]["color"]


@pytest.mark.parametrize("cuts", [[2], [1, 3, 4], [8]])
def test_parts_make_the_whole(cuts: list[int]) -> None:
    values = curves(PAIR, ENDS)
    whole = drawn(PAIR, Epoch("decay", 1, values))
    held: list[int] = []
    grown: list[dict[str, Any]] = []
    for until in [*cuts, len(values)]:
        fresh = drawn(PAIR, Epoch("decay", 1, values[:until]), after=held)
        lines = fresh["views"][0]["lines"] + fresh["views"][0]["fan"]["lines"]
        if not held:
            grown = lines
        else:
            assert {line["after"] for line in lines} == set(held)
            for line, more in zip(grown, lines, strict=True):
                line["x"] += more["x"]
                line["y"] += more["y"]
                line["band"] = [a + b for a, b in zip(line["band"], more["band"], strict=True)]
                line["end"] = more["end"]
        held = fresh["epochs"]
    expected = whole["views"][0]["lines"] + whole["views"][0]["fan"]["lines"]
    assert [line | {"after": 0} for line in grown] == [line | {"after": 0} for line in expected]


def test_parts_make_the_whole_of_a_mean_over_groups_that_come_one_after_the_other() -> None:
    first, second = (group(key, ["x"], 9, asked=None) for key in "ab")
    one, two = curves(first, [0.5]), curves(second, [0.3])
    said = [first, second, Epoch("a", 1, one)]
    steps = [[*said, *([Epoch("b", 1, two[:until])] if until else [])] for until in (0, 4, 6, 9)]
    held: list[int] = []
    x, y = list[int](), list[float]()
    for step in steps:
        fresh = drawn(*step, after=held)
        line, held = main(fresh)["valid"], fresh["epochs"]
        x, y = (x + line["x"], y + line["y"]) if line["after"] else (line["x"], line["y"])
    whole = main(drawn(*steps[-1]))["valid"]
    assert (x, y) == (whole["x"], whole["y"])
    np.testing.assert_allclose(y, ((one + two) / 2)[:, 1, 0], rtol=1e-6)


def test_a_setting_breaks_with_one_of_its_runs_and_no_other_does() -> None:
    values = curves(PAIR, ENDS)
    values[4, 1, 3] = NAN
    lines = main(drawn(PAIR, Epoch("decay", 1, values)))
    assert lines["λ 3 test"]["y"][4] is None
    assert None not in lines["λ 0 test"]["y"]


def test_an_epoch_that_is_lost_leaves_the_last_known_end() -> None:
    started, values = lanes(1)
    values[6:] = NAN
    lines = main(drawn(started, Epoch("g", 1, values)))
    assert lines["valid"]["end"]["x"] == 6
    assert main(drawn(started, Epoch("g", 1, values), after=[6]))["valid"]["end"] is None


def test_a_thousand_runs_of_one_setting_stay_few_lines() -> None:
    started, values = lanes(1000, 700)
    content = drawn(started, Epoch("g", 1, values))
    assert [*main(content)] == ["train", "valid"]
    assert [line["name"] for line in content["views"][0]["fan"]["lines"]] == [
        "median",
        "lowest",
        "highest",
    ]
    assert all(len(line["x"]) <= 600 for line in content["views"][0]["fan"]["lines"])
    last = values[-1, 1]
    ends = {line["name"]: line["end"]["y"] for line in content["views"][0]["fan"]["lines"]}
    assert ends["median"] == pytest.approx(np.median(last))
    assert (ends["lowest"], ends["highest"]) == pytest.approx((last.min(), last.max()))
    assert len(orjson.dumps(content)) < 60_000


def test_more_settings_than_can_be_told_apart_are_a_band_and_the_best_few() -> None:
    names = [f"trial {i}" for i in range(40)]
    started = group("search", names, 300, asked=None)
    ends = [1.0 + (7 * i) % 40 for i in range(40)]
    content = drawn(started, Epoch("search", 1, curves(started, ends)))
    lines = main(content)
    best = [name for name, line in lines.items() if line["label"]]
    assert best == [f"trial {i} valid" for i in sorted(range(40), key=lambda i: ends[i])[:5]]
    assert len({(lines[n]["color"], lines[n]["dash"]) for n in best}) == len(best)
    middle = lines["median of 40 settings"]
    assert middle["end"]["y"] == pytest.approx(np.median(ends), rel=1e-5)
    assert content["views"][0]["fan"] is None
    assert len(orjson.dumps(content)) < 60_000


def test_a_setting_that_runs_away_leaves_the_frame_and_is_named() -> None:
    started = group("lr", ["lr 1", "lr 2", "lr 3", "lr 30"], asked=None)
    events = started, Epoch("lr", 1, curves(started, [1.0, 1.1, 1.2, 1e6]))
    view = drawn(*events)["views"][0]
    assert 10 < view["top"] < 100
    assert main(drawn(*events))["lr 30 valid"]["end"]["y"] > view["top"]
    words = legend(settings_of([*Reading.of(events).groups.values()])).words
    assert "lr 30: halved squared loss up to" in words
    assert "beyond the frame" in words


def test_what_is_measured_otherwise_has_a_view_of_its_own() -> None:
    squared, softmax = group("a", ["x", "y"], asked="x"), group("b", ["z"], measure="cross_entropy")
    said = [Epoch("a", 1, curves(squared, [1.0, 2.0])), Epoch("b", 1, curves(softmax, [0.5]))]
    first, second = drawn(squared, softmax, *said)["views"]
    assert (first["name"], second["name"]) == ("halved squared loss", "cross-entropy")
    assert [line["name"] for line in second["lines"]] == ["z train", "z valid"]
    assert second["lines"][0]["color"] == "c5"  # the third setting of the job


def test_each_share_of_several_settings_is_a_view_beside_their_loss() -> None:
    started = group("net", ["a", "a", "b", "b"], metrics=SHARES, asked=None, judged_on="test")
    values = curves(started, [0.4, 0.5, 0.6, 0.7])
    loss, *shares = drawn(started, Epoch("net", 1, values))["views"]
    assert loss["log"]
    assert [(view["name"], view["log"]) for view in shares] == [
        ("accuracy", False),
        ("top-2 accuracy", False),
    ]
    for view, place in zip(shares, (3, 5), strict=True):
        by_name = {line["name"]: line for line in view["lines"]}
        np.testing.assert_allclose(by_name["b test"]["y"], values[:, place, 2:].mean(1), rtol=1e-6)


def test_a_group_that_has_only_begun_draws_nothing() -> None:
    content = drawn(group("refit", [""], 9))
    assert (content["views"], content["epochs"]) == ([], [0])


def test_what_begins_later_is_sent_whole() -> None:
    first, second = group("a", ["x"], asked=None), group("b", ["y"], asked=None)
    one, two = Epoch("a", 1, curves(first, [0.5])), Epoch("b", 1, curves(second, [0.4])[:2])
    lines = main(drawn(first, second, one, two, after=[4, 0]))
    assert (lines["x valid"]["x"], lines["y valid"]["x"]) == ([], [1, 2])


def test_the_legend_says_what_thin_thick_and_bands_are() -> None:
    reading = Reading.of([PAIR, Epoch("decay", 1, curves(PAIR, ENDS))])
    said = legend(settings_of([*reading.groups.values()]))
    assert [name for name, _ in said.settings] == ["λ 0", "λ 3"]
    assert said.words == "thin train, thick test, band lowest to highest of 3 seeds"


# ---- numbers -------------------------------------------------------------------------------------


def test_a_run_beside_the_others_is_its_own_valid() -> None:
    started = group("decay", ["λ 0", "λ 3"] * 2, 9, asked="λ 3", judged_on="test")
    values = curves(started, [80.0, 0.1, 90.0, 0.2])
    lines = drawn(started, Epoch("decay", 1, values))["views"][0]["fan"]["lines"]
    assert {line["name"] for line in lines} == {*started.labels}
    for line in lines:
        own = values[:, 1, started.labels.index(line["name"])]
        np.testing.assert_allclose(line["y"], own, rtol=1e-6)


@pytest.mark.parametrize("names", [["", ""], ["a", "a", "b", "b"]])
def test_runs_side_by_side_are_of_what_the_main_chart_shows_and_say_so(names: list[str]) -> None:
    said: dict[str, Any] = {"metrics": SHARES, "asked": None, "measure": "cross_entropy"}
    started = group("net", names, **said, judged_on="test")
    values = curves(started, [0.4, 0.5, 0.6, 0.7][: len(names)])
    views = drawn(started, Epoch("net", 1, values))["views"]
    places = {"one axis, as the book": 3, "accuracy": 3, "cross-entropy": 1, "top-2 accuracy": 5}
    for view in views:
        fan, place = view["fan"], places[view["name"]]
        of = {1: "cross-entropy", 3: "accuracy", 5: "top-2 accuracy"}[place]
        assert (fan["axis"], fan["log"]) == (f"test {of}", place == 1)
        assert fan["name"].startswith(f"test {of} of each of {len(names)} runs")
        for lane, line in enumerate(fan["lines"]):
            np.testing.assert_allclose(line["y"], values[:, place, lane], rtol=1e-6)


def test_curves_of_a_single_setting_are_those_that_their_names_say() -> None:
    started = group("net", ["", ""], 9, metrics=SHARES, judged_on="test")
    values = curves(started, [0.4, 0.6])
    book, loss, share = drawn(started, Epoch("net", 1, values))["views"]
    for view, metrics in (
        (book, {"train loss": 0, "train accuracy": 2, "test accuracy": 3}),
        (loss, {"train": 0, "test": 1}),
        (share, {"train": 4, "test": 5}),
    ):
        by_name = {line["name"]: line["y"] for line in view["lines"]}
        assert len(by_name) == len(metrics)
        for (name, y), place in zip(by_name.items(), metrics.values(), strict=True):
            np.testing.assert_allclose(y, values[:, place].mean(1), rtol=1e-6, err_msg=name)
    assert [line["name"] for line in book["lines"]] == [
        "train loss", "train accuracy", "test accuracy",
    ]  # fmt: skip


def test_the_best_of_a_crowd_are_those_right_most_often() -> None:
    names = [f"trial {i}" for i in range(40)]
    started = group("g", names, 9, asked=None, metrics=SHARES[:4])
    values = curves(started, [1.0 + i % 13 for i in range(40)])
    values[-1, 3] = np.random.default_rng(0).uniform(0, 1, 40)  # the loss ranks them otherwise
    loss, share = drawn(started, Epoch("g", 1, values))["views"]
    for view, place, order in ((loss, 1, 1), (share, 3, -1)):
        lines = {line["name"]: line["y"] for line in view["lines"] if line["label"]}
        first, *others = (int(name.split()[1]) for name in lines)
        assert first == 0  # the headline's, whatever its rank here
        ranked = [i for i in np.argsort(order * values[-1, place], kind="stable").tolist() if i]
        assert others == ranked[:4]
        for i, y in zip((first, *others), lines.values(), strict=True):
            np.testing.assert_allclose(y, values[:, place, i], rtol=1e-6)
