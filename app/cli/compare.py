"""`ridgeline compare`: jobs beside each other."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.bodies import ComparedJob, Comparison


def compare(
    jobs: Annotated[list[int], typer.Argument(help="Numbers of up to 20 jobs.", min=1)],
    as_json: Annotated[bool, typer.Option("--json", help="Only JSON on stdout.")] = False,
) -> None:
    """Set jobs beside each other: which is better, and whether that is more than chance."""
    from app.comparisons import compare as compared
    from app.store.migrations import bring_to_head
    from app.store.sessions import readers

    bring_to_head()
    with readers()() as session:
        told = compared(session, jobs).told
    typer.echo(told.model_dump_json() if as_json else _lines(told))


def _lines(told: "Comparison") -> str:
    """The sentence, each job, and what differs of their fields."""
    lines = [told.sentence, *told.notes, "", *map(_line, told.jobs)]
    if told.differs:
        lines += ["", "What differs:"]
        width = max(len(row.field) for row in told.differs)
        lines += [
            f"  {row.field:{width}}  " + "; ".join(
                f"{one.letter} {value or 'none'}"
                for one, value in zip(told.jobs, row.values, strict=True)
            )
            for row in told.differs
        ]  # fmt: skip
    return "\n".join(lines)


def _line(one: "ComparedJob") -> str:
    from app.typography import metric

    name = f"{one.letter}  #{one.job} {one.experiment}, {one.label}"
    if one.value is None:
        return f"{name}: {one.reason}"
    of = ", ".join(filter(None, (one.setting, one.mean_of)))
    return f"{name}: {one.measure} {metric(one.value)}, {of}"
