"""4.6 Dropout kept on at test time (4.6.3): where its masks agree, the net is more often right."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
from torch import Tensor

from ml.events import Event, Figure
from ml.experiment import Preset
from ml.grid import band
from ml.intervals import plus_minus
from ml.noise import NoiseComparison, Variant, answers, setting_of
from ml.trains import Fits

SHOWN = 2000  # test images whose answers are drawn
MASKS = 20
BINS = 10  # tenths of the images
SPREAD = 0.01  # of a probability over the masks; in six seeds 0.021 to 0.022, without them 0
TOLD_APART = 0.2  # in six seeds 0.315 to 0.365


class DropoutUncertainty(NoiseComparison):
    """Predict with twenty masks, and see how often the net is right where they agree."""

    presets = (Preset("sure", "How sure?", "Predict with many masks.", {}),)
    curves_only = False

    name: Literal["dropout_uncertainty"] = "dropout_uncertainty"

    @property
    def variants(self) -> dict[str, Variant]:
        """With dropout."""
        return {setting_of(self.p): Variant(self.p)}

    def results(self, fits: Fits) -> Iterator[Event]:
        """Accuracy of each tenth of the test images, those first on which the masks agree."""
        rows = self.data.test[:SHOWN]
        y = self.data.y[rows, 0]
        shares = [answers(one.net, self.data.X[rows], MASKS)[:, 0].softmax(2) for one in fits]
        bins = np.stack([by_agreement(each, y).numpy() for each in shares], axis=1)  # (BINS, S)
        finding = (
            f"Of the tenth of images on which {MASKS} masks agree most"
            f" {plus_minus(bins[0], '.1%')} are right, of the tenth on which they agree least"
            f" {plus_minus(bins[-1], '.1%')}."
        )
        title, x = (
            "Accuracy by how far the masks agree",
            "tenth of the images, most agreed on first",
        )
        bars = band("accuracy", np.arange(1.0, BINS + 1), bins, mode="bars")
        yield Figure("uncertainty", title, finding, (bars,), x_label=x, y_label="accuracy")
        if self.claiming:
            spread = min(float(each.std(0).mean()) for each in shares)
            yield self.at_least("spread of a probability over the masks", SPREAD, spread)
            name = "accuracy of the tenth most agreed on, minus that of the tenth least"
            yield self.at_least(name, TOLD_APART, (bins[0] - bins[-1]).min())


def by_agreement(shares: Tensor, y: Tensor) -> Tensor:
    """Accuracy of each tenth of images, those first on which the masks agree: (BINS,).

    Shares (masks, n, classes) are softmax outputs; agreement is how little they vary from mask to
    mask, and the answer is their mean. Labels y are (n,).
    """
    order = shares.var(0).sum(1).argsort(stable=True)
    right = (shares.mean(0).argmax(1) == y)[order].double()
    return right.view(BINS, -1).mean(1)
