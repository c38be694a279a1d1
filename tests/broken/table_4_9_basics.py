"""4.9: true risks that forget, labels that are looked at, stories in which nothing happens."""

from typing import Any

import numpy as np

from ml.events import Floats
from ml.experiments import EXPERIMENTS
from ml.shift import concept_shift
from tests.broken.breaks import Break

Risk: Any = EXPERIMENTS["empirical_risk"]
Impossible: Any = EXPERIMENTS["impossible"]
Drinks: Any = EXPERIMENTS["soft_drinks"]
Concept: Any = EXPERIMENTS["concept_shift"]
Monitor: Any = EXPERIMENTS["concept_monitor"]
Students: Any = EXPERIMENTS["students_as_controls"]
Tanks: Any = EXPERIMENTS["tanks_and_shadows"]
Roadside: Any = EXPERIMENTS["roadside_texture"]
Months: Any = EXPERIMENTS["nonstationary_months"]
Loan: Any = EXPERIMENTS["loan_and_shoes"]
Fair: Any = EXPERIMENTS["fair_thresholds"]

right_draw, right_fit, right_risk = Risk.draw, Risk.minimiser, Risk.true_risk
right_loss, right_inputs = Risk.empirical, Impossible.inputs
right_asked, right_majority, right_shares = Drinks.asked, Drinks.majority, Drinks.shares
right_scratch = Concept.scratch
right_men, right_study = Students.men, Students.study
right_photos, right_features = Tanks.photos, Roadside.features
right_rendered, right_patches = Roadside.rendered, Roadside.patches
right_filters, right_shoes, right_grants = Months.filters, Loan.shoes, Loan.grants
right_chances, right_costs, right_counts = Fair.chances, Fair.costs, Fair.counts


# ---- risks


def ten_rows(self: Any, n: int, rng: Any) -> Any:
    """However many rows are asked for, ten are different."""
    x, y = right_draw(self, n, rng)
    rows = np.arange(n) % 10
    return x[:, rows], y[:, rows]


def from_a_tenth(x: Floats, y: Floats, degree: int) -> Any:
    """Minimise over other rows than those of the risk."""
    few = slice(x.shape[1] // 10)
    return right_fit(x[:, few], y[:, few], degree)


def other_truth(self: Any, w: Floats) -> Floats:
    """A true risk against another truth."""
    off = np.zeros(w.shape[1])
    off[0] = 0.1
    return np.asarray(right_risk(self, w - off))


def same_for_all(self: Any, w: Floats) -> Floats:
    """Whatever is learnt, new rows say the same."""
    return np.full(len(w), right_risk(self, self.best[None])[0])


# ---- concepts


def follower(self: Any, first: Floats, X: Floats, _y: Floats) -> Any:
    """No step is taken."""
    del self
    return np.broadcast_to(first, (len(X), *first.shape))


def quarter(self: Any) -> Any:
    """A sudden change to what nothing is known of, instead of a flip."""
    months = np.arange(24)
    return ("slow", np.radians(self.turn * months)), ("sudden", np.pi / 2 * (months >= 12))


def flattered(promised: Floats, seen: Floats, beta: Any) -> Any:
    """The promise is too good."""
    return concept_shift(0.7 * promised, seen, beta)


# ---- stories


def mistaken(self: Any, rng: Any, n: int) -> Any:
    """Every fifth diagnosis is wrong."""
    rows = right_men(self, rng, n)
    y = rows.y.copy()
    y[:, ::5] = 1 - y[:, ::5]
    return rows._replace(y=y)


def swapped(self: Any, rng: Any, n: int) -> Any:
    """Patients are called healthy, students sick."""
    rows = right_study(self, rng, n)
    return rows._replace(y=1 - rows.y)


def unlabelled(self: Any, rng: Any, mixed: float) -> Any:
    """Labels have nothing to do with tanks."""
    pixels, y = right_photos(self, rng, mixed)
    return pixels, rng.permuted(y, axis=1)


def other_roughness(times: float) -> Any:
    """Real roadsides rougher or smoother than rendered ones."""

    def real(self: Any, rng: Any) -> Any:
        shape = self.repeats, self.n, 36
        return right_patches(self, rng, times * rng.choice([-1.0, 1.0], shape))

    return real


def no_contrast(pixels: Floats) -> Any:
    """What roadsides have in common is not measured."""
    features = right_features(pixels)
    features[..., -1] = 0
    return features


def fewer_at_last(self: Any, rng: Any, palette: Floats) -> Any:
    """An engine of many textures renders one of them."""
    return right_rendered(self, rng, palette[:, :1] if palette.shape[1] > 10 else palette)


def all_alike(self: Any) -> Any:
    """Nobody updates."""
    filters = right_filters(self)
    return dict.fromkeys(filters, filters["never"])


def peeking(self: Any) -> Any:
    """An estimate of a day knows the day."""
    return {way: np.roll(w, 1, axis=1) for way, w in right_filters(self).items()}


def no_season(self: Any, rng: Any) -> Any:
    """Customers who want the same all year."""
    shape = self.repeats, len(self.wanted)
    return rng.binomial(self.customers, self.wanted.mean(), shape) / self.customers


def fading(self: Any, repaid: Floats) -> Floats:
    """An income that tells less from round to round."""
    return np.where(self.sneakers[:, None, None] > 0.5, repaid, 1.0)


def wiser(self: Any, rng: Any) -> Any:
    """Loans make honest."""
    shape = 25, self.repeats, self.applicants
    chance = self.base + 0.01 * np.arange(25.0)[:, None, None]
    return (rng.random(shape) < chance).astype(float)


BREAKS = [
    Break(
        name="empirical_risk",
        line="true_risk",
        wrong=lambda self, w: right_risk(self, w) - self.noise**2,
        red=("empirical - true risk", "minimised over true risk, 1,000 rows"),
    ),
    Break(
        name="empirical_risk",
        line="true_risk",
        wrong=other_truth,
        red=("minimisers of less true risk", "empirical - true risk"),
    ),
    Break(
        name="empirical_risk",
        line="true_risk",
        wrong=same_for_all,
        red=("gap of both risks",),
    ),
    Break(
        name="empirical_risk",
        line="minimiser",
        wrong=from_a_tenth,
        red=("data sets whose minimum", "minimised risk from"),
    ),
    Break(
        name="empirical_risk",
        line="minimiser",
        wrong=lambda x, _y, degree: np.zeros((len(x), degree + 1)),
        red=("minimised over true risk, 20 rows",),
    ),
    Break(
        name="empirical_risk",
        line="empirical",
        wrong=lambda w, x, y: 2 * right_loss(w, x, y),
        red=("empirical - true risk", "spread over that of theory"),
    ),
    Break(
        name="empirical_risk",
        line="draw",
        wrong=ten_rows,
        red=("slope of log spread", "spread over that of theory"),
    ),
    Break(
        name="impossible",
        line="seen",
        wrong=lambda X, y: X * (2 * y - 1)[..., None],
        red=("AUC moves by", "labels flipped: mean AUC", "labels flipped: AUCs"),
    ),
    Break(
        name="impossible",
        line="inputs",
        wrong=lambda self, rng: right_inputs(self, rng) * (1 + 3 * rng.random()),
        red=("inputs moved: AUC", "flipped accuracy from"),
    ),
    Break(
        name="impossible",
        line="flip",
        wrong=lambda _self, y, _rng: y,
        red=("accuracy a + accuracy", "accuracy on flipped", "flipped accuracy from"),
    ),
    Break(
        name="soft_drinks",
        line="asked",
        wrong=lambda self, places, rng: 2 - right_asked(self, places, rng),
        red=("answers from the shares",),
    ),
    Break(
        name="soft_drinks",
        line="shares",
        wrong=lambda places, width: right_shares(0 * places, width),
        red=("accuracy of that word at", "best window's accuracy less"),
    ),
    Break(
        name="soft_drinks",
        line="shares",
        wrong=lambda places, _: np.full((*places.shape, 3), 1 / 3),
        red=("accuracy of a word where",),
    ),
    Break(
        name="soft_drinks",
        line="majority",
        wrong=lambda places, names, _: right_majority(places, names, 6000.0),
        red=("best window",),
    ),
    Break(
        name="concept_shift",
        line="steps",
        wrong=follower,
        red=("slow drift: error of steps", "flip, in the end"),
    ),
    Break(
        name="concept_shift",
        line="steps",
        wrong=lambda _self, _first, X, y: right_scratch(X, y),
        red=("flip, that month", "winner by speed"),
    ),
    Break(name="concept_shift", line="angles", wrong=quarter, red=("flip: stale error",)),
    Break(
        name="concept_shift",
        line="scratch",
        wrong=lambda X, y: right_scratch(np.roll(X, 1, axis=0), np.roll(y, 1, axis=0)),
        red=("from scratch: errors differ",),
    ),
    Break(
        name="concept_monitor",
        line="beta",
        wrong=lambda x, _: np.ones_like(x),
        red=("inputs moved, β: promised", "inputs moved, β: share"),
    ),
    Break(
        name="concept_monitor",
        line="relabelled",
        wrong=lambda errors, _share, _rng: errors,
        red=("alarms from theory", "20% changed"),
    ),
    Break(
        name="concept_monitor",
        line="monitor",
        wrong=flattered,
        red=("nothing changed: share of intervals", "nothing changed: share of months", "promised"),
    ),
    Break(
        name="concept_monitor",
        line="monitor",
        wrong=lambda promised, seen, beta: concept_shift(promised, promised[: len(seen)], beta),
        red=("inputs moved, no β", "alarms from theory"),
    ),
    Break(
        name="students_as_controls",
        line="beta",
        wrong=lambda _self, X: np.ones(X.shape[:-1]),
        red=("rows that 400",),
    ),
    Break(
        name="students_as_controls",
        line="beta",
        wrong=lambda _self, X: np.ones(X.shape[:-1]),
        red=("corrected accuracy over plain",),
        values={"matched": 0.3},
    ),
    Break(
        name="students_as_controls",
        line="study",
        wrong=lambda self, rng, n: self.men(rng, n),
        red=(
            "accuracy on the study's own test",
            "accuracy on men",
            "men who are like",
            "advice",
        ),
    ),
    Break(
        name="students_as_controls",
        line="study",
        wrong=swapped,
        red=("what correction gains",),
    ),
    Break(name="students_as_controls", line="men", wrong=mistaken, red=("learnt from men",)),
    Break(
        name="tanks_and_shadows",
        line="photos",
        wrong=lambda self, rng, _: right_photos(self, rng, 0.5),
        red=("accuracy", "attention on the tank", "any hour's attention"),
    ),
    Break(
        name="tanks_and_shadows",
        line="photos",
        wrong=unlabelled,
        red=("any hour: accuracy outside", "any hour: attention"),
    ),
    Break(
        name="tanks_and_shadows",
        line="covered",
        wrong=lambda photos: photos,
        red=("any hour: accuracy with the tank covered",),
    ),
    Break(
        name="tanks_and_shadows",
        line="saliency",
        wrong=lambda w: np.full((len(w), 12, 12), 1 / 144),
        red=("any hour: attention", "any hour's attention"),
    ),
    Break(
        name="roadside_texture",
        line="features",
        wrong=no_contrast,
        red=("100 textures: accuracy on real", "weight of the contrast"),
    ),
    Break(
        name="roadside_texture",
        line="real",
        wrong=other_roughness(3.0),
        red=("1 texture: accuracy on real", "100 textures: AUC"),
    ),
    Break(
        name="roadside_texture",
        line="real",
        wrong=other_roughness(0.5),
        red=("100 textures: rendered less real", "100 textures: accuracy on real"),
    ),
    Break(
        name="roadside_texture",
        line="rendered",
        wrong=lambda self, rng, _: self.real(rng),
        red=("1 texture", "weight of the contrast"),
    ),
    Break(
        name="roadside_texture",
        line="rendered",
        wrong=fewer_at_last,
        red=("real accuracy from one", "100 textures: rendered less real"),
    ),
    Break(
        name="nonstationary_months", line="filters", wrong=peeking, red=("weight of days not yet",)
    ),
    Break(
        name="nonstationary_months",
        line="filters",
        wrong=all_alike,
        red=("squared error, online", "online: share", "best of fixed"),
    ),
    Break(
        name="nonstationary_months",
        line="filters",
        wrong=all_alike,
        red=("no season: best",),
        values={"peak": 0.0},
    ),
    Break(
        name="nonstationary_months",
        line="sold",
        wrong=no_season,
        red=("squared errors from theory", "squared error, never", "never updated"),
    ),
    Break(
        name="loan_and_shoes",
        line="shoes",
        wrong=lambda self, repaid, rng: self.income(repaid, rng),
        red=(
            "accuracy from theory",
            "share in Oxfords",
            "accuracy by shoes in the end",
            "share of the granted",
            "banks with an alarm",
        ),
    ),
    Break(
        name="loan_and_shoes",
        line="shoes",
        wrong=lambda _self, repaid, rng: right_shoes(Loan(), repaid, rng),
        red=("accuracy by shoes, last", "accuracy from theory"),
        values={"adapt": 0.0},
    ),
    Break(
        name="loan_and_shoes",
        line="grants",
        wrong=lambda oxfords: 1 - right_grants(oxfords),
        red=("accuracy from theory", "accuracy by shoes"),
    ),
    Break(name="loan_and_shoes", line="repays", wrong=wiser, red=("repayment from what it was",)),
    Break(
        name="loan_and_shoes",
        line="income",
        wrong=lambda self, repaid, _: fading(self, repaid),
        red=("accuracy by income",),
    ),
    Break(
        name="fair_thresholds",
        line="chances",
        wrong=lambda self, x, group: right_chances(self, x, group) ** 0.5,
        red=("rates by group", "threshold by cost over 1", "intervals that hold"),
    ),
    Break(
        name="fair_thresholds",
        line="costs",
        wrong=lambda people, _: right_costs(people, 1.0),
        red=("threshold by cost over 1", "cost, threshold", "errors, threshold"),
    ),
    Break(
        name="fair_thresholds",
        line="counts",
        wrong=lambda people, thresholds: right_counts(people, thresholds)[..., ::-1],
        red=("rates by group", "threshold ½: misses", "B's own threshold", "and then"),
    ),
]
