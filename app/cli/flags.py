"""An experiment from the words of a command line: its fields are the flags."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

from app.catalogue import experiments, forms, sweeps
from app.catalogue.suggestions import titles
from app.errors import Complaint, instead
from ml.experiment import Experiment

BAD_INPUT = 2  # exit code
SEVERAL = "give a field several values, such as --lr 0.001..0.1 or --dropout 0,0.3"


def mapping(pairs: Sequence[str] | None) -> dict[str, str]:
    """Which column is which field, from words as `Column=field`. Raises Complaint."""
    split = [pair.rsplit("=", 1) for pair in pairs or ()]
    if any(len(pair) < 2 for pair in split):
        raise Complaint("--map must be Column=field.", BAD_INPUT)
    return {pair[0]: pair[1] for pair in split}


def known(name: str) -> str:
    """The name, if it is one of an experiment; `kaggle-house` is one, too.

    Raises:
        Complaint: where it is not, with those that are.
    """
    there, wanted = experiments.names(), name.replace("-", "_")
    if not name:
        raise Complaint(f"Which experiment? There are: {', '.join(there)}.", BAD_INPUT)
    if wanted not in there:
        raise Complaint(str(experiments.unknown(wanted, there)), BAD_INPUT)
    return wanted


def read(name: str, preset: str | None, words: Sequence[str]) -> Experiment:
    """The experiment of that name: its defaults, a preset over them, `--field value` over both.

    Raises:
        Complaint: for a name, preset, field or value that there is not.
    """
    cls = experiments.find(known(name))
    typed = dict(_pairs(cls, words))
    form = sweeps.fill(cls, _preset(cls, preset), typed)
    if sweeps.count(form):
        same = f"ridgeline sweep {name}"
        raise Complaint(f"Several values are a sweep: {same}, with the same flags.", BAD_INPUT)
    return _whole(form, typed)


def read_sweep(
    name: str, preset: str | None, words: Sequence[str], own: Mapping[str, str]
) -> Experiment:
    """The sweep of that experiment over the flags that name several values; `own` are its own.

    Raises:
        Complaint: for a name, preset, field or value that there is not, or where nothing varies.
    """
    cls = experiments.find(known(name))
    typed = dict(_pairs(cls, words))
    beside = {sweeps.PREFIX + field: text for field, text in own.items()}
    form = sweeps.fill(cls, _preset(cls, preset), typed | beside)
    asked = _whole(form, typed | beside)
    if not sweeps.count(form):
        may = [_flag(shape.name) for shape in forms.shapes(cls) if shape.name in
               sweeps.may_vary(cls)]  # fmt: skip
        which = f" It may vary {', '.join(may)}." if may else f" {name} trains nothing."
        raise Complaint(f"Nothing varies: {SEVERAL}.{which}", BAD_INPUT)
    return asked


def _whole(form: forms.Form, typed: Mapping[str, str]) -> Experiment:
    if form.experiment is None:
        shapes = {field.shape.name: field.shape for field in form.fields}
        lines = (_wrong(shapes.get(field), typed, error) for field, error in form.errors.items())
        raise Complaint("\n".join(lines), BAD_INPUT)
    return form.experiment


def table(name: str) -> Table:
    """The flags of an experiment, for its help."""
    cls = experiments.find(known(name))
    drawn = Table(title=f"{name} ({cls.section}): {cls.summary()}", title_justify="left")
    drawn.add_column("flag", no_wrap=True)
    drawn.add_column("default", no_wrap=True)
    drawn.add_column("what it is")
    for shape in forms.shapes(cls):
        options = f" One of {', '.join(shape.options)}." if shape.options else ""
        drawn.add_row(_flag(shape.name), shape.default, shape.hint + options)
    for preset in cls.presets:
        drawn.add_row(f"--preset {preset.name}", "", preset.text)
    return drawn


def _preset(cls: type[Experiment], wanted: str | None) -> Mapping[str, Any]:
    presets = {preset.name: preset.values for preset in cls.presets}
    if wanted is not None and wanted not in presets:
        name = cls.model_fields["name"].default
        text = f"{name} has no preset {wanted!r}.{instead(wanted, presets)}"
        raise Complaint(text, BAD_INPUT)
    return presets[wanted] if wanted is not None else {}


def _pairs(cls: type[Experiment], words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """`--lr 0.1`, `--lr=0.1`, `--num-hiddens 64,32`; a yes-or-no field needs no value."""
    shapes = {shape.name: shape for shape in forms.shapes(cls)}
    rest = list(words)
    while rest:
        word, equals, value = rest.pop(0).partition("=")
        if not word.startswith("--"):
            raise Complaint(f"{word!r} belongs to no flag; say --field value.", BAD_INPUT)
        name = word.removeprefix("--").replace("-", "_")
        if name not in shapes:
            hint = instead(word, map(_flag, shapes), _aliases(cls))
            raise Complaint(f"There is no flag {word}.{hint}", BAD_INPUT)
        if not equals:
            value = _value(word, shapes[name], rest)
        yield name, value


def _value(word: str, shape: forms.Shape, rest: list[str]) -> str:
    if shape.kind == "flag" and (not rest or rest[0].startswith("--")):
        return "true"
    if not rest:
        raise Complaint(f"{word} needs a value. {shape.hint}", BAD_INPUT)
    return rest.pop(0)


def _aliases(cls: type[Experiment]) -> dict[str, str]:
    """Flags that one might expect, by the titles of the fields."""
    return {_flag(title): _flag(name) for title, name in titles(cls).items()}


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _wrong(shape: forms.Shape | None, typed: Mapping[str, str], error: str) -> str:
    """What is wrong with a field, what was given and what is allowed."""
    if shape is None:
        return error  # of the whole
    name = shape.name.removeprefix(sweeps.PREFIX)
    given = f"{_flag(name)} {typed[shape.name]}" if shape.name in typed else name
    return f"{given}: {error} {name}: {shape.hint}"
