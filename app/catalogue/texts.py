"""Values as texts, and back: what stands in a field, what a request holds, what is wrong."""

import json
import math
from collections.abc import Sequence
from typing import Any


def written(value: object) -> str:
    """A value as it stands in a field: 128, 64 for a list, nothing for None."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list() | tuple() if all(isinstance(item, int | float | str) for item in value):
            return ", ".join(map(written, value))
        case list() | tuple() | dict():
            return json.dumps(value)
        case float():
            return f"{value:.15g}"
    return str(value)


def number(value: Any) -> Any:
    """The number or truth value that a text is in JSON, or else what is given."""
    if not isinstance(value, str):
        return value
    if value in {"true", "false"}:
        return value == "true"
    try:
        size = float(value)
    except ValueError:
        return value
    if not math.isfinite(size):  # JSON has no infinity
        return value
    return int(value) if value.lstrip("+-").isdecimal() else size


def sentence(item: Any, inner: Sequence[int | str]) -> str:
    """What is wrong, in the words of the interface."""
    where = f"Item {inner[0] + 1}: " if inner and isinstance(inner[0], int) else ""
    if item["input"] == "":
        return f"{where}Must not be empty."
    limits = {
        name: f"{value:g}" if isinstance(value, float) else value
        for name, value in item.get("ctx", {}).items()
    }
    said = {
        "greater_than": "Must be above {gt}.",
        "greater_than_equal": "Must be at least {ge}.",
        "less_than": "Must be below {lt}.",
        "less_than_equal": "Must be at most {le}.",
        "int_parsing": "Must be a whole number.",
        "int_from_float": "Must be a whole number.",
        "float_parsing": "Must be a number.",
        "finite_number": "Must be a finite number.",
        "literal_error": "Must be {expected}.",
        "bool_parsing": "Must be true or false.",
        "too_long": "Has {actual_length} items; at most {max_length} are allowed.",
        "too_short": "Has {actual_length} items; at least {min_length} are needed.",
    }.get(item["type"])
    text = said.format(**limits) if said else str(limits.get("error") or item["msg"])
    return where + text.rstrip(".") + "."
