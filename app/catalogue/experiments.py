"""The experiments there are: by name, and in the order of the chapter."""

from collections.abc import Iterable
from functools import lru_cache
from importlib.util import find_spec
from pkgutil import iter_modules

from app.errors import NotFound, instead, short
from ml.experiment import Experiment


@lru_cache
def names() -> list[str]:
    """What they are called, without importing them: torch takes its time."""
    found = find_spec("ml.experiments")
    places = found.submodule_search_locations if found else None
    return sorted(module.name for module in iter_modules(places))


def get(name: str) -> type[Experiment] | None:
    """The experiment of that name; none where it is one of another version."""
    from ml.experiments import EXPERIMENTS, AnySweep  # here is where the time goes

    return AnySweep if name == "sweep" else EXPERIMENTS.get(name)


def find(name: str) -> type[Experiment]:
    """The same of a name that somebody typed.

    Raises:
        NotFound: where there is none, with those that there are.
    """
    cls = get(name)
    if cls is None:
        raise unknown(name, names())
    return cls


def unknown(name: str, there: Iterable[str], where: str = "") -> NotFound:
    """The one sentence for a name of no experiment; `where` narrows it: " in section 4.4"."""
    typed = short(name, 80)
    return NotFound(f"There is no experiment {typed!r}{where}.{instead(typed, there)}")


def ordered() -> list[type[Experiment]]:
    """All of them, by section of the chapter."""
    from ml.experiments import EXPERIMENTS

    return sorted(EXPERIMENTS.values(), key=lambda cls: place(cls.section))


def place(section: str) -> list[int]:
    """Where a section stands among the others: 4.10 behind 4.9."""
    return [*map(int, section.split("."))]
