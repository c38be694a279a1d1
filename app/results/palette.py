"""Colours by meaning: train, valid and the book have their own, a setting keeps its everywhere."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Item = dict[str, Any]

# What a figure looks like outside the dashboard; inside, theme.js reads tokens.css by the name.
COLORS = {
    "train": "#1f66ad",
    "valid": "#c2470b",
    "book": "#75509f",
    "ink": "#16201d",
    "ink-2": "#46524d",
    "ink-3": "#64706b",
    "c1": "#1f66ad",
    "c2": "#c2470b",
    "c3": "#008c45",
    "c4": "#66276d",
    "c5": "#dc7b00",
    "c6": "#159dd9",
    "c7": "#4f5652",
    "c8": "#ae718d",
}
HUES = ("c3", "c4", "c5", "c6", "c7", "c8")  # c1 and c2 are those of train and valid
# a pattern for each hue, so that colour is never the only sign; dots are the book's
DASHES = (
    "6px 3px",
    "9px 3px 2px 3px",
    "14px 4px",
    "4px 4px",
    "9px 3px 2px 3px 2px 3px",
    "18px 3px 4px 3px",
)
TOLD_APART = len(HUES) * 2
"""Settings that colour and pattern tell apart: the second six have the hues with other patterns."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a line is drawn: the token of its colour, its pattern, and its width in pixels."""

    color: str
    dash: str = "solid"
    width: float = 2.0

    @property
    def thin(self) -> "Look":
        """What is learnt from, beside what is judged: solid and thin in the same colour."""
        return Look(self.color, width=1.2)


ROLES = {
    "train": Look("train"),
    "valid": Look("valid", "6px 3px"),
    "book": Look("book", "2px 3px"),
    "truth": Look("ink"),
}
NUMBERED = {  # what figures of the first version named: the first of them in a figure is solid
    "ink": Look("ink"),
    "c1": Look("c1"),
    "c2": Look("c2", "6px 3px"),
    "c3": Look("c3", "2px 3px"),
    "c4": Look("c4", "9px 3px 2px 3px"),
    "c5": Look("c5", "14px 4px"),
    "c6": Look("c6", "9px 3px 2px 3px 2px 3px"),
    "c7": Look("c7"),
    "c8": Look("c8"),
}
NEUTRAL = (Look("ink"), Look("ink-3", "6px 3px"))


def look(place: int) -> Look:
    """Of the setting that came at this place, from 0; patterned, as what it is judged on."""
    lap, hue = divmod(place % TOLD_APART, len(HUES))
    return Look(HUES[hue], DASHES[(hue + lap) % len(DASHES)])


class Palette:
    """The looks of a job: settings in the order in which it named them, then labels of figures."""

    def __init__(self, started: Sequence[Item], figures: Sequence[Item]) -> None:
        names = [name for item in started for name in item.get("settings") or () if name]
        self.settings = tuple(dict.fromkeys(names))
        labels = [name_of(one) for item in figures for one in item["series"] if not one["role"]]
        self.places = {n: i for i, n in enumerate(dict.fromkeys([*self.settings, *labels]))}

    def looks(self, series: Sequence[Item]) -> list[Look]:
        """Of the series of one figure.

        Beside settings that are told apart by colour, what is none of them is drawn in ink: its
        colour would be that of a setting.
        """
        roles = [one["role"] for one in series]
        solid = "" if "train" in roles else next((role for role in roles if role in NUMBERED), "")
        neutral = iter(NEUTRAL)
        return [self._look(one, solid, neutral) for one in series]

    def _look(self, series: Item, solid: str, neutral: Iterator[Look]) -> Look:
        name, role = name_of(series), series["role"]
        apart = len(self.settings) > 1
        if role and not (apart and series.get("setting") in self.settings):
            of_role = ROLES.get(role) or NUMBERED[role]
            return Look(of_role.color) if role == solid else of_role
        if apart and name not in self.settings:
            return next(neutral, None) or _plain(self.places[name])
        of_setting = look(self.places[name])
        return {"train": of_setting.thin, "valid": of_setting}.get(role, _plain(self.places[name]))


def name_of(series: Item) -> str:
    """What has the colour: its setting, or else its label."""
    return str(series.get("setting") or series["label"])


def _plain(place: int) -> Look:
    """Of a setting where nothing is judged: the first six are one solid line and five patterns."""
    drawn = look(place)
    return Look(drawn.color) if drawn.dash == DASHES[0] else drawn
