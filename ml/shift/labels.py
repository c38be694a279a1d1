"""Label shift: which classes the target has, by what a classifier says of it (4.9.8)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.events import Floats

Labels = NDArray[np.int64]
COVERAGE = 0.9
RESAMPLES = 1_000
SURE = 0.01  # p-value below which the covariates are said to have moved, too


@dataclass(frozen=True, slots=True, eq=False)
class LabelShift:
    """p(y) of the target by both readings of C; classes are numbered from 0, k of them."""

    q: Floats  # (k,) shares of the source's validation rows
    predicted: Floats  # (k,) μ(ŷ), shares of what is predicted on the target
    joint: Floats  # (k, k) C as the book writes it: predicted i and truly j, all cells add up to 1
    columns: Floats  # (k, k) the same with columns that add up to 1: predicted i, given j
    ratio: Floats  # (k,) solution of joint · x = μ: p/q
    solution: Floats  # (k,) solution of columns · x = μ: p, as it is, perhaps below 0
    p: Floats  # (k,) the same, clipped at 0 and renormalised
    low: Floats  # (k,) of p, by bootstrap
    high: Floats
    condition: float  # of `columns`: by how much noise in μ is amplified at most
    same_covariates: float | None  # p-value of p(x|y) = q(x|y); None where it was not looked at
    notes: tuple[str, ...]

    @property
    def beta(self) -> Floats:
        """β(y) = p(y)/q(y) (k,), 0 for a class that the source has not (4.9.9)."""
        return np.divide(self.p, self.q, out=np.zeros_like(self.p), where=self.q > 0)

    def weights(self, labels: Labels) -> Floats:
        """β of each source row (n,), the weights of training."""
        return self.beta[labels]


def confusion(labels: Labels, predicted: Labels, classes: int) -> Floats:
    """C (k, k): the share of all rows that are predicted i (row) and truly j (column)."""
    counts = np.zeros((classes, classes))
    np.add.at(counts, (predicted, labels), 1)
    return counts / len(labels)


def by_columns(joint: Floats) -> Floats:
    """C (k, k) as shares of each true class: columns add up to 1, or are 0 without a row."""
    share = joint.sum(0)
    shares: Floats = np.divide(joint, share, out=np.zeros_like(joint), where=share > 0)
    return shares


def label_shift(
    labels: Labels,
    predicted: Labels,
    target: Labels,
    classes: int,
    *,
    scores: tuple[Floats, Floats] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> LabelShift:
    """p(y) from validation rows, truth and prediction (n,), and predictions of target rows (m,).

    The validation rows must not have been learnt from: on training rows C is too good. `scores`
    are any number that the model gives its inputs, of validation (n,) and target (m,), such as its
    confidence: if these differ given the classes, more than the labels has moved.

    Raises:
        ValueError: for labels outside 0 … k - 1, or tables without rows.
    """
    _usable(labels, predicted, target, classes)
    joint, mu = confusion(labels, predicted, classes), _shares(target, classes)
    q = joint.sum(0)
    known = np.flatnonzero(q)
    columns = by_columns(joint)
    ratio, solution = (_solved(C, mu, known) for C in (joint, columns))
    p = _proper(solution)
    low, high = _interval(joint, mu, (len(labels), len(target)), known, resamples, seed)
    condition = float(np.linalg.cond(columns[:, known]))
    moved = None
    if scores is not None:
        beta = np.divide(p, q, out=np.zeros(classes), where=q > 0)
        moved = same_law(scores[0], beta[labels], scores[1])
    notes = _notes(known, classes, solution, condition, moved)
    return LabelShift(q, mu, joint, columns, ratio, solution, p, low, high, condition, moved, notes)


def by_class(labels: Labels, p: Floats, m: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """m rows with classes as p (k,) says, each any row of its class: p(x|y) stays (m,).

    None is drawn twice where a class has rows enough.
    """
    rows = []
    for j, count in enumerate(rng.multinomial(m, p).tolist()):
        at = np.flatnonzero(labels == j)
        rows.append(rng.choice(at, count, replace=count > len(at)))
    return np.concatenate(rows)


def same_law(source: Floats, beta: Floats, target: Floats) -> float:
    """Whether weighted source numbers (n,) and target numbers (m,) share a law: p-value.

    Kolmogorov's distance between both, and its limit with n as the weighted rows are worth.
    """
    from scipy.stats import kstwobign

    both = np.concatenate([source, target])
    mass = np.concatenate([beta / beta.sum(), np.full(len(target), -1 / len(target))])
    order = np.argsort(both, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(both[order])), len(both) - 1)
    distance = float(np.abs(np.cumsum(mass[order])[ends]).max())
    n, m = float(beta.sum() ** 2 / np.square(beta).sum()), len(target)
    return float(kstwobign.sf(distance * np.sqrt(n * m / (n + m))))


def _solved(C: Floats, mu: Floats, known: NDArray[np.intp]) -> Floats:
    """x (k,) with C x = μ, least squares if there is none; 0 for classes the source has not."""
    x = np.zeros(len(mu))
    x[known] = np.linalg.lstsq(C[:, known], mu, rcond=None)[0]
    return x


def _proper(solution: Floats) -> Floats:
    clipped: Floats = np.maximum(solution, 0)
    p: Floats = clipped / clipped.sum()
    return p


def _interval(
    joint: Floats, mu: Floats, rows: tuple[int, int], known: NDArray[np.intp], count: int, seed: int
) -> tuple[Floats, Floats]:
    """Bootstrap over validation and target rows, classes drawn with them: two (k,), or NaN."""
    if not count:
        return np.full_like(mu, np.nan), np.full_like(mu, np.nan)
    n, m = rows
    k, rng = len(mu), np.random.default_rng(seed)
    C = rng.multinomial(n, joint.ravel(), size=count).reshape(count, k, k) / n
    share = C.sum(1, keepdims=True)
    C = np.divide(C, share, out=np.zeros_like(C), where=share > 0)[:, :, known]
    drawn = rng.multinomial(m, mu, size=count)[:, :, None] / m
    solutions = np.zeros((count, k))
    solutions[:, known] = (np.linalg.pinv(C) @ drawn)[:, :, 0]
    proper = np.maximum(solutions, 0)
    proper /= proper.sum(1, keepdims=True)
    low, high = np.quantile(proper, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2], axis=0)
    return low, high


def _shares(labels: Labels, classes: int) -> Floats:
    return np.bincount(labels, minlength=classes) / len(labels)


def _usable(labels: Labels, predicted: Labels, target: Labels, classes: int) -> None:
    if len(labels) != len(predicted) or not len(labels) or not len(target):
        rows = f"{len(labels)}, {len(predicted)} and {len(target)} rows"
        raise ValueError(f"Truth and prediction of the same rows, and target rows; not {rows}.")
    both = np.concatenate([labels, predicted, target])
    if both.min() < 0 or both.max() >= classes:
        raise ValueError(
            f"Classes are 0 to {classes - 1}; {both.min()} to {both.max()} were given."
        )


def _notes(
    known: NDArray[np.intp],
    classes: int,
    solution: Floats,
    condition: float,
    same_covariates: float | None,
) -> tuple[str, ...]:
    """What stands between these numbers and their use."""
    notes = []
    if unseen := sorted({*range(classes)} - {*known.tolist()}):
        names = ", ".join(map(str, unseen))
        notes.append(f"The source has no row of class {names}; its share cannot be learnt.")
    if (below := float(-np.minimum(solution, 0).sum())) > 0:
        notes.append(f"Shares below 0, {below:.3f} in all, were set to 0, the rest renormalised.")
    if not np.isfinite(condition) or condition > 1e3:
        notes.append(f"C is close to singular (condition {condition:.0f}): classes look alike.")
    if same_covariates is None:
        notes.append("Whether p(x|y) is still q(x|y) was not looked at: no scores were given.")
    elif same_covariates < SURE:
        notes.append(
            f"More than the labels has moved (p {same_covariates:.2g}): given the classes, the"
            " inputs look different, and these shares are not to be used."
        )
    return tuple(notes)
