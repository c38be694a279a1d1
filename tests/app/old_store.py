"""A run store that an older version filled: its rows, and what the service answers of them."""

import base64
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData, create_engine, insert
from starlette.testclient import TestClient

from app.store.migrations import downgrade, upgrade

DATA = Path(__file__).parents[1] / "data"
STORE = json.loads((DATA / "store_0001.json").read_text("utf-8"))
"""The rows by table, and `about`: how they came to be."""
REVISION = "0001"
JOBS = {row["id"]: row for row in STORE["jobs"]}
ENDED_JOBS = [number for number, row in JOBS.items() if row["finished_at"]]
HOUSE_JOB, RUNNING_JOB = 1, 13
REPETITIONS = {HOUSE_JOB, RUNNING_JOB}
"""Jobs whose runs repeat one setting. The means of all others were means of unlike settings, which
is why nobody shall show them again: they are not compared."""

FIELDS = (
    "name", "label", "experiment", "status", "reason", "error", "tags", "timeout", "retry_of",
    "attempt", "device", "measure", "num_runs", "epochs_done", "epochs_total", "checks_held",
    "checks_total",
)  # fmt: skip
CHECK = ("section", "name", "expected", "got", "tolerance", "passed")
MEANS = ("train", "valid", "best_valid", "best_epoch")
LISTINGS = (
    "sort=id", "sort=-id&limit=4", "sort=name", "sort=status", "sort=-created_at",
    "status=failed", "status=timed_out", "name=kaggle_house", "tag=try", "q=polynomial",
    "q=lr=10", "q=%2313", "q=features noise",
)  # fmt: skip
PAGES = (
    "/", "/jobs", "/jobs?status=failed", "/jobs?q=polynomial&sort=name", "/jobs/1/submission",
    "/predict", "/learn", *(f"/learn/4.{number}" for number in range(1, 11)),
    "/learn/4.5?experiment=weight_decay", "/learn/4.5?experiment=decay_path",
    "/learn/4.4?experiment=polynomial", "/learn/4.10?experiment=house_sweeps",
)  # fmt: skip
COLUMN = ("name", "kind", "levels", "minimum", "maximum", "typical", "missing")
HOUSES = [
    {"MSZoning": "RL", "LotArea": 9600, "Neighborhood": "Somerst", "OverallQual": 8,
     "YearBuilt": 2003, "ExterQual": "Gd", "CentralAir": "Y", "GrLivArea": 1710, "GarageCars": 2},
    {"OverallQual": 3, "GrLivArea": 900, "Neighborhood": "Nowhere", "GarageCars": 9},
]  # fmt: skip
"""Made up: a usual one, and one beyond what training has seen."""
TABLE = "Id,OverallQual,GrLivArea,Neighborhood\n7,8,1710,Somerst\n8,3,,NAmes\n"


def fill(database: str) -> None:
    """Make the schema of the old migration, and put the old rows in."""
    downgrade(database, "base")
    upgrade(database, REVISION)
    engine, metadata = create_engine(database), MetaData()
    metadata.reflect(engine)
    with engine.begin() as connection:
        for table in metadata.sorted_tables:  # those first that others refer to
            if rows := STORE.get(table.name):
                connection.execute(insert(table), [binary(row) for row in rows])
    engine.dispose()


def binary(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its bytes as bytes: chunks are JSON, which stands as text, the rest is not."""
    if "seq" in row and "payload" in row:
        return row | {"payload": row["payload"].encode()}
    encoded = row.keys() & {"payload", "state"}
    return row | {name: base64.b64decode(row[name]) for name in encoded}


def answers(client: TestClient) -> dict[str, Any]:
    """All that is compared, as it stands in `answers_0001.json`."""
    return {
        "jobs": {str(number): job_answers(client, number) for number in JOBS},
        "houses": house_answers(client),
        "listings": listing_answers(client),
        "pages": page_answers(client),
    }


def job_answers(client: TestClient, number: int) -> dict[str, Any]:
    """All that the API and the live page say of a job, in short."""
    job = get(client, f"/api/v1/jobs/{number}")
    fields = FIELDS + (MEANS if number in REPETITIONS else ())
    figures = get(client, f"/api/v1/jobs/{number}/figures")
    brief: dict[str, Any] = short(
        {
            "job": {name: job[name] for name in fields},
            "groups": group_answers(client, number),
            "live": live_answers(client, number),
            "figures": {
                item["name"]: [item["title"], *figure_answers(client, number, item)]
                for item in figures
            },
            "checks": [
                [item[name] for name in CHECK]
                for item in get(client, f"/api/v1/jobs/{number}/checks")
            ],
            "stream": stream_answers(client, number) if number in ENDED_JOBS else None,
        }
    )
    return brief


def group_answers(client: TestClient, number: int) -> list[dict[str, Any]]:
    """The groups of a job, and each metric of each run at the last epoch."""
    return [
        {
            "key": group["key"],
            "measure": group["measure"],
            "labels": group["labels"],
            "epochs": len(group["values"][0]),
            "last": {
                name: values[-1] if values else None
                for name, values in zip(group["metrics"], group["values"], strict=True)
            },
        }
        for group in get(client, f"/api/v1/jobs/{number}/metrics")["groups"]
    ]


def live_answers(client: TestClient, number: int) -> dict[str, Any]:
    """The curves that the page of a job shows, those of its first group: how far they have come,
    and the last valid of each run, or quantiles over many."""
    content = get(client, f"/jobs/{number}/curves.json")
    started = get(client, f"/api/v1/jobs/{number}/metrics")["groups"]
    if not content["views"]:
        return {}
    view = content["views"][-1]
    lines = (view["fan"] or view)["lines"]
    lasts = [[line["y"][-1]] for line in lines]
    if len(started[0]["labels"]) > len(lines):
        (middle, lowest, highest), (low, high) = lasts, (edge[-1:] for edge in lines[0]["band"])
        lasts = [[*lowest, *low, *middle, *high, *highest]]
    key, lanes = started[0]["key"], len(started[0]["labels"])
    return {key: [lanes, content["epochs"][0], content["last"], lasts]}


def figure_answers(client: TestClient, number: int, item: dict[str, str]) -> list[Any]:
    """The traces of a figure: name, kind, how many points, the first and the last of them."""
    if item["name"].startswith("curves-") and number not in REPETITIONS:
        return []
    return [
        [
            trace.get("name"),
            trace["type"],
            *ends(trace["z"] if "z" in trace else trace["y"]),
            *trace.get("text", [])[:1],
        ]
        for trace in get(client, item["url"])["data"]
    ]


def ends(values: list[Any]) -> list[Any]:
    """How many, the first and the last; of a matrix the ends of these rows."""
    first_and_last = [values[0], values[-1]] if values else []
    return [len(values), *(ends(x) if isinstance(x, list) else x for x in first_and_last)]


def stream_answers(client: TestClient, number: int) -> list[Any]:
    """The stream of a job that has ended: its events by kind, where its curves end, its end."""
    text = client.get(f"/api/v1/jobs/{number}/events").text
    messages = [json.loads(line[5:]) for line in text.splitlines() if line.startswith("data:")]
    events = [event for message in messages[:-1] for event in message["events"]]
    kinds = Counter(event["type"] for event in events if event["type"] != "epoch")
    epochs = [event for event in events if event["type"] == "epoch"]
    lasts = {event["key"]: event["first"] + len(event["values"]) - 1 for event in epochs}
    return [dict(kinds), lasts, messages[-1]]


def house_answers(client: TestClient) -> dict[str, Any]:
    """The predictor: what it is, prices one by one and by table, the submission."""
    about = get(client, "/api/v1/predictor")
    schema = about["schema"]
    strict = client.post("/api/v1/predictions", json={"houses": HOUSES[1:2], "strict": True})
    prices = client.post("/api/v1/predictions", json={"houses": HOUSES}).json()
    rows = client.post("/api/v1/predictions.csv", content=TABLE).text.splitlines()
    cells = [row.split(",") for row in rows]
    brief: dict[str, Any] = short(
        {
            "about": {key: about[key] for key in ("job", "measure", "valid", "folds", "interval")},
            "schema": [schema["noun"], schema["id_column"], schema["target_column"]]
            + [[field[key] for key in COLUMN] for field in schema["fields"]],
            "prices": {
                "job": prices["job"],
                "predictions": [
                    {name: value for name, value in said.items() if name not in ("id", "likely")}
                    for said in prices["predictions"]
                ],
            },
            "strict": strict.status_code,
            # without the version, which nobody named then, and what an answer is kept under
            "table": [",".join([*row[:4], *row[5:-1]]) for row in cells],
            "submission": client.get(f"/api/v1/jobs/{HOUSE_JOB}/submission.csv").text.splitlines(),
            "preflight": preflight_answers(client),
        }
    )
    return brief


def preflight_answers(client: TestClient) -> dict[str, Any]:
    """The submission, checked."""
    found: dict[str, Any] = get(client, f"/api/v1/jobs/{HOUSE_JOB}/submission")
    names = ("section", "name", "expected", "got", "tolerance", "passed")
    return found | {"checks": [{name: check[name] for name in names} for check in found["checks"]]}


def listing_answers(client: TestClient) -> dict[str, list[int]]:
    """Which jobs a list has, in which order, and how many there are on all its pages."""
    listings = {query: get(client, f"/api/v1/jobs?{query}") for query in LISTINGS}
    return {
        query: [*(job["id"] for job in listing["items"]), listing["total"]]
        for query, listing in listings.items()
    }


def page_answers(client: TestClient) -> dict[str, list[str]]:
    """To which jobs, and to which of their figures, each page leads."""
    return {path: sorted(links(read(client, path))) for path in PAGES}


def get(client: TestClient, path: str) -> Any:
    """The JSON of this address."""
    response = client.get(path)
    assert response.status_code == 200, f"{path}: {response.text}"
    return response.json()


def read(client: TestClient, path: str) -> str:
    """The HTML of this page."""
    response = client.get(path, headers={"Accept": "text/html"})
    assert response.status_code == 200, f"{path}: {response.text}"
    return response.text


def links(html: str) -> set[str]:
    """The jobs and the figures that a page refers to."""
    return set(re.findall(r'"(/jobs/\d+|/api/v1/jobs/\d+/figures/[^"?]+)"', html))


def short(value: Any) -> Any:
    """Numbers in six digits: how they were summed is not compared."""
    match value:
        case float():
            return float(f"{value:.6g}")
        case list():
            return [short(item) for item in value]
        case dict():
            return {key: short(item) for key, item in value.items()}
    return value
