"""The page of a comparison: what is drawn stands where its number says, in every state."""

import re
import time
from collections.abc import Sequence

import numpy as np
import pytest
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.comparisons import compare
from app.dashboard.comparison import HIGH, Curves, curves, differences, matrix, ranking
from app.store import sessions
from app.store.models import Job
from tests.app.conftest import HOUSE
from tests.app.pages.test_pages import Page, get
from tests.app.test_comparisons import ONE, OTHER, K, made


def line_through(marks: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """By how much an axis moves with a value, and where it is 0: from its ticks."""
    slope, zero = np.polyfit([value for value, _ in marks], [at for _, at in marks], 1).tolist()
    return slope, zero


def percent(place: str) -> float:
    return float(place.removesuffix("%"))


def test_dots_and_bars_stand_on_one_axis(session: Session) -> None:
    noise = np.random.default_rng(5).normal(0, 0.01, (2, K))
    labels = [f"fold {i + 1}, seed {s + 1}" for s in range(2) for i in range(K)]
    found = compare(
        session,
        [made(session, (ONE + noise).ravel(), labels), made(session, np.tile(OTHER, 2), labels)],
    )
    drawn = differences(found)
    assert drawn is not None
    ticks = [(float(text.replace("−", "-")), percent(at)) for text, at in drawn.ticks]
    slope, zero = line_through(ticks)
    off = (OTHER - ONE) - noise  # (seeds, folds)
    for i, row in enumerate(drawn.rows):
        assert row.name == f"fold {i + 1}"
        assert percent(row.at) == pytest.approx(zero + slope * off[:, i].mean(), abs=0.05)
        dots = [percent(dot) for dot in row.dots]
        np.testing.assert_allclose(dots, zero + slope * off[:, i], atol=0.05)
    pair = found.pairs[0]
    last = drawn.intervals[-1]
    assert last.name == "other folds"
    assert percent(last.bar.high) == pytest.approx(
        zero + slope * (pair.difference + pair.half), abs=0.05
    )
    assert percent(drawn.zero) == pytest.approx(zero, abs=0.05)


def test_the_ranking_and_its_pairs_have_the_same_signs(session: Session) -> None:
    found = compare(session, [made(session, ends) for ends in (ONE + 0.1, ONE, OTHER)])
    ranked = ranking(found)
    assert ranked is not None
    assert [row.side.letter for row in ranked.rows] == ["A", "B", "C"]
    assert ranked.rows[0].bar is None
    bars = [percent(row.bar.middle) for row in ranked.rows if row.bar]
    assert percent(ranked.zero) < bars[0] < bars[1]
    cells = {name: [cell.kind for cell in row] for name, row in matrix(found)}
    assert cells == {
        "A": ["self", "win", "win"],
        "B": ["lose", "self", "win"],
        "C": ["lose", "lose", "self"],
    }
    texts = [cell.text for cell in dict(matrix(found))["A"]]
    assert texts == ["", "−0.0110", "−0.1110"]


def ends_of(drawn: Curves) -> list[tuple[str, float]]:
    """Where the lines end: colour, and pixels from the top."""
    return [(line.look.color, float(re.split("[ ML]", line.path)[-1])) for line in drawn.lines]


def test_curves_end_at_what_is_said_of_them(session: Session) -> None:
    found = compare(session, [made(session, ONE, epochs=1500), made(session, OTHER, epochs=700)])
    drawn = curves(found.sides)
    assert drawn is not None
    assert drawn.log
    up = [(np.log(float(text)), y) for text, y in drawn.up]
    slope, zero = line_through(up)
    values = [0.8 * ONE.mean(), ONE.mean(), 0.8 * OTHER.mean(), OTHER.mean()]
    for (_, y), value in zip(ends_of(drawn), values, strict=True):
        assert y == pytest.approx(zero + slope * np.log(value), abs=1)
    assert [line.look.width >= 2 for line in drawn.lines] == [False, True, False, True]
    assert next(text.text for text in sorted(drawn.ends, key=lambda end: end.y)).startswith("A")
    heights = sorted(end.y for end in drawn.ends)
    assert min(np.diff(heights)) >= 15
    assert max(heights) <= HIGH


# ---- the page


def page(client: TestClient, address: str, status: int = 200) -> Page:
    return get(client, f"/compare{address}", status)


def test_a_page_leads_with_the_sentence_and_links_its_jobs(client: TestClient) -> None:
    told = client.get("/api/v1/compare?jobs=1,2").json()
    shown = page(client, "?jobs=1,2")
    assert " ".join(told["sentence"].split()) in " ".join(shown.words.split())
    assert {"/jobs/1", "/jobs/2"} <= {str(link["href"]) for link in shown.all("a")}
    assert page(client, "?jobs=1&jobs=2").words == shown.words  # as boxes of a list send it


def test_what_cannot_be_compared_says_what_to_do(client: TestClient) -> None:
    assert "One job is no comparison" in page(client, "?jobs=1").words
    assert "Name the jobs to compare" in page(client, "", 422).words
    assert "trains nothing" in page(client, "?jobs=1,3").words
    page(client, "?jobs=1,99", 404)
    page(client, "?jobs=1,x", 404)
    page(client, "?jobs=1,0,-3", 404)


def test_a_page_of_one_that_runs_comes_again(client: TestClient, session: Session) -> None:
    done, going = made(session, ONE), made(session, OTHER, until=2)
    (live,) = [one for one in page(client, f"?jobs={done},{going}").all("div") if "hx-get" in one]
    assert live["data-poll"] == "on"
    assert live["hx-get"] == f"/compare?jobs={done},{going}"
    (still,) = [one for one in page(client, f"?jobs={done}").all("div") if "hx-get" in one]
    assert still["data-poll"] == "off"


def test_twenty_jobs_of_a_thousand_epochs_are_a_small_page(
    client: TestClient, session: Session
) -> None:
    rng = np.random.default_rng(1)
    numbers = [made(session, ONE + rng.normal(0, 0.01, K), epochs=1000) for _ in range(20)]
    address = f"/compare?jobs={','.join(map(str, numbers))}"
    client.get(address)
    start = time.perf_counter()
    answer = client.get(address)
    took = time.perf_counter() - start
    assert answer.status_code == 200
    assert len(answer.content) < 60_000
    assert took < 2  # a fifth of a second where nothing runs beside it
    assert "A cannot be told apart from" in answer.text
    more = made(session, ONE)
    assert (
        "Up to 20 jobs" in page(client, f"?jobs={','.join(map(str, [*numbers, more]))}", 422).words
    )


# ---- the ways to it


def test_boxes_of_the_list_send_their_jobs_and_a_job_names_those_to_set_it_beside(
    client: TestClient,
) -> None:
    listed = get(client, "/jobs")
    boxes = [box for box in listed.all("input") if box.get("name") == "jobs"]
    assert [box["value"] for box in boxes] == ["3", "2", "1"]
    (form,) = [form for form in listed.all("form") if form.get("id") == boxes[0]["form"]]
    assert (form["action"], form["method"]) == ("/compare", "get")

    with sessions.writers()() as session:
        again, other = made(session, ONE), made(session, OTHER, measure="rmse")
        session.get_one(Job, other).retry_of = again
        session.commit()
    links = {str(link["href"]) for link in get(client, f"/jobs/{again}").all("a")}
    assert f"/compare?jobs={HOUSE},{again}" in links  # the champion's
    for number in (HOUSE, other):  # itself, and what has another measure
        links = {str(link["href"]) for link in get(client, f"/jobs/{number}").all("a")}
        assert not any(link.startswith("/compare") for link in links)
