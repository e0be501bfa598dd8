"""Refuse request bodies that are too large: by their Content-Length, or by counting what arrives."""

from __future__ import annotations

from .asgi_types import ASGIApp, Message, Receive, Scope, Send, header
from .problems import send_problem


class _BodyTooLargeError(Exception):
    pass


class BodyLimit:
    """Answer 413 to a body of more than `limit` bytes; the application never gets more than that to read."""

    def __init__(self, app: ASGIApp, *, limit: int) -> None:
        self.app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        length = header(scope, b"content-length")
        if length is not None and length.isdigit() and int(length) > self._limit:
            await self._refuse(send)
            return
        seen = 0
        started = False

        async def receive_counted() -> Message:
            nonlocal seen
            message = await receive()
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > self._limit:
                    raise _BodyTooLargeError
            return message

        async def send_unless_refused(message: Message) -> None:
            nonlocal started
            if started or seen <= self._limit:  # what an application makes of the interruption is not its answer
                started = True
                await send(message)

        try:
            await self.app(scope, receive_counted, send_unless_refused)
        except Exception:
            if seen <= self._limit or started:
                raise
        if seen > self._limit and not started:
            await self._refuse(send)

    async def _refuse(self, send: Send) -> None:
        # The rest of the body is not read: the connection can't be used again.
        await send_problem(
            send, 413, f"The body may have at most {self._limit} bytes.", headers=((b"connection", b"close"),)
        )
