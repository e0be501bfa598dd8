"""Refuse callers who begin a body and stop sending it.

How long a caller may take for its headers, and to read an answer, is the server's to say: see `http_protocol`.
"""

from __future__ import annotations

import asyncio

from .asgi_types import ASGIApp, Message, Receive, Scope, Send, has_body
from .refused_body import BodyRefusedError, call_or_refuse


class SlowClient:
    """Answer 408 when nothing of a body that is not complete arrives for `seconds`."""

    def __init__(self, app: ASGIApp, *, seconds: float) -> None:
        self.app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not has_body(scope):
            await self.app(scope, receive, send)
            return
        complete = False

        async def receive_in_time() -> Message:
            nonlocal complete
            if complete:  # who asks now waits for the caller to go away
                return await receive()
            try:
                async with asyncio.timeout(self._seconds):
                    message = await receive()
            except TimeoutError as error:
                detail = f"Nothing of the body arrived for {self._seconds:g} seconds."
                raise BodyRefusedError(408, detail) from error
            complete = not message.get("more_body", False)
            return message

        await call_or_refuse(self.app, scope, receive_in_time, send)
