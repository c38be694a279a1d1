"""The answer of a job: row, numbers, sentence and curves are of the same setting."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sqlalchemy.orm import Session

from app.results.charts import charts
from app.results.headline import Headline, headline_of
from app.results.reading import Reading, read
from app.results.repetitions import settings_of
from app.store.models import Job
from app.typography import brief
from ml.events import Epoch, Event, Started
from tests.app.made_jobs import NAN, Curve, curves, group, parts, write

PAIR = group("decay", ["λ 0"] * 3 + ["λ 3"] * 3, asked="λ 3", judged_on="test")
SWEEP = group("lr", ["lr 1", "lr 1", "lr 2", "lr 2", "lr 3", "lr 3", "lr 4", "lr 4"], asked=None)
FOLDS = group("folds", ["MLP"] * 5, asked="MLP", measure="log_rmse")
ACCURACY = ("train", "valid", "train accuracy", "valid accuracy")
CLASSES = group("net", [""], measure="cross_entropy", metrics=ACCURACY, judged_on="test")
JOBS = {
    "compares": (PAIR, [80.0, 90.0, 85.0, 0.1, 0.2, 0.3]),
    "sweeps": (SWEEP, [0.4, 0.6, 0.3, 0.1, NAN, 0.01, 2.0, 3.0]),
    "folds": (FOLDS, [0.11, 0.12, 0.13, 0.14, 0.15]),
    "classifies": (CLASSES, [0.4]),
    "diverged": (PAIR, [80.0, 90.0, 85.0, 0.1, NAN, 0.3]),
}


def known(*events: Event) -> Reading:
    return Reading.of(events)


def headline(reading: Reading) -> Headline | None:
    groups = [*reading.groups.values()]
    return headline_of(groups, settings_of(groups))


def drawn(reading: Reading, after: Sequence[int] = ()) -> dict[str, Any]:
    groups = [*reading.groups.values()]
    shown = headline(reading)
    return charts(groups, settings_of(groups), shown.setting if shown else None, after)


def ends(reading: Reading) -> dict[str, str]:
    """What stands beside the ends of all lines, by their names."""
    lines = [line for view in drawn(reading)["views"] for line in view["lines"]]
    return {line["name"]: line["end"]["text"] for line in lines if line["end"]}


def values(shown: Headline) -> dict[str, str]:
    return {number.label: number.value for number in shown.numbers}


@pytest.mark.parametrize("name", JOBS)
@pytest.mark.parametrize("cuts", [(), (1,), (1, 2, 3)])
def test_row_numbers_sentence_and_curve_are_one_number_of_one_setting(
    session: Session, name: str, cuts: tuple[int, ...]
) -> None:
    started, lasts = JOBS[name]
    said = parts(started.key, curves(started, lasts), *cuts)
    for until in range(1, len(said) + 1):
        job = write(session, [started], *([part] for part in said[:until]))
        reading = read(session, job.id)
        shown = headline(reading)
        assert shown is not None
        assert (job.headline or "") == shown.setting.title
        assert brief(job.valid) in values(shown).values()
        assert job.judged_on == shown.judged_on
        if job.valid is None:
            assert shown.sentence == shown.so_far == ""
            continue
        assert brief(job.valid) in shown.sentence
        assert brief(job.valid) in shown.so_far
        of_setting = [text for line, text in ends(reading).items() if shown.setting.title in line]
        assert brief(job.valid) in of_setting


@pytest.mark.parametrize("name", JOBS)
def test_what_another_setting_gave_moves_no_number(name: str) -> None:
    started, lasts = JOBS[name]
    before = curves(started, lasts)
    shown = headline(known(started, Epoch(started.key, 1, before)))
    assert shown is not None
    others = np.array([one != shown.setting.name for one in started.settings])
    moved = np.where(others, 1000 * before, before).astype(np.float32)
    again = headline(known(started, Epoch(started.key, 1, moved)))
    assert again is not None
    assert (again.sentence, again.best) == (shown.sentence, shown.best)
    own = [number for number in again.numbers if shown.setting.title in number.label]
    assert [number for number in own if number in shown.numbers] == own


def test_each_number_says_what_it_is_the_mean_of() -> None:
    shown = headline(known(PAIR, Epoch("decay", 1, curves(PAIR, JOBS["compares"][1]))))
    assert shown is not None
    assert [(one.label, one.value, one.under) for one in shown.numbers] == [
        ("λ 0 test", "85.00", "mean of 3 seeds"),
        ("λ 3 test", "0.2000", "mean of 3 seeds"),
    ]
    assert shown.measure == "halved squared loss"
    assert shown.sentence.startswith("In the end λ 3 has test halved squared loss 0.2000, train")


def test_the_best_of_several_is_said_to_be_picked_by_looking() -> None:
    shown = headline(known(SWEEP, Epoch("lr", 1, curves(SWEEP, JOBS["sweeps"][1]))))
    assert shown is not None
    assert shown.sentence.startswith("Best of 4 settings is lr 2: valid")
    assert shown.numbers[0].under == "best of 4 settings, picked by looking"
    assert shown.numbers[1].under == "lr 2, mean of 2 seeds"
    assert "lr 2, best of 4 so far" in shown.so_far
    assert shown.in_short == (
        "best of 4 so far, lr 2: train 0.1600, valid 0.2000 halved squared loss, mean of 2 seeds"
    )


@pytest.mark.parametrize("cuts", [(), (1, 2, 3)])
def test_classifiers_are_compared_by_what_chooses_between_them(
    session: Session, cuts: tuple[int, ...]
) -> None:
    """Sentence, numbers, row and first chart are of the setting that a figure by held-out accuracy
    names, and the first three are of that accuracy."""
    said: dict[str, Any] = {"asked": None, "measure": "cross_entropy", "metrics": ACCURACY}
    by = group("lr", ["lr 1", "lr 1", "lr 2", "lr 3", "lr 4"], **said, best_by="valid accuracy")
    values = curves(by, [0.4, 0.4, 0.3, NAN, 0.5])
    values[:, 3] = [0.8, 0.8, 0.7, 0.9, 0.6]  # the lowest loss is not right most often
    batches = parts("lr", values, *cuts)
    job = write(session, [by], *([part] for part in batches))
    reading = read(session, job.id)
    shown = headline(reading)
    assert shown is not None
    assert job.headline == shown.setting.title == "lr 1"
    assert shown.sentence.startswith("Best of 4 settings is lr 1: valid accuracy 0.8000, train 0.7")
    assert "lr 1, best of 4 so far, valid accuracy 0.8000, train" in shown.so_far
    first, *others = shown.numbers
    assert (first.label, first.value) == ("valid accuracy", "0.8000")
    assert first.under == "best of 4 settings, picked by looking"
    assert [number.label for number in others] == [
        "train accuracy", "valid cross-entropy", "train cross-entropy",
    ]  # fmt: skip
    assert [view["name"] for view in drawn(reading)["views"]] == ["accuracy", "cross-entropy"]
    assert job.valid == pytest.approx(0.4)
    assert brief(job.valid) == {one.label: one.value for one in others}["valid cross-entropy"]
    plain = write(session, [replace(by, best_by="valid")], *([part] for part in batches))
    assert plain.headline == "lr 2"


def test_each_of_a_few_classifiers_has_the_accuracy_that_they_are_compared_by() -> None:
    said: dict[str, Any] = {"measure": "cross_entropy", "metrics": ACCURACY}
    two = group("net", ["none", "both"], asked="both", **said, best_by="valid accuracy")
    values = curves(two, [0.3, 0.4])
    values[:, 3, 1] = [0.5, 0.9, 0.6, 0.8]
    shown = headline(known(two, Epoch("net", 1, values)))
    assert shown is not None
    assert [(one.label, one.value, one.under) for one in shown.numbers] == [
        ("none valid accuracy", brief(1 / 1.3), "one run · cross-entropy 0.3000"),
        ("both valid accuracy", "0.8000", "one run · cross-entropy 0.4000"),
    ]
    assert shown.best.startswith("Highest accuracy at epoch 2, 0.9000: picked by looking")


def test_an_error_of_log_prices_is_said_to_be_an_rmse() -> None:
    shown = headline(known(FOLDS, Epoch("folds", 1, curves(FOLDS, JOBS["folds"][1]))))
    assert shown is not None
    assert shown.numbers[0].under == "mean of 5 seeds · an RMSE of 13.9 % of the price"
    assert shown.numbers[0].label == "valid log RMSE"


def test_a_classifier_has_the_three_numbers_of_the_book_and_its_loss() -> None:
    reading = known(CLASSES, Epoch("net", 1, curves(CLASSES, [0.4])))
    shown = headline(reading)
    assert shown is not None
    assert [*values(shown)] == [
        "test cross-entropy", "train cross-entropy", "test accuracy", "train accuracy",
    ]  # fmt: skip
    assert values(shown)["test accuracy"] == ends(reading)["test accuracy"] == brief(1 / 1.4)
    book, loss = drawn(reading)["views"]
    assert [line["name"] for line in book["lines"]] == [
        "train loss",
        "train accuracy",
        "test accuracy",
    ]
    assert [line["name"] for line in loss["lines"]] == ["train", "test"]


def test_a_further_share_has_its_numbers_and_its_curves() -> None:
    further = ("train top-2 accuracy", "valid top-2 accuracy")
    started = group("net", ["", ""], metrics=(*ACCURACY, *further), judged_on="test")
    reading = known(started, Epoch("net", 1, curves(started, [0.4, 0.6])))
    shown = headline(reading)
    assert shown is not None
    assert [view["name"] for view in drawn(reading)["views"]] == [
        "one axis, as the book", "halved squared loss", "top-2 accuracy",
    ]  # fmt: skip
    expected = brief((1 / 1.2 + 1 / 1.3) / 2)
    name = "test top-2 accuracy"
    assert values(shown)[name] == ends(reading)[name] == expected
    assert f"test accuracy 0.6696, {name} {expected}, mean of 2 seeds" in shown.in_short


def test_there_is_no_headline_before_its_setting_has_begun() -> None:
    second = group("more", ["λ 3"], asked="λ 3")
    first = group("less", ["λ 0"], asked="λ 3")
    reading = known(first, second, Epoch("less", 1, curves(first, [0.5])))
    assert headline(reading) is None
    assert ends(reading)["λ 0 valid"] == "0.5000"


def old(labels: Sequence[str], values: Curve) -> Reading:
    """A reading of what the first version stored: no word on settings."""
    started = Started("g", tuple(labels), len(values), "squared_loss", "cpu")
    reading = known(started, Epoch("g", 1, values))
    item = reading.groups["g"].started
    for name in ("settings", "asked", "judged_on"):
        del item[name]
    return reading


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["fold 1", "fold 2"], "mean of 2 folds"),
        (["λ 0, data set 1", "λ 3, data set 1"], "mean of all 2 runs, of whatever setting"),
        (["alone"], "one run"),
    ],
)
def test_a_job_of_the_first_version_says_what_its_mean_is_of(labels: list[str], words: str) -> None:
    lanes = group("g", [""] * len(labels))
    shown = headline(old(labels, curves(lanes, [0.2 + i for i in range(len(labels))])))
    assert shown is not None
    assert shown.numbers[0].under == words
    assert shown.numbers[0].value == brief(0.2 + (len(labels) - 1) / 2)


def test_rows_and_pages_agree_on_a_refit(session: Session) -> None:
    refit = group("refit", ["MLP"], asked="MLP", measure="log_rmse")
    on_all = curves(refit, [0.9])
    on_all[:, 1] = NAN
    said = [Epoch("folds", 1, curves(FOLDS, JOBS["folds"][1])), Epoch("refit", 1, on_all)]
    job: Job = write(session, [FOLDS, refit], said)
    shown = headline(read(session, job.id))
    assert shown is not None
    assert brief(job.valid) == shown.numbers[0].value == "0.1300"
    assert len(shown.setting.labels) == 5


# ---- numbers -------------------------------------------------------------------------------------


def test_a_number_is_of_the_rows_that_its_label_names() -> None:
    shown = headline(known(FOLDS, Epoch("folds", 1, curves(FOLDS, JOBS["folds"][1]))))
    assert shown is not None
    assert values(shown) == {
        "valid log RMSE": "0.1300", "train log RMSE": "0.1040", "gap": "0.02600",
    }  # fmt: skip
    assert "0.1300, train 0.1040, a gap of 0.02600; mean of 5" in shown.sentence
    started = group("net", [""], measure="cross_entropy", metrics=ACCURACY, judged_on="test")
    rights = curves(started, [0.4])
    rights[-1, 2:, 0] = 0.9, 0.8
    classes = headline(known(started, Epoch("net", 1, rights)))
    assert classes is not None
    assert values(classes)["train accuracy"] == brief(0.9)
    assert values(classes)["test accuracy"] == brief(0.8)
    assert "test accuracy 0.8000" in classes.in_short


def test_the_lowest_epoch_is_said_with_its_own_number() -> None:
    risen = curves(FOLDS, JOBS["folds"][1])
    risen[:, 1] = np.array([0.5, 0.12, 0.3, 0.4])[:, None]
    shown = headline(known(FOLDS, Epoch("folds", 1, risen)))
    assert shown is not None
    assert shown.best.startswith("Lowest at epoch 2, 0.1200: picked by looking")
    risen[-1, 1] = 0.1
    still = headline(known(FOLDS, Epoch("folds", 1, risen)))
    assert still is not None
    assert still.best == ""


def test_the_last_number_of_a_run_is_that_of_its_own_last_epoch() -> None:
    long, short = group("a", ["x"], 4, asked="x"), group("b", ["x"], 2, asked="x")
    said = Epoch("a", 1, curves(long, [0.4])), Epoch("b", 1, curves(short, [0.2]))
    shown = headline(known(long, short, *said))
    assert shown is not None
    assert shown.numbers[0].value == "0.3000"
