"""`ridgeline serve`: uvicorn, which says that it serves once its port accepts."""

from socket import socket

import structlog
import uvicorn

from app.catalogue import badges
from app.settings import settings


class Server(uvicorn.Server):
    """Says where it serves."""

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Open the port, then say so."""
        await super().startup(sockets)
        if self.started:
            log = structlog.get_logger()
            log.info("Serving.", host=self.config.host, port=self.config.port)
            badges.begin(0)  # so that the first page need not

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Close, and leave what is being prepared."""
        badges.abandon()
        await super().shutdown(sockets)


def serve(host: str, port: int) -> None:
    """Serve until told to stop; exits with 3 where the application cannot start, as uvicorn."""
    config = uvicorn.Config(
        "app.main:create_app",
        factory=True,
        host=host,
        port=port,
        log_level="debug" if settings().log_level == "DEBUG" else "warning",
        server_header=False,
        timeout_graceful_shutdown=2,  # live streams would never end by themselves
    )
    server = Server(config)
    server.run()
    if not server.started:
        raise SystemExit(3)
