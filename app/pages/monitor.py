"""Monitor: whether the world is still the one that was learnt from."""

import io
from collections import Counter
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, UploadFile
from fastapi import Query as Param
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import bodies
from app.dashboard import views
from app.dashboard.rendering import render
from app.dashboard.scales import Bar, Scale
from app.errors import Conflict, Invalid
from app.monitor import tell, watch
from app.retraining import Way, retrain
from app.serving.predictors import told
from app.store.jobs import RunStore
from app.store.registry import CHAMPION, Registry
from app.store.sessions import DbSession, ReadSession

router = APIRouter()
FIRST = 12  # columns before the others are asked for
Number = Annotated[int | None, Param(ge=0, description="Of prices that were just told.")]


@router.get("/monitor")
def monitor(
    request: Request,
    session: ReadSession,
    model: Annotated[str, Param(max_length=40)] = CHAMPION,
    columns: Annotated[str, Param(max_length=10)] = "",
    kept: Number = None,
    passed: Number = 0,
    unknown: Number = 0,
) -> Response:
    """What was asked lately beside what was learnt from, and errors where prices came."""
    registry = Registry(session)
    names = registry.names()
    found, fault = None, ""
    if model != CHAMPION or registry.champion():
        try:
            found = watch(session, model)
        except Conflict as error:
            fault = error.message
    look = found.look if found else None
    return render(
        request,
        "monitor.html",
        bar=views.bar(RunStore(session).counts()),
        model=model,
        found=found,
        fault=fault,
        learn=found.learn if found else None,
        words=told(found.version)[0].words if found else None,
        watched={at: name for name, at in reversed(names.items())},
        look=look,
        classifier=_classifier(look.classifier) if look else None,
        columns=[_column(one) for one in _first(look, whole=columns == "all")] if look else [],
        moved=len({one.name for one in look.columns if one.found}) if look else 0,
        compared=len({one.name for one in look.columns}) if look else 0,
        months=_months(look) if look else None,
        whole=columns == "all",
        told=None if kept is None else (kept, passed, unknown),
    )


@router.post("/monitor/actuals")
def tell_actuals(
    session: DbSession,
    file: UploadFile | None = None,
    model: Annotated[str, Form(max_length=40)] = CHAMPION,
) -> Response:
    """Keep what a file says was paid, and say what became of it."""
    if not file or not file.filename:
        raise Invalid("Choose a file.")
    try:
        found = tell(session, io.TextIOWrapper(file.file, encoding="utf-8-sig", newline=""))
    except Invalid as error:
        raise Invalid(f"The file cannot be used: {error.message}.") from None
    counts = {"kept": found.kept, "passed": found.passed, "unknown": len(found.unknown)}
    return RedirectResponse(f"/monitor?{urlencode({'model': model, **counts})}", 303)


@router.post("/monitor/retrain")
def begin(
    session: DbSession,
    model: Annotated[str, Form(max_length=40)] = CHAMPION,
    way: Annotated[Way, Form()] = "prices",
) -> Response:
    """Learn from the prices that came, or by weights, and show the job."""
    return RedirectResponse(f"/jobs/{retrain(session, model, way=way).id}", 303)


def _first(look: bodies.Looked, *, whole: bool) -> list[bodies.Moved]:
    moved = [one for one in look.columns if one.found]
    return look.columns if whole else (moved or look.columns)[:FIRST]


def _classifier(told: bodies.Classified) -> dict[str, Any]:
    """Shuffles as dots, and the real AUC among them or far away."""
    ends = [*told.permuted, told.auc]
    scale = Scale.over([*ends, 0.4, 1.0] if told.auc > 0.6 else [*ends, 0.4, 0.6])
    piles = Counter(round(float(scale.at(auc)[:-1])) for auc in told.permuted)
    step = min(5.0, 72 / max(piles.values()))
    return {
        "dots": [(f"{x}%", 94 - step * i) for x, pile in piles.items() for i in range(pile)],
        "at": scale.at(told.auc),
        "right": told.auc > 0.6,
        "ticks": scale.ticks(),
    }


def _column(one: bodies.Moved) -> dict[str, Any]:
    """A column with where its quantiles or the shares of its levels stand."""
    picture: dict[str, Any] = {"quantiles": None, "shares": None}
    if one.of in {"numbers", "dates"}:
        scale = Scale.over([*one.source, *one.target])
        picture["quantiles"] = [
            [scale.at(value) for value in side] for side in (one.source, one.target)
        ]
    else:
        picture["shares"] = [
            _shares(one.at, side, whole=one.of == "levels") for side in (one.source, one.target)
        ]
    return {"column": one, "width": f"{100 * one.moved:.1f}%", **picture}


def _shares(
    names: list[str], shares: list[float], *, whole: bool
) -> list[tuple[str, str, str, str]]:
    """Name, start and width of each level's block; what is left is of the others."""
    blocks, start = list[tuple[str, str, str, str]](), 0.0
    for name, share in zip(names, shares, strict=True):
        label = name if share > 0.02 * len(name) + 0.03 else ""
        blocks.append((name, f"{100 * start:.2f}%", f"{100 * share:.2f}%", label))
        start += share
    if whole and start < 0.999:
        blocks.append(("", f"{100 * start:.2f}%", f"{100 * (1 - start):.2f}%", ""))
    return blocks


def _months(look: bodies.Looked) -> dict[str, Any] | None:
    """Errors by month and the error promised, on one scale."""
    if not look.months:
        return None
    scale = Scale.over(
        [look.promised, *(end for m in look.months for end in (m.low, m.high))], zero=True
    )
    return {
        "promised": scale.at(look.promised),
        "ticks": scale.ticks(),
        "rows": [
            (m, Bar(scale.at(m.low), scale.at(m.rmse), scale.at(m.high))) for m in look.months
        ],
    }
