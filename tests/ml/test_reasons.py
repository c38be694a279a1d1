"""Reasons in dollars, what moves together, and what differs: by hand, and by all orders."""

from itertools import permutations

import numpy as np
import pytest

from ml.houses.tables import HouseTables
from ml.houses.together import FOLLOWING, PARTS, SINCE, Together, slope
from ml.predictor.reasons import reasons, shapley
from ml.predictor.sales import NOTABLE, Worths
from ml.schema import InputSchema

# ---- Shapley


def test_a_share_is_the_mean_over_all_orders() -> None:
    worth = np.random.default_rng(0).normal(size=2**5)
    expected = np.zeros(5)
    for order in permutations(range(5)):
        before = 0
        for player in order:
            expected[player] += worth[before | 1 << player] - worth[before]
            before |= 1 << player
    np.testing.assert_allclose(shapley(worth), expected / 120)


def test_shares_of_two_who_need_each_other_are_equal_and_of_nobody_nothing() -> None:
    together = np.array([10.0, 10, 10, 30, 10, 10, 10, 30])  # the third adds nothing
    np.testing.assert_allclose(shapley(together), [10, 10, 0], atol=1e-12)
    assert len(shapley(np.array([5.0]))) == 0


def worth(row: dict[str, object]) -> float:
    """A price that no sum of its columns is."""
    area, grade = float(row["GrLivArea"] or 0), float(row["OverallQual"] or 0)  # type: ignore[arg-type]
    garage = float(row["GarageCars"] or 0)  # type: ignore[arg-type]
    return 20_000 + area * grade * (1 + garage) + 1000 * (row["Neighborhood"] == "NAmes") * garage


def test_reasons_of_a_hundred_houses_add_up(data: HouseTables, schema: InputSchema) -> None:
    for i in np.random.default_rng(0).choice(1460, 100, replace=False):
        row = data.train[i]
        found = reasons(row, schema, lambda rows: np.array([worth(dict(each)) for each in rows]))
        assert found.price == worth(row)
        assert found.typical == worth({field.name: field.typical for field in schema.fields})
        assert abs(found.error) < 1e-9 * found.price
        told = {reason.group: reason.dollars for reason in found.reasons}
        for group in told.keys() - {"size", "quality", "garage", "place"}:
            assert told[group] == pytest.approx(0, abs=1e-6)  # the price does not ask for these
        for reason in found.reasons:
            assert reason.differs
            for name in reason.differs:
                field = next(field for field in schema.fields if field.name == name)
                assert field.group == reason.group
                assert row[name] != field.typical


# ---- what moves together


@pytest.fixture(scope="module")
def together(data: HouseTables, schema: InputSchema) -> Together:
    return Together.learn(schema, data.train)


def test_floors_keep_their_shares_of_the_area(
    data: HouseTables, schema: InputSchema, together: Together
) -> None:
    for whole, parts in PARTS.items():
        for row in data.train[:200]:
            if not row[whole]:
                continue
            old = float(row[whole])  # type: ignore[arg-type]
            new = together.moved(row, whole, old * 1.1)
            assert sum(new[name] for name in parts) == pytest.approx(old * 1.1, abs=2)
            assert new[parts[0]] == pytest.approx(1.1 * float(row[parts[0]]), abs=1)  # type: ignore[arg-type]


def test_rooms_follow_by_the_slope_of_those_sold(
    data: HouseTables, schema: InputSchema, together: Together
) -> None:
    area, rooms = (data.files.train[name].to_numpy(float) for name in ("GrLivArea", "TotRmsAbvGrd"))
    by = np.polyfit(area, rooms, 1)[0]
    assert slope(data.train, "GrLivArea", "TotRmsAbvGrd") == pytest.approx(by)
    row = data.train[0]
    new = together.moved(row, "GrLivArea", 2700)
    assert new["TotRmsAbvGrd"] == round(8 + by * (2700 - 1710))
    assert together.moved(row, "GrLivArea", 99_999)["TotRmsAbvGrd"] == 14  # at most seen
    alone = Together.learn(schema, [])
    assert alone.moved(row, "GrLivArea", 2700)["TotRmsAbvGrd"] == 8  # of none nothing follows


def test_a_house_is_not_remodelled_before_it_is_built(
    data: HouseTables, together: Together
) -> None:
    row = {**data.train[0], "YearBuilt": 1950, "YearRemodAdd": 1990, "GarageYrBlt": 1950.0}
    later = together.moved(row, "YearBuilt", 2000)
    assert (later["YearRemodAdd"], later["GarageYrBlt"]) == (2000, 2000)
    earlier = together.moved(row, "YearBuilt", 1930)
    assert (earlier["YearRemodAdd"], earlier["GarageYrBlt"]) == (1990, 1930)


def test_what_is_not_said_stays_unsaid_and_all_else_stays(
    data: HouseTables, schema: InputSchema, together: Together
) -> None:
    for table in (PARTS, FOLLOWING, SINCE):
        for column, others in table.items():
            row = data.train[0]
            new = together.moved(row, column, row[column] + 1)  # type: ignore[operator]
            allowed = {column, *PARTS.get(column, ()), *FOLLOWING.get(column, ())}
            assert {name for name in row if new[name] != row[name]} <= allowed | {
                *SINCE.get(column, ())
            }
            unsaid = {**row, **dict.fromkeys(others)}
            assert all(together.moved(unsaid, column, 5)[name] is None for name in others)
            schema.check([new])  # a house that may be
    assert together.moved({"GrLivArea": None}, "GrLivArea", 5) == {"GrLivArea": 5}


# ---- what differs


def test_what_matters_most_is_told_first_and_once_a_group(
    data: HouseTables, schema: InputSchema
) -> None:
    houses = [
        {"Id": i, **row, "SalePrice": price}
        for i, (row, price) in enumerate(zip(data.train, data.price, strict=True))
    ]
    log = np.log(data.price)
    worths = Worths.learn(schema, houses, log)
    grade = data.files.train["OverallQual"].to_numpy(float)
    assert worths.between("OverallQual", 5, 7) == pytest.approx(2 * np.polyfit(grade, log, 1)[0])
    place = data.files.train["Neighborhood"].to_numpy()
    gap = log[place == "NridgHt"].mean() - log[place == "OldTown"].mean()
    assert worths.between("Neighborhood", "OldTown", "NridgHt") == pytest.approx(gap)
    here = data.train[0]
    there = {**here, "OverallQual": 9, "KitchenQual": "TA", "YearBuilt": 1950, "LotArea": 8460}
    found = worths.differences(here, there, schema)
    assert [each.attribute for each in found] == ["OverallQual", "YearBuilt"]
    assert (found[0].here, found[0].there) == (7, 9)
    assert abs(worths.between("LotArea", 8450, 8460)) < worths.notable == NOTABLE * log.std()
    assert worths.differences(here, here, schema) == ()
