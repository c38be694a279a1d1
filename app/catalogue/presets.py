"""The presets of an experiment: which there are, and which of them a form holds."""

from typing import Any

from app.catalogue import changes, forms
from app.catalogue.texts import written
from ml.experiment import Experiment, Preset


def presets(cls: type[Experiment], form: forms.Form) -> list[dict[str, Any]]:
    """The experiment's own, and which of them the form holds; before them the default, unless one
    of its own is just that."""
    if not cls.presets:
        return []
    named = any(changes.same(cls, preset.values, {}) for preset in cls.presets)
    default = () if named else (Preset("", "Default", cls.model_validate({}).label, {}),)
    held = form.request
    return [
        {
            "name": preset.name,
            "title": preset.title,
            "text": preset.text,
            "typed": {key: written(value) for key, value in preset.values.items()},
            "current": changes.same(cls, preset.values, held),
        }
        for preset in (*default, *cls.presets)
    ]
