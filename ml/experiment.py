"""An experiment is a frozen value with `run()`; its fields are the only configuration there is."""

import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, model_validator

from ml import fields
from ml.events import Check, Checkpoint, Claim, Event

FREE = {"name", "seed", "device"}  # fields that change no question
JUDGING = "Repetitions"  # the group of fields that say how often a setting is judged


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


class Experiment(BaseModel, ABC):  # noqa: PLW1641  pydantic makes the hash of what is frozen
    """One question of the chapter, asked with these settings.

    The fields are the REST body, the flags of the command line, the JSON in the run store and the
    form on the dashboard. A subclass narrows `name` to a Literal and yields events; its section is
    the number that its file begins with.
    """

    # strict: "5" is no number and 1 no truth value, whatever JSON body it comes in
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    section: ClassVar[str]
    instant: ClassVar[bool] = False  # no training, bounded inputs: may answer within a request
    presets: ClassVar[tuple[Preset, ...]] = ()
    verifies: ClassVar[tuple[dict[str, Any], ...]] = ({},)  # the values whose checks `verify` runs
    breakable: ClassVar[
        tuple[str, ...]
    ] = ()  # members that a check must notice when they are wrong

    name: str
    seed: fields.Seed = 0

    _whole = model_validator(mode="before")(whole)

    def __init_subclass__(cls, **others: Any) -> None:
        """Take `section` from the file's sentence, "4.6 Dropout: ...", unless the class sets it."""
        super().__init_subclass__(**others)
        number = re.match(r"\d+\.\d+(?= )", sys.modules[cls.__module__].__doc__ or "")
        if number and "section" not in vars(cls):
            cls.section = number[0]

    def __eq__(self, other: object) -> bool:
        """Equal in all fields: what is computed from them, and kept, is no part of the value."""
        return type(self) is type(other) and all(
            getattr(self, name) == getattr(other, name) for name in type(self).model_fields
        )

    @abstractmethod
    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:
        """Do it, saying what happens as it happens; go on from `resume` where one is given.

        Raises:
            Diverged: where the loss of every lane is no longer finite.
        """

    @classmethod
    def verifications(cls, seed: int = 0) -> list[Self]:
        """What `verify` runs, one of each of `verifies`."""
        return [cls(**{"seed": seed} | values) for values in cls.verifies]

    @property
    def question(self) -> dict[str, Any]:
        """The fields that make it another question, as JSON has them."""
        return self.model_dump(mode="json", exclude=FREE)

    def matches(self, **values: Any) -> bool:
        """Whether these are the defaults but for `values`, whatever the seed and the device."""
        return self.question == type(self)(**values).question

    @property
    def label(self) -> str:
        """A few words that tell this value from its siblings: what differs from the defaults."""
        changed = self.model_dump(exclude_defaults=True, exclude={"name"})
        return ", ".join(f"{key} {value}" for key, value in changed.items()) or "defaults"

    # ---- checks of this section; whose claim it is stands beside each

    def near(
        self, name: str, expected: float, got: float, tolerance: float, claim: Claim = "ours"
    ) -> Check:
        """Pass where |got - expected| <= tolerance; a NaN never passes."""
        got, passed = float(got), bool(abs(got - expected) <= tolerance)
        return Check(self.section, name, expected, got, tolerance, passed, claim)

    def at_least(self, name: str, bound: float, got: float, claim: Claim = "ours") -> Check:
        """Pass where got >= bound; a NaN never passes."""
        return self.holds(name, f"at least {bound:g}", got, got >= bound, claim)

    def at_most(self, name: str, bound: float, got: float, claim: Claim = "ours") -> Check:
        """Pass where got <= bound; a NaN never passes."""
        return self.holds(name, f"at most {bound:g}", got, got <= bound, claim)

    def above(self, name: str, bound: float, got: float, claim: Claim = "ours") -> Check:
        """Pass where got > bound; a NaN never passes."""
        return self.holds(name, f"above {bound:g}", got, got > bound, claim)

    def below(self, name: str, bound: float, got: float, claim: Claim = "ours") -> Check:
        """Pass where got < bound; a NaN never passes."""
        return self.holds(name, f"below {bound:g}", got, got < bound, claim)

    def equal(
        self, name: str, expected: float | str, got: float | str, claim: Claim = "ours"
    ) -> Check:
        """Pass where both are the same, to the last bit or letter."""
        if isinstance(expected, str):
            return self.holds(name, expected, got, expected == got, claim)
        return self.near(name, expected, float(got), 0.0, claim)

    def holds(
        self, name: str, expected: str, got: float | str, passed: bool, claim: Claim = "ours"
    ) -> Check:
        """A condition in words, and what was found."""
        got = got if isinstance(got, str) else float(got)
        return Check(self.section, name, expected, got, None, bool(passed), claim)

    @classmethod
    def summary(cls) -> str:
        """First line of the docstring: the question in one sentence."""
        return (cls.__doc__ or "").strip().partition("\n")[0]


class InstantExperiment(Experiment):
    """One that trains nothing and has bounded inputs, so that it may answer within a request."""

    instant: ClassVar[bool] = True

    @abstractmethod
    def answer(self) -> Iterator[Event]:
        """Figures, tables and checks."""

    def run(self, resume: Checkpoint | None = None) -> Iterator[Event]:  # noqa: ARG002  no state
        """Answer; there is nothing to go on from."""
        yield from self.answer()
