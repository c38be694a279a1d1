"""Where marks stand: in per cent, within the axis, at round ticks."""

import pytest

from app.dashboard.scales import Bar, Scale, stacked


def test_values_stand_where_they_are_and_never_beyond_the_axis() -> None:
    scale = Scale(0.1, 0.3)
    assert [scale.at(x) for x in (0.1, 0.15, 0.3)] == ["0.00%", "25.00%", "100.00%"]
    assert [scale.at(x) for x in (-1, 9)] == ["0.00%", "100.00%"]
    assert Scale(10, 1000, log=True).at(100) == "50.00%"
    assert Scale.around([-0.2, 0.1]).at(0) == "50.00%"


@pytest.mark.parametrize("values", [[0.1, 0.2], [-0.02, 0.003], [0.1], [], [float("nan"), 2.0]])
def test_an_axis_holds_its_values_and_zero_if_asked_for(values: list[float]) -> None:
    known = [value for value in values if value == value]
    for scale in (Scale.over(values), Scale.over(values, zero=True), Scale.around(known)):
        assert all(scale.low < value < scale.high for value in known)
    assert Scale.over(values, zero=True).low <= 0 <= Scale.over(values, zero=True).high


def test_ticks_are_round_and_within() -> None:
    assert Scale(0.094, 0.226).ticks(5) == [
        ("0.10", "4.55%"), ("0.15", "42.42%"), ("0.20", "80.30%"),
    ]  # fmt: skip
    small = [text for text, _ in Scale(-0.0021, 0.0011).ticks(4)]
    assert small == ["−0.002", "−0.001", "0.000", "0.001"]
    assert [text for text, _ in Scale(0.03, 0.3, log=True).ticks()] == ["0.05", "0.1", "0.2"]


def test_a_bar_has_the_part_that_no_seed_lowers_within() -> None:
    bar = Bar.of(Scale(-1, 1), 0.2, 0.4, 0.1)
    assert (bar.low, bar.middle, bar.high) == ("40.00%", "60.00%", "80.00%")
    assert bar.inner == ("55.00%", "65.00%")


def test_dots_on_each_other_are_set_apart() -> None:
    dots = stacked(Scale(0, 1), [0.5, 0.5, 0.1, 0.505])
    assert [level for _, level in dots] == [0, 0, 1, 2]
    assert len(set(dots)) == 4
