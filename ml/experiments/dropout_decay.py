"""4.6 Exercise 5: dropout and weight decay, each alone and both together."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ml import fields
from ml.experiment import Preset
from ml.noise import NONE, NoiseComparison, Variant, setting_of

BOTH = "dropout and decay"


class DropoutDecay(NoiseComparison):
    """Cross dropout with weight decay, and see whether what they do adds up."""

    asked: ClassVar[str] = BOTH
    presets = (Preset("decay", "With decay", "Whether the two add up.", {}),)

    name: Literal["dropout_decay"] = "dropout_decay"
    weight_decay: Annotated[fields.WeightDecay, Field(le=1)] = 0.001

    @property
    def variants(self) -> dict[str, Variant]:
        """Neither, each alone, and both."""
        return {
            NONE: Variant(),
            setting_of(self.p): Variant(self.p),
            "decay": Variant(weight_decay=self.weight_decay),
            BOTH: Variant(self.p, weight_decay=self.weight_decay),
        }

    @property
    def contrasts(self) -> dict[str, dict[str, int]]:
        """What both do beyond the sum of what each does: both - dropout - decay + neither."""
        return {"interaction": dict(zip(self.variants, (1, -1, -1, 1), strict=True))}
