"""The few marks of a lesson's text as HTML; equations become MathML."""

import re
from functools import lru_cache

from latex2mathml.converter import convert
from markupsafe import Markup, escape

MARKS = re.compile(
    r"\$(?P<math>[^$]+)\$|`(?P<code>[^`]+)`|\*\*(?P<strong>[^*]+)\*\*"
    r"|\[(?P<key>train|valid|test)\]|\[(?P<text>[^\]]+)\]\((?P<href>/[^)]*)\)"
)
KEYS = {"train": "train", "valid": "valid", "test": "valid"}  # the colour of each


@lru_cache
def blocks(text: str) -> Markup:
    """Paragraphs apart by empty lines; `## ` is a heading, `$$` an equation, `- ` a list."""
    return Markup("\n").join(_block(part.strip()) for part in re.split(r"\n\s*\n", text.strip()))


@lru_cache
def line(text: str) -> Markup:
    """One paragraph's content."""
    made, at = Markup(), 0
    for match in MARKS.finditer(text):
        made += escape(text[at : match.start()]) + _mark(match)
        at = match.end()
    return made + escape(text[at:])


def _block(part: str) -> Markup:
    if part.startswith("## "):
        return Markup("<h2>{}</h2>").format(line(part[3:]))
    if part.startswith("$$"):
        equation = _equation(part.strip("$ \n"), "block")
        return Markup('<div class="display" tabindex="0">{}</div>').format(equation)
    if part.startswith("- "):
        items = (Markup("<li>{}</li>").format(line(item)) for item in part[2:].split("\n- "))
        return Markup("<ul>{}</ul>").format(Markup().join(items))
    return Markup("<p>{}</p>").format(line(part))


def _equation(latex: str, display: str) -> Markup:
    """MathML; the bars of a norm keep their size, since each stands alone and would stretch."""
    bar = "<mo>&#x02016;</mo>"
    return Markup(convert(latex, display=display).replace(bar, '<mo stretchy="false">‖</mo>'))


def _mark(match: re.Match[str]) -> Markup:
    found = match.groupdict()
    if found["math"]:
        return _equation(found["math"], "inline")
    if found["key"]:
        return Markup('<span class="key {}">{}</span>').format(KEYS[found["key"]], found["key"])
    if found["href"]:
        return Markup('<a href="{}">{}</a>').format(found["href"], found["text"])
    tag = "code" if found["code"] else "strong"
    return Markup(f"<{tag}>{{}}</{tag}>").format(found["code"] or found["strong"])
