"""4.6 Exercise 3: how the variance of hidden units grows, with and without dropout."""

from collections.abc import Iterable, Iterator
from functools import cached_property, partial
from typing import Any, Literal

from ml.events import Event
from ml.experiment import Preset
from ml.lanes import Lane
from ml.noise import NoiseComparison, variance
from ml.train import Net, Probe
from ml.trains import Fits, Training

SHOWN = 2000  # test images that the hidden units are shown
LAYERS = ("first", "second")


class DropoutActivations(NoiseComparison):
    """Follow the variance of both hidden layers by epoch, with and without dropout."""

    presets = (Preset("variance", "Activations", "Their variance by epoch.", {}),)
    verifies = ()

    name: Literal["dropout_activations"] = "dropout_activations"

    @cached_property
    def probes(self) -> dict[str, Probe]:
        """The variance of each hidden layer over test images, evaluated without dropout."""
        X = self.data.X[self.data.test[:SHOWN]]
        return {f"{layer} variance": partial(variance, X, i) for i, layer in enumerate(LAYERS)}

    def classifier(self, key: str, lanes: Iterable[Lane], net: Net, **others: Any) -> Training:
        """The same, its hidden units measured after each epoch."""
        return super().classifier(key, lanes, net, probes=self.probes, **others)

    def results(self, fits: Fits) -> Iterator[Event]:
        """A figure and a table for each layer."""
        for layer in LAYERS:
            by_epoch = self.grid.fold(fits.metric(f"{layer} variance"))  # (E, settings, S)
            plain, noisy = by_epoch[-1].mean(1)
            name, title = f"{layer}_layer", f"Variance of the {layer} hidden layer"
            finding = (
                f"After epoch {self.num_epochs} the variance is {noisy:.3g} with dropout and"
                f" {plain:.3g} without, over images and units."
            )
            yield self.grid.curves(name, title, finding, by_epoch, y_label="variance")
            yield self.grid.ends(name, title, {"variance": by_epoch[-1]})
