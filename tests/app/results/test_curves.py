"""Curves are made small: nothing is lost that a reader would see."""

from typing import Any

import numpy as np
import pytest

from app.results import curves
from app.store import chunks


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


@pytest.mark.parametrize("lanes", [1, 2, 7, 100])
def test_quantiles_are_those_of_the_lanes_that_are_known(lanes: int) -> None:
    values = np.random.default_rng(0).normal(size=(30, lanes))
    values[3] = np.nan  # none is known
    values[5, 0], values[7, -1] = np.nan, np.inf
    known = np.where(np.isfinite(values), values, np.nan)
    ours = curves.quantiles(values, curves.QUANTILES)
    assert np.isnan(ours[:, ~np.isfinite(known).any(1)]).all()
    some = np.isfinite(known).any(1)
    numpys = np.nanquantile(known[some], curves.QUANTILES, axis=1)
    np.testing.assert_allclose(ours[:, some], numpys)


def test_a_growing_curve_that_is_thinned_again_and_again_stays_even() -> None:
    points: list[Any] = []
    for epoch in range(1, 2_001):
        points = chunks.thin([*points, [epoch, 0.0, 0.0]])
    x = np.array([point[0] for point in points])
    assert (x[0], x[-1]) == (1, 2_000)
    assert len(x) <= 48
    assert np.diff(x).max() < 3 * 2_000 / 48
