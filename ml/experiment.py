"""An experiment is a frozen value with `run()`; its fields are the only configuration there is."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ml.events import Checkpoint, Event

Device = Annotated[
    Literal["auto", "cpu", "cuda", "mps"],
    Field(description="auto takes a GPU when there is one.", json_schema_extra={"group": "Run"}),
]
"""Where it is trained: a field that most experiments have."""


class Diverged(Exception):
    """Training left the finite numbers; what was yielded up to there stays."""


def whole(value: object) -> object:
    """64.0 as 64, also within: JSON has one kind of number, and strict fields have two."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [whole(item) for item in value]
    return {key: whole(item) for key, item in value.items()} if isinstance(value, dict) else value


@dataclass(frozen=True, slots=True)
class Preset:
    """A named start: the fields that differ from the defaults, and why one would want them."""

    name: str
    title: str
    text: str
    values: dict[str, Any]


class Experiment(BaseModel, ABC):
    """One question of the chapter, asked with these settings.

    The fields are the REST body, the flags of the command line, the JSON in the run store and the
    form on the dashboard. A subclass sets `section`, narrows `name` to a Literal and yields events.
    """

    # strict: "5" is no number and 1 no truth value, whatever JSON body it comes in
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    section: ClassVar[str]
    instant: ClassVar[bool] = False  # no training, bounded inputs: may answer within a request
    presets: ClassVar[tuple[Preset, ...]] = ()
    verifies: ClassVar[tuple[dict[str, Any], ...]] = ({},)  # the values whose checks `verify` runs

    name: str
    seed: int = Field(
        0,
        ge=0,
        lt=2**31,
        description="Seed of every random draw.",
        json_schema_extra={"group": "Run"},
    )

    _whole = model_validator(mode="before")(whole)

    @abstractmethod
    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:
        """Do it, saying what happens as it happens; go on from `resume` where one is given.

        Raises:
            Diverged: where the loss of every lane is no longer finite.
        """

    @property
    def label(self) -> str:
        """A few words that tell this value from its siblings: what differs from the defaults."""
        changed = self.model_dump(exclude_defaults=True, exclude={"name"})
        return ", ".join(f"{key} {value}" for key, value in changed.items()) or "defaults"

    @classmethod
    def summary(cls) -> str:
        """First line of the docstring: the question in one sentence."""
        return (cls.__doc__ or "").strip().partition("\n")[0]
