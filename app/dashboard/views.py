"""What the pages draw of the rows of the run store, and what a newcomer does first."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.catalogue import changes, experiments
from app.dashboard import sparks
from app.dashboard.sparks import Spark, Strip
from app.results.headline import LIKE_A_PRICE, percent
from app.results.log import Pace
from app.results.traces import FEW
from app.store.jobs import PRICED, SERVED
from app.store.models import Job
from app.store.states import FINAL, JobStatus
from app.typography import measure_name, metric, plural, seconds

SCALES = {"log_rmse": (0.035, 0.5)}  # of sparks; others take that of their experiment on the page
DECADES = 1e5  # from bottom to top of a spark at most: one job that diverges must not flatten all
THE_BOOK, OURS = "kaggle_house", SERVED[0]
NARROW = 7  # columns of a table that fit into half of the page
MANY_NAMES = 12  # along x, which half of the page has no room for
Item = dict[str, Any]
BOOK = dict.fromkeys(SERVED, 0.170157)  # 4.10.7: mean valid of its five folds


@dataclass(frozen=True, slots=True)
class Row:
    """A job as a list shows it."""

    job: Job
    state: str
    spark: Spark | None
    strip: Strip | None
    gap: float | None
    took: float | None
    progress: str
    title: str
    changes: str  # fields that differ from their default
    of: str  # what the value is of: the headline's setting, and "test" where it is not "valid"
    measured: str  # the same with its measure
    error: float | None  # RMSE in per cent of a price
    folds: list[float]


def rows(jobs: Sequence[Job]) -> list[Row]:
    """Jobs as a list shows them; the sparks of an experiment share one scale."""
    scales = _scales(jobs)
    return [
        Row(
            job=job,
            state=state(job),
            spark=sparks.spark(job.shown.get("spark", ()), scales.get(_scale(job))),
            strip=strip(job),
            gap=gap(job),
            took=took(job),
            progress=progress_words(job),
            title=job.label or "defaults",
            changes=_changes(job),
            of=value_of(job),
            measured=measured(job),
            error=percent_of_price(job),
            folds=folds(job),
        )
        for job in jobs
    ]


def strip(job: Job) -> Strip | None:
    """Its folds beside the book's mean, where it is a cross-validation of 4.10."""
    if job.measure != "log_rmse":
        return None
    return sparks.strip(folds(job), job.valid, BOOK.get(job.name))


def _scales(jobs: Sequence[Job]) -> dict[str, sparks.Span]:
    seen: dict[str, list[float]] = {}
    for job in jobs:
        values = seen.setdefault(_scale(job), [])
        for _, *pair in job.shown.get("spark", ()):
            values += [value for value in pair if value is not None and value > 0]
    scales = {
        name: (min(values), min(max(values), DECADES * min(values)))
        for name, values in seen.items()
        if values
    }
    return scales | SCALES


def _scale(job: Job) -> str:
    return job.measure if job.measure in SCALES else f"{job.name} {job.measure}"


def _changes(job: Job) -> str:
    """What tells a job from its siblings and its label does not say: lr 0.02, seed 7."""
    if job.name == PRICED:
        return ""
    cls = experiments.get(job.name)
    found = [item for item in changes.settings(cls, job.experiment) if item.changed]
    said = changes.said_by_label(cls, job.experiment, [item.name for item in found])
    return ", ".join(
        f"{item.name} {item.value or 'empty'}" for item in found if item.name not in said
    )


def state(job: Job) -> str:
    """The word for where a job is."""
    if job.status == JobStatus.failed and job.reason == "diverged":
        return "diverged"
    if job.status == JobStatus.timed_out:
        return "timed out"
    return "cancelling" if job.cancel and job.status == JobStatus.running else str(job.status)


def is_active(job: Job) -> bool:
    """Whether more will be said of it."""
    return job.status not in FINAL


def gap(job: Job) -> float | None:
    """Valid minus train."""
    return None if job.valid is None or job.train is None else job.valid - job.train


def took(job: Job) -> float | None:
    """Seconds of the last attempt, so far or in all."""
    if job.started_at is None:
        return None
    return ((job.finished_at or datetime.now(UTC)) - job.started_at).total_seconds()


def value_of(job: Job) -> str:
    """What the value of a job is of: its setting, how that was chosen, what it is judged on."""
    if job.valid is None:
        return ""
    if job.headline is None:  # of the first version, which did not know whether they repeat
        return "mean of all runs" if job.num_runs > 1 else ""
    best = f"best of {job.best_of}" if job.best_of > 1 and not is_active(job) else ""
    judged_on = "test" if job.judged_on == "test" else ""
    return ", ".join(filter(None, (job.headline, best, judged_on)))


def measured(job: Job) -> str:
    """What the value of a job is of, its measure first."""
    measure = measure_name(job.measure) if job.measure and job.valid is not None else ""
    return ", ".join(filter(None, (measure, value_of(job))))


def pace_words(job: Job, pace: Pace) -> str:
    """How long it still takes while it runs, and how fast it is, as far as is known."""
    if not pace.per_second:
        return ""
    left = f"{seconds(pace.left)} left, " if pace.left and is_active(job) else ""
    if pace.what != "epochs":
        return f"{left}{pace.per_second:,.0f} {pace.what} a second"
    return f"{left}{metric(pace.per_second, 1)} epochs a second while it trains"


def progress_words(job: Job) -> str:
    """How far it has come."""
    what = "rows" if job.name == PRICED else "epochs"
    if job.name == PRICED and not job.epochs_total:
        return f"{job.epochs_done:,} rows checked" if job.epochs_done else ""
    if is_active(job):
        return f"{job.epochs_done:,} of {job.epochs_total:,} {what}"
    return plural(job.epochs_done, what[:-1])


def percent_of_price(job: Job) -> float | None:
    """Its RMSE as per cent of a price, where the measure is one of log prices."""
    if job.measure != "log_rmse" or job.valid is None or job.valid > LIKE_A_PRICE:
        return None
    return percent(job.valid)


def folds(job: Job) -> list[float]:
    """Valid of each repetition of the headline's setting, of those that have one."""
    return [fold for fold in job.shown.get("folds", ()) if fold is not None]


def bar(counts: Mapping[JobStatus, int]) -> dict[str, int]:
    """Jobs by status, with nought where there is none."""
    return {str(status): counts.get(status, 0) for status in JobStatus}


@dataclass(frozen=True, slots=True)
class Step:
    """A thing to do first."""

    title: str
    text: str
    href: str
    done: bool = False


def steps(
    known: Collection[str], succeeded: Collection[str], *, book_done: bool, beaten: bool
) -> list[Step]:
    """What a newcomer does first, of what there is. No row tells who priced a house: no tick."""
    new = "/jobs/new?experiment="
    book = Step(
        "Train the book's model", "Linear, raw price, five folds side by side.",
        f"{new}{THE_BOOK}&preset=book", book_done,
    )  # fmt: skip
    beat = Step(
        "Beat it", "The default: nets that price a house by comparable sales.",
        f"{new}{OURS}", beaten,
    )  # fmt: skip
    overfit = Step(
        "Fit a polynomial", "Section 4.4: two features underfit, twenty overfit. Seconds.",
        f"{new}polynomial", "polynomial" in succeeded,
    )  # fmt: skip
    draw = Step(
        "Look at activation functions", "Section 4.1, at once. Keep it as a job.",
        f"{new}activations", "activations" in succeeded,
    )  # fmt: skip
    price = Step("Price a house", "With an interval that 9 of 10 houses stay within.", "/predict")
    every = {
        THE_BOOK: [book], OURS: [beat], "polynomial": [overfit], "activations": [draw],
    }  # fmt: skip
    found = [step for name, these in every.items() if name in known for step in these]
    return [*found, price] if OURS in known else found


# ---- the panels of what an experiment yielded, two beside each other where both fit


def classes(tables: Sequence[Item], figures: Sequence[Item]) -> list[str]:
    """How wide the panel of each table is, then of each figure: none stands beside a gap."""
    whole = [len(table["columns"]) > NARROW or len(tables) == 1 for table in tables]
    whole += [_is_wide(figure) for figure in figures]
    alone = None  # a half that has nothing beside it yet
    for i, is_whole in enumerate([*whole, True]):
        if is_whole and alone is not None:
            whole[alone], alone = True, None
        elif not is_whole:
            alone = i if alone is None else None
    return ["c-12" if one else "c-6" for one in whole]


def _is_wide(figure: Item) -> bool:
    """Whether it has many names along x, or a cloud of points."""
    points = (len(one["x"]) for one in figure["series"] if one["mode"] == "markers")
    return len(figure.get("x_names") or ()) > MANY_NAMES or max(points, default=0) > FEW
