"""`ridgeline monitor`, `ridgeline actuals`: has the world moved, and what was paid."""

from pathlib import Path
from typing import Annotated

import typer

FIRST = 10  # columns that are told

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
    from app.errors import Invalid
    from app.monitor import tell
    from app.store.migrations import bring_to_head
    from app.store.sessions import writers

    bring_to_head()
    with file.open(newline="", encoding="utf-8-sig") as lines, writers().begin() as session:
        try:
            told = tell(session, lines)
        except Invalid as error:
            raise typer.BadParameter(error.message, param_hint=str(file)) from None
    typer.echo(f"{told.kept:,} {'prices' if told.houses else 'values'} kept.")
    if told.passed:
        none = "price above 0" if told.houses else "value that can be"
        typer.echo(f"{told.passed:,} rows have no {none}, or no answer.", err=True)
    if told.unknown:
        few = ", ".join(told.unknown[:3]) + (", …" if len(told.unknown) > 3 else "")
        typer.echo(f"{len(told.unknown):,} answers are not kept: {few}", err=True)
