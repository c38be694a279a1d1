"""What was answered, and what was paid later."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from app.store.models import Answer, Version
from app.store.sessions import now
from ml.events import Answered

PRICED = 5000  # answers whose price came that are looked at: the latest
AT_ONCE = 1000  # keys of a query


@dataclass(frozen=True, slots=True)
class Kept:
    """How much there is of a version, since when, and until when."""

    answers: int
    paid: int
    last: int  # id of the latest
    since: datetime | None
    until: datetime | None
    paid_at: datetime | None  # when a price came last: a later one may have taken its place


class Answers:
    """Every query of the log of answers; it never commits."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def add(self, rows: Sequence[Mapping[str, Any]], most: int) -> None:
        """Keep these, of versions that are still there, and of all answers the last `most`."""
        asked = {row["version_id"] for row in rows}
        there = set(self.session.scalars(select(Version.id).where(Version.id.in_(asked))))
        kept = [row for row in rows if row["version_id"] in there]
        if kept:
            self.session.execute(insert(Answer), kept)
        last = select(func.max(Answer.id)).scalar_subquery()
        self.session.execute(delete(Answer).where(Answer.id <= last - most))

    def take(self, said: Answered, most: int) -> None:
        """Keep what a job has answered, unless an earlier attempt at it has done so."""
        known, at = self.versions(said.keys), round(time.time(), 3)
        every = zip(
            said.keys, said.rows, said.prices, said.lows, said.highs, said.paid, strict=True
        )
        rows = [
            {
                "key": key, "version_id": said.version, "at": at, "house": row, "price": price,
                "low": low, "high": high, "paid": paid, "paid_at": None if paid is None else at,
            }
            for key, row, price, low, high, paid in every
            if key not in known
        ]  # fmt: skip
        self.add(rows, most)

    def pay(self, prices: Mapping[str, float]) -> list[str]:
        """Write down what was paid, by key; gives the keys that are not known."""
        unknown = list[str]()
        for key, price in prices.items():
            told = update(Answer).where(Answer.key == key).values(paid=price, paid_at=now())
            if not self.session.execute(told.returning(Answer.id)).all():
                unknown.append(key)
        return unknown

    def versions(self, keys: Iterable[str]) -> dict[str, int]:
        """Which version gave the answer of each key that is known."""
        found, wanted = dict[str, int](), iter(keys)
        while some := [*islice(wanted, AT_ONCE)]:
            query = select(Answer.key, Answer.version_id).where(Answer.key.in_(some))
            found |= dict(iter(self.session.execute(query)))
        return found

    def kept(self, version_id: int) -> Kept:
        """How much there is of a version."""
        query = select(
            func.count(), func.count(Answer.paid), func.max(Answer.id), func.min(Answer.at),
            func.max(Answer.at), func.max(Answer.paid_at),
        ).where(Answer.version_id == version_id)  # fmt: skip
        answers, paid, last, *times = self.session.execute(query).one()
        return Kept(answers, paid, last or 0, *times)

    def lately(self, days: float = 7) -> dict[int, int]:
        """How many each version gave in the last days."""
        query = (
            select(Answer.version_id, func.count())
            .where(Answer.at >= now() - 86_400 * days)
            .group_by(Answer.version_id)
        )
        return dict(iter(self.session.execute(query)))  # as a Result has keys()

    def priced(self, most: int = PRICED) -> list[Answer]:
        """The latest of any version whose price came, the price that was told last at the end."""
        query = (
            select(Answer).where(Answer.paid.is_not(None)).order_by(Answer.id.desc()).limit(most)
        )
        found = [*self.session.scalars(query)]
        return sorted(found, key=lambda answer: (answer.paid_at or answer.at, answer.id))

    def priced_state(self) -> tuple[int, datetime | None]:
        """What changes whenever a price comes."""
        query = select(func.count(Answer.paid), func.max(Answer.paid_at))
        n, at = self.session.execute(query).one()
        return n, at

    def latest(self, version_id: int, most: int) -> list[Answer]:
        """The latest of a version, the first of them first."""
        query = (
            select(Answer)
            .where(Answer.version_id == version_id)
            .order_by(Answer.id.desc())
            .limit(most)
        )
        return [*self.session.scalars(query)][::-1]
