"""The contract that every experiment of the registry keeps: a new file is tested once it exists."""

import ast
import inspect
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from ml.events import Check, Epoch, Event, Figure, Started, Table, Trained
from ml.experiment import Diverged, Experiment, Preset
from ml.experiments import EXPERIMENTS, house_sweeps, parse
from ml.houses.tables import HouseTables

TINY: dict[str, Any] = {"num_epochs": 2, "num_images": 500, "num_seeds": 2, "num_trials": 4}
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
def test_it_runs_and_says_finite_things_by_stable_names(cls: type[Experiment]) -> None:
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
    assert cls.instant == (not groups)
    for kind in (Figure, Table, Check):
        names = [event.name for event in said if isinstance(event, kind)]
        assert len(names) == len(set(names))
    assert all(event.section == cls.section for event in said if isinstance(event, Check))


def test_an_unknown_experiment_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValidationError, match="kaggle_house"):
        parse({"name": "nope"})


def test_near_and_at_most_never_pass_nan() -> None:
    assert not Check.near("4.1", "", 0.0, math.nan, 1e9).passed
    assert not Check.at_most("4.1", "", 1e9, math.nan).passed


# ---- 4.10 ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def default() -> list[Event]:
    return list(EXPERIMENTS["kaggle_house"]().run())  # type: ignore[call-arg]


def test_the_defaults_beat_the_book(default: list[Event]) -> None:
    (check,) = [e for e in default if isinstance(e, Check) and e.name.startswith("our defaults")]
    assert check.passed
    assert isinstance(check.got, float)
    assert check.got < 0.15


def test_the_predictor_comes_back_from_its_bytes(default: list[Event], tmp_path: Path) -> None:
    (predictor,) = [event.predictor for event in default if isinstance(event, Trained)]
    file = tmp_path / "predictor.safetensors"
    predictor.save(file)
    again = type(predictor).load(file)
    assert again.card == predictor.card
    rows: list[dict[str, object]] = [{"GrLivArea": 1710, "OverallQual": 7}, {}]
    np.testing.assert_array_equal(again.predict(rows).price, predictor.predict(rows).price)
    assert again.submission() == predictor.submission()
    with pytest.raises(ValueError, match="no predictor of Ridgeline"):
        type(predictor).from_bytes(b"\x80\x04K\x01.")  # a pickle


def test_the_interval_covers_nine_of_ten_training_prices(default: list[Event]) -> None:
    (predictor,) = [event.predictor for event in default if isinstance(event, Trained)]
    low, high = predictor.card.interval
    assert -0.4 < low < 0 < high < 0.4


def test_prices_that_are_no_numbers_end_a_job_as_diverged() -> None:
    fields = {"num_hiddens": [64, 64], "lr": 200, "weight_decay": 0, "dropout": 0}
    wild = parse({"name": "kaggle_house", "optimizer": "adam", "num_epochs": 4, **fields})
    with pytest.raises(Diverged, match="not finite numbers above 0"):
        list(wild.run())


def test_both_ways_are_lanes_of_one_program() -> None:
    said = list(tiny(EXPERIMENTS["kaggle_house"], preprocessing="both").run())
    started = next(event for event in said if isinstance(event, Started))
    assert len(started.labels) == 10
    (table,) = [event for event in said if isinstance(event, Table) and event.name == "ways"]
    assert len(table.rows) == 6


def test_a_network_too_large_to_train_is_refused_at_its_field() -> None:
    wide: dict[str, Any] = {"name": "kaggle_house", "num_hiddens": [2048] * 4}
    with pytest.raises(ValidationError) as refused:
        parse(wide | {"preprocessing": "both"})
    (error,) = refused.value.errors()
    assert error["loc"] == ("kaggle_house", "num_hiddens")
    assert error["msg"] == (
        "10 runs of this network have 132,710,410 parameters; 50,000,000 are allowed."
        " Take fewer or narrower hidden layers, or fewer folds."
    )
    assert parse(wide | {"num_hiddens": [2048, 2048]})
    with pytest.raises(ValidationError) as refused:  # without k there is no number of runs
        parse(wide | {"k": 1})
    assert [error["loc"][-1] for error in refused.value.errors()] == ["k"]


@pytest.mark.parametrize("preset", EXPERIMENTS["house_sweeps"].presets, ids=lambda p: p.name)
def test_each_house_sweep_sets_its_values_beside_the_default(preset: Preset) -> None:
    given = preset.values | {"num_seeds": 2, "num_epochs": 1}
    said = list(EXPERIMENTS["house_sweeps"](**given).run())
    groups = [event for event in said if isinstance(event, Started)]
    (table,) = [event for event in said if isinstance(event, Table)]
    variants = house_sweeps.VARIANTS[preset.name]
    lanes = [label for group in groups for label in group.labels]
    assert len({group.key for group in groups}) == len(groups)
    assert len(set(lanes)) == len(lanes) == 2 * sum(v.k for v in variants)
    assert [row[0] for row in table.rows] == [v.label for v in variants]
    assert all(isinstance(cell, float) for row in table.rows for cell in row[1:])
    for v, row in zip(variants, table.rows, strict=True):
        assert (row[3] == 0) == (v.label == v.beside)
    assert not [event for event in said if isinstance(event, Check)]  # not its own settings


def test_a_house_sweep_trains_what_kaggle_house_trains(default: list[Event]) -> None:
    alone = next(e for e in default if isinstance(e, Epoch) and e.key == "folds")
    sweep = EXPERIMENTS["house_sweeps"](vary="scaling", num_epochs=1)  # type: ignore[call-arg]
    together = next(event for event in sweep.run() if isinstance(event, Epoch))
    np.testing.assert_allclose(together.values[0, :, :5], alone.values[0], rtol=1e-5)


def test_values_are_hidden_as_the_exercise_says() -> None:
    data = HouseTables.read()
    columns = [data.layout.columns.index(name) for name in house_sweeps.HIDDEN]
    values = data.raw[:, columns]
    high = values > np.median(values, axis=0)
    raw, gone = house_sweeps.hide(data, "not at random", 0)
    assert not gone[~high].any()
    assert gone[high].mean() == pytest.approx(0.9, abs=0.02)
    np.testing.assert_array_equal(np.isnan(raw[:, columns]), gone)
    others = np.delete(np.arange(raw.shape[1]), columns)
    np.testing.assert_array_equal(raw[:, others], data.raw[:, others])
    _, gone = house_sweeps.hide(data, "at random", 0)
    assert gone[high].mean() == pytest.approx(0.5, abs=0.03)
    assert gone[~high].mean() == pytest.approx(0.5, abs=0.03)


def test_numbers_as_they_come_have_the_mean_where_one_is_missing() -> None:
    data = HouseTables.read()
    X = house_sweeps.as_they_come(data.layout, data.raw)
    lot = data.layout.columns.index("LotFrontage")
    missing = np.isnan(data.raw[:, lot])
    assert missing.sum() == 259
    np.testing.assert_allclose(X[missing, lot], np.nanmean(data.raw[:, lot]), rtol=1e-6)
    np.testing.assert_array_equal(X[~missing, lot], data.raw[~missing, lot])
