"""Numbers and times in JavaScript: written as Python writes them, by the shared examples."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from app.catalogue.forms import shapes
from ml.experiments import EXPERIMENTS

EXAMPLES: dict[str, list[list[Any]]] = json.loads(
    (Path(__file__).parents[1] / "data" / "typography.json").read_text()
)  # tests/app/test_typography.py reads them, too
CALL = """async ([script, name, inputs]) => {
  const app = document.querySelector('script[src$="/app.js"]').src;
  const module = await import(app.replace("app.js", script));
  return inputs.map((input) => module[name](...input));
}"""
TIMES = """async ([how, inputs]) => {
  const { times } = await import(document.querySelector('script[src$="/app.js"]').src);
  const elements = inputs.map((seconds) => Object.assign(document.createElement("time"), {
    dateTime: new Date(Date.now() - 1000 * seconds).toISOString(),
  }));
  for (const element of elements) element.dataset.t = how;
  document.body.append(...elements);
  times();
  return elements.map((element) => element.textContent);
}"""


@pytest.fixture
def home(page: Page) -> Page:
    """The first page: any has the scripts beside it."""
    page.goto("/")
    return page


@pytest.mark.parametrize(
    ("script", "name"), [("theme.js", "short"), ("app.js", "count"), ("app.js", "plural")]
)
def test_scripts_write_numbers_as_python_does(home: Page, script: str, name: str) -> None:
    values = [value if isinstance(value, list) else [value] for value, _ in EXAMPLES[name]]
    assert home.evaluate(CALL, [script, name, values]) == [text for _, text in EXAMPLES[name]]


@pytest.mark.parametrize("how", ["ago", "since"])
def test_scripts_write_times_as_python_does(home: Page, how: str) -> None:
    assert home.evaluate(TIMES, [how, [seconds for seconds, _ in EXAMPLES[how]]]) == [
        text for _, text in EXAMPLES[how]
    ]


def test_scripts_read_what_is_typed_as_python_does(home: Page) -> None:
    rows = []
    for (name, field), text, _ in EXAMPLES["typed"]:
        (shape,) = [shape for shape in shapes(EXPERIMENTS[name]) if shape.name == field]
        rows.append([text, shape.kind, shape.optional])
    assert home.evaluate(CALL, ["learn.js", "typed", rows]) == [
        value for *_, value in EXAMPLES["typed"]
    ]
