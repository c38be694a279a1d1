"""Several values typed into the form of an experiment are a sweep; one value stays what it was."""

import shlex
from typing import Any

import pytest

from app.catalogue import changes, experiments, forms, reproduce, sweeps
from app.cli import flags
from ml.experiments import EXPERIMENTS, parse
from ml.experiments.kaggle_house import KaggleHouse


def filled(**typed: str) -> forms.Form:
    """The form of the houses with this typed into it."""
    return sweeps.fill(KaggleHouse, {}, typed)


def over(**typed: str) -> dict[str, Any]:
    """What a sweep of this varies, as JSON has it."""
    form = filled(**typed)
    assert form.experiment is not None, form.errors
    varied: dict[str, Any] = form.experiment.model_dump(mode="json")["over"]
    return varied


@pytest.mark.parametrize(
    ("text", "layers"),
    [("128, 64", [128, 64]), ("128-64", [128, 64]), ("64", [64]), ("linear", []), ("", [])],
)
def test_one_net_is_one_net_however_it_is_written(text: str, layers: list[int]) -> None:
    form = filled(num_hiddens=text)
    assert form.experiment == KaggleHouse(num_hiddens=tuple(layers))
    assert sweeps.count(form) == 0


@pytest.mark.parametrize(
    ("field", "text", "values"),
    [
        ("num_hiddens", "64, 128-64", [[64], [128, 64]]),
        ("num_hiddens", "64; 128, 64; 32", [[64], [128, 64], [32]]),
        ("num_hiddens", "linear, 8", [[], [8]]),
        ("dropout", "0,0.3", [0.0, 0.3]),
        ("batch_size", "32, 64", [32, 64]),
        ("target", "log, raw", ["log", "raw"]),
        ("lr", "0.001..0.1 log 7", {"low": 0.001, "high": 0.1, "log": True, "points": 7}),
        ("lr", "1e-4 .. .5", {"low": 0.0001, "high": 0.5, "log": False, "points": 5}),
    ],
)
def test_several_values_are_those_that_a_sweep_varies(field: str, text: str, values: Any) -> None:
    assert over(**{field: text}) == {field: values}


def test_what_does_not_vary_is_that_of_the_form_and_the_rest_what_it_starts_from() -> None:
    typed = {"lr": "0.01, 0.02", "dropout": "0.1", "seed": "7", "k": "3"}
    sweep: Any = sweeps.fill(KaggleHouse, {"lr": 0.5, "weight_decay": 3.0}, typed).experiment
    assert sweep.of == KaggleHouse(lr=0.5, weight_decay=3, dropout=0.1, seed=7, k=3)
    assert sweep.seed == 7
    assert sweep.configs == [{"lr": 0.5}, {"lr": 0.01}, {"lr": 0.02}]


def test_the_sweeps_own_fields_are_read_and_shown_where_something_varies() -> None:
    own = {"sweep_method": "random", "sweep_trials": "9", "sweep_eta": "3"}
    form = filled(lr="0.001..0.1 log", **own)
    sweep: Any = form.experiment
    assert (sweep.method, sweep.trials, sweep.eta) == ("random", 9, 3)
    assert {field.shape.name: field.value for field in form.groups["The sweep"]} == own
    assert sweeps.count(form) == 10  # and what it began from
    assert sweeps.words(form) == "10 trials × 5 folds over lr, at each rung one of 3 goes on"
    assert "The sweep" not in filled(lr="0.01", **own).groups


@pytest.mark.parametrize(
    ("typed", "place", "said"),
    [
        ({"lr": "0.1, -1"}, "lr", "-1: Must be above 0."),
        ({"lr": "-1..3"}, "lr", "-1: Must be above 0."),
        ({"lr": "0.1..0.01"}, "lr", "0.1 .. 0.01 is no range that rises. Write 0.001..0.1 log"),
        ({"lr": "0.001-0.1"}, "lr", "A range is written 0.001..0.1."),
        ({"lr": "1e-3 to 1 log"}, "lr", "A range is written 1e-3..1 log."),
        ({"batch_size": "1.5..8"}, "batch_size", "1.5: Must be a whole number."),
        ({"target": "log, rw"}, "target", "rw: Must be 'log' or 'raw'."),
        ({"num_hiddens": "64; 0"}, "num_hiddens", "0: Item 1: Must be at least 1."),
        ({"k": "3, 5"}, "k", "Folds cannot vary within a sweep: write one value."),
        ({"seed": "1, 2"}, "seed", "Seed cannot vary within a sweep: write one value."),
        ({"lr": "1, 2", "dropout": "7"}, "dropout", "Must be below 1."),
        ({"lr": "1, 2", "sweep_eta": "0"}, "sweep_eta", "Must be at least 1."),
        ({"num_epochs": "1, 2", "sweep_eta": "2"}, "", "cannot be compared midway"),
        ({"lr": "0.1..1 99", "dropout": "0..0.9 99"}, "", "9,801 combinations; 4,096 are allowed"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_with_the_right_spelling(
    typed: dict[str, str], place: str, said: str
) -> None:
    form = filled(**typed)
    assert form.experiment is None
    assert said in form.errors[place]
    shown = {field.shape.name: field for field in form.fields}
    assert all(shown[name].value == text for name, text in typed.items())
    assert not place or shown[place].error == form.errors[place]


def test_names_of_columns_are_never_taken_for_several_values() -> None:
    cls = EXPERIMENTS["table_ensemble"]
    form = sweeps.fill(cls, {}, {"inputs": "rooms 1-2, linear feet; all"})
    assert sweeps.count(form) == 0
    values = next(field.value for field in form.fields if field.shape.name == "inputs")
    assert values == "rooms 1-2, linear feet; all"
    assert "inputs" not in sweeps.may_vary(cls)


def test_an_experiment_that_trains_nothing_has_no_sweep() -> None:
    cls = EXPERIMENTS["activations"]
    assert sweeps.fill(cls, {}, {"alpha": "0, 0.5"}).errors == {"alpha": "Must be a number."}
    assert sweeps.may_vary(cls) == set()


@pytest.mark.parametrize("name", [n for n, cls in EXPERIMENTS.items() if sweeps.trains(cls)])
def test_the_fields_that_may_vary_are_those_that_a_sweep_takes(name: str) -> None:
    cls = EXPERIMENTS[name]
    given = cls.model_validate({}).model_dump(mode="json")
    for field in forms.shapes(cls):
        asked = {"name": "sweep", "of": given, "over": {field.name: [given[field.name]]}}
        if field.name in sweeps.may_vary(cls):
            parse(asked)
        elif field.kind not in {"text", "list"}:
            with pytest.raises(ValueError, match="which is the same for all"):
                parse(asked)


@pytest.mark.parametrize(
    "typed",
    [
        {"lr": "0.001..0.1 log", "sweep_eta": "3"},
        {"num_hiddens": "linear; 64; 128-64", "dropout": "0, 0.25", "sweep_method": "random"},
        {"target": "log, raw", "batch_size": "16..64 3", "lr": "0.012345"},
    ],
)
def test_a_sweep_comes_back_as_the_form_that_asked_for_it(typed: dict[str, str]) -> None:
    sweep = filled(**typed).experiment
    assert sweep is not None
    name, values, back = sweeps.start(sweep.model_dump(mode="json"))
    assert {name: back[name] for name in typed if name in back} == {
        name: text for name, text in typed.items() if name != "lr" or "." * 2 in text
    }
    assert sweeps.fill(experiments.find(name), values, back).experiment == sweep
    assert parse(forms.given(sweep)) == sweep
    assert sweeps.start(forms.given(sweep))[2].items() <= back.items()
    words = shlex.split(reproduce.commands(forms.given(sweep), "")["Command line"])
    own = {word[2:]: words.pop(i + 1) for i, word in reversed([*enumerate(words)])
           if word[2:] in sweeps.OWN}  # fmt: skip
    flagged = [word for word in words[3:] if word[2:] not in sweeps.OWN and word != "\n"]
    assert flags.read_sweep("kaggle_house", None, flagged, own) == sweep


def test_the_best_trial_is_taken_on_in_full_and_with_a_range_around_its_numbers() -> None:
    typed = {"lr": "0.01, 0.02", "num_hiddens": "64; 128-64", "dropout": "0, 0.75", "k": "3"}
    sweep = filled(batch_size="32, 64", seed="9", **typed).experiment
    assert sweep is not None
    job = sweep.model_dump(mode="json")
    name = "num_hiddens 128-64, dropout 0.75, lr 0.02, batch_size 32"
    whole = sweeps.fill(KaggleHouse, {}, sweeps.in_full(job, name)).experiment
    assert whole == KaggleHouse(
        num_hiddens=(128, 64), dropout=0.75, lr=0.02, batch_size=32, k=3, seed=9
    )
    near = sweeps.around(job, name)
    assert (near["lr"], near["batch_size"]) == ("0.01..0.04 log", "16..64 log")
    assert (near["dropout"], near["num_hiddens"]) == ("0.375..0.875", "128, 64")
    assert sweeps.fill(KaggleHouse, {}, near).errors == {}
    assert sweeps.in_full(job, "lr 7") == {}


def test_the_settings_of_a_sweep_are_those_of_what_it_varies_with_their_values() -> None:
    sweep = filled(lr="0.001..0.1 log", num_hiddens="linear; 64", k="3").experiment
    assert sweep is not None
    said = changes.settings(experiments.find("sweep"), sweep.model_dump(mode="json"))
    assert {one.name: (one.value, one.default) for one in said if one.changed} == {
        "lr": ("0.001..0.1 log", "0.005"), "num_hiddens": ("linear; 64", "64"), "k": ("3", "5")
    }  # fmt: skip
