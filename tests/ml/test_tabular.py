"""Any table: read as pandas reads it, profiled where the answer is known, encoded as proposed."""

import io
import json
import math
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from sklearn.datasets import load_diabetes
from sklearn.metrics import r2_score

from ml.data.hub import HUB, download
from ml.schema import BadTable, TooManyRows, reading, text_of
from ml.schema.dates import readings
from ml.tabular import proposal
from ml.tabular.columns import FOLDS, explained, folds_of
from ml.tabular.profile import Column, Profile, profile
from ml.tabular.reading import AnyTable, BadCells, Fault, read
from tests import pace

ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("RIDGELINE_TEST_CACHE") or ROOT / "var/cache")
Row = dict[str, Any]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def table(body: str, **how: Any) -> AnyTable:
    return read(io.StringIO(body, newline=""), **how)


def opened(body: bytes) -> tuple[AnyTable, list[str]]:
    with text_of(io.BytesIO(body)) as (text, told):
        return read(text), told


def refused(body: str) -> tuple[str, tuple[Fault, ...]]:
    with pytest.raises(BadCells) as caught:
        table(body)
    return str(caught.value), caught.value.faults


# ---- reading -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sep", "decimal"), [(",", "."), (";", "."), (";", ","), ("\t", "."), ("\t", ","), ("|", ".")]
)
def test_a_table_is_read_as_pandas_reads_it(
    sep: str, decimal: str, rng: np.random.Generator
) -> None:
    frame = pd.DataFrame(
        {
            "a name, quoted": [f'x{i}; "{i}", | {i}\nnext' for i in range(40)],
            "whole": rng.integers(-9, 2000, 40),
            "number": np.round(rng.normal(size=40), 3),
            "gaps": np.where(rng.random(40) < 0.5, np.nan, 0.25),
            "level": rng.choice(["red", "blue"], 40),
        }
    )
    text = frame.to_csv(sep=sep, decimal=decimal, index=False)
    ours = table(text)
    theirs = pd.read_csv(io.StringIO(text), sep=sep, decimal=decimal)
    pd.testing.assert_frame_equal(pd.DataFrame(ours.rows), theirs, check_dtype=False)
    assert ours.names == (*frame,)
    assert {type(row["whole"]) for row in ours.rows} == {int}
    assert {type(row["gaps"]) for row in ours.rows} == {float, type(None)}
    assert ours.lines == [3 + 2 * i for i in range(40)]  # of the last line of each


def test_lines_are_those_of_the_file_whatever_stands_between() -> None:
    text = (
        "\ufeffFilms, of 2020\n# made here\n\nname , year,price\nA,2001,3\n#B,1,1\n,,\n C ,NA,4.5\n"
    )
    found = table(text)
    assert found.rows == [
        {"name": "A", "year": 2001, "price": 3.0},
        {"name": "C", "year": None, "price": 4.5},
    ]
    assert found.lines == [5, 8]
    assert found.remarks == [
        "1 line above the header skipped.",
        "1 line of empty cells skipped.",
        "1 line with # in front skipped.",
    ]


def test_a_separator_that_is_told_is_taken() -> None:
    assert table("sep=;\na;b,c\n1;2,5\n").rows == [{"a": 1, "b,c": 2.5}]
    assert table("one\n1\n2\n").rows == [{"one": 1}, {"one": 2}]
    assert table("a\tb\nx, y\t1\nz, w\t2\n").names == ("a", "b")
    assert table("a,b,,\n1,2,,\n1,,,\n").rows == [{"a": 1, "b": 2}, {"a": 1, "b": None}]


def test_what_a_cell_may_be() -> None:
    found = table('price,word,all\n"$1,710", x ,\n"1,000",None,-\n?,12,\n5,nan,NULL\n')
    assert [row["price"] for row in found.rows] == [1710, 1000, None, 5]
    assert [row["word"] for row in found.rows] == ["x", None, "12", None]
    assert {row["all"] for row in found.rows} == {None}
    assert found.remarks == [
        "price: 2 values read as a number without its signs ('$1,710').",
    ]
    with pytest.raises(BadTable, match=r"a is '1,500', which may be 1\.500 or 1500"):
        table("a;b\n1,500;x\n2,500;y\n")
    assert table("a;b\n1,500;x\n2,500;y\n", text=["a"]).rows[0] == {"a": "1,500", "b": "x"}
    assert table("a;b\n1,500;x\nso;y\n").rows[0] == {"a": "1,500", "b": "x"}  # words, anyway


@pytest.mark.parametrize("index", [False, True])
def test_an_index_that_pandas_writes_without_a_name(index: bool, rng: np.random.Generator) -> None:
    frame = pd.DataFrame({"index": rng.normal(size=200), "y": rng.normal(size=200)})
    frame = frame.sample(frac=1, random_state=1)  # so that it rises no longer
    found = table((frame if index else frame.rename(columns={"index": "x"})).to_csv())
    name = "row index" if index else "index"
    assert found.names == (name, "index" if index else "x", "y")
    assert [row[name] for row in found.rows] == frame.index.tolist()
    assert found.remarks == [f"The first column has no name: it is read as the index, {name!r}."]
    assert column(profile(found.rows, "y"), name).role == "name"


def test_slips_among_numbers_are_named_by_line_and_column() -> None:
    text = "# 1\nn,other\n" + "1,x\n" * 27 + "many,x\n\n2,x\n3.x,y\n"
    said, faults = refused(text)
    assert said == (
        "2 cells of n cannot be read. Correct them, or read the column as text."
        " Line 30: n is 'many'; it is no number."
    )
    assert [(one.line, one.column, one.value) for one in faults] == [
        (30, "n", "'many'"),
        (33, "n", "'3.x'"),
    ]
    assert [row["n"] for row in table(text, text=["n"]).rows][-3:] == ["many", "2", "3.x"]
    assert table("n\n" + "1\n" * 18 + "x\n").rows[0] == {"n": "1"}  # too few to tell
    assert table("n\n" + "1\n" * 26 + "x\n" * 3).rows[0] == {"n": "1"}  # too many words
    with pytest.raises(BadTable, match="There is no column 'm' to be read as text"):
        table("n\n1\n", text=["m"])
    long = "n\n" + "1\n" * 900 + "x\n" * 30
    with pytest.raises(BadCells) as caught:
        table(long)
    assert (caught.value.total, len(caught.value.faults)) == (30, 20)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("inf", "it is no finite number"),
        ("-Infinity", "it is no finite number"),
        ("1e999", "it is no finite number"),
        ("9" * 400, "it is no number"),  # a number has 100 characters at most
        ("12345678901234567", "a whole number beyond 9,007,199,254,740,992 is not exact"),
        ("x" * 1001, "it has more than 1,000 characters"),
        ("a\x07", "it has characters that cannot be written down"),
        ("\ud800", "it has characters that cannot be written down"),
    ],
)
def test_what_no_cell_can_be(cell: str, reason: str) -> None:
    said, faults = refused("a,b\n" + "1,2\n" * 30 + f"1,{cell}\n")
    assert [(one.line, one.column, one.reason) for one in faults] == [(32, "b", reason)]
    assert said.endswith(f"{reason}.")
    said.encode()  # it can be sent


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The file is empty"),
        ("# a\n", "only comments"),
        ("a,b\n", "no row below its header in line 1"),
        ("a,,b\n1,2,3\n", "Column 2 has no name: name it in line 1"),
        (",a,b\n,2,3\n", "Column 1 has no name: name it in line 1"),
        ("a,b, a\n1,2,3\n", "The header has columns twice: 'a'. Rename all but one"),
        ("1,2\n3,4\n", "Line 1 has only numbers where the columns must be named"),
        ("a,b\n1,2\n3\n", "Line 3 has 1 cells; the header has 2"),
        ("a,b\n1,2,3\n", "Line 2 has 3 cells; the header has 2"),
        ("a,b\nx,2,3\ny,5,6\n", "Line 2 has 3 cells; the header has 2"),
        ('a,b\n1,"x\n', "Line 2 is no CSV"),
        ("a,b\n1," + "x" * 140_000 + "\n", "Line 2 has a cell of more than 131,072 characters"),
        (",".join(f"c{i}" for i in range(201)) + "\n", "201 columns; 200 are the most"),
        ("a\x07,b\n1,2\n", "Line 1 names a column"),
    ],
)
def test_what_is_no_table(text: str, message: str) -> None:
    with pytest.raises(BadTable) as error:
        table(text)
    assert message in str(error.value)


def test_no_more_rows_than_asked_for() -> None:
    assert table("a\n1\n2\n", most=2).lines == [2, 3]
    with pytest.raises(TooManyRows, match="more than 1 rows"):
        table("a\n1\n2\n", most=1)


def test_a_json_list_is_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[Row] = [
        {"#": "#1", "a": 1, "b": True},
        {"a": None, "c": 'x;"y",\nz', "b": False},
        {"#": "2", "a": 2.5, "c": None},
    ]
    for body in (json.dumps(rows, indent=1).encode(), json.dumps(rows).encode("utf-8-sig")):
        found, told = opened(body)
        assert told == ["Read as a JSON list of 3 rows."]
        assert found.names == ("#", "a", "b", "c")
        assert found.rows == [
            {"#": "#1", "a": 1, "b": "true", "c": None},
            {"#": None, "a": None, "b": "false", "c": 'x;"y",\nz'},
            {"#": "2", "a": 2.5, "b": None, "c": None},
        ]  # fmt: skip
    assert opened(json.dumps(rows).encode("utf-16"))[1][0].startswith("Read as UTF-16")
    assert opened(b"[a],[b]\n1,2\n")[0].names == ("[a]", "[b]")  # no JSON
    monkeypatch.setattr(reading, "MOST_WHOLE", 10)
    with pytest.raises(BadTable, match="JSON has 0 MiB at most: save it as CSV"):
        opened(json.dumps(rows).encode())


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('[{"a": 1},\n {"a": }]', "begins like JSON and is none: Expecting value (line 2, char"),
        ('[{"a": [1]}]', "Row 1 of the JSON list has a list as 'a'"),
        ('[{"a": 1}, {"a": {}}]', "Row 2 of the JSON list has an object as 'a'"),
        ('[{"a": 1}, [2]]', "Item 2 of the JSON list is no object"),
        ("[]", "The file is empty"),
        ('[{"a":' + "[" * 100_000, "no JSON that can be read"),
        (f'[{{"a": {"9" * 5_000}}}]', "no JSON that can be read"),
        ('[{"a": "\\ud800"}]', "cannot be written down"),
    ],
)
def test_json_that_is_no_table(body: str, message: str) -> None:
    with pytest.raises(BadTable) as error:
        opened(body.encode())
    assert message in str(error.value)


# ---- the profile ---------------------------------------------------------------------------------

N = 1_000


def made() -> list[Row]:
    """Rows whose target is a level's mean and noise of the same variance: R² is ½."""
    rng = np.random.default_rng(0)
    level = rng.integers(0, 4, N)
    y = (level - 1.5) / np.sqrt(1.25) + rng.normal(size=N)
    part = np.where(rng.random(N) < 0.3, y, y - rng.random(N))
    rising = y + rng.normal(size=N) * np.sqrt(2)  # of twice the variance: R² is ½ again
    rows = [
        {
            "Id": i + 1,
            "copy": y[i],
            "twice": 2 * y[i],
            "part": part[i],
            "level": "abcd"[level[i]],
            "rising": rising[i],
            "again": rising[i],
            "noise": rng.normal(),
            "same": "yes",
            "nothing": None,
            "few": 1.0 if i % 3 else None,
            "title": f"The {i}",
            "day": f"{i % 28 + 1:02}.03.{1990 + i % 30}",
            "street": f"s{i % 60}" if i else "once",
            "y": float(y[i]),
        }
        for i in range(N)
    ]
    return [*rows, rows[7], rows[7] | {"y": None}]


@pytest.fixture(scope="module")
def seen() -> Profile:
    return profile(made(), "y")


def column(seen: Profile, name: str) -> Column:
    return next(one for one in seen.columns if one.name == name)


def said(seen: Profile, name: str) -> list[tuple[str, str]]:
    return [(one.level, one.text) for one in column(seen, name).attention]


def test_what_is_what(seen: Profile) -> None:
    assert {one.name: (one.kind, one.role) for one in seen.columns} == {
        "Id": ("integer", "input"),  # a row comes twice: it names none
        "copy": ("number", "left out"),
        "twice": ("number", "left out"),
        "part": ("number", "left out"),
        "level": ("levels", "input"),
        "rising": ("number", "input"),
        "again": ("number", "left out"),
        "noise": ("number", "input"),
        "same": ("constant", "left out"),
        "nothing": ("empty", "left out"),
        "few": ("integer", "input"),
        "title": ("words", "left out"),
        "day": ("date", "input"),
        "street": ("levels", "input"),
        "y": ("number", "target"),
    }
    assert (seen.rows, seen.known, seen.outside, seen.duplicates) == (N + 2, N + 1, 0, 1)
    assert not seen.log
    assert seen.stops == ()
    assert Profile.model_validate_json(seen.model_dump_json()) == seen
    with pytest.raises(ValidationError):
        Column.model_validate(seen.columns[0].model_dump() | {"low": math.nan})


def test_what_needs_a_person_comes_first(seen: Profile) -> None:
    order = [min((one.level for one in each.attention), key="stop look note".find, default="")
             for each in seen.columns]  # fmt: skip
    ranks = ["stop look note".find(level) if level else 99 for level in order]
    assert ranks == sorted(ranks)
    assert {one.name for one in seen.columns[:3]} == {"copy", "twice", "part"}


def test_what_gives_the_answer_away_is_told_with_its_figures(seen: Profile) -> None:
    rows = made()
    assert said(seen, "copy")[0] == ("stop", "The target itself, in 1,001 rows.")
    assert said(seen, "twice")[0][1].startswith("It gives the answer away: it leaves 0.0")
    level, text = said(seen, "part")[0]
    equal = sum(row["part"] == row["y"] for row in rows)
    assert level == "stop"
    assert text == f"A part of the target: equal to it in {equal} rows, never above it."
    more = [{"x": row["y"], "y": row["part"]} for row in rows if row["y"] is not None]
    assert said(profile(more, "y"), "x")[0][1].startswith("The target and more: equal to it in ")
    for name in ("level", "rising", "noise", "street"):
        assert not any(level == "stop" for level, _ in said(seen, name)), name


def test_the_best_honest_column_stays_an_input(rng: np.random.Generator) -> None:
    """It explains 9 in 10 by itself; what is made of the target is left out."""
    n = 1_000
    x, g, noise = rng.normal(size=n) * 3, rng.integers(0, 6, n), rng.normal(size=n)
    y = 3 * x + (np.arange(6) - 2.5)[g] + noise
    columns: dict[str, Any] = {
        "x": x, "g": [*map("abcdef".__getitem__, g)], "z": rng.normal(size=n),
        "rounded": np.round(y), "curve": np.exp(-y / 5), "floor": np.floor(y / 9),
        "taxed": y * rng.choice([0.8, 1.25], n), "wave": np.sin(y / 4), "y": y,
    }  # fmt: skip
    frame = pd.DataFrame(columns).sort_values("y")  # the order of the file tells nothing
    names = [*columns]
    rows = [dict(zip(names, row, strict=True)) for row in frame.itertuples(index=False)]
    seen = profile(rows, "y")
    roles = {one.name: one.role for one in seen.columns}
    assert {name for name, role in roles.items() if role == "left out"} == {"rounded", "curve"}
    (level, text), *_ = said(seen, "x")
    explained = np.corrcoef(x, y)[0, 1] ** 2
    told = re.fullmatch(r"Alone it explains (\d+) % of y: is it known before y is\?", text)
    assert level == "look"
    assert told
    assert int(told[1]) / 100 == pytest.approx(explained, abs=0.04)
    assert seen.given_away == [one.name for one in seen.columns if one.role == "left out"]
    copies = [{"x": row["x"], "y": row["y"]} for row in rows] * 40  # which are no neighbours
    assert column(profile(copies, "y"), "x").role == "input"


def test_a_level_that_is_the_answer_is_left_out(rng: np.random.Generator) -> None:
    level = rng.integers(0, 25, 400)
    rows: list[Row] = [{"l": f"l{i}", "other": f"o{i % 3}", "y": float(i * i)} for i in level]
    seen = profile(rows, "y", log=False)
    assert (column(seen, "l").role, column(seen, "other").role) == ("left out", "input")


def test_the_rest_is_told_with_its_figures(seen: Profile) -> None:
    assert said(seen, "again") == [("look", "It says the same as rising in all rows.")]
    assert said(seen, "same") == [("note", "All 1,002 rows say yes.")]
    assert said(seen, "nothing") == [("note", "It is empty in all 1,002 rows.")]
    assert said(seen, "title") == [("note", "Rather a name: 1,000 of 1,002 differ.")]
    assert said(seen, "street") == [("look", "61 levels, 1 occurs once.")]
    assert said(seen, "day") == [("note", "Read with the day first, as 13.03.2002 tells.")]
    assert said(seen, "y") == [("note", "1 row has none: it is left out.")]
    assert said(seen, "noise") == []


def test_what_a_column_explains_alone(seen: Profile) -> None:
    alone = {one.name: one.alone or 0.0 for one in seen.columns}
    assert alone["level"] == pytest.approx(0.5, abs=0.05)
    assert alone["rising"] == pytest.approx(0.5, abs=0.05)
    assert alone["rising"] == alone["again"]
    assert alone["noise"] == alone["title"] == alone["day"] == 0
    assert min(alone["copy"], alone["twice"]) > 0.95
    assert column(seen, "y").alone is None


def test_explained_is_r2_out_of_fold(rng: np.random.Generator) -> None:
    groups, y = rng.integers(0, 6, 300), rng.normal(size=300)
    y, folds = y + 0.7 * groups, folds_of(300, 3)
    told = np.zeros(300)
    for fold in range(FOLDS):
        own, others = folds == fold, folds != fold
        mean = y[others].mean()
        for group in range(6):
            of = y[others & (groups == group)]
            told[own & (groups == group)] = (of.sum() + 2 * mean) / (len(of) + 2)
    assert explained(groups, y, folds, 2.0) == pytest.approx(r2_score(y, told), abs=1e-12)
    assert np.bincount(folds).tolist() == [60] * FOLDS
    assert not np.array_equal(folds, folds_of(300, 4))


def test_the_target_by_parts(seen: Profile) -> None:
    parts = [part for part in column(seen, "rising").target_by_part if part is not None]
    assert len(parts) == 8
    assert parts == sorted(parts)
    level = column(seen, "level")
    assert level.part_names == tuple("abcd")
    assert level.target_by_part == tuple(sorted(filter(None, level.target_by_part)))
    exact = profile([{"x": i, "z": -i, "y": float(i // 2)} for i in range(800)], "y")
    middles = tuple(24.5 + 50 * k for k in range(8))
    assert column(exact, "x").target_by_part == middles
    assert column(exact, "z").target_by_part == middles[::-1]


def test_a_column_is_described_by_its_numbers(rng: np.random.Generator) -> None:
    x = np.exp(rng.normal(size=500) * 2)
    rows: list[Row] = [{"x": v, "w": "ab"[i % 5 == 0], "y": float(i % 9)} for i, v in enumerate(x)]
    rows += [{"x": None, "w": None, "y": 1.0}] * 3
    seen = profile(rows, "y")
    one = column(seen, "x")
    low, high = np.quantile(x, [0.05, 0.95])
    assert one.low == pytest.approx(low)
    assert one.high == pytest.approx(high)
    assert (one.minimum, one.maximum, one.missing, one.distinct) == (x.min(), x.max(), 3, 500)
    assert one.log_axis
    assert one.histogram == tuple(np.histogram(np.log(x), 16)[0].tolist())
    assert column(seen, "w").histogram == (400, 100)
    assert column(seen, "w").examples == ("a", "b")
    assert seen.quantiles == (0, 0, 2, 4, 6, 8, 8)
    assert sum(seen.histogram) == 503
    assert len(seen.histogram) == 24


def test_a_skewed_target_is_measured_by_its_logarithm(rng: np.random.Generator) -> None:
    x = rng.normal(size=1_000)
    rows: list[Row] = [{"x": v, "y": math.exp(2 * v)} for v in x]
    rows += [{"x": 0.0, "y": 0.0}] * 20 + [{"x": 0.0, "y": None}] * 2
    seen = profile(rows, "y")
    assert seen.log
    assert (seen.known, seen.outside) == (1_020, 20)
    assert said(seen, "y")[0] == (
        "look",
        "20 rows have 0 or less, which has no logarithm: they are left out.",
    )
    straight = profile(rows, "y", log=False)
    assert (straight.log, straight.outside) == (False, 0)
    assert (
        straight.skew
        == seen.skew
        == pytest.approx(pd.Series([row["y"] for row in rows]).skew(), rel=0.01)
    )
    for each in (seen, straight):  # by rank, where the tail hides it
        assert said(each, "x")[0][0] == "stop"
    assert not profile(rows + rows[-22:-2] * 3, "y").log  # too many of 0


@pytest.mark.parametrize(
    ("rows", "log", "stop"),
    [
        ([{"x": i, "y": i * i % 7} for i in range(99)], None, "99 rows have a y; 100 are"),
        ([{"x": i % 7, "y": -i} for i in range(200)], True, "0 rows have a y above 0; 100"),
        ([{"x": i % 7, "y": "a"} for i in range(200)], None, "y is text"),
        ([{"x": i % 7, "y": 3} for i in range(200)], None, "y is the same in all rows"),
        ([{"x": i, "y": i % 7} for i in range(200)], None, "No column is left"),
        ([{"y": i % 7} for i in range(200)], None, "No column is left"),
        ([{"x": 1.0, "y": None}], None, "0 rows have a y"),
        ([{"x": 1.0, "y": 2}], None, "1 row has a y; 100"),
        ([{"x": i % 7, "y": i - 60} for i in range(1_000)], True, "61 of 1,000 rows have a y of 0"),
    ],
)
def test_why_nothing_can_be_learnt(rows: list[Row], log: bool | None, stop: str) -> None:
    seen = profile(rows, "y", log=log)
    assert any(text.startswith(stop) for text in seen.stops), seen.stops
    seen.model_dump_json()


def test_a_target_that_is_no_column() -> None:
    with pytest.raises(ValueError, match=r"There is no column 'Price'\. Did you mean 'price'\?"):
        profile([{"price": 1}], "Price")
    with pytest.raises(ValueError, match="There is no column 'y'"):
        profile([], "y")


def test_numbers_of_any_size_are_told() -> None:
    sizes = [-1.7e308, 1.7e308, 5e-324, 0.0, 1e300]
    rows: list[Row] = [{"x": sizes[i % 5], "z": i, "y": sizes[i % 3]} for i in range(200)]
    seen = profile(rows, "y")
    assert json.loads(seen.model_dump_json())["quantiles"][0] == -1.7e308
    assert column(seen, "x").alone is not None


def test_columns_that_number_the_rows() -> None:
    rows = [
        {"n": i + 5, "film_id": i * 7 % 201, "size": i * 7 % 201, "also": i, "y": i % 9}
        for i in range(200)
    ]
    seen = profile(rows, "y")
    roles = {one.name: one.role for one in seen.columns}
    assert roles == {
        "n": "name", "film_id": "left out", "also": "left out", "size": "left out", "y": "target",
    }  # fmt: skip
    assert said(seen, "n") == [("note", "It numbers the rows from 5 to 204.")]
    assert said(seen, "size")[0] == ("look", "It says the same as film_id in all rows.")


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("1998-07-01", True), ("1998-07-01T12:30:00", True), ("Jul 01 1998", True),
        ("1/2/2003", True), ("2003/01/02", True), ("31.12.1999", True), ("1 May 2001", True),
        ("1998-13-41", False), ("R", False), ("PG-13", False), ("12 Oak Street", False),
        ("", False),
    ],
)  # fmt: skip
def test_what_is_a_date(text: str, day: bool) -> None:
    assert bool(readings(text)) == day


@pytest.mark.timed
def test_a_large_table_is_looked_at_in_seconds(rng: np.random.Generator) -> None:
    numbers, words = rng.normal(size=(20_000, 30)), rng.integers(0, 500, (20_000, 10))
    rows: list[Row] = [
        {f"x{j}": v for j, v in enumerate(some)} | {f"w{j}": f"w{v}" for j, v in enumerate(other)}
        for some, other in zip(numbers.tolist(), words.tolist(), strict=True)
    ]
    assert pace.keeps(1, lambda: profile(rows, "x0"), times=2)
    few = [{name: row[name] for name in [*row][20:36]} for row in rows[:3_200]]
    assert pace.keeps(0.3, lambda: profile(few, "x20"), times=2)


# ---- the proposal --------------------------------------------------------------------------------


def encoded(rows: list[Row], inputs: list[str], y: np.ndarray[Any, Any]) -> tuple[str, ...]:
    """Names of the inputs, which are the same for a half of the rows, and for one row alone."""
    features = proposal.features(rows, inputs)
    learnt, X = features.learn(rows, y)
    half, _ = features.learn(rows[::2], y[::2])
    assert half.names == learnt.names
    assert np.isfinite(X).all()
    assert len(set(learnt.names)) == X.shape[1]
    batch = learnt.encode(rows)
    alone = np.vstack([learnt.encode([row]) for row in rows[:40]])
    np.testing.assert_array_equal(batch[:40], alone)
    nothing = half.encode([dict.fromkeys(inputs)])
    assert np.isfinite(nothing).all()
    assert type(learnt).model_validate_json(learnt.model_dump_json()) == learnt
    return learnt.names


def test_any_kind_of_table_is_encoded(rng: np.random.Generator) -> None:
    y = rng.normal(size=300)
    rows: list[Row] = [
        {
            "whole": i,
            "gaps": None if i % 3 else i / 7,
            "gaps unknown": i % 5,
            "two": "ab"[i % 2],
            "three": None if i % 4 == 3 else "xyz"[i % 3],
            "rare": f"r{i // 2}",
            "lost": None,
        }
        for i in range(300)
    ]
    numbers = ["whole", "gaps", "gaps unknown", "lost"]
    assert encoded(rows, numbers, y) == (
        "whole", "gaps", "gaps unknown", "lost", "gaps unknown_", "lost unknown",
    )  # fmt: skip
    assert encoded(rows, ["two", "three", "rare"], y) == (
        "target of three", "target of rare",
        "two=a", "two=b", "three=none", "three=x", "three=y", "three=z",
    )  # fmt: skip
    assert encoded(rows, ["two"], y) == ("two=a", "two=b")
    assert len(encoded(rows, [*rows[0]], y)) == 14
    assert encoded([dict.fromkeys(row) for row in rows], ["lost", "two"], y)[:2] == ("lost", "two")
    with pytest.raises(ValueError, match="No input can be encoded"):
        proposal.features([{"a": "x"}, {"a": "y"}], ["a"])
    with pytest.raises(ValueError, match="There is no column 'b'"):
        proposal.features([{"a": "x"}], ["b"])


def test_the_most_frequent_levels_are_inputs() -> None:
    rows = [{"w": f"{j:02}"} for j in range(60) for _ in range(10 + j % 20)] + [{"w": "x"}] * 9
    (block,) = (b for b in proposal.features(rows, ["w"]).blocks if b.kind == "one-hot")
    assert len(block.levels[0]) == 50
    assert {"19", "39", "59"} < {*block.levels[0]}
    assert "x" not in block.levels[0]


def test_fields_are_grouped_by_what_goes_together(rng: np.random.Generator) -> None:
    z = rng.normal(size=400)
    rows: list[Row] = [
        {"a": v, "b": -(v**3), "w": "pq"[i % 2], "id": i, "y": v}
        | {f"n{j}": rng.normal() for j in range(8)}
        | {"c": v + rng.normal() / 4 if i % 9 else None}
        for i, v in enumerate(z.tolist())
    ]
    inputs = [name for name in rows[0] if name not in ("id", "y")]
    how: dict[str, Any] = {"noun": "flats", "id_column": "id", "target_column": "y"}
    schema = proposal.schema(rows, inputs, first=["c", "n5", "a"], **how)
    groups = {field.name: field.group for field in schema.fields}
    assert groups["a"] == groups["b"] == groups["c"] == "c"
    assert groups["n5"] == "n5"
    assert len({*groups.values()}) == 8
    assert list(groups.values()).count("other") == 3
    first = {field.name: field.first for field in schema.fields if field.first}
    assert first == {"c": 1, "n5": 2, "a": 3}
    few = proposal.schema(rows, inputs[:3], **how)
    assert [(one.name, one.group) for one in few.fields] == [(n, n) for n in inputs[:3]]
    assert (few.noun, few.id_column, few.target_column) == ("flats", "id", "y")
    assert few.check([{"a": 1.0, "w": "P"}]).values == [{"a": 1.0, "w": "p"}]
    assert max(field.first for field in proposal.schema(
        [{f"x{i}": i + j for i in range(20)} for j in range(9)],
        [f"x{i}" for i in range(20)], first=[f"x{i}" for i in range(20)], **how,
    ).fields) == 16  # fmt: skip


# ---- tables that others have measured ------------------------------------------------------------


def test_diabetes() -> None:
    frame = load_diabetes(as_frame=True).frame
    found = table(frame.to_csv(index=False))
    seen = profile(found.rows, "target")
    assert (seen.rows, len(seen.columns), seen.duplicates) == (442, 11, 0)
    assert (seen.log, seen.stops) == (False, ())
    assert all(one.role == "input" for one in seen.columns if one.name != "target")
    ranked = sorted(seen.columns, key=lambda one: -(one.alone or 0))
    assert {one.name for one in ranked[:2]} == {"bmi", "s5"}  # as its authors found
    linear = frame["bmi"].corr(frame["target"]) ** 2
    assert column(seen, "bmi").alone == pytest.approx(linear, abs=0.08)
    names = encoded(found.rows, [*frame][:-1], frame["target"].to_numpy())
    assert names == tuple([*frame][:-1])


def test_films() -> None:
    if not (CACHE / HUB["films"].file).exists() and not shutil.which("npm"):
        pytest.skip("the films come by npm, which this system has not")
    with download("films", CACHE).open("rb") as file, text_of(file) as (text, told):
        found = read(text)
    assert told == ["Read as a JSON list of 3,201 rows."]
    assert (len(found.rows), len(found.names)) == (3_201, 16)
    raw = pd.DataFrame(json.loads(download("films", CACHE).read_text()))
    numbers = raw.drop(columns="Title")
    ours = pd.DataFrame(found.rows).drop(columns="Title")
    pd.testing.assert_frame_equal(ours, numbers, check_dtype=False)

    seen = profile(found.rows, "Worldwide Gross")
    gross = raw[["US Gross", "Worldwide Gross"]].dropna()
    equal = int((gross["US Gross"] == gross["Worldwide Gross"]).sum())
    part = f"A part of the target: equal to it in {equal:,} rows, never above it."
    assert said(seen, "US Gross")[0] == ("stop", part)
    assert seen.columns[0].name == "US Gross"
    assert column(seen, "US Gross").role == column(seen, "Title").role == "left out"
    assert said(seen, "Title") == [("note", "Rather a name: 3,176 of 3,200 differ.")]
    assert said(seen, "Director") == [("look", "550 levels, 142 occur once, 42 % are missing.")]
    assert column(seen, "Release Date").kind == "date"
    assert seen.log
    assert (seen.known, seen.outside, seen.duplicates) == (3_194, 47, 0)
    assert seen.stops == ()
    inputs = [one.name for one in seen.columns if one.role == "input"]
    good = [row for row in found.rows if (row["Worldwide Gross"] or 0) > 0]  # type: ignore[operator]
    y = np.log([float(row["Worldwide Gross"]) for row in good])  # type: ignore[arg-type]
    assert len(encoded(good, inputs, y)) > 100
