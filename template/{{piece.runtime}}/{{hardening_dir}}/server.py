"""Run the hardened application under uvicorn, and stop it without losing a request."""

from __future__ import annotations

import asyncio
import signal
import socket
from types import FrameType
from typing import Any, cast

import uvicorn

from .asgi_types import ASGIApp
from .drain import drain
from .http_protocol import MAX_HEADERS, LimitedProtocol
from .logs import configure_logging
from .metrics import metrics_served
from .settings import HardeningSettings


class _DrainingServer(uvicorn.Server):
    """On SIGTERM, be not ready first and stop listening `drain_seconds` later; on a second one, or SIGINT, now."""

    def __init__(self, config: uvicorn.Config, drain_seconds: float) -> None:
        super().__init__(config)
        self._drain_seconds = drain_seconds
        self._loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig != signal.SIGTERM or drain.started or self._loop is None:
            super().handle_exit(sig, frame)
            return
        drain.start()
        stop = super().handle_exit
        self._loop.call_soon_threadsafe(self._loop.call_later, self._drain_seconds, stop, sig, frame)


class ServerConfig(uvicorn.Config):
    """How uvicorn serves an application, or the one that an import string names, under these settings."""

    def __init__(self, app: ASGIApp | str, settings: HardeningSettings) -> None:
        super().__init__(
            cast("Any", app),
            host=settings.host,
            port=settings.port,
            http=LimitedProtocol,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=True,
            forwarded_allow_ips=settings.trusted_proxies,
            limit_concurrency=settings.max_connections,
            h11_max_incomplete_event_size=MAX_HEADERS,
            timeout_keep_alive=settings.keep_alive_seconds,
            timeout_graceful_shutdown=settings.shutdown_timeout_seconds,
        )
        self.client_timeout_seconds = settings.client_timeout_seconds


def serve(app: str, settings: HardeningSettings) -> None:
    """Serve the application that an import string names, in one process, until a signal ends it."""
    configure_logging(settings)
    with metrics_served(settings):
        _DrainingServer(ServerConfig(app, settings), settings.drain_seconds).run()
