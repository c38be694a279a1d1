"""Steps from a row to inputs: each against pandas, scikit-learn or a number worked out by hand."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from sklearn.preprocessing import RobustScaler

from ml.features import (
    Above,
    Features,
    Is,
    Log,
    Median,
    OneHot,
    Ordinal,
    Otherwise,
    Plain,
    Product,
    Ratio,
    Relative,
    Robust,
    Sum,
    TargetMean,
    Zero,
    worth,
)
from ml.features.blocks import DISTINCT
from ml.features.columns import Columns, columns_of
from ml.houses import recipe
from ml.houses.attributes import FIELDS
from ml.houses.tables import HouseTables

NAN = np.nan
NONE = np.zeros(0)


def table(**columns: list[Any]) -> Columns:
    """Columns of numbers, or of levels where they are words."""
    return {
        name: np.array(values, dtype=object if isinstance(values[0], str) else np.float64)
        for name, values in columns.items()
    }


# ---- steps, one by one


@pytest.mark.parametrize(
    ("step", "columns", "name", "expected"),
    [
        (Ordinal(columns=("q",), order=("Fa", "Gd")), {"q": ["Gd", "Fa", "?"]}, "q", [2, 1, NAN]),
        (
            Ordinal(columns=("q",), order=("Fa", "Gd"), absent=True),
            {"q": ["none", "Gd", "?"]},
            "q",
            [0, 2, 0],
        ),
        (Zero(columns=("x",)), {"x": [NAN, 2]}, "x", [0, 2]),
        (
            Otherwise(column="x", other="z", most=9),
            {"x": [NAN, 10, 9], "z": [1, 2, 3]},
            "x",
            [1, 2, 9],
        ),
        (Sum(name="s", terms={"x": 1, "z": -0.5}), {"x": [1, 2], "z": [4, 2]}, "s", [-1, 1]),
        (
            Sum(name="s", terms={"x": 1, "z": -0.5}, least=0),
            {"x": [1, 2], "z": [4, 2]},
            "s",
            [0, 1],
        ),
        (Product(name="p", factors=("x", "z")), {"x": [3, 2], "z": [4, 0]}, "p", [12, 0]),
        (Ratio(name="r", above="x", below="z"), {"x": [3, 2], "z": [4, 0]}, "r", [0.75, 2]),
        (Log(name="l", column="x"), {"x": [0, np.e - 1, -5]}, "l", [0, 1, 0]),
        (Above(name="a", column="x", bound=2), {"x": [1, 2, 3]}, "a", [0, 0, 1]),
        (Is(name="i", column="w", level="b"), {"w": ["a", "b"]}, "i", [0, 1]),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_a_step_does_what_it_says(
    step: Any, columns: dict[str, list[Any]], name: str, expected: list[float]
) -> None:
    seen = table(**columns)
    assert step.fit(seen, NONE) == step  # it has nothing to learn
    np.testing.assert_allclose(seen[name], expected)


def test_a_median_is_of_training_rows_and_of_the_group() -> None:
    step = Median(columns=("x",), by=("place",), flag="gap")
    learnt = step.fit(table(x=[1, 3, NAN, 10], place=["a", "a", "b", "b"]), NONE)
    others = table(x=[NAN, NAN, NAN, 7], place=["a", "b", "new", "a"])
    learnt.apply(others)
    assert others["x"].tolist() == [2, 10, 3, 7]  # a group that is new takes the median of all
    assert others["gap"].tolist() == [1, 1, 1, 0]


def test_a_column_that_is_always_missing_is_nought() -> None:
    seen = table(x=[NAN, NAN])
    Median(columns=("x",)).fit(seen, NONE)
    assert seen["x"].tolist() == [0, 0]


def test_relative_is_the_distance_from_the_median_of_the_group() -> None:
    step = Relative(name="r", column="x", by=("place",))
    learnt = step.fit(table(x=[1, 3, 10], place=["a", "a", "b"]), NONE)
    others = table(x=[5, 5], place=["a", "new"])
    learnt.apply(others)
    assert others["r"].tolist() == [3, 2]


def test_a_target_mean_is_shrunk_towards_that_of_all() -> None:
    step = TargetMean(name="t", columns=("place", "kind"), added=2, folds=2)
    y = np.array([1.0, 3, 8, 8])
    learnt = step.fit(table(place=["a", "a", "b", "b"], kind=["x", "x", "x", "y"]), y)
    others = table(place=["a", "b", "b", "new"], kind=["x", "x", "z", "x"])
    learnt.apply(others)
    # ȳ is 5: (1 + 3 + 2 · 5) / 4 - 5, (8 + 2 · 5) / 3 - 5, and two that nobody has seen
    np.testing.assert_allclose(others["t"], [-1.5, 1, 0, 0])


def test_a_target_mean_per_column_takes_its_logarithm_off() -> None:
    step = TargetMean(name="t", columns=("place",), per="size", added=0)
    size, y = [10.0, 20, 30, 40], np.array([1.0, 2, 3, 5])
    learnt = step.fit(table(place=["a", "a", "b", "b"], size=size), y)
    others = table(place=["a", "b"], size=[1, 1])
    learnt.apply(others)
    left = y - np.log(size)
    expected = [left[:2].mean() - left.mean(), left[2:].mean() - left.mean()]
    np.testing.assert_allclose(others["t"], expected)


def test_no_training_row_is_told_its_own_target() -> None:
    place = ["a"] * 30 + ["b"] * 10
    y = np.random.default_rng(0).normal(size=40)
    told = list[np.ndarray]()
    for target in (y, np.append(y[:-1], 100)):
        seen = table(place=place)
        TargetMean(name="t", columns=("place",)).fit(seen, target)
        told.append(seen["t"])
    assert told[0][-1] == told[1][-1]  # the row itself
    assert (told[0][:-1] != told[1][:-1]).sum() > 30  # and nearly all others know


# ---- blocks


def test_robust_is_scikit_learns_scaler_with_a_soft_clip() -> None:
    x = np.random.default_rng(0).normal(5, 2, (200, 1))
    block = Robust(columns=("x",)).learn({"x": x[:, 0]})
    assert block.log == (False,)
    z = RobustScaler(unit_variance=True).fit_transform(x)  # it divides by IQR / 1.3490
    expected = z / np.sqrt(1 + (z / 3) ** 2)
    np.testing.assert_allclose(block.encode({"x": x[:, 0]}), expected, rtol=1e-3)
    assert np.abs(block.encode({"x": np.array([-1e9, 1e9])})).max() <= 3


@pytest.mark.parametrize(
    ("x", "log"),
    [
        (np.exp(np.linspace(0, 5, 50)), True),
        (np.linspace(0, 5, 50), False),  # no tail
        (-np.exp(np.linspace(0, 5, 50)), False),  # below 0
        (np.repeat([0.0, 100], [45, 5]), False),  # two values
        (np.exp(np.arange(50.0) % DISTINCT), False),  # few values
    ],
)
def test_a_long_tail_is_taken_as_its_logarithm(x: np.ndarray, log: bool) -> None:
    assert Robust(columns=("x",)).learn({"x": x}).log == (log,)


def test_a_column_whose_quartiles_agree_has_a_scale_all_the_same() -> None:
    mostly, never = np.repeat([0.0, 1.0], [90, 10]), np.full(100, 7.0)
    block = Robust(columns=("mostly", "never")).learn({"mostly": mostly, "never": never})
    assert block.spread == pytest.approx((mostly.std(), 1.0))
    assert not block.encode({"mostly": mostly, "never": never})[:, 1].any()


def test_one_hot_is_pandas_and_knows_no_level_that_training_has_not_seen() -> None:
    words = ["b", "a", "none", "b"]
    block = OneHot(columns=("w",)).learn(table(w=words))
    expected = pd.get_dummies(pd.Series(words), dtype=float)
    assert block.names == ("w=a", "w=b", "w=none")
    np.testing.assert_array_equal(block.encode(table(w=words)), expected.to_numpy())
    assert not block.encode(table(w=["new"])).any()
    named = OneHot(columns=("w",), levels=(("a", "b", "c"),)).learn(table(w=["b"]))
    np.testing.assert_array_equal(named.encode(table(w=["a", "b"])), [[0, 0, 0], [0, 1, 0]])


def test_worth_follows_the_correlation_and_keeps_the_variance() -> None:
    X = np.random.default_rng(0).normal(size=(300, 4)) * [1, 5, 1, 1]
    X[:, 3] = 2  # a constant tells nothing
    y = X[:, 0] + 0.1 * X[:, 1]
    weights = worth(X, y)
    rho = np.abs([np.corrcoef(x, y)[0, 1] for x in X.T[:3]])
    np.testing.assert_allclose(weights[:3] / weights[0], np.sqrt((rho + 0.02) / (rho[0] + 0.02)))
    assert (X * weights).var(0).sum() == pytest.approx(4)


# ---- together


def small() -> Features:
    """A recipe of two numbers and a level."""
    return Features(
        numbers=("x", "size"),
        levels=("place",),
        steps=(
            Median(columns=("x", "size")),
            TargetMean(name="t", columns=("place",)),
            Log(name="l", column="size"),
        ),
        blocks=(Robust(columns=("x", "t")), OneHot(columns=("place",)), Plain(columns=("l",))),
    )


def rows(n: int = 60) -> list[dict[str, object]]:
    """Made-up rows, some with gaps."""
    rng = np.random.default_rng(1)
    return [
        {
            "x": None if i % 7 == 0 else float(rng.normal()),
            "size": int(rng.integers(1, 100)),
            "place": None if i % 11 == 0 else str(rng.choice(["a", "b"])),
        }
        for i in range(n)
    ]


def test_rows_become_columns_with_gaps() -> None:
    found = columns_of([{"x": 1, "w": 20}, {}], ["x"], ["w"])
    np.testing.assert_array_equal(found["x"], [1, np.nan])
    assert found["w"].tolist() == ["20", "none"]


def test_features_are_data_and_one_path() -> None:
    learnt, X = small().learn(rows(), np.arange(60.0))
    again = Features.model_validate_json(learnt.model_dump_json())
    assert again == learnt
    assert learnt.names == ("x", "t", "place=a", "place=b", "place=none", "l")
    assert X.shape == (60, 6)
    together = learnt.encode(rows())
    np.testing.assert_array_equal(np.vstack([learnt.encode([row]) for row in rows()]), together)
    others = [i for i, name in enumerate(learnt.names) if name != "t"]
    np.testing.assert_array_equal(X[:, others], together[:, others])  # but for its own target
    assert np.isfinite(learnt.encode([{}])).all()


def test_a_copy_forgets_what_was_made_of_other_values() -> None:
    learnt, _ = small().learn(rows(), np.arange(60.0))
    before = learnt.encode(rows())
    more = learnt.model_copy(update={"weights": tuple(2 * each for each in learnt.weights)})
    np.testing.assert_array_equal(more.encode(rows()), 2 * before)
    less = learnt.model_copy(update={"blocks": learnt.blocks[1:]})
    with pytest.raises(ValueError, match="broadcast"):  # its weights are of all blocks
        less.encode(rows())


def test_features_want_rows_and_no_unknown_step() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        small().learn([], NONE)
    step = {"kind": "exec", "code": "print()"}
    with pytest.raises(ValidationError):
        Features.model_validate(small().model_dump() | {"steps": [step]})


# ---- the houses' own


@pytest.fixture(scope="module")
def houses() -> HouseTables:
    return HouseTables.read()


def test_every_attribute_is_used_once() -> None:
    said = [*recipe.NUMBERS, *recipe.GRADED, *recipe.CATEGORIES]
    assert sorted(said) == sorted(FIELDS)


def test_no_house_without_a_gap_stays_with_one(houses: HouseTables) -> None:
    learnt, X = recipe.RICH.named(houses.train).learn(houses.train, np.log(houses.price))
    assert X.shape == (1460, 289)
    test = learnt.encode(houses.test)
    for some in (X, test, learnt.encode([{}])):
        assert np.isfinite(some).all()
        assert np.abs(some).max() < 20
    np.testing.assert_array_equal(
        np.vstack([learnt.encode([row]) for row in houses.test[:100]]), test[:100]
    )


def test_a_program_says_what_its_steps_say_one_after_another(houses: HouseTables) -> None:
    learnt, _ = recipe.RICH.named(houses.train).learn(houses.train, np.log(houses.price))
    rng = np.random.default_rng(0)
    some = [
        {name: value for name, value in row.items() if rng.random() < 0.7} for row in houses.test
    ]
    columns = columns_of(some, learnt.numbers, learnt.levels)
    for step in learnt.steps:
        step.apply(columns)
    X = np.hstack([block.encode(columns) for block in learnt.blocks])
    np.testing.assert_array_equal(learnt.program.run(some), X)


def test_a_fold_knows_nothing_of_rows_that_it_does_not_learn_from(houses: HouseTables) -> None:
    seen = np.arange(300, 1460)
    noise = np.random.default_rng(0).permutation(300)
    swapped = [houses.train[i] for i in noise] + houses.train[300:]
    price = np.concatenate([houses.price[noise] * 7, houses.price[300:]])
    other = HouseTables(houses.files, swapped, houses.test, price)
    one, two = houses.rich(seen), other.rich(seen)
    assert one.features == two.features
    assert one.target == two.target
    np.testing.assert_array_equal(one.X[seen], two.X[seen])
    np.testing.assert_array_equal(one.X[noise], two.X[:300])  # the same houses, elsewhere


def test_a_house_like_no_other_differs_where_the_recipe_says(houses: HouseTables) -> None:
    learnt, _ = recipe.RICH.named(houses.train).learn(houses.train, np.log(houses.price))
    house = houses.train[0]
    plain, changed = learnt.encode([house, house | {"GarageYrBlt": 2207}])
    moved = {name for name, a, b in zip(learnt.names, plain, changed, strict=True) if a != b}
    assert moved <= {"GarageYrBlt"}  # a year that cannot be is the house's own
    sold = learnt.encode([house | {"SaleCondition": "Partial"}])[0]
    moved = {name for name, a, b in zip(learnt.names, plain, sold, strict=True) if a != b}
    assert moved == {"SaleCondition=Normal", "SaleCondition=Partial", "Partial size"}
