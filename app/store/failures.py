"""What it means that the database failed, and what to do."""

from sqlalchemy.exc import DBAPIError

from app.errors import disk_full, sentence
from app.settings import settings


def store_failed(error: DBAPIError) -> str:
    """What the run store's refusal means, and what to do."""
    if why := store_refused(error):
        return why
    return f"The run store failed: {sentence(error.orig or error)}"


def store_refused(error: DBAPIError) -> str:
    """What to do where the run store does not let us write or even open it; else nothing."""
    text = str(error.orig)
    if "readonly" in text or "unable to open" in text:
        folder = settings().data_dir.resolve()
        return f"{folder} cannot be written. Let RIDGELINE_DATA_DIR name a folder that can."
    if "is full" in text or "could not extend file" in text:
        return disk_full()
    kind, _, path = settings().url.partition(":///")
    if kind.startswith("sqlite") and ("not a database" in text or "malformed" in text):
        return f"{path} is damaged, or no run store. Move it away: a new one is made."
    return "The run store is busy; try again." if "is locked" in text else ""
