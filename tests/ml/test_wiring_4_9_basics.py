"""4.9: which rows, which month, which group feeds a number of the risks, concepts and stories.

What is reported is computed again by other means, and what must not matter is changed.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from ml import logistic
from ml.events import Event, Figure, Floats, Note, Table
from ml.experiments import EXPERIMENTS
from ml.experiments.fair_thresholds import clearly_worse
from ml.intervals import plus_minus, share_interval

rng = np.random.default_rng(0)


def ask(name: str, **values: Any) -> dict[str, Event]:
    """Figures and tables of a run, by kind and name."""
    said = EXPERIMENTS[name](**values).run()
    return {f"{e.kind} {e.name}": e for e in said if isinstance(e, Figure | Table)}


def one(name: str, **values: Any) -> Any:
    """An experiment."""
    return EXPERIMENTS[name](**values)


def column(table: Any, name: str) -> list[Any]:
    assert isinstance(table, Table)
    return [row[table.columns.index(name)] for row in table.rows]


def line(figure: Any, label: str) -> Floats:
    assert isinstance(figure, Figure)
    (found,) = [series for series in figure.series if series.label == label]
    return found.y


def spied(monkeypatch: pytest.MonkeyPatch, name: str, member: str) -> list[Any]:
    """What a member of an experiment returns, call by call."""
    cls, kept = EXPERIMENTS[name], list[Any]()
    right = getattr(cls, member)

    def spy(*given: Any) -> Any:
        kept.append(right(*given))
        return kept[-1]

    static = isinstance(vars(cls)[member], staticmethod)
    monkeypatch.setattr(cls, member, staticmethod(spy) if static else spy)
    return kept


# ---- what is shared


@pytest.mark.parametrize("scale", [0.0, 1.0, 30.0])
def test_logistic_regression_of_many_is_that_of_each(scale: float) -> None:
    from sklearn.linear_model import LogisticRegression

    X, weight = rng.normal(size=(3, 150, 4)), np.exp(2 * rng.normal(size=(3, 150)))
    y = (rng.random((3, 150)) < logistic.chance(scale * X[..., 0] + 1)).astype(float)
    found = logistic.fit(X, y, weight, decay=0.5)
    for w, *rows in zip(found, X, y, weight, strict=True):
        model = LogisticRegression(C=2.0, tol=1e-10, max_iter=5000).fit(*rows)
        np.testing.assert_allclose(w[1:], model.coef_[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(w[0], model.intercept_[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(logistic.odds(w, rows[0]), rows[0] @ w[1:] + w[0])


@pytest.mark.parametrize(("hits", "of"), [(0, 7), (3, 20), (20, 20), (410, 1000)])
def test_the_interval_of_a_share_is_wilsons(hits: int, of: int) -> None:
    from scipy.stats import binomtest

    theirs = binomtest(hits, of).proportion_ci(method="wilson")
    np.testing.assert_allclose(share_interval(hits, of), (theirs.low, theirs.high), atol=1e-12)


# ---- risks


def test_risks_are_those_of_numpys_polynomials(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = spied(monkeypatch, "empirical_risk", "draw")
    figures = ask("empirical_risk", repeats=50, degree=2)
    risk = figures["figure means"]
    grid = (np.arange(20_000) + 0.5) / 10_000 - 1
    truth = 0.5 + grid - grid**2 - 1.5 * grid**3
    best = np.polynomial.Polynomial.fit(grid, truth, 2)
    for i, (x, y) in enumerate(drawn):
        fits = [np.polynomial.Polynomial.fit(*rows, 2) for rows in zip(x, y, strict=True)]
        least = [np.mean((f(a) - b) ** 2) for f, a, b in zip(fits, x, y, strict=True)]
        true = [np.mean((f(grid) - truth) ** 2) + 0.25 for f in fits]
        assert line(risk, "empirical risk, minimised")[i] == pytest.approx(np.median(least))
        median = line(risk, "true risk of the minimiser")[i]
        assert median == pytest.approx(np.median(true), rel=1e-5)
        fixed = np.mean((best(x) - y) ** 2, axis=1)
        assert line(risk, "empirical risk, fixed model")[i] == pytest.approx(fixed.mean(), rel=1e-5)
        spread = line(figures["figure spread"], "50 data sets")[i]
        assert spread == pytest.approx(fixed.std(ddof=1), rel=1e-4)


def test_rows_that_come_again_are_the_same_rows() -> None:
    x, y = one("empirical_risk", copies=5).draw(23, np.random.default_rng(0))
    assert x.shape == y.shape == (400, 23)
    assert {len(np.unique(row)) for row in x} == {5}
    assert {len(np.unique(row)) for row in y} == {5}


# ---- labels that no input shows


def test_aucs_are_of_inputs_and_of_rows_not_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = spied(monkeypatch, "impossible", "inputs")
    values = {"n": 50, "repeats": 20}
    before = ask("impossible", **values)["figure aucs"]
    X, _, same, *_ = drawn
    aucs = []
    for q, p in zip(X, same, strict=True):
        learnt = np.concatenate([q[:25], p[:25]])
        w = logistic.fit(learnt, np.repeat([0.0, 1.0], 25))
        a, b = logistic.odds(w, q[25:]), logistic.odds(w, p[25:])
        aucs.append(np.mean(b[:, None] > a))
    assert line(before, "mean")[0] == pytest.approx(np.mean(aucs))
    cls = EXPERIMENTS["impossible"]
    right = cls.labels  # type: ignore[attr-defined]
    monkeypatch.setattr(cls, "labels", staticmethod(lambda X, rng: 1 - right(X, rng)))
    after = ask("impossible", **values)["figure aucs"]
    np.testing.assert_array_equal(line(before, "mean"), line(after, "mean"))


def test_promises_come_from_rows_not_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, labels = (spied(monkeypatch, "impossible", m) for m in ("inputs", "labels"))
    table = ask("impossible", n=50, repeats=20)["table targets"]
    (X, held_out, same), (y, old_y, same_y, _) = drawn, labels
    w = logistic.fit(X, y)
    right = [
        np.mean((logistic.odds(w, a) > 0) == b, axis=1)
        for a, b in ((held_out, old_y), (same, same_y))
    ]
    assert column(table, "accuracy promised") == [plus_minus(right[0], ".3f")] * 3
    assert column(table, "accuracy there")[0] == plus_minus(right[1], ".3f")


# ---- p(y|x) by place and by month


def test_a_windows_word_is_that_of_the_people_within() -> None:
    names, places = rng.integers(3, size=(1, 80)), np.sort(rng.uniform(0, 3000, (1, 80)))
    words = one("soft_drinks").majority(places, names, 500.0)[0]
    for place, word in zip(np.linspace(0, 3000, 61), words, strict=True):
        near = np.abs(places[0] - place)
        count = np.bincount(names[0][near <= 250], minlength=3)
        assert count[word] == count.max()


def months(n: int = 5) -> tuple[Any, Floats, Floats]:
    experiment = one("concept_shift", repeats=10, rows=20)
    X, y = experiment.draw(np.radians(10.0 * np.arange(n)), 20, np.random.default_rng(1))
    return experiment, X, y


def test_a_months_weights_come_from_months_up_to_it() -> None:
    experiment, X, y = months()
    first = rng.normal(size=(10, 11))
    other = y.copy()
    other[3:] = 1 - other[3:]
    for way in ("steps", "scratch"):
        before, after = (
            experiment.steps(first, X, labels) if way == "steps" else experiment.scratch(X, labels)
            for labels in (y, other)
        )
        np.testing.assert_array_equal(before[:3], after[:3])
        assert (before[3] != after[3]).any()
    other = y.copy()
    other[1] = 1 - other[1]
    np.testing.assert_array_equal(experiment.scratch(X, y)[2], experiment.scratch(X, other)[2])


def test_update_steps_are_torchs_gradient_steps() -> None:
    import torch

    experiment, X, y = months(2)
    first = rng.normal(size=(10, 11))
    w = torch.tensor(first[0], requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.3)
    for rows, labels in zip(X[:, 0], y[:, 0], strict=True):
        for _ in range(10):
            optimizer.zero_grad()
            logits = torch.tensor(rows) @ w[1:] + w[0]
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                logits, torch.tensor(labels)
            )
            torch.autograd.backward(loss)
            optimizer.step()
    np.testing.assert_allclose(experiment.steps(first, X, y)[1, 0], w.detach().numpy())


def test_months_are_tried_on_rows_that_nobody_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = spied(monkeypatch, "concept_shift", "draw")
    experiment = one("concept_shift", repeats=10)
    errors = experiment.follow(np.radians(5.0 * np.arange(4)), 0)
    (X, y), (fresh, answers), (old, labels) = drawn
    assert not np.isin(X[..., 0], fresh[..., 0]).any()
    stale = logistic.fit(old[0], labels[0])
    for way, weights in (("stale", [stale] * 4), ("from scratch", [*logistic.fit(X, y)])):
        for month, w in enumerate(weights):
            wrong = ((logistic.odds(w, fresh[month]) > 0) != answers[month]).mean(1)
            np.testing.assert_array_equal(errors[way][month], wrong)


def test_alarms_are_those_of_the_monitor(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = spied(monkeypatch, "concept_monitor", "monitor")
    figures = ask("concept_monitor", repeats=50, m=60, n=100)
    found = np.array([each.low > 0 for each in seen]).reshape(7, 50).mean(1)
    np.testing.assert_allclose(line(figures["figure alarms"], "50 months"), found[:5])
    np.testing.assert_allclose(column(figures["table situations"], "alarms"), found)
    assert {(each.n, each.m) for each in seen} == {(100, 60)}


# ---- stories


def test_beta_of_the_study_is_p_over_q_by_scipy() -> None:
    from scipy.stats import norm

    experiment = one("students_as_controls", matched=0.3, repeats=10)
    X = experiment.study(np.random.default_rng(0), 100).X[0]

    def law(age: float, spread: float, treated: float, marker: float) -> Floats:
        parts = (
            norm(age, spread).pdf(X[:, 0]),
            norm(treated).pdf(X[:, 1]),
            norm(marker).pdf(X[:, 2]),
        )
        return np.asarray(np.prod(parts, axis=0))

    p = law(66, 8, 0, 0) / 2 + law(66, 8, 0, 2) / 2
    q = law(21, 2, 0, 0) / 2 + law(70, 8, 6, 2) / 2
    np.testing.assert_allclose(experiment.beta(X), p / (0.3 * p + 0.7 * q))


def test_the_studys_accuracies_are_of_their_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    studies, men = (spied(monkeypatch, "students_as_controls", m) for m in ("study", "men"))
    table = ask("students_as_controls", n=100, repeats=10, matched=0.5)["table accuracy"]
    learnt, own = studies
    target, few = next(rows for rows in men if rows.y.shape[1] == 400), men[-1]
    scale = np.array([10.0, 1, 1])
    plain, instead = (logistic.fit(rows.X / scale, rows.y) for rows in (learnt, few))
    right = [
        ((logistic.odds(w, rows.X / scale) > 0) == (rows.y > 0.5)).mean(1)
        for w, rows in ((plain, own), (plain, target), (instead, target))
    ]
    said = column(table, "accuracy")
    assert [said[0], said[1], said[3]] == [plus_minus(each, ".3f") for each in right]


def test_a_tank_is_sixteen_pixels_in_the_clearing_and_is_covered() -> None:
    experiment = one("tanks_and_shadows", n=50, repeats=2)
    cls = EXPERIMENTS["tanks_and_shadows"]
    pixels, y = experiment.photos(np.random.default_rng(0), 0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ml.experiments.tanks_and_shadows.TANK", 0.0)
        bare, same = experiment.photos(np.random.default_rng(0), 0.0)
    np.testing.assert_array_equal(y, same)
    differs = pixels != bare
    assert set(differs[y > 0].sum((1, 2))) == {16}
    assert not differs[y < 1].any()
    hidden, bare_hidden = (cls.covered((p, y))[0] for p in (pixels, bare))  # type: ignore[attr-defined]
    np.testing.assert_array_equal(hidden, bare_hidden)


def test_each_engine_renders_its_own_textures() -> None:
    experiment = one("roadside_texture", n=100, repeats=3, rough=2.0)
    palette = rng.choice([-1.0, 1.0], (3, 1, 36))
    X, y = experiment.rendered(np.random.default_rng(0), palette)
    for patches, is_side, texture in zip(X, y, palette, strict=True):
        likeness = patches[:, :-1] @ texture[0] / 36
        np.testing.assert_allclose(likeness, 2.0 * is_side, atol=0.8)
        contrast = (np.square(patches[:, :-1]).mean(1) - 1) * np.sqrt(18)
        np.testing.assert_allclose(patches[:, -1], contrast)


def test_estimates_of_a_day_are_means_of_days_before() -> None:
    filters = one("nonstationary_months").filters()
    y = rng.random(365 + 730)
    for day in (0, 29, 30, 31, 400):
        updated = 365 + day // 30 * 30
        expected = y[updated - 30 : updated].mean()
        assert filters["every 30 days"][day] @ y == pytest.approx(expected)
        assert filters["never"][day] @ y == pytest.approx(y[335:365].mean())
        estimate, weight = 0.0, 0.0
        for value in y[: 365 + day]:
            estimate, weight = 0.95 * estimate + value, 0.95 * weight + 1
        assert filters["online"][day] @ y == pytest.approx(estimate / weight)


def test_shares_of_a_round_are_counted_from_its_applicants(monkeypatch: pytest.MonkeyPatch) -> None:
    (repaid, worn) = (spied(monkeypatch, "loan_and_shoes", m) for m in ("repays", "shoes"))
    table = ask("loan_and_shoes", repeats=5, applicants=100)["table rounds"]
    for i, t in enumerate((0, 3, 6, 12, 24)):
        r, o = repaid[0][t], worn[0][t]
        assert column(table, "accuracy by shoes")[i] == plus_minus((r == o).mean(1), ".3f")
        assert column(table, "share that would repay")[i] == plus_minus(r.mean(1), ".3f")
        granted = [bank[shoes > 0].mean() for bank, shoes in zip(r, o, strict=True)]
        assert column(table, "granted that repay")[i] == plus_minus(granted, ".3f")
    assert worn[0][-1].mean() > 0.95
    assert worn[0][0].mean() < 0.7


# ---- groups


def groups() -> Iterator[tuple[Any, Any]]:
    experiment = one("fair_thresholds", n=200, repeats=20)
    yield experiment, experiment.people(np.random.default_rng(2))


def test_costs_are_those_of_each_persons_error() -> None:
    ((experiment, people),) = groups()
    grid = np.linspace(0.02, 0.98, 97)
    costs = experiment.costs(people, 5.0)
    for t in (0, 14, 48, 96):
        flagged = people.chance >= grid[t]
        each = np.where(people.sick, 5.0 * ~flagged, 1.0 * flagged)
        np.testing.assert_allclose(costs[:, t], each.mean(1))


def test_rates_are_counted_group_by_group() -> None:
    ((experiment, people),) = groups()
    hits, of = experiment.counts(people, np.full(20, 0.3))
    for s, (group, sick, chance) in enumerate(zip(*people, strict=True)):
        for g in (0, 1):
            ours, flagged = group == g, chance >= 0.3
            false = (flagged & ~sick & ours).sum(), (~flagged & sick & ours).sum()
            right = ours.sum() - sum(false)
            assert hits[s, :, g].tolist() == [right, *false]
            assert of[s, :, g].tolist() == [ours.sum(), (ours & ~sick).sum(), (ours & sick).sum()]


def test_thresholds_are_chosen_on_people_that_they_are_not_tried_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    people = spied(monkeypatch, "fair_thresholds", "people")
    table = ask("fair_thresholds", n=300, repeats=20)["table rates"]
    known, new = people
    grid = np.linspace(0.02, 0.98, 97)
    flagged = known.chance[0] >= grid[:, None]
    best = grid[(flagged != known.sick[0]).mean(1).argmin()]
    assert column(table, "threshold")[0] == f"by accuracy, {best:.2f}"
    sick = new.sick[0] & (new.group[0] == 1)
    missed = (new.chance[0][sick] < best).mean()
    assert column(table, "B")[2].startswith(f"{missed:.3f} (")
    assert column(table, "B")[2].endswith(f"of {sick.sum():,}")


def test_groups_that_differ_in_size_alone_get_a_warning_once_in_a_hundred_times() -> None:
    alike, usual = one("fair_thresholds", tells_b=2.0, repeats=100), one("fair_thresholds")
    warned = []
    for seed in range(10):
        people = alike.people(np.random.default_rng(seed))
        hits, of = alike.counts(people, np.full(100, 0.5))[:, :, 2]
        warned.append(clearly_worse(hits, of).mean())
    assert np.mean(warned) < 0.015  # .006 are seen
    assert [event for event in usual.run() if isinstance(event, Note)]
