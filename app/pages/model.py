"""A version's card: what it is good for, where not, what it learnt from, and how to ask it."""

from typing import Any

import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.bodies import ModelCard, Part
from app.cards import card_of, fifth_names, sides
from app.dashboard import views
from app.dashboard.rendering import render
from app.dashboard.scales import Bar, Scale
from app.serving.predictors import told
from app.store.jobs import RunStore
from app.store.registry import Registry
from app.store.sessions import ReadSession
from ml.predictor import Judged

router = APIRouter()
ASK = """curl -H 'Content-Type: application/json' \\
  -d '{{"houses": [{{"OverallQual": 7, "GrLivArea": 1710}}], "model": {version}}}' \\
  {base}/api/v1/predictions

ridgeline predict houses.csv --model {version} -o prices.csv"""
MANY = 20  # rows of a group: of fewer an error says little
DECIDING = 2  # rows with the largest squared error


@router.get("/models/{model}")
def card(request: Request, model: str, session: ReadSession) -> Response:
    """Everything that is told of one version."""
    registry = Registry(session)
    version, job = registry.get(model)
    one = card_of(session, model)
    _, judged = told(version.id)
    moves = [move for move in registry.history(200) if version.id in (move.before, move.after)]
    return render(
        request,
        "model.html",
        bar=views.bar(RunStore(session).counts()),
        card=one,
        job=job,
        groups=_groups(one),
        fifths=fifth_names(judged) if judged else [],
        deciding=_deciding(judged) if judged else None,
        moves=moves,
        ask=ASK.format(base=str(request.base_url).rstrip("/"), version=version.id),
    )


def _groups(one: ModelCard) -> dict[str, Any]:
    """How far off it is of whom, on one scale, with all rows as a line."""
    parts = {"target": one.fifths, **one.groups}
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


def _deciding(judged: Judged) -> dict[str, Any]:
    """The two rows that weigh most, and what the error is without them."""
    square = np.nan_to_num(judged.square)
    rows = np.sort(np.argsort(-square, kind="stable")[:DECIDING])
    every, without = judged.errors(), judged.errors(rows.tolist())
    scale = Scale.over([*every.ravel().tolist(), *without.ravel().tolist()])
    said, low, high = map(judged.each, (judged.said, judged.low, judged.high))
    prices = Scale.over(
        np.exp(
            [*(each[row] for row in rows for each in (said, low, high, judged.target))]
        ).tolist(),
        log=True,
    )
    return {
        "share": float(square[rows].sum() / square.sum()),
        "rows": [
            {
                "row": int(row) + 1,
                "target": float(np.exp(judged.target[row])),
                "said": float(np.exp(said[row])),
                "at": [
                    prices.at(float(np.exp(each[row])))
                    for each in (judged.target, said, low, high)
                ],
            }
            for row in rows
        ],
        "lines": [
            (name, [scale.at(error) for error in errors.ravel().tolist()],
             scale.at(float(errors.mean())), float(errors.mean()))
            for name, errors in (("all rows", every), ("without them", without))
        ],
        "ticks": scale.ticks(4),
        "without": float(without.mean()),
    }  # fmt: skip
