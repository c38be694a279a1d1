"""4.9 Roadside texture: a detector learns the one texture that the game engine renders."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from ml import draws, fields, logistic
from ml.events import Check, Event, Figure, Floats, Table
from ml.experiment import InstantExperiment, Preset
from ml.grid import band
from ml.intervals import plus_minus

PIXELS = 36  # of a patch, 6 x 6
TEXTURES = (1, 2, 5, 10, 30, 100)  # that the engine has
ROUGH = 1.0  # how far a texture's pixels lie from grey, where the noise is 1

Patches = tuple[Floats, Floats]  # features (R, n, d), and whether it is the roadside (R, n)


class RoadsideTexture(InstantExperiment):
    """Learn the roadside from rendered patches of few or many textures, then drive a real car."""

    breakable = ("features", "rendered", "real")
    presets = (
        Preset("game", "A game engine", "One texture for every roadside.", {}),
        Preset("rough", "Rougher roadsides", "Easier outside.", {"rough": 1.5}),
        Preset("few", "Few patches", "Little to learn from.", {"n": 100}),
    )

    name: Literal["roadside_texture"] = "roadside_texture"
    n: int = fields.own(300, "Data", "Patches", "Rendered, to learn from.", "n", ge=100, le=600)
    rough: float = fields.own(
        ROUGH, "Data", "Roughness", "Contrast of a texture, in spreads of the noise.", ge=0, le=2
    )
    repeats: int = fields.own(10, "Repetitions", "Engines", "Engines tried.", ge=3, le=12)

    def answer(self) -> Iterator[Event]:
        """Accuracy on rendered and on real patches, by how many textures were rendered."""
        rng = draws.numpy_generator(self.seed)
        outside = self.real(rng)
        own, right, weights, told = [], [], [], []
        for count in TEXTURES:
            palette = rng.choice([-1.0, 1.0], (self.repeats, count, PIXELS))
            learnt, new = (self.rendered(rng, palette) for _ in range(2))
            w = logistic.fit(*learnt, decay=10.0)
            own.append(accuracy(w, new))
            right.append(accuracy(w, outside))
            weights.append(np.abs(w[:, -1]) / np.linalg.norm(w[:, 1:], axis=1))
            told.append(self.told_apart(new, outside))
        yield self.picture(np.stack(own), np.stack(right))
        yield self.table(own, right, weights, told)
        if self.matches():
            yield from self.claims(own, right, weights, told)

    # ---- the world

    @staticmethod
    def features(pixels: Floats) -> Floats:
        """The pixels, and how much they vary: (..., PIXELS) -> (..., PIXELS + 1)."""
        contrast = (np.square(pixels).mean(-1, keepdims=True) - 1) * np.sqrt(PIXELS / 2)
        return np.concatenate([pixels, contrast], axis=-1)

    def rendered(self, rng: np.random.Generator, palette: Floats) -> Patches:
        """Road is grey; the roadside is one of the engine's textures, whichever comes."""
        which = rng.integers(palette.shape[1], size=(self.repeats, self.n))
        return self.patches(rng, palette[np.arange(self.repeats)[:, None], which])

    def real(self, rng: np.random.Generator) -> Patches:
        """No two real roadsides are the same."""
        return self.patches(rng, rng.choice([-1.0, 1.0], (self.repeats, self.n, PIXELS)))

    def patches(self, rng: np.random.Generator, texture: Floats) -> Patches:
        """Half of them roadside, with noise on each pixel: texture (R, n, PIXELS)."""
        y = np.tile(np.arange(self.n) % 2.0, (self.repeats, 1))
        noise = draws.normal(rng, self.repeats, self.n, PIXELS)
        return self.features(noise + self.rough * y[..., None] * texture), y

    def told_apart(self, rendered: Patches, real: Patches) -> Floats:
        """Without a label: how well one half of the roadside's patches tells rendered from real on
        the other, as AUC (R,)."""
        from sklearn.metrics import roc_auc_score

        q, p = (X[:, 1::2] for X, _ in (rendered, real))  # what the detector is for
        half = q.shape[1] // 2
        z = np.repeat([0.0, 1.0], half)
        X, new = (
            np.concatenate([q[:, rows], p[:, rows]], axis=1)
            for rows in (slice(half), slice(half, 2 * half))
        )
        w = logistic.fit(X, np.tile(z, (self.repeats, 1)), decay=10.0)
        return np.array([roc_auc_score(z, h) for h in logistic.odds(w, new)])

    # ---- what is shown

    def picture(self, own: Floats, right: Floats) -> Figure:
        """Accuracy by textures."""
        finding = (
            f"With one texture {own[0].mean():.1%} of the engine's new patches are right, and"
            f" {right[0].mean():.1%} of the real ones. With {TEXTURES[-1]} it is"
            f" {own[-1].mean():.1%} and {right[-1].mean():.1%}: its own test gets worse, the car"
            " better."
        )
        x = np.array(TEXTURES, float)
        lines = band("rendered", x, own, role="train"), band("real", x, right, role="valid")
        axes: dict[str, Any] = {"x_label": "textures rendered", "y_label": "accuracy"}
        title = "One's own test does not see what all of it shares"
        return Figure("accuracy", title, finding, lines, x_scale="log", **axes)

    def table(self, *columns: list[Floats]) -> Table:
        """The same in numbers, with what would have warned."""
        names = ("rendered", "real", "weight of the contrast", "AUC, rendered against real")
        named: dict[str, Any] = {"textures": [*map(float, TEXTURES)]}
        named |= {
            name: [plus_minus(each, ".3f") for each in column]
            for name, column in zip(names, columns, strict=True)
        }
        note = (
            "What would have warned: real patches need no label to be told from rendered ones. The"
            " contrast is what all roadsides have in common."
        )
        return Table.of("textures", f"Over {self.repeats} engines", named, note)

    def claims(
        self, own: list[Floats], right: list[Floats], weights: list[Floats], told: list[Floats]
    ) -> Iterator[Check]:
        """Over 12 seeds .56 to .58 of the real patches were right with one texture, with 100
        .92 to .94."""
        one, many = TEXTURES[0], TEXTURES[-1]
        name = f"{one} texture: accuracy on rendered patches"
        yield self.at_least(name, 0.99, own[0].mean(), "words")
        yield self.at_most(f"{one} texture: accuracy on real ones", 0.65, right[0].mean(), "words")
        name = f"{many} textures: accuracy on real patches"
        yield self.at_least(name, 0.85, right[-1].mean())
        gap = float(own[-1].mean() - right[-1].mean())
        yield self.at_most(f"{many} textures: rendered less real accuracy", 0.03, gap)
        grows = np.diff([each.mean() for each in right]).min()
        yield self.at_least("real accuracy from one number of textures to the next", -0.03, grows)
        looks = weights[0].mean() / weights[-1].mean()
        yield self.below("weight of the contrast, 1 texture over 100", 0.6, looks, "words")
        yield self.at_least(f"{one} texture: AUC of rendered against real", 0.95, told[0].mean())
        fainter = told[-1].mean()
        yield self.at_most(f"{many} textures: AUC of rendered against real", 0.65, fainter)


def accuracy(w: Floats, patches: Patches) -> Floats:
    """Of models (R, PIXELS + 2): (R,)."""
    return np.asarray(((logistic.odds(w, patches[0]) > 0) == (patches[1] > 0)).mean(1))
