"""Somebody's submission.csv: what Kaggle would look at, and how far it is from our own prices."""

import csv
import io
from collections.abc import Sequence

import numpy as np

from app import bodies
from app.errors import Invalid
from app.serving.predictors import Served
from ml.houses.submission import preflight
from ml.schema import BadTable, text_of

FURTHEST = 5  # houses of which the two say the most different
SAME = 0.001  # of a log price: nobody would call that different
LARGEST = 2_000_000  # bytes of a file; one that is right has about 30,000


def looked_at(body: bytes, served: Served | None) -> bodies.Preflighted:
    """A file as it would be uploaded: nothing of it is mended.

    Raises:
        Invalid: where it is no text, or far too large.
    """
    if not body.strip():
        raise Invalid("The file is empty.")
    if len(body) > LARGEST:
        raise Invalid(f"The file has {len(body):,} bytes; a submission has about 30,000.")
    try:
        with text_of(io.BytesIO(body)) as (file, told):
            text = file.read(LARGEST + 1).removeprefix("\ufeff")
    except BadTable as error:
        raise Invalid(str(error)) from None
    if len(text) > LARGEST:
        raise Invalid(
            "The file is far too large once unpacked; a submission has about 30,000 bytes."
        )
    try:
        found = preflight(text)
    except csv.Error as error:
        raise Invalid(f"The file is no CSV: {error}.") from None
    checks = [bodies.CheckOut.model_validate(one, from_attributes=True) for one in found]
    lines = text.splitlines()
    return bodies.Preflighted(
        checks=checks,
        ready=all(check.passed for check in checks) and not told,
        rows=max(0, len(lines) - 1),
        bytes=len(body),
        head=[line[:80] for line in lines[:8]],
        remarks=told,
        beside=_beside(text, served) if served else None,
    )


def _beside(text: str, served: Served) -> bodies.Beside | None:
    """By how much its prices differ from those of a version; None of fewer than two houses."""
    ours = dict(zip(served.predictor.ids.tolist(), served.predictor.prices.tolist(), strict=True))
    theirs = dict(filter(None, map(_price, csv.reader(io.StringIO(text)))))
    ids = np.array([house for house in theirs if house in ours], np.int64)
    if len(ids) < 2:
        return None
    off = np.log([theirs[i] / ours[i] for i in ids.tolist()])
    order = np.argsort(-np.abs(off), kind="stable")[:FURTHEST]
    furthest = ids[order[np.abs(off)[order] > SAME]].tolist()
    return bodies.Beside(
        version=served.version,
        n=len(ids),
        rmse=float(np.sqrt(np.square(off).mean())),
        bias=float(off.mean()),
        furthest=[bodies.Apart(id=i, price=theirs[i], ours=ours[i]) for i in furthest],
    )


def _price(row: Sequence[str]) -> tuple[int, float] | None:
    """Id and price of a line; None where it has none that could be one."""
    try:
        house, price = int(row[0]), float(row[1])
    except (ValueError, IndexError):
        return None
    return (house, price) if 0 < price < np.inf else None
