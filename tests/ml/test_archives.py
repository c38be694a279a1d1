"""Archives of every kind, and all the ways in which one can try to leave its folder."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from ml.data.hub import BadArchive, extract


def tar(path: Path, *members: tarfile.TarInfo, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as pack:  # type: ignore[call-overload]  # any mode
        for member in members:
            pack.addfile(member, io.BytesIO(bytes(member.size)))
    return path


def entry(
    name: str, *, size: int = 3, kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, link
    return info


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_is_unpacked(tmp_path: Path, mode: str) -> None:
    folder = entry("a", size=0, kind=tarfile.DIRTYPE)
    pack = tar(tmp_path / "x.tar", folder, entry("a/b/c.txt"), entry("d.txt"), mode=mode)
    to = extract(pack, tmp_path / "to")
    assert sorted(str(path.relative_to(to)) for path in to.rglob("*")) == [
        "a",
        "a/b",
        "a/b/c.txt",
        "d.txt",
    ]
    assert (to / "a/b/c.txt").read_bytes() == bytes(3)


def test_a_zip_is_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as pack:
        pack.writestr("a/", "")
        pack.writestr("a/b.txt", "hello")
    assert (extract(tmp_path / "x.zip", tmp_path / "to") / "a/b.txt").read_text() == "hello"


OUTSIDE = ["../out", "a/../../out", "/out", "C:\\out", "..\\out"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_name_leads_out(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as pack:
        pack.writestr("good.txt", "good")
        pack.writestr(name, "evil")
    packed = tar(tmp_path / "x.tar", entry("good.txt"), entry(name))
    for archive in (tmp_path / "x.zip", packed):
        with pytest.raises(BadArchive, match="outside"):
            extract(archive, tmp_path / "to")
    assert not list((tmp_path / "to").iterdir())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (tarfile.SYMTYPE, "a link"),
        (tarfile.LNKTYPE, "a link"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.FIFOTYPE, "a device"),
    ],
)
def test_a_tar_holds_neither_links_nor_devices(tmp_path: Path, kind: bytes, what: str) -> None:
    pack = tar(tmp_path / "x.tar", entry("a", size=0, kind=kind, link="/etc"), entry("a/passwd"))
    with pytest.raises(BadArchive, match=what):
        extract(pack, tmp_path / "to")


def test_a_zip_holds_no_links(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("a")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as pack:
        pack.writestr(info, "/etc")
    with pytest.raises(BadArchive, match="a link"):
        extract(tmp_path / "x.zip", tmp_path / "to")


def test_a_link_that_lies_there_already_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    (tmp_path / "to/a").symlink_to(tmp_path)
    with pytest.raises(BadArchive, match="by a link"):
        extract(tar(tmp_path / "x.tar", entry("a/out")), tmp_path / "to")


def test_a_bomb_is_refused_before_it_goes_off(tmp_path: Path) -> None:
    pack = tar(tmp_path / "x.tar.gz", entry("a", size=5_000_000), entry("b"), mode="w:gz")
    with pytest.raises(BadArchive, match="more than 1,000,000 bytes"):
        extract(pack, tmp_path / "to", limit=1_000_000)
    assert not list((tmp_path / "to").iterdir())


def test_a_file_that_is_also_a_folder(tmp_path: Path) -> None:
    with pytest.raises(BadArchive, match="also a file"):
        extract(tar(tmp_path / "x.tar", entry("a"), entry("a/b")), tmp_path / "to")


def test_what_is_damaged_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as pack:
        pack.writestr("good.txt", "good")
        pack.writestr("bad.txt", b"bad content")
    path.write_bytes(path.read_bytes().replace(b"bad content", b"mad content"))
    (tmp_path / "y.txt").write_text("no archive")
    for archive in (path, tmp_path / "y.txt"):
        with pytest.raises(BadArchive, match=archive.name):
            extract(archive, tmp_path / "to")
    assert not list((tmp_path / "to").iterdir())
