"""`ridgeline monitor`, `ridgeline actuals`: has the world moved, and what was paid."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.bodies import Monitor

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
        for way in _ways_out(found):
            typer.echo(way)
    if found.verdict in ("moved", "worse"):
        raise typer.Exit(4)


def _ways_out(found: "Monitor") -> Iterator[str]:
    """What can be done, as the page offers it, by the command that does it; or why it cannot."""
    again = f"ridgeline models retrain {found.version}"
    if found.paid:
        yield found.learn.reason or (
            f"Learn from {found.learn.prices:,} that came and that it does not know: {again}"
        )
    if not found.weigh.reason:
        yield f"Learn by weights towards what is asked: {again} --way weights"


def actuals(
    file: Annotated[Path, typer.Argument(help="CSV with columns answer and paid, or actual.")],
) -> None:
    """Tell what was paid for houses that were asked about, e.g. in a priced table."""
    from app.errors import Invalid
    from app.monitor import tell
    from app.store.migrations import bring_to_head
    from app.store.sessions import writers
    from app.typography import plural

    bring_to_head()
    with file.open(newline="", encoding="utf-8-sig") as lines, writers().begin() as session:
        try:
            told = tell(session, lines)
        except Invalid as error:
            raise typer.BadParameter(error.message, param_hint=str(file)) from None
    typer.echo(f"{plural(told.kept, 'price' if told.houses else 'value')} kept.")
    if told.passed:
        none = "price above 0" if told.houses else "value that can be"
        have = "row has" if told.passed == 1 else "rows have"
        typer.echo(f"{told.passed:,} {have} no {none}, or no answer.", err=True)
    if told.unknown:
        few = ", ".join(told.unknown[:3]) + (", …" if len(told.unknown) > 3 else "")
        unknown = plural(len(told.unknown), "answer is", "answers are")
        typer.echo(f"{unknown} not kept: {few}", err=True)
