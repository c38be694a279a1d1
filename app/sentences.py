"""What went wrong, said in a sentence; and sentences set as the interface sets them."""

import errno
import re
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from app.settings import settings

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError  # which no trainer is to load


def sentence(error: BaseException) -> str:
    """The first line of an exception, ended with a full stop."""
    line = str(error).strip().partition("\n")[0].rstrip() or type(error).__name__
    return line if line[-1] in ".!?" else f"{line}."


def short(text: str, most: int = 200) -> str:
    """A text from outside as we say it back: never long, never half a surrogate pair.

    No UTF-8 has such a half, so whoever writes it down would fail.
    """
    cut = text if len(text) <= most else f"{text[:most]}…"
    return cut.encode(errors="backslashreplace").decode()


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
    kind, _, path = settings().url.partition(":///")
    if kind.startswith("sqlite") and ("not a database" in said or "malformed" in said):
        return f"{path} is damaged, or no run store. Move it away: a new one is made."
    return "The run store is busy; try again." if "is locked" in said else ""


def disk_full(folder: Path | None = None) -> str:
    """The same words wherever a write finds no room; the data folder is where most are."""
    folder = (folder or settings().data_dir).resolve()
    return f"The disk is full: make room where {folder} is, and what was stopped can go on."


def is_full(error: OSError) -> bool:
    """Whether the system refused for want of room."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT}


# ---- typography: experiments write plain text, readers get true signs -----------------------

_POWER = re.compile(r"(?<![\w.])([-−]?\d+(?:\.\d+)?)e([-−+]?\d+)(?!\w|\.\d)")
_OF_TEN = re.compile(r"\b10\^([-−]?(?:\d+\.)?\d+)")
_MINUS = re.compile(r"(?<![\w.)\]-])-(?=\.?\d)")
_RAISED = str.maketrans("-−0123456789.", "⁻⁻⁰¹²³⁴⁵⁶⁷⁸⁹·")


def typeset(text: str) -> str:
    """1.5e-07 -> 1.5×10⁻⁷, 10^24.5 -> 10²⁴·⁵, -0.2 -> −0.2, 76% -> 76 %; app.js has the same."""
    text = _OF_TEN.sub(lambda found: f"10{found[1].translate(_RAISED)}", _POWER.sub(_raised, text))
    return re.sub(r"(?<=\d)%", "\u00a0%", _MINUS.sub("−", text))


def _raised(found: re.Match[str]) -> str:
    digits, power = f"{float(found[1].replace('−', '-')):.3g}", int(found[2].replace("−", "-"))
    if -4 <= power < 6:  # written out it is no longer
        return f"{float(digits) * 10.0**power:,.9g}"
    ten = f"10{str(power).translate(_RAISED)}"
    return ten if digits == "1" else f"{digits}×{ten}"


class Complaint(Exception):
    """What a command ends with: a sentence that says what to do, and an exit code."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code
