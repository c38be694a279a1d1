"""The badges of the chapter: whether the book's claims hold, by all that `verify` would run."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from itertools import chain
from threading import Event, Lock, Thread

from app.catalogue.lessons import Lesson, lessons
from app.catalogue.texts import written
from app.store.jobs import RunStore
from app.store.models import Job
from app.store.states import JobStatus
from ml.events import Check
from ml.experiment import FREE, Diverged, Experiment

ACTIVE = 500  # jobs looked at for one that runs or waits
Badge = tuple[str, str]
"""Which badge, and its words."""
_answers: dict[Experiment, "Tally"] = {}
_preparing, _once = Event(), Lock()
PATIENCE = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class Tally:
    """How many checks hold, of how many: under the book's name, and under ours."""

    book_held: int = 0
    book_total: int = 0
    ours_held: int = 0
    ours_total: int = 0

    @classmethod
    def of(cls, job: Job) -> "Tally":
        """The checks of a job."""
        return cls(
            job.book_held,
            job.book_total,
            job.checks_held - job.book_held,
            job.checks_total - job.book_total,
        )

    @classmethod
    def sum(cls, tallies: Iterable["Tally"]) -> "Tally":
        """All of these together."""
        rows = [astuple(one) for one in tallies]
        return cls(*map(sum, zip(*rows, strict=True)))

    @property
    def words(self) -> str:
        """12 of 12 of the book's hold; 5 of 5 of ours. Empty where nothing was claimed."""
        book = f"{self.book_held} of {self.book_total} of the book's hold"
        ours = f"{self.ours_held} of {self.ours_total} of ours"
        if not self.book_total:
            return f"{ours} hold" if self.ours_total else ""
        return f"{book}; {ours}" if self.ours_total else book

    @property
    def badge(self) -> str:
        """Only the book's claims can fail the book; a claim of ours that fails is a caution."""
        if self.book_held < self.book_total:
            return "fails"
        return "caution" if self.ours_held < self.ours_total else "holds"


@dataclass(frozen=True, slots=True)
class Verification:
    """One of the settings that `verify` runs, and where its claims stand."""

    experiment: Experiment
    job: Job | None  # the last that succeeded; an experiment that answers at once needs none
    tally: Tally | None  # None while it has not run
    doing: JobStatus | None = None  # where a job of it runs or waits, or that the last one failed

    @property
    def typed(self) -> dict[str, str]:
        """What differs from the defaults, as a form holds it."""
        values = self.experiment.model_dump(exclude_defaults=True, exclude=FREE)
        return {name: written(value) for name, value in values.items()}


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of an experiment or a section, by all the settings that they are made at."""

    verifications: tuple[Verification, ...]

    @property
    def tally(self) -> Tally:
        """The checks so far."""
        return Tally.sum(one.tally for one in self.verifications if one.tally)

    @property
    def missing(self) -> int:
        """Settings that have not run."""
        return sum(one.tally is None for one in self.verifications)

    @property
    def verdict(self) -> Badge:
        """Which badge, and its words."""
        return _verdict(self)


@dataclass(frozen=True, slots=True)
class ExperimentClaims(Claims):
    """An experiment of a section."""

    name: str
    summary: str


@dataclass(frozen=True, slots=True)
class SectionClaims(Claims):
    """A section, and what became of its claims."""

    lesson: Lesson
    outcomes: tuple[ExperimentClaims, ...]

    @property
    def trained(self) -> list[Verification]:
        """What a job has to train; all else is answered as a page is opened."""
        return [one for one in self.verifications if not one.experiment.instant]

    @property
    def verdict(self) -> Badge:
        """Which badge, and its words."""
        return _verdict(self)

    @property
    def brief(self) -> str:
        """The words where there is little room."""
        tally, rest = self.tally, f", {self.missing} not run" if self.missing else ""
        if not tally.book_total:
            return self.verdict[1]
        return f"{tally.book_held} of {tally.book_total} of the book's{rest}"


def _verdict(claims: Claims) -> Badge:
    """Claims hold once all of their settings have run."""
    tally, missing, number = claims.tally, claims.missing, len(claims.verifications)
    doing = [one.doing for one in claims.verifications]
    words, failed = tally.words, doing.count(JobStatus.failed)
    if {*doing} - {None, JobStatus.failed}:
        word = "running" if JobStatus.running in doing else "waiting"
        return "running", f"{word}; {words} so far" if words else word
    if missing:
        parts = [(missing - failed, "not run"), (failed, "failed")]
        rest = ", ".join(
            f"{some} of {number} {what}" if some < number else what for some, what in parts if some
        )
        badge = "fails" if tally.badge == "fails" else "not run"
        return badge, f"{words}; {rest}" if words else rest
    return (tally.badge, words) if words else ("none", "makes no claim")


def answer(experiment: Experiment) -> Tally:
    """The checks of an experiment that answers at once; remembered from then on."""
    if experiment not in _answers:
        _answers[experiment] = _tally(experiment)
    return _answers[experiment]


def _tally(experiment: Experiment) -> Tally:
    try:
        checks = [event for event in experiment.run() if isinstance(event, Check)]
    except Diverged:
        return Tally(ours_total=1)
    book = [check.passed for check in checks if check.claim != "ours"]
    ours = [check.passed for check in checks if check.claim == "ours"]
    return Tally(sum(book), len(book), sum(ours), len(ours))


def begin(patience: float = PATIENCE) -> None:
    """Answer all that needs no training, once, beside what else is done.

    The simulations of 4.9 take seconds together: until they are answered a page says that they
    run. All others are answered within a second, and that long the first page waits.
    """
    with _once:
        if _preparing.is_set() or _answers.keys() >= {*_at_once()}:
            return
        _preparing.set()
    preparer = Thread(target=prepare, daemon=True)
    preparer.start()
    preparer.join(patience)


def _at_once() -> Iterator[Experiment]:
    """All that `verify` runs of experiments that need no training, in the order of the chapter."""
    classes = (cls for lesson in lessons().values() for cls in lesson.experiments.values())
    return chain.from_iterable(cls.verifications() for cls in classes if cls.instant)


def prepare() -> None:
    """Do so here and now, unless it is abandoned."""
    _preparing.set()
    try:
        for experiment in _at_once():
            if not _preparing.is_set():
                return
            answer(experiment)
    finally:
        _preparing.clear()


def abandon() -> None:
    """Prepare no more: a server that is told to stop does not answer the rest first."""
    _preparing.clear()


def current(store: RunStore) -> list[SectionClaims]:
    """Every section as it is now."""
    begin()
    every = {name: cls for lesson in lessons().values() for name, cls in lesson.experiments.items()}
    asked = {name: cls.verifications() for name, cls in every.items()}
    trained = {name: settings for name, settings in asked.items() if not every[name].instant}
    jobs, failed = _latest(store, trained)
    doing = dict.fromkeys(failed, JobStatus.failed) | _doing(store, trained)
    claims = {
        name: ExperimentClaims(
            tuple(_verification(one, jobs.get(one), doing.get(one)) for one in settings),
            name,
            every[name].summary(),
        )
        for name, settings in asked.items()
    }
    return [
        _section(lesson, [claims[name] for name in lesson.experiments])
        for lesson in lessons().values()
    ]


def _section(lesson: Lesson, outcomes: Sequence[ExperimentClaims]) -> SectionClaims:
    every = (one for outcome in outcomes for one in outcome.verifications)
    return SectionClaims(tuple(every), lesson, tuple(outcomes))


def _verification(experiment: Experiment, job: Job | None, doing: JobStatus | None) -> Verification:
    if experiment.instant:
        if _preparing.is_set() and experiment not in _answers:
            return Verification(experiment, None, None, JobStatus.running)
        return Verification(experiment, None, answer(experiment))
    return Verification(experiment, job, Tally.of(job) if job else None, doing)


def _latest(
    store: RunStore, asked: Mapping[str, Sequence[Experiment]]
) -> tuple[dict[Experiment, Job], set[Experiment]]:
    """The last succeeded job of each, and those that have none and failed at last.

    One of the first version says not whose its claims are.
    """
    missing = {name: [*settings] for name, settings in asked.items()}
    jobs: dict[Experiment, Job] = {}
    failed = set[Experiment]()
    for job_id, status, values in store.tried(missing):
        for experiment in [one for one in missing[values["name"]] if _asks(values, one)]:
            if status == JobStatus.failed:
                failed.add(experiment)
                continue
            job = store.find(job_id)
            if job and job.says_whose:
                jobs[experiment] = job
                missing[experiment.name].remove(experiment)
    return jobs, failed - jobs.keys()


def _doing(
    store: RunStore, asked: Mapping[str, Sequence[Experiment]]
) -> dict[Experiment, JobStatus]:
    """Where a job of each runs or waits; what runs stands first in the queue."""
    doing: dict[Experiment, JobStatus] = {}
    for job in store.queue(ACTIVE):
        for experiment in asked.get(job.name, ()):
            if _asks(job.experiment, experiment):
                doing.setdefault(experiment, job.status)
    return doing


def _asks(values: Mapping[str, object], experiment: Experiment) -> bool:
    """Whether a job with these values asks the same, whatever its seed and device."""
    return {key: value for key, value in values.items() if key not in FREE} == experiment.question


def summed(chapter: Sequence[SectionClaims]) -> str:
    """The chapter in one line."""
    every = Claims(tuple(one for section in chapter for one in section.verifications))
    if not every.missing:
        return f"{every.tally.words}."
    have = "has" if every.missing == 1 else "have"
    number = len(every.verifications)
    return f"{every.tally.words}. {every.missing} of {number} settings {have} not run."
