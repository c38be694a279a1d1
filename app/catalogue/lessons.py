"""The ten sections of the chapter: what a lesson says, and what it lets one try."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from app.catalogue import experiments, forms
from app.catalogue.texts import written
from ml.experiment import Experiment
from ml.experiments import EXPERIMENTS

FOLDER = Path(__file__).with_suffix("")
NO_VALUES: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Exercise:
    """A question, and the run that answers it."""

    title: str
    text: str
    experiment: str
    values: Mapping[str, Any]

    @property
    def known(self) -> bool:
        """Whether there is such an experiment, and it takes these values."""
        cls = experiments.get(self.experiment)
        return cls is not None and forms.fill(cls, {}, self.typed).experiment is not None

    @property
    def typed(self) -> dict[str, str]:
        """The values as a form holds them."""
        return {name: written(value) for name, value in self.values.items()}

    @property
    def instant(self) -> bool:
        """Whether it answers at once."""
        return EXPERIMENTS[self.experiment].instant


@dataclass(frozen=True, slots=True)
class Case:
    """A situation, and which it is."""

    text: str
    answer: str


@dataclass(frozen=True, slots=True)
class Lesson:
    """What stands in one file: the section in our words."""

    section: str
    name: str
    title: str
    sentence: str
    text: str
    notice: tuple[str, ...]
    first: tuple[str, ...]  # experiments in the order they are shown; others of the section follow
    controls: Mapping[str, Sequence[str]]  # fields that stand open, by experiment
    written: tuple[Exercise, ...]
    cases: tuple[Case, ...]  # what the reader should be able to tell afterwards

    @property
    def experiments(self) -> dict[str, type[Experiment]]:
        """Those there are."""
        here = sorted(name for name, cls in EXPERIMENTS.items() if cls.section == self.section)
        names = dict.fromkeys([*self.first, *here])
        return {name: EXPERIMENTS[name] for name in names if name in EXPERIMENTS}

    @property
    def exercises(self) -> list[Exercise]:
        """Those that can be run."""
        return [exercise for exercise in self.written if exercise.known]


@lru_cache
def lessons() -> dict[str, Lesson]:
    """All lessons by section, in the order of the chapter."""
    found = [_read(path) for path in FOLDER.glob("*.toml")]
    found.sort(key=lambda lesson: experiments.place(lesson.section))
    return {lesson.section: lesson for lesson in found}


def _read(path: Path) -> Lesson:
    given = tomllib.loads(path.read_text(encoding="utf-8"))
    exercises = tuple(
        Exercise(item["title"], item["text"], item["experiment"], item.get("values", NO_VALUES))
        for item in given.get("exercises", ())
    )
    return Lesson(
        section=given["section"],
        name=given["name"],
        title=given["title"],
        sentence=given["sentence"],
        text=given["text"],
        notice=tuple(given.get("notice", ())),
        first=tuple(given.get("experiments", ())),
        controls=given.get("controls", NO_VALUES),
        written=exercises,
        cases=tuple(Case(item["text"], item["answer"]) for item in given.get("cases", ())),
    )
