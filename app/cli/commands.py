"""The command line: `ridgeline --help`."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  (pip would say so, but not everybody asks pip)
    sys.exit(f"Ridgeline needs Python 3.11 or later; this is {sys.version.split()[0]}.")

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.compare import compare
from app.cli.models import models
from app.cli.monitor import actuals, monitor
from app.cli.tables import tables
from app.cli.why import why

if TYPE_CHECKING:
    from ml.experiment import Experiment

# all else is imported by the command that needs it: `--help` shall not wait for torch

cli = typer.Typer(
    name="ridgeline",
    help="Train the multilayer perceptrons of a textbook chapter, watch them, use them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
db = typer.Typer(help="The run store.", no_args_is_help=True)
cli.add_typer(db, name="db")
cli.add_typer(models, name="models")
cli.add_typer(tables, name="tables")
cli.command()(compare)
cli.command()(why)
cli.command()(monitor)
cli.command()(actuals)

FLAGS = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,  # they are the fields of the experiment
    "help_option_names": [],
}
Name = Annotated[str, typer.Argument(help="The experiment, e.g. kaggle_house.", metavar="NAME")]
PresetName = Annotated[str | None, typer.Option("--preset", help="Start from a preset's values.")]
Timeout = Annotated[
    float | None, typer.Option(min=1, max=604_800, help="Seconds an attempt may take.")
]
Json = Annotated[bool, typer.Option("--json", help="Only JSON on stdout.")]
Submission = Annotated[Path | None, typer.Option(help="Where to write submission.csv.")]
Parent = Annotated[int | None, typer.Option(hidden=True, help="End when this process does.")]


def main() -> None:
    """Run a command; a foreseeable failure is a sentence on stderr, and so is a warning."""
    warnings.showwarning = lambda message, *_, **__: print(message, file=sys.stderr)  # noqa: T201
    try:
        code = cli(standalone_mode=False)
    except KeyboardInterrupt:
        code = 130
    except Exception as error:
        from app.cli.exit_codes import explain

        text, code = explain(error)
        if not text:
            raise
        print(text, file=sys.stderr)  # noqa: T201
    sys.exit(code if isinstance(code, int) else 0)


@cli.command(context_settings=FLAGS)
def train(
    ctx: typer.Context,
    name: Name = "",
    submission: Submission = None,
    preset: PresetName = None,
    timeout: Timeout = None,
    as_json: Json = False,
) -> None:
    """Train an experiment here and now: `train NAME [--field value ...]`; no server is needed.

    `ridgeline train NAME --help` lists the fields.
    """
    if _wants_help(ctx, name):
        return
    from app import logs
    from app.cli import flags, progress, steps
    from app.cli.train import train_here
    from app.engine.runners import Processes
    from app.store.migrations import bring_to_head

    logs.configure("WARNING")
    out, err = steps.consoles(quiet=as_json)
    runner = Processes()  # it loads torch while we do
    experiment = flags.read(name, preset, ctx.args)
    if submission:
        steps.check_submission(experiment.name, submission)
    steps.fetch(experiment.name, err)
    bring_to_head()
    job, reading = train_here(experiment, runner, err, timeout=timeout)
    if as_json:
        typer.echo(steps.as_json(job, reading))
    progress.report(reading, out)
    steps.ended_well(job.id)
    if submission:
        steps.write_submission(job.id, submission)
        out.print(f"submission.csv written: {submission}", highlight=False)


@cli.command(context_settings=FLAGS)
def submit(
    ctx: typer.Context,
    name: Name = "",
    preset: PresetName = None,
    timeout: Timeout = None,
    as_json: Json = False,
) -> None:
    """Queue an experiment for the workers: `submit NAME [--field value ...]`."""
    if _wants_help(ctx, name):
        return
    from app.cli import flags

    _queue(flags.read(name, preset, ctx.args), timeout, as_json=as_json)


@cli.command(context_settings=FLAGS)
def sweep(
    ctx: typer.Context,
    name: Name = "",
    method: Annotated[str, typer.Option(help="grid: every combination; random: some.")] = "grid",
    trials: Annotated[str, typer.Option(help="Combinations that random draws.")] = "64",
    eta: Annotated[
        str, typer.Option(help="Halving: at each rung one of so many trials goes on; 1 drops none.")
    ] = "1",
    preset: PresetName = None,
    timeout: Timeout = None,
    as_json: Json = False,
) -> None:
    """Queue many values of an experiment, side by side: `sweep NAME --lr 0.001..0.1 [...]`.

    A field takes 0,0.3 or 0.001..0.1, with " log" by factors and a number for the points of a
    grid: "0.001..0.1 log 7". Layers are written 128-64: `--num-hiddens "64, 128-64"`.
    """
    if _wants_help(ctx, name):
        return
    from app.cli import flags

    own = {"method": method, "trials": trials, "eta": eta}
    _queue(flags.read_sweep(name, preset, ctx.args, own), timeout, as_json=as_json)


def _queue(experiment: "Experiment", timeout: float | None, *, as_json: bool) -> None:
    from app import lifecycle
    from app.bodies import Terms
    from app.cli import steps
    from app.results.reading import Reading
    from app.store.jobs import RunStore
    from app.store.migrations import bring_to_head
    from app.store.requirements import waiting_for
    from app.store.sessions import writers

    bring_to_head()
    with writers().begin() as session:
        job = lifecycle.submit(session, experiment, Terms(timeout=timeout))
        waits = waiting_for(job, RunStore(session).workers())
    said = f"Job {job.id} is queued" + (f": {job.label}." if experiment.name == "sweep" else ".")
    typer.echo(steps.as_json(job, Reading()) if as_json else said)
    if waits:
        typer.echo(waits, err=True)


@cli.command()
def submission(
    job: Annotated[int, typer.Argument(help="Number of the job.")],
    path: Annotated[Path, typer.Argument(help="The file to write.")],
) -> None:
    """Write the submission.csv of a job that has made a predictor: of houses, or of the test table
    beside the one that it has learnt from."""
    from app.cli import steps
    from app.store.migrations import bring_to_head

    bring_to_head()
    steps.write_submission(job, path)
    typer.echo(f"submission.csv written: {path}")


@cli.command()
def preflight(
    file: Annotated[Path, typer.Argument(help="A submission.csv, whoever has written it.")],
    as_json: Json = False,
) -> None:
    """Check a submission as it is, before it is uploaded; ends with 4 where it fails."""
    from app.cli import steps
    from app.serving.predictors import champion
    from app.serving.submissions import looked_at
    from app.store.migrations import bring_to_head
    from app.store.sessions import readers

    body = file.read_bytes()
    bring_to_head()
    with readers()() as session:
        found = looked_at(body, champion(session))
    typer.echo(found.model_dump_json() if as_json else steps.preflighted(found))
    if not found.ready:
        raise typer.Exit(4)


@cli.command()
def predict(
    csv: Annotated[Path | None, typer.Argument(help="Houses, else Kaggle's test.csv.")] = None,
    model: Annotated[
        str, typer.Option(help="Who answers: a version's number or name.")
    ] = "champion",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Else stdout.")] = None,
    strict: Annotated[bool, typer.Option(help="Refuse what training has not seen.")] = False,
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="Column=field, once a column.")
    ] = None,
    by_job: Annotated[
        bool, typer.Option("--job", help="By a worker, which goes on when this command is ended.")
    ] = False,
    keep: Annotated[bool, typer.Option(help="Keep the answers, for the monitor.")] = True,
) -> None:
    """Price the houses of a table, however spelled and packed; CSV comes out, remarks on stderr."""
    from app.cli import files, flags, pricing
    from app.settings import settings
    from app.store.migrations import bring_to_head
    from ml.data import hub

    file = csv or hub.download("kaggle_house_test", settings().cache_dir)
    pairs = flags.mapping(mapping)
    if output:
        files.check_writable(output)
    bring_to_head()
    price = pricing.price_by_job if by_job else pricing.price_here
    price(file, model, output, strict=strict, mapping=pairs, keep=keep)


@cli.command()
def verify(
    wanted: Annotated[str | None, typer.Argument(help="Experiment or section.")] = None,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="How many seeds to run.")] = 1,
    as_json: Json = False,
) -> None:
    """Compute the claims of the book anew: exit code 1 where one fails."""
    import json
    import time

    from app.cli import progress, steps
    from app.cli import verify as verifying

    start = time.monotonic()

    out, err = steps.consoles(quiet=as_json)
    names = verifying.chosen(wanted)
    for name in names:
        steps.fetch(name, err)
    verdicts = verifying.verify(names, seeds, err)
    if as_json:
        typer.echo(json.dumps(verdicts, indent=1))
    for name in names:
        checks = [
            found | {"name": found["check"]} for found in verdicts if found["experiment"] == name
        ]
        out.print(progress.checks_table(checks, name), highlight=False)
    held, took = sum(verdict["passed"] for verdict in verdicts), time.monotonic() - start
    if not as_json:
        out.print(f"{held:,} of {len(verdicts):,} checks hold, in {took:.0f} s.", highlight=False)
    raise typer.Exit(0 if all(verdict["passed"] for verdict in verdicts) else 1)


@cli.command()
def serve(parent: Parent = None) -> None:
    """Serve the dashboard and the API; `ridgeline worker` does the work."""
    from app import logs
    from app.cli.serve import serve as serve_here
    from app.cli.up import free_port
    from app.engine.orphans import stay_with
    from app.settings import settings
    from app.store.migrations import bring_to_head

    if parent:
        stay_with(parent)
    logs.configure()
    port = free_port(settings().host, settings().port)
    bring_to_head()
    serve_here(settings().host, port)


@cli.command()
def worker(parent: Parent = None) -> None:
    """Work on the queued jobs until told to stop."""
    import structlog
    from sqlalchemy import make_url

    from app import logs
    from app.engine.orphans import stay_with
    from app.engine.runners import Processes
    from app.engine.worker import Worker
    from app.settings import settings
    from app.store.migrations import bring_to_head
    from app.store.sessions import writers

    if parent:
        stay_with(parent)
    logs.configure()
    bring_to_head()
    log = structlog.get_logger()
    log.info("Working.", store=make_url(settings().url).render_as_string(), slots=settings().slots)
    working = Worker(writers(), Processes())
    working.heed_signals()
    working.work()


@cli.command()
def up(
    train: Annotated[str | None, typer.Option(help="An experiment to train, once.")] = None,
    submission: Submission = None,
) -> None:
    """Serve and work, until Ctrl-C; with --train also train, unless that has been done."""
    from app.cli import flags, steps
    from app.cli.up import serving
    from app.store.migrations import bring_to_head

    out, err = steps.consoles()
    if train:
        train = flags.known(train)
    if submission:
        steps.check_submission(train, submission)
    if train:
        steps.fetch(train, err)
    bring_to_head()
    with serving() as service:
        out.print(f"Ridgeline is at {service.address} (Ctrl-C ends it)", highlight=False)
        if train:
            steps.train_once(service, train, submission, out, err)
        service.wait()


@db.command()
def upgrade() -> None:
    """Make the run store, or bring it to this version's schema."""
    from sqlalchemy.engine import make_url

    from app.settings import settings
    from app.store.migrations import bring_to_head, heads

    bring_to_head()

    typer.echo(f"{make_url(settings().url)!r} is at revision {', '.join(heads())}.")


def _wants_help(ctx: typer.Context, name: str) -> bool:
    """Print help where it is asked for, with the fields where an experiment is named."""
    if "--help" not in {name, *ctx.args}:
        return False
    typer.echo(ctx.get_help())
    if name not in ("", "--help"):
        from rich.console import Console

        from app.cli import flags

        Console().print(flags.table(name))
    return True
