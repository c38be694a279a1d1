"""The gate: what it asks of a model, and that no other rows, folds or leaks get through."""

from math import sqrt

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from ml.events import Floats
from ml.predictor import Gate, Judged, Later, share_inside, spread

N, K = 400, 5
TARGET = np.random.default_rng(0).normal(12, 0.4, N)
FOLDS = np.array_split(np.random.default_rng(1).permutation(N), K)


def judged(off: Floats, width: float = 0.3, target: Floats = TARGET) -> Judged:
    rows = np.concatenate(FOLDS)
    said = (target + off)[rows]
    return Judged.of(target, FOLDS, K, said, said - width, said + width)


def noise(seed: int, scale: float) -> Floats:
    return scale * np.random.default_rng(seed).normal(size=N)


BASE = noise(2, 0.2)
GOOD = 0.9 * BASE
WIDTH = float(np.quantile(np.abs(GOOD), 0.9))


def gate(off: Floats = GOOD, width: float = WIDTH, **other: object) -> Gate:
    return Gate("Version 2", "version 1", judged(off, width), judged(BASE), **other)  # type: ignore[arg-type]


def failed(one: Gate) -> list[str]:
    return [question.name for question in one.questions if not question.passed]


def test_what_is_better_everywhere_passes() -> None:
    one = gate()
    assert one.passed
    assert failed(one) == []
    assert one.sentence.startswith("Version 2 is better than version 1 by 0.0")


def test_the_spread_of_folds_is_a_sample_s() -> None:
    errors = judged(GOOD).errors()
    assert spread(errors) == pytest.approx((errors.mean(), errors.std(ddof=1)))


def test_what_cannot_be_told_apart_does_not() -> None:
    one = gate(noise(3, 0.2))
    assert failed(one)[0] == "Interval of the difference below zero"
    assert not one.passed
    assert "cannot be told apart" in one.sentence


def test_a_lead_that_is_of_two_rows_alone_does_not_pass() -> None:
    other = BASE.copy()
    two = [7, 300]
    other[two] = 3.0, 3.1  # the champion is far off there
    mine = 1.01 * other
    mine[two] = 0.1
    one = Gate("Version 2", "version 1", judged(mine, 0.35), judged(other, 0.35))
    assert one.deciding.tolist() == two
    kept = np.setdiff1d(np.arange(N), two)
    rest = np.mean([
        sqrt(np.mean(mine[np.intersect1d(fold, kept)] ** 2))
        - sqrt(np.mean(other[np.intersect1d(fold, kept)] ** 2))
        for fold in FOLDS
    ])  # fmt: skip
    assert one.without.difference[0] == pytest.approx(rest, abs=1e-5)
    assert rest > 0
    assert "Lower without rows 8 and 301, too" in failed(one)


def test_a_fifth_that_is_clearly_worse_closes_it() -> None:
    off, dearest = 0.6 * BASE, np.argsort(TARGET)[-80:]
    off[dearest] = 1.8 * BASE[dearest]
    one = gate(off, float(np.quantile(np.abs(off), 0.9)))
    (question,) = [each for each in one.questions if "fifth" in each.name]
    assert not question.passed
    assert question.found == "fifth 5"
    worst = one.fifths[-1]
    mine, other = off[dearest], BASE[dearest]
    assert worst.n == 80
    assert worst.difference == pytest.approx(
        sqrt(np.mean(mine**2)) - sqrt(np.mean(other**2)), rel=1e-4
    )
    square = mine**2 - other**2
    half = stats.t.ppf(0.995, 79) * square.std(ddof=1) / sqrt(80)
    both = sqrt(np.mean(mine**2)) + sqrt(np.mean(other**2))
    assert worst.half == pytest.approx(half / both, rel=1e-4)


@pytest.mark.parametrize("share", [0.7, 0.99])
def test_intervals_that_do_not_cover_what_they_promise_close_it(share: float) -> None:
    one = gate(width=float(np.quantile(np.abs(GOOD), share)))
    assert failed(one) == ["90 % intervals cover 88% to 92%"]
    assert "But not so: 90 % intervals" in one.sentence


@pytest.mark.parametrize("which", [0, 1])
def test_who_is_doubted_is_not_compared(which: int) -> None:
    doubts = ["", ""]
    doubts[which] = "Its scaler saw them."
    one = gate(doubts=tuple(doubts))
    assert one.sentence == "Version 2 and version 1 cannot be compared. Its scaler saw them."
    assert not one.passed
    assert one.compared is None
    assert [question.name for question in one.questions] == ["Comparable"]


def test_what_kept_no_answers_is_not_compared() -> None:
    one = Gate("Version 2", "version 1", judged(GOOD), None)
    assert "Version 1 is of an older kind" in one.sentence
    assert not one.passed


def test_other_rows_or_folds_are_not_compared() -> None:
    other = judged(BASE, target=TARGET + 0.1)
    assert "other rows" in Gate("a", "b", judged(GOOD), other).sentence
    moved = Judged.of(TARGET, FOLDS[::-1], K, *(TARGET[np.concatenate(FOLDS[::-1])],) * 3)
    assert "Their folds differ" in Gate("a", "b", judged(GOOD), moved).sentence


# ---- parts of a model's own rows


def test_a_part_is_counted_row_by_row() -> None:
    one = judged(GOOD, WIDTH)
    part = np.zeros(N, bool)
    part[10:60] = True
    found = one.of_part("some", part)
    off = GOOD[10:60]
    assert found.n == 50
    assert found.rmse == pytest.approx(sqrt(np.mean(off**2)), rel=1e-4)
    assert found.inside == np.mean(np.abs(off) <= WIDTH)
    assert found.above == np.mean(-off > WIDTH)  # sold for more than the upper end
    assert found.below == np.mean(off > WIDTH)
    half = 1.644854 * (off**2).std(ddof=1) / sqrt(50) / 2 / found.rmse
    assert found.half == pytest.approx(half, rel=1e-3)
    assert [each.n for each in one.fifths] == [80] * 5
    cheapest = np.argsort(TARGET)[:80]
    assert one.fifths[0].rmse == pytest.approx(sqrt(np.mean(GOOD[cheapest] ** 2)), rel=1e-4)


def test_parts_are_over_all_repetitions() -> None:
    rows, off = np.concatenate(FOLDS), np.concatenate([GOOD, 3 * GOOD])
    said = np.concatenate([(TARGET + part)[rows] for part in (GOOD, 3 * GOOD)])
    one = Judged.of(TARGET, [*FOLDS, *FOLDS], K, said, said - WIDTH, said + WIDTH)
    part = TARGET > 12
    found = one.of_part("dear", part)
    both = np.concatenate([GOOD[part], 3 * GOOD[part]])
    assert found.n == part.sum()
    assert found.rmse == pytest.approx(sqrt(np.mean(both**2)), rel=1e-4)
    assert found.inside == pytest.approx(np.mean(np.abs(both) <= WIDTH), abs=1e-6)
    assert len(off) == 2 * N


def test_rows_in_no_fold_count_for_no_part_no_group_and_no_share() -> None:
    """The book drops what k leaves over."""
    fewer = [fold[:-1] for fold in FOLDS]
    rows = np.concatenate(fewer)
    gone = np.setdiff1d(np.arange(N), rows)

    def without(off: Floats) -> Judged:
        said = (TARGET + off)[rows]
        return Judged.of(TARGET, fewer, K, said, said - WIDTH, said + WIDTH)

    one = without(GOOD)
    part = np.zeros(N, bool)
    part[gone] = True
    part[rows[:50]] = True
    found = one.of_part("some", part)
    assert found.n == 50
    assert found.rmse == pytest.approx(sqrt(np.mean(GOOD[rows[:50]] ** 2)), rel=1e-4)
    assert share_inside(one) == pytest.approx(np.mean(np.abs(GOOD[rows]) <= WIDTH), abs=1e-6)
    both = Gate("a", "b", one, without(BASE))
    assert both.group("some", part).n == 50
    assert not np.isin(both.deciding, gone).any()
    assert all(np.isfinite(group.difference) for group in both.fifths)
    assert both.passed


def test_a_fifth_that_is_hardly_worse_is_not_clearly_so() -> None:
    off = 0.8 * BASE
    fifth = np.argsort(TARGET)[80:160]
    off[fifth] = BASE[fifth] * np.where(np.arange(80) % 2, 1.3, 0.74)
    one = gate(off, float(np.quantile(np.abs(off), 0.9)))
    assert 0 < one.fifths[1].difference < one.fifths[1].half
    assert one.passed


def test_without_the_rows_that_decide_a_lead_may_be_small() -> None:
    """It has to be there, not to be sure."""
    other = BASE.copy()
    two = [7, 300]
    other[two] = 3.0, 3.1
    mine = np.where(np.arange(N) % 2, 0.6, 1.3) * BASE
    mine[two] = 0.1
    one = Gate("a", "b", judged(mine, 0.35), judged(other, 0.35))
    mean, half = one.without.difference
    (question,) = [each for each in one.questions if each.name.startswith("Lower without")]
    assert question.passed == (mean < 0)
    assert -half < mean < 0


# ---- on rows whose target came later


def later(
    off: Floats, other: Floats, learnt: NDArray[np.bool_] | None = None, covers: float = 0.9
) -> Later:
    """Both beside each other on rows that neither had learnt from."""
    n = len(off)
    target, rows = TARGET[:n], [np.arange(n)]
    mine, its = (
        Judged.of(target, rows, 1, target + each, target + each - 1, target + each + 1)
        for each in (off, other)
    )
    known = np.zeros(n, bool) if learnt is None else learnt
    return Later("Version 2", "version 1", mine, its, learnt=known, covers=covers)


def test_where_targets_came_the_difference_is_paired_by_row() -> None:
    one, n = later(GOOD, BASE), len(BASE)
    mean, half = one.difference
    before, after = (np.sqrt(np.square(each).mean()) for each in (BASE, GOOD))
    assert mean == pytest.approx(after - before, rel=1e-4)
    each = (np.square(GOOD) - np.square(BASE)) / (after + before)
    assert half == pytest.approx(stats.t.ppf(0.975, n - 1) * stats.sem(each), rel=1e-4)
    assert (one.passed, one.compared, one.other_rows) == (True, None, False)
    assert one.sentence == (
        f"Version 2 is better than version 1 by {-mean:.4f} ± {half:.4f} on 400 rows whose target"
        " came."
    )
    back = later(BASE, GOOD)
    assert not back.passed
    assert "is worse than" in back.sentence


def test_of_few_rows_nothing_is_told() -> None:
    assert later(GOOD[:30], BASE[:30]).reason == ""
    one = later(GOOD[:29], BASE[:29])
    assert "the targets of 29" in one.reason
    assert [question.name for question in one.questions] == ["Comparable"]


def test_a_lead_must_not_be_of_two_rows_nor_of_the_rows_that_it_knows() -> None:
    other = BASE.copy()
    other[[3, 5]] = 3.0
    one = later(np.where(other == 3.0, 0, 1.02 * BASE), other)
    assert one.difference[0] < 0
    assert "Lower without the 2 rows that decide, too" in failed(one)
    known = np.arange(N) < 200
    one = later(np.where(known, 0.5 * BASE, 1.05 * BASE), BASE, known)
    assert failed(one) == ["Lower on the 200 rows new to both, too"]
    sizes = {part.name: part.n for part in one.parts}
    assert sizes == {
        "all": 400, "all but those two": 398, "answered by folds": 200, "new to both": 200,
    }  # fmt: skip
    few = np.arange(N) < 371
    assert failed(later(np.where(few, 0.5 * BASE, 1.05 * BASE), BASE, few)) == []


def test_intervals_are_judged_over_all_its_own_rows() -> None:
    assert failed(later(GOOD, BASE, covers=0.87)) == ["90 % intervals cover 88% to 92%"]
    worse = np.where(np.quantile(TARGET, 0.2) > TARGET, 1.5, 0.7) * BASE
    assert "No fifth of the rows is clearly worse" in failed(later(worse, BASE))


def test_only_other_rows_lead_to_targets_that_came() -> None:
    less = Judged.of(TARGET[:9], [np.arange(9)], 1, *np.zeros((3, 9)))
    assert Gate("Version 2", "version 1", judged(GOOD), less).other_rows
    assert not gate().other_rows
    assert not Gate("Version 2", "version 1", judged(GOOD), less, ("It knew.", "")).other_rows
    other = FOLDS[::-1]
    rows = np.concatenate(other)
    folds = Judged.of(TARGET, other, K, *[(TARGET + BASE)[rows]] * 3)
    assert Gate("Version 2", "version 1", judged(GOOD), folds).reason
    assert not Gate("Version 2", "version 1", judged(GOOD), folds).other_rows
    assert not Gate("Version 2", "version 1", judged(GOOD), None).other_rows
