"""What may have been meant by a name that there is not: one sentence for CLI and REST."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from app.catalogue import forms
from ml.experiment import Experiment

LONGEST = 100  # characters of a name that is compared


def instead(wanted: str, there: Iterable[str], aliases: Mapping[str, str] | None = None) -> str:
    """A hint at what may have been meant, and all that there is; an alias stands for a name."""
    names = [*there]
    known = {**(aliases or {}), **dict(zip(names, names, strict=True))}
    close = get_close_matches(wanted[:LONGEST].lower(), known, 1)
    meant = f" Did you mean {known[close[0]]}?" if close else ""
    return f"{meant} There are: {', '.join(names)}."


def titles(cls: type[Experiment]) -> dict[str, str]:
    """Each field's name by its title, written as a name: learning_rate for lr."""
    return {shape.title.lower().replace(" ", "_"): shape.name for shape in forms.shapes(cls)}


def no_field(cls: type[Experiment], wanted: str) -> str:
    """That the experiment has no such field, and which one may have been meant."""
    names = [shape.name for shape in forms.shapes(cls)]
    name = cls.model_fields["name"].default
    return f"{name} has no field {wanted[:LONGEST]!r}.{instead(wanted, names, titles(cls))}"
