"""The badges of the chapter: whether the claims of a section hold, by the jobs that tested them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from app.catalogue.lessons import Lesson, lessons
from app.store.jobs import RunStore
from app.store.models import Job
from app.store.states import JobStatus

ACTIVE = 500  # jobs looked at for one that runs or waits


@dataclass(frozen=True, slots=True)
class ExperimentClaims:
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
class SectionClaims:
    """A section, and what became of its claims."""

    lesson: Lesson
    outcomes: tuple[ExperimentClaims, ...]

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


def current(store: RunStore) -> list[SectionClaims]:
    """Every section as it is now."""
    queue = store.queue(ACTIVE)
    active = {job.name for job in queue}
    waiting = active - {job.name for job in queue if job.status == JobStatus.running}
    return chapter(store.latest() | store.latest(claiming=True), active, waiting)


def chapter(
    latest: Mapping[str, Job], active: Collection[str], waiting: Collection[str] = ()
) -> list[SectionClaims]:
    """Every section, from the last job of each experiment that made claims."""
    return [
        SectionClaims(
            lesson,
            tuple(
                ExperimentClaims(
                    name, cls.summary(), latest.get(name), name in active, name not in waiting
                )
                for name, cls in lesson.experiments.items()
            ),
        )
        for lesson in lessons().values()
    ]


def summed(chapter: Sequence[SectionClaims]) -> str:
    """The chapter in one line."""
    held, total = sum(item.held for item in chapter), sum(item.total for item in chapter)
    waiting = sum(item.waiting for item in chapter)
    said = f"{held} of {total} checks hold." if total else "No check has run yet."
    return f"{said} {waiting} experiments have not run." if total and waiting else said
