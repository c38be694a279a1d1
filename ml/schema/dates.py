"""Dates as people write them: read here alone, kept as ISO text, measured as a decimal year.

Day and month of 03/01/2024 are never guessed by the cell: an order says which comes first, of a
whole column, and without one such a text is no date.
"""

import re
from calendar import isleap
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

Order = Literal["", "dmy", "mdy", "ymd"]
"""What comes first of a date that is all numbers; none where the year does, of four digits."""

ORDERS: Mapping[Order, str] = {"dmy": "day", "mdy": "month", "ymd": "year"}
LONGEST = 40  # characters of a date
CENTURY = 69  # of two digits: from here on a year is one of 19.., below of 20.., as POSIX has it
SHORT_YEARS = "69 to 99 as 1969 to 1999, 00 to 68 as 2000 to 2068"
NAMES = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december"),
)
MONTHS = {name[:n]: i for i, name in enumerate(NAMES, 1) for n in (3, len(name))} | {"sept": 9}
TIME = (
    r"(?:(?:T| +)(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,]\d+)?)?"
    r"(?: ?(?P<half>[AP])\.?M\.?)?(?: ?(?:Z|UTC|GMT|[+-]\d\d(?::?\d\d)?))?)?"
)
DAY, NAME = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?", r"(?P<name>[a-z]{3,9})\.?"
FORMS = [
    re.compile(form + TIME, re.ASCII | re.IGNORECASE)
    for form in (
        r"(?P<a>\d{1,2}|\d{4})(?P<between>[-/.])(?P<b>\d{1,2})(?P=between)(?P<c>\d{1,2}|\d{4})",
        rf"{NAME}[ -]{DAY}(?:, ?|[ -])(?P<year>\d{{4}}|\d\d)",
        rf"{DAY}(?:\. ?|[ /-]?){NAME},?[ /-]?(?P<year>\d{{4}}|\d\d)",
        rf"(?P<year>\d{{4}})[ /-]{NAME}[ /-]{DAY}",
    )
]


class NoDate(ValueError):
    """A text that is no date, or may be two; the message says why, after "it" or a name."""


def readings(text: str) -> dict[Order, datetime]:
    """What a text may be, to the second: by the order of its numbers, or "" where it tells that.

    None of a text that is no date. Of a month that has a name the day is never the year: 24-Mar-01
    is of 2001. A zone is passed over, for the day is that of the clock on the wall.
    """
    if len(text) > LONGEST:
        return {}
    for form in FORMS:
        if found := form.fullmatch(text):
            return _readings(found)
    return {}


def has_short_year(text: str) -> bool:
    """Whether the year of a date has two digits."""
    return not re.search(r"\d{4}", re.split(r"[T ]\d{1,2}:", text, maxsplit=1)[0])


def read(text: str, order: Order = "") -> str:
    """The date that a text is, as ISO text: with a time of day where it is not midnight.

    Raises:
        NoDate: where it is none, or may be two and no order says which.
    """
    if day := known_day(text, order):
        return day
    days = readings(text)
    if not days:
        raise NoDate("there is no such day" if _looks_right(text) else "it is no date")
    if order:
        raise NoDate(f"the {ORDERS[order]} comes first here, and so there is no such day")
    raise NoDate(f"it may be {' or '.join(dict.fromkeys(map(iso, days.values())))}")


def known_day(text: str, order: Order = "") -> str | None:
    """The same; None where it is none."""
    day = chosen(readings(text), order)
    return iso(day) if day else None


def chosen(days: Mapping[Order, datetime], order: Order) -> datetime | None:
    """Which of the readings of a text counts, where an order or the text itself tells."""
    if order and "" not in days:
        return days.get(order)
    different = {*days.values()}
    return different.pop() if len(different) == 1 else None


def iso(day: datetime) -> str:
    """As text that sorts by time."""
    text = day.isoformat(timespec="seconds")
    return text.removesuffix("T00:00:00")


def measured(value: float | str) -> float:
    """A number as it is; a date, which is ISO text, as a decimal year: 2024-07-02 is 2024.5."""
    if not isinstance(value, str):
        return value
    day = datetime.fromisoformat(value)
    return day.year + (day - _new_year(day.year)) / _length(day.year)


def written(year: float) -> str:
    """The date that a decimal year is, to the second, as ISO text."""
    whole = int(min(max(year, 1), 9999))
    seconds = _length(whole).total_seconds()
    since = round(min(max(year - whole, 0), 1) * seconds)
    return iso(_new_year(whole) + timedelta(seconds=min(since, seconds - 1)))


def day_of(year: float) -> str:
    """The same, to the day."""
    return written(year)[:10]


def _new_year(year: int) -> datetime:
    return datetime(year, 1, 1)  # noqa: DTZ001  what a cell says has no zone


def _length(year: int) -> timedelta:
    return timedelta(days=365 + isleap(year))


def _readings(found: re.Match[str]) -> dict[Order, datetime]:
    parts = found.groupdict()
    if "name" in parts:
        month = str(MONTHS.get(parts["name"].lower(), 0))
        dates: dict[Order, tuple[str, str, str]] = {"": (parts["year"], month, parts["day"])}
    else:
        dates = _orders(parts["a"], parts["b"], parts["c"])
    days = {order: _day(date, parts) for order, date in dates.items()}
    return {order: day for order, day in days.items() if day is not None}


def _orders(a: str, b: str, c: str) -> dict[Order, tuple[str, str, str]]:
    """Year, month and day of three numbers, in every order that they may have."""
    if len(a) == 4:
        return {} if len(c) == 4 else {"": (a, b, c)}
    if len(c) == 1:
        return {}
    found: dict[Order, tuple[str, str, str]] = {"dmy": (c, b, a), "mdy": (c, a, b)}
    return found | ({"ymd": (a, b, c)} if len(a) == len(c) == 2 else {})


def _day(date: tuple[str, str, str], clock: Mapping[str, str | None]) -> datetime | None:
    """None where there is no such day, or no such time."""
    year, month, day = map(int, date)
    if len(date[0]) == 2:
        year += 1900 if year >= CENTURY else 2000
    hour, minute, second = (int(clock[name] or 0) for name in ("hour", "minute", "second"))
    if half := clock["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (half.upper() == "P")
    try:
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001  as above
    except ValueError:
        return None


def _looks_right(text: str) -> bool:
    return any(form.fullmatch(text) for form in FORMS)
