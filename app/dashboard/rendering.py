"""The pages' Jinja environment: numbers, times and addresses as the interface writes them."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from app.dashboard import assets
from app.results.claims import by_whose
from app.typography import (
    amount,
    brief,
    cell,
    cells,
    count,
    measure_name,
    metric,
    plural,
    seconds,
    sentences,
    short,
    typeset,
)

TEMPLATES = Path(__file__).parent / "templates"


def render(request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """A page; `error.html` takes `status`, `title` and `detail`."""
    html = fragment(template, request=request, status=status, **context)
    # the same address gives a page, a part of it, or changes with the store
    return HTMLResponse(html, status_code=status, headers={"Cache-Control": "no-cache"})


def fragment(template: str, **context: Any) -> str:
    """A template as HTML: a page, or a part of one."""
    return environment().get_template(template).render(**context)


class Templates(FileSystemLoader):
    """Without indentation, which is for those who write: of 79 fields it would send 10 kB."""

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        """One blank is left of it, since a line break after a tag is trimmed away."""
        source, path, is_current = super().get_source(environment, template)
        return re.sub(r"^ +", " ", source, flags=re.MULTILINE), path, is_current


@lru_cache
def environment() -> Environment:
    """Templates with our filters; a name that is missing is an error, not an empty string."""
    made = Environment(
        loader=Templates(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        each.__name__: each
        for each in (
            *(
                ago,
                amount,
                brief,
                by_whose,
                cell,
                cells,
                clock,
                count,
                embed,
                iso,
                measure_name,
                metric,
            ),
            *(plural, seconds, sentences, short, since, typeset),
        )
    }
    made.globals |= {"asset": assets.url, "version": version("ridgeline")}
    return made


def ago(then: datetime | None) -> str:
    """2 min, or now: how long since; the page keeps it going."""
    if then is None:
        return "–"
    passed = (datetime.now(UTC) - then).total_seconds()
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if passed >= size:
            return f"{passed // size:.0f} {unit}"
    return "now"


def since(then: datetime) -> str:
    """2 min ago, or just now."""
    passed = ago(then)
    return "just now" if passed == "now" else f"{passed} ago"


def iso(then: datetime) -> str:
    """2026-11-02T15:41:08.201Z."""
    return then.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock(then: datetime) -> str:
    """15:41:08 UTC, until the page has made it local."""
    return f"{then.astimezone(UTC):%H:%M:%S} UTC"


def embed(value: object) -> Markup:
    """JSON that may stand in a script element: it cannot close it."""
    text = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    return Markup(text.replace("<", "\\u003c").replace("&", "\\u0026"))
