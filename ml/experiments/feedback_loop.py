"""4.9 A feedback loop: patrols find crime where they are sent, and are sent where it was found."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ml import draws, fields
from ml.events import Check, Event, Figure, Floats, Series, Table
from ml.experiment import InstantExperiment, Preset
from ml.grid import band

PATROLS = 2.0  # in each district before the first round; one crime was discovered by them
SURE = 4.0  # standard errors
KOLMOGOROV = 2.2  # distance times √R, which chance exceeds once in 10,000
MOST = 0.9  # of the patrols: they are all but in one district
PROPORTION, NAIVE, WEIGHTED = "in proportion", "hot spots", "per patrol"


class FeedbackLoop(InstantExperiment):
    """Send patrols where crimes were discovered, though every district has as many."""

    breakable = ("discover", "forecast", "policies")
    presets = (
        Preset("five", "Five districts", "The same crime everywhere, patrols in one.", {}),
        Preset("mild", "In proportion", "Chance still decides, for good.", {"sharpness": 1.0}),
        Preset("worse", "One is worse", "And is not always the one picked.", {"uneven": 1.5}),
    )
    verifies = ({}, {"uneven": 1.5})

    name: Literal["feedback_loop"] = "feedback_loop"
    districts: int = fields.own(5, "City", "Districts", "Parts of the city.", "K", ge=2, le=8)
    rate: float = fields.own(
        0.5, "City", "Crime", "Chance that a patrol discovers a crime.", "r", ge=0.1, le=0.5
    )
    uneven: float = fields.own(
        1.0, "City", "First district", "Its chance over that of the others.", ge=1, le=2
    )
    sharpness: float = fields.own(
        2.0, "Patrols", "Sharpness", "Patrols go by the forecast to this power.", "γ", ge=0, le=4
    )
    num_rounds: int = fields.own(3000, "Patrols", "Patrols", "One a round.", "T", ge=100, le=4000)
    repeats: int = fields.own(400, "Repetitions", "Cities", "Cities.", "R", ge=20, le=400)

    def answer(self) -> Iterator[Event]:
        """Three ways to send them, in many cities at once."""
        runs = {name: self.send(name) for name in self.policies()}
        shares = {name: share for name, (share, _) in runs.items()}
        yield self.largest(shares)
        yield self.one_city(shares[NAIVE])
        yield self.ends(runs)
        if self.matches():
            yield from self.runaway(*runs[NAIVE])
            yield from self.urn(shares[PROPORTION])
            yield from self.even(shares[WEIGHTED])
        elif self.matches(uneven=1.5):
            yield from self.worse({name: share[-1] for name, share in shares.items()})

    def policies(self) -> dict[str, tuple[float, bool]]:
        """Power of the forecast, and whether crimes are counted for each patrol."""
        return {
            PROPORTION: (1.0, False),
            NAIVE: (self.sharpness, False),
            WEIGHTED: (self.sharpness, True),
        }

    @property
    def times(self) -> NDArray[np.int64]:
        """Rounds (H,) after which shares are looked at."""
        return np.unique(np.geomspace(1, self.num_rounds, 61).round().astype(int))

    @property
    def rates(self) -> Floats:
        """True chances of a patrol to discover a crime: (K,)."""
        rates = np.full(self.districts, self.rate)
        rates[0] *= self.uneven
        return rates

    @staticmethod
    def forecast(crimes: Floats, patrols: Floats, weighted: bool) -> Floats:
        """Crime that is expected in each district: (R, K), (R, K) -> (R, K)."""
        return crimes / patrols if weighted else crimes

    def discover(self, district: NDArray[np.int64], luck: Floats) -> Floats:
        """1 where the patrol of a city discovers a crime: (R,), uniform (R,) -> (R,)."""
        return np.asarray(luck < self.rates[district], dtype=np.float64)

    def send(self, policy: str) -> tuple[Floats, Floats]:
        """Where patrols go after `times` rounds, as the chance of each district (H, R, K), and
        the crimes counted in the end (R, K)."""
        power, weighted = self.policies()[policy]
        T, R, K = self.num_rounds, self.repeats, self.districts
        times = set(self.times.tolist())
        rng, city = draws.numpy_generator(self.seed, [*self.policies()].index(policy)), np.arange(R)
        where, luck = rng.random((2, T, R))
        crimes, patrols, shares = np.ones((R, K)), np.full((R, K), PATROLS), []
        for t in range(T):
            weight = self.forecast(crimes, patrols, weighted) ** power
            up_to = weight.cumsum(axis=1)
            district = (up_to[:, :-1] <= where[t][:, None] * up_to[:, -1:]).sum(axis=1)
            crimes[city, district] += self.discover(district, luck[t])
            patrols[city, district] += 1
            if t + 1 in times:
                shares.append(weight / up_to[:, -1:])
        return np.stack(shares), crimes

    def largest(self, shares: dict[str, Floats]) -> Figure:
        """Share of the district that gets most, by patrols sent."""
        t = self.times.astype(float)
        lines = [band(k, t, s.max(axis=-1), k) for k, s in shares.items()]
        of_crime = self.rates[0] / self.rates.sum()
        end = {name: 100 * share[-1].max(axis=-1).mean() for name, share in shares.items()}
        finding = (
            f"The first district has {100 * of_crime:.3g} % of all crime. After"
            f" {self.num_rounds:,} patrols the one that gets most of them has {end[NAIVE]:.3g} % by"
            f" hot spots, {end[PROPORTION]:.3g} % in proportion to crimes discovered, and"
            f" {end[WEIGHTED]:.3g} % where each crime is weighted by 1/patrols."
        )
        truth = Series("share of crime", t, np.full(len(t), of_crime), "truth")
        title = "Share of the district that gets most patrols"
        axes: dict[str, Any] = {"x_label": "patrols sent", "y_label": "share", "x_scale": "log"}
        return Figure("largest", title, finding, (*lines, truth), **axes)

    def one_city(self, share: Floats) -> Figure:
        """Share of each district in the first city, hot spots first."""
        t = self.times.astype(float)
        course, ten = share[:, 0], int(np.searchsorted(t, 10))
        top, early = int(course[-1].argmax()), int(course[ten].argmax())
        finding = (
            f"District {top + 1} ends with {100 * course[-1, top]:.3g} % of the patrols; after"
            f" {t[ten]:.0f} district {early + 1} led."
        )
        lines = {f"district {k + 1}": course[:, k] for k in range(self.districts)}
        axes: dict[str, Any] = {"x_label": "patrols sent", "y_label": "share", "x_scale": "log"}
        return Figure.lines("city", "One city, by hot spots", finding, t, lines, **axes)

    def ends(self, runs: dict[str, tuple[Floats, Floats]]) -> Table:
        """What became of all cities."""
        last = [share[-1] for share, _ in runs.values()]
        counted = [in_top(share[-1], crimes).mean() for share, crimes in runs.values()]
        columns: dict[str, Any] = {
            "patrols are sent": [*runs],
            "largest share of patrols": [share.max(axis=-1).mean() for share in last],
            "crimes counted there, share": counted,
            f"cities with {100 * MOST:.0f} % in one": [alone(share).mean() for share in last],
            "spread of a share": [share.std(axis=0).mean() for share in last],
        }
        ideal = self.rates**self.sharpness
        note = (
            f"Of {self.repeats} cities. By the true rates to the power {self.sharpness:g} the first"
            f" district would get {ideal[0] / ideal.sum():.3g} of the patrols."
        )
        return Table.of("ends", f"After {self.num_rounds:,} patrols", columns, note)

    def runaway(self, share: Floats, crimes: Floats) -> Iterator[Check]:
        """The loop of 4.9.5: all patrols end in one district, and the data say rightly so."""
        last, K = share[-1], self.districts
        name = f"hot spots: cities with {100 * MOST:.0f} % of the patrols in one district"
        yield self.at_least(name, 0.95, alone(last).mean(), "words")
        counted = in_top(last, crimes).mean()
        yield self.at_least("hot spots: share of crimes counted there", 0.9, counted, "words")
        times = np.bincount(last.argmax(axis=-1), minlength=K)
        error = np.sqrt(self.repeats / K * (1 - 1 / K))
        off = np.abs(times - self.repeats / K).max() / error
        yield self.at_most("hot spots: chance picks the district, standard errors", SURE, off)

    def urn(self, share: Floats) -> Iterator[Check]:
        """Pólya's urn: a share stays wherever chance has led it, any place as likely by Beta."""
        R, x = self.repeats, np.sort(share[-1, :, 0])
        beta = 1 - (1 - x) ** (self.districts - 1)  # of (1, K - 1), one crime in each to begin with
        steps = np.arange(R + 1) / R
        distance = max((steps[1:] - beta).max(), (beta - steps[:-1]).max())
        name = "in proportion: Kolmogorov's distance from Beta(1, K - 1), times √R"
        yield self.at_most(name, KOLMOGOROV, distance * np.sqrt(R))
        _, correlation = self.lasting(share)
        yield self.at_least("in proportion: correlation of T / 10 and T", 0.95, correlation)

    def even(self, share: Floats) -> Iterator[Check]:
        """The rate of n = t / K patrols has the variance r (1 - r) / n; shares go by its power γ.

        Over 24 seeds the ratio was .98 to 1.08, the correlation .26 to .34.
        """
        K, r = self.districts, self.rate
        variance = self.sharpness**2 * (1 - r) * (K - 1) / (K**2 * r * self.num_rounds)
        name = "per patrol: largest share of any district in any city, from 1/K, in deviations"
        yield self.at_most(name, 6, (share[-1].max() - 1 / K) / np.sqrt(variance))
        name = "per patrol: variance of shares over γ² (1 - r) (K - 1) / (K² r T)"
        yield self.near(name, 1, share[-1].var() / variance, 0.2)
        name = "per patrol: correlation of T / 10 and T, of means of so many"
        part, correlation = self.lasting(share)
        yield self.near(name, part**0.5, correlation, 0.12)

    def lasting(self, share: Floats) -> tuple[float, float]:
        """What part of T a tenth of it is, rounded to `times`, and the correlation of shares."""
        tenth = int(np.abs(self.times - self.num_rounds / 10).argmin())
        correlation = np.corrcoef(share[tenth].ravel(), share[-1].ravel())[0, 1]
        return float(self.times[tenth] / self.num_rounds), float(correlation)

    def worse(self, last: dict[str, Floats]) -> Iterator[Check]:
        """One district is worse: what finds out, and what does not."""
        truth = self.rates**self.sharpness
        first = last[WEIGHTED][:, 0].mean()
        name = "one worse: its share, per patrol"
        yield self.near(name, truth[0] / truth.sum(), first, 0.01)
        wrong = (alone(last[NAIVE]) & (last[NAIVE].argmax(axis=-1) > 0)).mean()
        yield self.at_least("one worse: cities with all patrols in another one", 0.3, wrong)
        times = last[PROPORTION][:, 0].mean() / (self.rates[0] / self.rates.sum())
        yield self.at_least("one worse: its share in proportion, over its crime's", 1.5, times)


def alone(share: Floats) -> NDArray[np.bool_]:
    """Cities (R,) of which one district has all but all patrols: (R, K)."""
    return np.asarray(share.max(axis=-1) > MOST)


def in_top(share: Floats, crimes: Floats) -> Floats:
    """Share of the crimes (R, K) that are counted in the district with most patrols: (R,)."""
    there = np.take_along_axis(crimes, share.argmax(axis=-1)[:, None], axis=-1)[:, 0]
    return np.asarray(there / crimes.sum(axis=-1))
