"""The schema of a row: learnt from the real houses, and equal to the pydantic model made of it."""

import gzip
import io
import json
import math
import os
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from ml.data.hub import download
from ml.houses import files
from ml.houses.attributes import NONE
from ml.schema import (
    BadTable,
    Changes,
    InputField,
    InputSchema,
    InvalidRows,
    Parsed,
    TooManyRows,
    checks,
    reading,
    text_of,
)
from tests import pace

ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("RIDGELINE_TEST_CACHE") or ROOT / "var/cache")

Row = dict[str, Any]
SMALL = InputSchema.learn(
    [
        {"rooms": 2, "area": 20.5, "colour": "red", "1st": 1.0, "class": None, "Nr": 1, "price": 9},
        {"rooms": 4, "area": 70, "colour": "blue", "1st": None, "class": None, "Nr": 2, "price": 8},
        {"rooms": 3, "area": 30, "colour": "red", "1st": 4.0, "class": None, "Nr": 3, "price": 7},
    ],
    {"area": ("size", "Area, m²")},
    {"area": (0, None), "rooms": (1, 9), "1st": (None, 100)},
    noun="flats",
    id_column="Nr",
    target_column="price",
)
Small = SMALL.row_model()


@pytest.fixture(scope="module")
def data() -> files.Houses:
    return files.read(CACHE)


@pytest.fixture(scope="module")
def schema(data: files.Houses) -> InputSchema:
    return files.schema(data.train)


@pytest.fixture(scope="module")
def test_rows(data: files.Houses) -> list[Row]:
    return files.records(data.test)


def parsed_csv(schema: InputSchema, text: str, **how: Any) -> Parsed:
    """All rows of a text."""
    return next(schema.sheet(io.StringIO(text, newline=""), **how).parts())


def errors(schema: InputSchema, *rows: Any, strict: bool = False) -> InvalidRows:
    with pytest.raises(InvalidRows) as caught:
        schema.check(rows, strict=strict)
    return caught.value


# ---- what is learnt ------------------------------------------------------------------------------


def test_a_field_knows_what_training_has_seen() -> None:
    rooms, area, colour, first, empty = SMALL.fields
    assert rooms == InputField(
        name="rooms", kind="integer", minimum=2, maximum=4, lowest=1, highest=9, typical=3,
        description="rooms",
    )  # fmt: skip
    assert (area.kind, area.minimum, area.typical, area.group) == ("number", 20.5, 30, "size")
    assert (colour.kind, colour.levels, colour.typical) == ("level", ("blue", "red"), "red")
    assert (first.kind, first.typical) == ("integer", 1)
    assert first.missing == pytest.approx(1 / 3)
    assert (empty.kind, empty.minimum, empty.typical, empty.missing) == ("number", None, None, 1)


def test_typical_of_what_there_is_is_what_those_have_that_have_one(
    schema: InputSchema, data: files.Houses
) -> None:
    typical = {field.name: field.typical for field in schema.fields}
    with_one = data.train[data.train["Fireplaces"] > 0]
    assert typical["Fireplaces"] == 1
    assert typical["FireplaceQu"] == with_one["FireplaceQu"].mode()[0] == "Gd"
    assert typical["PoolArea"] == 0
    assert typical["PoolQC"] is None
    assert schema.known(typical) == typical  # nothing of it is untold


def test_a_schema_is_data(schema: InputSchema) -> None:
    for value in (SMALL, schema):
        assert InputSchema.model_validate_json(value.model_dump_json()) == value


def test_the_houses(schema: InputSchema) -> None:
    fields = {field.name: field for field in schema.fields}
    assert len(fields) == 79
    assert [field.kind for field in schema.fields].count("level") == 43
    assert fields["GarageCars"].maximum == 4
    assert fields["OverallQual"].highest == 10
    assert fields["PoolQC"].typical is None  # most houses have no pool
    assert fields["GrLivArea"].description == "Above-ground living area, ft²"


@pytest.mark.parametrize("values", [[1, "a"], [True, False], [1, [2]]])
def test_a_column_is_numbers_or_text(values: list[object]) -> None:
    with pytest.raises(ValueError, match="Column x must hold either only numbers or only text"):
        InputSchema.learn([{"x": value} for value in values])


def test_nothing_to_learn_from_and_names_twice() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        InputSchema.learn([])
    with pytest.raises(ValidationError, match="same name"):
        InputSchema(fields=(InputField(name="a", kind="number"),), id_column="a")


# ---- checking ------------------------------------------------------------------------------------


def test_kaggles_own_file_passes_with_warnings(schema: InputSchema, test_rows: list[Row]) -> None:
    checked = schema.check(test_rows)
    said = {warning.message for row in checked.rows for warning in row.warnings}
    assert "GarageCars is 5; the training houses have 0 to 4. The prediction extrapolates." in said
    assert any(message.startswith("GarageYrBlt is 2207; ") for message in said)
    assert "Alley" not in checked.rows[0].imputed  # there is none
    assert checked.values == [schema.known(row) for row in test_rows]
    for row, one in zip(test_rows, checked.rows, strict=True):
        for name in row:
            there = any((row[amount] or 0) > 0 for amount in NONE.get(name, ()))
            unknown = row[name] is None and (name not in NONE or there)
            assert (name in one.imputed) == unknown, (name, row)
    pools = [row for row in test_rows if row["PoolArea"]]
    assert sum(row["PoolQC"] is None for row in pools) == 3  # Kaggle does not know how good


@pytest.mark.timed
def test_a_thousand_rows_in_a_blink(schema: InputSchema, test_rows: list[Row]) -> None:
    traced = sys.gettrace() is not None  # measuring coverage costs five times as much
    assert pace.keeps(1.5 if traced else 0.3, lambda: schema.check(test_rows))  # 0.15 seen


def test_an_unseen_level_is_a_warning(schema: InputSchema) -> None:
    (row,) = schema.check([{"MSZoning": "XX", "Neighborhood": "Mars"}]).rows
    zone, place = row.warnings
    assert (zone.column, zone.value) == ("MSZoning", "XX")
    assert zone.message == (
        "MSZoning is 'XX', a level never seen in training (known: C (all), FV, RH, RL, RM). "
        "It is encoded as none of them."
    )
    assert "and 13 more" in place.message
    assert len(row.imputed) == 77


def test_a_code_that_nobody_has_seen_is_a_warning_like_a_level(
    schema: InputSchema, data: files.Houses
) -> None:
    known = next(field for field in schema.fields if field.name == "MSSubClass")
    assert known.codes == tuple(sorted({*data.train["MSSubClass"].tolist()}))
    between, usual = schema.check([{"MSSubClass": 150}, {"MSSubClass": "60"}]).rows
    (warning,) = between.warnings
    assert warning.message.startswith(
        "MSSubClass is 150, a code never seen in training (known: 20, 30, 40, "
    )
    assert usual.warnings == []
    assert [field.name for field in schema.fields if field.codes] == ["MSSubClass"]


def test_strict_turns_warnings_into_errors() -> None:
    row = {"rooms": 8, "colour": "green", "class": 1.0}
    assert [warning.column for warning in SMALL.check([row]).rows[0].warnings] == [
        "rooms", "colour", "class",
    ]  # fmt: skip
    assert [error.column for error in errors(SMALL, row, strict=True).errors] == [*row]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"rooms": "many"}, "rooms is 'many'; it must be a whole number from 1 to 9."),
        ({"rooms": "12"}, "rooms is '12'; it must be a whole number from 1 to 9."),
        ({"rooms": 9.5}, "rooms is 9.5; it must be a whole number from 1 to 9."),
        ({"rooms": True}, "rooms is True; it must be a whole number from 1 to 9."),
        ({"rooms": 0}, "rooms is 0; it must be a whole number from 1 to 9."),
        (
            {"1st": 10**17},
            "1st is 100000000000000000; it must be a whole number from -90071992547409",
        ),
        ({"area": -1.0}, "area is -1; it must be a finite number of at least 0."),
        ({"area": math.nan}, "area is nan; it must be a finite number of at least 0."),
        ({"area": 10**400}, "area is a number of more than 50 digits; it must be a finite number"),
        ({"1st": 101}, "1st is 101; it must be a whole number of at most 100."),
        ({"class": -math.inf}, "class is -inf; it must be a finite number."),
        ({"colour": 5}, "colour is 5; it must be text."),
        ({"colour": "\ud800"}, "colour is '\\ud800'; it must be text."),
        ({"colour": ["x" * 1000]}, "colour is ['xxx"),
        ({"Rooms": 3}, "There is no field 'Rooms'. Did you mean 'rooms'?"),
        ({"zzz": 3}, "There is no field 'zzz'."),
        ({"Nrs": 3}, "There is no field 'Nrs'."),
        ("text", "The row is 'text'; it must be an object."),
    ],
)
def test_what_is_refused(row: Any, message: str) -> None:
    (error,) = errors(SMALL, {"rooms": 3}, row).errors
    assert error.row == 1
    assert error.message.startswith(message)
    json.dumps(error.value, allow_nan=False)  # it can be sent back
    with pytest.raises(ValidationError):
        Small.model_validate(row)


def test_all_errors_at_once_but_only_a_hundred_in_words() -> None:
    bad = {"rooms": "x", "area": -1, "extra": 1}
    all_of_them = errors(SMALL, *[bad] * 50)
    assert all_of_them.total == 150
    assert len(all_of_them.errors) == 100
    assert [error.row for error in all_of_them.errors[:4]] == [0, 0, 0, 1]
    assert str(all_of_them).startswith("150 errors in the rows. Row 0: rooms is 'x'")
    assert str(errors(SMALL, {"area": -1})).startswith("Row 0: area is -1")


def test_rows_of_a_file_are_named_by_their_lines() -> None:
    parsed = parsed_csv(SMALL, "area,rooms\n\n-1,2\n\n20,x\n")
    assert parsed.lines == [3, 5]
    with pytest.raises(InvalidRows) as caught:
        SMALL.check(parsed.rows, lines=parsed.lines)
    assert str(caught.value).startswith("2 errors in the rows. Line 3: area is -1")
    assert [(error.row, error.place) for error in caught.value.errors] == [
        (0, "Line 3"),
        (1, "Line 5"),
    ]


def test_no_more_rows_are_read_than_asked_for() -> None:
    assert parsed_csv(SMALL, "area\n1\n\n2\n\n", most=2).lines == [2, 4]
    with pytest.raises(BadTable, match="more than 1 rows"):
        parsed_csv(SMALL, "area\n1\n\n2\n", most=1)


# ---- a file of any length ------------------------------------------------------------------------

LONG = (
    "\ufeffrooms;Area;note;Nr;price\n3;1500;a;1;9\n\n;;;;\n4;20,5;;2;\n# no flat\n"
    "3;1.070,25;b;03;8\n;;;;\n2;80,5;c;x;7\n"
)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_parts_hold_what_the_whole_does(size: int) -> None:
    whole = parsed_csv(SMALL, LONG)
    assert [row["area"] for row in whole.rows] == [1500, 20.5, 1070.25, 80.5]
    sheet = SMALL.sheet(io.StringIO(LONG, newline=""))
    for _ in range(2):  # it can be read again
        parts = [*sheet.parts(size)]
        assert [len(part.rows) for part in parts[:-1]] == [size] * (len(parts) - 1)
        for name in ("rows", "ids", "lines", "target"):
            found = [cell for part in parts for cell in getattr(part, name)]
            assert found == getattr(whole, name)
        assert [cell for part in parts for cell in part.own["note"]] == whole.own["note"]
        assert parts[-1].remarks == whole.remarks
        assert {*parts[0].unknown} == {*whole.unknown} == {"note"}
    assert "2 lines of empty cells skipped." in whole.remarks
    assert "area: commas read as decimal points in 3 values." in whole.remarks


def test_a_file_without_rows_is_one_part_without_rows() -> None:
    (part,) = SMALL.sheet(io.StringIO("rooms\n")).parts(3)
    assert part.rows == []


def test_what_is_wrong_far_down_is_said_where_it_is() -> None:
    sheet = SMALL.sheet(io.StringIO("rooms,area\n" + "3,20\n" * 10 + "3\n"))
    with pytest.raises(BadTable, match="Line 12 has 1 cells; the header has 2"):
        [*sheet.parts(2)]
    for separator in ",;":  # where it is no comma, all is read for decimal commas before
        text = "rooms,area\n" + "3,20\n" * 10 + "3\n"
        with pytest.raises(TooManyRows, match="more than 9 rows"):
            [*SMALL.sheet(io.StringIO(text.replace(",", separator)), most=9).parts(2)]


def test_no_row_and_no_header_is_without_end() -> None:
    most = 2**18
    for long in ("2" * 2**21, "2," * 2**20, '"2\n",' * 2**20):
        with pytest.raises(BadTable, match="a row of more than 262,144 characters"):
            [*SMALL.sheet(io.StringIO("rooms,area\n3," + long)).parts()]
        with pytest.raises(BadTable, match="a row of more than 262,144 characters"):
            SMALL.sheet(io.StringIO(long))
    note = "x" * (most - len("3,20,,"))
    parsed = parsed_csv(
        SMALL, "rooms,area,a,b\n" + f"3,20,{note[: most // 2]},{note[most // 2 :]}\n" * 3
    )
    assert [len(cell) for cell in parsed.own["a"]] == [most // 2] * 3
    with pytest.raises(BadTable, match="The file has 2,001 columns; 2,000 are the most"):
        SMALL.sheet(io.StringIO("rooms" + "," * 2_000))


def test_a_pipe_is_read_like_a_file() -> None:
    reading, writing = os.pipe()
    os.write(writing, gzip.compress(b"rooms\n3\n"))
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe, text_of(pipe) as (text, _):
        assert text.read() == "rooms\n3\n"


def test_what_would_fill_a_disk_or_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_BYTES", 1_000)
    monkeypatch.setattr(reading, "MOST_WHOLE", 10)
    for body, words in (
        (gzip.compress(b"x" * 2_000), "becomes more than"),
        (b"PAR1" + b"x" * 100, "save it as CSV"),
    ):
        with pytest.raises(BadTable, match=words), text_of(io.BytesIO(body)):
            pass


def test_what_a_comma_is_takes_all_of_a_column() -> None:
    def areas(*cells: str) -> list[Any]:
        text = "rooms;area\n" + "".join(f"3;{cell}\n" for cell in cells)
        return [row["area"] for row in parsed_csv(SMALL, text).rows]

    assert areas("20,5", "1,500") == [20.5, 1.5]
    assert areas("1,5", "20.5", "80") == ["1,5", 20.5, 80]
    assert areas("1,5", "80") == [1.5, 80]
    assert areas("1,500", "2,500") == [1.5, 2.5]  # none of them has 1,000
    wide = InputSchema.learn([{"rooms": 3, "area": 900.5}, {"rooms": 3, "area": 5000}])
    with pytest.raises(BadTable, match=r"area is '1,500', which may be 1\.500 or 1500"):
        parsed_csv(wide, "rooms;area\n3;1,500\n3;2,500\n")


def test_comments_between_rows_are_told() -> None:
    parsed = parsed_csv(SMALL, "# made here\nrooms,Nr\n3,1\n#4,2\n2,#3\n")
    assert (parsed.ids, parsed.lines) == ([1, "#3"], [3, 5])
    assert parsed.remarks == ["1 line with # in front skipped."]


def test_a_column_that_is_said_to_be_none_is_none() -> None:
    parsed = parsed_csv(SMALL, "rooms,Area,area\n3,1,20\n", mapping={"Area": ""})
    assert parsed.rows == [{"rooms": 3, "area": 20}]
    assert parsed.own == {"Area (beside)": ["1"]}
    assert parsed_csv(SMALL, "rooms,area\n3,1\n", mapping={"area": ""}).rows == [{"rooms": 3}]


def test_a_long_file_is_never_in_memory(tmp_path: Path) -> None:
    file = tmp_path / "long.csv.gz"
    with gzip.open(file, "wt", 1) as packed:
        packed.write("rooms;area;note\n")
        packed.writelines(f"3;20,5;{i:0100}\n" for i in range(50_000))
    tracemalloc.start()
    with file.open("rb") as opened, text_of(opened) as (text, told):
        assert told == [f"Unpacked by gzip: {file.stat().st_size:,} bytes became 5,400,016."]
        rows = sum(len(part.rows) for part in SMALL.sheet(text).parts(500))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows == 50_000
    assert peak < 5e6  # the rows alone take 20


def test_letters_are_told_by_all_of_a_file() -> None:
    ascii_first = b"rooms,note\n" + b"3,x\n" * 500_000
    for last, letters, how in (
        ("3,Grünweg\n".encode(), "Grünweg", []),
        ("3,Grünweg\n".encode("latin-1"), "Grünweg", ["Read as Windows-1252 (Latin-1): "]),
        (b"3,caf\xe9\x81\n", "café\ufffd", ["Read as Windows-1252 (Latin-1): "]),
    ):
        with text_of(io.BytesIO(ascii_first + last)) as (text, told):
            assert [said[:32] for said in told] == how
            assert text.read().endswith(f"3,{letters}\n")
    with text_of(io.BytesIO(b"rooms,note\n3,caf\xe9")) as (text, _):  # as if more were to come
        assert text.read().endswith("café")
    with pytest.raises(BadTable, match="bytes of 0"), text_of(io.BytesIO(ascii_first + b"\0")):
        pass


def test_a_value_means_the_same_however_often_it_comes() -> None:
    schema = InputSchema.model_validate(SMALL.model_dump())
    for _ in range(2):
        (row,) = schema.check([{"rooms": 1, "colour": "RED"}]).rows
        assert row.values == {"rooms": 1, "colour": "red"}
        assert [warning.column for warning in row.warnings] == ["rooms"]
        assert [*errors(schema, {"rooms": True}, {"rooms": [1]}, {"rooms": 0}).errors]
    many = schema.check([{"area": 20 + i / 100, "colour": f"c{i}"} for i in range(3_000)])
    assert [row.values["area"] for row in many.rows] == [20 + i / 100 for i in range(3_000)]
    assert many.rows[2_999].warnings[0].message.startswith("colour is 'c2999', a level never seen")
    assert schema == SMALL
    assert max(len(meaning._met) for meaning in schema.meanings) == checks.REMEMBERED


def test_parts_say_together_what_a_whole_says() -> None:
    rows: list[Row] = [{"colour": c} for c in (" red", "RED", "blue ", "red")]
    whole, *parts = (SMALL.check(some) for some in (rows, rows[:1], rows[1:3], rows[3:]))
    joined = Changes()
    for part in parts:
        joined.join(part.changes)
    assert whole.remarks == joined.remarks
    assert whole.remarks[0] == "colour: 2 values read without the blanks around (' red')."
    bad: list[Row] = [{"rooms": 0}] * 70
    both = errors(SMALL, *bad).join(errors(SMALL, *bad))
    assert (both.total, len(both.errors)) == (140, 100)


# ---- the model of a row --------------------------------------------------------------------------


def test_the_model_speaks_the_names_of_the_file(schema: InputSchema) -> None:
    row = schema.row_model()(**{"1stFlrSF": 856.0, "MSZoning": "RL"})
    said = row.model_dump(by_alias=True, exclude_none=True)
    assert said == {"1stFlrSF": 856, "MSZoning": "RL"}
    assert list(row.model_dump()) == [field.name for field in schema.fields]
    with pytest.raises(ValidationError):
        schema.row_model().model_validate({"field_1stFlrSF": 856})


def test_the_model_tells_openapi_what_it_knows(schema: InputSchema) -> None:
    said = schema.row_model("House").model_json_schema()
    assert said["title"] == "House"
    assert said["additionalProperties"] is False
    quality, zone = said["properties"]["OverallQual"], said["properties"]["MSZoning"]
    kinds = [kind.get("type") for kind in quality["anyOf"]]
    assert kinds == [
        "integer",
        "number",
        "string",
        "null",
    ]  # a file's "7" is one, and a mean of 6.5
    assert quality["anyOf"][0] == {"type": "integer", "minimum": 1, "maximum": 10}
    assert quality["training_range"] == [1, 10]
    assert zone["examples"] == ["C (all)", "FV", "RH", "RL", "RM"]
    assert zone["description"]


def test_names_that_pydantic_has_for_itself() -> None:
    names = ["copy", "model_config", "_x", "class", "a b", "a_b", "field_a_b", "1", "é", ""]
    fields = tuple(InputField(name=name, kind="number") for name in names if name)
    schema = InputSchema(fields=fields)
    row = {field.name: 1.0 for field in fields}
    assert (
        schema.row_model().model_validate(row).model_dump() == row == schema.check([row]).values[0]
    )


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 120),
    st.integers(),
    st.sampled_from([2**53, 2**53 + 1, float(2**53 + 2), 10**309, -0.0, 2.0, 1e308]),
    st.floats(),
    st.floats(0, 10).map(round).map(float),
    st.text(max_size=3),
    st.sampled_from(["red", "green", "12", "\ud800"]),
    st.lists(st.integers(), max_size=1),
)
NAMES = st.sampled_from([*(field.name for field in SMALL.fields)] * 4 + ["Nr", "price", "extra"])


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(NAMES, VALUES, max_size=3))
def test_check_and_model_agree(row: Row) -> None:
    model: BaseModel | None = None
    try:
        model = Small.model_validate(row)
    except ValidationError:
        with pytest.raises(InvalidRows):
            SMALL.check([row])
        return
    (values,) = SMALL.check([row]).values
    said = model.model_dump(by_alias=True, exclude_none=True)
    assert said == {name: value for name, value in values.items() if value is not None}
    assert [type(value) for value in said.values()] == [
        type(value) for value in values.values() if value is not None
    ]


LACKING = InputSchema.learn(
    [
        {"pool": "big", "area": 30, "street": 9.0, "water": 5},
        {"pool": None, "area": 40, "street": None, "water": 0},
    ],
    none={"pool": ("water",)},
    first=("area", "pool"),
)


def test_none_is_said_and_what_is_not_known_is_left_out() -> None:
    assert [(field.none, field.first) for field in LACKING.fields] == [
        (True, 2), (False, 1), (False, 0), (False, 0),
    ]  # fmt: skip
    rows: list[Row] = [
        {"pool": None}, {"pool": "NA", "area": None}, {"area": 35}, {"area": 35, "street": ""},
        {"pool": "", "water": 3}, {"pool": "", "water": 0},
    ]  # fmt: skip
    checked = LACKING.check(rows)
    assert checked.values == [
        {"pool": None}, {"pool": None}, {"area": 35}, {"area": 35, "street": None},
        {"water": 3}, {"pool": None, "water": 0},
    ]  # fmt: skip
    assert [row.imputed for row in checked.rows] == [
        ["area", "street", "water"], ["area", "street", "water"], ["pool", "street", "water"],
        ["pool", "street", "water"], ["pool", "area", "street"], ["area", "street"],
    ]  # fmt: skip
    assert [LACKING.known(row) for row in checked.values] == checked.values
    for values in rows:
        LACKING.row_model().model_validate(values)


@pytest.mark.parametrize("row", [{}, {"area": None}, {"street": "NA", "area": " - "}])
def test_a_row_that_says_nothing_is_refused(row: Row) -> None:
    (error,) = errors(LACKING, {"area": 35}, row).errors
    assert (error.row, error.column) == (1, "")
    said = "Nothing is known, so there is no answer. Tell one field at least, such as area."
    assert error.message == said
    with pytest.raises(ValidationError, match="Nothing is known"):
        LACKING.row_model().model_validate(row)


# ---- tables --------------------------------------------------------------------------------------


def test_kaggles_file_as_text(schema: InputSchema, test_rows: list[Row]) -> None:
    text = download("kaggle_house_test", CACHE).read_text()
    parsed = parsed_csv(schema, text)
    assert parsed.ids == list(range(1461, 2920))
    assert parsed.rows == test_rows
    with_prices = parsed_csv(schema, download("kaggle_house_train", CACHE).read_text())
    assert len(schema.check(with_prices.rows).rows) == 1460


def test_cells_become_values() -> None:
    lines = ["colour,Nr,rooms,area,price", '"a,b",007,3,1e2,5', "NA,8,2.0, 1_0 ,", "", "12,x,,nan,"]
    text = "\ufeff" + "".join(f"{line}\r\n" for line in lines)
    parsed = parsed_csv(SMALL, text)
    assert parsed.ids == ["007", 8, "x"]
    assert parsed.rows == [
        {"colour": "a,b", "rooms": 3, "area": 100.0},
        {"colour": None, "rooms": 2.0, "area": "1_0"},
        {"colour": "12", "rooms": None, "area": "nan"},
    ]
    assert [error.column for error in errors(SMALL, *parsed.rows).errors] == ["area"]


def test_without_ids() -> None:
    parsed = parsed_csv(SMALL, "rooms\n3\n")
    assert (parsed.rows, parsed.ids) == ([{"rooms": 3}], [])
    assert parsed_csv(SMALL, "rooms\n").rows == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The file is empty"),
        ("\n\n", "The file is empty"),
        ("3,20.5\n", "is the header missing"),
        ("rooms,area,rooms\n", "columns twice: 'rooms'"),
        ("rooms,Rooms\n", "columns twice: 'rooms'"),
        ("rooms,\n1,2\n", "Line 2 has a cell in column 2, which has no name"),
        ("rooms,area\n1,2\n3\n", "Line 3 has 1 cells; the header has 2"),
        ("rooms,area\n1,2,3\n", "Line 2 has 3 cells; the header has 2"),
        ('rooms,colour\n1,"red\n', "Line 2 is no CSV: unexpected end of data"),
        ("colour\n" + "x" * 200_000, "Line 2 has a cell of more than 131,072 characters"),
    ],
)
def test_what_is_no_table(text: str, message: str) -> None:
    with pytest.raises(BadTable) as error:
        parsed_csv(SMALL, text)
    assert message in str(error.value)
