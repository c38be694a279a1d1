"""No check that cannot fail: all claims hold, and each turns red when a key line is broken."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ml.events import Check
from ml.experiment import Diverged
from ml.experiments import EXPERIMENTS
from tests.broken.breaks import Break

TABLES = sorted(path.stem for path in Path(__file__).parent.glob("table_*.py"))
BREAKS: list[Break] = [
    broken for name in TABLES for broken in importlib.import_module(f"tests.broken.{name}").BREAKS
]
CLAIMING = [name for name, cls in EXPERIMENTS.items() if cls.verifies]

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::RuntimeWarning")]


def checks(name: str, values: dict[str, Any]) -> Iterator[Check]:
    """What a run claims, as far as it gets."""
    try:
        yield from (e for e in EXPERIMENTS[name](**values).run() if isinstance(e, Check))
    except Diverged:
        return


@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: broken.words)
def test_a_broken_line_turns_its_checks_red(broken: Break, monkeypatch: pytest.MonkeyPatch) -> None:
    broken.apply(monkeypatch)
    found = []
    for check in checks(broken.name, broken.values):
        found.append(check)
        if broken.early and check.name.startswith(broken.red):
            break
    for prefix in broken.red:
        concerned = [check for check in found if check.name.startswith(prefix)]
        assert concerned, f"No check is called {prefix}: {[check.name for check in found]}"
        assert [check for check in concerned if check.passed] == []


def test_what_is_declared_breakable_is_broken_and_nothing_else_is() -> None:
    declared = {(name, line) for name, cls in EXPERIMENTS.items() for line in cls.breakable}
    assert {(b.name, b.line) for b in BREAKS if b.owner is None} == declared


@pytest.mark.parametrize("name", CLAIMING)
def test_all_claims_hold_and_each_has_been_seen_red(name: str) -> None:
    prefixes = tuple(prefix for broken in BREAKS if broken.name == name for prefix in broken.red)
    for values in EXPERIMENTS[name].verifies:
        found = list(checks(name, values))
        assert [check for check in found if not check.passed] == []
        assert [check.name for check in found if not check.name.startswith(prefixes)] == []
