"""The best of many, without the luck of having been chosen; and what the fields are worth."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.events import Floats
from ml.intervals import interval
from ml.sweeps.running import Running
from ml.sweeps.trials import Trial, blocks, least

RESAMPLED, SHUFFLED = 200, 200  # draws of an interval of a share, and of what chance gives
BINS = 5  # of the numbers of a range, by their order
AVERAGES = re.compile(r"(^|, )fold \d+")


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """Where trials are compared: scores (trials, lanes), the least is best, NaN of who has none;
    and how many go on."""

    epoch: int
    scores: Floats
    stay: int


@dataclass(frozen=True, eq=False)
class Ranked:
    """All trials by where they ended. `of` (lanes,) are the blocks of rows that judge them."""

    trials: Sequence[Trial]
    stages: Sequence[Stage]  # the last one is the end
    of: NDArray[np.intp]
    folds: bool  # whether the blocks are folds, whose models share what they learn from
    train: Floats  # (trials,) of the measure, at their last epoch
    epochs: NDArray[np.intp]  # (trials,) that each has had

    @classmethod
    def of_running(cls, running: Running) -> "Ranked":
        """What became of all trials, in their order."""
        by_place = {
            trial.place: (standing, i)
            for standing in running.standings
            for i, trial in enumerate(standing.part.trials)
        }
        at = [by_place[place] for place in range(len(by_place))]
        first, part = at[0][0].first, at[0][0].part
        best_by = first.best_by

        def scores(epoch: int | None) -> Floats:
            rows = [one.metric(best_by, epoch or one.first.num_epochs)[i] for one, i in at]
            return least(best_by, np.stack(rows))

        ends = [Stage(rung.epoch, scores(rung.epoch), rung.stay) for rung in running.rungs]
        ends.append(Stage(first.num_epochs, scores(None), 1))
        lanes = part.lanes
        learnt = [one.curve[:, 0, one.columns([i])].astype(float) for one, i in at]
        had = [int(np.isfinite(curve).any(1).sum()) for curve in learnt]
        return cls(
            trials=[one.part.trials[i] for one, i in at],
            stages=ends,
            of=np.array(blocks(at[0][0].part.trials[at[0][1]])),
            folds=all(AVERAGES.search(label) for label in part.labels[:lanes]),
            train=np.array(
                [
                    curve[max(epochs, 1) - 1].mean()
                    for curve, epochs in zip(learnt, had, strict=True)
                ]
            ),
            epochs=np.array(had),
        )

    @property
    def end(self) -> Floats:
        """Scores at the end, NaN of those that were dropped: (trials, lanes)."""
        return self.stages[-1].scores

    @property
    def order(self) -> list[int]:
        """Places of all trials from the best on: those that came furthest first."""
        last = [self.last(i) for i in range(len(self.trials))]
        keys = [(-stage, np.isnan(mean), mean) for stage, mean in last]
        return sorted(range(len(keys)), key=keys.__getitem__)

    def last(self, trial: int) -> tuple[int, float]:
        """The last stage at which a trial was judged, and its mean there."""
        known = [i for i, one in enumerate(self.stages) if np.isfinite(one.scores[trial]).all()]
        at = known[-1] if known else 0
        return at, float(self.stages[at].scores[trial].mean())

    def picked(self) -> list[int]:
        """For each block of rows the trial that is chosen by all others, rung by rung."""
        found = []
        for block in range(int(self.of.max()) + 1):
            others = self.of != block
            alive = np.arange(len(self.trials))
            for stage in self.stages:
                means = stage.scores[:, others].mean(1)
                known = np.flatnonzero(np.isfinite(means))
                # whom the others keep may have been dropped by all: then whoever stands is asked
                alive = found_in if (found_in := alive[np.isin(alive, known)]).size else known
                alive = alive[np.argsort(means[alive], kind="stable")][: stage.stay]
            found.append(int(alive[0]))
        return found

    def by_block(self, scores: Floats) -> Floats:
        """Means over the lanes of each block: (..., lanes) -> (..., blocks)."""
        return np.stack([scores[..., self.of == b].mean(-1) for b in range(self.of.max() + 1)], -1)

    def judged(self) -> Floats:
        """What each block's trial, chosen by all others, scores on that block: (blocks,)."""
        ends = self.by_block(self.end)
        return np.array([ends[trial, block] for block, trial in enumerate(self.picked())])

    def apart(self, one: Floats, other: Floats) -> tuple[float, float]:
        """Mean of one less other (blocks,), and half its 95 % interval."""
        mean, half = interval(one - other, len(one) if self.folds else 0)
        return float(mean), float(half)


@dataclass(frozen=True, slots=True)
class Share:
    """How much of what trials differ by goes with one field, beside what chance would give."""

    share: float
    low: float
    high: float
    chance: float  # 95 of 100 shuffles are below

    @property
    def told(self) -> bool:
        """Whether it is more than chance."""
        return self.share > self.chance


def importance(
    columns: Mapping[str, Sequence[Any]], scores: Floats, seed: int = 0
) -> dict[str, Share]:
    """Share of the variance of the scores (trials,) between the values of each field, numbers of a
    range in five bins: eta squared, with a bootstrap interval of the trials."""
    known = np.isfinite(scores)
    y = scores[known]
    rng = np.random.default_rng(seed)
    draws = rng.integers(len(y), size=(RESAMPLED, len(y))) if len(y) else np.empty((0, 0), int)
    shuffles = [rng.permutation(len(y)) for _ in range(SHUFFLED)]
    found = {}
    for name, values in columns.items():
        bins = binned([value for value, is_known in zip(values, known, strict=True) if is_known])
        drawn = [_eta2(bins[at], y[at]) for at in draws]
        chance = [_eta2(bins, y[at]) for at in shuffles]
        low, high = np.quantile(drawn, (0.025, 0.975)) if drawn else (0.0, 0.0)
        top = float(np.quantile(chance, 0.95)) if chance else 0.0
        found[name] = Share(_eta2(bins, y), float(low), float(high), top)
    return found


def binned(values: Sequence[Any]) -> NDArray[np.intp]:
    """Which bin each value is in: its own where there are few, or one of five by their order."""
    different = list(dict.fromkeys(map(str, values)))
    if len(different) <= BINS or not all(isinstance(value, int | float) for value in values):
        place = {value: i for i, value in enumerate(different)}
        return np.array([place[str(value)] for value in values], dtype=np.intp)
    rank = np.argsort(np.argsort(np.asarray(values, dtype=float), kind="stable"), kind="stable")
    return rank * BINS // len(values)


def _eta2(bins: NDArray[np.intp], y: Floats) -> float:
    total = ((y - y.mean()) ** 2).sum() if len(y) else 0.0
    if not total:
        return 0.0
    count = np.bincount(bins)
    means = np.bincount(bins, weights=y) / np.maximum(count, 1)
    return float((count * (means - y.mean()) ** 2).sum() / total)
