"""The contract that every experiment of the registry keeps: a new file is tested once it exists."""

import ast
import inspect
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from ml.data import fashion_mnist
from ml.events import Check, Epoch, Figure, Started, Table
from ml.experiment import Experiment
from ml.experiments import EXPERIMENTS, parse
from ml.trains import TrainingExperiment

TINY: dict[str, Any] = {
    "num_epochs": 2,
    "num_images": 500,
    "num_seeds": 2,
    "num_trials": 4,
    "num_draws": 4,
    "k": 2,
}
DIVERGES = {
    "no_factorial",
    "layerwise_rates",
}  # a lane that diverges beside others is what it shows
every = pytest.mark.parametrize("cls", EXPERIMENTS.values(), ids=EXPERIMENTS)


def tiny(cls: type[Experiment], **values: Any) -> Experiment:
    return cls(**{name: value for name, value in TINY.items() if name in cls.model_fields} | values)


@every
def test_file_name_and_words(cls: type[Experiment]) -> None:
    source = Path(inspect.getfile(cls))
    assert cls.model_fields["name"].default == source.stem
    first = ast.get_docstring(ast.parse(source.read_text())) or ""
    assert first.startswith(f"{cls.section} ")
    assert cls.summary().endswith(".")
    assert 2 <= len(cls.section.split(".")) <= 2


@every
def test_every_field_is_described_and_in_a_group(cls: type[Experiment]) -> None:
    for name, field in cls.model_json_schema()["properties"].items():
        if name != "name":
            assert field["description"].endswith("."), name
            assert field["group"], name


@every
def test_json_round_trip(cls: type[Experiment]) -> None:
    value = cls(seed=3)  # type: ignore[call-arg]
    assert parse(value.model_dump(mode="json")) == value
    assert parse({"name": value.name, "seed": 3}) == value


@every
def test_values_are_equal_by_their_fields_whatever_they_have_computed(
    cls: type[Experiment],
) -> None:
    one, two, other = cls(), cls(), cls(seed=3)  # type: ignore[call-arg]
    assert one == two != other
    assert hash(one) == hash(two)
    if cls.instant:
        list(one.run())  # it may keep the data that it has drawn
        assert one == two


@every
def test_presets_are_valid(cls: type[Experiment]) -> None:
    for preset in cls.presets:
        cls(**preset.values)
        assert preset.text.endswith(".")
    for values in cls.verifies:
        cls(**values)


@every
def test_wrong_fields_are_refused(cls: type[Experiment]) -> None:
    for wrong in ({"seed": -1}, {"seed": "3"}, {"seed": True}, {"nothing": 1}):
        with pytest.raises(ValidationError):
            parse({"name": cls.model_fields["name"].default, **wrong})


@every
def test_it_runs_and_says_finite_things_by_stable_names(
    cls: type[Experiment], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = fashion_mnist.read  # of 10,000 test images a quarter says as well what is finite
    monkeypatch.setattr(fashion_mnist, "read", lambda learnt, tested=2500: read(learnt, tested))
    said = list(tiny(cls).run())
    groups = {event.key: event for event in said if isinstance(event, Started)}
    for event in said:
        if isinstance(event, Epoch):
            group = groups[event.key]
            assert event.values.shape[1:] == (len(group.metrics), len(group.labels))
            lost = ~np.isfinite(event.values[:, 0])
            divergent = cls.model_fields["name"].default in DIVERGES
            assert divergent or not lost.any()
            assert event.last <= group.num_epochs
    assert issubclass(cls, TrainingExperiment) == bool(groups)
    for kind in (Figure, Table, Check):
        names = [event.name for event in said if isinstance(event, kind)]
        assert len(names) == len(set(names))
    assert all(event.section == cls.section for event in said if isinstance(event, Check))


def test_an_unknown_experiment_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValidationError, match="kaggle_house"):
        parse({"name": "nope"})


def test_near_and_at_most_never_pass_nan() -> None:
    experiment = EXPERIMENTS["coin"]()  # type: ignore[call-arg]
    for check in (
        experiment.near("", 0.0, math.nan, 1e9),
        experiment.at_most("", 1e9, math.nan),
        experiment.at_least("", -1e9, math.nan),
        experiment.above("", -1e9, math.nan),
        experiment.below("", 1e9, math.nan),
        experiment.equal("", math.nan, math.nan),
    ):
        assert not check.passed
