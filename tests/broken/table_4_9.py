"""4.9: z with its sign swapped, n/m forgotten, C transposed, labels that nobody may look at."""

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from ml.events import Floats
from ml.experiments import EXPERIMENTS
from ml.houses.splits import HouseSplit
from ml.shift import TwoSample, labels, normal, ratio
from tests.broken.breaks import Break

right_ratio, right_confusion, right_errors = (
    ratio.density_ratio,
    labels.confusion,
    HouseSplit.errors,
)
Covariate: Any = EXPERIMENTS["covariate_shift"]
Clipping: Any = EXPERIMENTS["weight_clipping"]
Detector: Any = EXPERIMENTS["shift_detector"]
Photos: Any = EXPERIMENTS["photos_and_cartoons"]
Houses: Any = EXPERIMENTS["house_shift"]
Correction: Any = EXPERIMENTS["house_correction"]
right_fit, right_weights, right_tables = Covariate.fit, Clipping.weights, Detector.tables
right_ways, right_found, right_kept = Photos.ways, Houses.found, Correction.kept


def swapped(source: Floats, target: Floats, clip: float) -> Any:
    """z = +1 for the source: q/p in the place of p/q."""
    other = right_ratio(target, source, clip=clip)
    return replace(other, source=other.target, target=other.source)


def clipped_first(source: Floats, target: Floats, clip: float) -> Any:
    """The odds are clipped, then made those of equal tables."""
    found = right_ratio(source, target)
    factor = len(source) / len(target)
    return replace(found, source=np.minimum(found.source / factor, clip) * factor)


def everywhere(source: Floats, target: Floats, clip: float) -> Any:
    """No target row is unlike the source."""
    found = right_ratio(source, target, clip=clip)
    return replace(found, unsupported=np.zeros(len(target), bool))


def targets_too(sample: Any, found: Any) -> tuple[Floats, Floats, Floats]:
    """Learn from the target's labels, which nobody has."""
    x, y = np.append(sample.x, sample.target), np.append(sample.y, sample.hidden)
    return x, y, np.append(found.source, found.target)


def unweighted(x: Floats, y: Floats, _weight: Floats, degree: int) -> Floats:
    """Weights are forgotten."""
    return np.asarray(right_fit(x, y, np.ones_like(x), degree))


def few_rows(x: Floats, y: Floats, weight: Floats, degree: int) -> Floats:
    """The plain fit sees ten rows."""
    rows = slice(10 if (weight == 1).all() else None)
    return np.asarray(right_fit(x[rows], y[rows], weight[rows], degree))


def mistaken(self: Any, shift: float, i: int) -> tuple[Floats, Floats]:
    """Tables that always differ."""
    source, target = right_tables(self, shift, i)
    return source, target + 0.2


def overfitted(source: Floats, target: Floats, **_: Any) -> Any:
    """Nothing holds the classifier back: it is sure of what is chance, and invents weights."""
    found = right_ratio(source, target)
    sure = 2 * np.random.default_rng(0).normal(size=len(source))
    return replace(found, source=np.exp(sure), slopes=found.slopes + 1.0)


def even(source: Floats, target: Floats, clip: float) -> Any:
    """Whatever moved, all rows weigh the same but for a thousandth."""
    found = right_ratio(source, target, clip=clip)
    return replace(found, source=1 + 1e-3 * np.sign(source[:, 0]))


def by_truth(_valid: Any, target: Any) -> Any:
    """The target's labels are used."""
    return labels.label_shift(target.truth, target.truth, target.truth, 10)


def unlike(valid: Any, target: Any) -> Any:
    """Confidence of the one beside doubt of the other."""
    scores = valid.confidence, 1 - target.confidence
    return labels.label_shift(valid.truth, valid.predicted, target.predicted, 10, scores=scores)


def as_it_comes(truth: Any, _p: Floats, m: int, rng: Any) -> Any:
    """The target is drawn whatever its classes."""
    return rng.integers(len(truth), size=m)


def with_labels(self: Any) -> Any:
    """What is called weighted has seen labels of the target."""
    ways = right_ways(self)
    plain, weighted, labelled = ways
    return {plain: ways[plain], weighted: ways[labelled], labelled: ways[plain]}


def told(auc: float, p: float) -> Any:
    """A detector that says the same of all tables, and ranks the columns the wrong way round."""

    def found(self: Any, source: Any, target: Any) -> Any:
        right = right_found(self, source, target)
        return replace(right, classifier=TwoSample(auc, p, 0.4, 0.6), columns=right.columns[::-1])

    return found


def overfitted_split(self: Any) -> Any:
    """The same for a split of the houses."""
    numbers = self.X[:, : len(self.tables.layout.numbers)]
    return overfitted(numbers[self.source], numbers[self.target])


def better_by_a_tenth(self: Any, beta: Any = None) -> Floats:
    """Weights that always pay."""
    return right_errors(self) * (1.0 if beta is None else 0.9)


split_ratio = cached_property(overfitted_split)
split_ratio.__set_name__(HouseSplit, "ratio")

BREAKS = [
    Break(
        name="covariate_shift",
        line="ratio",
        wrong=swapped,
        red=("slope of log β", "constant of log β", "|log β - log p/q|", "mean β from 1"),
        values={"num_sets": 10},
    ),
    Break(
        name="covariate_shift",
        line="ratio",
        wrong=even,
        red=("effective share",),
        values={"num_sets": 10},
    ),
    Break(
        name="covariate_shift",
        owner=ratio,
        line="balance",
        wrong=lambda _n, _m: 0.0,
        red=("constant of log β", "mean β from 1", "|log β - log p/q|"),
        values={"num_sets": 10, "num_target": 250},
    ),
    Break(
        name="covariate_shift",
        line="ratio",
        wrong=clipped_first,
        red=("largest weight over the clip",),
        values={"num_sets": 10, "num_target": 250, "clip": 2.0},
    ),
    Break(
        name="covariate_shift",
        line="ratio",
        wrong=everywhere,
        red=("a target row where q is 0",),
        values={"num_sets": 10},
    ),
    Break(
        name="covariate_shift",
        line="labels",
        wrong=targets_too,
        red=("other labels of the target",),
        values={"num_sets": 10},
    ),
    Break(
        name="covariate_shift",
        line="fit",
        wrong=unweighted,
        red=("misspecified",),
        values={"num_sets": 10},
    ),
    Break(
        name="covariate_shift",
        owner=normal,
        line="ratio",
        wrong=lambda x, _mu: np.ones_like(x),
        red=("Σβl/n",),
        values={"num_sets": 10},
    ),
    Break(
        name="covariate_shift",
        line="fit",
        wrong=few_rows,
        red=("well specified: share", "well specified: weighted risk"),
        values={"num_sets": 10, "degree": 2},
    ),
    Break(
        name="weight_clipping",
        line="weights",
        wrong=lambda self, x, clip: 2 * right_weights(self, x, clip),
        red=("bias from that of theory", "bias without a clip", "variance at c = 4"),
    ),
    Break(
        name="weight_clipping",
        line="weights",
        wrong=lambda self, x, clip: right_weights(self, x, 64 / clip),
        red=("bias falls as c grows", "variance grows with c"),
    ),
    Break(
        name="weight_clipping",
        line="losses",
        wrong=np.abs,
        red=("bias from that of theory",),
    ),
    Break(
        name="weight_clipping",
        line="together",
        wrong=lambda bias, _: np.ones_like(bias),
        red=("clip of the least error", "least error over that without"),
    ),
    Break(
        name="shift_detector",
        line="p_value",
        wrong=lambda *_: 1.0,
        red=("p-values of 400 draws", "found at a shift"),
    ),
    Break(name="shift_detector", line="tables", wrong=mistaken, red=("p-values of 400 draws",)),
    Break(name="shift_detector", line="ratio", wrong=overfitted, red=("effective share",)),
    Break(
        name="confusion_readings",
        owner=labels,
        line="confusion",
        wrong=lambda *given: right_confusion(*given).T,
        red=("C by columns, exact", "C joint, exact", "columns of the joint C", "mean p of"),
        values={"recall": 0.6},
    ),
    Break(
        name="confusion_readings",
        line="estimate",
        wrong=lambda y, said, _target, resamples: labels.label_shift(
            y, said, said, 3, resamples=resamples
        ),
        red=("C by columns, exact", "C joint, exact", "mean p of"),
    ),
    Break(
        name="label_shift",
        owner=labels,
        line="by_columns",
        wrong=lambda joint: joint / joint.sum(1, keepdims=True),
        red=("two readings of C",),
    ),
    Break(
        name="label_shift",
        owner=labels,
        line="confusion",
        wrong=lambda *given: right_confusion(*given).T,
        red=("p from its truth", "90 % intervals", "worst bias"),
    ),
    Break(
        name="label_shift",
        line="counted_on",
        wrong=lambda learnt, _valid: learnt,
        red=("recall of a class", "accuracy on the target", "worst bias", "90 % intervals"),
    ),
    Break(name="label_shift", line="target_rows", wrong=as_it_comes, red=("p from its truth",)),
    Break(
        name="label_shift",
        line="estimate",
        wrong=by_truth,
        red=("other labels", "the same with C of", "error where the cov", "moved covariates"),
    ),
    Break(name="label_shift", line="estimate", wrong=unlike, red=("label shift taken for more",)),
    Break(
        name="label_shift_correction",
        line="beta",
        wrong=lambda *_: np.ones(10),
        red=("samples of 10", "accuracy gained"),
    ),
    Break(
        name="label_shift_correction",
        line="target_rows",
        wrong=lambda truth, _p, rng: rng.permutation(len(truth)),
        red=("accuracy gained",),
    ),
    Break(
        name="photos_and_cartoons",
        line="changed",
        wrong=lambda images, _kind: images,
        red=("inverted images told", "accuracy lost on", "accuracy gained by 200"),
    ),
    Break(
        name="photos_and_cartoons",
        line="changed",
        wrong=lambda images, _kind: images,
        red=("blurred images told",),
        values={"kind": "blurred"},
    ),
    Break(
        name="photos_and_cartoons",
        line="told_apart",
        wrong=lambda *_: TwoSample(1.0, 0.0005, 0.4, 0.6),
        red=("clean images against clean ones",),
    ),
    Break(
        name="photos_and_cartoons",
        line="ways",
        wrong=with_labels,
        red=("accuracy gained by weights", "accuracy gained by 200"),
    ),
    Break(
        name="house_shift",
        line="found",
        wrong=told(0.5, 1.0),
        red=("split by year: p", "split by price: p", "split by year: the", "split by year: of"),
    ),
    Break(
        name="house_shift",
        line="found",
        wrong=told(1.0, 0.005),
        red=("Kaggle's train against test: AUC", "halves by chance: AUC"),
    ),
    Break(
        name="house_shift",
        line="ratio",
        wrong=overfitted,
        red=("Kaggle's train against test: effective",),
    ),
    Break(
        name="house_shift",
        owner=HouseSplit,
        line="ratio",
        wrong=split_ratio,
        red=("halves by chance: effective",),
    ),
    Break(
        name="house_shift",
        owner=HouseSplit,
        line="errors",
        wrong=lambda self, _beta=None: right_errors(self),
        red=("split by year, no overlap",),
    ),
    Break(
        name="house_shift",
        line="advised",
        wrong=lambda *_: "Correcting can help.",
        red=("split by year: advice",),
    ),
    Break(
        name="house_correction",
        line="weights",
        wrong=lambda split: np.ones(len(split.source)),
        red=("within 8 years", "draws in which the median"),
    ),
    Break(
        name="house_correction",
        line="weights",
        wrong=lambda split: np.ones(len(split.source)),
        red=("without two houses",),
        values={"drop_unfinished": True},
    ),
    Break(
        name="house_correction",
        owner=HouseSplit,
        line="errors",
        wrong=better_by_a_tenth,
        red=("within 15 years", "within 25 years"),
    ),
    Break(
        name="house_correction",
        line="kept",
        wrong=lambda self, *given: right_kept(self, *given) | self.odd,
        red=("squared error that two",),
    ),
    Break(
        name="house_correction",
        line="foretold",
        wrong=lambda _split: 5.0,
        red=("draws whose outcome",),
    ),
    Break(
        name="house_groups",
        line="held_out",
        wrong=lambda _self, order: np.full(len(order), 0.1),
        red=("price bands served",),
    ),
    Break(
        name="house_groups",
        line="warned",
        wrong=lambda _sizes, of: dict.fromkeys(of.tolist(), 0.0),
        red=("neighbourhoods drawn by lot",),
    ),
]
