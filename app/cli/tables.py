"""`ridgeline tables`: sales of one's own that a job may learn from."""

from pathlib import Path
from typing import Annotated

import typer

tables = typer.Typer(
    help="Sales of one's own to learn from, in place of the competition's.", no_args_is_help=True
)
Json = Annotated[bool, typer.Option("--json", help="Only JSON on stdout.")]


@tables.command()
def add(
    file: Annotated[Path, typer.Argument(help="CSV of houses, each with its SalePrice.")],
    about: Annotated[str, typer.Option(help="Where they come from, in words.")] = "",
    map_: Annotated[
        list[str] | None, typer.Option("--map", help="Column=field, for a name that is none.")
    ] = None,
) -> None:
    """Keep a table of sales: then `ridgeline train house_ensemble --sales TABLE`."""
    from app.cli import flags
    from app.serving.sales import sales_of
    from app.store.migrations import bring_to_head
    from app.store.sessions import writers
    from app.store.tables import Tables

    found = sales_of(file.read_bytes(), flags.mapping(map_))
    bring_to_head()
    with writers().begin() as session:
        table = Tables(session).add(found.rows, about.strip() or file.name)
        name, rows = table.name, table.rows
    for remark in found.remarks:
        typer.echo(remark, err=True)
    how = f"ridgeline train house_ensemble --sales {name}"
    typer.echo(f"{name}: {rows:,} sales. Train on them: {how}")


@tables.command("list")
def list_tables(as_json: Json = False) -> None:
    """All tables, the latest first, and which jobs learn from each."""
    from app import bodies
    from app.store.migrations import bring_to_head
    from app.store.sessions import readers
    from app.store.tables import Tables

    bring_to_head()
    with readers()() as session:
        store = Tables(session)
        jobs = store.jobs()
        found = [bodies.Table.of(table, jobs.get(table.name, [])) for table in store.all()]
    if as_json:
        typer.echo(bodies.TableList(tables=found).model_dump_json())
        return
    for one in found:
        of = f", jobs {', '.join(map(str, one.jobs))}" if one.jobs else ""
        typer.echo(f"{one.table}  {one.rows:,} sales, {one.about}{of}")
    if not found:
        typer.echo("No table yet: ridgeline tables add FILE.")


@tables.command()
def delete(name: Annotated[str, typer.Argument(help="Of the table.")]) -> None:
    """Forget a table that no job learns from."""
    from app.store.migrations import bring_to_head
    from app.store.sessions import writers
    from app.store.tables import Tables

    bring_to_head()
    with writers().begin() as session:
        Tables(session).delete(name)
    typer.echo(f"Table {name} is deleted.")
