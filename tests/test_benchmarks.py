"""The benchmark of house prices: which rows its scores are of, and what its intervals are."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import bootstrap

from benchmarks import quality


@pytest.fixture
def off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, np.ndarray]]:
    """Made-up errors of two models on two foldings, as if they were finished."""
    monkeypatch.setattr(quality, "FINISHED", tmp_path)
    quality.answers.cache_clear()
    rng, made = np.random.default_rng(0), dict[str, np.ndarray]()
    for folding in ("book", "shuffle 7"):
        for model in ("ensemble", "CatBoost"):
            made[f"{folding} {model}"] = rng.normal(0, 0.1, 1460)
            where = tmp_path / f"{folding}_{model}.npz".replace(" ", "_")
            np.savez(where, off=made[f"{folding} {model}"], seconds=2.0)
    yield made
    quality.answers.cache_clear()


def test_a_score_is_of_the_folds_rows_without_those_left_out(off: dict[str, np.ndarray]) -> None:
    square = off["book CatBoost"] ** 2
    folds = [square[292 * fold : 292 * (fold + 1)] for fold in range(5)]
    expected = [np.sqrt(fold.mean()) for fold in folds]
    np.testing.assert_allclose(quality.by_fold("book", "CatBoost"), expected)
    folds[1] = np.delete(folds[1], 523 - 292)
    folds[4] = np.delete(folds[4], 1298 - 1168)
    expected = [np.sqrt(fold.mean()) for fold in folds]
    np.testing.assert_allclose(quality.by_fold("book", "CatBoost", (523, 1298)), expected)


def test_squares_are_the_mean_over_foldings(off: dict[str, np.ndarray]) -> None:
    expected = (off["book ensemble"] ** 2 + off["shuffle 7 ensemble"] ** 2) / 2
    np.testing.assert_allclose(quality.squares(["book", "shuffle 7"], "ensemble"), expected)


def test_a_gap_by_house_is_a_paired_bootstrap(off: dict[str, np.ndarray]) -> None:
    theirs, ours = off["book CatBoost"] ** 2, off["book ensemble"] ** 2

    def gap(a: np.ndarray, b: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.asarray(np.sqrt(a.mean(axis)) - np.sqrt(b.mean(axis)))

    made = bootstrap((theirs, ours), gap, paired=True, n_resamples=4000, method="percentile", rng=1)
    low, high = made.confidence_interval
    found = quality.gap_by_house(theirs, ours)
    assert found[0] == pytest.approx(gap(theirs, ours))
    assert found[1:] == pytest.approx((low, high), abs=0.05 * (high - low))
    assert quality.gap_by_house(ours, ours) == (0, 0, 0)
