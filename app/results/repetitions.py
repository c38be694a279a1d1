"""Which runs of a job repeat one setting: a mean is taken over these, and over no others."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.results.curves import Group, Values
from app.store import summaries
from app.typography import plural

Lanes = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """The runs of one setting, from all groups that have begun with some: R repetitions."""

    name: str
    place: int  # among the settings of the job, from 0: its colour
    others: int  # settings that the job has beside it
    lanes: tuple[tuple[Group, Lanes], ...]
    told_apart: bool = True  # False in a job of the first version: the runs may be unlike

    @property
    def title(self) -> str:
        """Its name where the job has others, too."""
        return self.name if self.others else ""

    @property
    def group(self) -> Group:
        """The first group that has some of them."""
        return self.lanes[0][0]

    @property
    def epochs(self) -> int:
        """How far all of them have come."""
        return min(group.end(lane) for group, lanes in self.lanes for lane in lanes.tolist())

    @property
    def dropped(self) -> bool:
        """Whether it ended early, behind others."""
        return any(lane in group.ends for group, lanes in self.lanes for lane in lanes.tolist())

    @property
    def labels(self) -> list[str]:
        """Of every repetition: (R,)."""
        return [group.started["labels"][lane] for group, lanes in self.lanes for lane in lanes]

    def metric(self, name: str, after: int = 0) -> Values:
        """One metric of every repetition after that epoch, as far as all have come: (E, R)."""
        until = self.epochs - min(after, self.epochs)
        each = [group.metric(name, after)[:until, lanes] for group, lanes in self.lanes]
        return np.concatenate(each, axis=1).astype(np.float64)

    def mean(self, name: str, after: int = 0) -> Values:
        """Mean over the repetitions by epoch, NaN where one of them is: (E,)."""
        mean: Values = self.metric(name, after).mean(1)
        return mean

    def ends(self, name: str) -> Values:
        """Every repetition at its own last epoch: (R,)."""
        each = [
            group.metric(name)[[group.end(lane) - 1 for lane in lanes.tolist()], lanes]
            for group, lanes in self.lanes
        ]
        return np.concatenate(each).astype(np.float64)

    def last(self, name: str) -> float:
        """Mean over the repetitions, each at its own last epoch; NaN where one of them is."""
        return float(self.ends(name).mean())

    @property
    def score(self) -> float | None:
        """The less, the better it is among the settings of its job; None where it diverged, or was
        dropped: it can be the best no more."""
        if self.dropped:
            return None
        by = self.group.best_by
        return summaries.score(by, self.last(by), self.last("valid"))

    @property
    def counted(self) -> list[list[tuple[str, str]]]:
        """What each repetition is as its label counts it, (R,): ("fold", "3"), ("seed", "1")."""
        return [_counted(label.removeprefix(self.name).strip(", ")) for label in self.labels]

    @property
    def repeated(self) -> str:
        """What repeats, and how often, as the labels count it: "5 folds", "5 folds × 3 seeds"."""
        counted = self.counted
        nouns = {tuple(noun for noun, _ in parts) for parts in counted}
        if len(nouns) > 1 or () in nouns or (not self.told_apart and len(counted[0]) > 1):
            return plural(len(counted), "run")
        axes = zip(*counted, strict=True)
        sizes = [(noun, len(set(axis))) for axis in axes for noun, _ in [axis[0]]]
        if math.prod(size for _, size in sizes) != len(counted):
            return plural(len(counted), "run")
        return " × ".join(plural(size, noun) for noun, size in sizes)

    @property
    def may_be_unlike(self) -> bool:
        """Whether nothing says that these repeat each other: no setting, no label that counts."""
        return not self.told_apart and self.repeated == plural(len(self.labels), "run")


def solved_at_once(setting: Setting, beside: Iterable[Setting]) -> bool:
    """Whether it has one epoch where some of these, of the same measure, learn for more."""
    longest = max(one.group.started["num_epochs"] for one in beside)
    return bool(setting.group.started["num_epochs"] == 1 < longest)


def _counted(label: str) -> list[tuple[str, str]]:
    """The parts of a label that counts: ("fold", "3") of "fold 3"; none where one does not."""
    parts = [re.fullmatch(r"([^\W\d][^\d]*?) (\d+)", part) for part in label.split(", ")]
    return [(part[1], part[2]) for part in parts if part] if all(parts) else []


def settings_of(groups: Sequence[Group], names: Sequence[str] = ()) -> list[Setting]:
    """The settings of a job in the order in which it named them, of the groups that have begun.

    `names` are all settings of the job, where these are not all of its groups.
    """
    begun = [group for group in groups if len(group.values)]
    if groups and "settings" not in groups[0].started:  # the first version showed its first group
        first = groups[0]
        every = np.arange(len(first.started["labels"]))
        one = Setting("", 0, 0, ((first, every),), told_apart=False)
        return [one] if len(first.values) else []
    found: dict[str, list[tuple[Group, Lanes, bool]]] = {}
    for group in begun:
        of_lanes, judged = np.array(group.settings), _judged(group)
        for name in dict.fromkeys(group.settings):
            own = of_lanes == name
            is_judged = bool((own & judged).any())
            lanes = np.flatnonzero(own & judged if is_judged else own)
            found.setdefault(name, []).append((group, lanes, is_judged))
    places = {name: place for place, name in enumerate(names or names_of(groups))}
    return [
        Setting(name, places[name], len(places) - 1, _those_judged(parts))
        for name, parts in found.items()
    ]


def names_of(groups: Iterable[Group]) -> list[str]:
    """The settings of a job by name, also those that have not begun."""
    return list(dict.fromkeys(name for group in groups for name in group.settings))


def _judged(group: Group) -> NDArray[np.bool_]:
    """Which lanes have rows to be judged on (L,): the refit on every row is no fold."""
    train, valid = group.values[0, 0], group.values[0, 1]
    judged: NDArray[np.bool_] = ~(np.isnan(valid) & np.isfinite(train))
    return judged


def _those_judged(parts: Sequence[tuple[Group, Lanes, bool]]) -> tuple[tuple[Group, Lanes], ...]:
    """Without the groups of which no lane is judged, where another has some."""
    judged = [part for part in parts if part[2]] or parts
    return tuple((group, lanes) for group, lanes, _ in judged)
