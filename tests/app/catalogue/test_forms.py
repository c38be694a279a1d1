"""A form is the schema drawn; what is typed comes back as the experiment it describes."""

import json
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import Field, model_validator

from app.catalogue import changes, forms
from ml.events import Event
from ml.experiment import Experiment
from ml.experiments import EXPERIMENTS


class Every(Experiment):
    """One field of every kind."""

    section: ClassVar[str] = "0.0"

    name: Literal["every"] = "every"
    lr: float = Field(
        0.01, gt=0, le=10, title="Learning rate", description="Of Adam.",
        json_schema_extra={"group": "Training", "symbol": "η"},
    )  # fmt: skip
    k: int = Field(5, ge=2, description="Folds.", json_schema_extra={"unit": "folds"})
    dropout: float = Field(0.5, ge=0, lt=1, description="Of hidden units.")
    num_hiddens: tuple[Annotated[int, Field(ge=1)], ...] = Field((64,), max_length=3, strict=False)
    target: Literal["log", "raw"] = "log"
    bias: bool = True
    clip: float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _together(self) -> "Every":
        if self.k == 13:
            raise ValueError("13 folds bring bad luck")
        return self

    def run(self, resume: Any = None) -> Iterator[Event]:
        """Nothing."""
        yield from ()


def filled(**typed: str) -> forms.Form:
    """The form with this typed into it."""
    return forms.fill(Every, {}, typed)


def error(form: forms.Form, name: str) -> str:
    """What stands beside a field."""
    return next(field.error for field in form.fields if field.shape.name == name)


@pytest.mark.parametrize("cls", EXPERIMENTS.values())
def test_the_form_of_every_experiment_gives_its_defaults_and_presets(cls: type[Experiment]) -> None:
    name = cls.model_fields["name"].default
    untouched = forms.fill(cls, {}, {})
    assert untouched.experiment == cls.model_validate({})
    assert untouched.changed == []
    assert untouched.request == {"name": name}
    for preset in cls.presets:
        form = forms.fill(cls, preset.values, {})
        assert form.experiment == cls.model_validate(preset.values)
        again = forms.fill(cls, {}, {field.shape.name: field.value for field in form.fields})
        assert again.experiment == form.experiment


@pytest.mark.parametrize("cls", EXPERIMENTS.values())
def test_every_field_says_what_it_is_and_has_a_group(cls: type[Experiment]) -> None:
    for shape in forms.shapes(cls):
        assert shape.hint, shape.name
        assert shape.group != forms.UNGROUPED, shape.name


def test_the_schema_decides_how_a_field_is_drawn() -> None:
    shapes = {shape.name: shape for shape in forms.shapes(Every)}
    kinds = {name: shape.kind for name, shape in shapes.items()}
    assert kinds == {
        "lr": "number", "k": "integer", "dropout": "number", "num_hiddens": "list",
        "target": "choice", "bias": "flag", "clip": "number", "seed": "integer",
    }  # fmt: skip
    assert (shapes["lr"].title, shapes["lr"].symbol) == ("Learning rate", "η")
    assert shapes["lr"].hint == "Of Adam. Above 0 and at most 10."
    assert shapes["dropout"].hint == "Of hidden units. At least 0 and below 1."
    assert shapes["k"].hint == "Folds. At least 2."
    assert shapes["k"].unit == "folds"
    assert shapes["target"].options == ("log", "raw")
    assert shapes["clip"].optional
    assert [*filled().groups] == ["Training", "Settings", "Run"]


def test_texts_become_the_experiment_they_describe() -> None:
    form = filled(
        lr=" 0.5 ", k="7", num_hiddens="128, 64", target="raw", bias="false", clip="2", seed="3"
    )
    assert form.experiment == Every(
        lr=0.5, k=7, num_hiddens=(128, 64), target="raw", bias=False, clip=2, seed=3
    )
    assert form.request == {
        "name": "every", "lr": 0.5, "k": 7, "num_hiddens": [128, 64], "target": "raw",
        "bias": False, "clip": 2.0, "seed": 3,
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "[]", " [ ] "])
def test_an_empty_list_is_a_list(text: str) -> None:
    form = filled(num_hiddens=text)
    assert form.experiment is not None
    assert form.experiment.model_dump()["num_hiddens"] == ()


def test_only_what_differs_from_the_default_is_marked_however_it_is_written() -> None:
    assert filled(lr="0.010", num_hiddens="[64]").changed == []
    assert filled(lr="0.02", dropout="x").changed == ["lr", "dropout"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("lr", "-1", "Must be above 0."),
        ("lr", "11", "Must be at most 10."),
        ("lr", "fast", "Must be a number."),
        ("lr", "", "Must not be empty."),
        ("lr", "nan", "Must be a finite number."),
        ("k", "1", "Must be at least 2."),
        ("k", "2.5", "Must be a whole number."),
        ("dropout", "1", "Must be below 1."),
        ("num_hiddens", "64, x", "Item 2: Must be a whole number."),
        ("num_hiddens", "64, 0", "Item 2: Must be at least 1."),
        ("num_hiddens", "1,2,3,4", "Has 4 items; at most 3 are allowed."),
        ("target", "cube", "Must be 'log' or 'raw'."),
        ("bias", "perhaps", "Must be true or false."),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(
    name: str, text: str, said: str
) -> None:
    form = filled(**{name: text, "seed": "9"})
    assert form.experiment is None
    assert form.errors == {name: said}
    assert error(form, name) == said
    assert {field.shape.name: field.value for field in form.fields}[name] == text
    assert "seed" in form.changed


def test_what_is_wrong_with_the_whole_is_said_of_the_whole() -> None:
    assert filled(k="13").errors == {"": "13 folds bring bad luck."}


def test_an_unknown_field_is_not_taken_up() -> None:
    assert filled(colour="red").experiment == Every()


# ---- a job's settings beside the defaults -----------------------------------------------------


def test_settings_show_each_field_beside_its_default() -> None:
    shown = {item.name: item for item in changes.settings(Every, {"name": "every", "lr": 0.5})}
    assert (shown["lr"].value, shown["lr"].default, shown["lr"].changed) == ("0.5", "0.01", True)
    assert not shown["k"].changed
    assert "name" not in shown


def test_settings_of_an_experiment_that_is_gone_are_shown_as_given() -> None:
    (only,) = changes.settings(None, {"name": "gone", "depth": 3})
    assert (only.value, only.default) == ("3", None)
    assert "no longer known" in changes.problem(None, {})


def test_a_job_that_no_longer_fits_says_why() -> None:
    assert changes.problem(Every, {"name": "every", "lr": 0.1}) == ""
    assert "lr: Must be above 0." in changes.problem(Every, {"name": "every", "lr": -1.0})


def test_the_shortest_form_of_a_job_leaves_out_its_defaults() -> None:
    given = Every(k=7).model_dump(mode="json")
    assert changes.shortest(Every, given) == {"name": "every", "k": 7}
    assert changes.shortest(None, {"name": "gone"}) == {"name": "gone"}


def test_same_compares_what_is_asked_for() -> None:
    assert changes.same(Every, {"k": 5}, {"name": "every", "lr": 0.01})
    assert not changes.same(Every, {"k": 6}, {})
    assert not changes.same(Every, {"k": "x"}, {})


@pytest.mark.parametrize(
    ("field", "text", "sent"),
    [
        ("lr", "-1", -1), ("lr", "1e3", 1000.0), ("lr", "x", "x"), ("lr", "", ""),
        ("lr", "inf", "inf"), ("lr", "1_1", 11.0), ("k", "1", 1), ("k", "2.5", 2.5),
        ("num_hiddens", "64, x", [64, "x"]), ("num_hiddens", "0, 1, 2, 3", [0, 1, 2, 3]),
        ("bias", "maybe", "maybe"), ("target", "logg", "logg"),
    ],
)  # fmt: skip
def test_what_is_wrong_stands_in_the_request_as_it_was_typed(
    field: str, text: str, sent: object
) -> None:
    form = forms.fill(Every, {}, {"dropout": "0.25", "bias": "false"} | {field: text})
    assert form.experiment is None
    others = {"dropout": 0.25, "bias": False}
    assert form.request == others | {field: sent}
    assert json.loads(json.dumps(form.request, allow_nan=False)) == form.request
