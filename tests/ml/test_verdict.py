"""The verdict on a pair of curves, on curves whose verdict is plain."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ml.verdict import RULE, judge


def curve(train: list[float], valid: list[float]) -> NDArray[np.float32]:
    """(E, 2, 1)."""
    return np.array([train, valid], dtype=np.float32).T[:, :, None]


@pytest.mark.parametrize(
    ("train", "valid", "verdict"),
    [
        ([0.4, 0.165], [0.4, 0.170], "underfitting"),
        ([0.4, 0.074], [0.4, 0.137], "overfitting"),
        ([0.4, 0.12, 0.115], [0.4, 0.125, 0.140], "overfitting"),  # valid has turned
        ([0.4, 0.10], [0.4, 0.13], "about right"),
        ([0.4, 0.10], [0.4, np.nan], "not judged"),
    ],
)
def test_by_the_gap(train: list[float], valid: list[float], verdict: str) -> None:
    finding = judge(curve(train, valid), "log_rmse")
    assert finding.verdict == verdict
    assert finding.rule == RULE


@pytest.mark.parametrize(
    ("train", "valid", "verdict"),
    [(4.5, 6.4, "underfitting"), (0.004, 0.012, "about right"), (0.007, 0.030, "overfitting")],
)
def test_beside_the_noise(train: float, valid: float, verdict: str) -> None:
    finding = judge(curve([9, train], [9, valid]), "squared_loss", floor=0.005)
    assert finding.verdict == verdict


def test_a_loss_is_judged_by_its_root() -> None:
    assert judge(curve([1, 0.81], [1, 1]), "squared_loss").verdict == "underfitting"
    assert judge(curve([1, 0.81], [1, 1]), "log_rmse").verdict == "about right"
