"""What is told of a version: in a list, on its card, and as text to be kept beside its use."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from app.bodies import Model, ModelCard, Part, Table, standing
from app.errors import Conflict
from app.serving.predictors import gate, serving, told
from app.store.answers import Answers
from app.store.models import Job, Version
from app.store.registry import Registry
from app.store.tables import QUESTIONS, Tables, named
from ml.predictor import Card, Judged, Known, Words, share_inside, spread

TARGET = ""  # the name of groups by the target: no column has it


def described(
    version: Version,
    job: Job,
    names: dict[str, int],
    champion: tuple[Version, Job] | None,
    lately: Mapping[int, int],
) -> Model:
    """A version, how it stands beside the champion, and how many answers it gave lately; of a
    damaged file, that it is so."""
    other = champion[0].id if champion and champion[0].id != version.id else None
    known: dict[str, Any] = {
        "version": version.id,
        "job": job.id,
        "experiment": job.name,
        "label": job.label,
        "names": [name for name, at in names.items() if at == version.id],
        "created_at": version.created_at,
        "size": version.size,
        "digest": version.digest,
        "measure": job.measure or "",
        "answers": lately.get(version.id, 0),
        "beside": standing(gate(version.id, other)) if other else None,
    }
    try:
        card, judged = told(version.id)
    except Conflict as error:
        nothing: dict[str, Any] = dict.fromkeys(("rows", "valid", "spread", "covers"))
        return Model(**known, **nothing, folds=[], leaks="", fault=error.message)
    errors = judged.errors() if judged else np.array([card.folds])
    mean, around = spread(errors)
    return Model(
        **known | {"measure": job.measure or card.measured},
        rows=len(judged.target) if judged else None,
        folds=errors.tolist(),
        valid=mean,
        spread=around,
        covers=share_inside(judged) if judged else None,
        leaks=card.leaks,
    )


def card_of(session: Session, model: str) -> ModelCard:
    """The card of a version. Raises NotFound, Conflict."""
    registry = Registry(session)
    version, job = registry.get(model)
    predictor = serving(session, version.id).predictor
    card, judged, fields = predictor.card, predictor.judged, predictor.card.input_schema.fields
    filled = np.flatnonzero(card.sold.counts)
    target = np.array(card.sold.edges)[[filled[0], filled[-1] + 1]]  # all that an older file knows
    if judged:
        target = card.target.priced(np.array([judged.target.min(), judged.target.max()]))
    return ModelCard(
        **described(
            version, job, registry.names(), registry.champion(), Answers(session).lately()
        ).model_dump(),
        asked=card.experiment,
        words=card.words,
        median_error=card.median_error,
        columns=len(fields),
        inputs=card.inputs,
        target=(float(target.min()), float(target.max())),
        made_of=card.made_of,
        table=_table(session, named(card.experiment)),
        questions=_table(session, card.experiment.get(QUESTIONS, "")),
        fifths=[Part.model_validate(part) for part in judged.fifths] if judged else [],
        groups={
            column: [Part.model_validate(part) for part in parts]
            for column, parts in predictor.groups().items()
        },
        known=[Known.of("all of it", len(fields), judged), *card.known] if judged else [],
        not_for=list(card.not_for),
    )


def _table(session: Session, name: str) -> Table | None:
    """The table of one's own that a version has learnt from, while the store has it."""
    tables = Tables(session)
    found = tables.find(name) if name else None
    return Table.of(found, tables.jobs().get(found.name, [])) if found else None


def words_of(version_id: int) -> Words | None:
    """How rows of a version and what it predicts are told; None where it cannot be read."""
    try:
        return told(version_id)[0].words
    except Conflict:
        return None


def fifth_names(judged: Judged, card: Card) -> list[str]:
    """Fifths of the target by their values: "below $124k", "$124k to $147k", ..."""
    words = card.words
    edges = card.target.priced(np.quantile(judged.target, (0.2, 0.4, 0.6, 0.8))).tolist()
    texts = [
        f"{words.unit}{edge / 1000:,.0f}k" if words.rows == "houses" else words.written(edge)
        for edge in edges
    ]
    between = [f"{low} to {high}" for low, high in pairwise(texts)]
    return [f"below {texts[0]}", *between, f"above {texts[-1]}"]


def sides(columns: Mapping[str, Sequence[object]]) -> tuple[list[str], list[str]]:
    """Columns of groups for two sides of a page: the longest alone."""
    longest = max(columns, key=lambda column: len(columns[column]))
    others = [column for column in columns if column != longest]
    return (others, [longest]) if others else ([longest], [])


def markdown(card: ModelCard) -> str:
    """A card as text."""
    return "\n".join([*_lines(card), ""])


def _lines(card: ModelCard) -> list[str]:
    words, error = card.words, ".4f" if card.words.log else ".4g"
    called = f" ({', '.join(card.names)})" if card.names else ""
    covers = f", 90 % intervals cover {card.covers:.1%}" if card.covers is not None else ""
    half = f"; half of the answers are off by less than {card.median_error or 0:.1%}"
    lines = [
        f"# Version {card.version}: {card.label}{called}",
        "",
        f"{card.measure} {card.valid:{error}} on rows that a fold has not learnt from, standard"
        f" deviation {card.spread:{error}} over {sum(map(len, card.folds))} folds{covers}"
        f"{half if card.median_error is not None else ''}.",
    ]
    lines += [card.leaks] if card.leaks else []
    lines += ["", card.beside.sentence] if card.beside else []
    lines += ["", "## Learnt from", ""]
    lowest, highest = (words.written(value).replace(words.unit, "", 1) for value in card.target)
    learnt = {
        "rows": (f"{card.rows:,}" if card.rows else "not known")
        + (f": {card.table.about}" if card.table else ""),
        **({"weighted towards": card.questions.about} if card.questions else {}),
        "target": f"{lowest} to {highest}",
        "columns": f"{card.columns}, which become {card.inputs} inputs",
        "job": f"{card.job}, {card.experiment}",
        "file": f"{card.size:,} bytes, SHA-256 {card.digest}",
    }
    lines += [f"- {name}: {what}" for name, what in (learnt | card.made_of).items()]
    for title, parts in (("target", card.fifths), *card.groups.items()):
        if parts:
            lines += ["", f"## By {_cell(title)}", "",
                      "| rows | n | error | inside | above | below |",
                      "|---|---|---|---|---|---|"]  # fmt: skip
        lines += [
            f"| {_cell(part.name)} | {part.n} | {part.rmse:{error}} | {part.inside:.0%} |"
            f" {part.above:.0%} | {part.below:.0%} |"
            for part in parts
        ]
    if len(card.known) > 1:
        lines += ["", "## By what is known of a row", "",
                  "| known | fields | n | error | inside | worst fifth |",
                  "|---|---|---|---|---|---|"]  # fmt: skip
        lines += [
            f"| {part.what} | {part.fields:.0f} | {part.n} | {part.rmse:{error}} |"
            f" {part.inside:.1%} | {part.least:.0%} |"
            for part in card.known
        ]
    if card.not_for:
        lines += ["", "## Not for", "", *(f"- {what}" for what in card.not_for)]
    return lines


def _cell(text: str) -> str:
    """A name of a table's own, so that it stays in its cell."""
    return " ".join(text.split()).replace("|", "\\|")
