"""4.6 Exercise 1: dropout's two probabilities swapped, and both of them large."""

from typing import ClassVar, Literal

from ml.experiment import Preset
from ml.noise import NONE, NoiseComparison, Variant, setting_of

STRONG = 0.8  # too strong to help


class DropoutSwap(NoiseComparison):
    """Swap the probabilities of both hidden layers, and set stronger ones beside them."""

    asked: ClassVar[None] = None  # the best of them
    breakable = ("choose",)
    presets = (Preset("swap", "Swapped", "0.2 and 0.5, 0.5 and 0.2, in a small grid.", {}),)

    name: Literal["dropout_swap"] = "dropout_swap"

    @property
    def variants(self) -> dict[str, Variant]:
        """Without; as asked, swapped, both the larger one, and both too strong."""
        most = max(self.p)
        each = [self.p, self.p[::-1], (most, most), (STRONG, STRONG)]
        return {NONE: Variant()} | {setting_of(p): Variant(p) for p in each}

    @property
    def contrasts(self) -> dict[str, dict[str, int]]:
        """What the swap does, where there is something to swap."""
        if self.dropout1 == self.dropout2:
            return {}
        return {"swapped minus not": {setting_of(self.p[::-1]): 1, setting_of(self.p): -1}}
