"""Errors are sentences with a status, and each becomes an RFC 9457 problem."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field

MEDIA_TYPE = "application/problem+json"


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    loc: list[str | int] = Field(
        description="Where: body, query, path or header, and on from there."
    )
    message: str
    input: Any = Field(None, description="What was given there.")
    allowed: str | None = Field(None, description="What would be allowed.")


class Problem(BaseModel):
    """A problem detail (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[Fault] = []


class AppError(Exception):
    """Something we have a sentence for."""

    status_code = 500

    def __init__(self, message: str, errors: Sequence[Fault] = ()) -> None:
        super().__init__(message)
        self.message, self.errors = message, list(errors)


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


class Unavailable(AppError):
    """Not now."""

    status_code = 503


def problem(status: int, detail: str, errors: Sequence[Fault] = ()) -> Problem:
    """The value that is rendered."""
    return Problem(
        title=HTTPStatus(status).phrase, status=status, detail=detail, errors=list(errors)
    )


def fault(item: dict[str, Any]) -> Fault:
    """A pydantic error as we say it; what cannot stand in JSON is shown as text."""
    given = item.get("input")
    plain = given is None or isinstance(given, bool | int | str)
    return Fault(
        loc=list(item["loc"]), message=item["msg"], input=given if plain else repr(given)[:200]
    )


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
