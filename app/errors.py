"""Errors are sentences with a status, and each becomes an RFC 9457 problem."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field

from app.sentences import short

MEDIA_TYPE = "application/problem+json"
LONGEST = 5000  # characters of a sentence: it may list all experiments


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
    given, ctx = item.get("input"), item.get("ctx", {})
    if item["type"] == "json_invalid":  # its place is a part of `loc`, its input an invented {}
        text = f"this is not JSON: {ctx['error']} at character {item['loc'][-1]}."
        return Fault(loc=["body"], message=text)
    if isinstance(given, bytes):  # a body that FastAPI took for something else, and did not read
        text = "Send the body as JSON, with the header Content-Type: application/json."
        return Fault(loc=["body"], message=text)
    tag = str(ctx.get("tag", ""))  # pydantic quotes it whole
    plain = given is None or isinstance(given, bool | int | str)
    return Fault(
        loc=list(item["loc"]),
        message=item["msg"].replace(tag, short(tag)) if tag else item["msg"],
        input=given if plain else repr(given),
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
