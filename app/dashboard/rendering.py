"""The pages' Jinja environment: numbers, times and addresses as the interface writes them."""

import math
from collections.abc import Sequence
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
from app.typography import typeset

TEMPLATES = Path(__file__).parent / "templates"
MINUS = "−"


def render(request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """A page; `error.html` takes `status`, `title` and `detail`."""
    html = environment().get_template(template).render(request=request, status=status, **context)
    # the same address gives a page, a part of it, or changes with the store
    return HTMLResponse(html, status_code=status, headers={"Cache-Control": "no-cache"})


@lru_cache
def environment() -> Environment:
    """Templates with our filters; a name that is missing is an error, not an empty string."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "metric": _metric, "count": count, "seconds": seconds, "short": short, "cell": cell,
        "cells": cells, "ago": ago, "since": since, "iso": iso, "clock": clock, "embed": embed,
        "plural": plural, "typeset": typeset,
    }  # fmt: skip
    made.globals |= {"asset": assets.url, "version": version("ridgeline")}
    return made


def metric(value: float | None, digits: int = 4, *, fixed: bool = False) -> str:
    """0.1342; large and tiny numbers in as many digits as they need; a dash for nothing."""
    if value is None or not math.isfinite(value):
        return "–"
    size = abs(value)
    if 1000 <= size < 1e7:
        text = f"{value:,.0f}"
    elif size < 1e7 and (fixed or size == 0 or 10**-digits / 2 <= size < 1000):
        text = f"{value:z.{digits}f}"  # z: no minus before nought
    else:
        text = f"{value:.3g}"
    return text.replace("-", MINUS)


def _metric(value: float | None, digits: int = 4) -> str:
    """As a page has it: 1.23×10⁻⁵."""
    return typeset(metric(value, digits))


def count(value: int) -> str:
    """1,459."""
    return f"{value:,}"


def plural(number: int, noun: str, many: str = "") -> str:
    """1 job, 2 jobs."""
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"


def seconds(value: float | None) -> str:
    """3.2 s, 4 min 10 s, 2 h 5 min."""
    if value is None:
        return "–"
    if value < 60:
        return f"{max(value, 0):.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def short(value: float) -> str:
    """A number in as few digits as say it: 0.005, 5, 10⁻⁵."""
    return typeset(f"{value:.3g}")


def cell(value: str | float | None) -> str:
    """What stands in a cell of a table that an experiment yielded."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return typeset(f"{value:,.0f}" if abs(value) < 1e15 else f"{value:.3g}")
    return typeset(metric(value) if isinstance(value, float) else value)


def cells(rows: Sequence[Sequence[str | float | None]]) -> list[list[str]]:
    """The cells of a table: numbers of a column have the same decimals where that says enough."""
    columns = [_column(column) for column in zip(*rows, strict=True)]
    return [list(row) for row in zip(*columns, strict=True)]


def _column(values: Sequence[str | float | None]) -> list[str]:
    known = [abs(v) for v in values if isinstance(v, float) and not v.is_integer()]
    if known and 1e-3 <= max(known) < 1000:
        return [
            _metric(v) if isinstance(v, int | float) and 0 < abs(v) < 1e-5  # 0.0000 would hide it
            else typeset(metric(v, fixed=True)) if isinstance(v, int | float)
            else cell(v)
            for v in values
        ]  # fmt: skip
    return [cell(v) for v in values]


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
