"""4.4 and 4.5: the claims hold at quick settings, and a broken key line turns one red."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from ml.data.synthetic import linear, orthonormal
from ml.events import Check, Epoch, Event
from ml.experiment import Diverged
from ml.experiments import (
    EXPERIMENTS,
    coin,
    decay_path,
    k_fold,
    no_factorial,
    parse,
    polynomial_exact,
    ridge,
    sparsity,
    weight_decay,
    weight_decay_scratch,
)
from ml.lanes import Lane, Lanes
from ml.nn import gaussian, mlp
from ml.optim import SGD


def checks(name: str, **values: Any) -> list[Check]:
    said = EXPERIMENTS[name](**values).run()
    return [event for event in said if isinstance(event, Check)]


def failed(name: str, **values: Any) -> str:
    """Names of the checks that do not pass."""
    return "; ".join(check.name for check in checks(name, **values) if not check.passed)


COUNTS = {
    "polynomial_exact": 7, "ridge": 4, "coin": 4, "k_fold": 5,
    "weight_decay": 7, "weight_decay_scratch": 4, "no_factorial": 7, "sparsity": 6,
}  # fmt: skip


@pytest.mark.parametrize("name", COUNTS)
def test_the_claims_hold(name: str) -> None:
    found = checks(name)
    assert len(found) == COUNTS[name]
    assert [check for check in found if not check.passed] == []


@pytest.mark.slow
def test_the_claims_of_the_path_hold() -> None:
    found = checks("decay_path")
    assert len(found) == 5
    assert [check for check in found if not check.passed] == []


@pytest.mark.parametrize("seed", [10, 20])
@pytest.mark.parametrize("name", ["polynomial_exact", "ridge", "coin", "k_fold"])
def test_the_claims_hold_for_other_draws(name: str, seed: int) -> None:
    assert failed(name, seed=seed) == ""


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("polynomial_exact", {"num_train": 4, "degree": 30}),
        ("polynomial_exact", {"num_train": 40, "noise": 0.0}),
        ("ridge", {"factor": 0.01, "noise": 0.05, "prior": 1.0, "num_inputs": 60}),
        ("ridge", {"factor": 1000.0, "noise": 10.0, "prior": 0.001}),
        ("coin", {"heads": 0.5, "repeats": 2}),
        ("coin", {"heads": 0.0}),
        ("k_fold", {"k": 2, "num_train": 20}),
        ("k_fold", {"k": 20, "num_train": 33}),
    ],
)  # fmt: skip
def test_the_claims_hold_at_the_bounds_of_the_sliders(name: str, values: dict[str, Any]) -> None:
    assert failed(name, **values) == ""


# ---- broken


def monomials(x: Any, other: Any, degree: int) -> Any:
    """No orthogonal basis: powers, each of length 1."""
    i = np.arange(min(degree + 1, x.shape[1]))
    lengths = np.linalg.norm(x[..., None] ** i, axis=1, keepdims=True)
    return x[..., None] ** i / lengths, other[..., None] ** i / lengths


def plain_sgd(net: Any, lanes: Lanes) -> Any:
    """Decay nothing."""
    return SGD(net, Lanes.of([quick(0.0)] * len(lanes)))


def quick(decay: float) -> Lane:
    rows = torch.arange(1)
    return Lane(label="", train=rows, valid=rows, lr=0.003, weight_decay=decay)


_majority, _groups, _splits = coin.majority, weight_decay_scratch.groups, k_fold.splits
BREAKS: dict[str, tuple[str, Any, str, Callable[..., Any], str]] = {
    "no orthogonal basis": (
        "polynomial_exact", polynomial_exact, "orthonormal", monomials, "degree n - 1"),
    "no decay": ("weight_decay", weight_decay, "optimizer", plain_sgd, "mean ‖w‖, λ 3"),
    "no 1/n": (
        "ridge", ridge, "closed_form",
        lambda known, decay: np.linalg.solve(
            known.X.T @ known.X + decay * np.eye(known.X.shape[1]), known.X.T @ known.y),
        "MAP"),
    "powers with an order": (
        "ridge", ridge, "monomials", lambda k, degree: k**degree, "monomials"),
    "minority": ("coin", coin, "majority", lambda tosses: 1 - _majority(tosses), "majority"),
    "1/i! after all": (
        "no_factorial", no_factorial, "powers",
        lambda x, count: x[:, None] ** np.arange(count) / [math.factorial(i) for i in range(count)],
        "diverged"),
    "no half": (
        "weight_decay_scratch", weight_decay_scratch, "l2_penalty",
        lambda w: (w**2).sum(dim=(1, 2)), "weights"),
    "bias decayed": (
        "weight_decay_scratch", weight_decay_scratch, "groups",
        lambda net, decay, _: _groups(net, decay, decay), "biases"),
    "validated on rows that trained": (
        "k_fold", k_fold, "splits",
        lambda n, k: ((np.arange(n), fold) for _, fold in _splits(n, k)), "train and validate"),
    "no threshold": (
        "sparsity", sparsity, "soft_threshold", lambda w, by: w - by * w.sign(), "zeros by L1"),
}  # fmt: skip


SLOW = {"1/i! after all", "no threshold"}


@pytest.mark.parametrize(
    "broken",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in BREAKS],
)
def test_a_broken_key_line_turns_a_check_red(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, module, function, wrong, expected = BREAKS[broken]
    monkeypatch.setattr(module, function, wrong)
    assert expected in failed(name)


@pytest.mark.slow
def test_a_path_without_decay_turns_a_check_red(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decay_path, "SGD", plain_sgd)
    assert "best lambda" in failed("decay_path")


# ---- the rest


def test_bare_powers_alone_diverge_with_their_curve_kept() -> None:
    said: list[Event] = []
    run = parse({"name": "no_factorial", "remedies": False}).run()
    with pytest.raises(Diverged, match="diverged at epoch 1"):
        said.extend(run)  # what came before the end stays
    (epoch,) = [event for event in said if isinstance(event, Epoch)]
    assert epoch.last == 1
    assert not np.isfinite(epoch.values[0, 0]).any()


def test_the_orthonormal_basis_is_one_and_the_same_elsewhere() -> None:
    x = np.random.default_rng(0).standard_normal((2, 12))
    Q, P = orthonormal(x, x, 30)
    assert Q.shape == (2, 12, 12)
    np.testing.assert_allclose(Q.swapaxes(1, 2) @ Q, np.stack([np.eye(12)] * 2), atol=1e-12)
    np.testing.assert_allclose(P, Q, atol=1e-6)
    cubic, *_ = np.linalg.lstsq(x[0][:, None] ** np.arange(4), Q[0, :, 3], rcond=None)
    np.testing.assert_allclose(x[0][:, None] ** np.arange(4) @ cubic, Q[0, :, 3], atol=1e-10)


def test_linear_data_are_what_they_say() -> None:
    points = linear(500, np.array([2.0, -1.0]), 3.0, 0.0, 7)
    np.testing.assert_allclose(points.y, points.X @ [2.0, -1.0] + 3.0)
    assert points.X.shape == (500, 2)


def test_soft_threshold_and_the_bias() -> None:
    w = torch.tensor([-2.0, -0.5, 0.0, 0.5, 2.0])
    assert sparsity.soft_threshold(w, torch.tensor(0.75)).tolist() == [-1.25, 0, 0, 0, 1.25]
    lanes = Lanes.of([quick(1e4)])
    net = mlp(lanes, (3, 1), init=gaussian(1))
    bias = net.get_parameter("0.bias").clone()
    optimizer = sparsity.Proximal(net, lanes)
    optimizer.move(torch.zeros_like(optimizer.flat.value), None)
    assert torch.equal(net.get_parameter("0.bias"), bias)
    assert not net.get_parameter("0.weight").any()
