"""4.6 Exercises 6 and 7: DropConnect and Gaussian noise in the place of dropout."""

from typing import ClassVar, Literal

from ml.experiment import Preset
from ml.noise import NET, NONE, NoiseComparison, NoisyMLP, Variant, setting_of


class DropoutVariants(NoiseComparison):
    """Drop weights rather than units, or multiply units by Gaussian noise, as strong as dropout."""

    asked: ClassVar[None] = None  # the best of them
    breakable = ("choose",)
    presets = (Preset("noise", "Other noise", "DropConnect and Gaussian noise.", {}),)

    name: Literal["dropout_variants"] = "dropout_variants"

    @property
    def variants(self) -> dict[str, Variant]:
        """Without, with dropout, and with two other kinds of noise at the same probabilities."""
        return {
            NONE: Variant(),
            setting_of(self.p): Variant(self.p),
            "DropConnect": Variant(self.p, NoisyMLP(NET, "DropConnect")),
            "Gaussian noise": Variant(self.p, NoisyMLP(NET, "Gaussian")),
        }
