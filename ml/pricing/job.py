"""A table that was sent, answered row by row by a job: no lesson, and nothing is trained."""

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from ml.events import Answered, Cell, Checkpoint, Event, Progress, Table
from ml.experiment import Experiment
from ml.predictor import Predictions, Predictor
from ml.pricing.files import Place
from ml.pricing.prices import columns
from ml.pricing.table import PricedTable, WrongRows
from ml.schema import InvalidRows, Opened, text_of
from ml.schema.fields import Value

DIGEST = "^[0-9a-f]{64}$"


class PricedFile(Experiment):
    """Answer each row of a file, by one version; its answers are a file."""

    section: ClassVar[str] = ""

    name: Literal["predictions"] = "predictions"
    about: str = Field("", max_length=200, description="What the file is called.")
    file: str = Field(pattern=DIGEST, description="SHA-256 of the file.")
    version: int = Field(ge=1, description="Who answers.")
    model: str = Field(pattern=DIGEST, description="SHA-256 of its file.")
    mapping: dict[str, str] = Field({}, description="Columns, and which field each of them is.")
    strict: bool = Field(False, description="Refuse what training has not seen, and own columns.")
    keep: int = Field(0, ge=0, description="Latest answers that the monitor keeps.")

    @property
    def label(self) -> str:
        """The file and who answers it."""
        return f"{self.about or 'a table'} by version {self.version}"

    @property
    def key(self) -> str:
        """What its files are found by: the same asked again has the same, and writes the same."""
        return key_of(self.model_dump(mode="json"))

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:  # noqa: ARG002  no state
        """Check all rows, then answer them part by part, from the beginning each time.

        Raises:
            BadTable: where it is no such table, or a row of it cannot be.
            Lost: where a file is not there, or is not what it was.
        """
        place = Place(self.key)
        predictor = Predictor.from_bytes(place.model(self.model))
        with place.table(self.file).open("rb") as packed, text_of(packed) as text:
            table = _Kept(self, predictor, text)
            yield from table.checked()
            with place.writing() as write:
                yield from table.priced(write)
        yield from table.told()


def key_of(asked: Mapping[str, Any]) -> str:
    """The key of such a job, from its fields as they are stored."""
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]


class _Kept(PricedTable):
    """The table of a job, which says what becomes of it as events."""

    def __init__(self, asked: PricedFile, predictor: Predictor, text: Opened) -> None:
        super().__init__(predictor, asked.version, text, strict=asked.strict, mapping=asked.mapping)
        self._asked, self._answered, self._kept = asked, list[Answered](), 0

    def keep(
        self, houses: Sequence[dict[str, Value]], priced: Predictions, paid: Sequence[float]
    ) -> list[str]:
        """A key for each answer: the same in each attempt, so that none is kept twice."""
        places = range(self._kept, self._kept + len(houses))
        self._kept = places.stop
        keys = [_key(self._asked.key, i) for i in places]
        known = [price if math.isfinite(price) else None for price in paid]
        self._answered.append(
            Answered(self._asked.version, keys, [*houses], *columns(priced), known)
        )
        return keys

    def checked(self) -> Iterator[Event]:
        """Check all rows; what is wrong with them is a table, before it is raised."""
        try:
            for rows in self.check():
                yield Progress(rows, 0, "rows checked")
        except WrongRows as error:
            yield _wrong(error.rows)
            raise

    def priced(self, write: Callable[[bytes], object]) -> Iterator[Event]:
        """Write the lines of all rows, with the answers that are to be kept beside them."""
        done = 0
        for part in self.parts(self._asked.keep):
            write(part.csv.encode())
            yield from self._answered
            self._answered.clear()
            done += len(part.names)
            yield Progress(done, self.count, "rows")

    def told(self) -> Iterator[Event]:
        """How it was read, what is no field, and how right the answers are."""
        if self.remarks:
            yield Table.of("read", "How it was read", {"what": self.remarks})
        if self.unknown:
            near = [", ".join(names) for names in self.unknown.values()]
            beside = {"column": [*self.unknown], "may be meant by": near}
            yield Table.of("unknown", "Columns that are no field", beside)
        if self.score:
            yield from self.score.tables(self._predictor.card.words)


def _key(asked: str, place: int) -> str:
    return hashlib.sha256(f"{asked} {place}".encode()).hexdigest()[:16]


def _wrong(rows: InvalidRows) -> Table:
    """The first faults, as many as are told one by one."""
    told: dict[str, list[Cell]] = {
        "line": [one.line for one in rows.errors],
        "column": [one.column for one in rows.errors],
        "what": [one.message for one in rows.errors],
        "allowed": [one.allowed for one in rows.errors],
    }
    more = rows.total - len(rows.errors)
    return Table.of("wrong", "What is wrong", told, f"And {more:,} more." if more else "")
