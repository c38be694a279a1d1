"""Who may ask: this machine's own names and pages; nobody may make us read without end."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import error_handlers, errors
from app.settings import settings

SAFE = {"GET", "HEAD", "OPTIONS"}
PROBES = {"/healthz", "/readyz"}  # asked by machines that know us by some address
LOOPBACK = {"127.0.0.1", "localhost", "[::1]"}
MAX_BODY = 32 * 2**20  # bytes
STREAMED = dict.fromkeys(  # bytes of bodies that are never in memory as a whole
    ("/api/v1/predictions.csv", "/api/v1/predictions/jobs", "/predict"), 2**30
)
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:;"
        " object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Gate:
    """Refuse foreign hosts and origins, bound bodies, and send the headers that guard a page."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        named = {name.strip() for name in settings().allowed_hosts.split(",") if name.strip()}
        self.hosts = LOOPBACK | {settings().host} | named

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        refused = self.refusal(scope)
        if refused:
            response = error_handlers.render(Request(scope), refused)
            return await response(scope, receive, send)
        if scope["method"] == "HEAD":  # where GET answers, HEAD does: the same without a body
            scope, send = {**scope, "method": "GET"}, _headless(send)
        return await self.app(scope, bounded(receive, most(scope)), _guarded(send))

    def refusal(self, scope: Scope) -> errors.Problem | None:
        """Why this request goes no further."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if scope["path"] in PROBES:
            return None
        if _name(host) not in self.hosts:
            known = ", ".join(sorted(self.hosts))
            text = f"{host!r} is not a name of this server. Its names are {known};"
            return errors.problem(403, f"{text} RIDGELINE_ALLOWED_HOSTS adds others.")
        if scope["method"] in SAFE:
            return None
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return errors.problem(403, f"A page of {origin} may not change anything here.")
        if headers.get("sec-fetch-site") in {"cross-site", "same-site"}:
            return errors.problem(403, "A page of another site may not change anything here.")
        if int(headers.get("content-length", "0") or 0) > most(scope):
            return errors.problem(413, _too_large(most(scope)))
        return None


def most(scope: Scope) -> int:
    """Bytes that the body of a request may have."""
    return STREAMED.get(scope["path"], MAX_BODY)


def _too_large(most: int) -> str:
    return f"A body may have {most // 2**20:,} MiB at most."


def _name(host: str) -> str:
    """The host without its port, in lower case."""
    return host.lower().rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host.lower()


def bounded(receive: Receive, most: int) -> Receive:
    """Stop reading a body that says no length and does not end."""
    seen = 0

    async def read() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise errors.TooLarge(_too_large(most))
        return message

    return read


def _headless(send: Send) -> Send:
    """Send the head of an answer, and of its body only the end: a stream may have none."""
    ended = False

    async def head(message: Message) -> None:
        nonlocal ended
        if message["type"] == "http.response.start":
            await send(message)
        elif not ended:
            ended = True
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return head


def _guarded(send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return guarded
