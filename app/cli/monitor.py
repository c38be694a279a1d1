"""`ridgeline monitor`, `ridgeline actuals`: has the world moved, and what was paid."""

import csv
from pathlib import Path
from typing import Annotated

import typer

FIRST = 10  # columns that are told
PRICES = ("paid", "actual")  # what a column of prices is called

Json = Annotated[bool, typer.Option("--json", help="Only JSON on stdout.")]


def monitor(
    model: Annotated[str, typer.Option(help="A version's number or name.")] = "champion",
    latest: Annotated[
        int, typer.Option(min=30, max=20_000, help="Answers that are looked at.")
    ] = 2000,
    as_json: Json = False,
) -> None:
    """The last answers beside what was learnt from; ends with 4 where something has moved."""
    from app.monitor import watch
    from app.store.migrations import bring_to_head
    from app.store.sessions import readers

    bring_to_head()
    with readers()() as session:
        found = watch(session, model, latest)
    if as_json:
        typer.echo(found.model_dump_json())
    else:
        typer.echo(f"Version {found.version}, {found.answers:,} answers: {found.sentence}")
    if found.look and not as_json:
        for one in [each for each in found.look.columns if each.found][:FIRST]:
            typer.echo(f"  {one.sentence}")
        typer.echo(found.look.weights)
        for other in found.look.instead:
            typer.echo(f"Version {other.version} would have been {other.rmse:.3f} off.")
    if found.verdict in ("moved", "worse"):
        raise typer.Exit(4)


def actuals(
    file: Annotated[Path, typer.Argument(help="CSV with columns answer and paid, or actual.")],
) -> None:
    """Tell what was paid for houses that were asked about, e.g. in a priced table."""
    from app.cards import words_of
    from app.monitor import impossible
    from app.store.answers import Answers
    from app.store.migrations import bring_to_head
    from app.store.sessions import writers

    prices, passed = _read(file)
    bring_to_head()
    with writers().begin() as session:
        for key in impossible(session, prices):
            del prices[key]
            passed += 1
        asked = {*Answers(session).versions(prices).values()}
        unknown = Answers(session).pay(prices)
    kinds = filter(None, map(words_of, asked))
    houses = all(words.rows == "houses" for words in kinds)
    typer.echo(f"{len(prices) - len(unknown):,} {'prices' if houses else 'values'} kept.")
    if passed:
        none = "price above 0" if houses else "value that can be"
        typer.echo(f"{passed:,} rows have no {none}, or no answer.", err=True)
    if unknown:
        few = ", ".join(unknown[:3]) + (", …" if len(unknown) > 3 else "")
        typer.echo(f"{len(unknown):,} answers are not kept: {few}", err=True)


def _read(file: Path) -> tuple[dict[str, float], int]:
    """Prices by the key of their answer, and how many rows say none.

    Raises:
        BadParameter: for a file without these columns.
    """
    from ml.pricing import paid_of

    prices, passed = dict[str, float](), 0
    with file.open(newline="", encoding="utf-8-sig") as lines:
        rows = csv.DictReader(lines)
        names = rows.fieldnames or []
        paid = next((name for name in PRICES if name in names), None)
        if "answer" not in names or paid is None:
            raise typer.BadParameter(
                f"it needs a column answer, and one of {' or '.join(PRICES)}; it has"
                f" {', '.join(names) or 'none'}",
                param_hint=str(file),
            )
        for row in rows:
            price = paid_of(row[paid] or "", positive=False)
            if row["answer"] and price is not None:
                prices[row["answer"]] = price
            else:
                passed += 1
    return prices, passed
