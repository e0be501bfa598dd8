"""A TCP proxy that makes a network misbehave on command: between the code under test and a real server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_STEP_SECONDS = 30  # no command takes longer, unless something is wrong with the proxy itself


class FaultProxy:
    """Pass connections on to a server; each fault holds for open and new connections until `restore` or another fault.

    It runs in a thread of its own, so that it serves synchronous and asynchronous tests. `port` is where it listens.
    """

    def __init__(self, host: str, port: int) -> None:
        self.port = 0
        self.accepted = 0
        self._server_address = host, port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._listener: asyncio.Server | None = None
        self._links: dict[asyncio.StreamWriter, asyncio.Task[Any]] = {}  # the caller's side, and who serves it
        self._flows = asyncio.Event()
        self._latency = 0.0
        self._resets = False
        self._half_closes = False

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_STEP_SECONDS)
        self._loop.close()

    def latency(self, seconds: float) -> None:
        """Hold back whatever the server sends for this long."""
        self._do(self._become(latency=seconds))

    def black_hole(self) -> None:
        """Accept connections and data, and pass nothing on, as a firewall that drops packets does."""
        self._do(self._become(flows=False))

    def reset(self) -> None:
        """Reset (RST) open connections, and new ones as soon as they are accepted."""
        self._do(self._become(resets=True))

    def half_close(self) -> None:
        """End what the server sends (FIN) on every connection, and go on taking what the caller sends."""
        self._do(self._become(half_closes=True))

    def refuse(self) -> None:
        """Stop listening and reset open connections: a server that is not there."""
        self._do(self._become(listens=False))

    def restore(self) -> None:
        """Pass everything on again. What a black hole has swallowed arrives now, as after lost packets."""
        self._do(self._become())

    def _do(self, command: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(command, self._loop).result(_STEP_SECONDS)

    async def _become(
        self,
        *,
        latency: float = 0.0,
        flows: bool = True,
        resets: bool = False,
        half_closes: bool = False,
        listens: bool = True,
    ) -> None:
        self._latency, self._resets, self._half_closes = latency, resets, half_closes
        if flows:
            self._flows.set()
        else:
            self._flows.clear()
        if not listens and self._listener is not None:
            self._listener.close()
            self._listener = None
        elif listens and self._listener is None:
            await self._open()
        if resets or not listens:
            await self._reset_all()
        elif half_closes:
            for caller in self._links:
                _end(caller)

    async def _open(self) -> None:
        self._flows.set()
        self._listener = await asyncio.start_server(self._link, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._listener is not None:
            self._listener.close()
        await self._reset_all()

    async def _reset_all(self) -> None:
        links = dict(self._links)
        for caller, task in links.items():
            _reset(caller)
            task.cancel()
        await asyncio.gather(*links.values(), return_exceptions=True)

    async def _link(self, from_caller: asyncio.StreamReader, to_caller: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        if self._resets or task is None:
            _reset(to_caller)
            return
        if self._half_closes:
            _end(to_caller)
        self._links[to_caller] = task
        to_server: asyncio.StreamWriter | None = None
        try:
            await self._flows.wait()
            from_server, to_server = await asyncio.open_connection(*self._server_address)
            await asyncio.gather(
                self._pump(from_caller, to_server, late=False), self._pump(from_server, to_caller, late=True)
            )
        except OSError:
            _reset(to_caller)
        except asyncio.CancelledError:
            pass  # by a fault, which has dealt with the caller
        finally:
            del self._links[to_caller]
            for writer in (to_caller, to_server):
                if writer is not None:
                    writer.close()

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, late: bool) -> None:
        while data := await source.read(65_536):
            if late and self._latency:
                await asyncio.sleep(self._latency)
            await self._flows.wait()
            if late and self._half_closes:
                continue
            target.write(data)
            await target.drain()
        await self._flows.wait()
        _end(target)


def _end(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):  # it is gone already
        writer.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):  # it is gone already
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()
