"""What is not known: who lends it, what becomes of it, and how far apart the answers are."""

from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from ml.houses.tables import HouseTables
from ml.houses.together import PARTS
from ml.predictor.donors import APART, MOST, NEAR, Donors
from ml.predictor.mixture import Errors, Mixture
from ml.schema import InputSchema
from tests import pace


@pytest.fixture(scope="module")
def donors(data: HouseTables, schema: InputSchema) -> Donors:
    return Donors.learn(schema, data.sold, np.log(data.price))


def some(house: dict[str, Any], schema: InputSchema, seed: int) -> dict[str, Any]:
    """What is told of a house: half of its fields, by chance."""
    told = np.random.default_rng(seed).permutation([field.name for field in schema.fields])[:39]
    return schema.known({name: house[name] for name in told.tolist()})


# ---- who lends


def test_the_nearest_are_those_of_a_trusted_search(data: HouseTables, donors: Donors) -> None:
    fields = [field.name for field in donors.places.fields]
    for row, names in ((3, ("GrLivArea", "YearBuilt")), (700, ("LotArea", "GrLivArea", "MoSold"))):
        at = [fields.index(name) for name in names]
        kinds = np.where(donors.kind[:, at] == donors.kind[row, at], 0, APART)
        lie = np.hstack([donors.place[:, at], kinds]) * np.tile(np.sqrt(donors.worth[at]), 2)
        search = NearestNeighbors(n_neighbors=NEAR).fit(lie)
        (wanted,) = search.kneighbors(lie[[row]], return_distance=False)
        lending, weight = donors.nearest({name: data.train[row][name] for name in names})
        assert {*lending.tolist()} <= {*wanted.tolist()}
        assert len(lending) == MOST
        assert weight.sum() == pytest.approx(1)
        assert row in lending


def test_all_that_are_equally_near_lend_alike(data: HouseTables, donors: Donors) -> None:
    lending, weight = donors.nearest({"CentralAir": "N"})
    cold = np.array([house["CentralAir"] == "N" for house in data.train])
    assert cold.sum() > NEAR
    assert cold[lending].all()
    np.testing.assert_array_equal(weight, 1 / MOST)
    # even steps in order of prices: their quantiles are those of all such houses
    for level in (0.1, 0.5, 0.9):
        taken, every = (np.quantile(data.price[rows], level) for rows in (lending, cold))
        assert taken == pytest.approx(every, rel=0.06)


def test_a_row_that_is_like_one_is_lent_to_by_it_most(data: HouseTables, donors: Donors) -> None:
    for row in (0, 523, 1298):
        known = {name: value for name, value in data.train[row].items() if name != "GarageType"}
        lending, weight = donors.nearest(known)
        counts = {i: float(weight[lending == i].sum()) for i in lending.tolist()}
        assert max(counts, key=lambda i: counts[i]) == row


def test_few_rows_lend_all(schema: InputSchema, data: HouseTables) -> None:
    few = Donors.learn(schema, data.sold[:3], np.log(data.price[:3]))
    rows, weight = few.filled({"OverallQual": 7})
    assert 0 < len(rows) <= 3
    assert weight.sum() == pytest.approx(1)
    alone = Donors.learn(schema, data.sold[:1], np.log(data.price[:1]))
    assert alone.filled({"Neighborhood": "nowhere"})[1].tolist() == [1.0]


# ---- what is lent


def test_what_is_known_stays_and_sums_are_of_their_parts(
    data: HouseTables, schema: InputSchema, donors: Donors
) -> None:
    for i in range(0, 1460, 40):
        known = some(data.train[i], schema, i)
        rows, _ = donors.filled(known)
        for row in rows:
            assert {name: row[name] for name in known} == known
            assert len(schema.known(row)) == len(schema.fields)  # it says all
            for whole, parts in PARTS.items():
                total = sum(row[name] or 0 for name in parts)
                if whole not in known or any(name not in known for name in parts):
                    assert row[whole] == pytest.approx(total, abs=2)
        schema.check(rows)  # houses that may be


def test_floors_grow_with_an_area_that_nobody_sold(donors: Donors) -> None:
    rows, _ = donors.filled({"GrLivArea": 5000, "1stFlrSF": 4000})
    assert {row["2ndFlrSF"] + row["LowQualFinSF"] for row in rows} == {1000}
    rows, _ = donors.filled({"1stFlrSF": 900, "2ndFlrSF": 0, "LowQualFinSF": 0})
    assert {row["GrLivArea"] for row in rows} == {900}
    rows, _ = donors.filled({"YearBuilt": 2009})
    assert all(row["YearRemodAdd"] >= 2009 for row in rows)


def test_none_is_told_and_nothing_is_not(
    data: HouseTables, schema: InputSchema, donors: Donors
) -> None:
    house = {"GrLivArea": 1500, "GarageType": None, "KitchenQual": None}
    assert schema.known(house) == {"GrLivArea": 1500, "GarageType": None}
    bare, _ = donors.filled(schema.known(house))
    assert {row["GarageType"] for row in bare} == {None}
    assert np.mean([row["GarageCars"] == 0 for row in bare]) > 0.9
    free, _ = donors.filled({"GrLivArea": 1500})
    assert np.mean([row["GarageCars"] == 0 for row in free]) < 0.2


# ---- what they make of it


def test_quantiles_are_those_of_many_draws() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=999)
    errors = Errors.learn(scores, [])
    log, size = rng.normal(12, 0.3, 7), rng.uniform(0.05, 0.2, 7)
    weight = np.array([0.2, 0.5, 0.3, 1.0, 0.25, 0.25, 0.5])
    mixed = Mixture(log, size, weight, np.array([0, 3, 4]))
    levels = (0.05, 0.3, 0.5, 0.95)
    found = mixed.quantiles(levels, errors)
    for row, part in enumerate((slice(0, 3), slice(3, 4), slice(4, 7))):
        which = rng.choice(np.arange(7)[part], 400_000, p=weight[part])
        drawn = log[which] + size[which] * errors.at(rng.random(400_000))
        np.testing.assert_allclose(found[:, row], np.quantile(drawn, levels), atol=0.004)
        under = errors.below((found[:, [row]] - log[part]) / size[part]) @ weight[part]
        np.testing.assert_allclose(under, levels, atol=1e-8)
        assert mixed.middle[row] == pytest.approx(weight[part] @ log[part])
    alone = log[3] + size[3] * errors.at(np.array(levels))
    np.testing.assert_allclose(found[:, 1], alone, atol=1e-10)


def test_one_answer_s_quantiles_are_those_of_its_errors() -> None:
    errors = Errors.learn(np.arange(1.0, 20), [(0.04, 0.5), (0.96, 19.5)])
    assert errors.at(np.array([0.04, 0.5, 0.96])).tolist() == [0.5, 10, 19.5]
    assert errors.below(np.array([0.0, 10, 99])).tolist() == [0, 0.5, 1]
    for ends in (
        [(0.04, 2.5), (0.96, 17.5)],
        [(0.96, 30.0), (0.04, -3.0)],
        [(0.05, 0.5), (0.95, 17.5)],
    ):  # scores say otherwise
        errors = Errors.learn(np.arange(1.0, 20), ends)
        assert errors.at(np.array([level for level, _ in ends])).tolist() == [x for _, x in ends]
        assert errors.at(np.array(0.5)) == 10
        assert (np.diff(errors.values) >= 0).all()
    errors = Errors.learn(np.arange(1.0, 20), [(0.04, 0.5), (0.96, 19.5)])
    mixed = Mixture(np.array([1.0, 2]), np.array([0.1, 1]), np.ones(2), np.arange(2))
    wanted = np.array([[1.05, 2.5], [2, 12]])
    np.testing.assert_allclose(mixed.quantiles((0.04, 0.5), errors), wanted)


@pytest.mark.timed
def test_a_house_is_completed_at_once(
    data: HouseTables, schema: InputSchema, donors: Donors
) -> None:
    known = some(data.train[7], schema, 7)
    assert pace.keeps(0.005, lambda: donors.filled(known), 20)  # 3 ms on an idle core
