"""A version's card: what it is good for, where not, what it learnt from, and how to ask it."""

import json
import shlex
from typing import Any

import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.bodies import ModelCard, Part
from app.cards import TARGET, card_of, fifth_names, sides
from app.dashboard import views
from app.dashboard.rendering import render
from app.dashboard.scales import Bar, Scale
from app.serving.predictors import told
from app.store.jobs import RunStore
from app.store.registry import Registry
from app.store.sessions import ReadSession
from ml.predictor import Card, Judged

router = APIRouter()
ASK = """curl -H 'Content-Type: application/json' \\
  -d {asked} \\
  {base}/api/v1/predictions

ridgeline predict {rows}.csv --model {version} -o {values}.csv"""
HOUSE = {"OverallQual": 7, "GrLivArea": 1710}
FIELDS = 3  # of another row that is asked about
MANY = 20  # rows of a group: of fewer an error says little
DECIDING = 2  # rows with the largest squared error


@router.get("/models/{model}")
def card(request: Request, model: str, session: ReadSession) -> Response:
    """Everything that is told of one version."""
    registry = Registry(session)
    version, job = registry.get(model)
    one = card_of(session, model)
    its, judged = told(version.id)
    moves = [move for move in registry.history(200) if version.id in (move.before, move.after)]
    return render(
        request,
        "model.html",
        bar=views.bar(RunStore(session).counts()),
        card=one,
        job=job,
        groups=_groups(one),
        fifths=fifth_names(judged, its) if judged else [],
        typical=_typical(judged, its) if judged else "",
        deciding=_deciding(judged, its) if judged else None,
        moves=moves,
        ask=_ask(its, version.id, str(request.base_url).rstrip("/")),
    )


def _ask(card: Card, version: int, base: str) -> str:
    """How to ask it, from a shell."""
    houses = card.words.rows == "houses"
    fields = card.input_schema.fields
    typical = [(field.name, field.typical) for field in fields if field.typical is not None]
    rows = {"houses": [HOUSE]} if houses else {"rows": [dict(typical[:FIELDS])]}
    return ASK.format(
        asked=shlex.quote(json.dumps(rows | {"model": version}, ensure_ascii=False)),
        base=base,
        rows=card.words.rows,
        values="prices" if houses else "values",
        version=version,
    )


def _typical(judged: Judged, card: Card) -> str:
    """Half of the answers are off by less, in the target's unit; empty where that is told in per
    cent."""
    off = judged.target - judged.said
    return "" if card.words.log else card.words.typical(off[judged.fold >= 0].astype(np.float64))


def _groups(one: ModelCard) -> dict[str, Any]:
    """How far off it is of whom, on one scale, with all rows as a line."""
    parts = {TARGET: one.fifths, **one.groups}
    every = [part for column in parts.values() for part in column]
    if not every or one.valid is None:
        return {}
    many = [part for part in every if part.n >= MANY]
    ends = [
        end for part in many for end in (part.rmse - (part.half or 0), part.rmse + (part.half or 0))
    ]
    lowest = min(part.rmse for part in every) / 1.5
    scale = Scale.over((max(end, lowest) for end in (*ends, lowest, one.valid)), log=True)
    columns = {
        column: [(part, _bar(scale, part)) for part in listed]
        for column, listed in parts.items()
        if listed
    }
    return {
        "columns": columns,
        "sides": sides(columns),
        "ticks": scale.ticks(),
        "all": scale.at(one.valid),
    }


def _bar(scale: Scale, part: Part) -> Bar:
    half = part.half or 0
    return Bar(
        scale.at(max(part.rmse - half, scale.low)),
        scale.at(part.rmse),
        scale.at(part.rmse + half),
    )


def _deciding(judged: Judged, card: Card) -> dict[str, Any]:
    """The two rows that weigh most, and what the error is without them."""
    square = np.nan_to_num(judged.square)
    rows = np.sort(np.argsort(-square, kind="stable")[:DECIDING])
    every, without = judged.errors(), judged.errors(rows.tolist())
    scale = Scale.over([*every.ravel().tolist(), *without.ravel().tolist()])
    ends = [judged.each(each)[rows] for each in (judged.said, judged.low, judged.high)]
    values = card.target.priced(np.array([judged.target[rows], *ends], np.float64))
    line = Scale.over(values.ravel().tolist(), log=card.words.log)
    return {
        "share": float(square[rows].sum() / square.sum()),
        "rows": [
            {
                "row": row + 1,
                "target": target,
                "said": said,
                "at": [line.at(value) for value in (target, said, low, high)],
            }
            for row, (target, said, low, high) in zip(rows.tolist(), values.T.tolist(), strict=True)
        ],
        "lines": [
            (name, [scale.at(error) for error in errors.ravel().tolist()],
             scale.at(float(errors.mean())), float(errors.mean()))
            for name, errors in (("all rows", every), ("without them", without))
        ],
        "ticks": scale.ticks(4),
        "without": float(without.mean()),
    }  # fmt: skip
