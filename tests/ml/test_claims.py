"""The claims of the chapter at settings that take seconds: 40 s for all of them.

`ridgeline verify` runs every one at full size, and tests/broken/ shows that each can fail.
"""

from typing import Any

import pytest

from ml.events import Check
from ml.experiments import EXPERIMENTS
from ml.houses.book import BOOK

DROPOUT = {"num_images": 4000, "num_epochs": 1, "num_hiddens": 64}
QUICK: dict[str, tuple[dict[str, Any], ...]] = {
    "approximation": ({"widths": [1, 64], "num_epochs": 200, "num_seeds": 3},),
    "decay_path": (),  # it claims at its own size only, which takes ten seconds
    "dropout": (DROPOUT | {"num_epochs": 3, "batch_size": 32, "lr": 0.2},),
    "dropout_decay": (),  # the rows of its lanes are counted in test_dropout.py
    "dropout_epochs": (),  # the last four claim at a size that takes half a minute
    "dropout_scratch": (DROPOUT, DROPOUT | {"literal": True, "lr": 0.1}),
    "dropout_swap": (),
    "dropout_uncertainty": (),
    "dropout_variants": (),
    "decay_by_validation": (),  # these claim at their own size only, which takes seconds each
    "infinite_width": (),  # it claims at its own size only; tested in test_wiring_4_1.py
    "house_ensemble": (),  # what feeds its numbers is tested in test_house_ensemble.py
    "house_correction": (),  # its thirty draws take a quarter of a minute
    "house_sweeps": (),  # so does this
    "label_shift": (),  # a hundred drawings of 20,000 images; the last three claim at their size
    "label_shift_correction": (),
    "photos_and_cartoons": (),
    "shift_detector": ({"num_draws": 20},),
    # the defaults are held to theirs in test_house_experiments.py
    "kaggle_house": (BOOK.values,),
    "missing_values": ({"num_seeds": 2},),
    "mlp_concise": ({"num_images": 4000, "num_epochs": 1},),
    "mlp_scratch": ({"num_images": 1000, "num_epochs": 1, "lr": 0.5},),
    "mlp_search": ({"num_images": 200, "num_epochs": 1, "num_seeds": 2, "num_trials": 3},),
    "mlp_sweeps": ({"num_images": 200, "num_epochs": 1, "num_seeds": 1},),
    "polynomial": ({}, {"num_features": 2}),  # twenty features take longer than all of 4.4
    "other_remedies": (),
    "random_labels": ({"num_epochs": 5, "num_seeds": 1},),
    "symmetry": ({"num_epochs": 50, "num_hiddens": 2, "activation": "tanh"},),
}
"""Instead of what `verify` runs."""
FEWEST = {"kaggle_house": 26, "backpropagation": 17}  # checks, where they are many
CASES = [
    (name, values) for name, cls in EXPERIMENTS.items() for values in QUICK.get(name, cls.verifies)
]


@pytest.mark.parametrize(("name", "values"), CASES, ids=str)
def test_the_claims_hold(name: str, values: dict[str, Any]) -> None:
    found = [event for event in EXPERIMENTS[name](**values).run() if isinstance(event, Check)]
    assert len(found) >= FEWEST.get(name, 1)
    assert [check for check in found if not check.passed] == []
