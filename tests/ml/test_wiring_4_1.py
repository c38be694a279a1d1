"""4.1: each number on a page is of the net, the rows and the setting that it names."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from ml import draws
from ml.affine import best_affine, most_right
from ml.events import Event, Floats, Table
from ml.experiments.approximation import POINTS, Approximation
from ml.experiments.batch_nonlinearity import BatchNonlinearity
from ml.experiments.infinite_width import PLACES, InfiniteWidth, rows, tangent_kernels
from ml.experiments.infinite_width import POINTS as POINTS_OF_WIDTH
from ml.lanes import Lanes
from ml.nn import count_parameters
from ml.programs import Fits, fit_all
from ml.train import Progress, Training
from tests.ml.page import Page

SMALL: dict[str, Any] = {"widths": (4, 2, 3), "num_epochs": 3, "num_seeds": 3, "device": "cpu"}


def fitted(experiment: Approximation) -> Fits:
    return finished([*experiment.trainings()])


def finished(trainings: list[Training]) -> Fits:
    steps = fit_all(trainings, Progress(None))
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            fits: Fits = stop.value
            return fits


# ---- approximation: settings are widths, repetitions are starts --------------------------------


@pytest.fixture(scope="module")
def fits() -> Fits:
    return fitted(Approximation(**SMALL))


@torch.no_grad()
def answers(fits: Fits, place: int) -> Floats:
    """What each start of one width says of all points: (starts, points)."""
    y_hat: torch.Tensor = fits[place].net(POINTS.expand(SMALL["num_seeds"], -1, -1))
    return y_hat[..., 0].double().numpy()


def losses(fits: Fits) -> Floats:
    """Halved squared losses of every start between the points learnt: (widths, starts)."""
    off = [answers(fits, i) - np.sin(np.pi * POINTS[:, 0].numpy()) for i in range(len(fits))]
    return np.array([(each[:, 1::2] ** 2).mean(1) / 2 for each in off])


def test_every_start_learns_256_points_is_judged_between_and_begins_elsewhere(fits: Fits) -> None:
    for fit, width in zip(fits, (2, 3, 4), strict=True):
        lanes = [*fit.training.lanes]
        assert {lane.setting for lane in lanes} == {f"width {width}"}
        assert [lane.seed for lane in lanes] == draws.each(0, 3)
        for lane in lanes:
            assert lane.train.tolist() == [*range(0, 511, 2)]
            assert lane.valid.tolist() == [*range(1, 511, 2)]
        starts = fit.parameter("0.weight")
        assert starts.shape == (3, 1, width)
        assert len(np.unique(starts[:, 0], axis=0)) == 3


def test_what_is_reported_of_a_width_is_the_loss_of_its_own_nets(fits: Fits) -> None:
    page, own = Page([*Approximation(**SMALL).results(fits)]), losses(fits)
    assert page.column("losses", "hidden units") == [2, 3, 4]
    for name, of in (("least", np.min), ("median", np.median), ("largest", np.max)):
        assert page.column("losses", name) == pytest.approx(of(own, axis=1), rel=1e-5)
    (narrow, *_, wide), best = np.median(own, axis=1), own.min(1)
    assert page.figures["widths"].finding == (
        f"The median loss goes from {narrow:.2g} at width 2 to {wide:.2g} at width 4."
    )
    assert page.figures["fits"].finding == (
        f"The best loss is {best[0]:.2g} at width 2 and {best[-1]:.2g} at width 4."
    )
    x, y = page.line("widths", "median")
    assert x.tolist() == [2, 3, 4]
    assert y == pytest.approx(np.median(own, axis=1), rel=1e-5)
    x, y = page.line("widths", "starts")
    assert x.tolist() == [2, 2, 2, 3, 3, 3, 4, 4, 4]
    assert y == pytest.approx(own.ravel(), rel=1e-5)


def test_the_line_of_a_width_is_its_best_start_and_keeps_its_setting(fits: Fits) -> None:
    page, own = Page([*Approximation(**SMALL).results(fits)]), losses(fits)
    assert len({*own.argmin(1).tolist()}) > 1  # else any start would do
    for place, width in enumerate((2, 3, 4)):
        _, y = page.line("fits", f"width {width}")
        np.testing.assert_allclose(y, answers(fits, place)[own[place].argmin()], rtol=1e-5)
    assert [s.setting for s in page.figures["fits"].series] == ["", "width 2", "width 3", "width 4"]
    x, y = page.line("fits", "truth")
    np.testing.assert_allclose(y, np.sin(np.pi * x), atol=1e-6)


def test_the_best_loss_is_that_of_the_width_it_names(fits: Fits) -> None:
    made_up = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [0.9, 0.8, 0.7]])
    finding = Approximation(**SMALL).closest(fits, made_up).finding
    assert finding == "The best loss is 0.1 at width 2 and 0.7 at width 4."


def test_what_is_claimed_of_widths_is_of_medians() -> None:
    some = fitted(Approximation(num_epochs=2, device="cpu"))
    medians = np.array([np.median(fit.last("valid")) for fit in some])
    checks = Page(Approximation(device="cpu").results(some)).checks
    got = checks["median loss of 64 hidden units over that of 1"].got
    assert got == pytest.approx(medians[-1] / medians[0])
    got = checks["each width's median loss over the one before"].got
    assert got == pytest.approx((medians[1:] / medians[:-1]).max())


def test_what_lies_between_the_points_learnt_moves_no_parameter(fits: Fits) -> None:
    trainings = [*Approximation(**SMALL).trainings()]
    noise = torch.zeros(len(POINTS), 1)
    noise[1::2] = torch.randn(255, 1, generator=draws.generator(0))
    (noisy,) = finished([replace(trainings[0], y=trainings[0].y + noise)])
    np.testing.assert_array_equal(noisy.metric("train"), fits[0].metric("train"))
    for name in ("0.weight", "0.bias", "2.weight", "2.bias"):
        np.testing.assert_array_equal(noisy.parameter(name), fits[0].parameter(name))
    assert (noisy.metric("valid") != fits[0].metric("valid")).all()


def test_a_width_learns_as_if_it_were_alone(fits: Fits) -> None:
    alone = fitted(Approximation(**SMALL | {"widths": (3,)}))
    np.testing.assert_array_equal(alone[0].curve, fits[1].curve)
    np.testing.assert_array_equal(alone[0].parameter("2.weight"), fits[1].parameter("2.weight"))


# ---- those that answer at once -----------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.0, 0.25, 1.0])
def test_each_slope_is_that_of_the_curve_with_its_name(alpha: float) -> None:
    page = Page.of("activations", alpha=alpha, step=0.01)
    for label in ("ReLU", "pReLU", "sigmoid", "tanh"):
        x, y = page.line("values", label)
        _, slope = page.line("derivatives", label)
        smooth = np.abs(x) > 0.02
        np.testing.assert_allclose(np.gradient(y, x)[smooth], slope[smooth], atol=2e-3)
    jump = f"{1 - alpha:g} (pReLU)"
    assert page.figures["values"].finding == (
        f"At 0 the slope jumps by 1 (ReLU), {jump}, 0 (sigmoid), 0 (tanh)."
    )


@pytest.mark.parametrize("kind", ["standardise", "centre", "softmax"])
def test_the_first_answer_moves_with_the_second_example_as_reported(kind: str) -> None:
    page = Page.of("batch_nonlinearity", kind=kind, batch_size=4)
    generator = draws.generator(0, 4)
    X, W, v = (
        torch.randn(*shape, generator=generator, dtype=torch.float64)
        for shape in ((4, 4), (4, 8), (8, 1))
    )

    def first(X: torch.Tensor) -> float:
        return float((BatchNonlinearity.OVER_BATCH[kind](X @ W) @ v)[0, 0])

    def moved(example: int, entry: int | slice, by: float) -> float:
        other = X.clone()
        other[example, entry] += by
        return first(other)

    x, y = page.line("mates", f"{kind}, over the batch")
    for i in (0, 40, 80):
        assert y[i] == pytest.approx(moved(1, slice(None), x[i]), abs=1e-12)
    pulls = [
        abs(moved(mate, entry, 1e-6) - moved(mate, entry, -1e-6)) / 2e-6
        for mate in (1, 2, 3)
        for entry in range(4)
    ]
    assert page.column("pulls", "derivative") == [0, pytest.approx(max(pulls), rel=1e-5)]
    _, alone = page.line("mates", "ReLU, each element alone")
    np.testing.assert_allclose(alone, float((X[0] @ W).clamp(min=0) @ v), rtol=1e-12)


@pytest.mark.parametrize("values", [{}, {"num_hiddens": 50}, {"alpha": 0.25}, {"alpha": 1.0}])
def test_kinks_are_found_where_the_drawn_slope_jumps(values: dict[str, Any]) -> None:
    page = Page.of("relu_kinks", **values)
    x, slope = page.line("slope", "its slope")
    jumps = np.abs(np.diff(slope)) > 1e-9
    kinks = np.array(page.column("kinks", "x = -b/w"))
    seen = kinks[np.abs(kinks) <= 4]
    cells = np.unique(np.searchsorted(x, seen)) - 1  # of the grid, with a kink within
    assert np.flatnonzero(jumps).tolist() == (cells.tolist() if values.get("alpha") != 1 else [])
    assert page.checks["kinks found on a grid, at most h"].got == jumps.sum()
    assert page.figures["slope"].finding.startswith(f"{jumps.sum()} kinks")
    places, dots = page.line("function", "x = -b/w")
    np.testing.assert_allclose(places, seen)
    _, y = page.line("function", "the network")
    np.testing.assert_allclose(dots, np.interp(places, x, y), atol=0.02)
    steps = np.array(page.column("kinks", "slope changes by"))
    np.testing.assert_allclose(steps, page.column("kinks", "v|w|(1 - α)"), atol=1e-9)


def test_one_layer_is_that_of_the_two_and_the_map_that_is_off_is_the_best_one() -> None:
    page = Page.of("affine_collapse", num_outputs=1)
    single, flat = page.line("collapse", "no activation")
    np.testing.assert_allclose(single, flat, rtol=1e-12)
    assert np.abs(page.line("collapse", "relu")[1] - single).max() > 0.1
    assert page.column("parameters", "parameters") == [4 * 5 + 5 + 5 + 1, 4 + 1]
    generator = draws.generator(0, 200)
    X = torch.randn(200, 4, generator=generator, dtype=torch.float64).numpy()
    affine = np.column_stack([X, np.ones(200)])
    for label, off in (("no activation", 0.0), ("relu", missed(page, "relu"))):
        _, y = page.line("collapse", label)
        left = y - affine @ np.linalg.lstsq(affine, y)[0]
        assert np.sqrt(np.square(left).mean()) == pytest.approx(off, abs=1e-12)


def missed(page: Page, activation: str) -> float:
    """How far the best affine map is off, as it is claimed."""
    got = page.checks[f"(4.1.3) {activation}: the best affine map is off by"].got
    assert isinstance(got, float)
    return got


def test_the_best_affine_map_leaves_nothing_affine() -> None:
    X, y = torch.randn(20, 5, generator=draws.generator(0)).double().split([3, 2], dim=1)
    off = y - best_affine(X, y)
    assert float((X.T @ off).abs().max()) < 1e-12  # nothing linear is left
    assert float(off.sum(0).abs().max()) < 1e-12


OFF = {"xor": 2, "and": 1, "or": 1, "nand": 1, "xnor": 2}  # by the same units without a ReLU


@pytest.mark.parametrize("operation", OFF)
def test_the_hand_set_units_need_their_relu(operation: str) -> None:
    page = Page.of("xor_by_hand", operation=operation)
    assert page.column("points", "network") == page.column("points", "target")
    without = page.checks[f"{operation}: error of the same units without a ReLU"]
    assert (without.got, without.passed) == (OFF[operation], True)
    corners = page.figures["map"].heat_map
    assert corners is not None
    top, bottom = corners.z[0, [0, -1]], corners.z[-1, [0, -1]]  # x₂ grows upwards
    assert [bottom[0], top[0], bottom[1], top[1]] == page.column("points", "target")


@pytest.mark.parametrize("values", [{"activation": "none"}, {"second_bias": -0.5}])
def test_units_that_do_not_compute_xor_are_not_green(values: dict[str, Any]) -> None:
    page = Page.of("xor_by_hand", **values)
    network, target = (np.array(page.column("points", name)) for name in ("network", "target"))
    (error,) = [check for name, check in page.checks.items() if name.endswith("error")]
    assert not error.passed
    assert error.got == np.abs(network - target).max() > 0
    assert page.figures["map"].finding.endswith(f"off by at most {error.got:g}.")


def test_a_line_separates_and_but_not_xor() -> None:
    X = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]]).double()
    assert most_right(X, torch.tensor([0.0, 0, 0, 1])) == 4
    assert most_right(X, torch.tensor([0.0, 1, 1, 0])) == 3


# ---- infinite_width: settings are widths, valid is the distance to the exact solution ------------

NARROW: dict[str, Any] = {"widths": (8, 4), "num_epochs": 3, "num_seeds": 3, "device": "cpu"}


@pytest.fixture(scope="module")
def wide() -> tuple[InfiniteWidth, Fits, list[Event]]:
    one = InfiniteWidth(**NARROW)
    fits = finished([*one.trainings()])
    return one, fits, [*one.results(fits)]


def test_a_distance_is_that_of_its_own_nets_from_the_exact_solution(
    wide: tuple[InfiniteWidth, Fits, list[Event]],
) -> None:
    one, fits, said = wide
    exact = one.exact.predict(rows(PLACES))[0]
    (table,) = [event for event in said if isinstance(event, Table)]
    assert [row[0] for row in table.rows] == [4, 8]
    for fit, width, row in zip(fits, (4, 8), table.rows, strict=True):
        assert {lane.setting for lane in fit.training.lanes} == {f"width {width}"}
        assert next(fit.net.parameters()).shape == (3, 2, 2, width)
        X = torch.from_numpy(rows(PLACES)).float().expand(3, -1, -1)
        with torch.no_grad():
            off = fit.net(X)[..., 0].double().numpy() - exact
        assert row[1] == pytest.approx(np.sqrt((off**2).mean(1)).mean(), rel=1e-5)


def test_nets_begin_at_zero_and_learn_the_points_alone(
    wide: tuple[InfiniteWidth, Fits, list[Event]],
) -> None:
    _, fits, _ = wide
    for fit in fits:
        start = fit.training.net(fit.training.lanes)
        X, y = fit.training.X, fit.training.y
        assert not start(X.expand(3, -1, -1)).any()
        for lane in fit.training.lanes:
            np.testing.assert_allclose(X[lane.train], rows(POINTS_OF_WIDTH), rtol=1e-6)
            np.testing.assert_allclose(y[lane.train, 0], np.sin(2 * POINTS_OF_WIDTH) / 2, rtol=1e-6)
            assert not {*lane.train.tolist()} & {*lane.valid.tolist()}


def test_a_tangent_kernel_is_the_products_of_gradients(
    wide: tuple[InfiniteWidth, Fits, list[Event]],
) -> None:
    one, fits, said = wide
    net, X = fits[1].net, torch.from_numpy(rows(POINTS_OF_WIDTH)).float()
    gradients = []
    for row in X:
        out = net(row.expand(3, 1, 2))[2, 0, 0]
        each = torch.autograd.grad(out, [*net.parameters()])
        gradients.append(torch.cat([one_of[2].flatten() for one_of in each]))
    G = torch.stack(gradients).double().numpy()
    np.testing.assert_allclose(tangent_kernels(net, X)[2], G @ G.T, rtol=1e-4, atol=1e-5)
    exact = one.limit().kernel(rows(POINTS_OF_WIDTH), rows(POINTS_OF_WIDTH))
    fresh = tangent_kernels(fits[1].training.net(fits[1].training.lanes), X)
    off = [np.linalg.norm(each - exact) / np.linalg.norm(exact) for each in fresh]
    (table,) = [event for event in said if isinstance(event, Table)]
    assert table.rows[1][3] == pytest.approx(np.mean(off), rel=1e-5)


def test_one_width_alone_is_refused() -> None:
    with pytest.raises(ValidationError, match="Two different widths are needed"):
        InfiniteWidth(widths=(32, 32))


@pytest.mark.parametrize("starts", [{}, {"num_seeds": 20}])
def test_nets_too_large_to_train_together_are_refused(starts: dict[str, Any]) -> None:
    net = InfiniteWidth(depth=2, widths=(16, 1200), num_seeds=2).net(1200)(Lanes.one(0))
    with pytest.raises(ValidationError, match=f"have {20 * count_parameters(net):,} parameters"):
        InfiniteWidth(depth=2, widths=(16, 1200), **starts)
    InfiniteWidth(depth=1, widths=(16, 4096), **starts)
