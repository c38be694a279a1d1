"""`ridgeline models`: who answers, who stands beside, and how a name moves."""

import getpass
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.store.models import AliasMove

models = typer.Typer(help="The versions that price: who answers, and why.", no_args_is_help=True)

Model = Annotated[str, typer.Argument(help="A version's number or name.")]
Reason = Annotated[str, typer.Option(help="Why; it stays in the history.")]
Who = Annotated[str, typer.Option(help="Whose decision it is; else who runs the command.")]
InsteadOf = Annotated[
    int | None,
    typer.Option(min=1, help="The champion that was judged; refused if it changed."),
]
Json = Annotated[bool, typer.Option("--json", help="Only JSON on stdout.")]


@models.command("list")
def list_models(as_json: Json = False) -> None:
    """All versions, the latest first, each beside the champion."""
    from rich.console import Console
    from rich.table import Table

    from app.cards import described
    from app.store.answers import Answers
    from app.store.registry import Registry
    from app.store.sessions import readers
    from app.typography import measure_name

    _prepare()
    with readers()() as session:
        registry = Registry(session)
        champion, names = registry.champion(), registry.names()
        lately = Answers(session).lately()
        every = registry.versions(registry.count())
        rows = [described(*row, names, champion, lately) for row in every]
    if as_json:
        typer.echo("[" + ",\n".join(row.model_dump_json() for row in rows) + "]")
        return
    measures = {row.measure for row in rows if row.measure}
    error = measure_name(measures.pop()) if len(measures) == 1 else "error"
    table = Table("version", "names", "model", error, "beside the champion", box=None)
    for row in rows:
        beside = (
            row.beside.sentence if row.beside else "it answers" if "champion" in row.names else ""
        )
        table.add_row(
            str(row.version), " ".join(row.names), f"{row.label or row.experiment}, job {row.job}",
            f"{row.valid:{'.4f' if row.measure == 'log_rmse' else '.4g'}}" if row.valid else "",
            row.fault or beside,
        )  # fmt: skip
    Console().print(table if rows else "No version yet: train house_ensemble.", highlight=False)


@models.command()
def show(model: Model = "champion", as_json: Json = False) -> None:
    """A version's card: what it learnt from, how far off it is of whom, what it is not for."""
    from app.cards import card_of, markdown
    from app.store.sessions import readers

    _prepare()
    with readers()() as session:
        card = card_of(session, model)
    typer.echo(card.model_dump_json(indent=1) if as_json else markdown(card), nl=as_json)


@models.command()
def fields(model: Model = "champion", as_json: Json = False) -> None:
    """What a row may say to a version: its fields, and what training has seen of each."""
    from app.serving.predictors import serving
    from app.store.sessions import readers

    _prepare()
    with readers()() as session:
        schema = serving(session, model).predictor.card.input_schema
    if as_json:
        typer.echo(schema.model_dump_json(indent=1))
        return
    for field in schema.fields:
        seen = ", ".join(field.levels or ()) or f"{field.minimum} to {field.maximum}"
        typer.echo(f"{field.name}: {field.description.rstrip('.')}. Seen: {seen}")


@models.command()
def sales(
    model: Model = "champion",
    attribute: Annotated[
        list[str] | None, typer.Option(help="What is told of each beside its price.")
    ] = None,
) -> None:
    """The rows that a version has learnt from and remembers, as CSV."""
    import csv
    import sys

    from app.serving.explanations import remembered
    from app.serving.predictors import serving
    from app.store.sessions import readers

    _prepare()
    with readers()() as session:
        served = serving(session, model)
    found, schema = remembered(served, attribute or ()), served.predictor.card.input_schema
    lines = csv.writer(sys.stdout, lineterminator="\n")
    lines.writerow([schema.id_column or "row", schema.target_column, *found.attributes])
    lines.writerows(zip(found.ids, found.sold, *found.attributes.values(), strict=True))


@models.command()
def judge(
    model: Model,
    against: Annotated[str, typer.Option(help="Whose place it would take.")] = "champion",
    as_json: Json = False,
) -> None:
    """Whether a version may take another's place: what the gate asks, and what was found; ends with
    4 where it may not."""
    from app.bodies import Against
    from app.serving.predictors import gate
    from app.store.registry import Registry
    from app.store.sessions import readers

    _prepare()
    with readers()() as session:
        registry = Registry(session)
        one, other = (registry.get(name)[0].id for name in (model, against))
        found = Against.of(gate(one, other))
    if as_json:
        typer.echo(found.model_dump_json(indent=1))
    else:
        typer.echo(found.sentence)
        for asked in found.questions:
            typer.echo(f"{'holds' if asked.passed else 'fails'}  {asked.name}: {asked.found}")
    if not found.passes:
        raise typer.Exit(4)


@models.command()
def delete(
    model: Model,
    prices: Annotated[
        int, typer.Option(min=0, help="How many prices told of its answers may go with it.")
    ] = 0,
) -> None:
    """Forget a version that has no name, with the job that made it: curves, answers and all."""
    from app import lifecycle
    from app.store.registry import Registry
    from app.store.sessions import writers

    _prepare()
    with writers().begin() as session:
        version, job = Registry(session).get(model)
        said = f"Version {version.id} is deleted, and job {job.id} with it."
        lifecycle.delete(session, job, prices)
    typer.echo(said)


@models.command()
def retrain(
    model: Model = "champion",
    way: Annotated[
        Literal["prices", "weights"],
        typer.Option(help="From prices that came, or by weights towards what was asked."),
    ] = "prices",
) -> None:
    """Learn what a version has learnt, and from each price that came since, or by weights: a job
    for a worker."""
    from app.retraining import retrain as begin
    from app.store.sessions import writers

    _prepare()
    with writers().begin() as session:
        job = begin(session, model, way=way)
        said = f"Job {job.id} is queued: {job.label}."
    typer.echo(f"{said} What it leaves answers nobody until it is promoted.")


@models.command()
def promote(
    model: Model,
    reason: Reason = "",
    who: Who = "",
    instead_of: InsteadOf = None,
    force: Annotated[bool, typer.Option("--force", help="Past the gate, for a reason.")] = False,
) -> None:
    """Let a version answer in the champion's place, where the gate lets it."""
    from app import promotions

    terms: dict[str, Any] = {"who": who or _me(), "reason": reason, "instead_of": instead_of}
    _move(lambda session: promotions.promote(session, model, force=force, **terms))


@models.command()
def rollback(reason: Reason = "", who: Who = "", instead_of: InsteadOf = None) -> None:
    """Let the version answer again that did so before."""
    from app import promotions

    terms: dict[str, Any] = {"who": who or _me(), "reason": reason, "instead_of": instead_of}
    _move(lambda session: promotions.roll_back(session, **terms))


@models.command()
def name(
    name: Annotated[str, typer.Argument(help="The name, e.g. challenger.")],
    model: Annotated[str, typer.Argument(help="A version; left out, the name is taken away.")] = "",
    reason: Reason = "",
    who: Who = "",
) -> None:
    """Let a name point at a version, or at none."""
    from app import promotions

    terms: dict[str, Any] = {"who": who or _me(), "reason": reason}
    if model:
        _move(lambda session: promotions.name(session, name, model, **terms))
    else:
        _move(lambda session: promotions.remove(session, name, **terms))


@models.command()
def history() -> None:
    """Who moved which name, when and why."""
    from app.store.registry import Registry
    from app.store.sessions import readers

    _prepare()
    with readers()() as session:
        moves = Registry(session).history()
    for move in moves:
        typer.echo(f"{move.at:%Y-%m-%d %H:%M} {told(move)}")


def told(move: "AliasMove") -> str:
    """A move in words."""
    if move.act == "first":
        return f"{move.alias} is {move.after}, the first to answer"
    where = f"from {move.before} to {move.after}" if move.before else f"to {move.after}"
    if move.after is None:
        where = f"from {move.before}"
    forced = ", forced" if move.forced else ""
    why = f": {move.reason}" if move.reason else ""
    return f"{move.alias} {move.act} {where} by {move.who}{forced}{why}"


def _move(step: "Callable[[Session], AliasMove]") -> None:
    from app.store.sessions import writers

    _prepare()
    with writers().begin() as session:
        move = step(session)
        said = told(move)
        evidence = move.evidence
    typer.echo(said)
    if evidence:
        typer.echo(evidence)


def _prepare() -> None:
    from app.store.migrations import bring_to_head

    bring_to_head()


def _me() -> str:
    """Who runs the command, as the system knows them."""
    try:
        return getpass.getuser()[:100]
    except (OSError, KeyError):  # a container's user may have no name
        return "the command line"
