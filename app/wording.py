"""What went wrong, said in a sentence."""

import errno
from typing import TYPE_CHECKING

from pydantic import ValidationError

from app.settings import settings

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError  # which no trainer is to load


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


def store_failed(error: "DBAPIError") -> str:
    """What the run store's refusal means, and what to do."""
    if why := store_refused(error):
        return why
    return f"The run store failed: {sentence(error.orig or error)}"


def store_refused(error: "DBAPIError") -> str:
    """What to do where the run store does not let us write or even open it; else nothing."""
    said = str(error.orig)
    if "readonly" in said or "unable to open" in said:
        folder = settings().data_dir.resolve()
        return f"{folder} cannot be written. Let RIDGELINE_DATA_DIR name a folder that can."
    if "is full" in said or "could not extend file" in said:
        return disk_full()
    return "The run store is busy; try again." if "is locked" in said else ""


def disk_full() -> str:
    """The same words wherever a write finds no room."""
    folder = settings().data_dir.resolve()
    return f"The disk is full: make room where {folder} is, and what was stopped can go on."


def is_full(error: OSError) -> bool:
    """Whether the system refused for want of room."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT}


class Complaint(Exception):
    """What a command ends with: a sentence that says what to do, and an exit code."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code
