"""No check that cannot fail: all claims hold, and each turns red when a key line is broken."""

from collections.abc import Iterator
from typing import Any

import pytest

from ml.events import Check
from ml.experiment import Diverged
from ml.experiments import EXPERIMENTS
from tests.broken import table_4_1, table_clothes, table_depth, table_fits, table_houses
from tests.broken.breaks import Break

TABLES = (table_4_1, table_clothes, table_fits, table_depth, table_houses)
BREAKS = [broken for table in TABLES for broken in table.BREAKS]
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
    change = monkeypatch.setitem if isinstance(broken.owner, dict) else monkeypatch.setattr
    change(broken.owner, broken.line, broken.wrong)
    found = []
    for check in checks(broken.name, broken.values):
        found.append(check)
        if broken.early and check.name.startswith(broken.red):
            break
    for prefix in broken.red:
        concerned = [check for check in found if check.name.startswith(prefix)]
        assert concerned, f"No check is called {prefix}: {[check.name for check in found]}"
        assert [check for check in concerned if check.passed] == []


@pytest.mark.parametrize("name", CLAIMING)
def test_all_claims_hold_and_each_has_been_seen_red(name: str) -> None:
    prefixes = tuple(prefix for broken in BREAKS if broken.name == name for prefix in broken.red)
    for values in EXPERIMENTS[name].verifies:
        found = list(checks(name, values))
        assert [check for check in found if not check.passed] == []
        assert [check.name for check in found if not check.name.startswith(prefixes)] == []
