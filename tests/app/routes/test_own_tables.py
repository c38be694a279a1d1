"""Versions of anybody's table: told by the words, the unit and the errors of what they predict."""

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.cli.monitor import actuals
from app.settings import settings
from app.store import sessions
from app.store.tables import Tables
from ml.data import synthetic
from ml.data import tables as packing
from ml.experiments.table_ensemble import TableEnsemble
from ml.houses.subject import PRICES
from ml.predictor import Words
from ml.pricing import Miss, Score
from tests.app import versions
from tests.app.pages.test_pages import get
from tests.app.routes.test_api import problem
from tests.app.routes.test_retraining import work

QUICK: dict[str, Any] = {"num_epochs": 1, "num_seeds": 1, "k": 2}
FLATS, ASKED = 200, 45
INPUTS = ("area", "district", "year")
LOG, BETTER, PLAIN, CALMER, MADE_UP = 1, 2, 3, 4, 5
"""Versions: of logarithms, and better; of euros, and better; of made-up rows."""
HOUSES = re.compile(r"\$|hous|sold|dollar|\bprice", re.IGNORECASE)
ASK, ACTUALS, MONITOR = "/api/v1/predictions", "/api/v1/actuals", "/api/v1/monitor"
MODELS = "/api/v1/models"
WHY = {"who": "Ada", "force": True, "reason": "The landlords asked for it in writing."}


@pytest.fixture(scope="module")
def flats() -> list[dict[str, Any]]:
    """Rents, and rows that are asked about later; some years are not known."""
    return synthetic.flats(FLATS + ASKED, 3)


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, template: Path, flats: list[dict[str, Any]]
) -> Path:
    """A run store with these versions; the first answers."""
    with versions.store(tmp_path_factory.mktemp("own"), template) as file:
        with sessions.writers().begin() as session:
            table = Tables(session).add(flats[:FLATS], "flats of our town", target="rent")
            packing.keep(table.payload, settings().cache_dir)
            asked: dict[str, Any] = {
                "table": table.name, "target": "rent", "identifier": "flat", "inputs": INPUTS,
            }  # fmt: skip
        log = TableEnsemble(**QUICK, **asked, scale="log")
        plain = TableEnsemble(**QUICK, **asked, scale="plain", unit="€")
        for experiment in (log, plain):
            payload = versions.trained(experiment)
            versions.keep(experiment, payload)
            versions.keep(experiment, versions.better(payload))
        versions.keep(TableEnsemble(**QUICK), versions.trained(TableEnsemble(**QUICK)))
    return file


@pytest.fixture
def client(application: FastAPI, data_dir: Path, trained: Path) -> Iterator[TestClient]:
    """The web application on a copy of that store."""
    shutil.copy(trained, data_dir / "ridgeline.db")
    with TestClient(application, raise_server_exceptions=False) as client:
        yield client


def ask(client: TestClient, rows: list[dict[str, Any]], model: int) -> list[dict[str, Any]]:
    """What a version says of rows, in full."""
    asked = [{name: row[name] for name in INPUTS} for row in rows]
    sent = client.post(ASK, json={"rows": asked, "model": model})
    assert sent.status_code == 200, sent.text
    found: list[dict[str, Any]] = sent.json()["predictions"]
    return found


def tell(client: TestClient, said: list[dict[str, Any]], values: list[float]) -> Any:
    told = [{"id": one["id"], "paid": value} for one, value in zip(said, values, strict=True)]
    return client.post(ACTUALS, json={"actuals": told})


def words(client: TestClient, path: str) -> str:
    return " ".join(get(client, path).words.split())


def written(value: float) -> str:
    """A rent without its unit."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def markdown(client: TestClient, version: int) -> str:
    return client.get(f"{MODELS}/{version}/card.md").text


# ---- cards


@pytest.mark.parametrize(
    ("version", "measure", "log"), [(LOG, "log_rmse", True), (PLAIN, "rmse", False)]
)
def test_a_card_is_of_the_rents(
    client: TestClient, flats: list[dict[str, Any]], version: int, measure: str, log: bool
) -> None:
    rents = [row["rent"] for row in flats[:FLATS]]
    card = client.get(f"{MODELS}/{version}/card").json()
    assert card["target"] == pytest.approx([min(rents), max(rents)], rel=1e-5)
    assert (card["measure"], card["words"]["log"]) == (measure, log)
    assert (card["words"]["value"], card["words"]["rows"]) == ("rent", "rows")
    assert card["table"]["about"] == "flats of our town"
    assert (card["median_error"] is None) is not log
    text = markdown(client, version)
    assert f"- target: {written(min(rents))} to {written(max(rents))}" in text
    assert not HOUSES.search(text)


def test_fifths_and_errors_stand_in_the_unit_of_the_target(
    client: TestClient, flats: list[dict[str, Any]]
) -> None:
    first = np.quantile([row["rent"] for row in flats[:FLATS]], 0.2)
    said = words(client, f"/models/{PLAIN}")
    assert f"below €{written(first)}" in said
    assert f"below {written(first)}" in words(client, f"/models/{LOG}")
    assert re.search(r"a row that it has not met, it is within €[\d.]+ of the rent half of", said)
    assert re.search(r"row \d+ actual €[\d,.]+ answered €", said)
    assert "Point: RMSE" in said
    assert "log RMSE" not in said
    assert "width, €" in said
    assert "ridgeline predict rows.csv" in said
    asked = json.loads(shlex.split(said.partition(" -d ")[2])[0])
    assert [*asked["rows"][0]] == [*INPUTS]
    assert client.post(ASK, json=asked).json()["version"] == PLAIN


# ---- every page


@pytest.mark.parametrize("version", [LOG, BETTER, PLAIN, CALMER])
@pytest.mark.parametrize("path", ["", "/promote"])
def test_pages_of_a_version_speak_of_its_own_rows(
    client: TestClient, version: int, path: str
) -> None:
    if version in (PLAIN, CALMER):
        client.post(f"{MODELS}/{PLAIN}/promote", json=WHY)
    said = words(client, f"/models/{version}{path}")
    assert "rent" in said
    assert not HOUSES.search(said)


def test_moves_are_in_per_cent_only_where_errors_are_of_logarithms(client: TestClient) -> None:
    said = words(client, f"/models/{BETTER}/promote")
    assert re.search(r"For half of the rows the rent moves by less than [\d.]+ %", said)
    assert "difference in log RMSE" in said
    client.post(f"{MODELS}/{PLAIN}/promote", json=WHY)
    said = words(client, f"/models/{CALMER}/promote")
    assert re.search(r"For half of the rows the rent moves by less than €[\d.]+, for", said)
    assert re.search(r"rent with version 4 less that with 3: from −€[\d,.]+ to \+€[\d,.]+,", said)
    assert "nearer to the actual rent" in said
    assert "difference in RMSE" in said
    assert "log" not in said.partition("What changes for people")[2]


def test_versions_of_several_kinds_share_no_measure(client: TestClient) -> None:
    said = words(client, "/models")
    assert "error: mean over folds" in said
    assert "not comparable." in said
    assert "Version 1 answers." in said
    assert "Version 2 has the lowest mean error" in said  # of those that predict the same
    assert not HOUSES.search(said)


# ---- the monitor


@pytest.mark.parametrize("version", [LOG, PLAIN])
def test_the_monitor_tells_errors_as_they_are_measured(
    client: TestClient, flats: list[dict[str, Any]], version: int
) -> None:
    assert not HOUSES.search(words(client, f"/monitor?model={version}"))
    said = ask(client, flats[FLATS:], version)
    assert not HOUSES.search(words(client, f"/monitor?model={version}"))
    rents = np.array([2 * row["rent"] for row in flats[FLATS:]])
    assert tell(client, said, rents.tolist()).json()["kept"] == ASKED
    look = client.get(MONITOR, params={"model": version}).json()["look"]
    answers = np.array([one["price"] for one in said])
    off = np.log(rents / answers) if version == LOG else rents - answers
    rmse = float(np.sqrt(np.square(off).mean()))
    assert look["paid"]["rmse"] == pytest.approx(rmse, rel=1e-3)
    assert look["months"][0]["rmse"] == pytest.approx(rmse, rel=1e-3)
    page = words(client, f"/monitor?model={version}")
    assert not HOUSES.search(page)
    text = f"{rmse:.3f}" if version == LOG else f"{rmse:.3g}"
    assert f"{ASKED} values of rent came: they are {text} off, more than the" in page
    low = f"{100 * off.mean():.1f} %" if version == LOG else f"€{written(off.mean())}"
    assert f"Answers are {low} too low on average" in page


def test_what_no_logarithm_has_is_refused_and_nothing_of_it_is_kept(
    client: TestClient, flats: list[dict[str, Any]]
) -> None:
    first, second = ask(client, flats[:2], LOG)
    (third,) = ask(client, flats[:1], PLAIN)
    told = problem(tell(client, [third, first, second], [7, 500, 0]), 422)
    assert told["detail"] == (
        f"Answer {second['id']} cannot have come to 0: version {LOG} measures errors of"
        " logarithms, so it must be above 0."
    )
    assert told["errors"][0]["loc"] == ["body", "actuals", 2, "paid"]
    assert client.get(MONITOR, params={"model": LOG}).json()["paid"] == 0
    assert client.get(MONITOR, params={"model": PLAIN}).json()["paid"] == 0
    gone = client.post(ACTUALS, json={"actuals": [{"id": "f" * 16, "paid": 0}]})
    assert gone.json() == {"kept": 0, "unknown": ["f" * 16]}
    problem(tell(client, [first], [1.1e12]), 422)


def test_a_plain_version_takes_what_is_nought_or_below(
    client: TestClient, flats: list[dict[str, Any]]
) -> None:
    said = ask(client, flats[FLATS:], PLAIN)
    values = [0.0, -120.5, *(row["rent"] for row in flats[FLATS + 2 :])]
    assert tell(client, said, values).json()["kept"] == ASKED
    found = client.get(MONITOR, params={"model": PLAIN}).json()
    assert (found["paid"], found["look"]["paid"]["n"]) == (ASKED, ASKED)
    assert found["look"]["months"][0]["n"] == ASKED
    assert found["learn"]["prices"] == ASKED


def test_what_came_is_told_on_the_page_and_what_to_ask_first(
    client: TestClient, flats: list[dict[str, Any]]
) -> None:
    row = {"area": flats[FLATS]["area"]}
    asked = client.post("/api/v1/ask-first", json={"row": row, "model": PLAIN}).json()
    page = words(client, f"/predict?model={PLAIN}&area={row['area']}")
    assert asked["sentence"] in page
    assert f"to ±€{written(asked['ask_first'][0]['within'])}," in asked["sentence"]
    assert f"everything ±€{written(asked['all_known'])}." in page

    said = ask(client, flats[FLATS:], PLAIN)
    lines = [f"{one['id']},{flat['rent']}" for one, flat in zip(said, flats[FLATS:], strict=True)]
    file = "\n".join(["answer,actual", *lines, f"{'f' * 16},800", "0123456789abcdef,none"])
    sent = client.post("/monitor/actuals", data={"model": PLAIN}, files={"file": ("a.csv", file)})
    assert (sent.status_code, sent.url.path) == (200, "/monitor")
    assert f"{ASKED} values kept; 1 row without an answer" in " ".join(sent.text.split())
    assert "1 answer not kept any more" in " ".join(sent.text.split())
    assert client.get(MONITOR, params={"model": PLAIN}).json()["paid"] == ASKED
    for file, why in (
        ("a,b\n1,2", "it needs a column answer"),
        ("\xff\n", "it is no CSV in UTF-8"),
    ):
        wrong = client.post("/monitor/actuals", files={"file": ("a.csv", file.encode("latin-1"))})
        assert (wrong.status_code, why in wrong.text) == (422, True)


def test_a_job_calls_a_table_as_people_do(client: TestClient) -> None:
    (name,) = (table["table"] for table in client.get("/api/v1/tables").json()["tables"])
    asked = {"name": "table_ensemble", "table": name, "target": "rent"} | QUICK
    job = client.post("/api/v1/jobs", json={"experiment": asked}).json()
    assert job["label"] == "rent of table flats of our town"


def test_a_table_that_no_job_learns_from_is_deleted_on_the_page(
    client: TestClient, flats: list[dict[str, Any]]
) -> None:
    sent = client.post("/api/v1/tables?target=rent", content=json.dumps(flats[:120]))
    name = sent.json()["table"]
    assert (
        client.get("/tables").text.count('action="/tables/delete"') == 1
    )  # another is learnt from
    assert client.post("/tables/delete", data={"name": name}).url.path == "/tables"
    names = [one["table"] for one in client.get("/api/v1/tables").json()["tables"]]
    assert (len(names), name in names) == (1, False)
    kept = client.post("/tables/delete", data={"name": names[0]})
    assert (kept.status_code, "learns from table" in kept.text) == (409, True)


# ---- learning from what came


@pytest.mark.parametrize("version", [LOG, PLAIN])
def test_rows_that_came_are_learnt_from_by_the_same_experiment(
    client: TestClient, flats: list[dict[str, Any]], version: int
) -> None:
    new = flats[FLATS:]
    tell(client, ask(client, new, version), [row["rent"] for row in new])
    page = words(client, f"/monitor?model={version}")
    assert f"Retrain with {ASKED} new rows" in page
    made = client.post(f"{MODELS}/{version}/retrain")
    assert made.status_code == 202, made.text
    job = made.json()
    before = client.get(f"{MODELS}/{version}/card").json()["asked"]
    changed = {name for name, value in job["experiment"].items() if value != before[name]}
    assert changed == {"table"}
    assert job["experiment"]["inputs"] == [*INPUTS]
    with sessions.readers()() as session:
        table = Tables(session).get(job["experiment"]["table"])
        assert (table.target, table.rows, table.added) == ("rent", FLATS + ASKED, ASKED)
        payload = Tables(session).payload(table.name)
    assert payload is not None
    rows = packing.unpacked(payload)
    assert [row["rent"] for row in rows] == [row["rent"] for row in flats]
    assert [row["area"] for row in rows] == [row["area"] for row in flats]
    assert len({row["flat"] for row in rows}) == len(rows)
    again = problem(client.post(f"{MODELS}/{version}/retrain"), 409)["detail"]
    assert again == f"Job {job['id']} learns from these values of rent already."
    work(job["id"])
    newest = client.get(MODELS).json()["models"][0]
    assert (newest["job"], newest["rows"]) == (job["id"], FLATS + ASKED)
    against = client.get(f"{MODELS}/{newest['version']}/against/{version}").json()
    assert (against["comparable"], against["on"], against["pairs"]) == (True, "rows", ASKED)
    if version == LOG:
        said = words(client, f"/models/{newest['version']}/promote")
        assert f"{ASKED} rows whose rent came" in said
        assert not HOUSES.search(said)


def test_made_up_rows_are_nothing_to_go_on_from(client: TestClient) -> None:
    told = problem(client.post(f"{MODELS}/{MADE_UP}/retrain"), 409)["detail"]
    assert told == f"Version {MADE_UP} has learnt made-up rows: there is nothing to go on from."


# ---- the command line


def test_values_of_a_file_are_kept_where_they_can_be(
    client: TestClient,
    flats: list[dict[str, Any]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = [*ask(client, flats[:2], PLAIN), *ask(client, flats[:2], LOG)]
    client.get(MONITOR)  # all are written by then
    lines = [f"{one['id']},{value}" for one, value in zip(said, (-5, 0, 0, 700), strict=True)]
    file = tmp_path / "came.csv"
    file.write_text("\n".join(["answer,actual", *lines, ",3"]))
    actuals(file)
    told = capsys.readouterr()
    assert told.out == "3 values kept.\n"
    assert told.err == "2 rows have no value that can be, or no answer.\n"
    paid = [client.get(MONITOR, params={"model": model}).json()["paid"] for model in (PLAIN, LOG)]
    assert paid == [2, 1]


def test_a_score_is_told_in_the_words_of_its_version() -> None:
    far = Miss("7", 3, -3.5, 1200.0, 1100.0, 1300.0, -1203.5, {"area": 50})
    score = Score(3, 12.5, 0.1, 0.9, 0, [far])
    euros = Words(value="rent", values="values of rent", unit="€", log=False)
    whole, worst = score.tables(euros)
    assert whole.rows == (
        ("values of rent of the file", "3"), ("RMSE", "12.5"), ("within the intervals", "90%"),
    )  # fmt: skip
    assert dict(zip(worst.columns, worst.rows[0], strict=True)) == {
        "row": "7", "line": "3", "actual": "−€3.5", "said": "€1,200", "low": "€1,100",
        "high": "€1,300", "actual - said": "-1204",
    }  # fmt: skip
    assert worst.about == ({"area": 50},)
    (_, nameless) = replace(score, worst=[replace(far, name="3")]).tables(PRICES)
    assert nameless.columns[:2] == ("line", "sold")
    assert nameless.columns[-1] == "log(sold / said)"
