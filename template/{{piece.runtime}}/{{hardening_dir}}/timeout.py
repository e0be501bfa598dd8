"""A request that takes too long is answered, not left hanging."""

from __future__ import annotations

import asyncio
import time
from functools import partial

from .asgi_types import ASGIApp, Message, Receive, Scope, Send
from .context import current_request
from .problems import send_problem


class Timeout:
    """Answer 504 when a response has not started after `seconds`; what has started (streams) may take its time.

    The moment is the request's deadline (`RequestContext.deadline`), so that the calls it makes end before; an answer
    that has started has none. The handler is cancelled. One in a thread can't be: its caller gets the answer in time,
    the thread runs to its end.
    """

    def __init__(self, app: ASGIApp, *, seconds: float) -> None:
        self.app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = asyncio.current_task()
        if scope["type"] != "http" or handler is None:
            await self.app(scope, receive, send)
            return
        request = current_request()
        if request is not None:
            request.deadline = time.monotonic() + self._seconds
        started = False
        answer: asyncio.Task[None] | None = None

        async def send_in_time(message: Message) -> None:
            nonlocal started
            if answer is None:
                if not started:
                    started = True
                    if request is not None:
                        request.deadline = None
                await send(message)

        def expire() -> None:
            nonlocal answer
            if not started:
                detail = f"No answer within {self._seconds:g} seconds."
                answer = asyncio.ensure_future(send_problem(send, 504, detail))
                answer.add_done_callback(partial(_retrieve))
                handler.cancel()

        timer = asyncio.get_running_loop().call_later(self._seconds, expire)
        try:
            await self.app(scope, receive, send_in_time)
        except asyncio.CancelledError:
            if answer is None or handler.uncancel() > 0:
                raise
        except Exception:
            if answer is None:
                raise
        finally:
            timer.cancel()
        if answer is not None:
            await answer


def _retrieve(task: asyncio.Task[None]) -> None:
    """Mark the outcome as seen: a caller who has gone is no error."""
    if not task.cancelled():
        task.exception()
