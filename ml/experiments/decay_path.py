"""4.5 The decay path: losses and the length of the weights against lambda."""

from collections.abc import Iterator
from typing import Literal

import numpy as np

from ml.events import Event
from ml.experiment import Preset
from ml.regression import DECAYS, NoisyRegression, along
from ml.trains import Fits
from ml.verdict import judge


class DecayPath(NoisyRegression):
    """Train along many a lambda at once: too little decay costs, and so does too much."""

    presets = (
        Preset("path", "A U", "So much noise that too little decay hurts, and too much.", {}),
        Preset("quiet", "Little noise", "The noise of the book.", {"noise": 0.01}),
    )

    name: Literal["decay_path"] = "decay_path"

    def results(self, fits: Fits) -> Iterator[Event]:
        """Mean losses against lambda, whose 0 stands at a third of the least; exercise 1 of 4.5."""
        train, test = (self.grid.fold(fits.last(name)) for name in ("train", "valid"))
        norms = self.grid.fold(np.linalg.norm(fits.parameter("0.weight")[..., 0], axis=1))
        known = np.nan_to_num(test, nan=np.inf).mean(1)  # where a run diverged, nothing is least
        best = int(known.argmin())
        lost = [f"{decay:.3g}" for decay, loss in zip(DECAYS, known, strict=True) if loss == np.inf]
        gone = f" Training diverges at λ {', '.join(lost)}." if lost else ""
        without = fits.at("λ 0") if best else None
        yield judge(fits.at(f"λ {DECAYS[best]:.3g}"), beside=without, floor=self.noise**2 / 2)
        yield along(
            "path",
            "Losses against lambda",
            f"Mean test loss is {known[0]:.4g} without decay, least at λ {DECAYS[best]:.3g} with"
            f" {known[best]:.4g}, and {known[-1]:.4g} at λ {DECAYS[-1]:g}.{gone}",
            DECAYS,
            {"train": train, "test": test},
            y_label="halved squared loss",
            y_scale="log",
        )
        yield self.grid.ends("path", "Along λ", {"train": train, "test": test, "‖w‖": norms})
        if not self.matches():
            return
        rise, longer = np.diff(train.mean(1)).min(), np.diff(norms, axis=0).max()
        yield self.above("training loss rises with lambda: least step", 0, rise)
        yield self.below("‖w‖ falls with lambda: greatest step", 0, longer, "words")
        for other, name in ((0, "none"), (-1, "the largest")):
            ratio = known[best] / known[other]
            yield self.at_most(f"best lambda's test loss over that of {name}", 0.95, ratio)
