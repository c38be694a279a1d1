"""Promotion: may a version take the champion's place; fold by fold, and what that changes."""

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Form
from fastapi import Query as Param
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import promotions
from app.cards import TARGET, described, fifth_names, sides
from app.dashboard import views
from app.dashboard.rendering import render
from app.dashboard.scales import Bar, Scale
from app.pages.models import NOBODY, Reason, Who
from app.serving.predictors import gate, serving, told
from app.store.answers import Answers
from app.store.jobs import RunStore
from app.store.registry import CHAMPION, Registry
from app.store.sessions import DbSession, ReadSession
from ml.predictor import Card, Gate, Later, Words

router = APIRouter()
SAME = 1e-6  # of a log price, or of the largest value: float32 tells no more
MOVERS = 8  # rows whose answer moves most


@router.get("/models/{model}/promote")
def judge(
    request: Request,
    model: str,
    session: ReadSession,
    without: Annotated[bool, Param(description="Leave out the rows that decide.")] = False,
) -> Response:
    """The gate, and what it rests on."""
    registry = Registry(session)
    version, job = registry.get(model)
    names, champion = registry.names(), registry.champion()
    lately = Answers(session).lately()
    one = described(version, job, names, champion, lately)
    other = described(*champion, names, champion, lately) if champion else None
    found = gate(version.id, champion[0].id) if champion and one.beside else None
    card = None if one.fault else told(version.id)[0]
    others = [row for row in registry.versions(8) if row[0].id != names.get(CHAMPION)]
    return render(
        request,
        "promote.html",
        bar=views.bar(RunStore(session).counts()),
        one=one,
        other=other,
        gate=found,
        words=card.words if card else None,
        pairs=_pairs(found, without=without) if found else None,
        people=_people(found, card) if found and card else None,
        priced=_priced(found) if isinstance(found, Later) else None,
        groups=_groups(found, session) if found else None,
        fifths=fifth_names(found.one, card) if found and found.one and card else [],
        without=without,
        least=promotions.LEAST_REASON,
        versions=[row[0].id for row in others],
    )


def _pairs(found: Gate, *, without: bool) -> dict[str, Any] | None:
    """Fold by fold: both errors, and their difference enlarged beside them."""
    if found.compared is None:
        return None
    pairs = found.without if without else found.compared
    mean, half = pairs.difference
    d = pairs.errors - pairs.others
    errors = Scale.over([*pairs.errors, *pairs.others])
    apart = Scale.over([*d, mean - half, mean + half], zero=True)
    rows = [
        {
            "seed": i // pairs.k,
            "fold": i % pairs.k + 1,
            "mine": errors.at(a),
            "other": errors.at(b),
            "at": apart.at(a - b),
            "difference": a - b,
            "numbers": (a, b),
        }
        for i, (a, b) in enumerate(zip(pairs.errors.tolist(), pairs.others.tolist(), strict=True))
    ]
    mine, other = pairs.errors.mean(), pairs.others.mean()
    return {
        "rows": rows,
        "ahead": int((d < 0).sum()),
        "spread": float(np.ptp(pairs.others)),
        "mean": mean,
        "half": half,
        "mine": errors.at(mine),
        "other": errors.at(other),
        "bar": Bar.of(apart, mean, half, pairs.floor),
        "zero": apart.at(0),
        "errors": errors.ticks(4),
        "apart": apart.ticks(5),
        "deciding": [row + 1 for row in found.deciding.tolist()],
        "k": pairs.k,
    }


def _priced(found: Later) -> dict[str, Any] | None:
    """Rows whose value came: by how much the error of all and of some changes."""
    if found.reason or found.one is None or found.beside is None:
        return None
    parts = found.parts
    scale = Scale.over(
        [end for p in parts for end in (p.difference - p.half, p.difference + p.half)], zero=True
    )
    before, after = (float(np.sqrt(each.square.mean())) for each in (found.beside, found.one))
    return {
        "before": before,
        "after": after,
        "rows": len(found.one.target),
        "ahead": int((found.one.square < found.beside.square).sum()),
        "parts": [(part, Bar.of(scale, part.difference, part.half)) for part in parts],
        "ticks": scale.ticks(5),
        "zero": scale.at(0),
    }


def _people(found: Gate, card: Card) -> dict[str, Any] | None:
    """By how much answers change, out of fold, and for whom most."""
    if found.reason or found.one is None or found.beside is None:
        return None
    words, names = card.words, found.names if isinstance(found, Later) else ()
    known = np.flatnonzero(found.one.known & found.beside.known)
    mine, other = (each.each(each.said)[known] for each in (found.one, found.beside))
    target, change = found.one.target[known].astype(np.float64), mine - other
    nearer = np.abs(target - other) - np.abs(target - mine)
    same = SAME * (1.0 if words.log else float(np.abs(target).max()))
    most = np.argsort(-np.abs(change), kind="stable")[:MOVERS].tolist()
    values, moves = card.target.priced(np.array([other, mine, target])), words.apart(change)
    scale = Scale.over(values[0].tolist(), log=words.log)
    up = float(np.abs(change).max()) * 1.05 or 1.0
    dots = "".join(
        f"M{float(scale.at(value)[:-1]) * 10:.0f} {100 - 100 * by / up:.0f}h0"
        for value, by in zip(values[0].tolist(), change.tolist(), strict=True)
    )
    half, nine = np.quantile(np.abs(moves), (0.5, 0.9)).tolist()
    return {
        "half": _far(half, words),
        "nine": _far(nine, words),
        "nearer": float((nearer > same).mean()),
        "farther": float((nearer < -same).mean()),
        "rows": [
            {
                "row": names[known[i]] if names else int(known[i]) + 1,
                "values": [words.written(value) for value in values[:, i].tolist()],
                "change": _change(float(moves[i]), words),
                "where": _where(float(nearer[i]), same),
            }
            for i in most
        ],
        "dots": dots,
        "ends": (_change(float(words.apart(np.array(-up))), words),
                 _change(float(words.apart(np.array(up))), words)),
        "ticks": _ticks(scale, words),
    }  # fmt: skip


def _far(by: float, words: Words) -> str:
    """A move without its direction: in per cent, or in the target's unit."""
    return f"{by:.1f} %" if words.log else words.written(by)


def _change(by: float, words: Words) -> str:
    """A move up or down."""
    sign = "−" if by < 0 else "+"
    return f"{by:+.0f}%" if words.log else f"{sign}{words.written(abs(by))}"


def _where(nearer: float, same: float) -> str:
    """Whether an answer moves towards what came, by how much it does."""
    if abs(nearer) <= same:
        return "as near"
    return "nearer" if nearer > 0 else "farther"


def _ticks(scale: Scale, words: Words) -> list[tuple[str, str]]:
    if words.rows != "houses":
        return scale.ticks()
    return [
        (f"${at / 1000:g}k", scale.at(at))
        for at in (50_000, 100_000, 200_000, 400_000, 800_000)
        if scale.low < at < scale.high
    ]


def _groups(found: Gate, session: ReadSession) -> dict[str, Any] | None:
    """Whose error changes by how much: fifths of the target, and what errors are told by."""
    if found.reason or found.one is None:
        return None
    of = {TARGET: found.fifths}
    sales, by = _remembered(found, session) if found.compared else (0, {})
    for column, labels in by.items():
        of[column] = [found.group(name, labels == name) for name in np.unique(labels).tolist()]
    shown = {
        column: [group for group in groups if column == TARGET or group.n >= 20]
        for column, groups in of.items()
    }
    ends = [
        end
        for groups in shown.values()
        for group in groups
        for end in (group.difference - group.half, group.difference + group.half)
    ]
    scale = Scale.over(ends, zero=True)
    return {
        "columns": {
            column: [(group, Bar.of(scale, group.difference, group.half)) for group in groups]
            for column, groups in shown.items()
        },
        "sides": sides(shown),
        "worse": [group.name for groups in shown.values() for group in groups if group.worse],
        "ticks": scale.ticks(4),
        "zero": scale.at(0),
        "few": any(len(shown[column]) < len(of[column]) for column in of),
        "sales": sales,
    }


def _remembered(found: Gate, session: ReadSession) -> tuple[int, dict[str, Any]]:
    """Labels of the rows, where one of both remembers them."""
    assert found.one is not None
    for name in (found.mine, found.other):
        predictor = serving(session, int(name.rpartition(" ")[2])).predictor
        if len(predictor.sales) == len(found.one.target):
            return len(predictor.sales), predictor.labels()
    return 0, {}


@router.post("/models/{model}/promote")
def promote(
    model: str,
    session: DbSession,
    instead_of: Annotated[int | None, Form()] = None,
    force: Annotated[bool, Form()] = False,
    who: Who = "",
    reason: Reason = "",
) -> Response:
    """Let it answer, and show the models."""
    promotions.promote(
        session, model, who=who.strip() or NOBODY, reason=reason, force=force,
        instead_of=instead_of,
    )  # fmt: skip
    return RedirectResponse("/models", 303)
