"""Draws: uniform, independent of neighbours, and the same wherever they are drawn."""

import numpy as np
import torch

from ml import draws


def test_keep_has_probability_and_no_correlation() -> None:
    key = draws.keys([3, 4], 1, 2, 0)
    p = torch.tensor([0.2, 0.5])
    kept = draws.keep(key, p, 400, 500).double()
    sigma = (p * (1 - p) / 200_000).sqrt()
    assert ((kept.mean((1, 2)) - (1 - p)).abs() < 5 * sigma).all()
    for a, b in (
        (kept[1, 1:], kept[1, :-1]),
        (kept[1, :, 1:], kept[1, :, :-1]),
        (kept[0], kept[1]),
    ):
        r = np.corrcoef(a.flatten(), b.flatten())[0, 1]
        assert abs(r) < 5 / np.sqrt(a.numel())


def test_zero_probability_keeps_everything() -> None:
    assert draws.keep(draws.keys([0], 1), torch.zeros(1), 1000, 100).all()


def test_uniform_fills_the_unit_interval_evenly() -> None:
    counts = torch.histc(draws.uniform(draws.keys([7], 3), 100_000), 20, 0, 1)
    assert ((counts - 5000) ** 2 / 5000).sum() < 43.8  # chi-square with 19 degrees, p = 0.001


def test_a_lane_draws_the_same_beside_others_and_in_a_longer_batch() -> None:
    alone = draws.bits(draws.keys([5], 2, 3, 1), 10, 7)
    beside = draws.bits(draws.keys([1, 5, 9], 2, 3, 1), 64, 7)
    assert torch.equal(alone[0], beside[1, :10])
    assert not torch.equal(beside[0], beside[1])


def test_places_differ() -> None:
    drawn = [draws.bits(draws.keys([5], *place), 50) for place in ((1, 2), (2, 1), (1, 3), (1,))]
    for i, one in enumerate(drawn):
        assert not any(torch.equal(one, other) for other in drawn[:i])


def test_order_is_a_permutation_with_padding_last() -> None:
    weight = torch.ones(2, 9)
    weight[1, 6:] = 0
    order = draws.order(draws.keys([1, 2], 4, draws.ORDER), weight)
    assert torch.equal(order.sort(dim=1).values, torch.arange(9).expand(2, 9))
    assert set(order[1, 6:].tolist()) == {6, 7, 8}
    assert order[0].tolist() != sorted(order[0].tolist())
