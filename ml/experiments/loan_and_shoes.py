"""4.9 Loans and shoes: a decision by footwear changes the footwear, and not who repays."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from ml import draws, fields
from ml.events import Check, Event, Figure, Floats, Series, Table
from ml.experiment import InstantExperiment, Preset
from ml.grid import band
from ml.intervals import plus_minus
from ml.shift import concept_shift

ROUNDS = 25
SIGMAS = 5.0


class LoanAndShoes(InstantExperiment):
    """Grant loans to who wears Oxfords, as those have repaid, and see applicants catch on."""

    breakable = ("grants", "income", "repays", "shoes")
    presets = (
        Preset("catch_on", "They catch on", "In the end all wear Oxfords.", {}),
        Preset("secret", "A secret", "Who only predicts breaks nothing.", {"adapt": 0.0}),
        Preset("fast", "News spreads", "The model is worthless in some rounds.", {"adapt": 0.6}),
    )
    verifies = ({}, {"adapt": 0.0})

    name: Literal["loan_and_shoes"] = "loan_and_shoes"
    base: float = fields.own(
        0.6, "Data", "Repay", "Share of applicants who repay, whatever they wear.", ge=0.5, le=0.95
    )
    tell: float = fields.own(
        0.85, "Data", "What shoes tell", "At first, how often shoes are right.", "a", ge=0.5, le=1
    )
    adapt: float = fields.own(
        0.2, "Data", "Catch on", "Share of sneakers that become Oxfords in a round.", ge=0, le=1
    )
    applicants: int = fields.own(500, "Data", "Applicants", "Of a round.", "n", ge=50, le=2000)
    repeats: int = fields.own(30, "Repetitions", "Banks", "Banks, side by side.", ge=5, le=60)

    def answer(self) -> Iterator[Event]:
        """Round by round: accuracy, repayment and footwear."""
        rng = draws.numpy_generator(self.seed)
        repaid = self.repays(rng)  # (T, R, n) of 0 and 1
        oxfords = self.shoes(repaid, rng)
        income = self.income(repaid, rng)
        right = np.asarray(self.grants(oxfords) == repaid, float)
        shares = {
            "accuracy by shoes": right.mean(2),
            "accuracy by income": np.asarray(income == repaid, float).mean(2),
            "share in Oxfords": oxfords.mean(2),
            "share that would repay": repaid.mean(2),
        }
        granted = (oxfords * repaid).sum(2) / np.maximum(oxfords.sum(2), 1)
        yield self.rounds(shares)
        yield self.table(shares, granted, right)
        yield from self.claims(shares, granted)
        if self.matches():
            yield self.noticed(right)

    # ---- the world

    def repays(self, rng: np.random.Generator) -> Floats:
        """Who would repay (T, R, n): shoes have no say in it."""
        shape = ROUNDS, self.repeats, self.applicants
        return np.asarray(rng.random(shape) < self.base, float)

    def income(self, repaid: Floats, rng: np.random.Generator) -> Floats:
        """1 for a steady income: as telling as shoes are at first, and nobody can put it on."""
        return np.where(rng.random(repaid.shape) < self.tell, repaid, 1 - repaid)

    def shoes(self, repaid: Floats, rng: np.random.Generator) -> Floats:
        """1 for Oxfords: at first as they would, later also who has caught on."""
        own = self.income(repaid, rng)
        return np.where(rng.random(repaid.shape) < self.sneakers[:, None, None], own, 1.0)

    @property
    def sneakers(self) -> Floats:
        """Share of those in sneakers at first who still are: (T,)."""
        return np.asarray((1 - self.adapt) ** np.arange(float(ROUNDS)))

    @staticmethod
    def grants(oxfords: Floats) -> Floats:
        """What was learnt in round 0, and is never learnt anew."""
        return oxfords

    @property
    def theory(self) -> Floats:
        """Accuracy by shoes in each round: (T,)."""
        s = self.sneakers
        return self.base * (1 - (1 - self.tell) * s) + (1 - self.base) * self.tell * s

    # ---- what is shown

    def rounds(self, shares: dict[str, Floats]) -> Figure:
        """Everything by round."""
        x = np.arange(float(ROUNDS))
        right, _, worn, repaid = (each.mean(1) for each in shares.values())
        finding = (
            f"From the first to the last round the share in Oxfords goes from {worn[0]:.0%} to"
            f" {worn[-1]:.0%}, the accuracy of deciding by them from {right[0]:.0%} to"
            f" {right[-1]:.0%}; {repaid[0]:.0%} and {repaid[-1]:.0%} would repay."
        )
        short = ("by shoes", "by income", "in Oxfords", "repay")
        lines = [band(n, x, each, n) for n, each in zip(short, shares.values(), strict=True)]
        theory = Series("theory", x, self.theory, "truth")
        axes: dict[str, Any] = {"x_label": "round", "y_label": "share of applicants, or accuracy"}
        title = "A decision moves what it is made by"
        return Figure("rounds", title, finding, (theory, *lines), **axes)

    def table(self, shares: dict[str, Floats], granted: Floats, right: Floats) -> Table:
        """The first, some, and the last round."""
        some = [0, 3, 6, 12, ROUNDS - 1]
        columns: dict[str, Any] = {"round": [*map(float, some)]}
        columns |= {k: [plus_minus(v[t], ".3f") for t in some] for k, v in shares.items()}
        columns["granted that repay"] = [plus_minus(granted[t], ".3f") for t in some]
        alarms = [t for t in range(1, ROUNDS) if self.alarm(right[0, 0], right[t, 0])]
        when = f"from round {alarms[0]} on" if alarms else "in no round"
        note = (
            "What would have warned: Oxfords become common while repayment stays, and"
            f" {when} the first bank's errors exceed what round 0 promised. A bank sees less than"
            " this table: who is granted no loan cannot default."
        )
        return Table.of("rounds", f"Over {self.repeats} banks", columns, note)

    @staticmethod
    def alarm(before: Floats, now: Floats) -> bool:
        """Whether a round's errors exceed those of the first: rights (n,) of 0 and 1."""
        return concept_shift(1 - before, 1 - now).found

    # ---- what is claimed

    def claims(self, shares: dict[str, Floats], granted: Floats) -> Iterator[Check]:
        """All rounds against theory; shares of 15,000 applicants have errors below .004."""
        right, income, worn, repaid = shares.values()
        about = "" if self.adapt else ", nobody catches on"
        count = self.applicants * self.repeats
        theory = self.theory
        error = np.sqrt(theory * (1 - theory) / count)
        away = np.abs(right.mean(1) - theory) / np.maximum(error, 1e-9)
        yield self.at_most(f"accuracy from theory, in standard errors{about}", SIGMAS, away.max())
        error = np.sqrt(self.base * (1 - self.base) / count)
        off = np.abs(repaid.mean(1) - self.base).max() / error
        yield self.at_most(
            f"repayment from what it was, in standard errors{about}", SIGMAS, off, "words"
        )
        fall, most = income[-1].mean() - income[0].mean(), SIGMAS * np.sqrt(0.5 / count)
        yield self.near(f"accuracy by income, last less first round{about}", 0, fall, most)
        if self.matches():
            yield self.at_least("share in Oxfords in the end", 0.99, worn[-1].mean(), "words")
            end = right[-1].mean()
            yield self.near(
                "accuracy by shoes in the end: the base rate", self.base, end, 0.02, "words"
            )
            name = "share of the granted that repays in the end: the base rate"
            yield self.near(name, self.base, granted[-1].mean(), 0.02)
            yield self.near("accuracy by shoes at first", self.tell, right[0].mean(), 0.02)
        elif self.matches(adapt=0.0):
            fall = right[-1].mean() - right[0].mean()
            yield self.near(f"accuracy by shoes, last less first round{about}", 0, fall, 0.02)

    def noticed(self, right: Floats) -> Check:
        """Who looks at labels sees it soon, in every bank; over 12 seeds."""
        banks = [self.alarm(right[0, i], right[4, i]) for i in range(self.repeats)]
        return self.at_least("banks with an alarm in round 4", 0.9, float(np.mean(banks)))
