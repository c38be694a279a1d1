"""What breaking a key line is, and the wrong lines that several tables put in its place."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ml.optim import SGD, Optimizer

Wrong = Callable[..., Any]
Values = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Break:
    """Something wrong in the place of a key line: every check whose name begins so turns red."""

    name: str  # of the experiment
    owner: Any  # module, class or dict
    line: str  # its attribute or key
    wrong: Any
    red: tuple[str, ...]
    values: Values = field(default_factory=dict)  # settings at which it is seen
    early: bool = False  # it is seen before training

    @property
    def words(self) -> str:
        """For the report."""
        return f"{self.name}-{self.line}-{self.red[0]}"


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
