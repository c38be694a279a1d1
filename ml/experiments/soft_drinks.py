"""4.9 Soft drinks: one drink, three names, and p(y|x) that changes along a road."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ml import draws, fields
from ml.events import Check, Event, Figure, Floats
from ml.experiment import InstantExperiment, Preset
from ml.grid import band

NAMES, CENTERS, ROAD = ("soda", "pop", "coke"), np.array([300.0, 1500.0, 2700.0]), 3000.0  # km
PLACES = np.linspace(0, ROAD, 61)
WINDOWS = np.array([10.0, 30, 100, 300, 1000, 3000, 6000])  # km; the last one is the whole road
SIGMAS = 5.0
Counts = NDArray[np.int64]


class SoftDrinks(InstantExperiment):
    """Learn what a soft drink is called from people near by, and use the word far away."""

    breakable = ("asked", "majority", "shares")
    presets = (
        Preset("road", "Three regions", "A word is good for some hundred kilometres.", {}),
        Preset("sharp", "Sharp borders", "A word is good up to the border.", {"width": 200.0}),
        Preset("many", "Ask many", "Who asks more can ask nearer.", {"people": 3000}),
    )

    name: Literal["soft_drinks"] = "soft_drinks"
    width: float = fields.own(
        500.0, "Data", "Width", "Kilometres in which a name fades.", "w", ge=200, le=3000
    )
    people: int = fields.own(300, "Data", "People", "Asked along the road.", "n", ge=50, le=5000)
    repeats: int = fields.own(40, "Repetitions", "Surveys", "Surveys made.", ge=10, le=100)

    def answer(self) -> Iterator[Event]:
        """The shares by place, a word that travels, and words learnt within a window."""
        rng, p = draws.numpy_generator(self.seed), self.shares(PLACES, self.width)
        places = np.sort(rng.uniform(0, ROAD, (self.repeats, self.people)), axis=1)
        names = self.asked(places, rng)
        words = np.stack([self.majority(places, names, h) for h in WINDOWS])  # (H, R, P)
        right = p[np.arange(len(PLACES)), words]  # (H, R, P) chance that the word is understood
        yield self.map(p)
        travelled = p[:, p[0].argmax()]  # of the word of the road's beginning
        yield self.journey(p, travelled)
        yield self.windows(right.mean(2))
        yield from self.claims(names, places, p, travelled, right.mean(2).mean(1))

    @staticmethod
    def shares(places: Floats, width: float) -> Floats:
        """p(y|x) of each name by place: (...) -> (..., 3)."""
        near = np.exp(-((places[..., None] - CENTERS) ** 2) / (2 * width**2)) + 0.02
        return np.asarray(near / near.sum(-1, keepdims=True))

    def asked(self, places: Floats, rng: np.random.Generator) -> Counts:
        """The name that a person at each place says: (R, n)."""
        up_to = self.shares(places, self.width).cumsum(-1)
        return np.asarray((rng.random(places.shape)[..., None] > up_to).sum(-1))

    @staticmethod
    def majority(places: Floats, names: Counts, window: float) -> Counts:
        """The commonest name within half a window of each of PLACES: sorted (R, n) -> (R, P).

        Where nobody was asked it is the nearest person's.
        """
        words = []
        for x, y in zip(places, names, strict=True):
            so_far = np.vstack([np.zeros(3), np.eye(3)[y].cumsum(0)])
            low, high = (np.searchsorted(x, PLACES + s * window / 2) for s in (-1, 1))
            nearest = np.abs(x - PLACES[:, None]).argmin(1)
            count = so_far[high] - so_far[low] + 0.5 * np.eye(3)[y[nearest]]
            words.append(count.argmax(1))
        return np.array(words)

    def map(self, p: Floats) -> Figure:
        """Who says what, where."""
        start, end = (NAMES[i] for i in (p[0].argmax(), p[-1].argmax()))
        finding = (
            f"The drink asked for is the same all along the road, so p(x) is; at one end {start} is"
            f" said by {p[0].max():.0%}, at the other {end} by {p[-1].max():.0%}."
        )
        drawn: dict[str, Any] = {name: p[:, i] for i, name in enumerate(NAMES)}
        axes: dict[str, Any] = {"x_label": "place, km", "y_label": "share of people"}
        return Figure.lines("shares", "p(y|x) by place", finding, PLACES, drawn, **axes)

    def journey(self, p: Floats, travelled: Floats) -> Figure:
        """What the first word is worth on the way, beside each place's own."""
        gone = np.flatnonzero(travelled < p.max(1) / 2)
        where = f"after {PLACES[gone[0]]:,.0f} km" if len(gone) else "nowhere on this road"
        return Figure.lines(
            "journey",
            "A word that was right where it was learnt",
            f"It falls to half of what the place's own word is worth {where}.",
            PLACES,
            {"the word of the start": travelled, "the place's own word": p.max(1)},
            x_label="distance, km",
            y_label="accuracy",
        )

    def windows(self, right: Floats) -> Figure:
        """Accuracy by how far away people are asked."""
        mean = right.mean(1)
        best = int(mean.argmax())
        finding = (
            f"Of {self.people} people those within {WINDOWS[best] / 2:.0f} km say best what a drink"
            f" is called: accuracy {mean[best]:.3f}. Nearer there are too few of them"
            f" ({mean[0]:.3f}); with all of the road it is {mean[-1]:.3f}."
        )
        axes: dict[str, Any] = {"x_label": "asked within, km", "y_label": "accuracy"}
        line = band("learnt from who lives within", WINDOWS / 2, right)
        return Figure("windows", "Whom to ask", finding, (line,), x_scale="log", **axes)

    def claims(
        self, names: Counts, places: Floats, p: Floats, travelled: Floats, right: Floats
    ) -> Iterator[Check]:
        """That answers follow the shares, and what place is worth. Over 12 seeds."""
        law = self.shares(places, self.width)
        off = (np.eye(3)[names] - law).reshape(-1, 3)
        # by place, too: an answer that ignored the place would still have these means
        slope = off * (places.reshape(-1, 1) / ROAD - 0.5)
        away = max(np.abs(e.sum(0) / np.sqrt(np.square(e).sum(0))).max() for e in (off, slope))
        yield self.at_most("answers from the shares, in standard errors", SIGMAS, away)
        if self.matches():
            yield self.above("accuracy of a word where it is learnt", 0.8, travelled[0])
            yield self.below("accuracy of that word at the road's other end", 0.1, travelled[-1])
            local, whole = right[:-1].max(), right[-1]
            yield self.above(
                "best window's accuracy less that of the whole road", 0.2, local - whole
            )
            best = p.max(1).mean()
            yield self.at_least(
                "best window's accuracy over what can be reached", 0.95, local / best
            )
            at = int(right.argmax())
            inside = 0 < at < len(WINDOWS) - 2
            yield self.holds("best window", "neither the least nor the road", WINDOWS[at], inside)
