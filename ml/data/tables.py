"""Tables of one's own: rows by the digest of what they hold, as a run store hands them out."""

import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ml.data.hub import DataUnavailable, cache_dir

NAME = r"[0-9a-f]{16}"
"""What a table is called: the first half of the first half of its SHA-256."""


def packed(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows that say the same columns, as JSON by column, made small."""
    columns = {name: [row[name] for row in rows] for name in rows[0]} if rows else {}
    return zlib.compress(json.dumps(columns).encode(), level=9)


def unpacked(payload: bytes) -> list[dict[str, Any]]:
    """What `packed` was given."""
    columns = json.loads(zlib.decompress(payload))
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def columns(payload: bytes) -> list[str]:
    """What its columns are called."""
    return [*json.loads(zlib.decompress(payload))]


def name_of(payload: bytes) -> str:
    """What a packed table is called, whatever it was packed by."""
    return hashlib.sha256(zlib.decompress(payload)).hexdigest()[:16]


def keep(payload: bytes, cache: Path | None = None) -> Path:
    """Lay a packed table where `read` looks for it; one that is there and whole stays."""
    file = _file(name_of(payload), cache)
    if not _whole(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"{file.name}.part")
        part.write_bytes(payload)
        part.replace(file)
    return file


def _whole(file: Path) -> bool:
    try:
        return name_of(file.read_bytes()) == file.name
    except (OSError, zlib.error):
        return False


def read(name: str) -> list[dict[str, Any]]:
    """The rows of a table.

    Raises:
        DataUnavailable: where it is not there, or is no longer what its name says.
    """
    file = _file(name, None)
    try:
        payload = file.read_bytes()
        if name_of(payload) != name:
            raise ValueError("it holds something else")
        return unpacked(payload)
    except (OSError, ValueError, zlib.error) as error:
        raise DataUnavailable(
            f"Table {name} cannot be read ({error}). A worker lays it into {file.parent} when it"
            " starts a job of the run store that has it."
        ) from None


def _file(name: str, cache: Path | None) -> Path:
    return (cache or cache_dir()) / "tables" / name
