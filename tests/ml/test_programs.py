"""Trainings that agree are one program: each is as if alone, and its numbers are its own."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ml.events import Epoch, Event, Started
from ml.experiment import Diverged
from ml.grid import Grid, by_category
from ml.intervals import interval, percent, plus_minus
from ml.lanes import Lane, Lanes
from ml.losses import accuracy, cross_entropy, squared_loss
from ml.nn import MLP, gaussian
from ml.optim import SGD
from ml.programs import Fits, fit_all
from ml.train import Fitted, Progress, Training


def training(i: int, *, n: int = 12, sizes: tuple[int, ...] = (3, 5, 1)) -> Training:
    """A data set of its own, its lane judged on the rows after the first eight."""
    generator = torch.Generator().manual_seed(i)
    X = torch.randn(n, 3, generator=generator)
    lane = Lane(
        label=f"set {i}", setting=f"{sizes}", train=torch.arange(8), valid=torch.arange(8, n - 2),
        test=torch.arange(n - 2, n), lr=0.1 / (i + 1), dropout=0.2, seed=i,
    )  # fmt: skip
    return Training(
        key="sets", lanes=Lanes.of([lane]), X=X, y=X.sum(1, True), net=MLP(sizes),
        loss=squared_loss, measure=squared_loss, measured="squared_loss", optimizer=SGD,
        num_epochs=3, batch_size=4,
    )  # fmt: skip


def finish(trainings: list[Training], *, curves_only: bool = False) -> tuple[list[Event], Fits]:
    events, steps = [], fit_all(trainings, Progress(None), curves_only=curves_only)
    while True:
        try:
            events.append(next(steps))
        except StopIteration as stop:
            return events, stop.value


def test_data_sets_of_unequal_size_are_one_program_and_each_is_as_if_alone() -> None:
    trainings = [training(0), training(1, n=15), training(2)]
    events, fits = finish(trainings)
    (started,) = [event for event in events if isinstance(event, Started)]
    assert started.labels == ("set 0", "set 1", "set 2")
    assert started.metrics == ("train", "valid", "test")
    for one, together in zip(trainings, fits, strict=True):
        _, (alone,) = finish([one])
        np.testing.assert_allclose(together.curve, alone.curve, rtol=1e-5)
        np.testing.assert_allclose(
            together.parameter("0.weight"), alone.parameter("0.weight"), rtol=1e-4, atol=1e-6
        )


def test_each_number_is_of_the_rows_that_it_names() -> None:
    _, fits = finish([training(0), training(1, n=15)])
    for one in fits:
        lane = next(iter(one.training.lanes))
        for part in ("train", "valid", "test"):
            rows = getattr(lane, part)
            with torch.no_grad():
                y_hat = one.net(one.training.X[rows][None])
            loss = float(((y_hat[0] - one.training.y[rows]) ** 2).mean() / 2)
            assert one.last(part)[0] == pytest.approx(loss, rel=1e-5)


def test_nets_of_other_shapes_are_programs_of_their_own_told_apart_by_setting() -> None:
    events, fits = finish([training(0), training(1, sizes=(3, 1)), training(2)])
    groups = [event for event in events if isinstance(event, Started)]
    assert [group.key for group in groups] == ["sets: (3, 5, 1)", "sets: (3, 1)"]
    assert [group.labels for group in groups] == [("set 0", "set 2"), ("set 1",)]
    order = [one.training.lanes.labels[0] for one in fits]
    assert order == ["set 0", "set 1", "set 2"]
    assert fits.at("(3, 1)")[0].parameter("0.weight").shape == (1, 3, 1)


def test_what_all_share_is_not_copied_and_what_differs_is_not_mixed_up() -> None:
    first = training(0)
    other = replace(training(0), X=first.X, y=-first.y)  # the same inputs, other answers
    _, fits = finish([first, other])
    for one in fits:
        _, (alone,) = finish([one.training])
        np.testing.assert_allclose(one.curve, alone.curve, rtol=1e-5)


def test_a_group_that_diverges_ends_alone_where_only_curves_matter() -> None:
    wild = training(1, sizes=(3, 1))
    wild = replace(wild, lanes=replace(wild.lanes, lr=torch.tensor([1e30])))
    with pytest.raises(Diverged):
        finish([wild, training(0)])
    events, fits = finish([wild, training(0)], curves_only=True)
    assert np.isnan(fits.last("train")).tolist() == [True, False]
    assert np.isnan(fits.last("valid")).tolist() == [True, False]
    assert [event.key for event in events if isinstance(event, Epoch)][-1] == "sets: (3, 5, 1)"


def test_accuracy_is_a_share_whatever_the_scale_of_the_target() -> None:
    base = training(0, sizes=(3, 2))
    labels = (base.X[:, :1] > 0).long()
    lanes = replace(base.lanes, scale=torch.tensor([7.0]))
    also = {"accuracy": accuracy}
    given = replace(
        base, lanes=lanes, y=labels, loss=cross_entropy, measure=cross_entropy, also=also
    )
    _, fits = finish([given])
    _, plain = finish([replace(given, lanes=base.lanes)])
    assert fits.last("train accuracy") == plain.last("train accuracy")
    np.testing.assert_allclose(fits.last("train"), 7 * plain.last("train"), rtol=1e-6)


def test_a_curve_that_ended_early_is_unknown_from_then_on() -> None:
    long, short = np.arange(9.0).reshape(3, 3, 1), np.arange(3.0).reshape(1, 3, 1)
    fits = Fits([Fitted(training(0), curve.astype(np.float32)) for curve in (long, short)])
    np.testing.assert_array_equal(fits.metric("train"), [[0, 0], [3, np.nan], [6, np.nan]])


def test_equal_starts_are_equal_values() -> None:
    assert MLP((2, 1), init=gaussian(0.1)) == MLP((2, 1), init=gaussian(0.1))
    assert MLP((2, 1), init=gaussian(0.1)) != MLP((2, 1), init=gaussian(0.2))


# ---- axes and intervals ----------------------------------------------------------


def test_a_grid_folds_its_cells_back_into_its_axes() -> None:
    grid = Grid({"λ": (0.0, 3.0), "set": range(3)})
    assert [*grid][:4] == [(0.0, 0), (0.0, 1), (0.0, 2), (3.0, 0)]
    values = np.arange(12.0).reshape(2, 6)
    assert grid.fold(values).shape == (2, 2, 3)
    assert grid.fold(values)[1, 1, 2] == values[1, 5]


def test_a_table_of_ends_has_a_row_for_each_setting_and_its_interval() -> None:
    grid = Grid({"λ": (0.0, 3.0), "set": range(3)})
    table = grid.ends("ends", "Ends", {"loss": np.array([[1.0, 2.0, 3.0], [4.0, 4.0, np.nan]])})
    assert table.columns == ("λ", "loss", "loss ± 95 %")
    assert table.rows[0][:2] == ("0", 2.0)
    assert table.rows[0][2] == pytest.approx(4.303 / 3**0.5, rel=1e-3)
    assert table.rows[1] == ("3", None, None)  # a run diverged: no mean of the others


def test_each_setting_has_its_own_mean_and_interval() -> None:
    each = {"a": np.array([1.0, 3.0]), "b": np.array([5.0, 5.5]), "c": np.array([8.0, 9.0])}
    grid = Grid({"name": [*each], "seed": range(2)})
    mean, half = interval([*each.values()])
    table = grid.ends("ends", "Ends", {"loss": np.array([*each.values()])})
    assert table.rows == tuple(zip(each, mean, half, strict=True))
    middle, points = by_category("f", "F", "f.", each).series
    assert middle.low is not None
    assert middle.high is not None
    np.testing.assert_allclose(
        [middle.low, middle.y, middle.high], [mean - half, mean, mean + half]
    )
    assert points.x.round().tolist() == [0, 0, 1, 1, 2, 2]
    assert points.y.tolist() == [1, 3, 5, 5.5, 8, 9]
    lines = grid.curves("c", "C", "c.", np.array([[*each.values()]])).series
    assert [(line.setting, line.y[0]) for line in lines] == [*zip(each, mean, strict=True)]


def test_a_setting_that_diverged_has_no_point() -> None:
    figure = by_category("f", "F", "f.", {"a": np.array([1.0, 3.0]), "b": np.array([np.nan, 2.0])})
    mean, each = figure.series
    assert (mean.x.tolist(), mean.y.tolist()) == ([0.0], [2.0])
    assert each.y.tolist() == [1.0, 3.0, 2.0]
    assert figure.x_names == ("a", "b")


def test_an_interval_is_students() -> None:
    mean, half = interval([1.0, 2.0, 3.0])
    assert mean == 2
    assert half == pytest.approx(4.30265 / 3**0.5, rel=1e-5)
    assert np.isnan(interval([1.0])[1])
    assert plus_minus([0.5]) == "0.5000"
    assert percent("B", [0.01, 0.01]) == "B +1.0 ± 0.0 points"
