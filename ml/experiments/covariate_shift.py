"""4.9 Covariate shift: four steps from unlabelled rows to a model that fits where it is used."""

from collections.abc import Iterator
from functools import cached_property
from statistics import mean
from typing import Literal, NamedTuple

import numpy as np

from ml import draws, fields
from ml.events import Check, Event, Figure, Floats, Series, Table
from ml.experiment import InstantExperiment, Preset
from ml.intervals import plus_minus
from ml.shift import DensityRatio, advice, corrected_risk, density_ratio, normal
from ml.shift.normal import Gaussian

BENT = -0.5  # of x² in the truth, which a line cannot follow
FAR = 3.0  # standard deviations beyond the last source row: no source row is like that
SHOWN = 150  # rows that are drawn
CLAIMING = 10  # samples of which something is claimed; one answers a slider
GRID = np.linspace(-3.5, 5.0, 60)
BINS = np.linspace(-4, 6, 41)


class Sample(NamedTuple):
    """What is given: source rows with labels, target rows without; `hidden` nobody may look at."""

    x: Floats  # (n,)
    y: Floats  # (n,)
    target: Floats  # (m,)
    hidden: Floats  # (m,) the target's labels


class Fit(NamedTuple):
    """What one sample comes to: β, and both models with their true risks on the target."""

    ratio: DensityRatio
    plain: Floats  # coefficients, constant first
    weighted: Floats
    plain_risk: float
    weighted_risk: float


class CovariateShift(InstantExperiment):
    """Tell target from source, weight by β = p/q, and fit anew: the four steps of 4.9.3."""

    breakable = ("ratio", "fit", "labels")
    presets = (
        Preset("line", "A line", "Too simple for the truth: weights pay.", {}),
        Preset("parabola", "A parabola", "It holds everywhere: weights only cost.", {"degree": 2}),
        Preset("none", "No shift", "β is 1, and nothing changes.", {"shift": 0.0}),
        Preset("far", "Too far", "Hardly a row stands for the target.", {"shift": 3.0}),
    )
    verifies = tuple({"num_sets": 10} | more for more in ({}, {"degree": 2}, {"num_target": 250}))

    name: Literal["covariate_shift"] = "covariate_shift"
    shift: float = fields.own(
        1.0, "Data", "Shift", "Mean of the target's x; the source's is 0.", "δ", ge=0, le=4
    )
    num_source: int = fields.own(
        1000, "Data", "Source rows", "Labelled.", "n", multiple_of=50, ge=50, le=5000
    )
    num_target: int = fields.own(
        1000, "Data", "Target rows", "Unlabelled.", "m", multiple_of=50, ge=50, le=5000
    )
    noise: fields.Noise = 0.5
    degree: int = fields.own(1, "Model", "Degree", "2 is that of the truth.", "d", ge=0, le=4)
    clip: float = fields.own(20.0, "Model", "Clip", "Largest weight.", "c", ge=1, le=50)
    num_sets: fields.NumSets = 1

    @cached_property
    def target_law(self) -> Gaussian:
        """p, of which everything is known here; the source's q is N(0, 1)."""
        return Gaussian(self.shift)

    def answer(self) -> Iterator[Event]:
        """The four steps on the first sample, then what they come to on all of them."""
        samples = [self.draw(seed) for seed in draws.each(self.seed, self.num_sets)]
        fits = [self.steps(sample) for sample in samples]
        yield from self.pictures(samples[0], fits[0])
        yield self.summary_of(fits)
        yield self.at_most(
            "largest weight over the clip", 1, fits[0].ratio.source.max() / self.clip
        )
        if self.num_sets < CLAIMING:
            return
        yield from self.blindness(samples[0], fits[0])
        if self.shift == 1 and self.num_source == 1000 and self.clip == 20:
            yield from self.ratio_claims(samples, fits)
        if self.matches(num_sets=CLAIMING):
            yield from self.gain_claims(samples, fits)
        if self.matches(num_sets=CLAIMING, degree=2):
            better = mean(fit.weighted_risk < fit.plain_risk for fit in fits)
            yield self.at_most("well specified: share of samples that gain", 0.8, better)
            cost = mean(fit.weighted_risk / fit.plain_risk for fit in fits)
            yield self.near("well specified: weighted risk over plain risk", 1, cost, 0.05)

    # ---- the steps

    def draw(self, seed: int) -> Sample:
        """Source rows by q, target rows by p, labels of both by the same p(y|x)."""
        rng = draws.numpy_generator(seed)
        x = rng.normal(size=self.num_source)
        target = rng.normal(self.shift, size=self.num_target)
        noise = rng.normal(0, self.noise, self.num_source + self.num_target)
        y = truth(np.concatenate([x, target])) + noise
        return Sample(x, y[: len(x)], target, y[len(x) :])

    def steps(self, sample: Sample) -> Fit:
        """1 and 2: label the rows by z, and tell them apart; 3: β; 4: the weighted fit."""
        ratio = self.ratio(sample.x[:, None], sample.target[:, None], self.clip)
        x, y, weights = self.labels(sample, ratio)
        plain = self.fit(sample.x, sample.y, np.ones(len(sample.x)), self.degree)
        weighted = self.fit(x, y, weights, self.degree)
        return Fit(ratio, plain, weighted, self.risk(plain), self.risk(weighted))

    @staticmethod
    def ratio(source: Floats, target: Floats, clip: float) -> DensityRatio:
        """β of the rows: source (n, 1), target (m, 1)."""
        return density_ratio(source, target, clip=clip)

    @staticmethod
    def labels(sample: Sample, ratio: DensityRatio) -> tuple[Floats, Floats, Floats]:
        """What the weighted fit looks at: x, y and weight of source rows alone, (n,) each."""
        return sample.x, sample.y, ratio.source

    @staticmethod
    def fit(x: Floats, y: Floats, weight: Floats, degree: int) -> Floats:
        """Coefficients that make Σ w (ŷ - y)² / n least, (degree + 1,), constant first (4.9.5)."""
        X, root = powers(x, degree), np.sqrt(weight)
        return np.asarray(np.linalg.lstsq(root[:, None] * X, root * y, rcond=None)[0])

    def risk(self, coefficients: Floats) -> float:
        """The true risk under p, by quadrature."""
        loss = self.target_law.mean(lambda x: np.square(predict(coefficients, x) - truth(x)))
        return loss + self.noise**2

    def corrected(self, samples: list[Sample], fits: list[Fit]) -> float:
        """How many standard errors Σβl/n is from the target's risk, all samples together (4.9.3).

        β is the true ratio, and each fit is met by rows that it has not learnt from, those of the
        sample after: so the estimate has no bias, and only so."""
        away = [
            normal.ratio(other.x, self.shift) * np.square(predict(fit.plain, other.x) - other.y)
            - fit.plain_risk
            for fit, other in zip(fits, [*samples[1:], samples[0]], strict=True)
        ]
        risk = corrected_risk(np.concatenate(away), np.ones(len(away) * self.num_source))
        return abs(risk.value) / risk.error

    # ---- what is shown

    def pictures(self, sample: Sample, fit: Fit) -> Iterator[Event]:
        """A panel for each step."""
        center = (BINS[1:] + BINS[:-1]) / 2
        counts = {
            name: np.histogram(rows, BINS, density=True)[0]
            for name, rows in (("source, z = -1", sample.x), ("target, z = +1", sample.target))
        }
        n, m = len(sample.x), len(sample.target)
        yield Figure.lines(
            "rows",
            "1 · Label the rows by where they come from",
            f"{n:,} source rows around {sample.x.mean():.2f}, {m:,} target rows around"
            f" {sample.target.mean():.2f}. No label y of the target is known.",
            center,
            counts,
            mode="bars",
            y_label="density",
        )
        slope, start = float(fit.ratio.slopes[0]), fit.ratio.intercept
        yield Figure.lines(
            "classifier",
            "2 · Tell them apart by logistic regression",
            f"log β(x) has slope {slope:.3f} and constant {start:.3f}; in truth they are"
            f" {self.shift:g} and {-(self.shift**2) / 2:.3f}.",
            GRID,
            {"estimated": slope * GRID + start, "truth": np.log(normal.ratio(GRID, self.shift))},
            y_label="log β",
        )
        some = np.argsort(sample.x[:SHOWN])
        x = sample.x[some]
        yield Figure.lines(
            "weights",
            "3 · Weigh each source row by β",
            f"Under the weights {n:,} source rows are worth {fit.ratio.effective:.0f}."
            f" {advice(fit.ratio)}",
            x,
            {"truth": normal.ratio(x, self.shift)},
            Series("β, clipped", x, fit.ratio.source[some], mode="markers"),
            y_label="β",
        )
        yield Figure.lines(
            "fits",
            "4 · Fit the weighted rows",
            f"True risk on the target: {fit.plain_risk:.3f} of the plain fit,"
            f" {fit.weighted_risk:.3f} of the weighted one.",
            GRID,
            {
                "plain fit": predict(fit.plain, GRID),
                "weighted fit": predict(fit.weighted, GRID),
                "truth": truth(GRID),
            },
            Series("source rows", sample.x[:SHOWN], sample.y[:SHOWN], mode="markers"),
            y_label="y",
        )

    def summary_of(self, fits: list[Fit]) -> Table:
        """What all samples come to."""
        rows = {
            "risk on the target, plain fit": [fit.plain_risk for fit in fits],
            "risk on the target, weighted fit": [fit.weighted_risk for fit in fits],
            "slope of log β": [float(fit.ratio.slopes[0]) for fit in fits],
            "constant of log β": [fit.ratio.intercept for fit in fits],
            "effective share of the source rows": [fit.ratio.effective_share for fit in fits],
            "mean β of the source rows": [fit.ratio.mean[0] for fit in fits],
            "target rows unlike any source row": [
                float(fit.ratio.unsupported.mean()) for fit in fits
            ],
        }
        columns = {"what": [*rows], "mean ± 95 %": [plus_minus(v, ".3f") for v in rows.values()]}
        return Table.of(
            "samples", "One sample" if len(fits) == 1 else f"Over {len(fits)} samples", columns
        )

    # ---- what is claimed

    def blindness(self, sample: Sample, fit: Fit) -> Iterator[Check]:
        """That no label of the target is looked at, and that what has no source is seen."""
        other = self.steps(sample._replace(hidden=np.zeros_like(sample.hidden)))
        moved = np.abs(other.weighted - fit.weighted).max()
        yield self.equal("other labels of the target: coefficients move by", 0, moved)
        lonely = np.append(sample.target, sample.x.max() + FAR)[:, None]
        flagged = self.ratio(sample.x[:, None], lonely, self.clip).unsupported[-1]
        yield self.equal("a target row where q is 0 is flagged", 1, float(flagged))

    def ratio_claims(self, samples: list[Sample], fits: list[Fit]) -> Iterator[Check]:
        """β against p/q, which is exp(μx - μ²/2); seen over 30 seeds: slope .98 to 1.03, constant
        -.52 to -.48, share .35 to .40, |log β - log p/q| .03 to .06."""
        about = f", m = {self.num_target}" if self.num_target != self.num_source else ""
        slope = mean(float(fit.ratio.slopes[0]) for fit in fits)
        yield self.near(f"slope of log β{about}", self.shift, slope, 0.08)
        start = mean(fit.ratio.intercept for fit in fits)
        yield self.near(f"constant of log β{about}", -(self.shift**2) / 2, start, 0.08)
        share = mean(fit.ratio.effective_share for fit in fits)
        yield self.near(f"effective share{about}", np.exp(-(self.shift**2)), share, 0.05)
        away = [
            float(np.abs(np.log(fit.ratio.source / normal.ratio(sample.x, self.shift))).mean())
            for sample, fit in zip(samples, fits, strict=True)
        ]
        yield self.at_most(f"|log β - log p/q|, mean over rows{about}", 0.15, mean(away))
        errors = [abs(beta - 1) / error for beta, error in (fit.ratio.mean for fit in fits)]
        yield self.at_most(f"mean β from 1, in standard errors{about}", 5, max(errors))

    def gain_claims(self, samples: list[Sample], fits: list[Fit]) -> Iterator[Check]:
        """What the weights buy a model that is too simple."""
        off = self.corrected(samples, fits)
        yield self.at_most("Σβl/n from the target's risk, in standard errors", 5, off, "words")
        better = sum(fit.weighted_risk < fit.plain_risk for fit in fits)
        yield self.at_least("misspecified: samples of 10 with a lower target risk", 9, better)


def truth(x: Floats) -> Floats:
    """E[y|x], the same in source and target."""
    return 1 + x + BENT * x**2


def powers(x: Floats, degree: int) -> Floats:
    """1, x, ..., x^degree as columns (n, degree + 1)."""
    return np.asarray(x[:, None] ** np.arange(degree + 1))


def predict(coefficients: Floats, x: Floats) -> Floats:
    """The polynomial with these coefficients, constant first, at x (n,)."""
    return np.asarray(powers(x, len(coefficients) - 1) @ coefficients)
