"""The dashboard's pages as a browser without scripts would see them."""

import gzip
import json
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app import lifecycle
from app.catalogue import forms, reproduce
from app.cli import flags
from app.dashboard import assets
from app.dashboard.rendering import ago, embed, since
from app.store import sessions
from app.store.jobs import RunStore
from app.store.leases import Leases, Outcome
from app.store.models import Job
from app.store.states import JobStatus, Reason
from app.typography import brief, cell, cells, metric, plural, seconds, short
from ml.events import Check, Epoch, Event, Figure, Finding, Note, Series, Started, Table
from ml.experiments import EXPERIMENTS, parse
from tests.app.made_jobs import claim, curves, group, parts, write

PAGES = [
    "/api",
    "/", "/jobs", "/jobs/1", "/jobs/2", "/jobs/3", "/jobs/new", "/jobs/new?experiment=polynomial",
    "/jobs/new?experiment=activations", "/jobs/new?experiment=kaggle_house&lr=1,2",
    "/jobs/1/submission", "/jobs/2/submission", "/predict",
    "/models", "/models/1", "/models/champion/promote", "/models/nobody", "/monitor",
    "/submission", "/tables", "/compare?jobs=1,2", "/compare?jobs=1,3", "/compare?jobs=2",
    "/jobs/nothing", "/nowhere", "/learn", "/learn/4.1", "/learn/4.9",
]  # fmt: skip
ANSWERED: dict[str, int] = {}  # with which status, by address


@pytest.fixture
def empty(application: FastAPI, database: str) -> Iterator[TestClient]:
    """The application on a run store without jobs."""
    with TestClient(application, headers={"Accept": "text/html"}) as client:
        yield client


class Page(HTMLParser):
    """What a test looks at in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += f" {data.strip()}" if data.strip() else ""

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Attributes of the elements of that name."""
        return [attributes for name, attributes in self.elements if name == tag]


def get(client: TestClient, path: str, status: int = 200) -> Page:
    response = client.get(path, headers={"Accept": "text/html"})
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("text/html")
    return Page(response.text)


def status(client: TestClient, href: str) -> int:
    """What a link on a page of `client` is answered with: asked once, since many pages have it."""
    path = href.partition("#")[0]
    if path not in ANSWERED:
        ANSWERED[path] = client.get(path).status_code
    return ANSWERED[path]


def make(session: Session, label: str = "made", **given: Any) -> Job:
    """A queued job."""
    job = lifecycle.submit(session, parse({"name": "kaggle_house", **given}))
    job.label = label
    session.commit()
    return job


def tell(
    session: Session,
    job: Job,
    *,
    lanes: int = 5,
    epochs: int = 3,
    valid: float = 0.14,
    outcome: Outcome | None = None,
) -> None:
    """Let a worker claim the job and say something."""
    claim = Leases(session).claim("worker", job_id=job.id)
    assert claim is not None
    labels = tuple(f"fold {lane + 1}" for lane in range(lanes))
    values = np.full((epochs, 2, lanes), [[[valid - 0.04], [valid]]], dtype=np.float32)
    values = np.broadcast_to(values[:, :, :1], (epochs, 2, lanes)).astype(np.float32)
    said: list[Event] = [
        Note("Data read."),
        Started("folds", labels, epochs, "log_rmse", "cpu", 331),
        Epoch("folds", 1, values),
    ]
    Leases(session).append(claim.token, said)
    if outcome:
        results: list[Event] = [
            Finding("overfitting", "Valid stays above train.", "a gap of more than a tenth"),
            Table("book", "Beside the book", ("fold", "got", "verdict"), (("1", 0.14, "holds"),)),
            Check("4.10", "mean valid", 0.170157, valid, 0.003, True, "figure"),
            Figure("prices", "Prices", "They rise.", (Series("a", np.arange(3.0), np.ones(3)),)),
        ]
        Leases(session).append(claim.token, results)
        Leases(session).close(claim.token, outcome)
    session.commit()


# ---- every page -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_small_has_one_heading_and_keeps_to_the_policy(
    client: TestClient, path: str
) -> None:
    response = client.get(path, headers={"Accept": "text/html"})
    page = Page(response.text)
    assert len(response.content) < 60_000
    assert len(page.all("h1")) == 1
    assert len(page.all("main")) == 1
    assert page.all("html") == [{"lang": "en"}]
    assert not [attributes for _, attributes in page.elements if "style" in attributes]
    assert not [name for _, attributes in page.elements for name in attributes if name[:2] == "on"]
    for script in page.all("script"):
        assert script.get("src") or script.get("type") == "application/json"


@pytest.mark.parametrize("path", PAGES)
def test_ids_are_unique_and_every_label_and_link_has_its_target(
    client: TestClient, path: str
) -> None:
    page = get(client, path, 404 if re.search("/no|nothing", path) else 200)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for name in ("for", "aria-labelledby", "aria-describedby", "aria-controls"):
        wanted = {attributes[name] for _, attributes in page.elements if attributes.get(name)}
        assert wanted <= set(ids)
    for link in page.all("a"):
        href = str(link["href"])
        if href.startswith("/") and "events" not in href:
            assert status(client, href) == 200, href


@pytest.mark.parametrize("path", ["/", "/jobs", "/jobs/new", "/predict"])
def test_an_empty_store_says_what_to_do_next(empty: TestClient, path: str) -> None:
    page = get(empty, path)
    assert "/jobs/new" in " ".join(str(link["href"]) for link in page.all("a"))
    assert "None" not in page.words


def test_what_is_not_there_is_said_in_the_same_look(empty: TestClient) -> None:
    for path in (
        "/nowhere",
        "/jobs/99",
        "/jobs/x",
        "/jobs/99999999999999999999",
        "/jobs/7/submission",
    ):
        page = get(empty, path, 404)
        assert page.all("nav")
        assert "404" in page.words


def test_a_job_without_a_submission_loads_no_script_for_one(client: TestClient) -> None:
    for number, ready in ((1, True), (2, False)):
        scripts = [
            str(script.get("src"))
            for script in get(client, f"/jobs/{number}/submission").all("script")
        ]
        assert any("submission.js" in source for source in scripts) is ready


# ---- assets -----------------------------------------------------------------------------------


def test_assets_are_compressed_hashed_and_kept_for_ever(client: TestClient) -> None:
    page = get(client, "/jobs/1")
    sources = [str(item["src"]) for item in page.all("script") if item.get("src")]
    sources += [str(item["href"]) for item in page.all("link")]
    assert any("plotly" in source for source in sources)
    for source in sources:
        response = client.get(source, headers={"Accept-Encoding": "gzip"})
        assert response.status_code == 200
        assert response.headers["content-encoding"] == "gzip"
        assert response.headers["cache-control"] == assets.FOR_EVER
        plain = client.get(source, headers={"Accept-Encoding": "identity"})
        assert plain.content == response.content


def test_the_api_has_a_page_that_works_with_no_network(client: TestClient) -> None:
    page = get(client, "/api")
    sources = [
        str(tag.get("src") or tag.get("href")) for tag in page.all("script") + page.all("link")
    ]
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "api.js"):
        (source,) = [source for source in sources if source.endswith(name)]
        assert client.get(source).status_code == 200
    assert all(source.startswith("/") for source in sources)
    assert "/api" in [link["href"] for link in page.all("a")]


def test_each_operation_is_summed_up_by_its_first_sentence(client: TestClient) -> None:
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    assert paths["/api/v1/jobs/{job_id}"]["get"]["summary"] == "Where a job is"
    assert all(op["summary"] != "" for path in paths.values() for op in path.values())


def test_an_asset_of_an_earlier_version_is_not_kept(client: TestClient) -> None:
    assert client.get("/static/0000/app.js").headers["cache-control"] == "no-cache"
    assert client.get("/static/0000/secret.py").status_code == 404
    assert client.get("/static/0000/../main.py").status_code == 404
    assert client.get("/favicon.ico").status_code == 200


def test_our_own_scripts_stay_small() -> None:
    own = [
        asset.plain
        for name, asset in assets.files().items()
        if name.endswith(".js") and not name.startswith("vendor/")
    ]
    assert sum(map(len, own)) < 90_000
    assert gzip.decompress(assets.find("app.js").packed) in own  # type: ignore[union-attr]


def test_no_line_of_the_front_end_is_over_120_characters() -> None:
    folder = Path(assets.__file__).parent
    kinds = {".html", ".css", ".js", ".svg"}
    ours = [path for path in folder.rglob("*.*") if path.suffix in kinds]
    ours = [path for path in ours if "vendor" not in path.parts]
    assert {path.suffix for path in ours} == kinds
    for path in ours:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            assert len(line) <= 120, f"{path.name}:{number}"


def test_every_module_that_is_imported_is_there() -> None:
    for name, asset in assets.files().items():
        if name.endswith(".js") and not name.startswith("vendor/"):
            for wanted in re.findall(rb'(?:from|import\() ?"\./([\w.]+)"', asset.plain):
                assert wanted.decode() in assets.files(), (name, wanted)


# ---- home and jobs ----------------------------------------------------------------------------


def test_home_shows_the_champion_what_runs_and_what_waits(
    client: TestClient, store: object
) -> None:
    with sessions.writers()() as session:
        tell(session, make(session, "the one that runs"))
        make(session, "the one that waits")
    words = get(client, "/").words
    assert "the one that runs" in words
    assert "the one that waits" in words
    assert "Champion" in words
    assert "1 running" in words


def done(page: Page) -> dict[str, bool]:
    """Which of the first steps are ticked."""
    words = page.words.partition("Start here")[2]
    titles = ["Train the book's", "Beat it", "Fit a polynomial", "Look at activation", "Price"]
    places = [words.index(title) for title in titles]
    parts = [words[i:j] for i, j in zip(places, [*places[1:], None], strict=True)]
    return {t: " done" in part.split("Ridgeline")[0] for t, part in zip(titles, parts, strict=True)}


def test_a_first_step_is_ticked_by_what_it_asks_for_only(
    empty: TestClient, session: Session
) -> None:
    book = next(p.values for p in EXPERIMENTS["kaggle_house"].presets if p.name == "book")
    succeeded = Outcome(JobStatus.succeeded)
    assert not any(done(get(empty, "/")).values())
    tell(session, make(session), valid=0.1702, outcome=succeeded)
    assert not any(done(get(empty, "/")).values())
    tell(session, make(session, **book), valid=0.1698, outcome=succeeded)
    assert [title for title, ticked in done(get(empty, "/")).items() if ticked] == [
        "Train the book's"
    ]
    tell(session, make(session), valid=0.1701, outcome=succeeded)
    assert done(get(empty, "/"))["Beat it"]


def test_kept_experiments_are_ticked_and_a_priced_house_never(client: TestClient) -> None:
    ticks = done(get(client, "/"))
    assert ticks["Fit a polynomial"]
    assert ticks["Look at activation"]
    assert not ticks["Price"]


def test_jobs_are_paged_without_gap_or_repeat_in_every_order(
    empty: TestClient, session: Session
) -> None:
    for number in range(120):
        session.add(
            Job(
                experiment={"name": "kaggle_house"}, name="kaggle_house", label=f"job {number}",
                valid=None if number % 3 else 0.1 + (number % 7) / 100, status=JobStatus.succeeded,
                measure="log_rmse",
            )
        )  # fmt: skip
    session.commit()
    for query in (
        "",
        "?measure=log_rmse&sort=valid",
        "?measure=log_rmse&sort=valid&dir=desc",
        "?sort=name",
        "?sort=created_at&dir=asc",
    ):
        seen, path = [], f"/jobs{query}"
        while path:
            page = get(empty, path)
            rows = [link for link in page.all("a") if link.get("class") == "name"]
            seen += [str(link["href"]).rpartition("/")[2] for link in rows]
            following = [link["href"] for link in page.all("a") if link.get("rel") == "next"]
            path = str(following[0]) if following else ""
        assert len(seen) == len(set(seen)) == 120, query


def test_jobs_without_a_value_come_last(empty: TestClient, session: Session) -> None:
    tell(session, make(session), valid=0.15, outcome=Outcome(JobStatus.succeeded))
    tell(session, make(session), valid=float("nan"), outcome=Outcome(JobStatus.succeeded))
    tell(session, make(session), valid=0.13, outcome=Outcome(JobStatus.succeeded))
    page = get(empty, "/jobs?measure=log_rmse&sort=valid")
    words = page.words.partition("↑")[2]
    assert "Lowest of 3 by log RMSE: #3 with 0.1300, picked by looking." in page.words
    assert re.findall(r"#(\d+)", words) == ["3", "1", "2"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=first", {"1"}), ("q=%232", {"2"}), ("q=lr%3D0.5", {"2"}), ("q=100%25", set()),
        ("status=queued", {"1", "2"}), ("status=failed", set()),
        ("status=bogus&sort=bogus&dir=up&after=bogus", {"1", "2"}), ("after=~x", {"1", "2"}),
    ],
)  # fmt: skip
def test_jobs_are_found_as_the_address_says(
    empty: TestClient, session: Session, query: str, found: set[str]
) -> None:
    make(session, "first")
    make(session, "second", lr=0.5)
    page = get(empty, f"/jobs?{query}")
    assert set(re.findall(r"#(\d+)", page.words)) == found
    if not found:
        assert "No job fits" in page.words


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("sort=bogus", "There is no column to sort by 'bogus'. There are: id, valid,"),
        ("measure=furlongs", "There is no measure 'furlongs'. There are: log_rmse."),
        ("status=lost", "There is no state 'lost'. There are: queued, running,"),
        ("dir=up", "There is no direction 'up'. There are: asc, desc."),
        ("sort=valid", "A value is ranked among those of its own measure only"),
    ],
)
def test_an_address_that_makes_no_sense_is_answered_by_a_sentence(
    empty: TestClient, session: Session, query: str, sentence: str
) -> None:
    tell(session, make(session))
    page = get(empty, f"/jobs?{query}")
    assert sentence in page.words
    assert "#1" in page.words


def test_values_are_sorted_within_one_measure_only(empty: TestClient, session: Session) -> None:
    pair = group("decay", ["λ 0", "λ 3"], asked="λ 3", judged_on="test")
    sweep = group("lr", ["lr 1", "lr 2"], asked=None, measure="cross_entropy")
    succeeded = Outcome(JobStatus.succeeded)
    for started, ends in ((pair, [84.0, 0.1]), (sweep, [0.7, 0.5]), (pair, [90.0, 0.05])):
        write(session, [started, Epoch(started.key, 1, curves(started, ends))], outcome=succeeded)
    every = get(empty, "/jobs")
    assert "3 jobs in 2 measures. A value is ranked only among its own." in every.words
    assert "0.1000 halved squared loss, λ 3, test" in every.words
    assert "0.5000 cross-entropy, lr 2, best of 2" in every.words
    sorts = [str(link["href"]) for link in every.all("a") if "sort=valid" in str(link["href"])]
    assert all("measure=" in href for href in sorts)
    squared = get(empty, "/jobs?measure=squared_loss&sort=valid")
    assert "Lowest of 2 by halved squared loss: #3 with 0.05000" in squared.words
    rows = [link["href"] for link in squared.all("a") if link.get("class") == "name"]
    assert rows == ["/jobs/3", "/jobs/1"]


def test_a_label_is_text(empty: TestClient, session: Session) -> None:
    make(session, "<script>alert(1)</script>" + "x" * 150)
    for path in ("/", "/jobs", "/jobs/1", "/jobs?q=%3Cscript%3E"):
        text = empty.get(path).text
        assert "<script>alert" not in text
        assert "<script>alert" in unescape(text)


# ---- a job ------------------------------------------------------------------------------------


def test_a_finished_job_shows_all_it_yielded(client: TestClient) -> None:
    page = get(client, "/jobs/1")
    for text in ("Beside the book", "Checks", "fold 1", "fold 5", "ridgeline train kaggle_house"):
        assert text in page.words
    assert "--num-epochs 5" in page.words
    assert "by this rule" in page.words
    figures = [div["data-figure"] for div in page.all("div") if div.get("data-figure")]
    for source in [*figures, "/jobs/1/curves.json"]:
        assert client.get(str(source)).status_code == 200


def test_a_page_says_the_same_of_a_setting_as_the_list(empty: TestClient, session: Session) -> None:
    pair = group("decay", ["λ 0"] * 2 + ["λ 3"] * 2, asked="λ 3", judged_on="test")
    finding = Finding("helps", "Helps: λ 0 ends at 85 and λ 3 at 0.2.", "the interval", "λ 3")
    figure = Check("4.5", "mean ‖w‖, λ 3", 0.382491, 0.3599, 0.04, True, "figure")
    ours = Check("4.5", "least change", "above 0", 0.001, None, True)
    said: list[Event] = [
        pair,
        Epoch("decay", 1, curves(pair, [80, 90, 0.1, 0.3])),
        finding,
        figure,
        ours,
    ]
    write(session, said, outcome=Outcome(JobStatus.succeeded))
    assert "0.2000 halved squared loss, λ 3, test" in get(empty, "/jobs").words
    page = get(empty, "/jobs/1").words
    assert "Helps: λ 0 ends at 85 and λ 3 at 0.2." in page
    assert "helps, λ 3" in page
    assert "λ 0 test 85.00 mean of 2 seeds λ 3 test 0.2000 mean of 2 seeds" in page
    assert "2 of 2 hold" in page
    book, _, own = page.partition("The book's figure")[2].partition("Our claim")
    assert "mean ‖w‖, λ 3: 0.360 , the book prints 0.382 ± 0.04" in book
    assert "least change: 0.0010 , above 0 expected" in own


@pytest.mark.parametrize("loss", [float("nan"), 5.0])
def test_a_job_that_diverged_is_never_green(
    empty: TestClient, session: Session, loss: float
) -> None:
    lanes = group("sgd", [""])
    holds = Check("4.4", "features", 0.0, 1e-9, 1e-6, True, "figure")
    verdict = Finding("diverged", "The run diverged: see the loss.", "twice its first")
    said: list[Event] = [lanes, holds, Epoch("sgd", 1, curves(lanes, [loss]))]
    if np.isfinite(loss):
        write(session, [*said, verdict], outcome=Outcome(JobStatus.succeeded))
    else:
        lost = Outcome(JobStatus.failed, Reason.diverged, "Training diverged at epoch 4.")
        write(session, said, outcome=lost)
    page = get(empty, "/jobs/1")
    assert "1 of 1 hold" in page.words
    badges = [el["data-v"] for el in page.all("span") if el.get("class") == "verdict"]
    assert "holds" not in badges
    rules = "by this rule: twice its first", "from there on the training loss is no finite number"
    assert [rule in page.words for rule in rules] == [np.isfinite(loss), not np.isfinite(loss)]
    assert "left the finite numbers" not in page.words


def test_checks_are_folded_while_they_hold_and_open_when_one_fails(
    empty: TestClient, session: Session
) -> None:
    for passed in (True, False):
        check = Check("4.4", "features", 0.0, 1.0, 0.5, passed, "words")
        write(session, [check], outcome=Outcome(JobStatus.succeeded))
    for number, opened in ((1, False), (2, True)):
        (details,) = [
            item for item in get(empty, f"/jobs/{number}").all("details")
            if item.get("class") == "checks"
        ]  # fmt: skip
        assert ("open" in details) is opened


def test_a_running_job_says_how_far_it_is(empty: TestClient, session: Session) -> None:
    job = make(session)
    tell(session, job, epochs=2)
    page = get(empty, "/jobs/1")
    assert "2 of 2 epochs" in page.words
    assert "Cancel" in page.words
    (root,) = [div for div in page.all("div") if div.get("id") == "job"]
    assert (root["data-seq"], root["data-live"]) == ("3", "yes")
    said = empty.get("/jobs/1/curves.json").json()
    assert said["seq"] == 3
    assert said["views"][0]["lines"][0]["x"] == [1, 2]
    news = empty.get("/jobs/1/curves.json?after=1").json()
    assert news["views"][0]["lines"][0]["x"] == [2]
    assert empty.get("/jobs/1/curves.json?after=x").status_code == 422


def test_seconds_and_epochs_a_second_of_a_job_say_what_they_are_of(
    empty: TestClient, session: Session
) -> None:
    lanes = group("sgd", [""], 4)
    first, second = parts("sgd", curves(lanes, [0.5])[:3], 1)
    write(session, [lanes, first], [second])
    write(session, [lanes, first], [second], outcome=Outcome(JobStatus.cancelled))
    running, ended = (get(empty, f"/jobs/{number}").words for number in (1, 2))
    pace = r"[\d,.]+ epochs a second while it trains"
    assert re.search(rf"3 of 4 epochs [\d.]+ s left, {pace} 1 run on cpu", running)
    assert re.search(rf"cancelled 3 epochs {pace} [\d.]+ s with loading and results 1 run", ended)


def test_a_queued_job_knows_its_place(empty: TestClient, session: Session) -> None:
    for _ in range(3):
        make(session)
    assert "next in the queue" in get(empty, "/jobs/1").words
    assert "number 3 in the queue" in get(empty, "/jobs/3").words
    assert "No worker is running" in get(empty, "/jobs/3").words


def test_a_queued_job_says_what_no_live_worker_has(empty: TestClient, session: Session) -> None:
    make(session, device="cuda")
    Leases(session).beat("worker", slots=1, busy=0, device="cpu")
    session.commit()
    words = get(empty, "/jobs/1").words
    assert "No live worker has cuda: it waits until one comes." in words
    assert "No worker is running" not in words


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (
            Outcome(JobStatus.failed, Reason.diverged, "Lost at 3."),
            ("diverged", "A smaller learning rate"),
        ),
        (Outcome(JobStatus.failed, Reason.error, "No memory."), ("failed", "No memory.")),
        (Outcome(JobStatus.timed_out, Reason.timed_out, "Too long."), ("timed out", "Too long.")),
        (Outcome(JobStatus.cancelled), ("cancelled", "Run again")),
        (Outcome(JobStatus.succeeded), ("succeeded", "Delete")),
    ],
)
def test_how_a_job_ended_is_said_in_words(
    empty: TestClient, session: Session, outcome: Outcome, words: tuple[str, ...]
) -> None:
    tell(session, make(session), outcome=outcome)
    page = get(empty, "/jobs/1")
    assert all(word in page.words for word in words)
    assert words[0] in get(empty, "/jobs").words


def test_a_job_of_an_experiment_that_is_gone_is_still_shown(
    empty: TestClient, session: Session
) -> None:
    RunStore(session).enqueue(
        Job(experiment={"name": "gone", "depth": 3}, name="gone", label="old")
    )
    RunStore(session).enqueue(
        Job(experiment={"name": "kaggle_house", "lr": -1}, name="kaggle_house", label="bad")
    )
    session.commit()
    assert "no longer known" in get(empty, "/jobs/1").words
    assert "lr: Must be above 0" in get(empty, "/jobs/2").words
    assert "old" in get(empty, "/jobs").words
    get(empty, "/jobs/new?from=1", 404)
    assert "Must be above 0" in get(empty, "/jobs/new?from=2").words


def test_a_thousand_runs_are_paged_and_quick(empty: TestClient, session: Session) -> None:
    tell(session, make(session), lanes=1000, epochs=100, outcome=Outcome(JobStatus.succeeded))
    seen, path = [], "/jobs/1"
    while path:
        page = get(empty, path)
        seen += re.findall(r"fold (\d+)", page.words)
        following = [link["href"] for link in page.all("a") if link.get("rel") == "next"]
        path = str(following[0]) if following else ""
    assert seen == [str(number) for number in range(1, 1001)]


# ---- actions without a script -----------------------------------------------------------------


def test_cancel_run_again_and_delete_by_plain_forms(empty: TestClient, session: Session) -> None:
    make(session, lr=0.5)
    response = empty.post("/jobs/1/cancel", follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (303, "/jobs/1")
    assert "cancelled" in get(empty, "/jobs/1").words
    again = empty.post("/jobs/1/retry", follow_redirects=False)
    assert again.headers["location"] == "/jobs/2"
    assert "retry of #1" in get(empty, "/jobs/2").words
    assert empty.post("/jobs/2/delete", follow_redirects=False).status_code == 409
    page = empty.post("/jobs/1/delete", headers={"accept": "text/html"})
    assert (page.url.path, page.url.params["deleted"]) == ("/jobs", "1")
    assert "Job 1 is deleted" in page.text
    get(empty, "/jobs/1", 404)


def test_a_foreign_page_may_not_act(empty: TestClient, session: Session) -> None:
    make(session)
    for path in ("/jobs/1/cancel", "/jobs/new"):
        refused = empty.post(path, headers={"Origin": "http://evil.example"})
        assert refused.status_code == 403


# ---- the form ---------------------------------------------------------------------------------


def test_the_form_starts_from_the_address(empty: TestClient, session: Session) -> None:
    make(session, lr=0.25, dropout=0.125)
    fields = {
        item.get("name"): item.get("value")
        for item in get(empty, "/jobs/new?from=1&dropout=0.75").all("input")
        if item.get("type") != "radio"
    }
    assert (fields["lr"], fields["dropout"]) == ("0.25", "0.75")
    book = get(empty, "/jobs/new?experiment=kaggle_house&preset=book")
    assert [item["value"] for item in book.all("input") if item.get("name") == "lr"] == ["5"]
    current = [link for link in book.all("a") if link.get("aria-current") == "true"]
    assert [link["href"] for link in current] == ["/jobs/new?experiment=kaggle_house&preset=book"]


def test_a_posted_form_queues_the_job_and_shows_it(empty: TestClient, session: Session) -> None:
    page = get(empty, "/jobs/new?experiment=kaggle_house")
    posted = {
        str(item["name"]): str(item.get("value") or "")
        for item in page.all("input")
        if item.get("name") and (item.get("type") != "radio" or "checked" in item)
    }
    response = empty.post(
        "/jobs/new", data=posted | {"lr": "0.02", "num_hiddens": "8, 4"}, follow_redirects=False
    )
    assert (response.status_code, response.headers["location"]) == (303, "/jobs/1")
    job = session.get(Job, 1)
    assert job is not None
    assert (job.status, job.experiment["lr"]) == (JobStatus.queued, 0.02)
    assert parse(job.experiment) == parse(
        {"name": "kaggle_house", "lr": 0.02, "num_hiddens": [8, 4]}
    )


def test_a_wrong_form_comes_back_with_everything_that_was_typed(empty: TestClient) -> None:
    posted = {"experiment": "kaggle_house", "lr": "-1", "num_hiddens": "64, x", "dropout": "0.25"}
    response = empty.post("/jobs/new", data=posted, follow_redirects=False)
    assert response.status_code == 422
    page = Page(response.text)
    values = {item.get("name"): item.get("value") for item in page.all("input")}
    assert (values["lr"], values["num_hiddens"], values["dropout"]) == ("-1", "64, x", "0.25")
    assert "Must be above 0." in page.words
    assert "Item 2: Must be a whole number." in page.words
    assert "2 fields need attention" in page.words
    assert get(empty, "/jobs").words.count("#") == 0


def test_the_form_is_checked_while_it_is_typed(empty: TestClient) -> None:
    posted = {"experiment": "kaggle_house", "lr": "x", "dropout": "0.25"}
    said = empty.post("/jobs/new/check", data=posted).json()
    assert said["errors"] == {"lr": "Must be a number."}
    assert said["changed"] == ["dropout", "lr"]
    good = empty.post("/jobs/new/check", data=posted | {"lr": "0.02"}).json()
    assert good["errors"] == {}
    assert '"dropout": 0.25' in good["body"]


RANGES = {"experiment": "kaggle_house", "lr": "0.001..0.1 log 3", "num_hiddens": "64; 128-64"}


def test_a_field_of_several_values_makes_the_form_a_sweep(
    empty: TestClient, session: Session
) -> None:
    page = get(empty, f"/jobs/new?{urlencode(RANGES)}")
    assert "a sweep of 7 trials × 5 folds over num_hiddens and lr" in page.words
    assert "Sweep 7 trials" in page.words
    assert "Sweep" not in get(empty, "/jobs/new?experiment=kaggle_house&lr=0.1").words
    drawn = Page(empty.post("/jobs/new/sweep", data=RANGES | {"sweep_method": "random"}).text)
    assert {item.get("name") for item in drawn.all("input")} == {
        "sweep_method", "sweep_trials", "sweep_eta"
    }  # fmt: skip
    response = empty.post("/jobs/new", data=RANGES | {"sweep_eta": "2"}, follow_redirects=False)
    assert response.headers["location"] == "/jobs/1"
    job = session.get(Job, 1)
    assert job is not None
    assert (job.name, job.experiment["eta"]) == ("sweep", 2)
    assert job.experiment["over"]["num_hiddens"] == [[64], [128, 64]]
    again = {
        item.get("name"): item.get("value")
        for item in get(empty, "/jobs/new?from=1").all("input")
        if item.get("type") != "radio"
    }
    assert (again["lr"], again["num_hiddens"]) == ("0.001..0.1 log 3", "64; 128-64")
    assert again["sweep_eta"] == "2"


@pytest.mark.parametrize(("begins", "lr"), [({"from": "1"}, 0.25), ({"preset": "book"}, 5.0)])
def test_a_sweep_begins_with_the_values_of_what_its_form_came_from(
    empty: TestClient, session: Session, begins: dict[str, str], lr: float
) -> None:
    make(session, lr=0.25)
    form = begins | {"experiment": "kaggle_house", "lr": "0.5, 1"}
    assert empty.post("/jobs/new", data=form, follow_redirects=False).status_code == 303
    job = session.scalars(select(Job).order_by(Job.id.desc())).first()
    assert job is not None
    assert job.experiment["of"]["lr"] == lr


def test_a_sweeps_page_says_what_varied_and_leads_on_from_the_best_trial(
    empty: TestClient, session: Session
) -> None:
    sweep = parse(
        {"name": "sweep", "of": {"name": "kaggle_house"}, "over": {"lr": [0.01, 0.04]}, "eta": 2}
    )
    job = lifecycle.submit(session, sweep)
    session.commit()
    page = get(empty, f"/jobs/{job.id}")
    assert "ridgeline sweep kaggle_house" in page.words
    assert "default 0.005 0.01, 0.04" in page.words
    assert "Sweep around it" not in page.words  # nothing is best yet
    taken = claim(session, job.id)
    found = Finding("helps", "Best of 3 trials is lr 0.04.", "A rule.", "lr 0.04")
    Leases(session).append(taken.token, [found])
    session.commit()
    links = [link["href"] for link in get(empty, f"/jobs/{job.id}").all("a")]
    near = "/jobs/new?experiment=kaggle_house&lr=0.02..0.08+log&sweep_eta=2"
    assert "/jobs/new?experiment=kaggle_house&lr=0.04" in links
    assert near in links
    assert "Sweep 6 trials" in get(empty, near).words


def test_a_wrong_range_is_said_at_its_field_and_queues_nothing(empty: TestClient) -> None:
    said = empty.post("/jobs/new/check", data=RANGES | {"lr": "0.1..0.01"}).json()
    assert "is no range that rises" in said["errors"]["lr"]
    response = empty.post("/jobs/new", data=RANGES | {"lr": "0.1-1"}, follow_redirects=False)
    assert response.status_code == 422
    assert "A range is written 0.1..1." in Page(response.text).words
    get(empty, "/jobs/new?experiment=sweep", 404)


def test_an_instant_experiment_answers_beside_its_form(empty: TestClient) -> None:
    page = get(empty, "/jobs/new?experiment=activations")
    assert [item["id"] for item in page.all("script") if item.get("type") == "application/json"]
    assert "hold" in page.words
    posted = {"experiment": "activations", "alpha": "0.5"}
    assert "pReLU" in empty.post("/jobs/new/result", data=posted).text
    bad = empty.post("/jobs/new/result", data=posted | {"alpha": "7"}).text
    assert "Nothing to show yet" in bad


@pytest.mark.parametrize(
    "path", ["/jobs/new?experiment=nothing", "/jobs/new?from=77", "/jobs/new?from=x"]
)
def test_a_form_for_nothing_is_not_found(empty: TestClient, path: str) -> None:
    get(empty, path, 404)


# ---- predict ----------------------------------------------------------------------------------


def test_predict_starts_from_a_typical_house(client: TestClient) -> None:
    page = get(client, "/predict")
    fields = [*page.all("input"), *page.all("select")]
    assert len([item for item in fields if item.get("data-kind")]) == 79
    areas = [item["value"] for item in fields if item.get("name") == "GrLivArea"]
    assert areas == ["1464"]
    assert "more attributes" in page.words


# ---- words and commands -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (metric(0.13421), "0.1342"), (metric(-0.5, 3), "−0.500"),
        (metric(None), "–"), (metric(float("nan")), "–"), (metric(0.0), "0.0000"),
        (metric(0.00001234), "1.23×10⁻⁵"), (metric(49_216.2), "49,216"),
        (metric(1.5e9), "1.5×10⁹"), (brief(0.131319), "0.1313"), (brief(84.1367), "84.14"),
        (brief(2.217e-5), "2.22×10⁻⁵"), (brief(7543408.2), "7.54×10⁶"), (brief(None), "–"),
        (brief(12345.6), "12,346"), (seconds(3.21), "3.2 s"),
        (seconds(250), "4 min 10 s"), (seconds(7_500), "2 h 5 min"),
        (seconds(None), "–"), (cell(True), "yes"), (cell(1459), "1,459"),
        (cell(-2.0), "−2"), (cell("text"), "text"), (cell(None), "–"),
        (plural(1, "job"), "1 job"), (plural(1_000, "job"), "1,000 jobs"),
        (ago(None), "–"), (short(-0.005), "−0.005"),
        (ago(datetime.now(UTC) - timedelta(hours=5)), "5 h"),
        (since(datetime.now(UTC)), "just now"),
        (since(datetime.now(UTC) - timedelta(days=2)), "2 d ago"),
    ],
)  # fmt: skip
def test_numbers_and_times_are_written_as_the_interface_says(written: str, wanted: str) -> None:
    assert written == wanted


def test_a_column_of_a_table_has_the_same_decimals() -> None:
    rows: list[list[str | float | None]] = [
        ["1", 0.1573, 3],
        ["2", -0.00001, 4],
        ["mean", None, 1_459],
    ]
    assert cells(rows) == [
        ["1", "0.1573", "3"], ["2", "0.0000", "4"], ["mean", "–", "1,459"],
    ]  # fmt: skip


def test_json_in_a_page_cannot_end_its_script() -> None:
    assert "<" not in embed({"a": "</script>"})


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_reproduction_asks_for_the_same_experiment(name: str) -> None:
    for preset in ({}, *(preset.values for preset in EXPERIMENTS[name].presets)):
        experiment = parse({"name": name, **preset})
        said = reproduce.commands(forms.given(experiment), "http://127.0.0.1:8000/")
        words = shlex.split(said["Command line"].replace("\\\n", " "))
        assert words[:3] == ["ridgeline", "train", name]
        assert flags.read(name, None, words[3:]) == experiment
        body = json.loads(shlex.split(said["curl"].replace("\\\n", " "))[-1])
        assert parse(body["experiment"]) == experiment
        lines = said["Python"].partition("for event")[0]
        told: dict[str, Any] = {}
        exec(lines, told)
        assert told["experiment"] == experiment
