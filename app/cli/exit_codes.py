"""What went wrong with a command, as a sentence and an exit code."""

from typing import TYPE_CHECKING

from typer import Abort, TyperException

from app.errors import Complaint, disk_full, is_full

if TYPE_CHECKING:
    from pydantic import ValidationError
    from typer._click.core import Context

BAD_INPUT = 2


def explain(error: Exception) -> tuple[str, int]:
    """The sentence for a foreseeable failure, and the exit code; no sentence for any other."""
    if isinstance(error, Complaint):
        return str(error), error.code
    if isinstance(error, TyperException):  # an unknown command, a missing argument
        context = getattr(error, "ctx", None)  # of the command that was misused
        return f"{error.format_message()} See: {_called(context)} --help", BAD_INPUT
    if isinstance(error, Abort):
        return "Stopped.", 130
    if isinstance(error, OSError) and is_full(error):
        return disk_full(), 1
    return _of_a_library(error)


def _called(context: "Context | None") -> str:
    """The command as one types it, whatever we were started by."""
    if context is None or context.parent is None:
        return "ridgeline"
    return f"{_called(context.parent)} {context.info_name}"


def _of_a_library(error: Exception) -> tuple[str, int]:
    """Those whose classes are only worth loading once there is an error."""
    from pydantic import ValidationError
    from sqlalchemy.exc import DBAPIError

    from app.errors import AppError
    from app.store.failures import store_failed
    from ml.data.hub import DataUnavailable

    if isinstance(error, ValidationError) and error.title == "Settings":
        return _bad_settings(error), BAD_INPUT
    if isinstance(error, DBAPIError):
        return store_failed(error), 1
    if isinstance(error, AppError):
        faults = [fault.message for fault in error.errors[:10]]  # a lone one is told already
        return "\n".join([str(error), *(faults if len(faults) > 1 else [])]), 1
    if isinstance(error, DataUnavailable):
        return str(error), 1
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}.", BAD_INPUT
    return "", 1


def _bad_settings(error: "ValidationError") -> str:
    lines = []
    for detail in error.errors(include_url=False):
        name = f"RIDGELINE_{detail['loc'][0]}".upper() if detail["loc"] else "The settings"
        why = detail.get("ctx", {}).get("error", detail["msg"])
        lines.append(f"{name} is {detail['input']!r}: {why}.")
    return "\n".join(lines)
