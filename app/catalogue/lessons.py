"""The ten sections of the chapter: what a lesson says, and whether its claims hold."""

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from app.catalogue import forms
from app.store.models import Job
from ml.experiment import Experiment
from ml.experiments import EXPERIMENTS

FOLDER = Path(__file__).parents[1] / "dashboard/templates/lessons"
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
        cls = EXPERIMENTS.get(self.experiment)
        return cls is not None and forms.fill(cls, {}, self.typed).experiment is not None

    @property
    def typed(self) -> dict[str, str]:
        """The values as a form holds them."""
        return {name: forms.written(value) for name, value in self.values.items()}

    @property
    def instant(self) -> bool:
        """Whether it answers at once."""
        return EXPERIMENTS[self.experiment].instant


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
    missing: str  # what is said while there is no experiment

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
    found.sort(key=lambda lesson: [*map(int, lesson.section.split("."))])
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
        missing=given.get("missing", "The experiments of this section are not there yet."),
    )


# ---- the chapter, checked ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outcome:
    """An experiment of a section, and the last job that made its claims, or else its last job."""

    name: str
    summary: str
    job: Job | None
    active: bool  # running, or waiting for a worker
    running: bool  # if it is active

    @property
    def doing(self) -> str:
        """The word for where its next job is."""
        return "running" if self.running else "waiting"

    @property
    def verdict(self) -> tuple[str, str]:
        """Which badge, and its words."""
        if self.job is None:
            return ("running", self.doing) if self.active else ("not run", "not run")
        if not self.job.checks_total:
            return "none", "makes no claim"
        return _badge(self.job.checks_held, self.job.checks_total)


@dataclass(frozen=True, slots=True)
class Standing:
    """A section, and what became of its claims."""

    lesson: Lesson
    outcomes: tuple[Outcome, ...]

    @property
    def held(self) -> int:
        """Checks that hold in the latest jobs."""
        return sum(outcome.job.checks_held for outcome in self.outcomes if outcome.job)

    @property
    def total(self) -> int:
        """Checks of the latest jobs."""
        return sum(outcome.job.checks_total for outcome in self.outcomes if outcome.job)

    @property
    def waiting(self) -> int:
        """Experiments that have not run yet."""
        return sum(outcome.job is None for outcome in self.outcomes)

    @property
    def verdict(self) -> tuple[str, str]:
        """Which badge, and its words: a section holds once all of its experiments have run."""
        if not self.outcomes:
            return "none", "not there yet"
        active = [outcome for outcome in self.outcomes if outcome.active]
        if active:
            doing = max(active, key=lambda outcome: outcome.running).doing
            return "running", f"{self.held} of {self.total} so far" if self.total else doing
        if not self.total:
            return "not run", "not run"
        badge, words = _badge(self.held, self.total)
        if not self.waiting:
            return badge, words
        return "fails" if badge == "fails" else "not run", f"{words}, {self.waiting} not run"


def _badge(held: int, total: int) -> tuple[str, str]:
    return "holds" if held == total else "fails", f"{held} of {total} hold"


def chapter(
    latest: Mapping[str, Job], active: Collection[str], waiting: Collection[str] = ()
) -> list[Standing]:
    """Every section, from the last job of each experiment that made claims."""
    return [
        Standing(
            lesson,
            tuple(
                Outcome(name, cls.summary(), latest.get(name), name in active, name not in waiting)
                for name, cls in lesson.experiments.items()
            ),
        )
        for lesson in lessons().values()
    ]


def summed(chapter: Sequence[Standing]) -> str:
    """The chapter in one line."""
    held, total = sum(item.held for item in chapter), sum(item.total for item in chapter)
    waiting = sum(item.waiting for item in chapter)
    said = f"{held} of {total} checks hold." if total else "No check has run yet."
    return f"{said} {waiting} experiments have not run." if total and waiting else said
