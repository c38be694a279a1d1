"""Models: who answers, who stands ready, whether it is really better, and who moved which name."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi import Query as Param
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import promotions
from app.bodies import Model, Standing
from app.cards import described, words_of
from app.dashboard import views
from app.dashboard.rendering import render
from app.dashboard.scales import Bar, Scale, stacked
from app.serving.predictors import gate
from app.settings import settings
from app.store.answers import Answers
from app.store.jobs import RunStore
from app.store.models import LARGEST
from app.store.registry import CHAMPION, Registry
from app.store.sessions import DbSession, ReadSession
from ml.predictor import Words

router = APIRouter()
CHALLENGER = "challenger"
PAGE = 50  # versions
Who = Annotated[str, Form(max_length=100)]
Reason = Annotated[str, Form(max_length=1000)]
NOBODY = "the dashboard"


@router.get("/models")
def list_models(
    request: Request,
    session: ReadSession,
    before: Annotated[int, Param(ge=1, le=LARGEST, description="Versions before this one.")] = (
        LARGEST
    ),
) -> Response:
    """All versions beside the champion, a page of them at a time; names and their history."""
    registry = Registry(session)
    names, champion = registry.names(), registry.champion()
    page, lately = registry.versions(PAGE + 1, before), Answers(session).lately()
    rows = [described(version, job, names, champion, lately) for version, job in page[:PAGE]]
    named = [registry.find(name) for name in (CHAMPION, CHALLENGER)]
    first, next_one = (
        described(*each, names, champion, lately) if each else None for each in named
    )
    if first and next_one and first.version == next_one.version:
        next_one = None  # it answers already
    kinds = {row.version: words_of(row.version) for row in rows}
    measure, noun = _called(kinds.values())
    spreads = {kind: _spread(rows, kinds, kind) for kind in kinds.values()}
    apart = Scale.around([end for row in rows for end in _ends(row.beside)])
    return render(
        request,
        "models.html",
        bar=views.bar(RunStore(session).counts()),
        rows=[_drawn(row, spreads[kinds[row.version]], apart) for row in rows],
        measure=measure,
        noun=noun,
        words=words_of(first.version) if first else None,
        zero=apart.at(0),
        total=registry.count(),
        next=page[PAGE - 1][0].id if len(page) > PAGE else None,
        whole=before == LARGEST and len(page) <= PAGE,
        champion=first,
        challenger=next_one,
        beside=_picture(next_one, first),
        sentence=_sentence([*rows, *filter(None, [first])], first, next_one),
        names=names,
        history=registry.history(),
        can_go_back=registry.previous(),
        promotes=settings().promote,
    )


def _spread(rows: Iterable[Model], kinds: Mapping[int, Words | None], kind: Words | None) -> Scale:
    """One axis for the folds of all versions that predict the same."""
    alike = (row for row in rows if kinds[row.version] == kind)
    return Scale.over(error for row in alike for fold in row.folds for error in fold)


def _called(kinds: Iterable[Words | None]) -> tuple[str, str]:
    """What errors and rows of all these versions are called; of several kinds in general."""
    known = [kind for kind in kinds if kind]
    measures, rows = {kind.measure for kind in known}, {kind.row for kind in known}
    return (
        measures.pop() if len(measures) == 1 else "error",
        rows.pop() if len(rows) == 1 else "row",
    )


def _ends(one: Standing | None) -> tuple[float, ...]:
    """Of the interval of a difference; none where there is no such."""
    if one is None or one.difference is None or one.half is None:
        return ()
    return one.difference - one.half, one.difference + one.half


def _drawn(row: Model, spread: Scale, apart: Scale) -> dict[str, Any]:
    """A row with where its marks stand."""
    folds, ends = [error for fold in row.folds for error in fold], _ends(row.beside)
    return {
        "model": row,
        "folds": [spread.at(error) for error in folds],
        "mean": spread.at(row.valid) if row.valid is not None else None,
        "bar": Bar.of(apart, sum(ends) / 2, (ends[1] - ends[0]) / 2) if ends else None,
    }


def _picture(one: Model | None, other: Model | None) -> dict[str, Any] | None:
    """Differences of the challenger, fold by fold."""
    if one is None or other is None or one is other:
        return None
    pairs = gate(one.version, other.version).compared
    if pairs is None:
        return None
    d, (mean, half) = (pairs.errors - pairs.others).tolist(), pairs.difference
    scale = Scale.around([*d, mean - half, mean + half])
    return {
        "dots": stacked(scale, d),
        "bar": Bar.of(scale, mean, half),
        "zero": scale.at(0),
        "pairs": len(d),
        "k": pairs.k,
    }


def _sentence(rows: list[Model], champion: Model | None, challenger: Model | None) -> str:
    """Who answers, who stands ready, and who else has the lowest error."""
    said = ["Nobody answers: no version is the champion."]
    if champion:
        said = [f"Version {champion.version} answers."]
    if challenger and challenger.beside:
        said.append(challenger.beside.sentence)
    # of other rows, and of what else is predicted, the mean says nothing
    asked = words_of((champion or rows[0]).version) if rows else None
    known = [
        row
        for row in rows
        if row.valid is not None
        and not (row.beside and row.beside.on == "rows")
        and words_of(row.version) == asked
    ]
    best = min(known, key=lambda row: row.valid or 0, default=None)
    shown = {one.version for one in (champion, challenger) if one}
    if best and best.version not in shown:
        said.append(
            f"Version {best.version} has the lowest mean error, {best.valid:.4f}{_but(best)}."
        )
    return " ".join(said)


def _but(best: Model) -> str:
    """What its lead over the champion is worth."""
    one = best.beside
    if one is None:
        return ""
    if not one.comparable:
        return ", but on other terms: the two cannot be compared"
    if one.passes:
        return ", and would pass the gate"
    if one.better:
        return ", and is better, but the gate holds it back"
    return ", but cannot be told from luck yet"


@router.post("/models/names")
def name(
    session: DbSession,
    alias: Annotated[str, Form(max_length=100)],
    model: Annotated[str, Form(max_length=40)],
    who: Who = "",
    reason: Reason = "",
) -> Response:
    """Let a name point at a version."""
    promotions.name(session, alias.strip(), model.strip(), who=who.strip() or NOBODY, reason=reason)
    return RedirectResponse("/models", 303)


@router.post("/models/names/remove")
def remove(
    session: DbSession,
    alias: Annotated[str, Form(max_length=100)],
    who: Who = "",
    reason: Reason = "",
) -> Response:
    """Take a name away."""
    promotions.remove(session, alias, who=who.strip() or NOBODY, reason=reason)
    return RedirectResponse("/models", 303)


@router.post("/models/rollback")
def roll_back(
    session: DbSession,
    instead_of: Annotated[int | None, Form()] = None,
    who: Who = "",
    reason: Reason = "",
) -> Response:
    """Let the version answer again that did so before."""
    promotions.roll_back(session, who=who.strip() or NOBODY, reason=reason, instead_of=instead_of)
    return RedirectResponse("/models", 303)
