"""Every module in this folder is one experiment; importing it is registering it."""

import importlib
import pkgutil
from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, TypeAdapter

from ml.experiment import Experiment
from ml.pricing import PricedFile
from ml.sweeps import Sweep
from ml.trains import TrainingExperiment

_MODULES = sorted(module.name for module in pkgutil.iter_modules(__path__))


def _load(name: str) -> type[Experiment]:
    module = importlib.import_module(f"{__name__}.{name}")
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Experiment)
        and value.__module__ == module.__name__
    ]
    if len(found) != 1 or found[0].model_fields["name"].default != name:
        raise ImportError(f"{module.__file__} must define one Experiment whose name is {name!r}.")
    return found[0]


EXPERIMENTS: dict[str, type[Experiment]] = {name: _load(name) for name in _MODULES}


def _either(classes: Iterable[type[Experiment]]) -> Any:
    """One of these, told apart by name."""
    return Annotated[reduce(or_, classes), Field(discriminator="name")]


if TYPE_CHECKING:
    AnyExperiment = Experiment
    AnyInstant = Experiment
    AnySweep = Sweep[TrainingExperiment]
else:
    AnySweep = Sweep[
        _either(cls for cls in EXPERIMENTS.values() if issubclass(cls, TrainingExperiment))
    ]
    AnyExperiment = _either([*EXPERIMENTS.values(), AnySweep])
    AnyInstant = _either(cls for cls in EXPERIMENTS.values() if cls.instant)

# a job may be of one that is no lesson, and that nobody can ask for by its fields alone
_adapter: TypeAdapter[Any] = TypeAdapter(_either([*EXPERIMENTS.values(), AnySweep, PricedFile]))


def parse(given: object) -> Experiment:
    """The experiment that this JSON object describes.

    Raises:
        pydantic.ValidationError: with the place and the sentence of everything that is wrong.
    """
    experiment: Experiment = _adapter.validate_python(given)
    return experiment
