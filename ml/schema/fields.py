"""One field of a row: its type, its levels or range in training, and what it may be at all."""

import math
import sys
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from statistics import median_low
from typing import Any, Literal, TypeGuard

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["integer", "number", "level"]
Value = int | float | str | None
Bounds = tuple[float | None, float | None]

EXACT = 2**53  # whole numbers up to here are exact as a float, which the encoder makes of them
SHOWN = 12  # levels named in a message


class Refused(ValueError):
    """A value that the field cannot take, in a sentence."""


class InputField(BaseModel):
    """What training has seen of one column, and what a value of it must be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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

    @classmethod
    def learn(
        cls, name: str, values: Sequence[object], *, about: tuple[str, str], limits: Bounds
    ) -> "InputField":
        """A field from a training column; `about` is (group, description), `limits` what can exist.

        Whole numbers make an integer, other numbers (or nothing at all) a number, texts a level.

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
            **(_text_facts(texts, gaps) if texts else _number_facts(numbers, gaps, limits)),
        )

    @cached_property
    def known(self) -> frozenset[str]:
        """The levels, to look up."""
        return frozenset(self.levels or ())

    @cached_property
    def allowed(self) -> str:
        """What a value must be, in words: "a whole number from 1 to 10"."""
        return self._within(self.lowest, self.highest)

    def _within(self, lowest: float | None, highest: float | None) -> str:
        if self.kind == "level":
            return "text"
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
        """The value as it is encoded: int, float, str, or None where missing.

        Nothing is converted but numbers among themselves: "12" is no number, True neither, and
        2.0 is a whole number.

        Raises:
            Refused: for the wrong type, and for a number that is not finite or cannot exist.
        """
        if value is None:
            return None
        cleaned: Value = None
        if self.kind == "level":
            cleaned = value if isinstance(value, str) and _is_unicode(value) else None
        elif _is_number(value) and self._can_be(value):
            cleaned = int(value) if self.kind == "integer" else float(value)
        if cleaned is None:
            raise Refused(f"{self.name} is {shown(value)}; it must be {self._wanted(value)}.")
        return cleaned

    def _can_be(self, number: int | float) -> bool:
        """Whether such a number can exist; false for NaN, as for all that a float cannot hold."""
        if self.kind == "integer":
            possible = abs(number) <= EXACT and number == int(number)
        else:
            possible = abs(number) <= sys.float_info.max
        low = -math.inf if self.lowest is None else self.lowest
        high = math.inf if self.highest is None else self.highest
        return possible and low <= number <= high

    def doubt(self, value: int | float | str, noun: str) -> str:
        """Why a cleaned value asks the model for more than it has seen; empty if it does not."""
        if isinstance(value, str):
            if value in self.known:
                return ""
            return (
                f"{self.name} is {shown(value)}, a level never seen in training "
                f"(known: {_listed(self.levels or ())}). It is encoded as none of them."
            )
        if self.minimum is None or self.maximum is None:
            return f"{self.name} is {value:g}; it is missing in all of the training {noun}."
        if self.minimum <= value <= self.maximum:
            return ""
        return (
            f"{self.name} is {shown(value)}; the training {noun} have {self.minimum:.10g} to "
            f"{self.maximum:.10g}. The prediction extrapolates."
        )


def shown(value: object) -> str:
    """A value as a message shows it: like Python, and never long."""
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, int) and abs(value) > 10**50:
        return "a number of more than 50 digits"  # Python itself refuses to write very long ones
    text = repr(value[:60] if isinstance(value, str) else value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_unicode(text: str) -> bool:
    """Whether it can be written down: half a surrogate pair cannot."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _text_facts(texts: Sequence[str], gaps: int) -> dict[str, Any]:
    (level, count), *_ = Counter(texts).most_common(1)
    levels = tuple(sorted(set(texts)))
    return {"kind": "level", "levels": levels, "typical": level if count >= gaps else None}


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
