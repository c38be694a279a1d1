"""What breaking a key line is, and the wrong lines that several tables put in its place."""

from collections.abc import Callable
from dataclasses import dataclass, field
from inspect import getattr_static
from typing import Any

import pytest
from torch import Tensor

from ml.experiments import EXPERIMENTS
from ml.optim import SGD, Optimizer

Wrong = Callable[..., Any]
Values = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Break:
    """Something wrong in the place of a key line: every check whose name begins so turns red.

    The line is a member that the experiment declares as `breakable`, or belongs to `owner`: a
    public module, class or dict that experiments share.
    """

    name: str  # of the experiment
    line: str  # the attribute
    wrong: Any
    red: tuple[str, ...]
    key: str = ""  # where the attribute is a dict: the entry that is wrong
    owner: Any = None
    values: Values = field(default_factory=dict)  # settings at which it is seen
    early: bool = False  # it is seen before training

    @property
    def words(self) -> str:
        """For the report."""
        return f"{self.name}-{self.line}{self.key and '.' + self.key}-{self.red[0]}"

    def apply(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Put the wrong thing in its place; a static method stays one."""
        owner = self.owner or EXPERIMENTS[self.name]
        if isinstance(owner, dict):
            monkeypatch.setitem(owner, self.line, self.wrong)
        elif self.key:
            monkeypatch.setitem(getattr(owner, self.line), self.key, self.wrong)
        else:
            static = isinstance(getattr_static(owner, self.line), staticmethod)
            monkeypatch.setattr(
                owner, self.line, staticmethod(self.wrong) if static else self.wrong
            )


def identity(z: Any, *_: Any) -> Any:
    """No activation."""
    return z


def times(function: Wrong, factor: float) -> Wrong:
    """The same, too large."""
    return lambda *given, **named: function(*given, **named) * factor


def off(function: Wrong, key: str, wrong: Wrong) -> Wrong:
    """A function that returns a dict, with one of its values changed."""

    def changed(*given: Any) -> Any:
        found = function(*given)
        return found | {key: wrong(found[key])}

    return changed


def still(_self: Optimizer, _value: Tensor, _grad: Tensor) -> None:
    """Learn nothing."""


def plain(self: SGD, value: Tensor, grad: Tensor) -> None:
    """Decay nothing."""
    value.addcmul_(self.lr, grad, value=-1)
