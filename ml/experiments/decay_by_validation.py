"""4.5 Lambda by validation: what choosing it by a few points costs."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import numpy as np

from ml import fields
from ml.events import Event, Table
from ml.experiment import Preset
from ml.grid import by_category, written
from ml.regression import DECAYS, NoisyRegression
from ml.trains import Fits


class DecayByValidation(NoisyRegression):
    """Choose lambda by validation, and set the choice beside the best one on each data set."""

    presets = (
        Preset("fifty", "Fifty to validate on", "Hardly worse than the best lambda.", {}),
        Preset("few", "Few to validate on", "Five points choose lambda.", {"num_valid": 5}),
    )

    name: Literal["decay_by_validation"] = "decay_by_validation"
    num_valid: Annotated[
        int, fields.knob("Data", "Validation points", "Points that choose λ.", ge=2, le=1000)
    ] = 50

    @property
    def parts(self) -> tuple[int, ...]:
        """Points to learn from, to choose by, and to be tested on."""
        return self.num_train, self.num_valid, self.num_test

    def results(self, fits: Fits) -> Iterator[Event]:
        """Lambda by validation and by an oracle, who sees the test points; exercise 2 of 4.5."""
        valid, test = (
            self.grid.fold(np.nan_to_num(fits.last(name), nan=np.inf)) for name in ("valid", "test")
        )
        sets, chosen, best = np.arange(self.num_seeds), valid.argmin(0), test.argmin(0)
        ours, oracle = test[chosen, sets], test[best, sets]
        ratio = ours.mean() / oracle.mean()
        yield by_category(
            "chosen",
            "What choosing by validation costs",
            f"Over {self.num_seeds} data sets {self.num_valid} points choose a λ whose test loss is"
            f" {ratio - 1:.1%} above that of the best; they choose that one on"
            f" {np.sum(chosen == best)}.",
            {"λ 0": test[0], "by validation": ours, "best λ": oracle},
            y_label="halved squared loss",
        )
        columns: dict[str, Any] = {
            "data set": [str(i + 1) for i in sets],
            "λ by validation": [written(DECAYS[k]) for k in chosen],
            "its test loss": ours,
            "best λ": [written(DECAYS[k]) for k in best],
            "best test loss": oracle,
        }
        note = "The best λ is known to an oracle only: it looks at the test points."
        yield Table.of("chosen", "λ by validation", columns, note)
        if self.matches():
            yield self.at_most("test loss by validation over the oracle's", 1.1, ratio)
