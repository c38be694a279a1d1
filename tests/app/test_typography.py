"""Numbers and times in Python: what scripts write, too, is written as the shared examples say."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app import typography
from app.catalogue import forms
from app.dashboard import rendering
from ml.experiments import EXPERIMENTS

EXAMPLES: dict[str, list[list[Any]]] = json.loads(
    (Path(__file__).parents[1] / "data" / "typography.json").read_text()
)  # tests/browser reads them, too


@pytest.mark.parametrize(("value", "text"), EXAMPLES["short"])
def test_a_short_number(value: float, text: str) -> None:
    assert typography.short(value) == text


@pytest.mark.parametrize(("value", "text"), EXAMPLES["count"])
def test_a_count(value: int, text: str) -> None:
    assert typography.count(value) == text


@pytest.mark.parametrize(("value", "text"), EXAMPLES["plural"])
def test_a_number_of_things(value: list[Any], text: str) -> None:
    assert typography.plural(*value) == text


@pytest.mark.parametrize("name", ["ago", "since"])
def test_how_long_since(name: str) -> None:
    for seconds, text in EXAMPLES[name]:
        then = datetime.now(UTC) - timedelta(seconds=seconds)
        assert getattr(rendering, name)(then) == text


@pytest.mark.parametrize(("place", "text", "value"), EXAMPLES["typed"])
def test_what_is_typed_into_a_form_becomes_json(place: list[str], text: str, value: object) -> None:
    name, field = place
    assert forms.fill(EXPERIMENTS[name], {}, {field: text}).request[field] == value


def test_an_amount_is_seen_at_a_glance() -> None:
    said = {0: "0", 0.031234: "0.03123", 84: "84", 53_991.4: "53,990", 166_039_258: "166 m"}
    said |= {1.2e9: "1.2 bn", -5.25e6: "−5.25 m", 2.5e14: "2.5×10¹⁴"}
    assert {value: typography.amount(value) for value in said} == said
