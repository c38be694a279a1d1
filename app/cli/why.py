"""`ridgeline why`: what an answer to one row rests on, and what to ask first."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.serving.explanations import Why
    from ml.predictor import Words

BAD_INPUT = 2  # exit code

Json = Annotated[bool, typer.Option("--json", help="Only JSON on stdout.")]


def why(
    row: Annotated[list[str], typer.Argument(help="What is known, as Field=value.")],
    model: Annotated[
        str, typer.Option(help="Who answers: a version's number or name.")
    ] = "champion",
    what_if: Annotated[list[str] | None, typer.Option(help="A field to turn.")] = None,
    count: Annotated[int, typer.Option(min=1, max=20, help="How many sales and fields.")] = 5,
    as_json: Json = False,
) -> None:
    """Answer one row, and say why, what to ask first, and what if."""
    from app.errors import Complaint
    from app.serving import explanations
    from app.serving.predictors import serving
    from app.serving.prices import check
    from app.store.migrations import bring_to_head
    from app.store.sessions import readers

    pairs = [word.partition("=") for word in row]
    if not all(equals for _, equals, _ in pairs):
        raise Complaint("What is known must be Field=value.", BAD_INPUT)
    bring_to_head()
    with readers()() as session:
        served = serving(session, model)
    checked = check(served, [{name: value for name, _, value in pairs}], ["row"], strict=False)
    found = explanations.why(served, checked, count, what_if or ())
    words = served.predictor.card.words
    typer.echo(found.model_dump_json(indent=1) if as_json else "\n".join(_lines(found, words)))
    for warning in checked.rows[0].warnings:
        typer.echo(warning.message, err=True)


def _lines(found: "Why", words: "Words") -> Iterator[str]:
    asked, low, high = found.ask_first, words.written(found.low), words.written(found.high)
    yield f"{words.written(found.price)}, {low} to {high} in 9 of 10 such {words.rows}."
    yield asked.sentence
    for ask in asked.ask_first:
        yield f"  {words.around(ask.within)} with {ask.attribute}"
    if asked.form_known is not None:
        yield f"  {words.around(asked.form_known)} with all that is asked first"
    yield f"  {words.around(asked.all_known)} with everything"
    yield f"From {words.written(found.reasons.typical)}, a typical {words.row}:"
    for reason in found.reasons.reasons:
        yield f"  {_signed(reason.dollars, words)} {reason.group}: {', '.join(reason.differs)}"
    yield f"  {_signed(found.reasons.error, words)} left over"
    for sale in found.comparables.sales if found.comparables else ():
        says = f"{words.written(sale.sold)} says {words.written(sale.says)}"
        yield f"{words.row} {sale.id}: {says}, counts {sale.weight:.1%}"
    for curve in found.what_if:
        yield f"{curve.attribute}: alone, and with what must move"
        for value, alone, both in zip(curve.values, curve.alone, curve.together, strict=True):
            yield f"  {value:g}: {words.written(alone.price)}, {words.written(both.price)}"


def _signed(by: float, words: "Words") -> str:
    return f"{'+' if by > 0 else '−' if by < 0 else ''}{words.written(abs(by))}"
