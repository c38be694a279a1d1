"""4.9 Arbitrage: a move that can be forecast, until the forecast is traded on."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from ml import draws, fields
from ml.events import Check, Event, Figure, Floats, Series, Table
from ml.experiment import InstantExperiment, Preset
from ml.grid import band

CROWD = np.array([0, 1, 2, 3, 5, 10, 20])  # traders that have made the same discovery
FAST = 100  # rounds until the rate of 1 / (FAST + t) has halved
EVERY = 100  # rounds of which a slope is taken
KOLMOGOROV = 2.2  # distance times √(n / 2), which chance exceeds once in 10,000


class Arbitrage(InstantExperiment):
    """Forecast a price from a signal, trade on it, and see what the signal is worth then."""

    breakable = ("learn", "move", "signals")
    presets = (
        Preset("usual", "Up to twenty traders", "What the signal is worth is traded away.", {}),
        Preset("noisy", "A noisy market", "The same, seen less well.", {"noise": 2.0}),
    )

    name: Literal["arbitrage"] = "arbitrage"
    noise: float = fields.own(
        1.0, "Market", "Noise", "Deviation of what no signal foretells.", "σ", ge=0, le=2
    )
    num_rounds: int = fields.own(
        4000, "Market", "Rounds", "The second half is counted.", "T", ge=1000, le=5000
    )
    repeats: int = fields.own(100, "Repetitions", "Markets", "Markets.", "R", ge=5, le=100)

    def answer(self) -> Iterator[Event]:
        """Traders who learn as they trade, and some who learnt before anybody did."""
        signal = self.signals()
        moves, profits = self.trade(signal, online=True)
        stale_moves, stale_profits = self.trade(signal, online=False)
        half = self.num_rounds // 2
        slopes, stale = (slope(signal[half:], m[half:]) for m in (moves, stale_moves))
        gains, losses = (p[half:].mean(axis=0) for p in (profits, stale_profits))
        yield self.course(signal, moves)
        yield self.worth(slopes, stale)
        yield self.ends(slopes, gains, stale, losses)
        if self.matches():
            yield from self.claims(signal, slopes, gains, losses)

    def signals(self) -> Floats:
        """What foretells a move of as much: (T, R), standard normal."""
        return draws.normal(draws.numpy_generator(self.seed), self.num_rounds, self.repeats)

    @staticmethod
    def move(signal: Floats, trades: Floats, luck: Floats) -> Floats:
        """Of the price, by the time that a trade is done: who buys, pays more for it."""
        return signal - trades + luck

    @staticmethod
    def learn(w: Floats, signal: Floats, move: Floats, t: int) -> Floats:
        """A step up the trader's own profit w s (move), its own pull on the price included."""
        return w + signal * (move - w * signal) / (FAST + t)

    def trade(self, signal: Floats, online: bool) -> tuple[Floats, Floats]:
        """Moves and profits of all traders (T, crowds, R); each buys w times the signal.

        Who learnt before anybody traded goes by a slope of 1, and buys one half, which is best for
        who is alone. All of a crowd are alike.
        """
        rng, shape = draws.numpy_generator(self.seed, 1), (len(CROWD), self.repeats)
        luck = self.noise * draws.normal(rng, self.num_rounds, *shape)
        moves, profits = np.empty_like(luck), np.empty_like(luck)
        w, many = np.full(shape, 0.0 if online else 0.5), CROWD[:, None]
        for t, s in enumerate(signal):
            moves[t] = self.move(s, many * w * s, luck[t])
            profits[t] = many * w * s * moves[t]
            w = self.learn(w, s, moves[t], t) if online else w
        return moves, profits

    def course(self, signal: Floats, moves: Floats) -> Figure:
        """The slope of the next move on the signal, hundred rounds after hundred rounds."""
        starts = np.arange(0, self.num_rounds, EVERY)
        by_time = np.stack([slope(signal[i : i + EVERY], moves[i : i + EVERY]) for i in starts])
        middle, chosen = starts.astype(np.float64) + EVERY / 2, (0, 1, 3, 6)
        lines = [band(traders(CROWD[i]), middle, by_time[:, i]) for i in chosen]
        finding = (
            f"With nobody trading a signal of 1 foretells a move of {by_time[-1, 0].mean():.2g}; in"
            f" the end one trader leaves {by_time[-1, 1].mean():.2g} of it, twenty leave"
            f" {by_time[-1, -1].mean():.2g}."
        )
        axes: dict[str, Any] = {"x_label": "rounds", "y_label": "move for a signal of 1"}
        return Figure("course", "The signal fades as it is traded on", finding, (*lines,), **axes)

    def worth(self, slopes: Floats, stale: Floats) -> Figure:
        """The slope that is left, by traders; few of those who learnt once turn it round."""
        n, few = CROWD.astype(np.float64), CROWD <= 3
        finding = (
            "Each trader takes what is best for himself, and N of them leave 1 / (N + 1): twenty"
            f" leave {slopes[-1].mean():.2g}. Three who learnt once, before anybody traded, leave"
            f" {stale[3].mean():.2g}: they lose."
        )
        online = band("learning on", n, slopes, mode="markers")
        once = band("learnt once", n[few], stale[few], mode="markers")
        line = np.linspace(0, n[-1], 81)
        title = "What is left of the signal"
        axes: dict[str, Any] = {"x_label": "traders N", "y_label": "move for a signal of 1"}
        exact = Series("1 / (N + 1)", line, 1 / (line + 1), "truth")
        return Figure("worth", title, finding, (exact, online, once), **axes)

    def ends(self, slopes: Floats, gains: Floats, stale: Floats, losses: Floats) -> Table:
        """Slopes and profits (crowds, R) of who learns online, and of who does not."""
        columns: dict[str, Any] = {
            "traders N": [f"{n}" for n in CROWD],
            "online: slope left": slopes.mean(axis=1),
            "online: profit of all": gains.mean(axis=1),
            "N / (N + 1)²": CROWD / (CROWD + 1.0) ** 2,
            "batch: slope left": stale.mean(axis=1),
            "batch: profit of all": losses.mean(axis=1),
        }
        note = (
            "A round. Batch: learnt once, in a market in which nobody traded on the signal; three"
            " of them turn it round, and lose."
        )
        return Table.of("ends", "What learning once and learning on bring", columns, note)

    def claims(
        self, signal: Floats, slopes: Floats, gains: Floats, losses: Floats
    ) -> Iterator[Check]:
        """Cournot's equilibrium, and that the signal itself shows nothing of it. Over 12 seeds
        slopes were .005 off at most, profits .004, and those of batch learning .012."""
        n, error = CROWD, self.noise / np.sqrt(self.num_rounds * self.repeats / 2)
        yield self.near("nobody trades: slope", 1, slopes[0].mean(), 4 * error)
        yield self.near("one trader: slope left", 0.5, slopes[1].mean(), 0.01, "words")
        off = np.abs(slopes.mean(axis=1) - 1 / (n + 1)).max()
        yield self.at_most("slope left, farthest from 1 / (N + 1)", 0.01, off)
        off = np.abs(gains.mean(axis=1) - n / (n + 1.0) ** 2).max()
        yield self.at_most("profit of all, farthest from N / (N + 1)²", 0.02, off)
        part = gains[-1].mean() / gains[1].mean()
        yield self.at_most("profit of twenty over that of one alone", 0.3, part, "words")
        for i, who in ((2, "two"), (3, "three")):
            exact = n[i] / 2 - n[i] ** 2 / 4
            yield self.near(f"batch, {who} traders: profit", exact, losses[i].mean(), 0.05)
        early, late = (np.sort(part, axis=None) for part in np.array_split(signal, 2))
        ranks = np.searchsorted(late, early) / len(late)
        apart = np.abs(ranks - np.arange(len(early)) / len(early)).max() * np.sqrt(len(early) / 2)
        name = "signal, first half against second: Kolmogorov's distance times √(n / 2)"
        yield self.at_most(name, KOLMOGOROV, apart)


def slope(signal: Floats, moves: Floats) -> Floats:
    """Of moves (T, crowds, R) on the signal (T, R): (crowds, R)."""
    return np.asarray(np.einsum("tr,tcr->cr", signal, moves) / np.square(signal).sum(axis=0))


def traders(n: int) -> str:
    """How many, in words."""
    return "one trader" if n == 1 else f"{n} traders" if n else "nobody trades"
