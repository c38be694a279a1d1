"""The row of a job: numbers of one setting, means over its repetitions, and of nothing else."""

from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.results.headline import headline_of
from app.results.reading import Reading, read
from app.results.repetitions import settings_of
from app.store.chunks import after, merge
from app.store.leases import Leases
from app.store.models import Job, Run
from ml.events import Dropped, Epoch, Event, Started
from tests.app.made_jobs import NAN, claim, curves, group, parts, queue, write

PAIR = group("decay", ["λ 0"] * 3 + ["λ 3"] * 3, asked="λ 3", judged_on="test")
ENDS = [80.0, 90.0, 85.0, 0.1, 0.2, 0.3]


def numbers(job: Job) -> tuple[object, ...]:
    """Setting, train, valid and best of a row, in six digits."""
    values = (job.train, job.valid, job.best_valid)
    written = [None if value is None else f"{value:.6g}" for value in values]
    return job.headline, *written, job.best_epoch


def test_the_numbers_are_those_of_the_setting_asked_about(session: Session) -> None:
    values = curves(PAIR, ENDS)
    job = write(session, [PAIR, Epoch("decay", 1, values)])
    assert job.headline == "λ 3"
    assert job.valid == pytest.approx(0.2)
    assert job.train == pytest.approx(0.16)
    assert (job.judged_on, job.measure, job.best_of) == ("test", "squared_loss", 1)
    assert job.shown["folds"] == pytest.approx([0.1, 0.2, 0.3])
    assert job.shown["spark"][-1][1:] == pytest.approx([0.16, 0.2])
    before = numbers(job)
    values[:, :, :3] *= 7  # the runs of the other setting
    assert numbers(write(session, [PAIR, Epoch("decay", 1, values)])) == before


def test_of_several_settings_the_best_at_the_last_epoch_is_shown(session: Session) -> None:
    lanes = group("lr", ["lr 1", "lr 1", "lr 2", "lr 2", "lr 3", "lr 3"], asked=None)
    values = curves(lanes, [0.4, 0.6, 0.3, 0.1, NAN, 0.01])
    job = write(session, [lanes, *parts("lr", values, 1, 3)])
    assert (job.headline, job.best_of) == ("lr 2", 3)
    assert job.valid == pytest.approx(0.2)
    assert [*job.summary["settings"]] == ["lr 2", "lr 3"]  # lr 1 can win no more


def test_a_job_whose_settings_all_diverged_has_no_number(session: Session) -> None:
    lanes = group("lr", ["lr 1", "lr 2"], asked=None)
    job = write(session, [lanes, Epoch("lr", 1, curves(lanes, [NAN, NAN]))])
    assert numbers(job) == (None, None, None, None, None)


def test_a_single_setting_needs_no_name(session: Session) -> None:
    for lanes in (group("folds", ["", ""]), group("folds", ["MLP", "MLP"], asked="MLP")):
        job = write(session, [lanes, Epoch("folds", 1, curves(lanes, [0.2, 0.4]))])
        assert job.headline == ""
        assert job.valid == pytest.approx(0.3)


def test_one_repetition_that_is_no_number_leaves_no_mean(session: Session) -> None:
    lanes = group("seeds", ["", "", ""])
    job = write(session, [lanes, Epoch("seeds", 1, curves(lanes, [0.2, NAN, 0.4]))])
    assert (job.train, job.valid) == (None, None)
    assert job.best_epoch == 3  # before it was lost


@pytest.mark.parametrize("refit_first", [False, True])
def test_a_refit_that_nothing_judges_is_no_repetition(session: Session, refit_first: bool) -> None:
    folds, refit = group("folds", ["", ""]), group("refit", [""])
    on_all = curves(refit, [0.9])
    on_all[:, 1] = NAN
    said = [parts("folds", curves(folds, [0.2, 0.4]), 2), parts("refit", on_all, 2)]
    order = reversed(said) if refit_first else said
    job = write(session, [folds, refit], *order)
    assert job.valid == pytest.approx(0.3)
    assert job.train == pytest.approx(0.24)
    assert len(job.shown["folds"]) == 2
    assert job.shown["spark"]


def test_a_setting_of_two_groups_is_the_mean_over_all_its_runs(session: Session) -> None:
    three, one = group("a", ["x"] * 3, asked="x"), group("b", ["x", "y"], asked="x")
    said = [Epoch("a", 1, curves(three, [1.0, 2.0, 3.0])), Epoch("b", 1, curves(one, [6.0, 9.0]))]
    job = write(session, [three, one], said)
    assert job.valid == pytest.approx(3.0)
    assert (job.shown["spark"], job.best_epoch) == ([], None)  # they have no common curve


def test_measures_are_not_compared(session: Session) -> None:
    squared = group("mlp", ["a", "b"], asked=None)
    softmax = group("softmax", ["c"], asked=None, measure="cross_entropy")
    said = [
        Epoch("mlp", 1, curves(squared, [0.5, 0.4])),
        Epoch("softmax", 1, curves(softmax, [0.1])),
    ]
    job = write(session, [squared, softmax], said)
    assert (job.headline, job.measure) == ("b", "squared_loss")


def test_a_later_group_may_name_the_setting_that_was_asked_for(session: Session) -> None:
    tried, anew = (
        group("tried", ["t 1", "t 2"], asked=None),
        group("anew", ["chosen"], asked="chosen"),
    )
    first: list[Event] = [tried, Epoch("tried", 1, curves(tried, [0.5, 0.4]))]
    assert write(session, first).headline == "t 2"
    job = write(session, first, [anew, Epoch("anew", 1, curves(anew, [0.7]))])
    assert job.headline == "chosen"
    assert job.valid == pytest.approx(0.7)


@pytest.mark.parametrize("cuts", [(), (1,), (2, 3), (1, 2, 3)])
def test_it_does_not_matter_in_which_parts_it_came(session: Session, cuts: tuple[int, ...]) -> None:
    whole = write(session, [PAIR, Epoch("decay", 1, curves(PAIR, ENDS))])
    cut = write(session, [PAIR], *([part] for part in parts("decay", curves(PAIR, ENDS), *cuts)))
    assert numbers(cut) == numbers(whole)
    assert cut.shown["spark"] == whole.shown["spark"]


def test_a_long_search_keeps_its_row_small(session: Session) -> None:
    groups = [group(f"g{i}", [f"trial {i}"], 200, asked=None) for i in range(60)]
    said = [Epoch(one.key, 1, curves(one, [1.0 + i % 7])) for i, one in enumerate(groups)]
    job = write(session, groups, *([epoch] for epoch in said))
    assert (job.headline, job.best_of) == ("trial 0", 60)
    assert len(job.summary["settings"]) == 1
    assert len(job.shown["spark"]) >= 8


def test_a_job_of_the_first_version_goes_on_as_it_began(session: Session) -> None:
    """Its runs have no setting: the mean over its first group, as its pages have always said."""
    taken = claim(session, queue(session))
    Leases(session).append(taken.token, [replace(PAIR, settings=())])
    session.execute(update(Run).values(setting=None))
    session.execute(update(Job).values(summary={}))
    for part in parts("decay", curves(PAIR, ENDS), 2):
        Leases(session).append(taken.token, [part])
    session.commit()
    session.expire_all()
    job = session.get_one(Job, taken.job_id)
    assert (job.headline, job.judged_on) == (None, None)
    assert job.valid == pytest.approx(np.mean(ENDS))
    assert job.shown["folds"] == pytest.approx(ENDS)
    assert [point[0] for point in job.shown["spark"]] == [1, 2, 3, 4]


def test_lanes_without_a_word_on_settings_repeat_one(session: Session) -> None:
    plain = Started("folds", ("fold 1", "fold 2"), 4, "log_rmse", "cpu")
    job = write(session, [plain, Epoch("folds", 1, curves(plain, [0.2, 0.4]))])
    assert job.headline == ""
    assert job.valid == pytest.approx(0.3)


def test_a_run_keeps_when_it_was_best_and_when_it_was_lost(session: Session) -> None:
    lanes = group("seeds", ["", "", ""])
    values = curves(lanes, [0.2, 0.3, 0.4])
    values[:, 1] = np.array([[5, 4, 9], [3, 6, 7], [4, 2, NAN], [6, 8, NAN]])
    values[2:, 0, 2] = NAN
    for cuts in ((), (1,), (2,), (1, 2, 3)):
        job = write(session, [lanes], *([part] for part in parts("seeds", values, *cuts)))
        kept = session.query(Run).where(Run.job_id == job.id).order_by(Run.lane).all()
        assert [(run.best_epoch, run.best_valid) for run in kept] == [(2, 3), (3, 2), (2, 7)]
        assert [run.valid for run in kept] == [6, 8, None]
        assert [run.train for run in kept[:2]] == values[-1, 0, :2].tolist()
        assert [run.diverged_at for run in kept] == [None, None, 3]


def test_the_best_setting_is_the_one_that_is_best_on_other_rows(session: Session) -> None:
    groups = [group(f"g{i}", [name], 2, asked=None) for i, name in enumerate("abc")]
    events: list[list[Event]] = []
    for one, (train, valid) in zip(groups, [(0.1, 0.5), (0.4, 0.3), (0.2, 0.6)], strict=True):
        values = curves(one, [1.0])
        values[-1, :, 0] = train, valid
        events.append([Epoch(one.key, 1, values)])
    job = write(session, groups, *events)
    assert job.headline == "b"
    assert job.valid == pytest.approx(0.3)
    assert [*job.summary["settings"]] == ["b"]
    assert job.shown["folds"] == pytest.approx([0.3])


@pytest.mark.parametrize("ticks", [1, 2, 3])
def test_a_run_that_is_dropped_has_ended_and_has_not_diverged(session: Session, ticks: int) -> None:
    """However its epochs and its end fall into ticks; said again by a later attempt, it is once."""
    lanes = group("lr", ["lr 1", "lr 1", "lr 2", "lr 2"], epochs=6, asked=None)
    away = group("away", ["lr 3"], epochs=6, asked=None)
    values = curves(lanes, [0.4, 0.6, 0.3, 0.1])
    values[2:, :, 2:] = NAN
    values[:2, :, 2:] = 0.01  # it was ahead, by a measure that says so early
    early, late = parts("lr", values, 2)
    out = Dropped("lr", 2, (2, 3))
    alone: list[Event] = [Epoch("away", 1, curves(away, [0.05])[:2]), Dropped("away", 2, (0,))]
    said: list[Event] = [lanes, away, early, out, *alone, out, late]
    batches = {1: [said], 2: [said[:3], said[3:]], 3: [said[:4], said[4:7], said[7:]]}[ticks]
    job = write(session, *batches)
    runs = session.scalars(select(Run).where(Run.job_id == job.id, Run.key == "lr")).all()
    assert [(run.epoch, run.num_epochs, run.diverged_at) for run in runs] == [
        (6, 6, None), (6, 6, None), (2, 2, None), (2, 2, None),
    ]  # fmt: skip
    assert [run.valid for run in runs] == pytest.approx([0.4, 0.6, 0.01, 0.01])
    assert job.headline == "lr 1"
    assert job.valid == pytest.approx(0.5)
    assert job.best_of == 3
    assert (job.epochs_done, job.epochs_total) == (8, 8)  # of both groups, as far as they go
    groups = [*read(session, job.id).groups.values()]
    one, two, three = settings_of(groups)
    assert (one.epochs, two.epochs, three.epochs) == (6, 2, 2)
    assert (two.score, three.score, two.dropped) == (None, None, True)
    assert two.last("valid") == pytest.approx(0.01)
    shown = headline_of(groups, [one, two, three])
    assert shown is not None
    assert shown.setting.name == "lr 1"
    merge(session, job.id)
    again = Reading().after(after(session, job.id, 0))
    assert [s.epochs for s in settings_of([*again.groups.values()])] == [6, 2, 2]
