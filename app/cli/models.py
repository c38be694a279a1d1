"""`ridgeline models`: who answers, who stands beside, and how a name moves."""

import getpass
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.store.models import AliasMove

models = typer.Typer(help="The versions that price: who answers, and why.", no_args_is_help=True)

Model = Annotated[str, typer.Argument(help="A version's number or name.")]
Reason = Annotated[str, typer.Option(help="Why; it stays in the history.")]
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
        rows = [described(*row, names, champion, lately) for row in registry.versions()]
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
def retrain(model: Model = "champion") -> None:
    """Learn what a version has learnt, and from each price that came since: a job for a worker."""
    from app.retraining import retrain as begin
    from app.store.sessions import writers

    _prepare()
    with writers().begin() as session:
        job = begin(session, model)
        said = f"Job {job.id} is queued: {job.label}."
    typer.echo(f"{said} What it leaves answers nobody until it is promoted.")


@models.command()
def promote(
    model: Model,
    reason: Reason = "",
    force: Annotated[bool, typer.Option("--force", help="Past the gate, for a reason.")] = False,
) -> None:
    """Let a version answer in the champion's place, where the gate lets it."""
    from app import promotions

    who = _me()
    _move(lambda session: promotions.promote(session, model, who=who, reason=reason, force=force))


@models.command()
def rollback(reason: Reason = "") -> None:
    """Let the version answer again that did so before."""
    from app import promotions

    who = _me()
    _move(lambda session: promotions.roll_back(session, who=who, reason=reason))


@models.command()
def name(
    name: Annotated[str, typer.Argument(help="The name, e.g. challenger.")],
    model: Annotated[str, typer.Argument(help="A version; left out, the name is taken away.")] = "",
    reason: Reason = "",
) -> None:
    """Let a name point at a version, or at none."""
    from app import promotions

    who = _me()
    if model:
        _move(lambda session: promotions.name(session, name, model, who=who, reason=reason))
    else:
        _move(lambda session: promotions.remove(session, name, who=who, reason=reason))


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
