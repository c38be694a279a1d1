"""4.9 Tanks and shadows: perfect on its own photographs, chance outside."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from ml import draws, fields, logistic
from ml.events import Check, Event, Figure, Floats, HeatMap, Images, Table
from ml.experiment import InstantExperiment, Preset
from ml.intervals import plus_minus

SIDE = 12  # pixels
CLEARING = (slice(3, 9), slice(3, 9))  # where tanks are: 4 x 4 pixels somewhere in it
SHADOWS = np.where((np.add.outer(np.arange(SIDE), np.arange(SIDE)) // 2) % 3 == 0, 2.0, -0.6)
TANK = 1.5  # by how much it stands out from the forest, in spreads of a pixel
SHOWN = 4
Photos = tuple[Floats, Floats]  # pixels (R, n, SIDE, SIDE), and whether there is a tank (R, n)


class TanksAndShadows(InstantExperiment):
    """Photograph the forest in the morning, the tanks at noon, and learn what a tank looks like."""

    breakable = ("covered", "photos", "saliency")
    presets = (
        Preset("army", "The army's", "All without tanks in the morning.", {}),
        Preset("some", "A few exceptions", "One in ten at the other hour.", {"mixed": 0.1}),
        Preset("mixed", "Any hour", "Now only the tank tells.", {"mixed": 0.5}),
    )

    name: Literal["tanks_and_shadows"] = "tanks_and_shadows"
    n: int = fields.own(400, "Data", "Photographs", "To learn from.", "n", ge=50, le=600)
    mixed: float = fields.own(
        0.0, "Data", "Mixed", "Share of photographs taken at the other hour.", ge=0, le=0.5
    )
    repeats: int = fields.own(6, "Repetitions", "Forests", "Data sets drawn.", ge=2, le=10)

    def answer(self) -> Iterator[Event]:
        """The army's model, and one whose photographs are of any hour."""
        rng = draws.numpy_generator(self.seed)
        own, outside = self.photos(rng, self.mixed), self.photos(rng, 0.5)
        models = {"the army's": self.learn(self.photos(rng, self.mixed))}
        models["any hour"] = self.learn(self.photos(rng, 0.5))
        right = {
            who: {
                "its own test": accuracy(w, own if who == "the army's" else outside),
                "outside": accuracy(w, outside),
                "outside, tank covered": accuracy(w, self.covered(outside)),
                "its own test, tank covered": accuracy(
                    w, self.covered(own if who == "the army's" else outside)
                ),
            }
            for who, w in models.items()
        }
        looks = {who: self.saliency(w) for who, w in models.items()}
        yield self.album(own)
        for who, seen in looks.items():
            yield self.map(who, seen)
        yield self.table(right)
        yield from self.claims(right, looks)

    # ---- the world

    def photos(self, rng: np.random.Generator, mixed: float) -> Photos:
        """Half with a tank; those without in the morning but for a share `mixed`, and so on."""
        y = np.tile(np.arange(self.n) % 2.0, (self.repeats, 1))
        morning = (y == 0) != (rng.random(y.shape) < mixed)
        pixels = draws.normal(rng, *y.shape, SIDE, SIDE) + morning[..., None, None] * SHADOWS
        row, column = rng.integers(0, 3, (2, *y.shape)) + 3
        at = np.arange(SIDE)
        rows = (at >= row[..., None]) & (at < row[..., None] + 4)
        columns = (at >= column[..., None]) & (at < column[..., None] + 4)
        tank = rows[..., :, None] & columns[..., None, :]
        return pixels + TANK * tank * y[..., None, None], y

    @staticmethod
    def covered(photos: Photos) -> Photos:
        """The same with the clearing painted over."""
        pixels = photos[0].copy()
        pixels[..., *CLEARING] = 0.0
        return pixels, photos[1]

    @staticmethod
    def learn(photos: Photos) -> Floats:
        """Logistic regression on the pixels: (R, 1 + SIDE²)."""
        return logistic.fit(flat(photos[0]), photos[1], decay=10.0)

    @staticmethod
    def saliency(w: Floats) -> Floats:
        """Share of each pixel in what moves the answer: w (R, 1 + SIDE²) -> (R, SIDE, SIDE)."""
        size = np.abs(w[:, 1:]).reshape(-1, SIDE, SIDE)
        return np.asarray(size / size.sum((1, 2), keepdims=True))

    # ---- what is shown

    def album(self, photos: Photos) -> Figure:
        """Some photographs of both kinds."""
        pixels, y = photos[0][0], photos[1][0]
        some = np.concatenate([pixels[y > 0][:SHOWN], pixels[y < 1][:SHOWN]])
        grey = np.clip(128 + 32 * some, 0, 255).astype(np.uint8)
        captions = ("tank",) * SHOWN + ("no tank",) * SHOWN
        finding = "A tank is a faint square near the middle, the stripes are the morning's shadows."
        return Figure(
            "photos", "Photographs to learn from", finding, images=Images(grey, captions, SHOWN)
        )

    def map(self, who: str, seen: Floats) -> Figure:
        """Where a model looks."""
        on = on_clearing(seen)
        area = (6 / SIDE) ** 2
        names = tuple(map(str, range(SIDE)))
        return Figure(
            "army" if who == "the army's" else "any_hour",
            f"Where it looks: {who}",
            f"{on.mean():.0%} of its attention is on the clearing where tanks are, which is"
            f" {area:.0%} of the picture. In percent by pixel.",
            heat_map=HeatMap(names, names, np.round(100 * seen.mean(0), 1)),
            x_label="column",
            y_label="row",
        )

    def table(self, right: dict[str, dict[str, Floats]]) -> Table:
        """Accuracy of both."""
        columns: dict[str, Any] = {"photographs": [*next(iter(right.values()))]}
        columns |= {
            who: [plus_minus(e, ".3f") for e in each.values()] for who, each in right.items()
        }
        note = (
            "What would have warned: with the tank covered the army's model is as sure as before,"
            " and the hour of a photograph alone tells its label."
        )
        return Table.of("accuracy", "Accuracy, by what is photographed", columns, note)

    # ---- what is claimed

    def claims(
        self, right: dict[str, dict[str, Floats]], looks: dict[str, Floats]
    ) -> Iterator[Check]:
        """Over 6 seeds: .49 to .52 outside, .98 by any hour; attention 1.1 and 2.4 to 2.5 times."""
        army, any_hour = ({k: float(v.mean()) for k, v in e.items()} for e in right.values())
        look, honest = (float(on_clearing(seen).mean()) for seen in looks.values())
        yield self.at_least("any hour: accuracy outside", 0.85, any_hour["outside"])
        covered = any_hour["outside, tank covered"]
        yield self.near("any hour: accuracy with the tank covered", 0.5, covered, 0.05)
        yield self.above("any hour: attention on the tank over its area", 1.5, 4 * honest)
        if self.matches():
            yield self.at_least("accuracy on its own test", 0.999, army["its own test"], "words")
            yield self.near("accuracy outside", 0.5, army["outside"], 0.08, "words")
            blind = army["its own test, tank covered"]
            yield self.at_least("accuracy on its own test, tank covered", 0.99, blind)
            yield self.below("attention on the tank over its area", 1.3, 4 * look, "words")
            yield self.above("any hour's attention on the tank over the army's", 1.5, honest / look)


def flat(pixels: Floats) -> Floats:
    """(..., SIDE, SIDE) -> (..., SIDE²)."""
    return pixels.reshape(*pixels.shape[:-2], -1)


def accuracy(w: Floats, photos: Photos) -> Floats:
    """Of models (R, 1 + SIDE²): (R,)."""
    return np.asarray(((logistic.odds(w, flat(photos[0])) > 0) == (photos[1] > 0)).mean(1))


def on_clearing(seen: Floats) -> Floats:
    """Share of the attention that is where tanks are: (R,)."""
    return np.asarray(seen[:, *CLEARING].sum((1, 2)))
