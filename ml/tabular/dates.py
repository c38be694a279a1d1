"""A column of dates: whether it is one, which of its numbers comes first, and what that tells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Self

from ml.schema.dates import ORDERS, SHORT_YEARS, Order, chosen, has_short_year, iso, readings
from ml.schema.fields import shown

SHARE = 0.95  # of the values that are there; the others are slips
TRIED = 300  # different texts: all of a long column would take seconds
Readings = Mapping[str, Mapping[Order, datetime]]


@dataclass(frozen=True, eq=False)
class Dates:
    """The different texts of a column that are dates, by what each may be, and their `counts`."""

    counts: Mapping[str, int]
    found: Readings
    asked: Order  # what somebody says that comes first; empty: nobody does

    @classmethod
    def of(cls, counts: Mapping[str, int], asked: Order = "") -> Self | None:
        """None where nearly all are no dates."""
        texts = [*counts]
        if not _are_dates(counts, texts[:: len(texts) // TRIED + 1]):
            return None
        found = {text: own for text in texts if (own := readings(text))}
        return cls(counts, found, asked) if _are_dates(counts, texts, found) else None

    @cached_property
    def numeric(self) -> Readings:
        """Those that are all numbers, the year not in front of them."""
        return {text: own for text, own in self.found.items() if "" not in own}

    @cached_property
    def orders(self) -> tuple[Order, ...]:
        """What may come first, of those: by one of them at least."""
        return tuple(
            order for order in ORDERS if any(order in own for own in self.numeric.values())
        )

    @cached_property
    def order(self) -> Order | None:
        """What comes first; None where the column does not tell.

        One order is that of the column where it reads what each other does not, but for slips.
        Where all of them read the same days, as of 03/03/2024, none is that of the next date.
        """
        if not self.numeric or self.asked in self.orders:
            return self.asked
        if all(len(days) > 1 and chosen(days, "") for days in self.numeric.values()):
            return ""
        told = [one for one in self.orders if all(self._beats(one, o) for o in self.orders)]
        return told[0] if told else None

    def _beats(self, one: Order, other: Order) -> bool:
        own, its = (self._only(*pair) for pair in ((one, other), (other, one)))
        return one == other or (own > 0 and own >= SHARE * (own + its))

    def _only(self, one: Order, other: Order) -> int:
        """Values that the one order reads, and the other does not."""
        some = (text for text, days in self.numeric.items() if one in days and other not in days)
        return sum(self.counts[text] for text in some)

    @cached_property
    def iso(self) -> Mapping[str, str]:
        """What each text is, of those that are dates in the order of the column; none without."""
        if self.order is None:
            return {}
        days = {text: chosen(own, self.order) for text, own in self.found.items()}
        return {text: iso(day) for text, day in days.items() if day is not None}

    @property
    def doubts(self) -> list[str]:
        """What a person should look at, in sentences that say the way out."""
        if self.order is None:
            return [self._question()]
        return [text for text in (self._slips(), self._short_years()) if text]

    @property
    def order_told(self) -> str:
        """What comes first, and which of the dates tells it; empty where that is no question."""
        if not self.order or not self.numeric:
            return ""
        only = (text for text, days in self.numeric.items() if [*days] == [self.order])
        why = "as was said" if self.asked else f"as {next(only, 'all together')} tells"
        return f"Read with the {ORDERS[self.order]} first, {why}."

    def _question(self) -> str:
        """That nobody can tell which number is the day, and what to do."""
        ask = "or ".join(f"the {ORDERS[order]} " for order in self.orders)
        ask = f"Left out until somebody says whether {ask}comes first"
        for text, days in self.numeric.items():
            if len(different := tuple(dict.fromkeys(map(iso, days.values())))) > 1:
                may = " or ".join(different)
                return f"{ask}: {text} may be {may}. Say so, or write it as {different[0]}."
        each = [next(t for t, days in self.numeric.items() if one in days) for one in self.orders]
        return f"{ask}: its dates differ in that ({', '.join(each)}). Write the year first in all."

    def _slips(self) -> str:
        slips = [text for text in self.counts if text not in self.iso]
        if not slips:
            return ""
        count = sum(self.counts[text] for text in slips)
        told = "value is no date and counts" if count == 1 else "values are no dates and count"
        return f"{count:,} {told} as missing ({shown(slips[0])}): correct them where they are some."

    def _short_years(self) -> str:
        for text in self.iso:
            if has_short_year(text):
                way = "write four digits where that is wrong"
                return f"Years of two digits ({text}) are read {SHORT_YEARS}: {way}."
        return ""


def _are_dates(
    counts: Mapping[str, int], texts: Sequence[str], known: Readings | None = None
) -> bool:
    """Whether nearly all of these are."""
    dates = sum(counts[one] for one in texts if (readings(one) if known is None else one in known))
    return dates > 0 and dates >= SHARE * sum(counts[text] for text in texts)
