"""An experiment that trains: it names groups of lanes, and says what became of them."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Self

import torch
from numpy.typing import NDArray
from torch import Tensor

from ml import fields
from ml.device import best_device
from ml.events import Checkpoint, Event
from ml.experiment import Experiment
from ml.lanes import Lane, Lanes
from ml.losses import squared_loss
from ml.optim import SGD
from ml.programs import Fits, fit_all
from ml.train import Net, Progress, Training

__all__ = ["Fits", "Training", "TrainingExperiment"]  # the words of an experiment that trains


class TrainingExperiment(Experiment):
    """One that trains nets: `trainings` and `results` are its own, the rest is the same for all.

    Trainings that agree in all but lanes and rows are trained as one tensor program; so each is
    named where it is clearest: a data set, a setting, a fold at a time.
    """

    curves_only: ClassVar[bool] = False  # nets are not asked for, and a group may diverge

    device: fields.Device = "auto"

    @abstractmethod
    def trainings(self) -> Iterable[Training]:
        """What is trained, in this order."""

    @abstractmethod
    def results(self, fits: Fits) -> Iterator[Event]:
        """Figures, tables and checks, once all have been trained: one of `fits` a training."""

    def opening(self) -> Iterator[Event]:
        """What can be said before anything is trained."""
        yield from ()

    @property
    def asked(self) -> str | None:
        """The setting that headline and verdict speak of; None where the best one is the answer."""
        return None

    def with_values(self, values: dict[str, Any]) -> Self:
        """The same with other values, as JSON has them; whoever has read data hands it on."""
        return self.model_validate(self.model_dump(mode="json") | values)

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:
        """Train every group, saying how it goes, then say what became of it."""
        yield from self.opening()
        fits = yield from fit_all(
            [*self.trainings()],
            Progress(resume),
            asked=self.asked,
            curves_only=self.curves_only,
        )
        yield from self.results(fits)

    def training(
        self,
        key: str,
        X: Tensor | NDArray[Any],
        y: Tensor | NDArray[Any],
        lanes: Iterable[Lane],
        net: Net,
        **others: Any,
    ) -> Training:
        """A group as the fields of this experiment say: SGD on the squared loss unless told else.

        X is (N, d) and y (N,) or (N, out); numpy arrays become float32.
        """
        usual = {
            "loss": squared_loss,
            "measure": others.get("loss", squared_loss),
            "measured": others.get("loss", squared_loss).__name__,
            "optimizer": SGD,
            "device": best_device(self.device),
            **{n: getattr(self, n) for n in ("num_epochs", "batch_size") if hasattr(self, n)},
        }
        X, y = _tensor(X), _tensor(y)
        columns = y if y.dim() == 2 else y[:, None]
        return Training(
            key=key, lanes=Lanes.of([*lanes]), X=X, y=columns, net=net, **usual | others
        )


def _tensor(values: Tensor | NDArray[Any]) -> Tensor:
    return values if isinstance(values, Tensor) else torch.from_numpy(values).float()
