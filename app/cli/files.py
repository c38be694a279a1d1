"""Files that a command writes: whole or not at all, and refused before the work they are for."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.errors import Complaint, disk_full, is_full


def write_whole(path: Path, pieces: Iterable[bytes]) -> None:
    """Write the file, piece after piece, whole or not at all.

    Raises:
        Complaint: where that cannot be done.
    """
    with _part_of(path) as part:
        with part.open("wb") as file:
            file.writelines(pieces)
        part.replace(path)


def check_writable(path: Path) -> None:
    """Raises Complaint where `write_whole` would, as far as one can know."""
    with _part_of(path) as part:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        part.touch()
        part.unlink()


@contextmanager
def _part_of(path: Path) -> Iterator[Path]:
    """A file beside it to write first; it does not stay where something fails."""
    part = path.parent / f".{path.name}.{os.getpid()}.part"
    try:
        yield part
    except OSError as error:
        why = disk_full(path.parent) if is_full(error) else f"{error.strerror}."
        raise Complaint(f"{path} cannot be written. {why}") from None
    finally:
        with suppress(OSError):
            part.unlink()
