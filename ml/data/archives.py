"""4.10.1 Unpacking zip and tar archives that somebody else made, without trusting them."""

import gzip
import lzma
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

MAX_BYTES = 2 << 30  # of all members together, unpacked
MAX_MEMBERS = 100_000
UNREADABLE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    RuntimeError,  # an encrypted zip, or (NotImplementedError) a compression nobody knows
)


class BadArchive(ValueError):
    """An archive that cannot be read, or that would write where it must not."""


@dataclass(frozen=True)
class _Member:
    name: str
    size: int
    kind: str  # "file", "folder", or in words what else it is
    open: Callable[[], IO[bytes]]


def extract(archive: Path, to: Path, *, limit: int = MAX_BYTES) -> Path:
    """Unpack a zip, tar or compressed tar into the folder `to`, which is returned (4.10.1).

    All members are checked before the first is written: absolute paths, `..`, links, devices
    and more than `limit` bytes in all are refused. Files only take their place once all of them
    are unpacked.

    Raises:
        BadArchive: for the above, and for what is no archive, damaged or encrypted.
    """
    to.mkdir(parents=True, exist_ok=True)
    try:
        with _members(archive) as members:
            plan = _plan(members, to, limit)
            with tempfile.TemporaryDirectory(dir=to, prefix=".part-") as scratch:
                _write(plan, Path(scratch), to)
    except UNREADABLE as error:
        raise BadArchive(f"{archive.name} cannot be unpacked: {error}") from error
    return to


@contextmanager
def _members(archive: Path) -> Iterator[Iterable[_Member]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as pack:
            yield (_zip_member(pack, info) for info in pack.infolist())
    elif tarfile.is_tarfile(archive):
        with tarfile.open(archive) as pack:
            yield (_tar_member(pack, info) for info in pack)
    else:
        raise BadArchive(f"{archive.name} is neither a zip nor a tar archive.")


def _zip_member(pack: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Member:
    mode = stat.S_IFMT(info.external_attr >> 16)
    kind = "folder" if info.is_dir() else "file"
    if mode not in {0, stat.S_IFREG, stat.S_IFDIR}:
        kind = "a link" if mode == stat.S_IFLNK else "a device"
    return _Member(info.orig_filename, info.file_size, kind, lambda: pack.open(info))


def _tar_member(pack: tarfile.TarFile, info: tarfile.TarInfo) -> _Member:
    kind = "folder" if info.isdir() else "file"
    if not (info.isreg() or info.isdir()):
        kind = "a link" if info.issym() or info.islnk() else "a device"

    def body() -> IO[bytes]:
        stream = pack.extractfile(info)
        assert stream is not None  # only of what is neither file nor link
        return stream

    return _Member(info.name, info.size, kind, body)


def _plan(members: Iterable[_Member], to: Path, limit: int) -> dict[PurePosixPath, _Member]:
    """Check every member; stops within a bomb before it has been decompressed."""
    plan: dict[PurePosixPath, _Member] = {}
    size = 0
    for count, member in enumerate(members, start=1):
        size += member.size
        if size > limit or count > MAX_MEMBERS:
            raise BadArchive(
                f"It would unpack to more than {limit:,} bytes or {MAX_MEMBERS:,} files."
            )
        if member.kind not in {"file", "folder"}:
            raise BadArchive(
                f"{member.name!r} is {member.kind}; only files and folders are unpacked."
            )
        plan[_inside(member.name, to)] = member

    files = {name for name, member in plan.items() if member.kind == "file"}
    if clash := next((name for name in plan if files & set(name.parents)), None):
        raise BadArchive(f"{str(clash)!r} lies in a folder that is also a file.")
    return plan


def _inside(name: str, to: Path) -> PurePosixPath:
    """The member's path below `to`, also where `to` holds links already."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or PureWindowsPath(name).drive or ".." in path.parts or "\0" in name:
        raise BadArchive(f"{name!r} would be written outside of the folder.")
    if not (to / path).resolve().is_relative_to(to.resolve()):
        raise BadArchive(f"{name!r} would leave the folder by a link that lies in it.")
    return path


def _write(plan: dict[PurePosixPath, _Member], scratch: Path, to: Path) -> None:
    for name, member in plan.items():
        place = scratch / name
        if member.kind == "folder":
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        with member.open() as body, place.open("wb") as out:
            shutil.copyfileobj(body, out)

    for name, member in plan.items():
        if member.kind == "folder":
            (to / name).mkdir(parents=True, exist_ok=True)
        else:
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            (scratch / name).replace(to / name)
