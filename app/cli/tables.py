"""`ridgeline tables`: rows of one's own that a job may learn from."""

from pathlib import Path
from shlex import quote
from typing import Annotated, Literal

import typer

tables = typer.Typer(
    help="Tables of one's own to learn from: sales of houses, or anything.", no_args_is_help=True
)
Json = Annotated[bool, typer.Option("--json", help="Only JSON on stdout.")]
Scale = Literal["auto", "log", "plain"]
Name = Annotated[str, typer.Argument(help="Of the table.")]


@tables.command()
def add(
    file: Annotated[Path, typer.Argument(help="CSV, JSON list, .xlsx or Parquet.")],
    about: Annotated[str, typer.Option(help="Where they come from, in words.")] = "",
    target: Annotated[
        str | None,
        typer.Option(help="The column to predict; without it rows are sales with a SalePrice."),
    ] = None,
    text: Annotated[
        list[str] | None, typer.Option(help="A column that is text though it looks like numbers.")
    ] = None,
    map_: Annotated[
        list[str] | None, typer.Option("--map", help="Column=field, for a name that is none.")
    ] = None,
    test: Annotated[
        Path | None, typer.Option(help="Rows to predict: `ridgeline submission` of a job.")
    ] = None,
) -> None:
    """Keep a table: then `ridgeline train house_ensemble --sales TABLE`, or with a target
    `ridgeline train table_ensemble --table TABLE --target COLUMN`."""
    from app.cli import flags
    from app.serving.competition import keep
    from app.serving.own import own_of
    from app.serving.sales import sales_of
    from app.store.migrations import bring_to_head
    from app.store.sessions import writers
    from app.store.tables import Tables

    body, about = file.read_bytes(), about.strip() or file.name
    found = (
        sales_of(body, flags.mapping(map_)) if target is None else own_of(body, target, text or ())
    )
    bring_to_head()
    with writers().begin() as session:
        table = Tables(session).add(found.rows, about, target=found.target)
        name, rows = table.name, table.rows
        told, beside = keep(session, name, test.read_bytes(), text or ()) if test else ([], 0)
    for remark in (*found.remarks, *told):
        typer.echo(remark, err=True)
    how = (
        f"house_ensemble --sales {name}"
        if found.target is None
        else f"table_ensemble --table {name} --target {quote(found.target)}"
    )
    noun = "sales" if found.target is None else "rows"
    also = f", {beside:,} to predict" if beside else ""
    typer.echo(f"{name}: {rows:,} {noun}{also}. Train on them: ridgeline train {how}")


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
        kinds = {None: "sales", "": "questions"}
        what = kinds.get(one.target, f"rows with {one.target}")
        what += f", {one.test_rows:,} to predict" if one.test_rows else ""
        typer.echo(f"{one.table}  {one.rows:,} {what}, {one.about}{of}")
    if not found:
        typer.echo("No table yet: ridgeline tables add FILE.")


@tables.command()
def show(
    name: Name,
    target: Annotated[str, typer.Option(help="Another column to predict.")] = "",
    inputs: Annotated[
        list[str] | None, typer.Option("--input", help="A column in place of those proposed.")
    ] = None,
    identifier: Annotated[str, typer.Option(help="Column that names a row.")] = "",
    scale: Annotated[Scale, typer.Option(help="How errors are measured.")] = "auto",
    as_json: Json = False,
) -> None:
    """A look at a table that is no sales of houses: its columns, and what needs a person first."""
    from app import bodies
    from app.serving.own import look
    from app.store.migrations import bring_to_head

    bring_to_head()
    found = look(name, target, inputs or (), identifier, scale)
    if as_json:
        whole = bodies.TableProfile.of(name, found.told, found.chosen, found.fit, found.reason)
        typer.echo(whole.model_dump_json())
        return
    typer.echo(found.headline)
    wide = max(len(column.name) for column in found.told.columns)
    for column in found.told.columns:
        alone = "" if column.alone is None else f", alone explains {column.alone:.0%}"
        typer.echo(
            f"{column.name:{wide}}  {found.role(column):8}  {column.kind}, {column.missing:,}"
            f" missing, {column.distinct:,} different{alone}"
        )
        for each in column.attention:
            typer.echo(f"{'':{wide}}  {each.text}")


@tables.command()
def delete(name: Name) -> None:
    """Forget a table that no job learns from."""
    from app.store.migrations import bring_to_head
    from app.store.sessions import writers
    from app.store.tables import Tables

    bring_to_head()
    with writers().begin() as session:
        Tables(session).delete(name)
    typer.echo(f"Table {name} is deleted.")
