"""The dashboard in a real browser: live, reachable by keyboard, without a fault of its own."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from app import lifecycle
from app.store import sessions
from app.store.leases import Claim, Leases, Outcome
from app.store.models import Job
from app.store.states import JobStatus
from ml.events import Epoch, Figure, Finding, Graph, HeatMap, Images, Started
from ml.experiments import parse
from tests import pace
from tests.browser.conftest import listen

ROOT = Path(__file__).parents[2]
PAGES = [
    "/", "/jobs", "/jobs/1", "/jobs/2", "/jobs/3", "/jobs/new", "/jobs/new?lr=-1",
    "/jobs/new?experiment=activations", "/jobs/new?experiment=kaggle_house&lr=1,2",
    "/jobs/1/submission", "/predict", "/learn",
    "/models", "/models/1", "/models/1/promote", "/monitor", "/submission", "/tables",
    "/compare?jobs=1,2",
    *(f"/learn/4.{number}" for number in range(1, 11)),
]  # fmt: skip
AT_ONCE = 9  # of them in one test, which has two minutes on a busy machine, too
POINTS = """() => document.getElementById('main')?.data
  ?.find((t) => ['valid', 'test'].includes(t.name))?.x ?? []"""
EPOCHS = 6
GONE = """() => {
  const real = window.EventSource;
  window.EventSource = function () {
    Object.assign(this, { close() {}, addEventListener() {} });
    setTimeout(() => this.onerror(), 10);
  };
  window.back = () => { window.EventSource = real; };
}"""  # as if the server had gone, until window.back()
HIDDEN = """(hidden) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def wait_for_points(page: Page, number: int) -> list[int]:
    """The epochs of the valid curve, once there are so many."""
    page.wait_for_function(f"() => ({POINTS})().length >= {number}")
    points: list[int] = page.evaluate(POINTS)
    return points


def make(label: str) -> int:
    """A queued job that no worker will take: its claim is ours."""
    with sessions.writers().begin() as session:
        job = lifecycle.submit(session, parse({"name": "kaggle_house", "num_epochs": EPOCHS}))
        job.label = label
        return job.id


def begin(job_id: int, lanes: int = 5, **said: Any) -> Claim:
    """Claim it as a worker would, and say what will be trained."""
    with sessions.writers().begin() as session:
        claim = Leases(session).claim("a worker", job_id=job_id)
        assert claim is not None
        session.flush()
        job = session.get(Job, job_id)
        assert job is not None
        job.lease_until = time.time() + 600
        labels = tuple(f"fold {lane + 1}" for lane in range(lanes))
        started = Started("folds", labels, EPOCHS, "log_rmse", "cpu", 331)
        Leases(session).append(claim.token, [replace(started, **said)])
    return claim


def say(claim: Claim, first: int, last: int, lanes: int = 5) -> None:
    """Write epochs first to last."""
    lane = np.linspace(0, 0.02, lanes)
    epochs = [0.2 / epoch + np.stack([lane, 0.1 + lane]) for epoch in range(first, last + 1)]
    with sessions.writers().begin() as session:
        values = np.array(epochs, dtype=np.float32)
        Leases(session).append(claim.token, [Epoch("folds", first, values)])


def end(claim: Claim) -> None:
    """Close it with a finding."""
    with sessions.writers().begin() as session:
        found = Finding("overfitting", "Valid stays above train.", "the gap")
        Leases(session).append(claim.token, [found], Outcome(JobStatus.succeeded))


# ---- every page -------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (390, "dark")])
@pytest.mark.parametrize("first", range(0, len(PAGES), AT_ONCE))
def test_every_page_is_accessible_fits_asks_no_other_host_and_says_nothing_on_its_console(
    chromium: Browser, address: str, first: int, width: int, theme: str
) -> None:
    wrong, asked = list[str](), list[str]()
    with chromium.new_context(
        base_url=address, viewport={"width": width, "height": 900}
    ) as context:
        page = context.new_page()
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        said = listen(page)
        page.on("request", lambda request: asked.append(request.url))
        for path in PAGES[first : first + AT_ONCE]:
            page.goto(path)
            page.wait_for_function("() => !document.querySelector('.chart > .skeleton')")
            assert page.evaluate("document.documentElement.dataset.theme") == theme
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            wrong += [f"{path} is {wide} px too wide"] if wide > 0 else []
            found = Axe().run(page).response["violations"]
            wrong += [
                f"{path}: {item['id']} {item['nodes'][0]['html']}"
                for item in found
                if item["impact"] in {"serious", "critical"}
            ]
        assert said == []
    wrong += [url for url in asked if not url.startswith((address, "data:", "blob:"))]
    assert wrong == []


def test_no_page_scrolls_sideways_on_the_narrowest_screen(
    chromium: Browser, address: str, folder: Path
) -> None:
    with sessions.writers().begin() as session:
        job_id = lifecycle.submit(session, parse({"name": "mlp_sweeps"})).id
    said: dict[str, Any] = {"measure": "cross_entropy", "asked": None}
    names = [f"hidden layers {i}, learning rate 0.{i}" for i in range(1, 6)]
    claim = begin(job_id, lanes=5, settings=tuple(names), **said)
    say(claim, 1, EPOCHS)
    end(claim)
    paths = [
        *PAGES, f"/jobs/{job_id}", "/api",
        *(f"/learn/4.5?experiment={name}" for name in ("other_remedies", "weight_decay_scratch")),
        "/jobs/new?experiment=gradient_accumulation",
    ]  # fmt: skip
    with chromium.new_context(base_url=address, viewport={"width": 320, "height": 900}) as context:
        page = context.new_page()
        wide = {}
        for path in paths:
            page.goto(path)
            page.wait_for_function("() => !document.querySelector('.chart > .skeleton')")
            wide[path] = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert {path: px for path, px in wide.items() if px > 0} == {}


def test_a_slider_of_a_lesson_is_answered_and_the_address_holds_it(page: Page) -> None:
    page.goto("/learn/4.1")
    page.wait_for_function("() => document.querySelectorAll('#answer .js-plotly-plot').length > 1")
    page.locator("#f-alpha").fill("1")
    expect(page).to_have_url(re.compile(r"alpha=1\b"))
    lowest = "() => document.querySelector('#answer .js-plotly-plot').data[1].y[0] === -8"
    page.wait_for_function(lowest)
    expect(page.locator(".checks > summary")).to_contain_text("8 of 8 hold")
    page.reload()
    expect(page.locator("#f-alpha")).to_have_value("1")


def test_a_lesson_is_used_by_keyboard_alone(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("g")
    page.keyboard.press("l")
    page.wait_for_url(re.compile("/learn$"))
    page.goto("/learn/4.1")
    page.locator("#f-alpha").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("output[for=f-alpha]")).to_have_text("0.26")
    expect(page).to_have_url(re.compile("alpha=0.26"))


def test_the_figure_of_a_lesson_stands_before_its_prose_where_it_is_narrow(
    chromium: Browser, address: str
) -> None:
    with chromium.new_context(base_url=address, viewport={"width": 390, "height": 900}) as context:
        page = context.new_page()
        page.goto("/learn/4.1")
        top = "(selector) => document.querySelector(selector).getBoundingClientRect().top"
        assert page.evaluate(top, "#lab") < page.evaluate(top, "article.prose")


def test_figures_that_are_no_curves_are_drawn_in_both_themes_with_their_numbers(
    page: Page, folder: Path
) -> None:
    z, pixels = np.eye(3), np.arange(2 * 784, dtype=np.uint8).reshape(2, 28, 28)
    names = ("a", "b", "c")
    with sessions.writers().begin() as session:
        job = lifecycle.submit(session, parse({"name": "activations"}))
        job_id = job.id
        session.flush()
        claim = Leases(session).claim("a worker", job_id=job_id)
        assert claim is not None
        said = [
            Figure("matrix", "A matrix", "One.", heat_map=HeatMap(names, names, z)),
            Figure("images", "Images", "Two.", images=Images(pixels, ("boot", "bag"))),
            Figure("graph", "A graph", "", graph=Graph((("x", 0, 0), ("y", 1, 0)), ((0, 1),))),
        ]
        Leases(session).append(claim.token, said, Outcome(JobStatus.succeeded))
    page.goto(f"/jobs/{job_id}")
    expect(page.locator("#results .js-plotly-plot")).to_have_count(3)
    scale = "() => document.querySelector('#results .js-plotly-plot').data[0].colorscale[0][1]"
    light = page.evaluate(scale)
    page.keyboard.press("t")
    page.wait_for_function(f"() => ({scale})() !== '{light}'")
    panels = page.locator("#results .panel")
    for number, words in enumerate(("c", "boot", "y")):
        panels.nth(number).get_by_text("Numbers").click()
        expect(panels.nth(number).locator(".numbers td").filter(has_text=words)).not_to_have_count(
            0
        )


# ---- live -------------------------------------------------------------------------------------


@contextmanager
def worker(folder: Path) -> Iterator[None]:
    """The real worker, in a process of its own."""
    command = [sys.executable, "-m", "app", "worker"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | {"RIDGELINE_DATA_DIR": str(folder)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.timed
def test_the_first_point_is_drawn_within_a_second_of_the_claim(
    page: Page, folder: Path, record_property: Callable[[str, object], None]
) -> None:
    slowness = pace.slowness()
    with worker(folder):
        page.goto("/jobs/new?experiment=polynomial&num_epochs=300&num_seeds=3")
        page.get_by_role("button", name="Train").click()
        page.wait_for_url(re.compile(r"/jobs/\d+$"))
        job_id = int(page.url.rpartition("/")[2])
        page.wait_for_function("() => document.getElementById('job').dataset.epoch", polling="raf")
        drawn = time.time()
        with sessions.readers()() as session:
            job = session.get(Job, job_id)
            assert job is not None
            assert job.started_at is not None
            passed = drawn - job.started_at.timestamp()
        record_property("seconds from claim to first point", passed)
        assert passed < slowness * pace.ALLOWANCE, f"{passed:.2f} s"
        expect(page.locator("#top .status")).to_have_text("succeeded", timeout=60_000)
        expect(page.locator(".checks > summary")).to_contain_text("hold")
        expect(page.locator("#results .js-plotly-plot")).not_to_have_count(0)
        expect(page.locator("#bar-jobs")).to_contain_text("nothing running")
    points = wait_for_points(page, 300)
    assert points == list(range(1, 301))
    page.reload()
    assert wait_for_points(page, 300) == points


def test_a_queued_job_starts_to_draw_when_a_worker_takes_it(page: Page) -> None:
    job_id = make("starts while watched")
    page.goto(f"/jobs/{job_id}")
    expect(page.locator("#top")).to_contain_text("in the queue")
    claim = begin(job_id)
    say(claim, 1, 2)
    assert wait_for_points(page, 2) == [1, 2]
    expect(page.locator("#top .status")).to_have_text("running")
    expect(page.locator("#runs tbody tr")).to_have_count(5)
    expect(page.locator("#so-far")).to_contain_text("Epoch 2 of 6")
    say(claim, 3, 6)
    end(claim)
    assert wait_for_points(page, 6) == [1, 2, 3, 4, 5, 6]
    expect(page.locator("#top .status")).to_have_text("succeeded")
    expect(page.locator("#words")).to_contain_text("Valid stays above train.")
    expect(page.locator("#n-0")).to_have_text("0.1433")


def test_a_zoom_is_kept_while_points_come(page: Page) -> None:
    claim = begin(make("zoomed"))
    say(claim, 1, 4)
    page.goto(f"/jobs/{claim.job_id}")
    wait_for_points(page, 4)
    box = page.locator("#main .nsewdrag").bounding_box()
    assert box is not None
    for step, share in enumerate((0.3, 0.5, 0.6)):
        page.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        if step == 0:
            page.mouse.down()
    page.mouse.up()
    span = "document.getElementById('main').layout.xaxis.range"
    zoomed = page.evaluate(span)
    assert zoomed[1] - zoomed[0] < 3
    say(claim, 5, 6)
    wait_for_points(page, 6)
    assert page.evaluate(span) == zoomed
    end(claim)


def test_a_broken_stream_is_said_and_resumed_without_gap_or_repeat(page: Page) -> None:
    claim = begin(make("interrupted"))
    say(claim, 1, 2)
    page.goto(f"/jobs/{claim.job_id}")
    wait_for_points(page, 2)
    page.evaluate(GONE)
    page.evaluate(HIDDEN, True)
    say(claim, 3, 4)
    page.evaluate(HIDDEN, False)
    expect(page.locator("#stale")).to_contain_text("continuing from epoch 2")
    page.evaluate("window.back()")
    assert wait_for_points(page, 4) == [1, 2, 3, 4]
    expect(page.locator("#stale")).to_be_hidden()
    say(claim, 5, 6)
    end(claim)
    assert wait_for_points(page, 6) == [1, 2, 3, 4, 5, 6]


def test_a_hidden_page_holds_no_stream_and_catches_up(page: Page) -> None:
    claim = begin(make("hidden"))
    page.goto(f"/jobs/{claim.job_id}")
    say(claim, 1, 1)
    page.wait_for_function("() => document.getElementById('job').dataset.epoch === '1'")
    page.evaluate(HIDDEN, True)
    say(claim, 2, 5)
    time.sleep(0.5)
    assert page.evaluate("document.getElementById('job').dataset.epoch") == "1"
    page.evaluate(HIDDEN, False)
    assert wait_for_points(page, 5) == [1, 2, 3, 4, 5]
    end(claim)


def test_many_runs_are_a_band(page: Page) -> None:
    claim = begin(make("a sweep"), lanes=60)
    say(claim, 1, 3, lanes=60)
    page.goto(f"/jobs/{claim.job_id}")
    wait_for_points(page, 3)
    say(claim, 4, 6, lanes=60)
    end(claim)
    wait_for_points(page, 6)
    names = page.evaluate("document.getElementById('fan').data.map((trace) => trace.name)")
    assert names == ["median, low", "median, high", "median", "lowest", "highest"]
    expect(page.locator("#mean-of")).to_have_text("mean of 60 folds")


def test_runs_side_by_side_follow_the_main_chart(page: Page) -> None:
    classifier: dict[str, Any] = {
        "measure": "cross_entropy",
        "metrics": ("train", "valid", "train accuracy", "valid accuracy"),
        "best_by": "valid accuracy",
    }
    claim = begin(make("a classifier"), lanes=3, **classifier)
    losses = np.linspace(2, 0.5, EPOCHS)[:, None] + np.zeros(3)
    values = np.stack([losses, losses + 0.1, 1 - losses / 4, 1 - losses / 3], 1, dtype=np.float32)

    def say(first: int, last: int) -> None:
        with sessions.writers().begin() as session:
            part = Epoch("folds", first, values[first - 1 : last])
            Leases(session).append(claim.token, [part])

    say(1, 3)
    page.goto(f"/jobs/{claim.job_id}")
    legend, scale = page.locator("#fan-legend"), "document.getElementById('fan').layout.yaxis.type"
    expect(page.locator("#so-far")).to_contain_text("valid accuracy 0.5333")
    expect(legend).to_have_text("valid accuracy of each of 3 runs")
    expect(page.locator("#runs")).to_contain_text("numbers are cross-entropy")
    assert page.evaluate(scale) == "linear"
    page.get_by_role("button", name="cross-entropy").click()
    expect(legend).to_have_text("valid cross-entropy of each of 3 runs")
    page.wait_for_function(f"() => {scale} === 'log'")
    say(4, 6)
    end(claim)
    expect(page.locator("#top .status")).to_have_text("succeeded")
    ends = "document.getElementById('fan').data.map((trace) => trace.y.at(-1))"
    page.wait_for_function(f"() => {ends}.every((y) => Math.abs(y - 0.6) < 1e-6)")
    expect(legend).to_have_text("valid cross-entropy of each of 3 runs")


def test_the_list_of_jobs_follows_what_happens(page: Page) -> None:
    job_id = make("watched in the list")
    page.goto("/jobs")
    row = page.locator("tr", has=page.locator(f"a[href='/jobs/{job_id}']"))
    expect(row).to_contain_text("queued")
    claim = begin(job_id)
    say(claim, 1, 3)
    expect(row).to_contain_text("running")
    say(claim, 4, 6)
    end(claim)
    expect(row).to_contain_text("succeeded")


# ---- what a person does -----------------------------------------------------------------------


def test_search_narrows_the_list_and_the_address_holds_it(page: Page) -> None:
    page.goto("/jobs")
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("polynomial num_epochs=30")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"q=polynomial\+num_epochs"))
    page.reload()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="#2", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("polynomial")
    page.go_back()
    expect(page.locator("#search")).to_have_value("polynomial num_epochs=30")


def test_keys_go_everywhere(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    theme = page.evaluate("document.documentElement.dataset.theme")
    page.keyboard.press("g")
    page.keyboard.press("j")
    page.wait_for_url(re.compile("/jobs$"))
    assert page.evaluate("document.documentElement.dataset.theme") == theme == "dark"
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/jobs/\d+$"))
    page.keyboard.press("n")
    expect(page).to_have_url(re.compile("/jobs/new$"))


def test_an_error_stands_beside_its_field_while_it_is_typed(page: Page) -> None:
    page.goto("/jobs/new?experiment=polynomial")
    field = page.locator("[data-field='lr']")
    page.fill("#f-lr", "-1")
    expect(field.get_by_role("alert")).to_have_text("Must be above 0.")
    expect(page.locator("#f-lr")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#problems")).to_contain_text("1 field needs attention")
    page.fill("#f-lr", "0.5")
    expect(field.get_by_role("alert")).to_be_hidden()
    expect(field).to_have_class(re.compile("changed"))
    expect(page.locator("#json")).to_contain_text('"lr": 0.5')
    page.keyboard.press("Control+Enter")
    expect(page).to_have_url(re.compile(r"/jobs/\d+$"))


def test_a_range_makes_the_form_a_sweep_while_it_is_typed(page: Page) -> None:
    page.goto("/jobs/new?experiment=kaggle_house")
    page.get_by_label("Learning rate").fill("0.001..0.1 log 3")
    expect(page.locator("#start")).to_contain_text("Sweep 4 trials")
    expect(page.locator("#label")).to_have_text("a sweep of 4 trials × 5 folds over lr")
    page.locator("#sweep label", has_text="random").click()
    trials = page.get_by_label("Trials")
    trials.fill("640")
    expect(page.locator("#start")).to_contain_text("Sweep 641 trials")
    expect(trials).to_be_focused()
    page.get_by_label("Learning rate").fill("0.01")
    expect(page.locator("#start")).to_contain_text("Train")
    expect(page.locator("#sweep fieldset")).to_have_count(0)


def test_an_instant_experiment_is_drawn_while_its_form_is_filled(page: Page) -> None:
    page.goto("/jobs/new?experiment=activations")
    lowest = "() => Math.min(...document.querySelector('.js-plotly-plot').data.flatMap((t) => t.y))"
    page.wait_for_function(
        f"() => document.querySelector('.js-plotly-plot') && ({lowest})() === -2"
    )
    page.fill("#f-alpha", "1")
    page.wait_for_function(
        f"() => document.querySelector('.js-plotly-plot') && ({lowest})() === -8"
    )


def test_a_job_is_deleted_only_after_a_question(page: Page) -> None:
    with sessions.writers().begin() as session:
        job_id = make("to be deleted")
        lifecycle.cancel(session, session.get_one(Job, job_id))
    page.goto(f"/jobs/{job_id}")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Keep it").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name=f"Delete job {job_id}").click()
    expect(page).to_have_url(re.compile(rf"/jobs\?deleted={job_id}&freed=\d+$"))
    expect(page.locator("#content")).to_contain_text(f"Job {job_id} is deleted")
    expect(page.locator(f"a[href='/jobs/{job_id}']")).to_have_count(0)


def test_numbers_of_a_chart_are_a_table_and_tabs_turn_by_arrows(page: Page) -> None:
    page.goto("/jobs/1")
    wait_for_points(page, 5)
    page.locator("details[data-of='main'] summary").click()
    expect(page.locator("details[data-of='main'] tbody tr")).to_have_count(5)
    page.get_by_role("tab", name="Command line").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("log")).to_contain_text("succeeded")


def test_a_price_follows_the_form_and_says_its_doubts(page: Page) -> None:
    page.goto("/predict")
    price = page.locator("#price")
    expect(price).to_contain_text("$")
    before = price.text_content() or ""
    page.fill("#p-OverallQual", "9")
    expect(price).not_to_have_text(before)
    expect(page.locator("#delta")).to_contain_text("by one change")
    expect(page.locator("#such")).to_have_text("in 9 of 10 such houses")
    page.fill("#p-GrLivArea", "9000")
    expect(page.locator("#unlike")).to_contain_text("GrLivArea")
    expect(page.locator("#such")).to_contain_text("this one is unlike them")
    page.fill("#p-GrLivArea", "99999999999999999999")
    expect(page.locator("#refused")).to_contain_text(
        "GrLivArea is 99999999999999999999; it must be a whole number from 0 to 9007199254740992."
    )
    page.fill("#p-GrLivArea", "-5")
    expect(page.locator("[data-field='GrLivArea']").get_by_role("alert")).to_contain_text(
        "at least"
    )
    page.get_by_role("button", name="Start over").click()
    expect(price).to_have_text(before)


def test_what_to_ask_first_follows_the_form(page: Page) -> None:
    page.goto("/predict")
    asks = page.locator("#asks")
    expect(asks).to_contain_text(" first: it would narrow the range from ±")
    before = asks.text_content() or ""
    expect(page.locator("#p-KitchenQual")).to_have_value("TA")  # the typical house says it
    page.fill("#p-GrLivArea", "")
    expect(asks).not_to_have_text(before)
    expect(asks).to_contain_text("with everything ±")
    page.fill("#p-OverallQual", "11")
    expect(asks).to_be_empty()
    page.get_by_role("button", name="Start over").click()
    expect(asks).to_have_text(before)


def test_a_price_has_reasons_a_what_if_and_an_address(page: Page) -> None:
    page.goto("/predict?OverallQual=9&LotArea=20000")
    expect(page.locator("#delta")).to_contain_text("by 2 changes")
    rows = page.locator("#reasons-rows li")
    expect(page.locator("#reasons-rows")).to_contain_text("overall quality 9")
    expect(page.locator("#reasons-says")).to_contain_text("quality adds $")
    ends = page.locator("#reasons-rows b.num")
    expect(ends.last).to_have_text(page.locator("#price").text_content() or "")
    expect(page.locator("#what-says")).to_contain_text("100 ft² more living area")
    page.select_option("#turn", "LotArea")
    expect(page.locator("#what-says")).to_contain_text("more lot")
    page.fill("#p-OverallQual", "5")
    expect(page).to_have_url(re.compile(r"\?LotArea=20000&OverallQual=5$"))
    page.get_by_role("button", name="Start over").click()
    expect(page).to_have_url(re.compile(r"/predict$"))
    expect(rows.last).to_contain_text("This house")


def test_what_is_not_known_is_said_and_of_nothing_there_is_no_price(page: Page) -> None:
    page.goto("/predict")
    known, price = page.locator("#known"), page.locator("#price")
    expect(known).to_have_text("16 of 79 fields known")
    expect(page.locator("#imputed")).to_contain_text("63 fields are not known")
    expect(page.locator("#ridge .dot")).to_have_count(50)
    page.locator("summary", has_text="63 more attributes").click()
    page.select_option("#p-Alley", "NA")
    expect(known).to_have_text("17 of 79 fields known")
    expect(page.locator("#imputed")).to_contain_text("62 fields are not known")
    expect(page.locator("#rest")).to_have_text("1")
    page.get_by_role("link", name="nothing known").click()
    expect(known).to_have_text("0 of 79 fields known")
    expect(page.locator("#refused")).to_contain_text("Nothing is known, so there is no answer.")
    expect(price).to_have_text("–")
    page.fill("#p-OverallQual", "7")
    expect(price).to_contain_text("$")
    expect(known).to_have_text("1 of 79 fields known")


def choose(page: Page, file: Path) -> None:
    """As a person does, who may have changed the file that was chosen before."""
    with page.expect_file_chooser() as chooser:
        page.get_by_text("Price a file").click()
    chooser.value.set_files(file)


def test_a_file_of_houses_is_priced_and_its_faults_are_named(page: Page, tmp_path: Path) -> None:
    page.goto("/predict")
    file = tmp_path / "houses.csv"
    file.write_text("Id,GrLivArea,Neighborhood\n1,1500,NAmes\n2,2500,NoRidge\n")
    choose(page, file)
    expect(page.locator("#file-body")).to_contain_text("2 houses answered by version 1.")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download answers").click()
    lines = download.value.path().read_text().splitlines()
    assert len(lines) == 3
    file.write_text("Id;GrLivAre;Address\n1;1500;12 High St, Ames\n")
    choose(page, file)
    expect(page.locator("#file-body")).to_contain_text("Line 2: Nothing is known")
    page.get_by_label("GrLivAre is").select_option("GrLivArea")
    page.get_by_role("button", name="Match and answer again").click()
    expect(page.locator("#file-body")).to_contain_text("'GrLivAre' as GrLivArea")
    file.write_text("Id,GrLivArea\n1,big\n")
    choose(page, file)
    expect(page.locator("#file-body")).to_contain_text("Line 2: GrLivArea is 'big'")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_long_file_is_sent_as_a_job(
    chromium: Browser, address: str, tmp_path: Path, scripts: bool
) -> None:
    file = tmp_path / "many.csv"
    file.write_text("LotArea\n" + "9000\n" * 810_000)
    with chromium.new_context(base_url=address, java_script_enabled=scripts) as context:
        page = context.new_page()
        page.goto("/predict")
        page.set_input_files("#csv", file)
        if not scripts:
            page.get_by_role("button", name="Send it").click()
        page.wait_for_url("**/jobs/*")
        expect(page.get_by_role("heading", level=1)).to_contain_text("many.csv by version 1")
        expect(page.locator("#words")).to_contain_text("answers many.csv once all its rows")


def test_an_example_of_a_file_is_priced_as_the_house_of_the_form(page: Page) -> None:
    page.goto("/predict")
    expect(page.locator("#price")).to_contain_text("$")
    with page.expect_download() as download:
        page.get_by_role("button", name="Example CSV").click()
    path = download.value.path()
    header, house = path.read_text().splitlines()
    assert len(header.split(",")) == 17
    page.set_input_files("#csv", {"name": "a.csv", "mimeType": "text/csv",
                                  "buffer": f"{header}\n{house}\n".encode()})  # fmt: skip
    cells = page.locator("#file-body tbody td")
    expect(cells.nth(1)).to_have_text(page.locator("#price").text_content() or "")
    expect(cells.nth(4)).to_have_text("63")
    with page.expect_download() as download:
        page.get_by_role("button", name="Empty CSV").click()
    assert download.value.path().read_text().splitlines() == [header]


def test_a_submission_is_checked_and_downloaded(page: Page) -> None:
    page.goto("/jobs/1/submission")
    expect(page.locator("#held")).to_contain_text("hold")
    expect(page.locator("#said")).to_contain_text("Ready to upload.")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert len(download.value.path().read_text().splitlines()) == 1460


def test_the_dashboard_works_without_scripts(chromium: Browser, address: str) -> None:
    with chromium.new_context(base_url=address, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto("/jobs/new?experiment=polynomial")
        page.fill("#f-lr", "-1")
        page.get_by_role("button", name="Train").click()
        expect(page.locator("[data-field='lr']").get_by_role("alert")).to_have_text(
            "Must be above 0."
        )
        page.fill("#f-lr", "0.02")
        page.get_by_role("button", name="Train").click()
        expect(page).to_have_url(re.compile(r"/jobs/\d+$"))
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("status").first).to_contain_text("cancelled")
