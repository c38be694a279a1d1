"""The files of a table that a job answers: what was sent, who answers, and what came of it."""

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO
from uuid import uuid4

from ml.data import hub

PIECE = 2**20  # bytes read at a time
STALE = 3600.0  # seconds after which a file that nobody writes has been left behind
AGAIN = "Send the table again."


class Lost(RuntimeError):
    """A file that is not there, is not what was written, or cannot be written; in words."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder of files, in one of all such jobs: `data` is the data folder.

    What was sent and who answers are found by their digests, and the answers are called by theirs:
    whatever is read is what was written, or is said to be damaged.
    """

    key: str
    data: Path | None = None

    @property
    def folder(self) -> Path:
        """Where they lie."""
        return _all(self.data) / self.key

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        return sum(file.stat().st_size for file in self.folder.glob("*"))

    def lay(self, table: Path, model: Path) -> None:
        """Take what `receive` has written: what was sent, and the file of who answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        model.replace(self.folder / "model")
        table.replace(self.folder / "table")

    def table(self, digest: str) -> Path:
        """What was sent. Raises Lost."""
        return self._whole(self.folder / "table", digest, "The table of this job")

    def model(self, digest: str) -> bytes:
        """The file of who answers. Raises Lost."""
        return self._whole(self.folder / "model", digest, "The model of this job").read_bytes()

    def answers_size(self) -> int | None:
        """Bytes of what came of it, if that is still there."""
        return next((file.stat().st_size for file in self.folder.glob("*.csv")), None)

    def answers(self) -> Path:
        """What came of it. Raises Lost."""
        found = next(self.folder.glob("*.csv"), self.folder / "predictions.csv")
        return self._whole(found, found.stem, "What this job has written")

    @contextmanager
    def writing(self) -> Iterator[Callable[[bytes], object]]:
        """Write the answers, whole or not at all; what an attempt that was killed has left goes.

        Raises:
            Lost: where the disk is full, or it cannot be written.
        """
        try:
            for left in self.folder.glob("*.part"):
                left.unlink()
            part, digest = self.folder / f"{os.getpid()}.part", hashlib.sha256()
            with part.open("wb") as file:

                def write(piece: bytes) -> None:
                    file.write(piece)
                    digest.update(piece)

                yield write
            made = part.replace(self.folder / f"{digest.hexdigest()}.csv")
            for before in {*self.folder.glob("*.csv")} - {made}:
                before.unlink()
        except OSError as error:
            raise Lost(_cannot(self.folder, error)) from None

    def remove(self) -> None:
        """Forget all of them."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _whole(self, file: Path, digest: str, what: str) -> Path:
        try:
            with file.open("rb") as opened:
                same = hashlib.file_digest(opened, "sha256").hexdigest() == digest
        except OSError as error:
            raise Lost(f"{what} cannot be read ({error.strerror}: {file}). {AGAIN}") from None
        if not same:
            raise Lost(f"{what} is damaged: {file} is no longer what was written. {AGAIN}")
        return file


def receive(file: IO[bytes], data: Path | None = None) -> tuple[Path, str]:
    """Put a file on the disk where such jobs have theirs; gives where it is, and its digest.

    Raises Lost where it cannot be written.
    """
    part, digest = _all(data) / f"{uuid4().hex}.part", hashlib.sha256()
    if file.seekable():  # no pipe: whoever had it has read it
        file.seek(0)
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as written:
            for piece in iter(partial(file.read, PIECE), b""):
                written.write(piece)
                digest.update(piece)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise Lost(_cannot(part.parent, error)) from None
    return part, digest.hexdigest()


def sweep(known: set[str], data: Path | None = None) -> None:
    """Remove what nobody will ask for: folders of no job of these keys, and parts of files whose
    writers were killed. What was touched within the hour stays: its job may be on its way."""
    before = time.time() - STALE
    for path in [*_all(data).glob("*"), *_all(data).glob("*/*.part")]:
        with suppress(OSError):
            if path.name in known or path.stat().st_mtime > before:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()


def _all(data: Path | None) -> Path:
    """The folder of all; in a process that trains, beside the cache that it was told."""
    return (data or hub.cache_dir().parent) / "predictions"


def _cannot(folder: Path, error: OSError) -> str:
    if error.errno in hub.NO_ROOM:
        return f"The disk is full: make room where {folder} is. {AGAIN}"
    return f"{folder} cannot be written ({error.strerror}). {AGAIN}"
