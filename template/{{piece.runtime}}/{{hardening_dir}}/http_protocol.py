"""What one connection may cost the server: time for its headers, their size, time to read its answers."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import structlog
from prometheus_client import Counter
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from .joined_writes import JoinedWrites

_log = structlog.stdlib.get_logger("connection")
_cut = Counter(
    "connections_cut_total",
    "Connections that were cut: their headers came too slowly (headers) or were too large (size), or their answers "
    "were not read (answer)",
    ("reason",),
)
MAX_HEADERS = 65_536  # bytes
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class _Limits:
    """Goes before one of uvicorn's HTTP protocols, which wait for headers and for readers as long as they like.

    `config.client_timeout_seconds` is the time from the first byte of a request (of the first one: from the connection)
    until its headers are complete, and the time in which a caller must read something of an answer that waits for it.
    """

    # What uvicorn's protocols have.
    config: Any
    connections: set[Any]
    cycle: Any
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._seconds: float = self.config.client_timeout_seconds
        self._headers: asyncio.TimerHandle | None = None
        self._headers_size = 0
        self._answer: asyncio.TimerHandle | None = None
        self._unread = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        joined = JoinedWrites(cast("asyncio.Transport", transport), self.loop)
        super().connection_made(joined)  # type: ignore[misc]  # of the protocol
        self._headers = self.loop.call_later(self._seconds, self._end, "headers")

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_headers()
        self.resume_writing()
        super().connection_lost(exc)  # type: ignore[misc]  # of the protocol

    def data_received(self, data: bytes) -> None:
        super().data_received(data)  # type: ignore[misc]  # of the protocol
        # Between requests, and not handed over to a WebSocket: what came is a part of headers.
        if (self.cycle is None or self.cycle.response_complete) and self in self.connections:
            self._headers_size += len(data)
            if self._headers is None:
                self._headers = self.loop.call_later(self._seconds, self._end, "headers")
            if self._headers_size > MAX_HEADERS:
                self.transport.write(_TOO_LARGE)
                self._end("size")
        elif self._headers is not None:
            self._stop_headers()

    def pause_writing(self) -> None:
        super().pause_writing()  # type: ignore[misc]  # of the protocol
        self._unread = self.transport.get_write_buffer_size()
        self._answer = self.loop.call_later(self._seconds, self._look_at_answer)

    def resume_writing(self) -> None:
        super().resume_writing()  # type: ignore[misc]  # of the protocol
        if self._answer is not None:
            self._answer.cancel()
            self._answer = None

    def _look_at_answer(self) -> None:
        unread = self.transport.get_write_buffer_size()
        if unread < self._unread:  # slow, but not stuck
            self._unread = unread
            self._answer = self.loop.call_later(self._seconds, self._look_at_answer)
        else:
            self._end("answer")

    def _stop_headers(self) -> None:
        self._headers_size = 0
        if self._headers is not None:
            self._headers.cancel()
            self._headers = None

    def _end(self, reason: str) -> None:
        _cut.labels(reason).inc()
        _log.info("connection_cut", reason=reason)
        if reason == "answer":
            self.transport.abort()  # what is not read can't be sent first
        else:
            self.transport.close()


def limited(protocol: type[asyncio.Protocol]) -> type[asyncio.Protocol]:
    """Return one of uvicorn's HTTP protocols with these limits."""
    return type("LimitedProtocol", (_Limits, protocol), {})


LimitedProtocol = limited(AutoHTTPProtocol)
