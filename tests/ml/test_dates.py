"""Dates: read as strptime reads them, in an order of the column's; measured, learnt and told."""

import io
import random
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest
from jsonschema import FormatChecker, validate
from pydantic import ValidationError

from ml.features import Features, Plain
from ml.predictor.sales import Worths
from ml.schema import InputSchema, InvalidRows, dates, text_of
from ml.schema.dates import NoDate, Order, read
from ml.schema.fields import InputField
from ml.shift.detector import detect
from ml.tabular import proposal
from ml.tabular.dates import Dates
from ml.tabular.first_fit import first_fit
from ml.tabular.own import OwnTable, Unlearnable
from ml.tabular.profile import Column, profile
from ml.tabular.reading import read as read_table

Rows = list[dict[str, Any]]
FORMATS: list[tuple[str, Order]] = [
    *((form, "") for form in (
        "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S+02:00", "%b %d %Y",
        "%b %d, %Y", "%B %d, %Y", "%B %d %Y", "%d %b %Y", "%d %B %Y", "%d. %B %Y", "%d-%b-%Y",
        "%d-%b-%y", "%d%b%Y", "%Y-%b-%d", "%d/%b/%Y", "%b-%d-%Y", "%b %d, %Y %I:%M %p",
        "%d-%b-%Y %H:%M:%S",
    )),
    *((form, "dmy") for form in (
        "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d/%m/%y", "%d.%m.%y", "%d/%m/%Y %H:%M",
    )),
    *((form, "mdy") for form in (
        "%m/%d/%Y", "%m-%d-%Y", "%m/%d/%y", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p",
    )),
    *((form, "ymd") for form in ("%y/%m/%d", "%y-%m-%d")),
]  # fmt: skip


@pytest.mark.parametrize(("form", "order"), FORMATS)
def test_a_date_is_read_as_strptime_reads_it(form: str, order: Order) -> None:
    draw = random.Random(form)
    for i in range(300):
        at = datetime(1900, 1, 1) + timedelta(seconds=draw.randrange(200 * 366 * 86_400))  # noqa: DTZ001
        text = at.strftime(form)
        text = text.upper() if i % 3 or "%y" in form else text.replace("/0", "/").removeprefix("0")
        theirs = datetime.strptime(at.strftime(form), form).replace(tzinfo=None, microsecond=0)  # noqa: DTZ007
        assert datetime.fromisoformat(read(text, order)) == theirs, text


@pytest.mark.parametrize(
    ("text", "order", "why"),
    [
        ("03/04/2024", "", "it may be 2024-04-03 or 2024-03-04"),
        ("24/03/15", "", "it may be 2015-03-24 or 2024-03-15"),
        ("25/12/2024", "mdy", "the month comes first here, and so there is no such day"),
        ("12/25/2024", "dmy", "the day comes first here, and so there is no such day"),
        ("2023-02-29", "", "there is no such day"),
        ("2024-03-01 25:00", "", "there is no such day"),
        ("2024-03-01 13:00 pm", "", "there is no such day"),
        ("31 Smarch 2024", "", "there is no such day"),
        ("0000-01-01", "", "there is no such day"),
        ("1/2/3", "", "there is no such day"),
        *((text, "", "it is no date") for text in (
            "", "20240301", "2024", "Mar 2024", "2024-03", "tomorrow", "12 Oak Street", "PG-13",
            "1-2/2024", "2024-03-01x", "٢٠٢٤-٠٣-٠١", "1" * 50, "2024-03-01 12",
        )),
    ],
)  # fmt: skip
def test_what_is_no_date_is_told_why(text: str, order: Order, why: str) -> None:
    with pytest.raises(NoDate) as caught:
        read(text, order)
    assert str(caught.value) == why
    assert dates.known_day(text, order) is None


def test_what_is_one_day_in_every_order_is_read_without_one() -> None:
    assert read("03/03/2024") == "2024-03-03"
    assert read("25/12/2024") == "2024-12-25"
    assert read("Sept 3rd, 2024") == "2024-09-03"
    assert read("2024-03-01", "dmy") == "2024-03-01"


def test_a_decimal_year_is_one_and_gives_its_date_back() -> None:
    draw = random.Random(0)
    for _ in range(2_000):
        at = datetime(1, 1, 1) + timedelta(seconds=draw.randrange(9_998 * 365 * 86_400))  # noqa: DTZ001
        ends = datetime(at.year, 1, 1), datetime(at.year + 1, 1, 1)  # noqa: DTZ001
        year = dates.measured(dates.iso(at))
        assert year == pytest.approx(at.year + (at - ends[0]) / (ends[1] - ends[0]), abs=1e-9)
        assert datetime.fromisoformat(dates.written(year)) == at
        assert dates.day_of(year) == f"{at:%Y}".zfill(4) + f"{at:-%m-%d}"
    assert dates.measured("2023-07-02T12:00:00") == 2023.5
    assert dates.measured(7) == 7
    assert [dates.written(year) for year in (-5.0, 1e9, 2024.0)] == [
        "0001-01-01", "9999-12-31T23:59:59", "2024-01-01",
    ]  # fmt: skip


# ---- a column


def of(texts: list[str], order: Order = "") -> Dates:
    found = Dates.of(dict.fromkeys(texts, 1), order)
    assert found is not None
    return found


def test_which_number_comes_first_is_decided_by_the_whole_column() -> None:
    both = [f"{i % 12 + 1:02}/{i % 11 + 1:02}/2024" for i in range(100)]
    assert of(both).order is None
    assert of([*both, "13/05/2024"]).order == "dmy"
    assert of([*both, "05/13/2024"]).order == "mdy"
    assert of([*both, "05/13/2024"]).iso["01/02/2024"] == "2024-01-02"
    assert of([*both, "05/13/2024", "13/05/2024"]).order is None
    assert of([*(f"13/{i % 12 + 1}/{2000 + i}" for i in range(40)), "05/13/2024"]).order == "dmy"
    assert of([f"{i:02}/{i:02}/2024" for i in range(1, 13)]).order == ""
    assert of(["Mar 1, 2024", "2024-03-01"]).order == ""
    assert of([*both], "mdy").order == "mdy"
    assert of(["2024-03-01"], "mdy").order == "mdy"  # as after a retraining
    assert of([*both], "ymd").order is None  # which none of them can be
    assert Dates.of({"TBA": 1, "2024-03-01": 1}) is None
    assert Dates.of({}) is None


def test_years_of_two_digits_have_three_orders() -> None:
    assert of(["15/03/24", "16/03/24"]).order is None
    assert of(["15/03/24", "16/03/24", "17/03/99"]).order == "dmy"
    assert of(["03/15/24", "03/16/24"]).order == "mdy"
    assert of(["99/03/15", "24/03/16"]).order == "ymd"
    assert of(["01-Mar-24", "02-Apr-69"]).iso == {
        "01-Mar-24": "2024-03-01", "02-Apr-69": "1969-04-02",
    }  # fmt: skip


def sold(n: int = 300, form: str = "%d/%m/%Y") -> Rows:
    """Rents that rise with the date, by 10 % of the mean a year."""
    rng = np.random.default_rng(0)
    start = datetime(2004, 1, 1)  # noqa: DTZ001
    rows = []
    for i, days in enumerate(rng.integers(0, 7_300, n).tolist()):
        area = float(rng.uniform(30, 120))
        rent = 8 * area + 40 * days / 365.25 + float(rng.normal(0, 10))
        at = start + timedelta(days=days)
        rows.append({"flat": i, "sold": at.strftime(form), "area": area, "rent": rent})
    return rows


def column(rows: Rows, **how: Any) -> Column:
    return next(one for one in profile(rows, "rent", **how).columns if one.name == "sold")


def said(rows: Rows, **how: Any) -> list[tuple[str, str]]:
    return [(one.level, one.text) for one in column(rows, **how).attention]


def test_a_column_of_dates_is_told_as_dates() -> None:
    rows = sold()
    one = column(rows)
    days = sorted(pd.to_datetime([row["sold"] for row in rows], format="%d/%m/%Y"))
    assert (one.kind, one.role, one.order, one.orders) == ("date", "input", "dmy", ("dmy", "mdy"))
    assert (one.minimum, one.maximum) == (f"{days[0]:%Y-%m-%d}", f"{days[-1]:%Y-%m-%d}")
    low = np.quantile([day.toordinal() for day in days], 0.05)
    assert datetime.fromisoformat(str(one.low)).toordinal() == pytest.approx(low, abs=1)
    years = np.array([dates.measured(f"{day:%Y-%m-%d}") for day in days])
    assert one.histogram == tuple(np.histogram(years, 16)[0].tolist())
    assert (one.log_axis, one.examples[0]) == (False, rows[0]["sold"])
    parts = [part for part in one.target_by_part if part is not None]
    assert len(parts) == 8
    assert np.corrcoef(parts, range(8))[0, 1] > 0.9
    assert one.alone == pytest.approx(0.5, abs=0.2)
    ((level, text),) = said(rows)
    assert (level, text[:37]) == ("note", "Read with the day first, as " + text[28:37])


def test_what_of_dates_needs_a_person() -> None:
    rows = sold()
    slips = [*rows[:-2], rows[-2] | {"sold": "TBA"}, rows[-1] | {"sold": "soon"}]
    assert said(slips)[0] == (
        "look",
        "2 values are no dates and count as missing ('TBA'): correct them where they are some.",
    )
    assert column(slips).missing == 2
    assert said(sold(form="%d-%b-%y"))[0][1].startswith("Years of two digits (")
    assert (
        "are read 69 to 99 as 1969 to 1999, 00 to 68 as 2000" in said(sold(form="%d-%b-%y"))[0][1]
    )
    unclear = [row for row in rows if int(row["sold"][:2]) <= 12]
    first = next(row["sold"] for row in unclear if row["sold"][:2] != row["sold"][3:5])
    day, month, year = first.split("/")
    may = f"{year}-{month}-{day} or {year}-{day}-{month}"
    assert said(unclear) == [
        ("look", "Left out until somebody says whether the day or the month comes first: "
         f"{first} may be {may}. Say so, or write it as {year}-{month}-{day}.")
    ]  # fmt: skip
    one = column(unclear)
    assert (one.role, one.order, one.alone, one.target_by_part) == ("left out", None, None, ())
    asked = column(unclear, dates={"sold": "dmy"})
    assert (asked.role, asked.order) == ("input", "dmy")
    assert asked.attention[0].text == "Read with the day first, as was said."
    mixed = [*sold(form="%d/%m/%Y"), *sold(form="%m/%d/%Y")]
    assert "its dates differ in that" in said(mixed)[0][1] or "may be" in said(mixed)[0][1]


def test_a_date_is_no_target_and_a_constant_one_tells_nothing() -> None:
    rows = [row | {"same": "2024-03-01 00:00:00"} for row in sold()]
    assert profile(rows, "sold").stops[0] == "sold is text: only a number can be learnt."
    same = next(one for one in profile(rows, "rent").columns if one.name == "same")
    assert same.attention[0].text == "All 300 rows say 2024-03-01."


# ---- a table


def test_a_target_that_depends_on_the_date_is_learnt() -> None:
    rows = sold()
    whole, without = OwnTable.of(rows, "rent"), OwnTable.of(rows, "rent", inputs=["area"])
    assert whole.inputs == ("sold", "area")
    assert whole.dates == {"sold": "dmy"}
    errors = [first_fit(table).rmse for table in (whole, without)]
    assert errors[1] > 5 * errors[0]


def test_dates_are_learnt_as_the_numbers_that_they_are() -> None:
    table = OwnTable.of(sold(), "rent")
    years = [row | {"sold": dates.measured(row["sold"])} for row in table.train]
    features, X = table.steps.learn(table.train, table.measured)
    plain, Z = proposal.features(years, table.inputs).learn(years, table.measured)
    np.testing.assert_array_equal(X, Z)
    assert features == plain
    np.testing.assert_array_equal(features.encode(table.train), X)
    worths = [
        Worths.learn(schema, rows, table.measured).between("sold", a, b)
        for schema, rows, a, b in (
            (table.schema, table.train, "2010-01-01", "2011-01-01"),
            (proposal.schema(years, table.inputs, noun="rows", id_column="i", target_column="t"),
             years, 2010.0, 2011.0),
        )
    ]  # fmt: skip
    assert worths[0] == worths[1] == pytest.approx(40, rel=0.3)


def test_what_cannot_be_learnt_from_is_told_in_a_sentence() -> None:
    rows = sold()
    unclear = [row for row in rows if int(row["sold"][:2]) <= 12]
    with pytest.raises(Unlearnable, match="sold: Left out until somebody says whether the day or"):
        OwnTable.of(unclear, "rent", inputs=["sold"])
    assert OwnTable.of(unclear, "rent", dates=["sold=mdy"]).train[0]["sold"] is not None
    for asked, why in (
        ("sold", "must be a column of dates and what comes first in them, such as sold=dmy"),
        ("sold=day", "such as sold=dmy; it may be dmy, mdy, ymd"),
        ("sld=dmy", "There is no column 'sld'"),
        ("area=dmy", "area is no column of dates"),
    ):
        with pytest.raises(Unlearnable, match=why):
            OwnTable.of(rows, "rent", dates=[asked])


@pytest.mark.parametrize("kind", ["xlsx", "parquet"])
def test_dates_of_workbooks_and_parquet_come_as_iso_text(kind: str) -> None:
    days = pd.date_range("2020-01-30", periods=5, freq="37D")
    frame = pd.DataFrame({"day": days, "at": days + pd.Timedelta("12h30min"), "x": range(5)})
    file = io.BytesIO()
    if kind == "xlsx":
        book = openpyxl.Workbook()
        assert book.active is not None
        for row in [[*frame], *frame.itertuples(index=False)]:
            book.active.append([*row])
        book.save(file)
    else:
        frame.to_parquet(file)
    with text_of(io.BytesIO(file.getvalue())) as (text, _):
        rows = read_table(text).rows
    assert [row["day"] for row in rows] == [f"{day:%Y-%m-%d}" for day in days]
    assert [row["at"] for row in rows] == [f"{day:%Y-%m-%d}T12:30:00" for day in days]


# ---- a field


def field(order: Order = "", *days: str) -> InputField:
    seen = days or ("2020-01-01", "2022-06-15", "2024-12-31")
    return InputField.learn("sold", seen, about=("g", "d"), limits=(None, None), order=order)


def schema(order: Order = "") -> InputSchema:
    return InputSchema(fields=(field(order), InputField(name="x", kind="number")))


def test_a_field_of_dates_knows_what_training_has_seen() -> None:
    one = field("dmy")
    assert (one.kind, one.order, one.typical) == ("date", "dmy", "2022-06-15")
    assert one.minimum == 2020
    assert [one.value_of(end) for end in (one.minimum, one.maximum or 0)] == [
        "2020-01-01", "2024-12-31",
    ]  # fmt: skip
    assert not one.has_times
    assert field("", "2020-01-01T12:00:00", "2020-02-01").has_times
    assert InputField.model_validate_json(one.model_dump_json()) == one
    empty = InputField.learn("x", [None], about=("g", "d"), limits=(None, None), order="")
    assert (empty.kind, empty.minimum, empty.typical) == ("date", None, None)


@pytest.mark.parametrize(
    ("order", "value", "day"),
    [
        ("", "2022-06-15", "2022-06-15"), ("", " Jun 15, 2022 ", "2022-06-15"),
        ("", "15-Jun-22", "2022-06-15"), ("", "25/12/2022", "2022-12-25"),
        ("dmy", "03/04/2022", "2022-04-03"), ("mdy", "03/04/2022", "2022-03-04"),
        ("mdy", "2022-04-03", "2022-04-03"), ("", "2022-06-15 09:30", "2022-06-15T09:30:00"),
        ("", "", None), ("", "n/a", None), ("", None, None),
    ],
)  # fmt: skip
def test_a_value_is_read_in_any_spelling_that_is_one_day(
    order: Order, value: Any, day: str | None
) -> None:
    known = schema(order)
    row = {"sold": value, "x": 1.0}
    (checked,) = known.check([row]).rows
    assert checked.values.get("sold") == day
    assert ("sold" in checked.imputed) is (day is None)
    model = known.row_model()
    assert model.model_validate(row).model_dump()["sold"] == day
    assert known.check([checked.values]).values == [checked.values]  # as it is kept


@pytest.mark.parametrize(
    ("order", "value", "message"),
    [
        ("", "03/04/2022", "sold is '03/04/2022'; it may be 2022-04-03 or 2022-03-04. It must be a"
         " date, such as 2024-12-31."),
        ("mdy", "25/12/2022", "sold is '25/12/2022'; the month comes first here, and so there is no"
         " such day. It must be a date, such as 2024-12-31 or, with the month first, 12/31/2024."),
        ("", "2022-02-30", "sold is '2022-02-30'; there is no such day. It must be a date, such as"
         " 2024-12-31."),
        ("", "soon", "sold is 'soon'; it is no date. It must be a date, such as 2024-12-31."),
        ("", 2022, "sold is 2022; it must be a date, such as 2024-12-31."),
        ("", 2022.5, "sold is 2022.5; it must be a date, such as 2024-12-31."),
        ("", True, "sold is True; it must be a date, such as 2024-12-31."),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_refused_like_other_slips(
    order: Order, value: Any, message: str
) -> None:
    known = schema(order)
    with pytest.raises(InvalidRows) as caught:
        known.check([{"x": 1.0}, {"sold": value}], lines=[2, 3])
    (error,) = caught.value.errors
    assert (error.line, error.column, error.value, error.message) == (3, "sold", value, message)
    assert error.allowed.startswith("a date, such as 2024-12-31")
    with pytest.raises(ValidationError) as refused:
        known.row_model().model_validate({"sold": value})
    assert message in str(refused.value)


def test_a_date_beyond_what_was_learnt_is_warned_about() -> None:
    checked = schema().check(
        [{"sold": "2025-01-01"}, {"sold": "2019-12-31"}, {"sold": "15-Jun-22"}]
    )
    later, earlier, within = (row.warnings for row in checked.rows)
    assert later[0].message == (
        "sold is 2025-01-01; the training rows have 2020-01-01 to 2024-12-31. The prediction"
        " extrapolates."
    )
    assert earlier[0].message.startswith("sold is 2019-12-31; the training")
    assert within == []
    assert checked.remarks == [
        "sold: 1 value read with years of two digits, 69 to 99 as 1969 to 1999, 00 to 68 as 2000 to"
        " 2068 ('15-Jun-22')."
    ]


def test_its_json_schema_says_date() -> None:
    found = schema().row_model().model_json_schema()
    told = found["properties"]["sold"]
    assert {"type": "string", "format": "date"} in told["anyOf"]
    assert told["training_range"] == ["2020-01-01", "2024-12-31"]
    validate({"sold": told["examples"][0]}, found, format_checker=FormatChecker())


def test_dates_in_a_file_are_checked_as_they_stand() -> None:
    text = io.StringIO("sold;x\n2022;1,5\n03.04.2022;2,5\n")
    (parsed,) = schema("dmy").sheet(text).parts()
    assert [row["sold"] for row in parsed.rows] == ["2022", "03.04.2022"]
    with pytest.raises(InvalidRows, match="Line 2: sold is '2022'; it is no date"):
        schema("dmy").check(parsed.rows, lines=parsed.lines)


def test_a_card_without_an_order_is_read_as_before() -> None:
    old = {"name": "x", "kind": "number", "minimum": 1.0}
    assert InputField.model_validate(old).order == ""
    features = Features(numbers=("x",), levels=(), steps=(), blocks=(Plain(columns=("x",)),))
    learnt, _ = features.learn([{"x": 1}, {"x": 2.5}], np.array([1.0, 2.0]))
    assert learnt.encode([{"x": None}]).shape == (1, 1)


def test_a_shift_of_dates_is_told_in_dates() -> None:
    known = schema()
    was = [{"sold": 2020 + i / 100, "x": 1.0 * (i % 7)} for i in range(100)]
    now = [{"sold": 2023 + i / 100, "x": 1.0 * (i % 7)} for i in range(100)]
    found = detect(was, now, schema=known, permutations=9)
    assert found.moved[0].of == "dates"
    assert found.moved[0].sentence == "sold: 100% moved, median 2020-06-30 → 2023-06-30."
