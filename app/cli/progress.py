"""A job on the terminal: a bar while it runs, tables when it has ended, from its stored chunks."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from app.store import chunks, summaries
from app.store.jobs import RunStore
from app.store.models import FINAL, Job
from app.store.sessions import readers

Item = dict[str, Any]
LOOK = 0.2  # seconds between two looks for news
NAMED = 10  # runs named in a line


def said(job_id: int, meanwhile: Callable[[], object] = int) -> Iterator[Item]:
    """What a job has said and says, until it is final: the events that the page shows.

    `meanwhile` is called between two looks.
    """
    after = 0
    while True:
        meanwhile()
        with readers()() as session:
            store = RunStore(session)
            state = store.state(job_id)
            news = store.chunks(job_id, after)
        for after, payload in news:  # noqa: B007  (the last one counts)
            yield from chunks.unpack([payload])
        if state is None or (state[0] in FINAL and after >= state[1]):
            return
        time.sleep(LOOK)


def follow(job: Job, console: Console, meanwhile: Callable[[], object] = int) -> list[Item]:
    """Draw the job's progress until it is final; gives all it said."""
    heard: list[Item] = []
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f} epochs"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[last]}"),
    )
    with Progress(*columns, console=console) as bar:
        bar.console.print(f"{job.name}: {job.label}", markup=False, highlight=False)
        task = bar.add_task(f"job {job.id}", total=0, start=False, last="")
        opened: dict[str, Item] = {}
        lost: set[tuple[str, int]] = set()  # lanes that have diverged
        for item in said(job.id, meanwhile):
            heard.append(item)
            match item["type"]:
                case "started":
                    opened[item["key"]] = item
                    bar.update(task, total=(bar.tasks[0].total or 0) + item["num_epochs"])
                case "epoch":
                    bar.start_task(task)
                    last = _last(item, opened[item["key"]]["measure"])
                    bar.update(task, advance=item["shape"][0], last=last)
            if text := _line(item, opened, lost):
                bar.console.print(text, style="dim", markup=False, highlight=False)
    return heard


def _last(item: Item, measure: str) -> str:
    """Mean at the last epoch of the item, over the lanes that have not diverged."""
    lanes = zip(("train", "valid"), chunks.values(item)[-1, :2], strict=True)
    finite = [(name, values[np.isfinite(values)]) for name, values in lanes]
    known = ", ".join(f"{name} {values.mean():.4f}" for name, values in finite if len(values))
    return f"{item['key']}: {known} {measure.replace('_', ' ')}"


def _diverged(item: Item, labels: list[str], lost: set[tuple[str, int]]) -> str:
    """Which runs left the finite numbers in these epochs, and when."""
    key, found = item["key"], []
    for lane in summaries.lanes(0, key, item["first"], chunks.values(item)):
        place, epoch = (key, lane["place"]), lane["diverged"]
        if epoch is not None and place not in lost:
            lost.add(place)
            found.append(f"{labels[lane['place']]} diverged at epoch {epoch}")
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return f"{', '.join(found[:NAMED])}{more}." if found else ""


def _line(item: Item, opened: Mapping[str, Item], lost: set[tuple[str, int]]) -> str:
    """What is worth a line of its own while the job runs; how it ends is told at its end."""
    if item["type"] == "note":
        return str(item["text"])
    if item["type"] == "epoch":
        return _diverged(item, opened[item["key"]]["labels"], lost)
    if item["type"] != "status" or item["status"] in FINAL:
        return ""
    again = f"attempt {item['attempt']}" if item.get("attempt", 1) > 1 else ""
    return f"{item['status']}: {item.get('error') or again}" if item.get("error") or again else ""


def report(items: list[Item], console: Console) -> None:
    """Print what a job gave: its tables, its checks, its findings."""
    for item in chunks.latest(items, "table"):
        console.print(_table(item["title"], item["columns"], item["rows"], item["note"]))
    checks = chunks.latest(items, "check")
    if checks:
        console.print(checks_table(checks))
    for item in chunks.latest(items, "finding"):
        console.print(item["text"], highlight=False)
        console.print(item["rule"], style="dim", highlight=False)


def checks_table(checks: list[Item], title: str = "Checks") -> Table:
    """What the book says, what came out, and the verdict."""
    columns = ("section", "check", "book", "got", "tolerance", "verdict")
    rows = [
        (
            check["section"],
            check["name"],
            check["expected"],
            check["got"],
            check["tolerance"],
            "holds" if check["passed"] else "FAILS",
        )
        for check in checks
    ]
    return _table(title, columns, rows)


def _table(title: str, columns: Any, rows: Any, note: str = "") -> Table:
    drawn = Table(title=title, caption=note or None, title_justify="left", caption_justify="left")
    for i, column in enumerate(columns):
        numeric = any(isinstance(row[i], int | float) for row in rows)
        drawn.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*map(cell, row))
    return drawn


def cell(value: object) -> str:
    """A cell of a table: six digits of a number, nothing for nothing."""
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
