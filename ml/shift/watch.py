"""Is the world still the one we learnt from? What was asked and paid, beside training (4.9.6)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ml.events import Floats
from ml.intervals import interval
from ml.schema import InputSchema
from ml.shift.columns import ColumnShift
from ml.shift.concept import ConceptShift, concept_shift
from ml.shift.detector import Shift, detect
from ml.shift.ratio import DensityRatio
from ml.shift.risk import ALONE, FEW, Named, Risk, advice, corrected_risk, hindrance, lonely
from ml.shift.sides import LEAST as LEAST  # whoever asks for a look asks for so many questions
from ml.shift.sides import Rows, Sides, without_like

SURE = 0.01  # level of a look: it is repeated, and each alarm calls somebody


@dataclass(frozen=True, slots=True)
class Called:
    """How rows, what is predicted of them and errors of that are told."""

    rows: str = "houses"
    values: str = "prices"
    came: str = "what was paid for these"
    error: str = ".3f"  # how one is written

    @property
    def named(self) -> Named:
        """The same where weights are spoken of."""
        labels = self.values[0].upper() + self.values[1:]
        return Named("row learnt from", "rows learnt from", "questions", labels)


HOUSES = Called()


@dataclass(frozen=True, slots=True, eq=False)
class Paid:
    """Answers whose price came later, as errors are measured: how far off, whether as promised.

    Prices stand for whatever is predicted, and their logarithms for how errors are measured.
    """

    n: int
    rmse: float
    low: float  # of its 95 % interval
    high: float
    bias: float  # mean of log(paid / said): above 0 the answers are too low
    inside: float  # share within 90 % intervals
    concept: ConceptShift  # squared errors beside those promised

    @property
    def worse(self) -> bool:
        """Whether the error is larger than promised, beyond chance."""
        return self.concept.found

    @property
    def as_promised(self) -> str:
        """How it stands to what was promised, in words before that number."""
        if self.worse:
            return "more than"
        return "less than" if self.concept.high < 0 else "within chance of"


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What n rows learnt from and m questions say of each other; errors as they are measured."""

    shift: Shift
    told: dict[str, float]  # share of questions that tell a column, where not all do
    untold: tuple[str, ...]  # columns that too few tell to be compared
    alone: NDArray[np.bool_]  # (m,) questions that are like no row learnt from
    unseen: NDArray[np.bool_]  # (m,) questions with a level that was never seen
    ratio: DensityRatio
    promised: float  # RMSE of rows that no model had learnt from
    expected: Risk | None  # squared error now, by weights; None where they are worth too little
    paid: Paid | None
    met: NDArray[np.bool_] | None = None  # (m,) questions about a row learnt from, where known
    called: Called = HOUSES

    @property
    def moved(self) -> tuple[ColumnShift, ...]:
        """Columns that moved, of those that were compared, at the level of a look."""
        return tuple(each for each in self.shift.columns if each.adjusted < SURE)

    @property
    def found(self) -> bool:
        """Whether the questions are other rows than those learnt from, beyond chance."""
        return self.shift.classifier.p < SURE or bool(self.moved)

    @property
    def expected_error(self) -> float | None:
        """RMSE that weights expect of the questions; None where they are worth too little."""
        return float(np.sqrt(max(0.0, self.expected.value))) if self.expected else None

    @property
    def lonely(self) -> bool:
        """Whether more questions are like nothing learnt from than chance would flag."""
        return lonely(len(self.ratio.source), self.alone)

    @property
    def verdict(self) -> str:
        """In a word: "worse" than promised, "moved", or "quiet"."""
        if self.paid and self.paid.worse:
            return "worse"
        return "moved" if self.found or self.lonely else "quiet"

    @property
    def sentence(self) -> str:
        """What a person should know first."""
        still = "What is asked about has not" if self.paid else "Nothing has"
        said = [f"{still} moved beyond chance."]
        if self.found:
            names = [*dict.fromkeys(each.name for each in self.moved)]
            few = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            said = [f"What is asked about has moved: {few or 'no column by itself'}."]
        if self.lonely:
            share = f"{self.alone.mean():.0%} of the questions"
            said.append(f"For {share} nothing like them was learnt from.")
        if self.met is not None and self.met.mean() > ALONE:
            said.append(
                f"{self.met.mean():.0%} of the questions are about {self.called.rows} that it has"
                f" learnt from: {self.called.came} does not count."
            )
        if self.paid:
            off, promised = (
                f"{each:{self.called.error}}" for each in (self.paid.rmse, self.promised)
            )
            said.append(
                f"{self.paid.n:,} {self.called.values} came: they are {off} off,"
                f" {self.paid.as_promised} the {promised} promised."
            )
        return " ".join(said)

    @property
    def weights(self) -> str:
        """Whether weighting what was learnt from can help, and why not."""
        return advice(self.ratio, alone=self.alone, named=self.called.named)

    @property
    def hindrance(self) -> str:
        """Why weighting cannot help, or need not; empty where it can."""
        return hindrance(self.ratio, alone=self.alone, named=self.called.named)


def look(
    schema: InputSchema,
    source: Rows,
    target: Rows,
    losses: Floats,
    paid: tuple[Floats, NDArray[np.bool_]] | None = None,
    *,
    seed: int = 0,
    called: Called = HOUSES,
) -> Look:
    """Questions (m) beside the rows learnt from (n), all as a schema knows them.

    Rows that do not tell a column say nothing of it: a row learnt from is made to tell as little as
    a question does, so that what is left untold is no shift. `losses` (n,) are squared errors of
    rows that no model had learnt from, NaN where there is none; `paid` are of the questions that
    have a price by now log(paid / said), or paid - said, and whether it is in the interval: (k,).

    Raises:
        ValueError: for fewer than LEAST questions, or none that tells what is compared.
    """
    sides = Sides.of(schema, source, target, seed)
    names, fields, share = [field.name for field in schema.fields], sides.fields, sides.share
    q, p, compared = sides.q, sides.p, [field.name for field in fields]
    shift = detect(q, p, schema=schema.model_copy(update={"fields": fields}), seed=seed)
    ratio = sides.ratio(seed)
    alone, known = without_like(ratio), ~np.isnan(losses)
    expected = None
    if ratio.effective >= FEW and known.sum() > 1 and not lonely(len(q), alone):
        expected = corrected_risk(losses[known], ratio.source[known])
    unseen = np.zeros(len(p), bool)
    for field in fields:
        if field.kind == "level":
            cells = p[field.name]
            unseen |= np.asarray(
                cells.notna() & ~cells.isin(sides.every[field.name].dropna().unique())
            )
    found = Look(
        shift=shift,
        told={name: float(share[name]) for name in compared if share[name] < 1},
        untold=tuple(name for name in names if name not in compared),
        alone=alone,
        unseen=unseen,
        ratio=ratio,
        promised=float(np.sqrt(losses[known].mean())),
        expected=expected,
        paid=None,
        called=called,
    )
    if paid is None or len(paid[0]) < 2:
        return found
    return replace(found, paid=_paid(losses[known], *paid))


def _paid(losses: Floats, off: Floats, inside: NDArray[np.bool_]) -> Paid:
    """Beside what was promised."""
    square = np.square(off)
    mean, half = map(float, interval(square))
    return Paid(
        n=len(off),
        rmse=float(np.sqrt(mean)),
        low=float(np.sqrt(max(0.0, mean - half))),
        high=float(np.sqrt(mean + half)),
        bias=float(off.mean()),
        inside=float(inside.mean()),
        concept=concept_shift(losses, square),
    )
