"""Where a job's settings differ from the defaults, and from what the experiment is today."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from app.catalogue import experiments, sweeps
from app.catalogue.forms import given, shapes
from app.catalogue.texts import sentence, written
from ml.experiment import Experiment


@dataclass(frozen=True, slots=True)
class Setting:
    """A field of a job that was given: its value beside the default."""

    name: str
    value: str
    default: str | None  # None where the field is no longer known
    changed: bool


def settings(cls: type[Experiment] | None, values: Mapping[str, Any]) -> list[Setting]:
    """All settings of a job, also of one that no longer validates; of a sweep those of what it
    varies, with the values that it tries, and then its own."""
    if values.get("name") == sweeps.NAME and isinstance(values.get("of"), Mapping):
        name, of, typed = sweeps.start(values)
        varied = {key: text for key, text in typed.items() if key not in sweeps.POSTED}
        own = {key: values[key] for key in sweeps.OWN if key in values}
        defaults = {shape.name: shape.default for shape in shapes(cls)} if cls else {}
        return [
            *settings(experiments.get(name), {**of, **varied}),
            *(
                Setting(key, written(value), defaults.get(key), written(value) != defaults.get(key))
                for key, value in own.items()
            ),
        ]
    known = {shape.name: shape.default for shape in shapes(cls)} if cls else {}
    names = [*known, *(name for name in values if name not in known and name != "name")]
    return [
        Setting(
            name=name,
            value=written(values[name]) if name in values else known[name],
            default=known.get(name),
            changed=name in values and written(values[name]) != known.get(name),
        )
        for name in names
    ]


def said_by_label(
    cls: type[Experiment] | None, values: Mapping[str, Any], names: Sequence[str]
) -> set[str]:
    """Which of these fields the experiment's label speaks of: without them it would be another."""
    try:
        experiment = cls.model_validate(values) if cls else None
    except ValidationError:
        experiment = None
    if cls is None or experiment is None:
        return set()
    plain = {name: cls.model_fields[name].get_default(call_default_factory=True) for name in names}
    return {
        name
        for name, default in plain.items()
        if experiment.model_copy(update={name: default}).label != experiment.label
    }


def problem(cls: type[Experiment] | None, values: Mapping[str, Any]) -> str:
    """Why a job could not be run again as it is; empty where it could."""
    if cls is None:
        return "This experiment is no longer known here. What the job said is kept."
    try:
        cls.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "together"
        return f"These settings no longer fit the experiment ({place}: {sentence(first, ())})"
    return ""


def shortest(cls: type[Experiment] | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """A job's experiment without what is the default anyway; as it stands where it is not valid."""
    try:
        return given(cls.model_validate(values)) if cls else dict(values)
    except ValidationError:
        return dict(values)


def same(cls: type[Experiment], one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two sets of settings ask for the same experiment."""
    name = {"name": cls.model_fields["name"].default}
    try:
        return cls.model_validate(name | dict(one)) == cls.model_validate(name | dict(other))
    except ValidationError:
        return False
