"""Learn: every section has its page, what it offers exists, and its verdict comes from a run."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app import lifecycle
from app.catalogue import forms, lessons
from app.dashboard import prose
from app.store.jobs import RunStore
from app.store.leases import Leases, Outcome
from app.store.states import JobStatus
from ml.events import Check, Event, Figure, Series
from ml.experiment import Experiment
from ml.experiments import EXPERIMENTS, parse
from tests import pace
from tests.app.pages.test_pages import Page, get, status

SECTIONS = [f"4.{number}" for number in range(1, 11)]
SIMULATIONS = "4.9"  # each answer there is a few hundred simulated worlds
LAB = [(s, name) for s, lesson in lessons.lessons().items() for name in lesson.experiments]
INSTANT = [(section, name) for section, name in LAB if EXPERIMENTS[name].instant]


def finish(session: Session, name: str, *passed: bool, **values: Any) -> int:
    """A succeeded job of that experiment with so many checks of the book's figures."""
    job = lifecycle.submit(session, parse({"name": name, **values}))
    session.commit()
    claim = Leases(session).claim("worker", job_id=job.id)
    assert claim is not None
    said: list[Event] = [
        Check("4.4", f"claim {i}", 1.0, 1.0, 0.1, held, "figure") for i, held in enumerate(passed)
    ]
    said.append(Figure("fit", "The fit", "It fits.", (Series("a", np.arange(3.0), np.ones(3)),)))
    Leases(session).append(claim.token, said)
    Leases(session).close(claim.token, Outcome(JobStatus.succeeded))
    session.commit()
    return job.id


@pytest.fixture
def empty(application: FastAPI, database: str) -> Iterator[TestClient]:
    """The application on a run store without jobs."""
    with TestClient(application, headers={"Accept": "text/html"}) as client:
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
    assert 3 <= len(lessons.lessons()[section].notice) <= 5
    assert page.all("math")
    assert not re.search(r"\$|\\\w|\*\*|merror", page.words)


def test_marks_become_elements_and_text_stays_text() -> None:
    made = prose.blocks("## A <b>\n\na `b` **c** [d](/jobs) [train] & $x^2$\n\n- e\n- f\n\n$$ y $$")
    assert "<h2>A &lt;b&gt;</h2>" in made
    assert '<code>b</code> <strong>c</strong> <a href="/jobs">d</a>' in made
    assert '<span class="key train">train</span> &amp; <math' in made
    assert "<ul>\n<li>e</li>\n<li>f</li>\n</ul>" in made
    assert 'display="block"' in made


def test_an_equation_may_take_several_lines_and_the_marks_in_it_are_its_own() -> None:
    made = prose.blocks("a $b_1$, $c_2$ and *d*\n\n$$ e_1 +\n[f] * g * h $$\n\ni")
    assert made.count("<math") == 3
    assert "<p>a <math" in made
    assert made.endswith("</math></div>\n<p>i</p>\n")
    assert made.count("<em>") == 1


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
            assert status(client, str(link["href"])) == 200, link


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


def test_a_lesson_may_end_with_cases_and_their_answers(empty: TestClient) -> None:
    page, cases = get(empty, "/learn/4.9"), lessons.lessons()["4.9"].cases
    assert len(cases) >= 3
    for case in cases:
        assert case.text in page.words
        assert case.answer in page.words
    said = " ".join(case.answer for case in cases)
    assert all(kind in said for kind in ("Covariate shift", "Label shift", "Concept shift"))


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
    def ask() -> None:
        response = client.post("/api/v1/answers", json={"experiment": {"name": name}})
        assert response.status_code == 200

    simulates = section == SIMULATIONS
    assert pace.keeps(1.0, ask, 3) if simulates else pace.keeps(0.05, ask, 7)


# ---- verdicts ---------------------------------------------------------------------------------


def test_a_verdict_comes_from_the_jobs_of_its_settings_and_links_to_them(
    empty: TestClient, session: Session
) -> None:  # fmt: skip
    assert "3 of 3 not run" not in get(empty, "/learn").words
    assert "settings have not run." in get(empty, "/learn").words
    finish(session, "polynomial", True, False)
    first = finish(session, "polynomial", True, True, True)
    finish(session, "polynomial", False, lr=0.02)  # what verify does not run colours nothing
    second = finish(session, "polynomial", True, num_features=2)
    words = "4 of 4 of the book's hold; 1 of 3 not run"
    for path in ("/learn", "/learn/4.4"):
        assert words in get(empty, path).words
    links = {link["href"] for link in get(empty, "/learn/4.4").all("a")}
    assert {f"/jobs/{first}", f"/jobs/{second}"} <= links
    lab = "/learn/4.4?experiment=polynomial_exact#lab"
    assert lab in links  # where what answers at once was asked
    assert "not run" in get(empty, "/").words


def test_a_trained_experiment_shows_its_last_run_and_the_one_that_runs(
    empty: TestClient, session: Session
) -> None:  # fmt: skip
    done = finish(session, "polynomial", True)
    lifecycle.submit(session, parse({"name": "polynomial", "num_features": 2}))
    session.commit()
    page = get(empty, "/learn/4.4?experiment=polynomial")
    assert f"/api/v1/jobs/{done}/figures/fit" in {div.get("data-figure") for div in page.all("div")}
    assert "is queued" in page.words
    assert "waiting; 1 of 1 of the book's hold so far" in page.words
    assert "so far" in get(empty, "/learn").words
    empty.post(f"/jobs/{done + 1}/cancel")
    page = get(empty, f"/learn/4.4?experiment=polynomial&was={done + 1}")
    assert f"Job {done + 1} has ended" in page.words


def test_one_button_runs_what_verify_runs(empty: TestClient, session: Session) -> None:
    for _ in range(2):  # what waits already is not queued again
        response = empty.post("/learn/4.4/run", follow_redirects=False)
        assert (response.status_code, response.headers["location"]) == (303, "/learn/4.4")
    queued = [parse(job.experiment) for job in RunStore(session).queue(100)]
    names = lessons.lessons()["4.4"].experiments
    trained = [one for cls in names.values() if not cls.instant for one in cls.verifications()]
    assert sorted(map(repr, queued)) == sorted(map(repr, trained))
    assert len({one.name for one in queued}) < len(queued)  # not the defaults only
    page = get(empty, "/learn/4.4")
    assert f"{len(trained)} jobs;" in page.words
    assert "waiting;" in page.words


def test_a_section_that_needs_no_training_is_checked_without_a_click(empty: TestClient) -> None:
    page = get(empty, "/learn/4.7")
    assert "all of it was checked as this page opened" in page.words
    assert "/learn/4.7/run" not in {form.get("action") for form in page.all("form")}
    assert "of the book's hold" in page.words
    assert "not run" not in page.words


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
