"""Errors are sentences: of a request with a status, of a command with an exit code."""

import errno
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from app.settings import settings

MEDIA_TYPE = "application/problem+json"
LONGEST = 5000  # characters of a sentence: it may list all experiments


class AppError(Exception):
    """Something we have a sentence for."""

    status_code = 500

    def __init__(
        self,
        message: str,
        errors: Sequence["Fault"] = (),
        unknown: Mapping[str, list[str]] | None = None,
    ) -> None:
        super().__init__(message)
        self.message, self.errors, self.unknown = message, list(errors), dict(unknown or {})


class NotFound(AppError):
    """There is no such thing."""

    status_code = 404


class Conflict(AppError):
    """It is not in a state for that."""

    status_code = 409


class TooLarge(AppError):
    """More than we read at once."""

    status_code = 413


class Invalid(AppError):
    """Well formed, but not allowed."""

    status_code = 422


class Complaint(Exception):
    """What a command ends with: a sentence that says what to do, and an exit code."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


# ---- other errors in a sentence ----------------------------------------------------------------


def sentence(error: BaseException) -> str:
    """The first line of an exception, ended with a full stop."""
    line = str(error).strip().partition("\n")[0].rstrip() or type(error).__name__
    return line if line[-1] in ".!?" else f"{line}."


def sentences(error: ValidationError) -> str:
    """Each wrong field, what is wrong with it and what was given."""
    found = []
    for detail in error.errors(include_url=False, include_context=False):
        place = ".".join(str(part) for part in detail["loc"]) or "experiment"
        given = "" if detail["type"] == "missing" else f" (given: {detail['input']!r})"
        found.append(f"{place}: {detail['msg']}{given}.")
    return " ".join(found)


def instead(wanted: str, there: Iterable[str], aliases: Mapping[str, str] | None = None) -> str:
    """A hint at what may have been meant, and all that there is; an alias stands for a name."""
    names = [*there]
    if not names:
        return " There is none."
    known = {**(aliases or {}), **dict(zip(names, names, strict=True))}
    close = get_close_matches(short(wanted).lower(), known, 1)
    meant = f" Did you mean {known[close[0]]}?" if close else ""
    return f"{meant} There are: {', '.join(names)}."


def disk_full(folder: Path | None = None) -> str:
    """The same words wherever a write finds no room; the data folder is where most are."""
    folder = (folder or settings().data_dir).resolve()
    return f"The disk is full: make room where {folder} is, and what was stopped can go on."


def is_full(error: OSError) -> bool:
    """Whether the system refused for want of room."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT}


# ---- RFC 9457: the problem that an error becomes -----------------------------------------------


def short(text: str, most: int = 200) -> str:
    """A text from outside as we say it back: never long, never half a surrogate pair.

    No UTF-8 has such a half, so whoever writes it down would fail.
    """
    cut = text if len(text) <= most else f"{text[:most]}…"
    return cut.encode(errors="backslashreplace").decode()


def _echo(value: Any) -> Any:
    """What a client sent, as we send it back."""
    return short(value) if isinstance(value, str) else value


Echo = BeforeValidator(_echo)
Sentence = Annotated[str, BeforeValidator(lambda text: short(text, LONGEST))]


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    loc: list[Annotated[str | int, Echo]] = Field(
        description="Where: body, query, path or header, and on from there."
    )
    message: Sentence
    input: Annotated[Any, Echo] = Field(None, description="What was given there.")
    allowed: str | None = Field(None, description="What would be allowed.")


class Problem(BaseModel):
    """A problem detail (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: Sentence
    errors: list[Fault] = []
    unknown: dict[str, list[str]] | None = Field(
        None, description="Of a table: columns that are no field, with what each may be."
    )


def problem(
    status: int,
    detail: str,
    errors: Sequence[Fault] = (),
    unknown: Mapping[str, list[str]] | None = None,
) -> Problem:
    """The value that is rendered."""
    return Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        errors=list(errors),
        unknown=dict(unknown) if unknown else None,
    )


def fault(item: dict[str, Any]) -> Fault:
    """A pydantic error as we say it; what cannot stand in JSON is shown as text."""
    given, ctx = item.get("input"), item.get("ctx", {})
    if item["type"] == "json_invalid":  # its place is a part of `loc`, its input an invented {}
        text = f"this is not JSON: {ctx['error']} at character {item['loc'][-1]}."
        return Fault(loc=["body"], message=text)
    if isinstance(given, bytes):  # a body that FastAPI took for something else, and did not read
        text = "Send the body as JSON, with the header Content-Type: application/json."
        return Fault(loc=["body"], message=text)
    plain = given is None or isinstance(given, bool | int | str)
    text = item["msg"]
    if item["type"] == "extra_forbidden":
        text = f"There is no field {short(str(item['loc'][-1]))!r} here."
    if item["type"] == "union_tag_invalid":  # pydantic lists in quotes what would do
        tag, tags = ctx["tag"], [name.strip(" '") for name in ctx["expected_tags"].split(",")]
        text = f"There is no {short(tag)!r} here.{instead(tag, tags)}"
    return Fault(loc=list(item["loc"]), message=text, input=given if plain else repr(given))


RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": text, "content": {MEDIA_TYPE: {}}}
    for status, text in (
        (400, "The body is not JSON."),
        (403, "Refused: a foreign Origin or Host."),
        (404, "There is no such thing."),
        (409, "It is not in a state for that."),
        (413, "More than we read at once."),
        (422, "Not allowed; `errors` says where and what would be."),
        (500, "Something failed here."),
        (503, "Not now."),
    )
}


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems an operation may answer with."""
    return {status: RESPONSES[status] for status in (403, *statuses, 500, 503)}
