"""Which columns moved, by how much, and whether chance could have done it (4.9.6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ml.events import Floats
from ml.schema.dates import day_of
from ml.shift.reading import Kind

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.05  # of false discoveries among the columns that are said to have moved
EXACT = 500  # rows up to which Kolmogorov's statistic has its exact law
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
EXPECTED = 5.0  # rows of a level in either table that a chi-squared test asks for
SHOWN = 5  # levels side by side
OF: Mapping[Kind, str] = {"number": "numbers", "date": "dates"}


@dataclass(frozen=True, slots=True)
class ColumnShift:
    """One column, or what is missing or never seen in one, in source and target.

    `moved` is the share of rows that differs at least: the Kolmogorov-Smirnov distance of numbers,
    the total variation of levels, the difference of shares. `source` and `target` are its quantiles
    or shares, by the names in `at`.
    """

    name: str
    of: str  # numbers, dates (as decimal years), levels, true, missing, never seen
    moved: float
    p: float
    at: tuple[str, ...]
    source: tuple[float, ...]
    target: tuple[float, ...]
    adjusted: float = 1.0  # p among all columns, by Benjamini and Hochberg (1995)

    @property
    def found(self) -> bool:
        """Whether it moved beyond chance, one in twenty of those said being false."""
        return self.adjusted < LEVEL

    @property
    def sentence(self) -> str:
        """How far it moved, in units of its own."""
        if self.of in WRITTEN:
            middle = self.at.index("50 %")
            before, after = (WRITTEN[self.of](side[middle]) for side in (self.source, self.target))
            return f"{self.name}: {self.moved:.0%} moved, median {before} → {after}."
        if self.of == "levels":
            most = int(np.argmax(np.abs(np.subtract(self.source, self.target))))
            was, now = self.source[most], self.target[most]
            level = f"{self.at[most]} {was:.1%} → {now:.1%}"
            return f"{self.name}: {self.moved:.0%} moved, most of all {level}."
        rates = f"{self.source[0]:.1%} → {self.target[0]:.1%} of the rows."
        return (
            f"{self.name}: true in {rates}"
            if self.of == "true"
            else f"{self.name} {self.of}: {rates}"
        )


def _written(value: float) -> str:
    """Five digits and more in threes; a year is no amount."""
    return f"{value:,.6g}" if abs(value) >= 10_000 else f"{value:.6g}"


WRITTEN: Mapping[str, Callable[[float], str]] = {"numbers": _written, "dates": day_of}


def column_shifts(
    q: pd.DataFrame, p: pd.DataFrame, kind: Mapping[str, Kind], seed: int = 0
) -> tuple[tuple[ColumnShift, ...], tuple[str, ...]]:
    """All tests of all columns, the surest and largest first; sentences on those without one."""
    from scipy.stats import false_discovery_control

    tests: list[ColumnShift] = []
    notes: list[str] = []
    for name, is_of in kind.items():
        for answer in _tests(q[name], p[name], is_of, seed):
            (tests if isinstance(answer, ColumnShift) else notes).append(answer)  # type: ignore[arg-type]  # one of both
    if not tests:
        return (), tuple(notes)
    adjusted = false_discovery_control([test.p for test in tests])
    judged = [replace(test, adjusted=float(p)) for test, p in zip(tests, adjusted, strict=True)]
    return tuple(sorted(judged, key=lambda c: (not c.found, -c.moved))), tuple(notes)


def _tests(q: pd.Series, p: pd.Series, kind: Kind, seed: int) -> Iterator[ColumnShift | str]:
    name, gone = str(q.name), (int(q.isna().sum()), int(p.isna().sum()))
    if any(gone) and gone != (len(q), len(p)):
        rates = (gone[0] / len(q), gone[1] / len(p))
        yield _shares(name, "missing", rates, _fisher(gone[0], len(q), gone[1], len(p)))
    q, p = q.dropna(), p.dropna()
    if not (len(q) and len(p)):
        where = (
            "both tables" if not (len(q) or len(p)) else "the target" if len(q) else "the source"
        )
        yield f"{name}: all its values are missing in {where}."
    elif q.nunique() == 1 and p.nunique() == 1 and str(q.iloc[0]) == str(p.iloc[0]):
        yield f"{name}: the same value in every row of both tables."
    elif kind in OF:
        yield _numbers(name, OF[kind], q, p)
    elif kind == "truth":
        was, now = int(q.sum()), int(p.sum())
        chance = _fisher(was, len(q), now, len(p))
        yield _shares(name, "true", (was / len(q), now / len(p)), chance)
    else:
        yield from _levels(name, q.astype("string"), p.astype("string"), seed)


def _numbers(name: str, of: str, q: pd.Series, p: pd.Series) -> ColumnShift:
    from scipy.stats import ks_2samp

    a, b = q.to_numpy(float), p.to_numpy(float)
    test = ks_2samp(a, b, method="exact" if max(len(a), len(b)) <= EXACT else "asymp")
    at = tuple(f"{100 * share:.0f} %" for share in QUANTILES)
    # of halves, as the distance of two numbers may be none
    was, now = (tuple((2 * np.quantile(x / 2, QUANTILES)).tolist()) for x in (a, b))
    return ColumnShift(name, of, float(test.statistic), float(test.pvalue), at, was, now)


def _levels(name: str, q: pd.Series, p: pd.Series, seed: int) -> Iterator[ColumnShift | str]:
    import pandas as pd
    from scipy.stats import chi2_contingency

    counts = pd.concat([q.value_counts(), p.value_counts()], axis=1).fillna(0).to_numpy(float)
    names = pd.concat([q.value_counts(), p.value_counts()], axis=1).index
    new = ~p.isin(q.unique())
    if new.any():
        yield _never_seen(name, q, p, float(new.mean()), seed)
    share = counts / counts.sum(0)
    pooled = counts.sum(1) / counts.sum()
    rare = pooled * min(len(q), len(p)) < EXPECTED
    kept = _kept(counts, rare, pooled[rare].sum() * min(len(q), len(p)) < EXPECTED)
    if len(kept) < 2:
        yield f"{name}: {len(names):,} levels, not two of them frequent enough to be compared."
        return
    if rare.any() and len(names) > len(q) / EXPECTED:
        yield f"{name}: {len(names):,} levels; {int(rare.sum()):,} rare ones are counted as one."
    most = np.argsort(-np.abs(share[:, 0] - share[:, 1]))[:SHOWN]
    yield ColumnShift(
        name,
        "levels",
        float(np.abs(kept[:, 0] / len(q) - kept[:, 1] / len(p)).sum() / 2),
        float(chi2_contingency(kept, correction=False).pvalue),
        tuple(names[most]),
        tuple(share[most, 0].tolist()),
        tuple(share[most, 1].tolist()),
    )


def _kept(counts: Floats, rare: NDArray[np.bool_], too_few: bool) -> Floats:
    """Rows in source and target (k, 2) of the levels that are compared; the rare are one of them.

    Where these are rare even as one, they go with the least frequent of the others: a chi-squared
    test takes a handful of rows in the larger table for a shift.
    """
    kept, others = counts[~rare], counts[rare].sum(0)
    if not too_few:
        return np.concatenate([kept, others[None]])
    if len(kept):
        kept[np.argmin(kept.sum(1))] += others
    return kept


def _never_seen(name: str, q: pd.Series, p: pd.Series, share: float, seed: int) -> ColumnShift:
    """Levels that the source has not; p from one half of it, which has not seen all either.

    That the target has fewer new ones than chance would give is no shift: its rows come back.
    """
    order = np.random.default_rng(seed).permutation(len(q))
    seen, other = q.iloc[order[::2]].unique(), q.iloc[order[1::2]]
    news = int((~other.isin(seen)).sum()), int((~p.isin(seen)).sum())
    more = _fisher(news[0], len(other), news[1], len(p), "less")
    return _shares(name, "never seen", (0.0, share), more)


def _shares(name: str, of: str, shares: tuple[float, float], p: float) -> ColumnShift:
    was, now = shares
    return ColumnShift(name, of, abs(now - was), p, (of,), (was,), (now,))


def _fisher(
    k: int, n: int, j: int, m: int, first: Literal["two-sided", "less"] = "two-sided"
) -> float:
    """Whether k of n and j of m are one rate, or k/n is less, by Fisher's exact test."""
    from scipy.stats import fisher_exact

    return float(fisher_exact(np.array([[k, n - k], [j, m - j]]), first).pvalue)
