"""Of the presets that a form offers it holds one at most."""

from typing import Any

import pytest

from app.catalogue import forms
from app.catalogue.presets import presets
from ml.experiments import EXPERIMENTS

CASES = [
    (name, preset.name, preset.values)
    for name, cls in EXPERIMENTS.items()
    for preset in cls.presets
]


@pytest.mark.parametrize("name", [name for name, cls in EXPERIMENTS.items() if cls.presets])
def test_the_defaults_are_one_preset(name: str) -> None:
    cls = EXPERIMENTS[name]
    offered = presets(cls, forms.fill(cls, {}, {}))
    assert sum(item["current"] for item in offered) == 1


@pytest.mark.parametrize(("name", "preset", "values"), CASES)
def test_a_form_that_holds_a_preset_marks_that_one(
    name: str, preset: str, values: dict[str, Any]
) -> None:
    cls = EXPERIMENTS[name]
    offered = presets(cls, forms.fill(cls, {}, {}))
    (typed,) = [item["typed"] for item in offered if item["name"] == preset]
    held = presets(cls, forms.fill(cls, {}, typed))
    assert [item["name"] for item in held if item["current"]] == [preset]
