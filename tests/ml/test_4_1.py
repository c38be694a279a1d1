"""4.1 without training: its claims hold, and turn red when the key line is broken."""

from typing import Any

import pytest
import torch
from torch import Tensor

from ml.events import Check
from ml.experiments import EXPERIMENTS, affine_collapse, batch_nonlinearity, relu_kinks, xor_by_hand
from ml.nn import ACTIVATIONS

INSTANT = ("affine_collapse", "xor_by_hand", "relu_kinks", "batch_nonlinearity")
QUICK: dict[str, Any] = {"widths": [1, 64], "num_epochs": 200, "num_seeds": 3}
Patch = pytest.MonkeyPatch


def red(name: str, **values: Any) -> list[str]:
    found = [e for e in EXPERIMENTS[name](**values).run() if isinstance(e, Check)]
    assert found
    return [check.name for check in found if not check.passed]


@pytest.mark.parametrize(
    ("name", "values"), [(name, v) for name in INSTANT for v in EXPERIMENTS[name].verifies], ids=str
)
def test_the_claims_hold(name: str, values: dict[str, Any]) -> None:
    assert red(name, **values) == []


def test_a_wider_net_comes_closer() -> None:
    assert red("approximation", **QUICK) == []


def test_without_a_relu_a_wider_net_comes_no_closer(monkeypatch: Patch) -> None:
    monkeypatch.setitem(ACTIVATIONS, "relu", torch.nn.Identity)
    assert len(red("approximation", **QUICK)) == 1


def test_a_forgotten_bias_does_not_collapse(monkeypatch: Patch) -> None:
    monkeypatch.setattr(affine_collapse, "collapse", lambda W1, _, W2, b2: (W1 @ W2, b2))
    assert red("affine_collapse") == ["(4.1.2) farthest of XW + b from the layers"]


def test_a_dropped_activation_is_an_affine_map(monkeypatch: Patch) -> None:
    monkeypatch.setitem(affine_collapse.PHI, "relu", lambda z: z)
    assert red("affine_collapse") == ["(4.1.3) relu: the best affine map is off by"]


def test_xor_needs_its_relu(monkeypatch: Patch) -> None:
    monkeypatch.setattr(xor_by_hand, "relu", lambda z: z)
    assert red("xor_by_hand") == ["xor by two ReLU units: error"]


def test_an_affine_map_that_saw_a_product_would_solve_xor(monkeypatch: Patch) -> None:
    monkeypatch.setattr(xor_by_hand, "best_affine", lambda _, y: y)
    assert red("xor_by_hand") == ["xor: squared error of the best affine map"]


def test_tanh_bends_everywhere(monkeypatch: Patch) -> None:
    def tanh(z: Tensor, alpha: float) -> Tensor:
        return torch.tanh(z)

    monkeypatch.setattr(relu_kinks, "activation", tanh)
    assert len(red("relu_kinks")) == 3


def test_a_batch_nonlinearity_that_is_none_pulls_nothing(monkeypatch: Patch) -> None:
    monkeypatch.setitem(batch_nonlinearity.OVER_BATCH, "standardise", batch_nonlinearity.alone)
    assert len(red("batch_nonlinearity")) == 2


def test_an_elementwise_one_that_sees_the_batch_is_caught(monkeypatch: Patch) -> None:
    monkeypatch.setattr(batch_nonlinearity, "alone", lambda z: z - z.mean(-2, keepdim=True))
    assert len(red("batch_nonlinearity")) == 2
