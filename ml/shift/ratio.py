"""The density ratio β = p/q of two tables, by a classifier that tells them apart (4.9.6, 4.9.7)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml.events import Floats
from ml.shift import given

WEAKEST_FIRST = tuple(10.0**power for power in range(2, -5, -1))  # scikit-learn's C
FOLDS = 5
COMPARED = 2_000  # source rows that a target row is held beside to see whether any is like it
LONELY = 0.999  # quantile of the distances of other source rows from these
STILL = 1e-12  # spread of a column, of its largest number, that is rounding
LARGEST = 300.0  # of log β: its square can still be summed


@dataclass(frozen=True, slots=True, eq=False)
class DensityRatio:
    """β(x) = p(x)/q(x) as a classifier sees it, and how far it may be trusted."""

    source: Floats  # (n,) β of the source rows, clipped: the weights of training
    target: Floats  # (m,) β of the target rows
    slopes: Floats  # (d,) of log β, before the clip
    intercept: float
    unsupported: NDArray[np.bool_]  # (m,) target rows that are like no source row
    clip: float = np.inf

    @property
    def effective(self) -> float:
        """How many source rows the weighted ones are worth, of n."""
        return effective_rows(self.source)

    @property
    def effective_share(self) -> float:
        """The same as a share of n."""
        return self.effective / len(self.source)

    @property
    def mean(self) -> tuple[float, float]:
        """Mean β over the source rows, which is 1 but for chance and clip; its standard error."""
        n = len(self.source)
        return float(self.source.mean()), float(self.source.std(ddof=1) / np.sqrt(n))

    def at(self, X: ArrayLike) -> Floats:
        """β, clipped, at other rows: (k, d) -> (k,)."""
        X = given.table(X, "X", len(self.slopes))
        return _beta(self.intercept + X @ self.slopes, self.clip)


def density_ratio(
    source: ArrayLike,
    target: ArrayLike,
    *,
    clip: float = np.inf,
    cross_fit: bool = False,
    seed: int = 0,
) -> DensityRatio:
    """Estimate β by logistic regression: source (n, d), target (m, d), numbers without gaps.

    The penalty is the strongest whose validated log loss is not worse than the best one's by more
    than chance; where none beats a constant by more than chance, nothing has moved and β is 1: an
    overfitted classifier would invent weights. The score is then calibrated by Platt's method on
    held-out rows. The book takes n = m; otherwise the odds are m/n times the ratio, so they are
    multiplied by n/m. With `cross_fit` the β of a source row comes from rows that are not it.

    Raises:
        ValueError: for fewer than two folds' rows, columns that differ, numbers not finite, or a
            clip that is not above 0.
    """
    q, p = _tables(source, target)
    n, m = len(q), len(p)
    if min(n, m) < 2 * FOLDS:
        raise ValueError(f"A ratio needs {2 * FOLDS} rows of each at least; there are {min(n, m)}.")
    if not clip > 0:
        raise ValueError(f"A clip is above 0, and {clip} is not.")
    X, z = np.concatenate([q, p]), np.repeat([-1, 1], [n, m])
    unit, center, scale = _standardised(X)
    best = _chosen(unit, z, seed)
    nowhere = unsupported(q, p, seed)
    if best is None:
        even = _beta(np.zeros(n + m), clip)
        return DensityRatio(even[:n], even[n:], np.zeros(X.shape[1]), 0.0, nowhere, clip)
    strength, held_out = best
    a, b = _platt(held_out, z)
    model = _logistic(strength * (FOLDS - 1) / FOLDS).fit(unit, z)  # the same penalty a row
    slopes = a * model.coef_[0] / scale
    intercept = float(a * model.intercept_[0] + b + balance(n, m) - center @ slopes)
    h = intercept + X @ slopes
    if cross_fit:
        h[:n] = a * held_out[:n] + b + balance(n, m)
    beta = _beta(h, clip)
    return DensityRatio(beta[:n], beta[n:], slopes, intercept, nowhere, clip)


def balance(n: int, m: int) -> float:
    """log n/m, which makes the log odds of unequal tables those of equal ones."""
    return float(np.log(n / m))


def effective_rows(beta: Floats) -> float:
    """(Σβ)² / Σβ²: how many rows of equal weight leave as much variance (Kish)."""
    beta = np.asarray(beta, np.float64)
    if not beta.any():
        return 0.0
    beta = given.weights(beta, "Weights", len(beta))
    beta = beta / given.size(beta)
    return float(beta.sum()) ** 2 / float(np.square(beta).sum())


def unsupported(source: ArrayLike, target: ArrayLike, seed: int = 0) -> NDArray[np.bool_]:
    """Which target rows lie where there is no source row: q = 0 there, as far as we see; (m,).

    Such a row is farther from its nearest row in one half of the source than all but one in a
    thousand of the other half are, in standard deviations. No weight can stand for it. A half of
    h < 1,000 rows has no such quantile: a row is flagged that is farther than all of them, which
    chance alone does to one in h + 1. `by_chance` says how large a share that can be.
    """
    from sklearn.neighbors import NearestNeighbors

    q, p = _tables(source, target)
    given.at_least(len(q), 2, "Rows of the source")
    size = given.size(np.concatenate([q, p]))
    q, p = q / size, p / size
    spread = q.std(0)
    scale = np.where(spread > STILL, spread, 1.0)
    rows = np.random.default_rng(seed).permutation(len(q))[: 2 * COMPARED]
    near = NearestNeighbors(n_neighbors=1).fit(q[rows[::2]] / scale)
    usual, far = (near.kneighbors(X / scale)[0][:, 0] for X in (q[rows[1::2]], p))
    return np.asarray(far > np.quantile(usual, LONELY, method="higher"))


def by_chance(n: int, m: int) -> float:
    """The share of m target rows that are flagged in one of fifty tables of the source's law.

    If h other distances are all of one law with a row's, the chance of lying beyond the r-th
    largest of them has a beta law, and the number beyond it a beta-binomial one. They are not
    quite, as the source sets the scale: of few rows in five columns it is one in twenty.
    """
    from scipy.stats import betabinom

    h = min(n, 2 * COMPARED) // 2
    r = h - int(np.ceil(LONELY * (h - 1)))
    return float(betabinom(m, r, h + 1 - r).isf(0.02)) / m


def _tables(source: ArrayLike, target: ArrayLike) -> tuple[Floats, Floats]:
    q, p = given.table(source, "The source"), given.table(target, "The target")
    if q.shape[1] != p.shape[1]:
        shapes = f"{q.shape} and {p.shape}"
        raise ValueError(f"Source and target are tables of the same columns; these are {shapes}.")
    return q, p


def _standardised(X: Floats) -> tuple[Floats, Floats, Floats]:
    """(X - center) / scale (N, d), and both (d,); a column that stands still has its own size."""
    size = given.size(X)
    X = X / size
    center, spread = X.mean(0), X.std(0)
    scale = np.where(spread > STILL, spread, 1.0)
    return (X - center) / scale, center * size, scale * size


def _beta(h: Floats, clip: float) -> Floats:
    return np.minimum(np.exp(np.minimum(h, LARGEST)), clip)


def _logistic(strength: float):  # type: ignore[no-untyped-def]  # scikit-learn has no types
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=2_000)


def _chosen(X: Floats, z: NDArray[np.int64], seed: int) -> tuple[float, Floats] | None:
    """C, and the scores of held-out rows (n + m,); None where a constant does as well."""
    from sklearn.model_selection import StratifiedKFold

    folds = [*StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(X, z)]
    constant = np.log((z > 0).sum() / (z < 0).sum())
    losses, scores = [_log_loss(np.full(len(z), constant), z)], [np.zeros(len(z))]
    for strength in WEAKEST_FIRST:
        h = np.empty(len(z))
        for learnt, held_out in folds:
            h[held_out] = (
                _logistic(strength).fit(X[learnt], z[learnt]).decision_function(X[held_out])
            )
        losses.append(_log_loss(h, z))
        scores.append(h)
    best = int(np.argmin([loss.mean() for loss in losses]))
    if not best or not _worse(losses[0], losses[best]):
        return None
    place = max(i for i in range(best, len(losses)) if not _worse(losses[i], losses[best]))
    return WEAKEST_FIRST[place - 1], scores[place]


def _worse(losses: Floats, best: Floats) -> bool:
    """Whether the mean is larger by more than two standard errors of the paired difference."""
    difference = losses - best
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    return bool(difference.mean() > 2 * error)


def _log_loss(h: Floats, z: NDArray[np.int64]) -> Floats:
    return np.logaddexp(0.0, -z * h)


def _platt(h: Floats, z: NDArray[np.int64]) -> tuple[float, float]:
    """Slope, at least 0, and intercept that make held-out scores log odds (Platt 1999)."""
    model = _logistic(1e6).fit(h[:, None], z)
    return max(0.0, float(model.coef_[0, 0])), float(model.intercept_[0])
