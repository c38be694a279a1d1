"""Files and houses that are unusual: priced where they can be, refused in a sentence elsewhere."""

import csv
import io

import pytest
from starlette.testclient import TestClient

from tests import pace
from tests.app.routes.test_api import problem

PREDICTIONS, FILE = "/api/v1/predictions", "/api/v1/predictions.csv"
CSV = {"content-type": "text/csv"}


def table(client: TestClient, body: str) -> list[dict[str, str]]:
    response = client.post(FILE, content=body, headers=CSV)
    assert response.is_success, response.text
    return list(csv.DictReader(io.StringIO(response.text)))


def refused(client: TestClient, body: str) -> list[str]:
    """What is said of a file: of the whole, then of each fault."""
    said = problem(client.post(FILE, content=body, headers=CSV), 422)
    return [said["detail"], *(fault["message"] for fault in said["errors"])]


def test_a_file_without_ids_is_priced_by_line(client: TestClient) -> None:
    plain = table(client, "LotArea,OverallQual\n11622,5\n\n9000,7\n")
    named = table(client, "OverallQual,LotArea,Id\n5,11622,a\n7,9000,b\n")
    assert [row["line"] for row in plain] == ["2", "4"]
    assert [row["Id"] for row in named] == ["a", "b"]
    assert [row["SalePrice"] for row in plain] == [row["SalePrice"] for row in named]


def test_what_is_wrong_with_a_file_is_named_by_its_line(client: TestClient) -> None:
    whole, *faults = refused(client, "LotArea,MoSold\n1,1\n\n1,13\nbig,2\n")
    assert whole.startswith("2 errors in the rows. Line 4: MoSold is 13;")
    assert faults[1].startswith("Line 5: LotArea is 'big';")


def test_a_row_that_no_house_has_the_price_of_stands_without_and_says_why(
    client: TestClient,
) -> None:
    body = "YrSold\n2010\n999999999999\n2009\n"
    one, absurd, other = table(client, body)
    assert (absurd["SalePrice"], absurd["low"], absurd["high"]) == ("", "", "")
    assert absurd["answer"] == "" != one["answer"]
    assert absurd["warnings"].startswith("Line 3 is so far from all that training has seen")
    assert [one["SalePrice"], other["SalePrice"]] == [
        row["SalePrice"] for row in table(client, "YrSold\n2010\n2009\n")
    ]
    in_words = client.post(f"{PREDICTIONS}/table", content=body, headers=CSV)
    assert problem(in_words, 422)["detail"].startswith("Line 3 is so far from")


@pytest.mark.parametrize("year", [999999999999, 2**53])
def test_a_price_that_no_house_has_is_refused(client: TestClient, year: int) -> None:
    said = problem(client.post(PREDICTIONS, json={"houses": [{"YrSold": year}]}), 422)
    assert "Row 0 is so far from all that training has seen that its price is" in said["detail"]
    assert f"YrSold is {year}; the training houses have 2006 to 2010." in said["detail"]


def test_a_number_that_is_too_large_is_told_how_large_it_may_be(client: TestClient) -> None:
    typed = 10**19 + 1
    said = problem(client.post(PREDICTIONS, json={"houses": [{"LotArea": typed}]}), 422)
    assert said["detail"] == (
        f"Row 0: LotArea is {typed}; it must be a whole number from 0 to 9007199254740992."
    )


@pytest.mark.timed
def test_a_file_of_millions_is_refused_before_it_is_read(client: TestClient) -> None:
    body = "LotArea\n" + "1\n" * 4_000_000
    said: list[str] = []

    def ask() -> None:
        answer = client.post(f"{PREDICTIONS}/table", content=body, headers=CSV)
        said.append(problem(answer, 422)["detail"])

    # It took 13 s when every row was read first; 0.3 is what it takes.
    assert pace.keeps(1, ask, 1)
    assert said == [
        "The file has more than 10,000 rows, which is the most at once."
        " POST /api/v1/predictions.csv and `ridgeline predict` take any number."
    ]


def test_a_level_of_any_length_is_echoed_in_short(client: TestClient) -> None:
    response = client.post(PREDICTIONS, json={"houses": [{"MSZoning": "x" * 100_000}]})
    assert response.is_success
    assert len(response.content) < 10_000


def test_a_slip_of_the_comma_has_no_price(client: TestClient) -> None:
    """Training has 334 to 5,642 square feet, for 34,900 to 755,000 dollars."""
    wide = client.post("/api/v1/predictions", json={"houses": [{"GrLivArea": 7000}]})
    assert wide.status_code == 200, "a mansion beyond all that was seen has a price, and a warning"
    said = problem(
        client.post("/api/v1/predictions", json={"houses": [{"GrLivArea": 1_000_000}]}), 422
    )
    assert "which nothing learnt comes near" in said["detail"]
    assert "the training houses have 334 to 5642" in said["detail"]
