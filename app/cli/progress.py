"""A job on the terminal: a bar while it runs, tables when it has ended, from its stored chunks."""

import time
from collections.abc import Callable, Iterator
from typing import Any, assert_never

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from app.results.claims import claim
from app.results.curves import Group
from app.results.headline import Headline, headline_of
from app.results.reading import Item, Named, Reading, read
from app.results.repetitions import settings_of
from app.store.jobs import RunStore
from app.store.models import Job
from app.store.sessions import readers
from app.store.states import FINAL
from ml import events

LOOK = 0.2  # seconds between two looks for news
NAMED = 10  # runs named in a line


def readings(job_id: int, meanwhile: Callable[[], object] = int) -> Iterator[Reading]:
    """What a job has said, again and again as it says more, until it is final.

    `meanwhile` is called between two looks.
    """
    while True:
        meanwhile()
        with readers()() as session:
            state = RunStore(session).state(job_id)
            reading = read(session, job_id)
        yield reading
        if state is None or (state[0] in FINAL and reading.seq >= state[1]):
            return
        time.sleep(LOOK)


def follow(job: Job, console: Console, meanwhile: Callable[[], object] = int) -> Reading:
    """Draw the job's progress until it is final; gives all it said."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f} {task.fields[what]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[last]}"),
    )
    before = Reading()
    with Progress(*columns, console=console) as bar:
        bar.console.print(f"{job.name}: {job.label}", markup=False, highlight=False)
        task = bar.add_task(f"job {job.id}", total=0, start=False, last="", what="epochs")
        for reading in readings(job.id, meanwhile):
            total = sum(group.started["num_epochs"] for group in reading.groups.values())
            bar.update(task, total=total)
            if _lengthened(before, reading):
                bar.start_task(task)
                bar.update(task, last=_last(reading))
            done = sum(len(group.values) for group in reading.groups.values())
            bar.update(task, completed=done)
            if counted := reading.progress:
                bar.start_task(task)
                bar.update(
                    task,
                    completed=counted["done"],
                    total=counted["total"],
                    what=counted["what"],
                )
            for text in _lines(before, reading):
                bar.console.print(text, style="dim", markup=False, highlight=False)
            before = reading
    return before


def _lengthened(before: Reading, reading: Reading) -> list[Group]:
    """The groups that have come further since."""
    return [
        group for key, group in reading.groups.items() if len(group.values) > _epochs(before, key)
    ]


def _epochs(reading: Reading, key: str) -> int:
    """Epochs of a group so far."""
    return len(reading.groups[key].values) if key in reading.groups else 0


def _last(reading: Reading) -> str:
    """Where the setting of the headline stands."""
    headline = _headline(reading)
    return headline.in_short if headline else ""


def _headline(reading: Reading) -> Headline | None:
    groups = [*reading.groups.values()]
    return headline_of(groups, settings_of(groups))


def _lines(before: Reading, reading: Reading) -> list[str]:
    """What is worth a line of its own while the job runs; how it ends is printed at its end."""
    lines = [_line(item) for item in reading.log[len(before.log) :]]
    lines += [
        _diverged(group, since=_epochs(before, group.key)) for group in _lengthened(before, reading)
    ]
    return [line for line in lines if line]


def _line(item: Item) -> str:
    if item["type"] == "note":
        return str(item["text"])
    if item["type"] != "status" or item["status"] in FINAL:
        return ""
    again = f"attempt {item['attempt']}" if item.get("attempt", 1) > 1 else ""
    return f"{item['status']}: {item.get('error') or again}" if item.get("error") or again else ""


def _diverged(group: Group, since: int) -> str:
    """Which runs left the finite numbers after `since` epochs, and when."""
    lost = ~np.isfinite(group.metric("train"))
    first = np.where(lost.any(0), lost.argmax(0), -1)  # (L,)
    runs = [
        f"{label} diverged at epoch {epoch + 1}"
        for label, epoch in zip(group.started["labels"], first.tolist(), strict=True)
        if epoch >= since
    ]
    more = f" and {len(runs) - NAMED} more" if len(runs) > NAMED else ""
    return f"{', '.join(runs[:NAMED])}{more}." if runs else ""


def report(reading: Reading, console: Console) -> None:
    """Print what a job gave: its tables, checks and findings, then where its headline stands."""
    for kind, items in reading.named.items():
        if items:
            for part in _parts(kind, [*items.values()]):
                console.print(part, highlight=False)
    headline = _headline(reading)
    if headline and headline.sentence:
        console.print(headline.sentence, highlight=False, markup=False)


def _parts(kind: Named, items: list[Item]) -> list[Table | str]:
    """Results of a kind, one or more, as a terminal shows them."""
    match kind:
        case "figure":
            return []  # a terminal draws none
        case "table":
            return [_table(i["title"], i["columns"], i["rows"], i["note"]) for i in items]
        case "check":
            return [checks_table(items)]
        case "finding":
            return [f"{item['text']}\n[dim]{escape(item['rule'])}[/dim]" for item in items]
        case _:
            assert_never(kind)


def checks_table(checks: list[Item], title: str = "Checks") -> Table:
    """Each check as the pages say it, and its verdict."""
    rows = [
        (one.name, one.got, one.expected, "holds" if one.passed else "FAILS")
        for one in map(claim, checks)
    ]
    return _table(title, ("check", "got", "expected", "verdict"), rows)


def drawn(table: events.Table) -> Table:
    """A table that no job has told."""
    return _table(table.title, table.columns, table.rows, table.note)


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
