"""The verdict on the curves of a setting, on curves whose verdict is plain."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ml.intervals import interval
from ml.lanes import Lane, Lanes
from ml.losses import accuracy, squared_loss
from ml.nn import MLP
from ml.optim import SGD
from ml.programs import Fits
from ml.train import Fitted, Training
from ml.verdict import BESIDE_RULE, GAP_RULE, LOST_RULE, judge

Curves = list[list[float]]  # (L, E)


def fits(train: Curves, valid: Curves, measured: str = "log_rmse", setting: str = "") -> Fits:
    rows = torch.arange(1)
    lane = Lane(label="", setting=setting, train=rows, valid=rows, lr=0.1)
    training = Training(
        key="key",
        lanes=Lanes.of([lane] * len(train)),
        X=torch.zeros(1, 1),
        y=torch.zeros(1, 1),
        net=MLP((1, 1)),
        loss=squared_loss,
        measure=squared_loss,
        measured=measured,
        optimizer=SGD,
        num_epochs=len(train[0]),
        batch_size=1,
    )
    curve = np.stack([np.array(train).T, np.array(valid).T], axis=1).astype(np.float32)
    return Fits([Fitted(training, curve)])


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
    finding = judge(fits([train], [valid]))
    assert finding.verdict == verdict
    assert finding.rule == GAP_RULE


@pytest.mark.parametrize(
    ("train", "valid", "verdict"),
    [(4.5, 6.4, "underfitting"), (0.004, 0.012, "about right"), (0.007, 0.030, "overfitting")],
)
def test_beside_the_noise(train: float, valid: float, verdict: str) -> None:
    finding = judge(fits([[9, train]], [[9, valid]], "squared_loss"), floor=0.005)
    assert finding.verdict == verdict


def test_a_loss_is_judged_by_its_root() -> None:
    curves = [[1.0, 0.81]], [[1.0, 1.0]]
    assert judge(fits(*curves, "squared_loss")).verdict == "underfitting"
    assert judge(fits(*curves, "log_rmse")).verdict == "about right"


@pytest.mark.parametrize("end", [np.nan, np.inf, 900.0])
def test_a_run_that_diverged_is_not_called_overfitting(end: float) -> None:
    finding = judge(fits([[1, 0.5], [1, end]], [[1, 0.6], [1, 2 * end]]))
    assert finding.verdict == "diverged"
    assert finding.rule == LOST_RULE
    assert finding.text.startswith("1 of 2 runs diverged")
    assert ("left the finite numbers at epoch 2" in finding.text) == (not np.isfinite(end))


def test_the_cure_is_not_called_overfitting_beside_what_it_cures() -> None:
    ill = fits([[9, 0.01]] * 3, [[9, 80.0], [9, 84], [9, 88]], "squared_loss", "λ 0")
    cured = fits([[9, 0.01]] * 3, [[9, 0.1], [9, 0.11], [9, 0.12]], "squared_loss", "λ 3")
    finding = judge(cured, beside=ill)
    assert (finding.verdict, finding.setting, finding.rule) == ("helps", "λ 3", BESIDE_RULE)
    assert "λ 0 ends at 84" in finding.text
    assert judge(ill, beside=cured).verdict == "hurts"


@pytest.mark.parametrize(
    ("runs", "verdict"), [([0.30, 0.20], "no clear difference"), ([0.25], "helps")]
)
def test_a_difference_must_leave_its_interval(runs: list[float], verdict: str) -> None:
    n = len(runs)
    without = fits([[1, 0.1]] * n, [[1, 0.27]] * n, setting="none")
    finding = judge(fits([[1, 0.1]] * n, [[1, v] for v in runs], setting="with"), beside=without)
    assert finding.verdict == verdict


def test_a_neighbour_is_compared_run_by_run() -> None:
    with_, without = [0.20, 0.25, 0.30], [0.21, 0.262, 0.311]  # each a little better
    ours = fits([[1, 0.1]] * 3, [[1, v] for v in with_], setting="with")
    beside = fits([[1, 0.1]] * 3, [[1, v] for v in without], setting="none")
    finding = judge(ours, beside=beside)
    mean, half = interval(np.subtract(with_, without))
    assert finding.verdict == "helps"
    assert f"a difference of {mean:+.4g} ± {half:.2g};" in finding.text


def test_classifiers_are_compared_by_what_chooses_between_them() -> None:
    def classifier(train: float, valid: list[float], setting: str) -> Fits:
        (one,) = fits([[1, 0.2]] * 3, [[1, 0.3]] * 3, "cross_entropy", setting)  # losses alike
        training = replace(one.training, also={"accuracy": accuracy}, best_by="valid accuracy")
        shares = np.array([[[0.1] * 3, [0.1] * 3], [[train] * 3, valid]], dtype=np.float32)
        return Fits([replace(one, training=training, curve=np.hstack([one.curve, shares]))])

    plain = classifier(0.95, [0.80, 0.81, 0.82], "none")
    noisy = classifier(0.90, [0.84, 0.85, 0.86], "dropout")
    finding = judge(noisy, beside=plain)
    assert finding.verdict == "helps"
    assert "none ends at accuracy 0.81 and dropout at 0.85, a difference of +0.04" in finding.text
    assert finding.text.endswith("the gap goes from +0.1400 to +0.0500.")
    assert "the difference of valid accuracy leaves out 0" in finding.rule
    assert judge(plain, beside=noisy).verdict == "hurts"


def test_a_gap_is_that_of_the_means_over_all_runs() -> None:
    finding = judge(fits([[1, 0.10], [1, 0.14]], [[1, 0.15], [1, 0.25]]))
    assert "train 0.12, valid 0.2, gap 40% of valid" in finding.text


def test_rows_that_are_test_rows_are_called_so() -> None:
    judged = fits([[9, 0.12, 0.115]], [[9, 0.125, 0.140]])
    training = replace(judged[0].training, judged_on="test")
    finding = judge(Fits([replace(judged[0], training=training)]))
    assert "valid" not in finding.text.lower() + finding.rule.lower()
    assert "test 0.14, gap 18% of test. Test was lowest at epoch 2" in finding.text
