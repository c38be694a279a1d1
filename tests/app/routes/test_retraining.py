"""From sales of one's own to a version, from prices that came to a better one, and to promotion."""

import csv
import io
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from app.alarm import Watchman
from app.engine.runners import Processes
from app.engine.worker import Worker
from app.serving import sales as reading
from app.serving.predictors import on_paid, serving
from app.serving.sales import LEAST, news
from app.settings import settings
from app.store import sessions
from app.store.answers import Answers
from app.store.jobs import RunStore
from app.store.models import Answer
from app.store.tables import Tables
from ml.data import tables as packing
from ml.data.hub import DataUnavailable
from ml.experiments import parse
from ml.houses.tables import HouseTables
from ml.predictor import Predictor, later
from ml.pricing import paid_of
from tests.app import versions
from tests.app.pages.test_pages import get
from tests.app.routes.test_api import problem

TABLES, JOBS, MODELS = "/api/v1/tables", "/api/v1/jobs", "/api/v1/models"
QUICK = {"name": "house_ensemble", "k": 2, "num_seeds": 1, "num_epochs": 1}
OLD, ASKED, PAID = 130, 70, 33


@pytest.fixture(scope="module")
def data() -> HouseTables:
    return HouseTables.read()


@pytest.fixture(scope="module")
def sales(data: HouseTables) -> list[dict[str, Any]]:
    """Houses built before 1970, then others, of which all is known that is known of the first."""
    old = [sale for sale in data.sold if sale["YearBuilt"] < 1970][:OLD]
    new = [sale for sale in data.sold if sale["YearBuilt"] >= 1990][:ASKED]
    return old + new


def as_csv(rows: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0])
    writer.writeheader()
    writer.writerows([{k: "NA" if v is None else v for k, v in row.items()} for row in rows])
    return out.getvalue()


def work(job: int) -> None:
    Worker(sessions.writers(), Processes(), only=job).work()
    with sessions.readers()() as session:
        found = RunStore(session).get(job)
        assert found.status == "succeeded", found.error


@pytest.fixture(scope="module")
def payloads() -> dict[str, Any]:
    """What a test has trained, for those after it."""
    return {}


@pytest.fixture
def older(client: TestClient, sales: list[dict[str, Any]], payloads: dict[str, Any]) -> int:
    """The champion: it has learnt from a table of older houses."""
    kept = client.post(f"{TABLES}?about=old", content=as_csv(sales[:OLD]))
    assert kept.status_code == 201, kept.text
    asked = QUICK | {"sales": kept.json()["table"]}
    if not payloads:
        job = client.post(JOBS, json={"experiment": asked}).json()["id"]
        work(job)
        payloads["older"] = client.get(f"{JOBS}/{job}/predictor").content
    else:
        job = versions.keep(parse(asked), payloads["older"])
    number: int = client.get(MODELS).json()["models"][0]["version"]
    why = {"who": "Ada", "force": True, "reason": "It has learnt from the sales of our own town."}
    moved = client.post(f"{MODELS}/{number}/promote", json=why)
    assert moved.status_code == 200, moved.text
    return number


def ask_and_pay(client: TestClient, rows: list[dict[str, Any]], paid: int) -> list[str]:
    """Ask about sales without their price, then tell what the first were paid; gives the ids."""
    houses = [{k: v for k, v in row.items() if k not in {"Id", "SalePrice"}} for row in rows]
    said = client.post("/api/v1/predictions", json={"houses": houses}).json()["predictions"]
    ids = [one["id"] for one in said]
    pay(client, ids[:paid], rows)
    return ids


def pay(client: TestClient, ids: list[str], rows: list[dict[str, Any]]) -> None:
    if ids:
        told = [{"id": key, "paid": row["SalePrice"]} for key, row in zip(ids, rows, strict=False)]
        assert client.post("/api/v1/actuals", json={"actuals": told}).json()["kept"] == len(ids)


# ---- the circle


def test_prices_that_came_become_a_version_that_is_judged_by_them(
    client: TestClient, older: int, sales: list[dict[str, Any]]
) -> None:
    new = sales[OLD:]
    retrain = f"{MODELS}/champion/retrain"
    said = problem(client.post(retrain), 409)["detail"]
    assert said == f"No prices have come that it could learn from; {LEAST} are the least."
    ids = ask_and_pay(client, new, PAID)
    look = client.get("/api/v1/monitor").json()
    assert look["learn"] == {"prices": PAID, "thin": 0, "reason": "", "jobs": []}
    assert f"Retrain with {PAID} new prices" in get(client, "/monitor").words
    made = client.post(retrain)
    assert made.status_code == 202, made.text
    job = made.json()
    assert {k: job["experiment"][k] for k in QUICK} == QUICK
    (table, _) = client.get(TABLES).json()["tables"]
    assert table["table"] == job["experiment"]["sales"]
    assert (table["rows"], table["added"], table["version"]) == (OLD + PAID, PAID, older)
    assert table["about"] == f"{OLD} sales of version {older} and {PAID} prices that came"
    work(job["id"])

    number = client.get(MODELS).json()["models"][0]["version"]
    card = client.get(f"{MODELS}/{number}/card").json()
    assert card["table"] == table
    assert table["about"] in client.get(f"{MODELS}/{number}/card.md").text
    assert table["about"] in get(client, f"/models/{number}").words
    pay(client, ids[PAID:], new[PAID:])

    # by hand: who answers never learnt from any, the other from the first by the fold without it
    with sessions.readers()() as session:
        mine, its = (serving(session, one).predictor for one in (number, older))
    price = np.array([sale["SalePrice"] for sale in new])
    judged = mine.judged
    assert judged is not None
    assert [sale["SalePrice"] for sale in mine.sales[OLD:]] == price[:PAID].tolist()
    told = np.log(mine.predict(new).price)
    told[:PAID] = judged.said[0, OLD:]
    off = [np.log(price) - told, np.log(price / its.predict(new).price)]
    after, before = (float(np.sqrt(np.square(each).mean())) for each in off)
    found = client.get(f"{MODELS}/{number}/against/{older}").json()
    assert (found["on"], found["pairs"], found["comparable"]) == ("rows", ASKED, True)
    assert found["difference"] == pytest.approx(after - before, abs=1e-5)
    assert found["ahead"] == (np.abs(off[0]) < np.abs(off[1])).sum()
    (first, *_) = found["questions"]
    assert first["found"] == f"{ASKED} rows, {PAID} of them by fold"
    assert after < before
    (instead,) = client.get("/api/v1/monitor").json()["look"]["instead"]
    assert (instead["version"], instead["n"], instead["learnt"]) == (number, ASKED, PAID)
    assert (instead["before"], instead["rmse"]) == pytest.approx((before, after), abs=1e-5)
    words = " ".join(get(client, f"/models/{number}/promote").words.split())
    for text in (f"{ASKED} houses whose price came", "answered by folds", "new to both",
                 f"nearer for {found['ahead']} of {ASKED}.", "above $"):  # fmt: skip
        assert text in words
    assert "priced houses" in get(client, "/models").words
    moved = client.post(
        f"{MODELS}/{number}/promote",
        json={"who": "Ada", "force": not found["passes"], "reason": "It knows the newer houses."},
    )
    assert moved.status_code == 200, moved.text
    assert moved.json()["evidence"] == found["sentence"]
    assert problem(client.delete(f"{TABLES}/{table['table']}"), 409)["detail"].startswith("Job")


def test_a_look_learns_by_itself_where_the_operator_wants_it_and_prices_came(
    client: TestClient,
    older: int,
    sales: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dearer = [row | {"SalePrice": 3 * row["SalePrice"]} for row in sales[OLD:]]
    ids = ask_and_pay(client, dearer, PAID)
    jobs = client.get(JOBS).json()["total"]
    man = Watchman(1)
    looked = man.look()
    assert looked is not None
    assert (looked.version, looked.verdict) == (older, "worse")
    assert client.get(JOBS).json()["total"] == jobs
    monkeypatch.setenv("RIDGELINE_RETRAIN", "worse")
    settings.cache_clear()
    for _ in range(2):  # and not again for the same prices
        man.look()
        last = client.get(JOBS).json()["items"][0]
        assert (client.get(JOBS).json()["total"], last["status"]) == (jobs + 1, "queued")
    said = problem(client.post(f"{MODELS}/{older}/retrain"), 409)["detail"]
    assert said == f"Job {last['id']} learns from these prices already."
    pay(client, ids[PAID:], dearer[PAID:])  # 37 more
    man.look()
    assert client.get(JOBS).json()["total"] == jobs + 2
    client.post(f"{JOBS}/{last['id'] + 1}/cancel")
    assert client.post(f"{MODELS}/{older}/retrain").status_code == 202  # nobody learns from them
    client.delete(f"{MODELS}/names/champion", params={"reason": "Nobody asks any more."})
    assert man.look() is None


# ---- what is learnt from


def news_of(predictor: Predictor, *houses: tuple[dict[str, Any], float | None]) -> Any:
    answers = [
        Answer(id=i, version_id=1, house=house, paid=paid) for i, (house, paid) in enumerate(houses)
    ]
    return news(predictor, answers)


def test_of_a_house_the_last_price_is_learnt_and_none_that_tells_too_little(
    client: TestClient, older: int, sales: list[dict[str, Any]]
) -> None:
    with sessions.readers()() as session:
        predictor = serving(session, older).predictor
    known = predictor.card.input_schema.known
    new, met = known(sales[OLD]), known(sales[3])
    less = {k: v for k, v in new.items() if k != "GrLivArea"}
    alike = {k: v for k, v in new.items() if k != "LotFrontage"}  # some of the learnt lack it, too
    assert "LotFrontage" in new
    found = news_of(
        predictor, (new, 1e5), (new, 2e5), (met, 1e6), (new | {"LotArea": 5}, None),
        (less, 9e5), (alike, 3e5), (new | {"LotArea": 6}, 1e9),
    )  # fmt: skip
    assert [sale["SalePrice"] for sale in found.sales] == [2e5, 3e5]
    assert [sale["Id"] for sale in found.sales] == [100_001, 100_005]
    assert [*found.sales[0]] == [*sales[0]]
    assert known(found.sales[1]) == alike | {"LotFrontage": None}
    assert found.thin == 1
    assert "2 prices have come that it could learn from; 30 are the least." in found.reason
    assert "1 priced answer tells too little of the house" in found.reason


def test_who_has_learnt_from_a_row_answers_by_the_fold_without_it(
    client: TestClient, older: int, sales: list[dict[str, Any]]
) -> None:
    with sessions.readers()() as session:
        predictor = serving(session, older).predictor
    assert predictor.judged is not None
    rows = [sales[OLD], sales[5], sales[2]]
    told, learnt = predictor.unlearnt(rows)
    assert learnt.tolist() == [False, True, True]
    assert told.price[0] == predictor.predict(rows[:1]).price[0]
    for name, part in (("said", told.price), ("low", told.low), ("high", told.high)):
        kept = np.exp(getattr(predictor.judged, name)[0, [5, 2]].astype(np.float64))
        np.testing.assert_allclose(part[1:], kept, rtol=1e-6)
    paid = np.array([row["SalePrice"] for row in rows])
    one = later(("A", "B"), predictor, predictor, rows, paid, ["x", "y", "z"])
    assert (one.names, one.by_fold) == (("x", "y", "z"), 2)
    assert "the targets of 3 that both can be judged on have come: 30 are the least" in one.sentence
    assert not one.passed


# ---- tables


def test_a_table_is_read_as_a_person_means_it_and_kept_once(
    client: TestClient, sales: list[dict[str, Any]]
) -> None:
    rows = sales[:100]
    plain = client.post(f"{TABLES}?about=ours", content=as_csv(rows)).json()
    assert (plain["rows"], plain["about"], plain["jobs"]) == (100, "ours", [])
    dialect = as_csv(rows).replace("LotArea", "Lot Area", 1).replace(",", ";")
    again = client.post(TABLES, content=dialect).json()
    assert again["table"] == plain["table"]
    assert any("Lot Area" in remark for remark in again["remarks"])
    with sessions.readers()() as session:
        kept = packing.unpacked(Tables(session).payload(plain["table"]) or b"")
    assert [row["Id"] for row in kept] == [row["Id"] for row in rows]
    assert [row["SalePrice"] for row in kept] == [row["SalePrice"] for row in rows]
    assert kept[7] == rows[7]
    assert client.delete(f"{TABLES}/{plain['table']}").status_code == 204
    assert client.get(TABLES).json() == {"tables": []}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: [{k: v for k, v in r.items() if k != "SalePrice"} for r in rows],
         "A table of sales needs a column SalePrice."),
        (lambda rows: rows[:99], "99 sales are too few: 100 are the least."),
        (lambda rows: [rows[0] | {"SalePrice": 0}, *rows[1:]],
         "Line 2: SalePrice is '0'; it must be from 1,000 to 100,000,000."),
        (lambda rows: [rows[0] | {"SalePrice": "n/a"}, rows[1] | {"SalePrice": "inf"}, *rows[2:]],
         "Line 2: SalePrice is 'n/a'; it must be from 1,000 to 100,000,000. 1 more is, too."),
        (lambda rows: [*rows[:4], rows[4] | {"OverallQual": 11}, *rows[5:]], "OverallQual is 11"),
        (lambda rows: [rows[0] | {"SalePrice": "208.500"}, *rows[1:]], "SalePrice is '208.500'"),
        (lambda rows: [{"Id": r["Id"], "LotArea": r["LotArea"], "SalePrice": r["SalePrice"]}
                       for r in rows], "No sale says anything of MSSubClass, MSZoning"),
        (lambda rows: [*rows[:99], rows[0]], "The sales are of 99 different houses: 100 are"),
        (lambda rows: [r | {"SalePrice": 9000} for r in rows], "All sales have the same price"),
        (lambda rows: [dict.fromkeys(rows[0], "")], "a header and no rows"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_learnt_from_says_why(
    client: TestClient, sales: list[dict[str, Any]], change: Any, words: str
) -> None:
    said = problem(client.post(TABLES, content=as_csv(change(sales[:100]))), 422)
    assert words in said["detail"]
    assert client.get(TABLES).json() == {"tables": []}


def test_a_job_names_a_table_that_is_there(client: TestClient) -> None:
    asked = {"experiment": QUICK | {"sales": "0123456789abcdef"}}
    said = problem(client.post(JOBS, json=asked), 422)
    assert said["detail"] == "There is no table '0123456789abcdef'; there is none."
    problem(client.delete(f"{TABLES}/0123456789abcdef"), 404)
    problem(client.delete(f"{TABLES}/x"), 422)


def test_a_house_counts_once_and_only_where_both_can_read_it(
    client: TestClient, older: int, sales: list[dict[str, Any]]
) -> None:
    with sessions.readers()() as session:
        predictor = serving(session, older).predictor
    new = predictor.card.input_schema.known(sales[OLD])
    answers = [
        Answer(key=str(i), version_id=older, house=house, paid=paid)
        for i, (house, paid) in enumerate([
            (new, 1e5), (new | {"Alley": None}, 2e5), (new | {"LotArea": "Grvl"}, 3e5),
            (sales[3], 4e5), (new | {"LotArea": 9}, None),
        ])
    ]  # fmt: skip
    found = on_paid(("A", "B"), predictor, predictor, answers)
    assert found.one is not None
    assert found.names == ("1", "3")
    np.testing.assert_allclose(np.exp(found.one.target), [2e5, 4e5], rtol=1e-6)
    assert found.learnt.tolist() == [False, True]
    assert on_paid(("A", "B"), predictor, predictor, []).reason


def test_of_two_prices_of_a_house_the_one_told_last_counts(
    client: TestClient, older: int, sales: list[dict[str, Any]]
) -> None:
    first, second = ask_and_pay(client, [sales[OLD], sales[OLD]], 0)
    for key, price in ((second, 210_000), (first, 417_000)):
        pay(client, [key], [{"SalePrice": price}])
    with sessions.readers()() as session:
        assert [answer.paid for answer in Answers(session).priced()] == [210_000, 417_000]
        found = news(serving(session, older).predictor, Answers(session).priced())
    assert [sale["SalePrice"] for sale in found.sales] == [417_000]


@pytest.mark.parametrize(
    ("cell", "price"),
    [
        ("208500", 208_500), ("$208,500", 208_500), (" € 208.500,00", 208_500),
        ("208500,5", 208_500.5), ("1.208.500", 1_208_500), ("1,208,500.25", 1_208_500.25),
        ("2.085e5", 208_500), ("208.500", 208.5), ("inf", None), ("-5", None),
        ("1e13", None), ("nan", None), ("$,,2", None), ("1_000", None), ("", None),
        ("2,08,500", None), ("0", None),
    ],
)  # fmt: skip
def test_a_price_is_read_as_it_is_meant_or_not_at_all(cell: str, price: float | None) -> None:
    assert paid_of(cell) == price


def test_what_need_not_be_positive_may_be_below_zero() -> None:
    read = [
        paid_of(cell, positive=False) for cell in ("-5", "0", "−1.208,5", "$-3", "--3", "-1e13")
    ]
    assert read == [-5, 0, -1208.5, -3, None, None]


def test_a_price_that_can_be_none_is_not_kept_as_paid(client: TestClient) -> None:
    text = "LotArea,SalePrice\n9000,inf\n8000,1e300\n7000,120000\n"
    assert client.post("/api/v1/predictions.csv", content=text).is_success
    look = client.get("/api/v1/monitor").json()
    assert (look["answers"], look["paid"]) == (3, 1)


def test_where_the_houses_cannot_be_had_a_table_is_not_read(
    client: TestClient, sales: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> None:
        raise DataUnavailable("No source gives kaggle_house_train.")

    monkeypatch.setattr(reading, "read", gone)
    reading._schema.cache_clear()
    said = problem(client.post(TABLES, content=as_csv(sales[:100])), 409)
    assert said["detail"] == "No source gives kaggle_house_train."


def test_words_about_a_table_are_plain(client: TestClient, sales: list[dict[str, Any]]) -> None:
    kept = client.post(f"{TABLES}?about=a%1b[31m%0Ab%00c", content=as_csv(sales[:100])).json()
    assert kept["about"] == "a [31m b c"
