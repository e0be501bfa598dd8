"""One system call and one packet for an answer, instead of one for its head and one for its body."""

from __future__ import annotations

import asyncio
from typing import Any


class JoinedWrites:
    """A transport that sends what was written within one turn of the event loop together, at the turn's end."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._written: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Take what is to be sent."""
        if not self._written:
            self._loop.call_soon(self._send)
        self._written.append(data)

    def close(self) -> None:
        """Send what was written, then close."""
        self._send()
        self._transport.close()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes the peer has not taken yet."""
        return self._transport.get_write_buffer_size() + sum(map(len, self._written))

    def _send(self) -> None:
        if self._written:
            data = b"".join(self._written)
            self._written.clear()
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        """Do everything else as the transport does it."""
        return getattr(self._transport, name)
