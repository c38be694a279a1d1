"""4.5: claims hold for other draws and at the bounds of the sliders; what they rest on is right."""

from typing import Any

import numpy as np
import pytest
import torch

from ml.data.synthetic import linear
from ml.events import Check
from ml.experiments import EXPERIMENTS


@pytest.mark.parametrize(
    "values",
    [
        {"seed": 10},
        {"seed": 20},
        {"factor": 0.01, "noise": 0.05, "prior": 1.0, "num_inputs": 60},
        {"factor": 1000.0, "noise": 10.0, "prior": 0.001},
    ],
)
def test_ridge_holds_for_other_draws_and_at_the_bounds(values: dict[str, Any]) -> None:
    found = [event for event in EXPERIMENTS["ridge"](**values).run() if isinstance(event, Check)]
    assert [check.name for check in found if not check.passed] == []


def test_linear_data_are_what_they_say() -> None:
    points = linear(500, np.array([2.0, -1.0]), 3.0, 0.0, 7)
    np.testing.assert_allclose(points.y, points.X @ [2.0, -1.0] + 3.0)
    assert points.X.shape == (500, 2)


def test_the_proximal_step_clears_what_is_small() -> None:
    w = torch.tensor([-2.0, -0.5, 0.0, 0.5, 2.0])
    sparsity: Any = EXPERIMENTS["sparsity"]
    stepped = sparsity.rules["L1 proximal"](
        w, torch.zeros(5), torch.tensor(1.0), torch.tensor(0.75)
    )
    assert stepped.tolist() == [-1.25, 0, 0, 0, 1.25]
