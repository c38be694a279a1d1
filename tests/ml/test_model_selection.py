"""4.4 and 4.5: claims hold for other draws, and what they are computed from is right."""

from typing import Any

import numpy as np
import pytest

from ml.data.synthetic import linear, orthonormal
from ml.events import Check, Epoch, Event
from ml.experiment import Diverged
from ml.experiments import EXPERIMENTS, parse


def checks(name: str, **values: Any) -> list[Check]:
    said = EXPERIMENTS[name](**values).run()
    return [event for event in said if isinstance(event, Check)]


def failed(name: str, **values: Any) -> str:
    """Names of the checks that do not pass."""
    return "; ".join(check.name for check in checks(name, **values) if not check.passed)


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
