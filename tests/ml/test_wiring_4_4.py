"""4.4: which rows, which fold, which degree, which lane feeds a number that is reported.

What must not matter is changed, and nothing moves; what is reported is computed again by other
means, from rows named here.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from ml import draws, polynomials
from ml.events import Check, Event, Figure, Finding, Floats, Table
from ml.experiments import EXPERIMENTS, parse
from ml.experiments.k_fold import KFold
from ml.lanes import Lane
from ml.polynomials import Points
from ml.programs import Fits, fit_all
from ml.train import Progress
from ml.trains import TrainingExperiment

SMALL = {"num_train": 20, "num_epochs": 3, "device": "cpu"}
SIGMA = 0.1


def ask(name: str, **values: Any) -> tuple[dict[str, Figure], dict[str, Table]]:
    """Figures and tables of a run, by name."""
    events = [*EXPERIMENTS[name](**values).run()]
    figures = {event.name: event for event in events if isinstance(event, Figure)}
    return figures, {event.name: event for event in events if isinstance(event, Table)}


def fitted(name: str, **values: Any) -> tuple[TrainingExperiment, Fits, list[Event]]:
    """An experiment, its nets, and what it makes of them."""
    experiment = EXPERIMENTS[name](**values)
    assert isinstance(experiment, TrainingExperiment)
    steps = fit_all([*experiment.trainings()], Progress(None))
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return experiment, stop.value, [*experiment.results(stop.value)]


def table(events: Sequence[Event], name: str) -> dict[str, list[Any]]:
    """Columns of a table."""
    (found,) = [event for event in events if isinstance(event, Table) and event.name == name]
    return dict(zip(found.columns, map(list, zip(*found.rows, strict=True)), strict=True))


def line(figure: Figure, label: str) -> Floats:
    (series,) = [series for series in figure.series if series.label == label]
    return series.y


def lanes(fits: Fits) -> Iterator[Lane]:
    for one in fits:
        yield from one.training.lanes


@pytest.fixture
def other_labels(monkeypatch: pytest.MonkeyPatch) -> Callable[[slice], None]:
    """Noise on the labels of these columns of every data set."""

    def noise(columns: slice, right: Any = polynomials.draw) -> None:
        def draw(*given: Any) -> Points:
            points: Points = right(*given)
            y = points.y.copy()
            y[:, columns] += draws.normal(np.random.default_rng(1), *y[:, columns].shape)
            return Points(points.x, y)

        monkeypatch.setattr(polynomials, "draw", draw)

    return noise


def by_polyfit(points: Points, train: Any, new: Any, degree: int) -> tuple[Floats, Floats]:
    """Both squared losses of each data set, by numpy's own fit of one degree: (S,) each."""
    both = []
    for x, y in zip(points.x, points.y, strict=True):
        weights = np.polynomial.Polynomial.fit(x[train], y[train], degree)
        both.append([np.mean((weights(x[rows]) - y[rows]) ** 2) / 2 for rows in (train, new)])
    train_loss, loss = np.array(both).T
    return train_loss, loss


# ---- polynomial, no_factorial: nets


@pytest.mark.parametrize("name", ["polynomial", "no_factorial"])
def test_the_points_to_be_tested_on_teach_nothing(
    name: str, other_labels: Callable[[slice], None]
) -> None:
    _, before, said = fitted(name, **SMALL, num_features=4)
    other_labels(slice(20, None))
    _, after, said_again = fitted(name, **SMALL, num_features=4)
    np.testing.assert_array_equal(before.parameter("0.weight"), after.parameter("0.weight"))
    np.testing.assert_array_equal(before.metric("train"), after.metric("train"))
    assert (before.last("valid") != after.last("valid")).all()
    if name == "polynomial":
        columns, again = table(said, "weights"), table(said_again, "weights")
        assert columns == again
        losses, others = table(said, "losses"), table(said_again, "losses")
        assert losses["SGD train"] == others["SGD train"]
        assert losses["SGD test"] != others["SGD test"]
        assert losses["exact test"] != others["exact test"]


@pytest.mark.parametrize("name", ["polynomial", "no_factorial"])
def test_no_point_is_learnt_from_and_tested_on(name: str) -> None:
    _, fits, _ = fitted(name, **SMALL, num_features=4)
    for lane in lanes(fits):
        assert sorted([*lane.train.tolist(), *lane.valid.tolist()]) == list(range(40))
        assert len(lane.train) == 20


def test_each_data_set_is_one_of_its_own_and_has_its_own_row() -> None:
    experiment, fits, said = fitted("polynomial", **SMALL, num_features=6, num_seeds=3)
    seeds = draws.each(experiment.seed, 3)
    assert [lane.seed for lane in lanes(fits)] == seeds
    points, columns = polynomials.draw(40, SIGMA, seeds), table(said, "losses")
    assert len({*points.x.ravel()}) == points.x.size
    for i, one in enumerate(fits):
        X, y = polynomials.features(points.x[i], 6), points.y[i]
        weights = one.parameter("0.weight")[0, :, 0]
        exact = np.linalg.solve(X[:20].T @ X[:20], X[:20].T @ y[:20])  # the normal equations
        off, solved = X @ weights - y, X[20:] @ exact - y[20:]
        assert columns["SGD train"][i] == pytest.approx(np.mean(off[:20] ** 2) / 2, rel=1e-4)
        assert columns["SGD test"][i] == pytest.approx(np.mean(off[20:] ** 2) / 2, rel=1e-4)
        assert columns["exact test"][i] == pytest.approx(np.mean(solved**2) / 2, rel=1e-3)
        if i == 0:  # what is drawn, said and tabled is of the first
            first = table(said, "weights")
            assert first["SGD"] == weights.tolist()
            np.testing.assert_allclose(first["exact"], exact, rtol=1e-4)
            (figure,) = [event for event in said if isinstance(event, Figure)]
            assert f"SGD has a test loss of {columns['SGD test'][0]:.4g}," in figure.finding
            assert f"solution {columns['exact test'][0]:.4g};" in figure.finding
            x = figure.series[0].x
            np.testing.assert_allclose(line(figure, "SGD"), polynomials.features(x, 6) @ weights)
            np.testing.assert_array_equal(line(figure, "training points"), y[:20])
            np.testing.assert_array_equal(line(figure, "test points"), y[20:])


def test_the_book_s_weights_are_set_beside_the_medians_of_sgd() -> None:
    _, fits, _ = fitted("polynomial", device="cpu", num_epochs=5)
    asked = parse({"name": "polynomial", "device": "cpu"})  # the book's settings have claims
    assert isinstance(asked, TrainingExperiment)
    weights = fits.parameter("0.weight")[..., 0]
    got = {event.name: event.got for event in asked.results(fits) if isinstance(event, Check)}
    for i in range(4):
        assert got[f"SGD weight {i}, median of 9"] == np.sort(weights[:, i])[4]


def test_the_verdict_is_of_all_data_sets() -> None:
    _, fits, said = fitted("polynomial", **SMALL, num_features=4, num_seeds=3)
    (finding,) = [event for event in said if isinstance(event, Finding)]
    train, test = fits.last("train").mean(), fits.last("valid").mean()
    assert f"train {train:.4g}, test {test:.4g}, gap" in finding.text


@pytest.mark.parametrize("num_features", [2, 20])
def test_what_is_claimed_is_of_all_data_sets_and_their_own_solutions(num_features: int) -> None:
    epochs = {2: 400, 20: 1500}[num_features]
    values = {"num_features": num_features, "device": "cpu"}
    _, fits, _ = fitted("polynomial", **values, num_epochs=2)
    asked = parse({"name": "polynomial", **values, "num_epochs": epochs})  # which has claims
    assert isinstance(asked, TrainingExperiment)
    got = {event.name: event.got for event in asked.results(fits) if isinstance(event, Check)}
    points = polynomials.draw(200, SIGMA, draws.each(0, 9))
    weights, test = fits.parameter("0.weight")[..., 0], fits.last("valid")
    exact, solved = [], []
    for x, y in zip(points.x, points.y, strict=True):
        X = polynomials.features(x, num_features)
        exact.append(np.linalg.lstsq(X[:100], y[:100])[0])
        solved.append(np.mean((X[100:] @ exact[-1] - y[100:]) ** 2) / 2)
    if num_features == 2:
        assert got["a line underfits: least test loss"] == test.min()
        apart = np.abs(weights - exact).max()
        assert got["a line by SGD, farthest from the exact one"] == pytest.approx(apart)
    else:
        name = "20 features by SGD barely overfit: median test loss"
        assert got[name] == np.median(test)
        name = "20 features solved exactly overfit: mean test loss"
        assert got[name] == pytest.approx(np.mean(solved), rel=1e-4)
        name = "20 features, SGD weights 12 to 19: largest size"
        assert got[name] == np.abs(weights[:, 12:]).max()


def test_each_kind_of_features_is_trained_on_itself_and_has_its_own_row() -> None:
    values = SMALL | {"num_features": 4, "num_train": 30, "noise": 0.2, "seed": 8}
    _, fits, said = fitted("no_factorial", **values)
    points = polynomials.draw(60, 0.2, [8])
    x, y, columns = points.x[0], points.y[0], table(said, "ends")
    bare = np.stack([np.ones(60), x, x**2, x**3], axis=1)
    Q, _ = np.linalg.qr(bare[:30])
    basis = bare @ np.linalg.solve(bare[:30].T @ bare[:30], bare[:30].T @ Q) * 30**0.5
    largest, bearable = np.abs(x[:30]).max(), 1 / (bare[:30] ** 2).sum(1).max()
    assert np.abs(x[30:]).max() > largest  # so that a look at the test points would show
    assert bearable < 0.01
    X = {
        "xⁱ": bare,
        "xⁱ / i!": bare / [1, 1, 2, 6],
        "xⁱ, small lr": bare,
        "(x / max |x|)ⁱ": bare / largest ** np.arange(4),
        "orthonormal": basis * np.sign(basis[0]),
    }
    assert columns["features"] == [*X]
    for i, (kind, own) in enumerate(X.items()):
        weights, used = fits[i].parameter("0.weight")[0, :, 0], fits[i].training.X.double().numpy()
        same = np.abs(used) if kind == "orthonormal" else used  # a basis has signs of its own
        np.testing.assert_allclose(same, np.abs(own) if kind == "orthonormal" else own, atol=1e-4)
        off = used @ weights - y
        assert columns["train"][i] == pytest.approx(np.mean(off[:30] ** 2) / 2, rel=1e-3)
        assert columns["test"][i] == pytest.approx(np.mean(off[30:] ** 2) / 2, rel=1e-3)
    figure = ask("no_factorial", **values)[0]["features"]
    for kind, own in X.items():
        if kind not in ("xⁱ, small lr", "orthonormal"):
            np.testing.assert_allclose(line(figure, kind), np.abs(own[:30]).max(axis=0))
    rates = [float(one.training.lanes.lr[0]) for one in fits]
    assert columns["lr"] == pytest.approx(rates)
    assert rates == pytest.approx([0.01, 0.01, bearable, 0.01, 0.01])


# ---- k_fold


def test_k_folds_are_the_mean_over_all_of_them() -> None:
    figures, tables = ask("k_fold", k=3, num_train=20, max_degree=3, num_sets=5, noise=3.0, seed=7)
    points = polynomials.draw(220, 3.0, draws.each(7, 5))
    parts = [np.arange(0, 7), np.arange(7, 14), np.arange(14, 20)]
    train, valid, test = (np.empty((4, 5)) for _ in range(3))
    for degree in range(4):
        of_folds = [
            by_polyfit(points, np.setdiff1d(np.arange(20), part), part, degree) for part in parts
        ]
        train[degree], valid[degree] = np.mean(of_folds, axis=0)
        _, test[degree] = by_polyfit(points, np.arange(20), np.arange(20, 220), degree)
    for label, losses in (("train", train), ("valid", valid), ("test", test)):
        np.testing.assert_allclose(line(figures["degrees"], label), np.median(losses, 1), rtol=1e-8)
    chosen = zip(*tables["choices"].rows, strict=True)
    for column, losses in zip([*chosen][1:], (train, valid, test), strict=True):
        assert column == tuple(np.bincount(losses.argmin(0), minlength=4))


def test_what_a_choice_is_worth_is_its_own_test_loss() -> None:
    losses = np.array([[3.0, 1.0, 2.0], [5.0, 4.0, 9.0], [6.0, 8.0, 7.0]])  # (set, degree)
    asked = KFold(num_sets=3, max_degree=2)
    valid = np.array([[9.0, 8.0, 1.0], [2.0, 9.0, 9.0], [9.0, 9.0, 0.5]])  # chooses 2, 0, 2
    highest, usual, worth = asked.choice_claims(-losses, valid, losses)
    assert highest.got == pytest.approx(1 / 3)  # training loss chooses 0, 2, 1
    assert usual.got == 2  # the test points would choose 1, 1, 0
    assert worth.got == pytest.approx(5.0 / 7.0)  # medians of 2, 5, 7 and of 2, 9, 7
    finding = asked.degrees(losses, valid, losses * 2).finding
    assert f"training loss only falls, to {7:.3g};" in finding
    assert f"least at degree 2, {1:.3g}, where test loss, refit on all points, is {14:.3g}." in (
        finding
    )


def test_each_fold_matters_and_no_test_point_does(other_labels: Callable[[slice], None]) -> None:
    values = {"k": 4, "num_train": 20, "num_sets": 3, "max_degree": 3}
    before, _ = ask("k_fold", **values)
    other_labels(slice(20, None))
    after, _ = ask("k_fold", **values)
    for label in ("train", "valid"):
        np.testing.assert_array_equal(line(before["degrees"], label), line(after["degrees"], label))
    assert (line(before["degrees"], "test") != line(after["degrees"], "test")).all()


def test_the_folds_share_no_point_and_leave_none_out() -> None:
    for n, k in ((40, 5), (33, 20), (20, 3)):
        folds = EXPERIMENTS["k_fold"].folds(n, k)  # type: ignore[attr-defined]
        assert sorted(np.concatenate([valid for _, valid in folds])) == list(range(n))
        assert all(not {*one} & {*other} for (_, one), (_, other) in combinations(folds, 2))
        assert all(sorted([*train, *valid]) == list(range(n)) for train, valid in folds)


# ---- exact solutions


def test_each_degree_is_solved_on_the_training_points_alone() -> None:
    figures, tables = ask("polynomial_exact", num_train=9, num_sets=5, degree=4, seed=3)
    points = polynomials.draw(109, SIGMA, draws.each(3, 5))
    rows = np.arange(109)
    each = [by_polyfit(points, rows[:9], rows[9:], degree) for degree in range(9)]
    for label, losses in zip(("train", "test"), zip(*each, strict=True), strict=True):
        middle = np.median(losses, axis=1)
        np.testing.assert_allclose(
            line(figures["degrees"], label)[:8], middle[:8], rtol=1e-6
        )  # at degree 8 only rounding is left
        column = table([*tables.values()], "enough")[label]
        np.testing.assert_allclose(column[:3], middle[[1, 3, 7]], rtol=1e-6)
    fit = np.polynomial.Polynomial.fit(points.x[0, :9], points.y[0, :9], 4)
    drawn, x = line(figures["fit"], "degree 4"), figures["fit"].series[0].x
    inside = np.isfinite(drawn)
    np.testing.assert_allclose(drawn[inside], fit(x)[inside], rtol=1e-6, atol=1e-6)
    miss = np.abs(fit(x) - polynomials.truth(x)).max()
    assert f"fitted to 9 points, degree 4 leaves the truth by up to {miss:.3g}" in (
        figures["fit"].finding
    )
    np.testing.assert_array_equal(line(figures["fit"], "training points"), points.y[0, :9])


@pytest.mark.parametrize(
    ("name", "figure", "values"),
    [("polynomial_exact", "degrees", {"num_train": 20}), ("dataset_size", "sizes", {})],
)
def test_test_points_are_never_solved(
    name: str, figure: str, values: dict[str, Any], other_labels: Callable[[slice], None]
) -> None:
    before, _ = ask(name, num_sets=5, degree=4, **values)
    other_labels(slice(-100, None))
    after, _ = ask(name, num_sets=5, degree=4, **values)
    np.testing.assert_array_equal(line(before[figure], "train"), line(after[figure], "train"))
    assert (line(before[figure], "test") != line(after[figure], "test")).all()


def test_ever_more_points_are_the_same_points_and_more(
    other_labels: Callable[[slice], None],
) -> None:
    before, _ = ask("dataset_size", num_sets=5, degree=2, seed=2)
    points, sizes = polynomials.draw(200, SIGMA, draws.each(2, 5)), before["sizes"].series[0].x
    assert sizes.tolist() == [4, 6, 8, 12, 16, 24, 32, 48, 64, 100]
    each = [by_polyfit(points, np.arange(n), np.arange(100, 200), 2) for n in sizes.astype(int)]
    for label, losses in zip(("train", "test"), zip(*each, strict=True), strict=True):
        middle = np.median(losses, axis=1)
        np.testing.assert_allclose(line(before["sizes"], label), middle, rtol=1e-8)
    (few, many), (low, high) = (line(before["sizes"], of)[[0, -1]] for of in ("test", "train"))
    assert before["sizes"].finding.endswith(
        f"from 4 to 100 points test loss goes from {few:.3g} to {many:.3g}, and training loss from"
        f" {low:.3g} to {high:.3g}."
    )
    other_labels(slice(48, 100))
    after, _ = ask("dataset_size", num_sets=5, degree=2, seed=2)
    same = line(before["sizes"], "test") == line(after["sizes"], "test")
    assert same.tolist() == [n <= 48 for n in sizes]


# ---- coin


def test_the_errors_of_the_coin_are_those_of_its_tosses() -> None:
    figures, tables = ask("coin", heads=0.3, repeats=50, seed=5)
    rng = draws.numpy_generator(5)
    new = rng.random(100_000) >= 0.3
    assert tables["six"].rows == (("0, 1, 1, 1, 0, 1", "1", 2 / 6, float(np.mean(~new))),)
    means, halves = [], []
    for n in (1, 2, 4, 6, 10, 20, 50, 100, 200, 500, 1000):
        ones = (rng.random((50, n)) >= 0.3).sum(axis=1)
        each = np.minimum(ones, n - ones) / n
        means.append(each.mean())
        halves.append(np.percentile(each, (25, 75)))
    np.testing.assert_allclose(line(figures["sizes"], "training error"), means)
    (series,) = [series for series in figures["sizes"].series if series.low is not None]
    for edge, quartile in zip((series.low, series.high), np.transpose(halves), strict=True):
        assert edge is not None
        np.testing.assert_allclose(edge, quartile)
    assert line(figures["sizes"], "new tosses, at best").tolist() == [0.3] * 11
    outcomes = [(k.bit_count(), 4 - k.bit_count()) for k in range(16)]  # tails and heads of four
    of_four = sum(min(tails, heads) / 4 * 0.7**tails * 0.3**heads for tails, heads in outcomes)
    assert line(figures["sizes"], "expected")[2] == pytest.approx(of_four)
