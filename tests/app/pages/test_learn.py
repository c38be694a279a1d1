"""Learn: every section has its page, what it offers exists, and its verdict comes from a run."""

import re
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app import lifecycle
from app.catalogue import badges, forms, lessons
from app.dashboard import prose
from app.main import create_app
from app.store.jobs import RunStore
from app.store.leases import Leases, Outcome
from app.store.search import Listing
from app.store.states import JobStatus
from ml.events import Check, Claim, Epoch, Event, Figure, Series, Started
from ml.experiment import Experiment
from ml.experiments import EXPERIMENTS, parse
from tests.app.pages.test_pages import Page, get

SECTIONS = [f"4.{number}" for number in range(1, 11)]
LAB = [(s, name) for s, lesson in lessons.lessons().items() for name in lesson.experiments]
INSTANT = [(section, name) for section, name in LAB if EXPERIMENTS[name].instant]


def finish(
    session: Session, name: str, *passed: bool, claim: Claim = "words", **values: Any
) -> int:
    """A succeeded job of that experiment with so many checks under that name."""
    job = lifecycle.submit(session, parse({"name": name, **values}))
    session.commit()
    taken = Leases(session).claim("worker", job_id=job.id)
    assert taken is not None
    said: list[Event] = [Started("sgd", ("run",), 1, "squared_loss", "cpu", settings=("",))]
    said.append(Epoch("sgd", 1, np.ones((1, 2, 1), dtype=np.float32)))
    said += [
        Check("4.4", f"claim {i}", 1.0, 1.0, 0.1, held, claim) for i, held in enumerate(passed)
    ]
    said.append(Figure("fit", "The fit", "It fits.", (Series("a", np.arange(3.0), np.ones(3)),)))
    Leases(session).append(taken.token, said)
    Leases(session).close(taken.token, Outcome(JobStatus.succeeded))
    session.commit()
    return job.id


@pytest.fixture
def empty(database: str) -> Iterator[TestClient]:
    """The application on a run store without jobs."""
    with TestClient(create_app(), headers={"Accept": "text/html"}) as client:
        yield client


# ---- content ----------------------------------------------------------------------------------


def test_there_is_a_lesson_for_each_section_and_a_place_for_each_experiment() -> None:
    assert list(lessons.lessons()) == SECTIONS
    placed = {name for _, name in LAB}
    assert placed == set(EXPERIMENTS)


@pytest.mark.parametrize("section", SECTIONS)
def test_what_a_lesson_names_exists_or_is_not_offered(empty: TestClient, section: str) -> None:
    lesson = lessons.lessons()[section]
    page = get(empty, f"/learn/{section}")
    for exercise in lesson.written:
        assert (exercise.title in page.words) == exercise.known
        if exercise.experiment in EXPERIMENTS:  # then its fields are those of today
            assert exercise.known, exercise.title
            known = {shape.name for shape in forms.shapes(EXPERIMENTS[exercise.experiment])}
            assert set(exercise.values) <= known
    for name, fields in lesson.controls.items():
        if name in EXPERIMENTS:
            assert set(fields) <= {shape.name for shape in forms.shapes(EXPERIMENTS[name])}
    for name in lesson.first:
        offered = f"experiment={name}" in str(page.elements) or f"'{name}'" in str(page.elements)
        assert offered == (name in EXPERIMENTS), name


@pytest.mark.parametrize("section", SECTIONS)
def test_equations_are_mathml_and_nothing_is_left_of_the_marks(
    empty: TestClient, section: str
) -> None:  # fmt: skip
    page = get(empty, f"/learn/{section}")
    if section != "4.9":
        assert 3 <= len(lessons.lessons()[section].notice) <= 5
    assert page.all("math")
    assert not re.search(r"\$|\\\w|\*\*|merror", page.words)


def test_marks_become_elements_and_text_stays_text() -> None:
    made = prose.blocks("## A <b>\n\na `b` **c** [d](/jobs) [train] & $x^2$\n\n- e\n- f\n\n$$ y $$")
    assert "<h2>A &lt;b&gt;</h2>" in made
    assert '<code>b</code> <strong>c</strong> <a href="/jobs">d</a>' in made
    assert '<span class="key train">train</span> &amp; <math' in made
    assert "<ul><li>e</li><li>f</li></ul>" in made
    assert 'display="block"' in made


# ---- pages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/learn", *(f"/learn/{section}" for section in SECTIONS)])
def test_a_page_keeps_to_the_policy(client: TestClient, path: str) -> None:
    response = client.get(path, headers={"Accept": "text/html"})
    page = Page(response.text)
    assert len(response.content) < 60_000
    assert len(page.all("h1")) == 1
    assert not [attributes for _, attributes in page.elements if "style" in attributes]
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for name in ("for", "aria-labelledby", "aria-describedby"):
        wanted = {attributes[name] for _, attributes in page.elements if attributes.get(name)}
        assert wanted <= set(ids)
    for link in page.all("a"):
        if str(link["href"]).startswith("/"):
            assert client.get(str(link["href"])).status_code == 200, link


@pytest.mark.parametrize(("section", "name"), LAB)
def test_each_experiment_has_its_laboratory(
    empty: TestClient, section: str, name: str
) -> None:  # fmt: skip
    page = get(empty, f"/learn/{section}?experiment={name}")
    named = {item["name"] for item in [*page.all("input"), *page.all("select")] if "name" in item}
    assert {shape.name for shape in forms.shapes(EXPERIMENTS[name])} <= named
    assert ("Train" in page.words) or EXPERIMENTS[name].instant


def test_what_is_not_there_is_said(empty: TestClient) -> None:
    for path in ("/learn/4.11", "/learn/x", "/learn/4.4?experiment=activations"):
        get(empty, path, 404)
    assert "comes later" in get(empty, "/learn/4.9").words


def test_the_address_fills_the_controls_and_says_what_is_wrong(empty: TestClient) -> None:
    page = get(empty, "/learn/4.4?experiment=polynomial&num_features=7")
    (features,) = [item for item in page.all("input") if item.get("id") == "f-num_features"]
    assert (features["type"], features["value"], features["max"]) == ("range", "7", "20")
    assert (
        "Must be at most 20."
        in get(empty, "/learn/4.4?experiment=polynomial&num_features=99").words
    )


def test_a_value_between_the_steps_of_a_slider_is_typed(empty: TestClient) -> None:
    page = get(empty, "/learn/4.4?experiment=polynomial&noise=0.123")
    (noise,) = [item for item in page.all("input") if item.get("id") == "f-noise"]
    assert (noise.get("type"), noise["value"]) == (None, "0.123")


@pytest.mark.parametrize("cls", EXPERIMENTS.values())
def test_a_slider_never_leaves_the_range_of_its_field(cls: type[Experiment]) -> None:
    for shape in forms.shapes(cls):
        if shape.slider:
            for end in (shape.slider.low, shape.slider.high):
                form = forms.fill(cls, {}, {shape.name: f"{end:.10g}"})
                assert shape.name not in form.errors, (shape.name, end)


@pytest.mark.timed
@pytest.mark.parametrize(("section", "name"), INSTANT)
def test_an_instant_experiment_answers_a_slider(
    client: TestClient, section: str, name: str
) -> None:
    took = []
    for _ in range(5):
        start = time.perf_counter()
        response = client.post("/api/v1/answers", json={"experiment": {"name": name}})
        took.append(time.perf_counter() - start)
        assert response.status_code == 200
    assert sorted(took)[2] < 0.05, f"{section} {name}: {sorted(took)[2]:.3f} s"


# ---- verdicts ---------------------------------------------------------------------------------


def section(session: Session, number: str) -> badges.SectionClaims:
    """Where the claims of a section stand."""
    chapter = badges.current(RunStore(session))
    session.rollback()  # nobody else could write meanwhile
    return next(item for item in chapter if item.lesson.section == number)


def verify(session: Session, number: str, *passed: bool, claim: Claim = "words") -> None:
    """Let every setting that `verify` trains of a section have these checks."""
    for one in section(session, number).trained:
        values = one.experiment.model_dump(mode="json", exclude={"name", "seed", "device"})
        finish(session, one.experiment.name, *passed, claim=claim, seed=7, **values)


def test_what_answers_at_once_has_run_and_the_rest_has_not(session: Session) -> None:
    claims = section(session, "4.4")
    assert claims.missing == len(claims.trained) > 0
    assert claims.verdict[0] == "not run"
    assert claims.tally.book_total > 0  # of the laboratories
    assert section(session, "4.7").verdict[0] == "holds"  # they are all instant


def test_a_section_holds_once_all_that_verify_runs_has_run(session: Session) -> None:
    verify(session, "4.4", True, True)
    claims = section(session, "4.4")
    assert (claims.missing, claims.verdict[0]) == (0, "holds")
    assert (
        f"{claims.tally.book_total} of {claims.tally.book_total} of the book's hold"
        in (claims.verdict[1])
    )
    verify(session, "4.4", True, False)
    assert section(session, "4.4").verdict[0] == "fails"


def test_the_badge_is_not_coloured_by_other_settings(session: Session) -> None:
    verify(session, "4.4", True)
    finish(session, "polynomial", False, num_train=50)
    assert section(session, "4.4").verdict[0] == "holds"
    default = EXPERIMENTS["polynomial"].verifications()[1]
    finish(session, "polynomial", False, num_features=default.question["num_features"])
    assert section(session, "4.4").verdict[0] == "fails"


def test_a_claim_of_ours_does_not_stand_under_the_book(session: Session) -> None:
    verify(session, "4.4", True)
    before = section(session, "4.4").tally
    verify(session, "4.4", False, claim="ours")
    claims = section(session, "4.4")
    assert claims.verdict[0] == "caution"
    assert claims.tally.book_held == claims.tally.book_total < before.book_total


def test_the_pages_say_what_the_badge_says(empty: TestClient, session: Session) -> None:
    verify(session, "4.4", True)
    words = section(session, "4.4").brief
    for path in ("/learn", "/learn/4.4"):
        assert words in get(empty, path).words


def test_a_trained_experiment_shows_its_last_run_and_the_one_that_runs(
    empty: TestClient, session: Session
) -> None:  # fmt: skip
    done = finish(session, "polynomial", True)
    lifecycle.submit(session, parse({"name": "polynomial", "num_features": 2}))
    session.commit()
    page = get(empty, "/learn/4.4?experiment=polynomial")
    assert f"/api/v1/jobs/{done}/figures/fit" in {div.get("data-figure") for div in page.all("div")}
    assert "is queued" in page.words
    assert section(session, "4.4").verdict[0] == "running"
    empty.post(f"/jobs/{done + 1}/cancel")
    page = get(empty, f"/learn/4.4?experiment=polynomial&was={done + 1}")
    assert f"Job {done + 1} has ended" in page.words


def test_check_all_queues_what_verify_trains_and_nothing_twice(
    empty: TestClient, session: Session
) -> None:
    trained = section(session, "4.1").trained
    for _ in range(2):
        response = empty.post("/learn/4.1/run", follow_redirects=False)
        assert (response.status_code, response.headers["location"]) == (303, "/learn/4.1")
    jobs = RunStore(session).jobs(Listing(descending=False))
    assert [parse(job.experiment) for job in jobs] == [one.experiment for one in trained]
    assert len({one.experiment for one in trained}) == len(trained) > 1


def test_an_exercise_that_trains_is_one_click(empty: TestClient) -> None:
    exercise = next(e for e in lessons.lessons()["4.4"].exercises if e.experiment == "polynomial")
    typed = {"experiment": exercise.experiment, **exercise.typed}
    response = empty.post("/jobs/new", data=typed, follow_redirects=False)
    assert response.headers["location"] == "/jobs/1"


def test_every_figure_says_of_which_kind_it_is(empty: TestClient) -> None:
    names = [name for _, name in INSTANT]
    answers = [
        empty.post("/api/v1/answers", json={"experiment": {"name": n}}).json() for n in names
    ]
    kinds = {f["layout"]["meta"]["kind"] for answer in answers for f in answer["figures"].values()}
    assert "series" in kinds
    assert kinds <= {"series", "heat_map", "images", "graph"}
