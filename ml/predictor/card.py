"""What is told of a predictor beside its tensors: what it reads, how it was judged."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ml.data import hub
from ml.encoder import Encoder, Target
from ml.ensemble import Spread
from ml.features import Features
from ml.houses.subject import PRICES
from ml.predictor.judged import Judged
from ml.schema import InputSchema
from ml.tabular.subject import Words

Vector = NDArray[np.float64]


class Histogram(BaseModel):
    """Counts between edges: len(edges) is len(counts) + 1."""

    model_config = ConfigDict(frozen=True)

    edges: tuple[float, ...]
    counts: tuple[int, ...]

    @classmethod
    def of(cls, prices: Vector, edges: Sequence[float]) -> "Histogram":
        """Count prices between edges; those outside fall into the first and last."""
        counts, _ = np.histogram(np.clip(prices, edges[0], edges[-1]), bins=np.asarray(edges))
        return cls(edges=tuple(edges), counts=tuple(counts.tolist()))

    @property
    def shares(self) -> list[float]:
        """What part of all is in each."""
        total = max(1, sum(self.counts))
        return [count / total for count in self.counts]


class Known(BaseModel):
    """How right prices are where so much is known of a row that nobody has learnt from."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    what: str = Field(description="What is known: of the form, half by chance.")
    fields: float = Field(description="How many fields that are, on average.")
    n: int = Field(description="Rows that were asked about.")
    rmse: float = Field(description="Of log price.")
    inside: float = Field(description="Share of targets within 90 % intervals.")
    least: float = Field(description="The same, of the fifth of targets where it is least.")
    width: float = Field(description="Mean width of intervals, in log price.")

    @classmethod
    def of(cls, what: str, fields: float, judged: Judged) -> "Known":
        """From what is said of these rows where so many fields are known."""
        rows = judged.known
        every = judged.of_part(what, rows)
        return cls(
            what=what,
            fields=fields,
            n=every.n,
            rmse=every.rmse,
            inside=every.inside,
            least=min(part.inside for part in judged.fifths),
            width=float(judged.each(judged.high - judged.low)[rows].mean()),
        )


class Card(BaseModel):
    """All of a predictor that is no tensor: JSON in the header of its file, which has no NaN."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    experiment: dict[str, Any]
    input_schema: InputSchema
    encoder: Encoder | Features
    target: Target
    activation: str = "relu"
    blend: dict[str, float] = Field({}, description="What each member of an ensemble counts for.")
    words: Words = Field(PRICES, description="How rows and what is predicted are told.")
    limit: float = Field(
        0.0, description="By how much of a log price other members may move comparable sales."
    )
    spread: Spread | None = Field(None, description="How far off each answer is expected to be.")
    measured: str = Field(description="Name of the measure of `folds`.")
    folds: tuple[float, ...] = Field(description="That measure on each fold's validation rows.")
    interval: tuple[float, float] = Field(
        description="5 % and 95 % quantiles of log(sold / predicted) over houses of other folds."
    )
    median_error: float | None = Field(
        None,
        description="Median of |predicted - sold| / sold over those houses; None in a file that is"
        " older than this number.",
    )
    sold: Histogram = Field(description="Prices of the training rows.")
    known: tuple[Known, ...] = Field((), description="By how much is known of a row.")
    leaks: str = Field("", description="What it knew of rows that it is judged on; empty if none.")
    made_of: dict[str, str] = Field({}, description="Versions of libraries, digests of data.")
    told_by: dict[str, float] = Field(
        {}, description="Columns that errors are told by, and how wide a band of one is; 0: levels."
    )
    not_for: tuple[str, ...] = Field((), description="What it must not be used for.")

    @property
    def inputs(self) -> int:
        """How many numbers a row becomes."""
        encoder = self.encoder
        return len(encoder.columns if isinstance(encoder, Encoder) else encoder.names)


def made_of(*names: str) -> dict[str, str]:
    """Versions of what computes, and the SHA-256 of files of the data hub."""
    libraries = {library: version(library) for library in ("ridgeline", "torch", "numpy", "scipy")}
    return libraries | {f"{name}.csv": hub.HUB[name].sha256 for name in names}
