"""What may have been meant by a name that there is not: one sentence for CLI and REST."""

from app.catalogue import forms
from app.errors import instead
from ml.experiment import Experiment

LONGEST = 100  # characters of a name that is compared


def titles(cls: type[Experiment]) -> dict[str, str]:
    """Each field's name by its title, written as a name: learning_rate for lr."""
    return {shape.title.lower().replace(" ", "_"): shape.name for shape in forms.shapes(cls)}


def no_field(cls: type[Experiment], wanted: str) -> str:
    """That the experiment has no such field, and which one may have been meant."""
    names = [shape.name for shape in forms.shapes(cls)]
    name = cls.model_fields["name"].default
    return f"{name} has no field {wanted[:LONGEST]!r}.{instead(wanted, names, titles(cls))}"
