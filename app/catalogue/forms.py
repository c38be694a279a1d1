"""A form from an experiment's JSON schema, and a posted form back to an experiment."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from pydantic import ValidationError

from app.catalogue.texts import number, sentence, written
from ml.experiment import Experiment

Kind = Literal["number", "integer", "choice", "flag", "list", "text"]
UNGROUPED = "Settings"
LIMITS = {
    "minimum": "at least", "exclusiveMinimum": "above",
    "maximum": "at most", "exclusiveMaximum": "below",
}  # fmt: skip
STOPS = 500  # of a slider; more are typed
MACHINE = 2**31  # a bound of the machine says nothing to a reader
CALLED = {"num_hiddens": "Hidden units", "lr": "Learning rate", "std": "Standard deviation"}


@dataclass(frozen=True, slots=True)
class Slider:
    """A range that a hand can cover: from low to high by steps."""

    low: float
    high: float
    step: float

    def has(self, text: str) -> bool:
        """Whether the slider can stand at this value; otherwise it would change it."""
        try:
            value = float(text)
        except ValueError:
            return False
        steps = (value - self.low) / self.step
        return self.low <= value <= self.high and abs(steps - round(steps)) < 1e-6


@dataclass(frozen=True, slots=True)
class Shape:
    """What the schema says of a field."""

    name: str
    title: str
    symbol: str
    unit: str
    group: str
    kind: Kind
    options: tuple[str, ...]
    optional: bool
    default: str
    hint: str
    slider: Slider | None = None
    counts: bool = False  # of a list: whether its items are whole numbers, such as units of layers


@dataclass(frozen=True, slots=True)
class Field:
    """A field with what was typed into it."""

    shape: Shape
    value: str
    error: str
    changed: bool  # from the default

    @property
    def slider(self) -> Slider | None:
        """How it slides, where its value lies on the slider's steps."""
        slider = self.shape.slider
        return slider if slider and slider.has(self.value) else None


@dataclass(frozen=True, slots=True)
class Form:
    """All fields, and the experiment they describe where nothing is wrong."""

    fields: tuple[Field, ...]
    experiment: Experiment | None
    errors: dict[str, str]  # by field; "" is of the whole

    @property
    def groups(self) -> dict[str, list[Field]]:
        """Fields by group, in the order of the schema."""
        found: dict[str, list[Field]] = {}
        for field in self.fields:
            found.setdefault(field.shape.group, []).append(field)
        return found

    @property
    def changed(self) -> list[str]:
        """Names of the fields that differ from their default."""
        return [field.shape.name for field in self.fields if field.changed]

    @property
    def request(self) -> dict[str, Any]:
        """What differs from the defaults as a request gives it; what is wrong as it was typed."""
        if self.experiment is not None:
            return given(self.experiment)
        return {
            field.shape.name: sent(field.shape, field.value)
            for field in self.fields
            if field.changed
        }


def given(experiment: Experiment) -> dict[str, Any]:
    """An experiment as JSON: its name and what differs from the defaults; also of one within it."""
    within = {
        name: given(value)
        for name in type(experiment).model_fields
        if isinstance(value := getattr(experiment, name), Experiment)
    }
    others = {"name", *within}
    return {
        "name": experiment.name,
        **within,
        **experiment.model_dump(mode="json", exclude_defaults=True, exclude=others),
    }


def fill(cls: type[Experiment], values: Mapping[str, Any], typed: Mapping[str, str]) -> Form:
    """A form that starts from an experiment's `values`, with what was `typed` over them."""
    known = shapes(cls)
    texts = {
        shape.name: written(values[shape.name]) if shape.name in values else shape.default
        for shape in known
    }
    texts |= {name: text for name, text in typed.items() if name in texts}
    experiment, errors = _read(cls, {shape: texts[shape.name] for shape in known})
    differ = given(experiment) if experiment else _differing(known, texts)
    fields = tuple(
        Field(shape, texts[shape.name], errors.get(shape.name, ""), shape.name in differ)
        for shape in known
    )
    return Form(fields, experiment, errors)


@lru_cache
def shapes(cls: type[Experiment]) -> tuple[Shape, ...]:
    """The fields of an experiment but its name; those of the base class last."""
    schema = cls.model_json_schema()
    definitions = schema.get("$defs", {})
    names = [name for name, item in schema["properties"].items() if name != "name"]
    names.sort(key=lambda name: name in Experiment.model_fields)
    return tuple(
        _shape(cls, name, _resolved(schema["properties"][name], definitions)) for name in names
    )


def _resolved(item: dict[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """A property with its reference, and the one type beside null, written out."""
    branches = [branch for branch in item.get("anyOf", ()) if branch.get("type") != "null"]
    if len(branches) == 1:
        item = branches[0] | {key: value for key, value in item.items() if key != "anyOf"}
        item["optional"] = True
    if "$ref" in item:
        item = definitions[item["$ref"].rpartition("/")[2]] | item
    return item


def _shape(cls: type[Experiment], name: str, item: dict[str, Any]) -> Shape:
    field = cls.model_fields[name]
    return Shape(
        name=name,
        title=field.title or _called(name),
        symbol=item.get("symbol", ""),
        unit=item.get("unit", ""),
        group=item.get("group", UNGROUPED),
        kind=_kind(item),
        options=tuple(written(option) for option in item.get("enum", ())),
        optional=item.get("optional", False),
        default=written(field.get_default(call_default_factory=True)),
        hint=" ".join(filter(None, [item.get("description", ""), _limits(item)])),
        slider=_slider(item),
        counts=item.get("items", {}).get("type") == "integer",
    )


def _called(name: str) -> str:
    """A field without a title in words: num_outputs -> Outputs."""
    return CALLED.get(name) or name.removeprefix("num_").replace("_", " ").capitalize()


def _kind(item: Mapping[str, Any]) -> Kind:
    if "enum" in item:
        return "choice"
    kinds: dict[str, Kind] = {
        "boolean": "flag", "integer": "integer", "number": "number", "array": "list",
    }  # fmt: skip
    return kinds.get(item.get("type", ""), "text")


def _slider(item: Mapping[str, Any]) -> Slider | None:
    """Of a number with two bounds that are not too many steps apart."""
    low, high = item.get("minimum"), item.get("maximum")
    least = item.get("exclusiveMinimum") if low is None else low
    most = item.get("exclusiveMaximum") if high is None else high
    if item.get("type") not in {"integer", "number"} or least is None or most is None:
        return None
    whole = item["type"] == "integer"
    usual = 1.0 if whole else 10.0 ** math.floor(math.log10((most - least) / 50))
    step = float(item.get("multipleOf", usual))
    if (most - least) / step > STOPS:
        return None
    open_ends = (low is None, high is None)
    return Slider(least + step * open_ends[0], most - step * open_ends[1], step)


def _limits(item: Mapping[str, Any]) -> str:
    """The range in words: "2 to 20.", "Above 0.", "At least 0 and below 1."."""
    known = {name: item[name] for name in LIMITS if abs(item.get(name, MACHINE)) < MACHINE}
    if known.keys() == {"minimum", "maximum"}:
        return f"{known['minimum']:,} to {known['maximum']:,}."
    said = " and ".join(f"{LIMITS[name]} {value:,}" for name, value in known.items())
    return f"{said.capitalize()}." if said else ""


def _differing(known: Sequence[Shape], texts: Mapping[str, str]) -> set[str]:
    return {shape.name for shape in known if texts[shape.name].strip() != shape.default}


# ---- values as text, and back -----------------------------------------------------------------


def _typed(shape: Shape, text: str) -> Any:
    """What pydantic is given for a text; it turns "0.1" into a number itself."""
    text = text.strip()
    if not text and shape.optional:
        return None
    if shape.kind == "list":
        if text.startswith("["):
            try:
                return json.loads(text)
            except ValueError:
                text = text.strip("[]")
        return [item.strip() for item in text.split(",")] if text.strip() else []
    return text


def sent(shape: Shape, text: str) -> Any:
    """A field's text as JSON: a number wherever it is one, also one that is not allowed."""
    value = _typed(shape, text)
    return [number(item) for item in value] if isinstance(value, list) else number(value)


def _read(
    cls: type[Experiment], texts: Mapping[Shape, str]
) -> tuple[Experiment | None, dict[str, str]]:
    values = {shape.name: _typed(shape, text) for shape, text in texts.items()}
    try:
        return cls.model_validate(values, strict=False), {}  # a form holds texts
    except ValidationError as error:
        found: dict[str, str] = {}
        for item in error.errors(include_url=False):
            place = item["loc"]
            found.setdefault(str(place[0]) if place else "", sentence(item, place[1:]))
        return None, found
