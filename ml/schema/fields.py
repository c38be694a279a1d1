"""One field of a row: its type, its levels or range in training, and what it may be at all."""

import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from statistics import median_low
from typing import Any, Literal, TypeGuard

from pydantic import Field

from ml.frozen import Frozen
from ml.schema import dates
from ml.schema.dates import NoDate, Order, measured

Kind = Literal["integer", "number", "level", "date"]
Value = int | float | str | None
Bounds = tuple[float | None, float | None]

EXACT = 2**53  # whole numbers up to here are exact as a float, which the encoder makes of them
LONGEST = 100  # characters of a number
SHOWN = 12  # levels named in a message
MISSING = frozenset({"", "na", "n/a", "#n/a", "nan", "none", "null", "-", "?"})
"""What people write for a value that they do not have, where it is no level."""
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
WHOLE = re.compile(r"[+-]?\d{1,300}", re.ASCII)
GROUPED = re.compile(
    r"[$€£]?\s?([+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?)|[$€£]\s?([+-]?\d+(\.\d*)?)", re.ASCII
)
COMMA = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d+),\d+", re.ASCII)  # 9600,5 or 9.600,5

EXAMPLES: dict[Order, str] = {
    "": "",
    "dmy": " or, with the day first, 31/12/2024",
    "mdy": " or, with the month first, 12/31/2024",
    "ymd": " or, of years of two digits, 24/12/31",
}

Change = Literal["blanks", "case", "missing", "grouped", "comma", "fraction", "century"]
"""In what a value was read otherwise than it stands."""


class Refused(ValueError):
    """A value that the field cannot take, in a sentence."""


class InputField(Frozen):
    """What training has seen of one column, and what a value of it must be.

    A date is ISO text; its lowest and highest are decimal years.
    """

    name: str = Field(min_length=1)
    kind: Kind
    levels: tuple[str, ...] | None = Field(None, description="Known levels, sorted.")
    minimum: float | None = Field(None, description="Lowest value in training.")
    maximum: float | None = Field(None, description="Highest value in training.")
    lowest: float | None = Field(None, description="Lowest value that can exist.")
    highest: float | None = Field(None, description="Highest value that can exist.")
    typical: Value = Field(None, description="Median or mode; None where most are missing.")
    missing: float = Field(0.0, ge=0, le=1, description="Share that is missing in training.")
    description: str = ""
    group: str = "other"
    none: bool = Field(False, description="A missing value means that there is none of it.")
    amounts: tuple[str, ...] = Field(
        (), description="Fields that tell, above 0, that there is one whatever is missing."
    )
    codes: tuple[float, ...] = Field((), description="Known values of a number that is a name.")
    first: int = Field(0, ge=0, description="Its place among what is asked first; 0 is none.")
    order: Order = Field(
        "", description="What comes first in dates of the column that are all numbers, if they are."
    )

    @classmethod
    def learn(
        cls,
        name: str,
        values: Sequence[object],
        *,
        about: tuple[str, str],
        limits: Bounds,
        none: Sequence[str] | None = None,
        coded: bool = False,
        first: int = 0,
        text: bool = False,
        order: Order | None = None,
    ) -> "InputField":
        """A field from a training column; `about` is (group, description), `limits` what can exist.

        Whole numbers make an integer, other numbers a number, texts a level, or dates, of ISO text,
        where their `order` is given; nothing at all is a number, or a level where it is known to be
        `text`.

        Raises:
            ValueError: for a column that mixes numbers with text, or holds anything else.
        """
        seen = [value for value in values if value is not None and value == value]
        texts = [value for value in seen if isinstance(value, str)]
        numbers = [value for value in seen if _is_number(value)]
        if len(seen) not in {len(texts), len(numbers)}:
            raise ValueError(f"Column {name} must hold either only numbers or only text.")
        gaps = len(values) - len(seen)
        return cls(
            name=name,
            missing=gaps / len(values),
            group=about[0],
            description=about[1],
            none=none is not None,
            amounts=tuple(none or ()),
            codes=tuple(sorted({*numbers})) if coded else (),
            first=first,
            order=order or "",
            **(
                _date_facts(texts, gaps)
                if order is not None
                else _text_facts(texts, gaps)
                if texts or (text and not numbers)
                else _number_facts(numbers, gaps, limits)
            ),
        )

    @cached_property
    def known(self) -> frozenset[str]:
        """The levels, to look up."""
        return frozenset(self.levels or ())

    @cached_property
    def folded(self) -> dict[str, str]:
        """The levels by their letters without case, where those are of one alone."""
        counts = Counter(level.casefold() for level in self.known)
        return {level.casefold(): level for level in self.known if counts[level.casefold()] == 1}

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers, and no text."""
        return self.kind in {"integer", "number"}

    @property
    def has_times(self) -> bool:
        """Whether training has seen dates with a time of day."""
        ends = (self.minimum, self.maximum) if self.kind == "date" else ()
        return any(end is not None and "T" in dates.written(end) for end in ends)

    def value_of(self, number: float) -> float | str:
        """A number as a value of this field: of dates the one that a decimal year is."""
        return dates.written(number) if self.kind == "date" else number

    @cached_property
    def allowed(self) -> str:
        """What a value must be, in words: "a whole number from 1 to 10"."""
        if self.kind == "date":
            return f"a date, such as 2024-12-31{EXAMPLES[self.order]}"
        return "text" if self.kind == "level" else self._within(self.lowest, self.highest)

    def _within(self, lowest: float | None, highest: float | None) -> str:
        what = "a whole number" if self.kind == "integer" else "a finite number"
        match lowest, highest:
            case None, None:
                return what
            case lowest, None:
                return f"{what} of at least {lowest:.16g}"
            case None, highest:
                return f"{what} of at most {highest:.16g}"
            case lowest, highest:
                return f"{what} from {lowest:.16g} to {highest:.16g}"

    def _wanted(self, value: object) -> str:
        """What is allowed; where a whole number is too large, also how large it may be."""
        if self.kind != "integer" or not _is_number(value) or abs(value) <= EXACT:
            return self.allowed
        lowest = -EXACT if self.lowest is None else self.lowest
        return self._within(lowest, EXACT if self.highest is None else self.highest)

    def clean(self, value: object) -> Value:
        """The value as it is encoded: int, float, str, or None where missing. Raises as `read`."""
        return self.read(value)[0]

    def read(self, value: object) -> tuple[Value, Change | None]:
        """The value as it is encoded, and in what it was read otherwise than it stands.

        Text is read as a person means it: levels without blanks around them and without case where
        one alone has these letters, "NA", "nan", "-" and the like as missing where they are no
        level, "1,710", "$1710" and "3,5" as numbers. A whole-number column takes 68.58. True is no
        number. Dates are read in any spelling that can be one day alone, or is the column's own.

        Raises:
            Refused: for the wrong type, and for a number that is not finite or cannot exist.
        """
        if value is None or (isinstance(value, str) and value in self.known):
            return value, None
        found: tuple[Value, Change | None] = (None, None)
        if isinstance(value, str):
            found = self._meant(value)
            if found == (None, "missing"):
                return None, None if value in {"", "NA"} else "missing"
        elif _is_number(value) and self.is_number:
            found = value, None
        cleaned, change = self._possible(*found)
        if cleaned is None:
            raise Refused(f"{self.name} is {shown(value)}; it must be {self._wanted(value)}.")
        return cleaned, change

    def _possible(self, value: Value, change: Change | None) -> tuple[Value, Change | None]:
        """A number as this field holds it, None where no such number can exist; all else as it is.

        Whole numbers stay whole where the column is.
        """
        if not _is_number(value):
            return value, change
        if not self._can_be(value):
            return None, None
        if self.kind == "number":
            return float(value), change
        return (int(value), change) if float(value).is_integer() else (float(value), "fraction")

    def _meant(self, text: str) -> tuple[Value, Change | None]:
        """What a text is, or that it stands for nothing; None where it is neither."""
        if self.kind == "level":
            return self._level(text)
        return self._date(text) if self.kind == "date" else self.figure(text)

    def _level(self, text: str) -> tuple[str | None, Change | None]:
        """A known level that it stands for, or the text without blanks, to be doubted."""
        bare = text.strip()
        if bare in self.known:
            return bare, None if bare == text else "blanks"
        if known := self.folded.get(bare.casefold()):
            return known, "case"
        if bare.casefold() in MISSING:
            return None, "missing"
        return (bare if _is_unicode(bare) else None), None if bare == text else "blanks"

    def _date(self, text: str) -> tuple[str | None, Change | None]:
        """The date that it is. Raises Refused where it is none, or may be several."""
        bare = text.strip()
        if bare.casefold() in MISSING:
            return None, "missing"
        try:
            day = dates.read(bare, self.order)
        except NoDate as why:
            reason = f"{self.name} is {shown(text)}; {why}. It must be {self.allowed}."
            raise Refused(reason) from None
        return day, "century" if dates.has_short_year(bare) else None

    @classmethod
    def figure(cls, text: str) -> tuple[int | float | None, Change | None]:
        """The number that a text is, or that it stands for nothing; None where it is neither."""
        bare = text.strip()
        if len(text) > LONGEST:
            return None, None
        if bare.casefold() in MISSING:
            return None, "missing"
        number = cls.number(bare)
        if not isinstance(number, str):
            return number, None
        if grouped := GROUPED.fullmatch(bare):
            found = cls.number((grouped[1] or grouped[4]).replace(",", ""))
            return (None if isinstance(found, str) else found), "grouped"
        if COMMA.fullmatch(bare):
            found = cls.number(pointed(bare))
            return (None if isinstance(found, str) else found), "comma"
        return None, None

    @staticmethod
    def number(text: str) -> int | float | str:
        """The number that a text without blanks is; the text itself where it is none."""
        if WHOLE.fullmatch(text):
            return int(text)
        return float(text) if NUMBER.fullmatch(text) else text

    def is_there(self, row: Mapping[str, Any]) -> bool:
        """Whether there is one, by the amounts that a checked row tells."""
        return any((row.get(name) or 0) > 0 for name in self.amounts)

    def typical_of(self, rows: Sequence[Mapping[str, object]]) -> "InputField":
        """The same, with what is typical of some training rows."""
        values = [row.get(self.name) for row in rows]
        limits, about = (self.lowest, self.highest), (self.group, self.description)
        some = InputField.learn(self.name, values, about=about, limits=limits)
        return self.model_copy(update={"typical": some.typical})

    def untold(self, row: Mapping[str, Any]) -> bool:
        """Whether a missing value of a checked row tells nothing: no training row lacks it, or
        there is one all the same."""
        return not self.missing or self.is_there(row)

    def _can_be(self, number: int | float) -> bool:
        """Whether such a number can exist; false for NaN, as for all that a float cannot hold."""
        if not abs(number) <= (EXACT if self.kind == "integer" else sys.float_info.max):
            return False
        low, high = self.lowest, self.highest
        return (low is None or low <= number) and (high is None or number <= high)

    def doubt(self, value: int | float | str, noun: str) -> str:
        """Why a cleaned value asks the model for more than it has seen; empty if it does not."""
        if self.kind == "level":
            if value in self.known:
                return ""
            return (
                f"{self.name} is {shown(value)}, a level never seen in training "
                f"(known: {_listed(self.levels or ())}). It is encoded as none of them."
            )
        number = measured(value)
        said = value if isinstance(value, str) else shown(value)
        if self.minimum is None or self.maximum is None:
            return f"{self.name} is {said}; it is missing in all of the training {noun}."
        if self.codes and number not in self.codes:
            known = _listed([f"{code:g}" for code in self.codes])
            return f"{self.name} is {said}, a code never seen in training (known: {known})."
        if self.minimum <= number <= self.maximum:
            return ""
        low, high = (_plain(self.value_of(end)) for end in (self.minimum, self.maximum))
        return (
            f"{self.name} is {said}; the training {noun} have {low} to {high}. The prediction"
            " extrapolates."
        )


def pointed(cell: str) -> str:
    """A number with a point for its comma."""
    return cell.replace(".", "").replace(",", ".") if COMMA.fullmatch(cell) else cell


def told(fields: Sequence[InputField], row: Mapping[str, Any]) -> dict[str, Any]:
    """What a checked row says of the fields: values, and None where that tells something."""
    return {
        field.name: row[field.name]
        for field in fields
        if field.name in row and (row[field.name] is not None or not field.untold(row))
    }


def shown(value: object) -> str:
    """A value as a message shows it: like Python, and never long."""
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, int) and abs(value) > 10**50:
        return "a number of more than 50 digits"  # Python itself refuses to write very long ones
    text = repr(value[:60] if isinstance(value, str) else value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _plain(end: float | str) -> str:
    """An end of a range, in ten digits."""
    return end if isinstance(end, str) else f"{end:.10g}"


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_unicode(text: str) -> bool:
    """Whether it can be written down: half a surrogate pair cannot."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _text_facts(texts: Sequence[str], gaps: int) -> dict[str, Any]:
    levels, typical = tuple(sorted(set(texts))), None
    for level, count in Counter(texts).most_common(1):
        typical = level if count >= gaps else None
    return {"kind": "level", "levels": levels, "typical": typical}


def _date_facts(days: Sequence[str], gaps: int) -> dict[str, Any]:
    """Of ISO texts, which sort by time."""
    ends = [measured(end) for end in (min(days), max(days))] if days else [None, None]
    typical = median_low(days) if len(days) > gaps else None
    return {"kind": "date", "minimum": ends[0], "maximum": ends[1], "typical": typical}


def _number_facts(numbers: Sequence[int | float], gaps: int, limits: Bounds) -> dict[str, Any]:
    whole = bool(numbers) and all(float(number).is_integer() for number in numbers)
    median = median_low(numbers) if len(numbers) > gaps else None
    return {
        "kind": "integer" if whole else "number",
        "minimum": min(numbers, default=None),
        "maximum": max(numbers, default=None),
        "lowest": limits[0],
        "highest": limits[1],
        "typical": int(median) if whole and median is not None else median,
    }


def _listed(levels: Sequence[str]) -> str:
    more = f" and {len(levels) - SHOWN} more" if len(levels) > SHOWN else ""
    return (", ".join(levels[:SHOWN]) or "none") + more
