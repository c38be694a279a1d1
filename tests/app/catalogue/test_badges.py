"""A badge is the book: it stands on every setting that `verify` runs, and on nothing else."""

import pytest
from rich.console import Console
from sqlalchemy.orm import Session

from app import lifecycle
from app.catalogue import badges
from app.cli.verify import verify
from app.store.jobs import RunStore
from app.store.leases import Leases, Outcome
from app.store.models import Job
from app.store.states import JobStatus
from ml.events import Check, Claim, Event, Started
from ml.experiment import Experiment
from ml.experiments import EXPERIMENTS

BOOK: Claim = "figure"
STARTED = Started("fits", ("run",), 1, "mse", "cpu")
POLYNOMIAL = EXPERIMENTS["polynomial"].verifications()

pytestmark = pytest.mark.usefixtures("answered")


def check(name: str, claim: Claim, *, passed: bool = True) -> Check:
    return Check("4.4", name, 1.0, 1.0, 0.1, passed, claim)


def finish(
    session: Session, experiment: Experiment, *said: Event, status: JobStatus = JobStatus.succeeded
) -> Job:
    """A job of that experiment which said this, and ended so."""
    job = lifecycle.submit(session, experiment)
    session.commit()
    claim = Leases(session).claim("worker", job_id=job.id)
    assert claim is not None
    Leases(session).append(claim.token, said, Outcome(status))
    session.commit()
    return job


def section(session: Session, number: str) -> badges.SectionClaims:
    return next(s for s in badges.current(RunStore(session)) if s.lesson.section == number)


def of(session: Session, name: str) -> badges.ExperimentClaims:
    number = EXPERIMENTS[name].section
    return next(one for one in section(session, number).outcomes if one.name == name)


def test_a_badge_asks_for_every_setting_that_verify_runs(session: Session) -> None:
    asked = [
        one.experiment
        for claims in badges.current(RunStore(session))
        for one in claims.verifications
    ]
    run = [one for cls in EXPERIMENTS.values() for one in cls.verifications()]
    assert sorted(map(repr, asked)) == sorted(map(repr, run))
    values = sum(len(cls.verifies) for cls in EXPERIMENTS.values())
    assert len(set(asked)) == len(asked) == values > len(EXPERIMENTS)


def test_what_answers_at_once_needs_no_job_and_counts_as_verify_does(session: Session) -> None:
    claims = of(session, "affine_collapse")
    found = verify(["affine_collapse"], 1, Console(quiet=True))
    ran = [e for one in claims.verifications for e in one.experiment.run() if isinstance(e, Check)]
    assert {item["check"].partition(" (")[0] for item in found} == {one.name for one in ran}
    book = sum(one.claim != "ours" for one in ran)
    assert claims.tally == badges.Tally(book, book, len(ran) - book, len(ran) - book)
    assert claims.verdict[0] == "holds"
    instants = section(session, "4.7")
    assert (instants.trained, instants.missing, instants.verdict[0]) == ([], 0, "holds")


def test_a_page_does_not_wait_for_answers_that_are_being_prepared(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    known = {one: t for one, t in badges._answers.items() if one.name != "affine_collapse"}
    monkeypatch.setattr(badges, "_answers", known)
    badges._preparing.set()
    try:
        assert of(session, "affine_collapse").verdict == ("running", "running")
    finally:
        badges.abandon()
    assert of(session, "affine_collapse").verdict[0] == "holds"


def test_a_badge_holds_once_every_setting_has_run(session: Session) -> None:
    assert of(session, "polynomial").verdict == ("not run", "not run")
    for experiment in POLYNOMIAL[:-1]:
        finish(session, experiment, check("a", BOOK), check("b", "ours"))
    words = "2 of 2 of the book's hold; 2 of 2 of ours; 1 of 3 not run"
    assert of(session, "polynomial").verdict == ("not run", words)
    finish(session, POLYNOMIAL[-1], check("a", "words"))
    words = "3 of 3 of the book's hold; 2 of 2 of ours"
    assert of(session, "polynomial").verdict == ("holds", words)
    assert section(session, "4.4").verdict[0] == "not run"  # no_factorial has not


def test_other_settings_colour_no_badge_but_any_seed_and_device_does(session: Session) -> None:
    values = POLYNOMIAL[0].model_dump() | {"num_epochs": 7}
    finish(session, type(POLYNOMIAL[0])(**values), check("a", BOOK, passed=False))
    assert of(session, "polynomial").verdict == ("not run", "not run")
    values = POLYNOMIAL[0].model_dump() | {"seed": 9, "device": "cpu"}
    job = finish(session, type(POLYNOMIAL[0])(**values), check("a", BOOK))
    first, *rest = of(session, "polynomial").verifications
    assert first.job is not None
    assert (first.job.id, [one.job for one in rest]) == (job.id, [None, None])


def test_the_latest_job_of_a_setting_answers_whatever_ran_after_it_elsewhere(
    session: Session,
) -> None:
    finish(session, POLYNOMIAL[0], check("a", BOOK, passed=False))
    finish(session, POLYNOMIAL[0], check("a", BOOK))
    finish(session, POLYNOMIAL[1], check("a", BOOK, passed=False))
    tallies = [one.tally for one in of(session, "polynomial").verifications]
    assert tallies == [badges.Tally(1, 1), badges.Tally(0, 1), None]
    assert of(session, "polynomial").verdict[0] == "fails"


@pytest.mark.parametrize(
    ("book", "ours", "badge", "words"),
    [
        (True, True, "holds", "1 of 1 of the book's hold; 1 of 1 of ours"),
        (True, False, "caution", "1 of 1 of the book's hold; 0 of 1 of ours"),
        (False, True, "fails", "0 of 1 of the book's hold; 1 of 1 of ours"),
        (None, True, "holds", "1 of 1 of ours hold"),
        (True, None, "holds", "1 of 1 of the book's hold"),
        (None, None, "none", "makes no claim"),
    ],
)
def test_only_the_books_claims_stand_under_its_name(
    session: Session, book: bool | None, ours: bool | None, badge: str, words: str
) -> None:
    (experiment,) = EXPERIMENTS["no_factorial"].verifications()
    said = [("a", BOOK, book), ("b", "ours", ours)]
    checks = [check(name, claim, passed=held) for name, claim, held in said if held is not None]
    job = finish(session, experiment, STARTED, *checks)
    assert (job.book_total, job.checks_total) == (book is not None, len(checks))
    assert of(session, "no_factorial").verdict == (badge, words)


def test_checks_that_do_not_say_whose_they_are_are_nobodys(session: Session) -> None:
    job = finish(session, POLYNOMIAL[0], check("a", "ours"))  # as the first version stored them
    assert (job.summary, job.checks_total) == ({}, 1)
    assert of(session, "polynomial").verdict == ("not run", "not run")


def test_what_runs_or_waits_is_said(session: Session) -> None:
    finish(session, POLYNOMIAL[0], check("a", BOOK))
    lifecycle.submit(session, POLYNOMIAL[1])
    session.commit()
    words = "1 of 1 of the book's hold so far"
    assert of(session, "polynomial").verdict == ("running", f"waiting; {words}")
    assert Leases(session).claim("worker") is not None
    assert of(session, "polynomial").verdict == ("running", f"running; {words}")
    other = POLYNOMIAL[1].model_dump() | {"num_epochs": 7}
    lifecycle.submit(session, type(POLYNOMIAL[1])(**other))
    doing = [one.doing for one in of(session, "polynomial").verifications]
    assert doing == [None, JobStatus.running, None]


def test_a_setting_whose_last_job_failed_is_said_to_have_failed(session: Session) -> None:
    finish(session, POLYNOMIAL[0], check("a", BOOK))
    finish(session, POLYNOMIAL[0], status=JobStatus.failed)  # what it said before still stands
    finish(session, POLYNOMIAL[1], status=JobStatus.failed)
    words = "1 of 1 of the book's hold; 1 of 3 not run, 1 of 3 failed"
    assert of(session, "polynomial").verdict == ("not run", words)
    lifecycle.submit(session, POLYNOMIAL[1])
    doing = [one.doing for one in of(session, "polynomial").verifications]
    assert doing == [None, JobStatus.queued, None]


def test_an_experiment_that_verify_does_not_run_makes_no_claim_and_blocks_nothing(
    session: Session,
) -> None:
    silent = [name for name, cls in EXPERIMENTS.items() if not cls.verifies]
    assert silent
    for name in silent:
        claims = of(session, name)
        assert (claims.verdict, claims.missing) == (("none", "makes no claim"), 0)
    lesson = section(session, "4.6").lesson
    both = badges.SectionClaims((), lesson, (of(session, silent[0]),))
    assert both.verdict == ("none", "makes no claim")
