"""Label shift: which classes the target has, by what a classifier says of it (4.9.8)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ml.events import Floats
from ml.shift import given

Labels = NDArray[np.int64]
COVERAGE = 0.9
RESAMPLES = 1_000
ROUNDING = 1e-9
EXPLAINED = 0.001  # of what is predicted on the target that may be left over
LOST = 0.1  # of the resamples from which the interval is said to be of the others only
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
    p: Floats  # (k,) the same, clipped at 0 and renormalised; NaN where nothing is above 0
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
        return self.beta[given.labels(labels, "Labels", len(self.p))]


def confusion(labels: Labels, predicted: Labels, classes: int) -> Floats:
    """C (k, k): the share of all rows that are predicted i (row) and truly j (column)."""
    y, said = given.labels(labels, "Truth", classes), given.labels(predicted, "Prediction", classes)
    if len(y) != len(said):
        raise ValueError(f"Truth and prediction of the same rows, not {len(y)} and {len(said)}.")
    counts = np.zeros((classes, classes))
    np.add.at(counts, (said, y), 1)
    return counts / len(y)


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
        ValueError: for labels that are not 0 … k - 1, tables without rows, scores that are not
            finite or not one for each row, or fewer than 0 resamples.
    """
    given.at_least(resamples, 0, "resamples")
    joint, mu = confusion(labels, predicted, classes), _shares(target, classes)
    q = joint.sum(0)
    known = np.flatnonzero(q)
    columns = by_columns(joint)
    ratio, solution = (_solved(C, mu, known) for C in (joint, columns))
    p = _proper(solution)
    low, high, lost = _interval(joint, mu, (len(labels), len(target)), known, resamples, seed)
    condition = float(np.linalg.cond(columns[:, known]))
    notes = (
        *_notes_on_classes(known, classes, solution, condition),
        *_notes_on_what_is_left(mu - columns @ solution, p, lost),
    )
    found = LabelShift(q, mu, joint, columns, ratio, solution, p, low, high, condition, None, notes)
    return _covariates_looked_at(found, labels, len(target), scores)


def by_class(labels: Labels, p: Floats, m: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """m rows with classes as p (k,) says, each any row of its class: p(x|y) stays (m,).

    None is drawn twice where a class has rows enough.

    Raises:
        ValueError: for shares below 0 or that do not add up to 1, or of a class without a row.
    """
    share = given.weights(p, "Shares", len(p))
    if abs(share.sum() - 1) > 1e-6:
        raise ValueError(f"Shares add up to 1, and not to {share.sum():g}.")
    given.at_least(m, 0, "Rows")
    some = np.flatnonzero(share)  # whatever rounding has left goes to the last one that is drawn
    each = [np.flatnonzero(np.asarray(labels) == j) for j in some]
    if empty := [int(j) for j, at in zip(some, each, strict=True) if not len(at)]:
        raise ValueError(
            f"No row is of class {empty[0]}, which is to have a share of {p[empty[0]]:g}."
        )
    counts = rng.multinomial(m, share[some]).tolist()
    rows = [
        rng.choice(at, count, replace=count > len(at))
        for at, count in zip(each, counts, strict=True)
    ]
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


def _proper(solutions: Floats) -> Floats:
    """Clipped at 0, with the sum 1 (..., k); NaN where no more is left than rounding."""
    clipped: Floats = np.maximum(solutions, 0)
    total = clipped.sum(-1, keepdims=True)
    p: Floats = clipped / np.where(total > ROUNDING, total, np.nan)
    return p


def _interval(
    joint: Floats, mu: Floats, rows: tuple[int, int], known: NDArray[np.intp], count: int, seed: int
) -> tuple[Floats, Floats, float]:
    """Bootstrap over validation and target rows, classes drawn with them: two (k,), or NaN.

    Resamples without a solution are left out; their share comes third. Without any other every
    share is possible.
    """
    if not count:
        return np.full_like(mu, np.nan), np.full_like(mu, np.nan), 0.0
    n, m = rows
    k, rng = len(mu), np.random.default_rng(seed)
    C = rng.multinomial(n, joint.ravel(), size=count).reshape(count, k, k) / n
    share = C.sum(1, keepdims=True)
    C = np.divide(C, share, out=np.zeros_like(C), where=share > 0)[:, :, known]
    drawn = rng.multinomial(m, mu, size=count)[:, :, None] / m
    solutions = np.zeros((count, k))
    solutions[:, known] = (np.linalg.pinv(C) @ drawn)[:, :, 0]
    proper = _proper(solutions)
    proper = proper[~np.isnan(proper[:, 0])]
    lost = 1 - len(proper) / count
    if lost == 1:
        return np.zeros(k), np.ones(k), lost
    low, high = np.quantile(proper, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2], axis=0)
    return low, high, lost


def _shares(target: Labels, classes: int) -> Floats:
    y = given.labels(target, "Prediction on the target", classes)
    return np.bincount(y, minlength=classes) / len(y)


def _covariates_looked_at(
    found: LabelShift, labels: Labels, m: int, scores: tuple[Floats, Floats] | None
) -> LabelShift:
    """With what the scores say of p(x|y), if there are any."""
    if scores is None:
        note = "Whether p(x|y) is still q(x|y) was not looked at: no scores were given."
        return replace(found, notes=(*found.notes, note))
    source = given.column(scores[0], "Scores of the validation rows", len(labels))
    target = given.column(scores[1], "Scores of the target rows", m)
    if np.isnan(found.p).any():
        return found
    moved = same_law(source, found.weights(labels), target)
    notes = found.notes
    if moved < SURE:
        notes = (
            *notes,
            f"More than the labels has moved (p {moved:.2g}): given the classes, the inputs look"
            " different, and these shares are not to be used.",
        )
    return replace(found, same_covariates=moved, notes=notes)


def _notes_on_classes(
    known: NDArray[np.intp], classes: int, solution: Floats, condition: float
) -> Iterator[str]:
    """Where C has no one solution that is a law."""
    if unseen := sorted({*range(classes)} - {*known.tolist()}):
        names = ", ".join(map(str, unseen))
        yield f"The source has no row of class {names}; its share cannot be learnt."
    if (below := float(-np.minimum(solution, 0).sum())) > 0:
        yield f"Shares below 0, {below:.3f} in all, were set to 0, the rest renormalised."
    if not np.isfinite(condition) or condition > 1e3:
        yield f"C is close to singular (condition {condition:.0f}): classes look alike."


def _notes_on_what_is_left(residual: Floats, p: Floats, lost: float) -> Iterator[str]:
    """What C and p do not explain of μ, and what resamples do not say."""
    if (left := float(np.maximum(residual, 0).sum())) > EXPLAINED:
        yield (
            f"{left:.1%} of what is predicted on the target is explained by no mixture of the"
            " source's classes: the target has others."
        )
    if np.isnan(p).any():
        yield "No share is above 0: there is no p, and no weight."
    if lost > LOST:
        yield f"{lost:.0%} of the resamples had no solution; the interval is of the others only."
