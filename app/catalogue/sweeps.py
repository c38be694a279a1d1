"""A form whose fields take several values: what is typed there, and the sweep that it asks for."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from app.catalogue import experiments, forms
from app.catalogue.forms import Field, Form, Shape, given
from app.catalogue.texts import sentence, written
from ml.experiment import FREE, JUDGING, Experiment

NAME = "sweep"
OWN = ("method", "trials", "eta")  # its fields beside those of what is varied
PREFIX = "sweep_"  # of these in a form and an address: an experiment may have fields of the name
POSTED = tuple(PREFIX + name for name in OWN)
GROUP = "The sweep"  # of these: some experiments have a group of the name, too
POINTS = 5  # of a range on a grid, where none are named
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"
LAYERS = re.compile(r"\d\s*-\s*\d")


@dataclass(frozen=True, slots=True)
class Several:
    """What a text names: an axis as a sweep takes it, and single texts that must be allowed."""

    axis: str | list[Any]
    each: tuple[str, ...]


def trains(cls: type[Experiment]) -> bool:
    """Whether a sweep may be of it: one that trains has a device."""
    return "device" in cls.model_fields


@lru_cache
def may_vary(cls: type[Experiment]) -> frozenset[str]:
    """Names of the fields that may take several values."""
    if not trains(cls):
        return frozenset()
    return frozenset(
        shape.name
        for shape in forms.shapes(cls)
        if shape.name not in FREE and shape.group != JUDGING and _is_parted(shape)
    )


def _is_parted(shape: Shape) -> bool:
    """Whether its text can be told from several: names of columns may hold what parts values."""
    return shape.kind != "text" and (shape.kind != "list" or shape.counts)


def several(shape: Shape, text: str) -> Several | None:
    """The values that a text names, where it names more than one.

    In a list a comma parts its items, "128, 64" is one net of two layers; so several lists are
    parted by a semicolon, or their items by a hyphen: "64, 128-64".
    """
    text = text.strip()
    if not _is_parted(shape):
        return None
    if shape.kind == "list":
        lists = _lists(text)
        if len(lists) < 2:
            return None
        return Several([forms.sent(shape, one) for one in lists], tuple(lists))
    if shape.kind in {"number", "integer"} and (ends := _ends(text)):
        return Several(text, ends)
    parts = [part for part in map(str.strip, re.split("[,;]", text)) if part]
    if len(parts) < 2:
        return None
    return Several([forms.sent(shape, part) for part in parts], tuple(parts))


def one(shape: Shape, text: str) -> str:
    """A text of one value as its field reads it: layers may be written 128-64, or "linear"."""
    lists = _lists(text) if shape.counts else []
    return lists[0] if len(lists) == 1 else text


def fill(cls: type[Experiment], values: Mapping[str, Any], typed: Mapping[str, str]) -> Form:
    """The form of an experiment, and that of a sweep of it where a field names several values.

    `values` are what it starts from, which a sweep begins with.
    """
    known = {shape.name: shape for shape in forms.shapes(cls)}
    may = typed.keys() & known.keys() if trains(cls) else set()
    many = {name: found for name, shape in known.items()
            if name in may and (found := several(shape, typed[name]))}  # fmt: skip
    single = {name: one(known[name], text) for name, text in typed.items()
              if name in known and name not in many}  # fmt: skip
    form = forms.fill(cls, values, single)
    form = _as_typed(form, typed) if form.errors else form
    if not many:
        return _spelt(form) if trains(cls) else form
    own = forms.fill(experiments.find(NAME), {}, _own(typed))
    wrong = {
        name: error for name in many if (error := _wrong(cls, known[name], values, many[name]))
    }
    wrong |= {PREFIX + name: own.errors[name] for name in OWN if name in own.errors}
    sweep = None
    if form.experiment and not wrong:
        sweep, wrong = _sweep(form.experiment, many, own)
    shown = [_varied(field, typed, wrong) if field.shape.name in many else field
             for field in _spelt(form).fields]  # fmt: skip
    return Form((*shown, *_own_fields(own, wrong)), sweep, _spelt(form).errors | wrong)


def start(job: Mapping[str, Any]) -> tuple[str, Mapping[str, Any], dict[str, str]]:
    """What the form of a job's experiment starts from: its name, its values, and what is typed over
    them, which is something for a sweep alone."""
    if job.get("name") != NAME:
        return str(job["name"]), job, {}
    typed = {name: text_of(axis) for name, axis in job["over"].items()}
    own = {PREFIX + name: written(job[name]) for name in OWN if name in job}
    of = {**job["of"]}
    if "seed" in job or "seed" in of:  # that of the sweep is the one of all trials
        of["seed"] = job.get("seed", 0)
    return str(of["name"]), of, typed | own


def text_of(axis: Any) -> str:
    """An axis, as JSON has it, as it is typed into a field."""
    if isinstance(axis, str):
        return axis
    if isinstance(axis, Mapping):
        points = axis.get("points", POINTS)
        tail = " log" * bool(axis.get("log")) + f" {points}" * (points != POINTS)
        return f"{written(axis['low'])}..{written(axis['high'])}{tail}"
    if any(isinstance(value, list) for value in axis):
        return "; ".join("-".join(map(written, value)) or "linear" for value in axis)
    return ", ".join(map(written, axis))


def in_full(job: Mapping[str, Any], named: str) -> dict[str, str]:
    """What is typed into the form of what a sweep varies for the trial of that name, beside what
    differs from the defaults anyway; nothing where the sweep has no such trial."""
    sweep: Any = experiments.find(NAME).model_validate(job)
    values = sweep.named(named)
    if values is None:
        return {}
    whole = given(sweep.of.with_values(values))
    return {key: written(value) for key, value in whole.items() if key != "name"}


def around(job: Mapping[str, Any], named: str) -> dict[str, str]:
    """The same with a range around each number that was varied: half of it to twice as much."""
    sweep: Any = experiments.find(NAME).model_validate(job)
    values, found = sweep.named(named) or {}, in_full(job, named)
    cls: type[Experiment] = type(sweep.of)
    known = {shape.name: shape for shape in forms.shapes(cls)}
    for name, value in values.items():
        is_number = known[name].kind in {"number", "integer"} and value is not None and value > 0
        if is_number and (narrowed := _around(cls, known[name], value)):
            found[name] = narrowed
    return found | {PREFIX + name: written(job[name]) for name in ("eta",) if job.get(name, 1) > 1}


def _around(cls: type[Experiment], shape: Shape, value: float) -> str:
    """A range around a value within the bounds of its field; nothing where there is none."""
    whole = shape.kind == "integer"
    for low, high, log in ((value / 2, value * 2, " log"), (value / 2, (value + 1) / 2, "")):
        ends = (max(1, round(low)), round(high)) if whole else (low, high)
        text = f"{ends[0]:.3g}..{ends[1]:.3g}{log}"
        if ends[0] < ends[1] and not fill(cls, {}, {shape.name: text}).errors:
            return text
    return ""


def count(form: Form) -> int:
    """How many trials the sweep of a form has; 0 where it is none, or not whole yet."""
    sweep: Any = form.experiment
    return len(sweep.configs) if sweep is not None and sweep.name == NAME else 0


def words(form: Form) -> str:
    """What a sweep will train: "21 trials × 5 folds over lr and dropout"."""
    sweep: Any = form.experiment
    times = [f"{count(form):,} trials", *repetitions(sweep.of)]
    over = " and ".join(filter(None, [", ".join([*sweep.over][:-1]), [*sweep.over][-1]]))
    drops = f", at each rung one of {sweep.eta} goes on" if sweep.eta > 1 else ""
    return f"{' × '.join(times)} over {over}{drops}"


def repetitions(of: Experiment) -> list[str]:
    """How often each trial is trained, in the words of its fields: "5 folds"."""
    asked = {
        shape.title.lower(): getattr(of, shape.name)
        for shape in forms.shapes(type(of))
        if shape.group == JUDGING and shape.kind == "integer"
    }
    return [f"{times:,} {title}" for title, times in asked.items() if times > 1]


def _ends(text: str) -> tuple[str, ...]:
    """Both ends of what is written as a range."""
    if ".." not in text or "," in text:
        return ()
    low, _, high = text.partition("..")
    return (low.strip(), (high.split() or [""])[0])


def _lists(text: str) -> list[str]:
    """Each list as its field takes it, items with commas."""
    if ";" in text:
        parts = text.split(";")
    elif LAYERS.search(text) or "linear" in text:
        parts = text.split(",")
    else:
        return []
    lists = (part.strip().strip("[]") for part in parts)
    return ["" if part == "linear" else re.sub(r"\s*-\s*", ", ", part) for part in lists]


def _wrong(cls: type[Experiment], shape: Shape, values: Mapping[str, Any], found: Several) -> str:
    """What is wrong with the values of a field, the first of them that is."""
    if shape.name not in may_vary(cls):
        return f"{shape.title} cannot vary within a sweep: write one value."
    for text in found.each:
        error = forms.fill(cls, values, {shape.name: text}).errors.get(shape.name)
        if error:
            return f"{text or 'linear'}: {error}"
    return ""


def _sweep(
    of: Experiment, many: Mapping[str, Several], own: Form
) -> tuple[Experiment | None, dict[str, str]]:
    asked = {
        "name": NAME, "of": of.model_dump(mode="json"), "seed": of.seed,
        "over": {name: found.axis for name, found in many.items()},
        **{field.shape.name: forms.sent(field.shape, field.value)
           for field in own.fields if field.shape.name in OWN},
    }  # fmt: skip
    try:
        return experiments.find(NAME).model_validate(asked), {}
    except ValidationError as error:
        return None, {
            _place(item["loc"]): sentence(item, ()) for item in error.errors(include_url=False)
        }


def _place(loc: tuple[int | str, ...]) -> str:
    """The field of the form that an error of a sweep belongs to; "" where it is of the whole."""
    match loc:
        case ("over", str(name), *_):
            return name
        case (str(name), *_) if name in OWN:
            return PREFIX + name
    return ""


def _own(typed: Mapping[str, str]) -> dict[str, str]:
    return {name: typed[PREFIX + name] for name in OWN if PREFIX + name in typed}


def _own_fields(own: Form, wrong: Mapping[str, str]) -> Iterable[Field]:
    for field in own.fields:
        if field.shape.name in OWN:
            name = PREFIX + field.shape.name
            yield replace(
                field, shape=replace(field.shape, name=name, group=GROUP), error=wrong.get(name, "")
            )


def _varied(field: Field, typed: Mapping[str, str], wrong: Mapping[str, str]) -> Field:
    name = field.shape.name
    return replace(field, value=typed[name], error=wrong.get(name, ""), changed=True)


def _as_typed(form: Form, typed: Mapping[str, str]) -> Form:
    """What is wrong is shown as it was typed."""
    fields = [replace(field, value=typed.get(field.shape.name, field.value))
              if field.error else field for field in form.fields]  # fmt: skip
    return replace(form, fields=tuple(fields))


def _spelt(form: Form) -> Form:
    """The right spelling beside what may have been meant as a range: 0.001-0.1, or 1 to 8."""
    errors = dict(form.errors)
    for field in form.fields:
        if field.error and field.shape.kind in {"number", "integer"}:
            numbers = re.findall(NUMBER, re.sub(r"(?<=\d)\s*-", " ", field.value.lower()))
            if len(numbers) == 2:
                log = " log" if "log" in field.value.lower() else ""
                errors[field.shape.name] += f" A range is written {numbers[0]}..{numbers[1]}{log}."
    fields = [replace(field, error=errors.get(field.shape.name, "")) for field in form.fields]
    return replace(form, fields=tuple(fields), errors=errors)
