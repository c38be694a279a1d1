"""The same twenty houses in some fifty dialects: priced alike and told how, or refused in words."""

import csv
import gzip
import io
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.errors import Invalid
from app.serving.predictors import Served
from app.serving.tables import PricedTable, opened
from ml.data.hub import download
from ml.houses import files
from ml.predictor import Predictor
from ml.pricing import Part
from tests.app.routes.test_api import problem

TABLE = "/api/v1/predictions/table"
Cells = list[list[str]]


def read() -> Cells:
    """The first twenty houses without a price, as Kaggle writes them."""
    text = download("kaggle_house_test").read_text()
    return [line for line, _ in zip(csv.reader(io.StringIO(text)), range(21), strict=False)]


def write(cells: Cells, separator: str = ",", **how: Any) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator="\n", **how).writerows(cells)
    return out.getvalue()


def header(change: Callable[[str], str]) -> Callable[[Cells], Cells]:
    return lambda cells: [[change(name) for name in cells[0]], *cells[1:]]


def column(name: str, change: Callable[[str], str]) -> Callable[[Cells], Cells]:
    def changed(cells: Cells) -> Cells:
        at = cells[0].index(name)
        return [cells[0], *([*row[:at], change(row[at]), *row[at + 1 :]] for row in cells[1:])]

    return changed


def missing(text: str) -> Callable[[Cells], Cells]:
    """NA as somebody else writes it; MasVnrType has a level None, which stays."""
    return lambda cells: [[text if cell == "NA" else cell for cell in row] for row in cells]


def beside(name: str, *values: str) -> Callable[[Cells], Cells]:
    """A column of one's own."""
    return lambda cells: [
        [name if i == 0 else values[(i - 1) % len(values)], *row] for i, row in enumerate(cells)
    ]


def spaced(name: str) -> str:
    """De Cock's own spelling: Lot Area, 1st Flr SF, BsmtFin Type 1, Year Remod/Add."""
    own = {"YearRemodAdd": "Year Remod/Add", "MSSubClass": "MS SubClass", "1stFlrSF": "1st Flr SF"}
    return own.get(name, "".join(f" {c}" if c.isupper() else c for c in name).strip())


def snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).strip("_")


DIALECTS: dict[str, tuple[Callable[[Cells], Cells] | Callable[[Cells], bytes], str]] = {
    "as it is": (lambda cells: cells, ""),
    "semicolons": (lambda cells: write(cells, ";").encode(), "separated by semicolons"),
    "tabs": (lambda cells: write(cells, "\t").encode(), "separated by tabs"),
    "bars": (lambda cells: write(cells, "|").encode(), "separated by bars"),
    "sep=": (lambda cells: ("sep=;\n" + write(cells, ";")).encode(), "semicolons"),
    "every cell quoted": (lambda cells: write(cells, quoting=csv.QUOTE_ALL).encode(), ""),
    "Windows line ends": (lambda cells: write(cells).replace("\n", "\r\n").encode(), ""),
    "old Mac line ends": (lambda cells: write(cells).replace("\n", "\r").encode(), ""),
    "no last line end": (lambda cells: write(cells).rstrip().encode(), ""),
    "UTF-8 with a mark": (lambda cells: b"\xef\xbb\xbf" + write(cells).encode(), ""),
    "UTF-16": (lambda cells: write(cells).encode("utf-16"), "UTF-16"),
    "UTF-16, the other end first": (
        lambda cells: b"\xfe\xff" + write(cells).encode("utf-16-be"), "UTF-16-BE",
    ),
    "UTF-16 without a mark": (lambda cells: write(cells).encode("utf-16-le"), "UTF-16-LE"),
    "Latin-1": (
        lambda cells: write(beside("Straße", "Grünweg")(cells)).encode("latin-1"), "Windows-1252",
    ),
    "gzip": (lambda cells: gzip.compress(write(cells).encode()), "Unpacked by gzip"),
    "gzip of UTF-16": (lambda cells: gzip.compress(write(cells).encode("utf-16")), "UTF-16"),
    "a title above": (lambda cells: ("Listings of August\n\n" + write(cells)).encode(), "1 line"),
    "comments above": (lambda cells: ("# made by us\n# twice\n" + write(cells)).encode(), ""),
    "comments between": (
        lambda cells: write(cells).replace("\n", "\n# no house\n").encode(), "",
    ),
    "empty columns at the end": (
        lambda cells: "".join(f"{line},,,\n" for line in write(cells).splitlines()).encode(), "",
    ),
    "empty rows": (
        lambda cells: (write(cells) + "," * (len(cells[0]) - 1) + "\n\n,,,\n").encode(),
        "2 lines of empty cells",
    ),
    "blanks around names": (header(lambda name: f" {name} "), ""),
    "blanks around cells": (
        lambda cells: [cells[0], *([f" {cell}  " for cell in row] for row in cells[1:])], "",
    ),
    "De Cock's names": (header(spaced), "'Lot Area' as LotArea"),
    "names with points": (header(lambda name: spaced(name).replace(" ", ".")), "as LotShape"),
    "snake case": (header(snake), "'lot_shape' as LotShape"),
    "capitals": (header(str.upper), "'LOTSHAPE' as LotShape"),
    "R's X before digits": (
        header(lambda name: f"X{name}" if name[0].isdigit() else name), "'X1stFlrSF' as 1stFlrSF",
    ),
    "another order": (lambda cells: [row[::-1] for row in cells], ""),
    "levels with blanks": (
        column("SaleType", lambda cell: f"{cell} "),
        "SaleType: 20 values read without the blanks around ('WD ').",
    ),
    "levels in small letters": (column("MSZoning", str.lower), "20 values read as a level"),
    "levels in capitals": (column("Neighborhood", str.upper), "Neighborhood: 20 values"),
    "nan": (missing("nan"), "taken for missing ('nan')"),
    "NaN": (missing("NaN"), "taken for missing"),
    "null": (missing("null"), "taken for missing"),
    "N/A": (missing("N/A"), "taken for missing"),
    "#N/A": (missing("#N/A"), "taken for missing"),
    "a dash": (missing("-"), "taken for missing"),
    "a question mark": (missing("?"), "taken for missing"),
    "nothing": (missing(""), ""),
    "a blank": (missing(" "), ""),
    "whole numbers with a point": (column("LotArea", lambda cell: f"{cell}.0"), ""),
    "thousands": (column("LotArea", lambda cell: f"{int(cell):,}"), "LotArea: 20 values"),
    "decimal commas": (
        lambda cells: write(column("LotArea", lambda cell: f"{cell},0")(cells), ";").encode(),
        "LotArea: commas read as decimal points in 20 values",
    ),
    "points for thousands, commas for decimals": (
        lambda cells: write(
            column("LotArea", lambda c: f"{int(c):,}".replace(",", ".") + ",0")(cells), ";"
        ).encode(),
        "LotArea: commas read as decimal points in 20 values",
    ),
    "points for thousands": (
        lambda cells: write(
            column("LotArea", lambda c: f"{int(c):,}".replace(",", "."))(cells), ";"
        ).encode(),
        "LotArea: points read as separators of thousands in 20 values",
    ),
    "three decimals": (
        lambda cells: write(column("OverallQual", lambda c: f"{c}.000")(cells), ";").encode(), "",
    ),
    "an address": (beside("Address", "12 High St, Ames", "3 Elm"), "no field"),
    "a formula": (beside("Note", "=1+1", "-3"), "no field"),
    "prices already": (beside("SalePrice", "150000"), ""),
    "prices spelled otherwise": (beside("Sale Price", "$150,000"), "'Sale Price' as SalePrice"),
    "an empty column in front": (beside("", ""), ""),
    "an index without a name": (beside("", "7", "8"), "it is read as the index, 'index'"),
    "an index of words": (beside("", "a, b", "c"), "it is read as the index, 'index'"),
}  # fmt: skip


@pytest.fixture(scope="module")
def cells() -> Cells:
    return read()


def send(client: TestClient, body: bytes, **query: Any) -> Any:
    return client.post(TABLE, content=body, params=query)


@pytest.fixture(scope="module")
def served(finished: Path) -> Served:
    """The model of the finished store, without a server around it."""
    with sqlite3.connect(finished) as store:
        ((payload,),) = store.execute("select payload from versions")
    return Served(1, 1, "", Predictor.from_bytes(payload), {})


def price_table(served: Served, body: bytes) -> tuple[PricedTable, Part]:
    with opened(io.BytesIO(body)) as text:
        table = PricedTable(served, text, most=100)
        return table, table.whole()


def encoded(made: Cells | bytes) -> bytes:
    return made if isinstance(made, bytes) else write(made).encode()


def prices(text: str) -> list[float]:
    rows = [*csv.DictReader(io.StringIO(text))]
    return [float(row[name]) for row in rows for name in ("SalePrice", "low", "high")]


@pytest.mark.parametrize("name", DIALECTS)
def test_a_dialect_is_priced_like_the_original_and_told(
    served: Served, cells: Cells, name: str
) -> None:
    change, remark = DIALECTS[name]
    original, as_it_is = price_table(served, encoded(cells))
    table, found = price_table(served, encoded(change(cells)))
    assert len(found.names) == 20
    assert prices(found.csv) == pytest.approx(prices(as_it_is.csv), rel=1e-6)
    assert remark in " ".join(table.remarks)
    assert original.remarks == []


@pytest.mark.parametrize("kind", ["xlsx", "parquet"])
def test_sheets_and_tables_of_columns_are_read(served: Served, cells: Cells, kind: str) -> None:
    frame = files.read().test.head(20)
    out = io.BytesIO()
    if kind == "xlsx":
        frame.to_excel(out, index=False, engine="openpyxl", sheet_name="August")
    else:
        frame.to_parquet(out)
    (table, found), (_, original) = (
        price_table(served, body) for body in (out.getvalue(), encoded(cells))
    )
    assert prices(found.csv) == pytest.approx(prices(original.csv), rel=1e-6)
    how = "Read the sheet 'August'." if kind == "xlsx" else "Read as a Parquet table."
    assert how in table.remarks


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda _: b"PK\x03\x04 no workbook", "no .xlsx workbook that can be read"),
        (lambda _: b"PAR1 no table", "no Parquet table that can be read"),
        (lambda cells: gzip.compress(write(cells).encode())[:-20], "damaged gzip"),
        (lambda cells: write(cells[1:]).encode(), "is the header missing"),
        (lambda _: b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "no text"),
        (column("OverallQual", lambda _: "good"), "OverallQual is 'good'; it must be a whole"),
        (lambda cells: write(column("LotArea", lambda c: f"{int(c):,}")(cells), ";").encode(),
         "write it without a comma"),
        (lambda cells: write(column("BsmtFinSF1", lambda _: "1.710")(cells), ";").encode(),
         "BsmtFinSF1 is '1.710', which may be 1.71 or 1710: write 1710, or 1,71."),
        (lambda cells: [*cells, cells[1][:5]], "Line 22 has 5 cells; the header has 80"),
        (lambda cells: [[*cells[0], "lot area"], *([*row, "1"] for row in cells[1:])],
         "columns twice: 'LotArea' and 'lot area' are both LotArea"),
        (lambda _: b"area,rooms,kind,to\n5,5,NA,Street\n", "missing? It has MSSubClass, MSZoning"),
        (lambda cells: [[*cells[0], ""], *([*row, "1"] for row in cells[1:])],
         "in column 81, which has no name: name it, or take it out"),
        (lambda cells: cells[:1], "a header and no rows"),
        (lambda _: b"", "must name the columns"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_the_way_out(
    served: Served, cells: Cells, change: Any, words: str
) -> None:
    with pytest.raises(Invalid) as refused:
        price_table(served, encoded(change(cells)))
    faults = " ".join(fault.message for fault in refused.value.errors)
    assert words in f"{refused.value.message} {faults}"


def test_a_row_of_a_csv_reader_is_priced_the_same_as_json(client: TestClient, cells: Cells) -> None:
    rows = [*csv.DictReader(io.StringIO(write(cells)))]
    answer = client.post("/api/v1/predictions", json={"houses": rows})
    assert answer.status_code == 200, answer.text
    found = [p[name] for p in answer.json()["predictions"] for name in ("price", "low", "high")]
    assert found == pytest.approx(prices(send(client, encoded(cells)).json()["csv"]), rel=1e-6)


def test_json_is_read_as_kindly_as_csv(client: TestClient, cells: Cells) -> None:
    """Spellings, own columns and decimal commas: as in a file, and told in the same words."""
    spelled = header(spaced)(column("LotFrontage", lambda _: "68,5")(cells))
    rows = [row | {"address": "3 Elm", "SalePrice": "?"}
            for row in csv.DictReader(io.StringIO(write(spelled)))]  # fmt: skip
    plain = column("LotFrontage", lambda _: "68.5")(cells)
    answer = client.post("/api/v1/predictions", json={"houses": rows})
    assert answer.status_code == 200, answer.text
    found = [p[name] for p in answer.json()["predictions"] for name in ("price", "low", "high")]
    assert found == pytest.approx(prices(send(client, encoded(plain)).json()["csv"]), rel=1e-6)
    remarks = " ".join(answer.json()["remarks"])
    file = " ".join(send(client, encoded(beside("address", "3 Elm")(header(spaced)(cells))))
                    .json()["remarks"])  # fmt: skip
    for words in ("'Lot Area' as LotArea", "1 column is no field and is not read: 'address'."):
        assert words in remarks
        assert words in file
    strict = client.post("/api/v1/predictions", json={"houses": rows, "strict": True})
    assert "There is no field 'address'" in problem(strict, 422)["detail"]
    for row, words in (
        ({"GrLivAera": 1710, "LotArea": 9000}, "Did you mean 'GrLivArea'?"),  # a slip
        ({"Gr Liv Area": 1, "GrLivArea": 2}, "'Gr Liv Area' and 'GrLivArea' are both GrLivArea"),
        ({"address": "3 Elm"}, "Nothing is known"),
    ):
        said = problem(client.post("/api/v1/predictions", json={"houses": [row]}), 422)
        assert words in said["detail"]


def test_rows_of_several_headers_keep_their_values(client: TestClient) -> None:
    """Each row by its own names, not by those of the first."""
    rows = [{"Lot Area": 9000, "x": 1}, {"x": 5, "LotArea": 20000}, {"lot_area": 9000}]
    answer = client.post("/api/v1/predictions", json={"houses": rows}).json()
    first, second, third = [one["price"] for one in answer["predictions"]]
    alone = client.post("/api/v1/predictions", json={"houses": [{"LotArea": 20000}]}).json()
    assert first == third != second
    assert second == pytest.approx(alone["predictions"][0]["price"])


def test_an_index_without_a_name_comes_back(client: TestClient, cells: Cells) -> None:
    said = send(client, encoded(beside("", "7", "8")(cells))).json()
    found = [*csv.DictReader(io.StringIO(said["csv"]))]
    assert [row["index"] for row in found] == ["7", "8"] * 10
    assert sum("index" in remark for remark in said["remarks"]) == 1
    taken = send(client, encoded(beside("", "7")(beside("Index", "9")(cells)))).json()["csv"]
    (row, *_) = csv.DictReader(io.StringIO(taken))
    assert (row["row index"], row["Index"]) == ("7", "9")
    assert (
        "index"
        in problem(send(client, encoded(beside("", "7")(cells)), strict=True), 422)["detail"]
    )


def test_own_columns_come_back_and_no_spreadsheet_computes_them(
    client: TestClient, cells: Cells
) -> None:
    body = write(beside("Note", "=1+1", "-3", "@x", "12, High St")(cells)).encode()
    said = send(client, body).json()
    rows = [*csv.DictReader(io.StringIO(said["csv"]))]
    assert [row["Note"] for row in rows[:4]] == ["'=1+1", "-3", "'@x", "12, High St"]
    assert [row["Id"] for row in rows[:2]] == ["1461", "1462"]
    assert "1 column is no field and is not read: 'Note'" in " ".join(said["remarks"])
    refused = problem(send(client, body, strict=True), 422)
    assert "1 column is no field" in refused["detail"]


def test_a_column_can_be_matched_by_hand(client: TestClient, cells: Cells) -> None:
    renamed = header(
        lambda name: {"GrLivArea": "Living.Space", "LotArea": "LotAreas"}.get(name, name)
    )
    body = write(renamed(cells)).encode()
    said = send(client, body).json()
    assert said["unknown"]["LotAreas"][0] == "LotArea"
    original = prices(send(client, encoded(cells)).json()["csv"])
    assert prices(said["csv"]) != pytest.approx(original, rel=1e-6)
    matched = send(client, body, map=["Living.Space=GrLivArea", "LotAreas=LotArea"]).json()
    assert prices(matched["csv"]) == pytest.approx(original, rel=1e-6)
    assert matched["unknown"] == {}
    for wrong, words in (
        ("LotAreas=LotAria", "Did you mean 'LotArea'?"),
        ("Nothing=LotArea", "There is no column 'Nothing'"),
        ("LotAreas", "must be Column=field"),
    ):
        assert words in problem(send(client, body, map=[wrong]), 422)["detail"]


def test_a_mean_is_taken_where_whole_numbers_are_usual(client: TestClient, cells: Cells) -> None:
    body = write(column("LotFrontage", lambda _: "68.58")(cells)).encode()
    said = send(client, body).json()
    assert "LotFrontage: 20 values taken as it is, though no whole number" in " ".join(
        said["remarks"]
    )
    one = client.post("/api/v1/predictions", json={"houses": [{"LotFrontage": 68.58}]}).json()
    other = client.post("/api/v1/predictions", json={"houses": [{"LotFrontage": 68}]}).json()
    assert one["predictions"][0]["price"] != other["predictions"][0]["price"]
    assert one["remarks"]


def test_what_was_paid_is_set_beside_the_prices(client: TestClient, cells: Cells) -> None:
    from math import log, sqrt

    import numpy as np

    first = send(client, encoded(cells)).json()
    priced = [float(row["SalePrice"]) for row in csv.DictReader(io.StringIO(first["csv"]))]
    paid = [price * factor for price, factor in zip(priced, [1.1, 0.9] * 10, strict=True)]
    with_paid = [[*row, f"{sold:.2f}"] for row, sold in zip(cells[1:], paid, strict=True)]
    said = send(client, encoded([[*cells[0], "SalePrice"], *with_paid])).json()
    off = [log(a / b) for a, b in zip(paid, priced, strict=True)]
    assert said["score"]["n"] == 20
    assert said["score"]["rmse"] == pytest.approx(sqrt(np.mean(np.square(off))), rel=1e-4)
    assert said["score"]["bias"] == pytest.approx(np.mean(off), rel=1e-3)
    assert said["score"]["inside"] == 1
    worst = said["score"]["worst"]  # log 0.9 is farther from 0 than log 1.1
    assert sorted(one["paid"] for one in worst) == pytest.approx(sorted(paid[1::2]), abs=0.01)
    for one in worst:
        assert one["paid"] == pytest.approx(0.9 * one["price"], rel=1e-4)
        assert one["off"] == pytest.approx(log(0.9), rel=1e-3)
        place = one["line"] - 2  # among the rows, which begin in line 2
        assert one["price"] == pytest.approx(priced[place], rel=1e-6)
        assert one["name"] == cells[1 + place][cells[0].index("Id")]
        asked = {"houses": [one["row"]], "keep": False}
        (again,) = client.post("/api/v1/predictions", json=asked).json()["predictions"]
        got = [one[name] for name in ("price", "low", "high")]
        assert got == pytest.approx([again[name] for name in ("price", "low", "high")], rel=1e-6)
    rows = [*csv.DictReader(io.StringIO(said["csv"]))]
    assert float(rows[3]["actual"]) == pytest.approx(paid[3], abs=0.01)
    assert first["score"] is None


def test_each_row_says_what_is_not_known_of_it_and_in_what_it_is_unlike(
    client: TestClient,
) -> None:
    body = "Id,OverallQual,MSSubClass,Alley\n7,6,20,NA\n8,NA,150,Pave\n9,5,,\n"
    said = send(client, body.encode()).json()
    assert [row["imputed"] for row in said["first"]] == [76, 77, 77]
    assert [len(row["warnings"]) for row in said["first"]] == [0, 1, 0]
    assert said["first"][1]["warnings"][0].startswith("MSSubClass is 150, a code never seen")
    rows = [*csv.DictReader(io.StringIO(said["csv"]))]
    assert [len(row["imputed"].split()) for row in rows] == [76, 77, 77]
    assert {row["version"] for row in rows} == {str(said["version"])}
    assert "Alley" not in rows[2]["imputed"].split()  # an empty cell says that there is none


def test_a_file_of_other_columns_says_what_they_may_be(client: TestClient) -> None:
    said = problem(send(client, b"Id,GrLivAre\n1,1500\n"), 422)
    assert said["unknown"] == {"GrLivAre": ["GrLivArea"]}
    assert said["detail"] == (
        "Line 2: Nothing is known, so there is no answer. Tell one field at least, such as"
        " Neighborhood. 1 column is no field and is not read: 'GrLivAre' (GrLivArea?)."
    )
    assert send(client, b"Id,GrLivAre\n1,1500\n", map=["GrLivAre=GrLivArea"]).is_success
    assert "unknown" not in problem(send(client, b"Id,GrLivArea\n1,-1\n"), 422)
