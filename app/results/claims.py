"""The checks of a job as sentences, under whose claim each one is."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.typography import cell, metric, short, typeset

WHOSE: Mapping[str, str] = {
    "figure": "The book's figure",
    "words": "The book's words",
    "ours": "Our claim",
    "": "Claims, of the book and ours",  # the first version did not keep whose they were
}
SAYS = {"figure": "the book prints ", "words": "the book says "}
MOST_DECIMALS = 5  # a number that needs more is written with a power of ten


@dataclass(frozen=True, slots=True)
class Claim:
    """One check as a sentence in three parts: "mean ‖w‖: 0.360, the book prints 0.382 ± 0.04"."""

    name: str
    got: str
    expected: str
    section: str
    passed: bool


def by_whose(checks: Sequence[Mapping[str, Any]]) -> dict[str, list[Claim]]:
    """The claims under the words for whose they are, those that fail first."""
    named = {
        words: [claim(check) for check in checks if check.get("claim", "") == whose]
        for whose, words in WHOSE.items()
    }
    return {
        words: sorted(those, key=lambda one: one.passed) for words, those in named.items() if those
    }


def claim(check: Mapping[str, Any]) -> Claim:
    """A check in words; its numbers have the digits that its tolerance needs."""
    says = SAYS.get(check.get("claim", ""), "")
    got, expected = check["got"], check["expected"]
    digits = _decimals(check["tolerance"], check["passed"])
    if isinstance(expected, str) and got == expected:
        wanted = "as the book has it" if says else "as expected"
    else:
        about = f" ± {short(check['tolerance'])}" if check["tolerance"] else ""
        wanted = f"{says}{_written(expected, digits)}{about}{'' if says else ' expected'}"
    return Claim(
        name=typeset(check["name"]),
        got=_written(got, digits),
        expected=wanted,
        section=check["section"],
        passed=check["passed"],
    )


def _decimals(tolerance: float | None, passed: bool) -> int | None:
    """One more than the tolerance begins with, two more where the claim fails by little."""
    if not tolerance:
        return None
    return max(0, (1 if passed else 2) - math.floor(math.log10(tolerance)))


def _written(value: float | str, decimals: int | None) -> str:
    if isinstance(value, str) or decimals is None or decimals > MOST_DECIMALS or not value:
        return cell(value)
    return metric(value, decimals, fixed=True)
