"""Has anything moved? Two tables told apart by a classifier, and column by column (4.9.6)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.events import Floats
from ml.schema import InputSchema
from ml.shift import given
from ml.shift.columns import LEVEL, ColumnShift, column_shifts
from ml.shift.tables import Table, features, tables

FOLDS = 5
ROWS = 20_000  # of each table that the classifier looks at: more find nothing that matters
CHANCE = 0.95  # of the permutations' values of AUC lie within


@dataclass(frozen=True, slots=True)
class TwoSample:
    """How well rows of the target are told from rows of the source that were not learnt from."""

    auc: float
    p: float
    low: float  # of AUC where nothing has moved
    high: float
    permuted: tuple[float, ...] = ()  # AUC of each permutation


@dataclass(frozen=True, slots=True)
class Shift:
    """Both answers: of all columns at once, and of each, those that moved most first."""

    n: int
    m: int
    classifier: TwoSample
    columns: tuple[ColumnShift, ...]
    notes: tuple[str, ...]

    @property
    def found(self) -> bool:
        """Whether a classifier or a column says that p is not q, at the level of 5 % each."""
        return self.classifier.p < LEVEL or bool(self.moved)

    @property
    def moved(self) -> tuple[ColumnShift, ...]:
        """Columns that moved beyond chance, whatever their number."""
        return tuple(column for column in self.columns if column.found)

    @property
    def sentence(self) -> str:
        """What a person should know of it."""
        told = self.classifier
        rows = f"{self.n:,} source rows, {self.m:,} target rows"
        auc = (
            f"a classifier tells them apart with AUC {told.auc:.3f} (p {told.p:.3g};"
            f" {told.low:.3f} to {told.high:.3f} where nothing has moved)"
        )
        if not self.found:
            return f"{rows}: {auc}, and no column moved beyond chance."
        first = " ".join(column.sentence for column in self.moved[:3])
        count = f"{len(self.moved)} of {len(self.columns)} tests of columns moved beyond chance."
        return f"{rows}: {auc}; {count} {first}".strip()


def detect(
    source: Table,
    target: Table,
    *,
    schema: InputSchema | None = None,
    permutations: int = 199,
    seed: int = 0,
) -> Shift:
    """Whether q, the law of the source's rows (n), is also that of the target's (m).

    Tables are data frames, rows as mappings, or arrays (n, d) and (m, d). `schema` says which
    columns hold levels and which are no inputs; else those of numbers, times and truth values are
    numbers. A column that cannot be tested has a sentence in `notes`.

    Raises:
        ValueError: for what is no table, or has a column twice, or cells that are lists or the
            like; a table with fewer than two rows a fold; none of the columns in common.
    """
    q, p, kind, notes = tables(source, target, schema)
    if min(len(q), len(p)) < 2 * FOLDS:
        few = f"{2 * FOLDS} rows of each at least; these have {len(q)} and {len(p)}"
        raise ValueError(f"A shift is looked for in tables of {few}.")
    columns, more = column_shifts(q, p, kind, seed)
    rng = np.random.default_rng(seed)
    q_some, p_some = (table.iloc[rng.permutation(len(table))[:ROWS]] for table in (q, p))
    X = features(q_some, p_some, kind)
    z = np.repeat([-1, 1], [len(q_some), len(p_some)])
    told = two_sample(X, z, permutations=permutations, seed=seed)
    return Shift(len(q), len(p), told, columns, (*notes, *more))


def two_sample(
    X: Floats, z: NDArray[np.int64], *, permutations: int = 199, seed: int = 0
) -> TwoSample:
    """Whether a classifier tells z = 1 from z = -1 by X (n + m, d); p by permuting z (N,).

    The classifier is a linear discriminant with a ridge penalty, so that all permutations are
    right-hand sides of one equation; AUC is the mean over the held-out folds that have rows of both
    kinds. Folds, scale and penalty do not look at z: where nothing has moved, its permutations are
    as likely as itself, and p is uniform (Lopez-Paz and Oquab 2017).

    Raises:
        ValueError: for numbers not finite, z other than -1 and 1 or of another length, one kind of
            rows alone, fewer than two rows a fold, or no permutation.
    """
    X = given.table(X, "X")
    z = _sides(z, len(X))
    given.at_least(permutations, 1, "permutations")
    rng = np.random.default_rng(seed)
    unit = _standardised(X)
    labels = np.empty((len(z), permutations + 1), np.float32)
    labels[:, 0] = z
    for draw in range(1, permutations + 1):
        labels[:, draw] = rng.permutation(z)
    folds = np.array_split(rng.permutation(len(z)), FOLDS)
    aucs = _mean(np.array([_held_out(unit, labels, rows) for rows in folds]))
    low, high = np.quantile(aucs[1:], [(1 - CHANCE) / 2, (1 + CHANCE) / 2]).tolist()
    p = (1 + int((aucs[1:] >= aucs[0]).sum())) / (permutations + 1)
    return TwoSample(float(aucs[0]), p, low, high, tuple(aucs[1:].tolist()))


def _sides(z: NDArray[np.int64], rows: int) -> NDArray[np.int64]:
    sides = given.column(z, "z", rows)
    if {*np.unique(sides)} != {-1, 1}:
        raise ValueError("z is -1 for rows of the source and 1 for those of the target, of both.")
    given.at_least(rows, 2 * FOLDS, "Rows of both tables")
    return sides.astype(np.int64)


def _standardised(X: Floats) -> NDArray[np.float32]:
    X = X / given.size(X)
    spread = X.std(0)
    unit: NDArray[np.float32] = ((X - X.mean(0)) / np.where(spread > 0, spread, 1)).astype("f4")
    return unit


def _mean(aucs: Floats) -> Floats:
    """Over the folds (FOLDS, P) that have pairs; one half, as if by chance, where none has."""
    compared = ~np.isnan(aucs)
    total = np.where(compared, aucs, 0).sum(0)
    return np.where(compared.any(0), total / np.maximum(compared.sum(0), 1), 0.5)


def _held_out(X: NDArray[np.float32], z: NDArray[np.float32], rows: NDArray[np.intp]) -> Floats:
    """AUC (P,) on these rows of discriminants of the others."""
    directions = _ridge(np.delete(X, rows, 0), np.delete(z, rows, 0))
    return _auc(X[rows] @ directions, z[rows] > 0)


def _ridge(X: NDArray[np.float32], z: NDArray[np.float32]) -> NDArray[np.float32]:
    """Directions (d, P) of the discriminants of z (N, P); a penalty as if d rows said nothing."""
    d = X.shape[1]
    gram = (X.T @ X).astype(np.float64) + d * np.eye(d)
    directions: NDArray[np.float32] = np.linalg.solve(gram, X.T @ (z - z.mean(0))).astype("f4")
    return directions


def _auc(scores: NDArray[np.float32], positive: NDArray[np.bool_]) -> Floats:
    """AUC of each column of scores (N, P): the chance that a positive scores higher; ties half.

    NaN where there is no pair to be compared.
    """
    from scipy.stats import rankdata

    ones = positive.sum(0)
    ranks = np.where(positive, rankdata(scores, axis=0), 0).sum(0)
    pairs = ones * (len(scores) - ones)
    auc: Floats = (ranks - ones * (ones + 1) / 2) / np.where(pairs > 0, pairs, np.nan)
    return auc
