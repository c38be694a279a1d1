"""What a model is judged by: which rows feed an error, which errors are paired, and how sure."""

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
from scipy import stats

from ml.events import Floats
from ml.intervals import interval
from ml.predictor.judged import Compared, Judged, NotComparableError, compare, constant

N, K = 40, 4
RNG = np.random.default_rng(0)
TARGET = RNG.normal(12, 0.4, N)


def folds(seed: int) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    order = np.random.default_rng(seed).permutation(N)
    return [np.sort(part) for part in np.array_split(order, K)]


def judged(seeds: list[int], scale: float = 0.1, noise: int = 1) -> Judged:
    """One repetition for each seed of its folds; errors are noise times a scale."""
    rows = [part for seed in seeds for part in folds(seed)]
    off = scale * np.random.default_rng(noise).normal(size=(len(seeds), N))
    said = np.concatenate([TARGET[part] + off[i // K][part] for i, part in enumerate(rows)])
    return Judged.of(TARGET, rows, K, said, said - 0.1, said + 0.1)


def test_errors_are_of_the_rows_of_their_fold() -> None:
    one = judged([3, 5])
    off = 0.1 * np.random.default_rng(1).normal(size=(2, N))
    expected = [
        [sqrt(np.mean([off[i][row] ** 2 for row in part])) for part in folds(seed)]
        for i, seed in enumerate((3, 5))
    ]
    np.testing.assert_allclose(one.errors(), expected, rtol=1e-5)
    assert one.k == K
    gone = int(folds(3)[2][0])
    without = one.errors([gone])
    assert (without[0] != one.errors()[0]).tolist() == [False, False, True, False]
    rest = [off[0][row] ** 2 for row in folds(3)[2] if row != gone]
    assert without[0, 2] == pytest.approx(sqrt(np.mean(rest)), rel=1e-5)
    np.testing.assert_array_equal(one.inside, np.abs(off) <= 0.1)


def test_it_comes_back_from_its_tensors() -> None:
    one = judged([3, 5])
    again = Judged.from_tensors(one.tensors())
    assert again is not None
    np.testing.assert_array_equal(again.errors(), one.errors())
    np.testing.assert_array_equal(again.inside, one.inside)
    assert Judged.from_tensors({}) is None


def test_a_row_in_no_fold_counts_for_none() -> None:
    rows = [part[:-1] for part in folds(3)]
    said = np.concatenate([TARGET[part] + 0.1 for part in rows])
    one = Judged.of(TARGET, rows, K, said, said, said)
    np.testing.assert_allclose(one.errors(), 0.1, rtol=1e-4)
    assert not one.inside.any()


def test_constant_intervals_are_quantiles_of_other_rows_errors() -> None:
    rows = folds(3) + folds(5)
    off = RNG.normal(size=2 * N)
    low, high = constant(TARGET, rows, off, 0.9)
    order = np.concatenate(rows)
    said = TARGET[order] - off
    start = 2 * len(rows[0])
    third = order[start : start + len(rows[2])]
    others = [error for row, error in zip(order, off, strict=True) if row not in third]
    ends = np.quantile(others, (0.05, 0.95))
    for end, found in zip(ends, (low, high), strict=True):
        np.testing.assert_allclose(found[start : start + len(third)] - said[start:][:10], end)


# ---- pairs


def test_a_difference_is_student_s_wider_by_what_folds_share() -> None:
    one, other = judged([3], noise=1), judged([3], noise=2)
    found = compare(one, other)
    d = one.errors()[0] - other.errors()[0]
    _, half = found.difference
    plain = stats.ttest_rel(one.errors()[0], other.errors()[0]).confidence_interval(0.95)
    assert found.difference[0] == pytest.approx(d.mean())
    expected = stats.t.ppf(0.975, K - 1) * d.std(ddof=1) * sqrt(1 / K + 1 / (K - 1))
    assert half == pytest.approx(expected)
    assert half > (plain.high - plain.low) / 2
    assert found.floor == pytest.approx(1.959964 * d.std(ddof=1) / sqrt(K - 1))
    mean, wide = interval(d, K)
    assert (float(mean), float(wide)) == pytest.approx(found.difference)


def test_the_interval_holds_for_means_over_folds_that_share_rows() -> None:
    """Two models' differences on fresh data: the plain interval is left far more than 1 in 20."""
    rng, n, left = np.random.default_rng(0), 60, {"plain": 0, "wider": 0}
    slope = np.array([1.0, 0.1])
    for _ in range(300):
        X = rng.normal(size=(n + 2000, 2))
        y = X @ slope + rng.normal(size=len(X))
        gaps, truth = [], []
        for part in np.array_split(np.arange(n), 5):
            rest = np.setdiff1d(np.arange(n), part)
            off = [
                y - X[:, cut] @ np.linalg.lstsq(X[rest][:, cut], y[rest], rcond=None)[0]
                for cut in ([0], [0, 1])
            ]
            gaps.append(float(np.diff([np.mean(each[part] ** 2) for each in off])[0]))
            truth.append(float(np.diff([np.mean(each[n:] ** 2) for each in off])[0]))
        for name, (mean, half) in (("plain", interval(gaps)), ("wider", interval(gaps, 5))):
            left[name] += int(abs(float(mean) - np.mean(truth)) > half)
    assert left["wider"] / 300 < 0.06
    assert left["plain"] > left["wider"]


def test_repetitions_are_paired_by_their_folds_not_by_their_place() -> None:
    one, other = judged([3, 5, 7], noise=1), judged([7, 3], noise=2)
    found = compare(one, other)
    np.testing.assert_array_equal(found.errors, one.errors()[[0, 2]].ravel())
    np.testing.assert_array_equal(found.others, other.errors()[[1, 0]].ravel())


def test_seeds_of_one_folding_are_averaged_and_are_no_further_pairs() -> None:
    one, other = judged([3, 3, 3], noise=1), judged([3], noise=2)
    found = compare(one, other)
    np.testing.assert_allclose(found.errors, one.errors().mean(0))
    np.testing.assert_array_equal(found.others, other.errors()[0])
    np.testing.assert_array_equal(compare(other, one).others, found.errors)
    both = compare(one, judged([3, 3, 5], noise=2))
    assert len(both.errors) == K
    again = replace(
        one, **{name: np.tile(getattr(one, name)[:1], (9, 1)) for name in ("said", "fold")}
    )
    assert compare(again, other).difference == pytest.approx(
        compare(judged([3], noise=1), other).difference, rel=0.5
    )
    assert len(compare(again, other).errors) == K


def test_shuffles_are_further_pairs_and_of_the_same_folds() -> None:
    one, other = judged([3, 5, 7], noise=1), judged([3, 5, 7], noise=2)
    found = compare(one, other)
    assert (found.k, len(found.errors)) == (K, 3 * K)
    d = found.errors - found.others
    half = stats.t.ppf(0.975, 3 * K - 1) * d.std(ddof=1) * sqrt(1 / (3 * K) + 1 / (K - 1))
    assert found.difference == pytest.approx((d.mean(), half))


def test_rows_may_be_left_out_of_a_comparison() -> None:
    one, other = judged([3], noise=1), judged([3], noise=2)
    gone = [int(part[0]) for part in folds(3)]
    np.testing.assert_array_equal(compare(one, other, gone).errors, one.errors(gone)[0])


def test_other_folds_or_other_rows_are_not_compared() -> None:
    one = judged([3])
    with pytest.raises(NotComparableError, match="Their folds differ"):
        compare(one, judged([5]))
    moved = replace(one, target=one.target + 0.1)
    shorter = Judged(*(getattr(one, name)[..., 1:] for name in one.__dataclass_fields__))
    for other in (moved, shorter):
        with pytest.raises(NotComparableError, match="other rows"):
            compare(one, other)


def compared(d: Floats, k: int = 5) -> Compared:
    return Compared(0.2 + d, np.full(len(d), 0.2), k)


def test_words_are_by_the_interval() -> None:
    spread = np.array([-2.0, -1, 0, 1, 2]) / 1000
    assert compared(spread - 0.01).sentence("7", "4") == "7 is better than 4 by 0.0100 ± 0.0029."
    assert compared(spread + 0.01).sentence("7", "4") == "7 is worse than 4 by 0.0100 ± 0.0029."
    text = compared(spread - 0.001).sentence("7", "4")
    assert text == (
        "7 and 4 cannot be told apart: its error is lower by 0.0010 ± 0.0029. No number of shuffles"
        " would tell, only other rows."
    )


def test_so_many_shuffles_are_needed_and_no_fewer() -> None:
    d = np.array([-2.0, -1, 0, 1, 2]) / 1000 - 0.002
    one = compared(d)
    assert not one.better
    assert one.needed is not None

    def half(seeds: int) -> float:
        t = stats.t.ppf(0.975, 5 * seeds - 1)
        return float(t * d.std(ddof=1) * sqrt(1 / (5 * seeds) + 1 / 4))

    assert half(one.needed) < 0.002 < half(one.needed - 1)
    more = one.needed - 1
    assert f"About {more} more shuffle" in one.sentence("7", "4")
    assert compared(d + 0.0015).needed is None
    assert compared(d + 0.0015).floor > 0.0005


def test_answers_that_are_all_but_the_same_have_finite_scores() -> None:
    """Their intervals have no width left in numbers of four bytes; the least there is stands in."""
    target = np.full(8, 1e6)
    said = target + 0.25
    one = Judged.of(target, [np.arange(4), np.arange(4, 8)], 2, said, target, target)
    step = 0.0625  # between numbers of four bytes at a million
    assert one.scores(2.0) == pytest.approx(np.full(8, -0.25 / (step / 2)))
