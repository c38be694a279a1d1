"""A lesson's text as HTML: of Markdown the marks that lessons use, and equations as MathML."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markupsafe import Markup

MARKS = ("heading", "list", "backticks", "emphasis", "link")
MATH = re.compile(r"\$([^$]+)\$")
DISPLAY = re.compile(r"\$\$([^$]+)\$\$ *(?=\n|$)")
KEY = re.compile(r"\[(train|valid|test)\]")
KEYS = {"train": "train", "valid": "valid", "test": "valid"}  # the colour of each


@lru_cache
def blocks(text: str) -> Markup:
    """A whole text: `$$` is an equation on a line of its own, `[train]` the key of a curve."""
    return Markup(_markdown().render(text))


@lru_cache
def line(text: str) -> Markup:
    """One paragraph's content."""
    return Markup(_markdown().renderInline(text))


@lru_cache
def _markdown() -> MarkdownIt:
    """CommonMark's parser with our marks alone: HTML in a text stays text."""
    markdown = MarkdownIt("zero").enable(MARKS)
    markdown.inline.ruler.before("link", "key", _key)
    markdown.inline.ruler.before("backticks", "math", _math)
    markdown.block.ruler.before("paragraph", "display", _display, {"alt": ["paragraph"]})
    for name, render in (("key", _keyed), ("math", _inline), ("display", _displayed)):
        markdown.add_render_rule(name, render)
    return markdown


def _key(state: StateInline, silent: bool) -> bool:
    return _token(state, silent, "key", KEY)


def _math(state: StateInline, silent: bool) -> bool:
    return _token(state, silent, "math", MATH)


def _token(state: StateInline, silent: bool, name: str, pattern: re.Pattern[str]) -> bool:
    """Whether the pattern begins here; then it is a token that holds the pattern's group."""
    match = pattern.match(state.src, state.pos, state.posMax)
    if match is None:
        return False
    if not silent:
        state.push(name, "", 0).content = match[1]
    state.pos = match.end()
    return True


def _display(state: StateBlock, start: int, _: int, silent: bool) -> bool:
    """The same of an equation that stands alone, be it on several lines."""
    match = DISPLAY.match(state.src, state.bMarks[start] + state.tShift[start])
    if match is None:
        return False
    if not silent:
        state.push("display", "", 0).content = match[1]
        state.line = start + match[0].count("\n") + 1
    return True


Tokens = Sequence[Token]


def _keyed(_: RendererHTML, tokens: Tokens, i: int, *__: Any) -> str:
    name = tokens[i].content
    return f'<span class="key {KEYS[name]}">{name}</span>'


def _inline(_: RendererHTML, tokens: Tokens, i: int, *__: Any) -> str:
    return _equation(tokens[i].content, "inline")


def _displayed(_: RendererHTML, tokens: Tokens, i: int, *__: Any) -> str:
    return f'<div class="display" tabindex="0">{_equation(tokens[i].content, "block")}</div>\n'


def _equation(latex: str, display: str) -> str:
    """MathML; the bars of a norm keep their size, since each stands alone and would stretch."""
    bar = "<mo>&#x02016;</mo>"
    return convert(latex.strip(), display=display).replace(bar, '<mo stretchy="false">‖</mo>')
