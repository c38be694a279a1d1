"""Two jobs beside each other: which repetitions make a pair, and whether one of both is better."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.results.repetitions import Setting
from app.typography import measure_name, metric
from ml.predictor import Compared, apart, interval, repetitions_needed

SURE = 0.95
SEED, FOLD = "seed", "fold"
Array = NDArray[np.floating[Any]]
Verdict = Literal["one", "other", "open", "single", "nothing"]
"""Which of two is better; that they cannot be told apart; that one run each says nothing of chance;
that one of them has no finite number."""


@dataclass(frozen=True, eq=False)
class Side:
    """A job among those that are compared, by the setting that its headline names."""

    letter: str
    job: int
    setting: Setting
    rows: Mapping[str, Any]  # the fields that decide which rows its repetitions are judged on
    at: int = 0  # the epoch that it is looked at; 0: each repetition at its last

    @property
    def share(self) -> str:
        """What it is compared by where that is a share, which is better the higher: "accuracy"."""
        return self.setting.group.best_share

    @property
    def measure(self) -> str:
        """What it is compared by, and on which rows: "valid log RMSE"."""
        group = self.setting.group
        return f"{group.judged_on} {self.share or measure_name(group.measure)}"

    def ends(self, part: str) -> Array:
        """Of "train" or "valid", by what it is compared by, every repetition: (R,)."""
        name = f"{part} {self.share}".strip()
        at_epoch: Array = self.setting.metric(name)[self.at - 1]
        return at_epoch if self.at else self.setting.ends(name)

    @cached_property
    def value(self) -> float:
        """Mean over the repetitions; NaN where one of them is."""
        return float(self.ends("valid").mean())

    @cached_property
    def repeated(self) -> dict[str, Array]:
        """The values (S,) of each part of the rows, one a seed, by what the part is called.

        Where nothing but seeds repeats the setting, each is a part: how they scatter is all that
        is known.
        """
        values, labels = self.ends("valid").tolist(), self.setting.labels
        parts = [_split(counted) for counted in self.setting.counted]
        found = dict[str, dict[str, float]]()
        for (unit, seed), label, value in zip(parts, labels, values, strict=True):
            found.setdefault(unit or label, {})[seed] = value
        alike = len({tuple(seeds) for seeds in found.values()}) == 1
        if not alike or sum(map(len, found.values())) != len(values):  # unlike, or told twice
            return {f"run {i + 1}": np.array([value]) for i, value in enumerate(values)}
        return {unit: np.array([*seeds.values()]) for unit, seeds in found.items()}

    @cached_property
    def folds(self) -> int:
        """Of a cross-validation; 0 where it is none."""
        labels = (dict(counted).get(FOLD) for counted in self.setting.counted)
        return len({label for label in labels if label})

    @cached_property
    def matrix(self) -> Array:
        """The same as a table: seeds by parts of the rows, (S, U)."""
        return np.stack([*self.repeated.values()], 1)

    @cached_property
    def by_seed(self) -> Array:
        """The mean of each seed over whatever else repeats it; empty where no seed does."""
        if next(iter(self.repeated)).startswith(f"{SEED} "):
            seeds: Array = self.matrix[0]
        else:
            seeds = self.matrix.mean(1) if len(self.matrix) > 1 else np.empty(0)
        return seeds


def _split(counted: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """What a repetition is of, and its seed: "fold 3" and "1"; seeds alone are parts."""
    unit = ", ".join(f"{noun} {number}" for noun, number in counted if noun != SEED)
    seed = dict(counted).get(SEED, "")
    return (unit, seed) if unit or not seed else (f"{SEED} {seed}", "")


@dataclass(frozen=True, eq=False)
class Pair:
    """Two jobs: what the other has less what the one has, and half the interval of that."""

    one: Side
    other: Side
    why: str  # their repetitions are no pairs; empty where they are
    parts: Mapping[str, float]  # the difference of each pair, seeds averaged
    difference: float
    half: float  # NaN where one run each says nothing of it
    of_seeds: Mapping[str, Array] = field(default_factory=dict)  # of each seed, where these pair

    @property
    def gain(self) -> float:
        """By how much the other is better: below 0 it is worse."""
        return self.difference if self.one.share else -self.difference

    @property
    def verdict(self) -> Verdict:
        """By the interval, never by the mean."""
        if not np.isfinite(self.difference):
            return "nothing"
        if not np.isfinite(self.half):
            return "single"
        if abs(self.gain) <= self.half:
            return "open"
        return "other" if self.gain > 0 else "one"

    @property
    def ahead(self) -> int:
        """Pairs in which the other is better."""
        sign = 1 if self.one.share else -1
        return sum(sign * by > 0 for by in self.parts.values())

    @property
    def seeds(self) -> tuple[float, float] | None:
        """The difference and half its interval if only seeds were others, where both have some
        beside folds."""
        one, other = self.one.by_seed, self.other.by_seed
        if min(len(one), len(other)) < 2 or not self.one.folds:
            return None
        if not self.why and len(one) == len(other):
            mean, half = interval(other - one)
            return float(mean), float(half)
        return apart(one, other)

    @property
    def more_seeds(self) -> int | None:
        """How many more of each would tell such a difference from what seeds do, where they are
        what repeats; None where they are not, where they do so already, or where none would."""
        one, other = self.one.by_seed, self.other.by_seed
        if min(len(one), len(other)) < 2:
            return None
        freedom = np.array([len(one) - 1, len(other) - 1])
        pooled = float(
            np.sqrt((freedom * [one.var(ddof=1), other.var(ddof=1)]).sum() / sum(freedom))
        )
        needed = repetitions_needed(self.difference, pooled)
        more = needed - min(len(one), len(other)) if needed else 0
        return more if more > 0 else None

    @property
    def around(self) -> str:
        """The difference without its sign, with its interval: "0.0036 ± 0.0031"."""
        half = f" ± {metric(self.half)}" if np.isfinite(self.half) else ""
        return f"{metric(abs(self.difference))}{half}"

    @property
    def sentence(self) -> str:
        """What that means, both called by their letters."""
        better, worse = (self.other, self.one) if self.gain > 0 else (self.one, self.other)
        unit = better.measure.partition(" ")[2]
        match self.verdict:
            case "one" | "other":
                return f"{better.letter} is better by {self.around} {unit}.{self._agree(better)}"
            case "open":
                ahead = f"{better.letter} is ahead by {self.around} {unit}."
                return " ".join(
                    filter(None, ("They cannot be told apart:", ahead, self._would_tell))
                )
            case "single":
                ahead = f"{better.letter} is ahead of {worse.letter} by {self.around} {unit}"
                return f"{ahead}: of a single run nothing says how far chance alone would go."
        lost = [side.letter for side in (self.one, self.other) if not np.isfinite(side.value)]
        return f"{' and '.join(lost)} diverged: there is no number to compare."

    def _agree(self, better: Side) -> str:
        """In how many pairs that is so."""
        n = len(self.parts)
        if not n:
            return ""
        ahead = self.ahead if better is self.other else n - self.ahead
        those = f"all {n}" if ahead == n else f"{ahead} of {n}"
        return f" It is ahead in {those} {self._noun}s." if n > 1 else ""

    @property
    def _noun(self) -> str:
        name = next(iter(self.parts)).rpartition(", ")[2]
        return name.rpartition(" ")[0] or "pair"

    @property
    def _would_tell(self) -> str:
        """What would, as far as seeds can."""
        more = self.more_seeds
        if more is None:
            return ""
        where = " on these folds" if self.one.folds else ""
        return f"About {more:,} more {'seed' if more == 1 else 'seeds'} of each would tell{where}."


def pair(one: Side, other: Side, *, level: float = SURE, judged: Compared | None = None) -> Pair:
    """Two jobs of one measure: by pairs where these are judged by the same rows, or by none.

    `judged` are the errors of their versions, fold by fold: they know of each row which fold it is
    in, and so pair experiments whose labels say nothing of each other.
    """
    why = _no_pairs(one, other)
    if not why:
        return _of_parts(one, other, level)
    if judged is None:
        mine, its = (each.matrix.mean(0) for each in (one, other))
        return Pair(one, other, why, {}, *apart(mine, its, (one.folds, other.folds), level))
    off = np.asarray(judged.others - judged.errors)
    mean, half = map(float, interval(off, judged.k, level))
    parts = dict(zip(_named(len(off), judged.k), off.tolist(), strict=True))
    return Pair(one, other, "", parts, mean, half)


def _of_parts(one: Side, other: Side, level: float) -> Pair:
    """The same where both are judged by the same parts: each is held beside its own."""
    mine, its = one.repeated, other.repeated
    parts = {name: float(its[name].mean() - values.mean()) for name, values in mine.items()}
    mean, half = map(float, interval([*parts.values()], one.folds, level))
    of_seeds = {
        name: its[name] - values for name, values in mine.items() if len(values) == len(its[name])
    }
    return Pair(one, other, "", parts, mean, half, of_seeds)


def _named(n: int, k: int) -> list[str]:
    """What J pairs of k folds each are called."""
    return [f"{f'shuffle {i // k + 1}, ' if n > k else ''}{FOLD} {i % k + 1}" for i in range(n)]


def _no_pairs(one: Side, other: Side) -> str:
    """Why their repetitions are no pairs; empty where they are."""
    if one.repeated.keys() != other.repeated.keys():
        mine, its = one.setting.repeated, other.setting.repeated
        return f"{one.letter} has {mine}, {other.letter} has {its}"
    names = {**one.rows, **other.rows}
    unlike = [name for name in names if one.rows.get(name) != other.rows.get(name)]
    differ = "differs" if len(unlike) == 1 else "differ"
    return f"they are judged by other rows: {', '.join(unlike)} {differ}" if unlike else ""
