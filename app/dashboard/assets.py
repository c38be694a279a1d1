"""The browser's files: named by their content, compressed once, kept for ever."""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

STATIC = Path(__file__).parent / "static"
SHIPPED = {  # by wheels, as (package, folder in it): large, and seldom changed
    "plotly.min.js": ("plotly", "package_data"),
    "swagger-ui-bundle.js": ("fastapi_offline", "static"),
    "swagger-ui.css": ("fastapi_offline", "static"),
}
FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent."""

    plain: bytes
    packed: bytes  # by gzip
    media_type: str


def install(app: FastAPI) -> None:
    """Serve the files under `/static/<digest>/`; a page gets their addresses from `url`."""
    app.add_route("/static/{digest}/{name:path}", serve, methods=["GET"], include_in_schema=False)
    app.add_route("/favicon.ico", favicon, methods=["GET"], include_in_schema=False)


def url(name: str) -> str:
    """The address of a file; with the digest in the folder, modules import each other plainly."""
    return f"/static/{digest_of(name)}/{name}"


def digest_of(name: str) -> str:
    """What stands for the content: of our own files together, of each file of a wheel alone."""
    return shipped_digest(name) if name in SHIPPED else digest()


def serve(request: Request) -> Response:
    """A file; under a digest that is not ours, as a page from before a restart asks, uncached."""
    name = request.path_params["name"]
    asset = find(name)
    if asset is None:
        raise HTTPException(404, f"There is no file {name}.")
    fresh = request.path_params["digest"] == digest_of(name)
    headers = {"Cache-Control": FOR_EVER if fresh else "no-cache", "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(
            asset.packed,
            headers=headers | {"Content-Encoding": "gzip"},
            media_type=asset.media_type,
        )
    return Response(asset.plain, headers=headers, media_type=asset.media_type)


def favicon(_request: Request) -> Response:
    """The icon, for browsers that ask without having read a page."""
    return Response(files()["favicon.svg"].plain, media_type="image/svg+xml")


def find(name: str) -> Asset | None:
    """The file of that name: our own, or a wheel's."""
    return shipped(name) if name in SHIPPED else files().get(name)


@lru_cache
def files() -> dict[str, Asset]:
    """All of our own files: few and small, so they stay in memory."""
    paths = (path for path in sorted(STATIC.rglob("*")) if path.is_file())
    return {path.relative_to(STATIC).as_posix(): _read(path) for path in paths}


@lru_cache
def shipped(name: str) -> Asset:
    """A file of an installed wheel; packing it takes up to a fifth of a second, once."""
    package, folder = SHIPPED[name]
    spec = find_spec(package)
    assert spec is not None, f"{package} is not installed"
    assert spec.origin is not None
    return _read(Path(spec.origin).parent / folder / name)


@lru_cache
def digest() -> str:
    """Of our own files together."""
    content = hashlib.sha256()
    for name, asset in files().items():
        content.update(name.encode() + b"\0" + asset.plain)
    return content.hexdigest()[:12]


@lru_cache
def shipped_digest(name: str) -> str:
    """Of a wheel's file."""
    return hashlib.sha256(shipped(name).plain).hexdigest()[:12]


def _read(path: Path) -> Asset:
    plain = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    media_type = "text/javascript" if path.suffix == ".js" else kind
    return Asset(plain, gzip.compress(plain, 6, mtime=0), media_type)
